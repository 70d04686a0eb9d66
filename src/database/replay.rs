//! Finding the statement of an error that has no position, by running the statements of the file one by one in a
//! transaction that is rolled back.

use std::ops::Range;
use std::time::Duration;

use super::apply::{Conditions, Job, Spot, begin, byte_of, settings};
use super::history::{ROW_IS_GONE, ROWS_TOUCHED};
use super::run_lock::Locked;
use crate::error::ServerError;
use crate::migration::execution::Execution;
use crate::sql::splitter::Statement;
use crate::sql::statement::Kind;

/// A first attempt that took longer is not repeated.
const LONGEST: Duration = Duration::from_secs(2);

/// What leaves traces that no rollback takes back.
const TRACES: [&str; 5] = ["setval", "nextval", "dblink", "program", "pg_notify"];

impl Locked {
    /// The place of an error in a part of a file that was rolled back; the part itself where it cannot be told.
    pub(super) fn find_by_replay(
        &mut self,
        job: &Job,
        part: &Range<usize>,
        error: &ServerError,
        conditions: Conditions,
        time: Duration,
    ) -> Spot {
        let file = job.file;
        let inside =
            |statement: &&Statement| part.start <= statement.start && statement.start < part.end;
        let runs = |statement: &&Statement| {
            !job.omits(statement.start) && !matches!(statement.kind, Kind::Psql { .. })
        };
        let suspects: Vec<&Statement> =
            file.statements.iter().filter(inside).filter(runs).collect();
        let lowered = file.text.to_ascii_lowercase();
        let traces = TRACES.iter().any(|word| lowered.contains(word));
        let passing = ["57", "53", "40", "55"]
            .iter()
            .any(|class| error.code.starts_with(class));
        match suspects.as_slice() {
            _ if error.message.contains(ROW_IS_GONE) || error.message.contains(ROWS_TOUCHED) => {
                Spot::After
            }
            [only] if !deferrable(error) => place_inside(job, only, error),
            _ if time > LONGEST || traces || passing => Spot::Within(part.clone()),
            _ => {
                let found = self.replay(job, error, conditions);
                // The session is clean, or it is lost, which the next use will say.
                let _ = self.work.leave_no_trace();
                found.unwrap_or_else(|| Spot::Within(part.clone()))
            }
        }
    }

    /// Runs the statements one by one until the same error comes again.
    fn replay(&mut self, job: &Job, error: &ServerError, conditions: Conditions) -> Option<Spot> {
        let file = job.file;
        let Execution::Transaction { modes } = &file.execution else {
            return None;
        };
        let start = begin(modes, &settings(conditions, Some(file), &job.row.filename));
        self.work.run(&start).ok()?;
        for statement in &file.statements {
            let own = matches!(
                statement.kind,
                Kind::Begin { .. } | Kind::Commit | Kind::Psql { .. }
            );
            if own || job.omits(statement.start) {
                continue;
            }
            let text = statement.text(&file.text);
            let outcome = match statement.kind {
                Kind::CopyFromStdin { data } => self.work.copy_in(text, data.of(&file.text)),
                _ => self.work.run(text),
            };
            let Err(trouble) = outcome else {
                continue;
            };
            let again = trouble.server().filter(|again| again.code == error.code)?;
            return Some(match again.position {
                Some(position) => Spot::At(statement.start + byte_of(text, position - 1)),
                None => place_inside(job, statement, again),
            });
        }
        let deferred = self.work.run("SET CONSTRAINTS ALL IMMEDIATE").err()?;
        let same = deferred
            .server()
            .is_some_and(|again| again.code == error.code);
        same.then_some(Spot::After)
    }
}

/// Whether a constraint could have been checked at the end of the transaction.
fn deferrable(error: &ServerError) -> bool {
    error.code.starts_with("23")
}

/// The line of a DO block that the server names, else the statement's beginning.
fn place_inside(job: &Job, statement: &Statement, error: &ServerError) -> Spot {
    let text = statement.text(&job.file.text);
    let line = match statement.kind {
        Kind::Do => error.context.as_deref().and_then(inline_line),
        _ => None,
    };
    let offset = line.and_then(|line| body_line(text, line)).unwrap_or(0);
    Spot::At(statement.start + offset)
}

/// The line that `PL/pgSQL function inline_code_block line 3 at RAISE` names.
fn inline_line(context: &str) -> Option<usize> {
    let (_, rest) = context.split_once("PL/pgSQL function inline_code_block line ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// Where a line of the body of a DO statement begins, at its first word. PL/pgSQL counts from the line of the opening
/// quote.
fn body_line(text: &str, line: usize) -> Option<usize> {
    let body = text.find('$').map(|open| open + 1)?;
    let body = body + text[body..].find('$')? + 1;
    let skipped: usize = text[body..]
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let rest = &text[body + skipped..];
    Some(body + skipped + rest.len() - rest.trim_start_matches([' ', '\t']).len())
}
