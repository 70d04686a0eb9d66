//! Applying one file: its effects and its row in the history, in one transaction, as one message.
//!
//! A file that cannot run so goes step by step, see `steps`.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::history::{Ending, HistoryTable, NewRow, ROW_IS_GONE, ROWS_TOUCHED};
use super::run_lock::Locked;
use super::session::{KEEPALIVES, LEAVE_NO_TRACE, Notice, OWN_ROLE};
use super::survey::Facts;
use crate::error::{Excerpt, ServerError, Trouble};
use crate::migration::execution::{Execution, Manner};
use crate::migration::file::{Omission, Piece};
use crate::migration::{SqlFile, Way};
use crate::plan::Begun;
use crate::sql::quote::{self, literal};
use crate::sql::splitter::{self, Statement};
use crate::sql::statement::Kind;
use crate::sql::target::relations;
use crate::timeout::LockTimeout;

/// A file to run, and what the history will say of it.
#[derive(Debug)]
pub struct Job<'a> {
    /// Whether its row is written, or taken back.
    pub way: Way,
    pub file: &'a SqlFile,
    /// What of the file is not sent, in order.
    pub omitted: Vec<Omission>,
    /// What must exist before the row can be written: the history table, for the baseline.
    pub preparation: String,
    /// The row of the migration.
    pub row: NewRow,
    /// Files whose effects are in this one; recorded without running.
    pub contained: Vec<NewRow>,
    /// What the history knows of an earlier attempt at a file that runs step by step.
    pub begun: Begun,
}

/// What a transaction runs under.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    pub table: &'a HistoryTable,
    pub facts: &'a Facts,
    pub lock_timeout: LockTimeout,
}

/// How far a large file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub bytes_done: usize,
    pub bytes: usize,
}

/// What came of one try.
#[derive(Debug)]
pub enum Attempt {
    /// Committed, row and effects.
    Applied { time: Duration },
    /// Somebody else was in the way; rolled back, but for the steps that are done.
    Blocked {
        error: ServerError,
        steps_done: usize,
        /// Names in the statement that could be relations, quoted.
        relations: Vec<String>,
    },
    /// Another runner recorded the file meanwhile, it seems; rolled back.
    Overtaken(ServerError),
    /// The connection is gone; whether the file was committed stands in the history.
    Lost(Trouble),
    /// The row could not be written, so the file was not run.
    NotRecorded(ServerError),
    /// The file failed; rolled back.
    Failed(Box<Fault>),
}

/// Where and why a file failed.
#[derive(Debug)]
pub struct Fault {
    pub error: ServerError,
    pub place: Option<Excerpt>,
    /// How many steps of a file that runs step by step are done for good.
    pub steps_done: usize,
    /// Whether the step after those was done, and only its progress could not be written.
    pub unrecorded: bool,
}

/// Why sending a file came to an end, and where.
pub(super) struct Stop {
    pub(super) trouble: Trouble,
    pub(super) spot: Spot,
    pub(super) steps_done: usize,
}

/// The part of a file that an error belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// What the runner sends before the file.
    Before,
    /// A byte of the file.
    At(usize),
    /// What the runner sends after the file.
    After,
}

impl Locked<'_> {
    /// Runs a file once. Whatever comes of it, no transaction is left open.
    pub fn try_apply(
        &mut self,
        job: &Job,
        conditions: Conditions,
        progress: &mut dyn FnMut(Progress),
    ) -> Attempt {
        let begun = Instant::now();
        let outcome = match &job.file.execution {
            Execution::Transaction { modes } => {
                let before = before(job, modes, conditions);
                let after = format!(
                    "\n;\nSET CONSTRAINTS ALL IMMEDIATE;\n{OWN_ROLE}{}{LEAVE_NO_TRACE}\n{}COMMIT;",
                    conditions.table.untouched(),
                    finish(job, conditions.table)
                );
                self.send(
                    job,
                    &job.file.pieces(),
                    (before, &after),
                    conditions,
                    progress,
                )
            }
            Execution::Steps(steps) => self.walk_steps(job, steps, conditions, progress),
        };
        match outcome {
            Ok(()) => Attempt::Applied {
                time: begun.elapsed(),
            },
            Err(stop) => self.judge(job, conditions, stop),
        }
    }

    /// What the server said since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.work.take_notices()
    }

    /// Runs statements of our own in one transaction.
    ///
    /// # Errors
    /// What the server or the connection said; nothing was changed.
    pub fn transact(&mut self, statements: &str, conditions: Conditions) -> Result<(), Trouble> {
        let sql = format!(
            "{}{statements}{LEAVE_NO_TRACE} COMMIT;",
            begin(&[], &settings(conditions, None, ""))
        );
        self.work.run(&sql).or_else(|trouble| {
            // Where the connection is lost, the server rolls back by itself.
            if trouble.lost_connection() {
                Err(trouble)
            } else {
                self.clean().and(Err(trouble))
            }
        })
    }

    /// Sends pieces of a file between what comes before and after them, in as few messages as there can be.
    pub(super) fn send(
        &mut self,
        job: &Job,
        pieces: &[Piece],
        (before, after): (String, &str),
        conditions: Conditions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Stop> {
        let mut message = Message {
            text: before,
            open: None,
            otherwise: Spot::Before,
        };
        let rules = job.file.string_rules();
        // The server reads a message by the rule in force when it arrives, and the text was read by the standard's. And
        // what fails while the history is created must not be blamed on the file.
        if !conditions.facts.standard_conforming_strings || !job.preparation.is_empty() {
            self.flush(job, &mut message)?;
        }
        for (i, piece) in pieces.iter().enumerate() {
            let done = match piece {
                Piece::Statements(part) => {
                    if i > 0 {
                        message.text.push_str(&same_reading(&rules, part.start));
                    }
                    self.add(job, part, &mut message)?;
                    part.end
                }
                Piece::Copy { statement, data } => {
                    if !job.omits(statement.start) {
                        self.flush(job, &mut message)?;
                        self.copy(job, statement, data)?;
                        message.otherwise = Spot::After;
                    }
                    data.end
                }
            };
            if i + 1 < pieces.len() {
                self.flush(job, &mut message)?;
                progress(Progress {
                    bytes_done: done,
                    bytes: job.file.text.len(),
                });
            }
        }
        message.text.push_str(after);
        self.flush(job, &mut message)
    }

    /// Adds a part of the file to a message. A huge part travels by itself, without a copy of it.
    fn add<'a>(
        &mut self,
        job: &Job,
        part: &'a Range<usize>,
        message: &mut Message<'a>,
    ) -> Result<(), Stop> {
        if part.len() < HUGE || job.omits_within(part) {
            message.open = Some(Open::after(&message.text, part));
            message.text.reserve(part.len());
            job.file.push_text(part, &job.omitted, &mut message.text);
            return Ok(());
        }
        self.flush(job, message)?;
        message.open = Some(Open::after("", part));
        let sent = self.work.run(&job.file.text[part.clone()]);
        self.judge_message(job, message, sent)
    }

    /// Sends a message, if there is any, and forgets it.
    fn flush(&mut self, job: &Job, message: &mut Message) -> Result<(), Stop> {
        if message.text.is_empty() {
            return Ok(());
        }
        let sent = self.work.run(&message.text);
        message.text.clear();
        self.judge_message(job, message, sent)
    }

    /// Tells where a message failed, if it did; what is sent next follows its part of the file.
    fn judge_message(
        &self,
        job: &Job,
        message: &mut Message,
        sent: Result<(), Trouble>,
    ) -> Result<(), Stop> {
        let open = message.open.take();
        let failed = sent.map_err(|trouble| {
            let completed = self.work.completed();
            let spot = match &open {
                Some(open) => open.spot(job, trouble.server(), completed, &message.otherwise),
                None => message.otherwise.clone(),
            };
            Stop {
                trouble,
                spot,
                steps_done: job.begun.steps_done(),
            }
        });
        if open.is_some() {
            message.otherwise = Spot::After;
        }
        failed
    }

    fn copy(
        &mut self,
        job: &Job,
        statement: &Range<usize>,
        data: &Range<usize>,
    ) -> Result<(), Stop> {
        let text = &job.file.text;
        self.work
            .copy_in(&text[statement.clone()], &text[data.clone()])
            .map_err(|trouble| {
                let server = trouble.server();
                let at = match (
                    server.and_then(|error| error.position),
                    server.and_then(copy_line),
                ) {
                    (Some(position), _) => {
                        statement.start + byte_of(&text[statement.clone()], position - 1)
                    }
                    (None, Some(line)) => data.start + line_start(&text[data.clone()], line),
                    (None, None) => statement.start,
                };
                Stop {
                    trouble,
                    spot: Spot::At(at),
                    steps_done: job.begun.steps_done(),
                }
            })
    }

    fn judge(&mut self, job: &Job, conditions: Conditions, stop: Stop) -> Attempt {
        let error = match stop.trouble {
            Trouble::Server(error) if !error.ends_connection() => *error,
            lost => return Attempt::Lost(lost),
        };
        if let Err(lost) = self.clean() {
            return Attempt::Lost(lost);
        }
        if error.is_blocked() {
            return Attempt::Blocked {
                error,
                steps_done: stop.steps_done,
                relations: relations_at(job, &stop.spot, conditions.table),
            };
        }
        let steps = matches!(job.file.execution, Execution::Steps(_));
        let row_is_gone = error.message.contains(ROW_IS_GONE);
        let before =
            stop.spot == Spot::Before && (is_overtaken(&error, conditions.table) || row_is_gone);
        if before {
            return Attempt::Overtaken(error);
        }
        if steps && row_is_gone {
            // A runner that has lost the run lock may still be at work and move the row on; else it is the file that has
            // touched it.
            let moved = conditions
                .table
                .moved_on(&job.row.filename, job.way, stop.steps_done);
            match self.work.ask(&moved) {
                Err(trouble) if trouble.lost_connection() => return Attempt::Lost(trouble),
                Ok(answers) if answers.iter().any(|rows| !rows.is_empty()) => {
                    return Attempt::Overtaken(error);
                }
                Ok(_) | Err(_) => {}
            }
        }
        if stop.spot == Spot::Before || is_about_history(&error, conditions.table) {
            return Attempt::NotRecorded(error);
        }
        if let Some(record) = failure_record(job, &error, stop.steps_done, conditions)
            && let Err(trouble) = self.transact(&record, conditions)
            && trouble.lost_connection()
        {
            return Attempt::Lost(trouble);
        }
        let place = match &stop.spot {
            Spot::At(offset) => Some(job.file.excerpt(*offset)),
            // The server stopped at what follows the file, because the file's last statement goes on there.
            Spot::After if error.code == "42601" => job
                .file
                .statements
                .last()
                .map(|last| job.file.excerpt(last.end())),
            Spot::Before | Spot::After => None,
        };
        let unrecorded = stop.spot == Spot::After
            && matches!(&job.file.execution, Execution::Steps(steps) if steps.get(stop.steps_done)
                .is_some_and(|step| matches!(step.manner, Manner::Alone | Manner::Once)));
        Attempt::Failed(Box::new(Fault {
            error: explained(&stop.spot, error),
            place,
            steps_done: stop.steps_done,
            unrecorded,
        }))
    }
}

impl Job<'_> {
    /// Whether something in a part of the file is left out.
    fn omits_within(&self, part: &Range<usize>) -> bool {
        let place = self
            .omitted
            .partition_point(|omission| omission.span.end <= part.start);
        self.omitted
            .get(place)
            .is_some_and(|omission| omission.span.start < part.end)
    }

    /// Whether the statement that begins at a byte of the file is left out.
    pub(super) fn omits(&self, start: usize) -> bool {
        let place = self
            .omitted
            .partition_point(|omission| omission.span.end <= start);
        self.omitted
            .get(place)
            .is_some_and(|omission| omission.span.contains(&start))
    }
}

/// The relations that the statement at this spot may have waited for.
fn relations_at(job: &Job, spot: &Spot, history: &HistoryTable) -> Vec<String> {
    let statement = match spot {
        Spot::At(offset) => job
            .file
            .statements
            .iter()
            .rfind(|statement| statement.start() <= *offset),
        Spot::Before | Spot::After => None,
    };
    statement.map_or_else(
        || vec![history.qualified()],
        |statement| relations(&job.file.text, statement),
    )
}

/// What the history will say of a failed attempt; none for a failed baseline, which leaves nothing at all, and for a way
/// back that ends as it began.
fn failure_record(
    job: &Job,
    error: &ServerError,
    steps_done: usize,
    conditions: Conditions,
) -> Option<String> {
    let message = format!("{} ({})", error.message, error.code);
    let (table, filename) = (conditions.table, &job.row.filename);
    match (job.way, &job.file.execution) {
        _ if !job.preparation.is_empty() => None,
        (Way::Forward, Execution::Transaction { .. }) => {
            Some(table.forget_failed(filename) + &table.insert(&job.row, Ending::Failed(&message)))
        }
        (Way::Forward, Execution::Steps(_)) => {
            let checksum = job.file.checksum_of_steps(steps_done);
            Some(table.interrupt(filename, steps_done, checksum, &message))
        }
        (Way::Back, Execution::Transaction { .. }) => {
            (job.begun != Begun::Not).then(|| table.interrupt_back(filename, &message))
        }
        (Way::Back, Execution::Steps(steps)) => {
            let first = steps.first().map(|step| &step.manner);
            let nothing_done = steps_done == 0 && matches!(first, Some(Manner::Transaction { .. }));
            Some(if nothing_done {
                table.release_back(filename, &message)
            } else {
                table.interrupt_back(filename, &message)
            })
        }
    }
}

/// Whether another runner seems to have written the same row, or created the same table or schema, at the same time: a
/// unique index, ours or that of a catalog, let only one through. The history tells whether it is so.
#[must_use]
pub fn is_overtaken(error: &ServerError, table: &HistoryTable) -> bool {
    let catalogs = ["pg_class", "pg_type", "pg_namespace"];
    match (error.code.as_str(), &error.schema, &error.table) {
        ("23505", Some(schema), Some(name)) if schema == "pg_catalog" => {
            catalogs.contains(&name.as_str())
        }
        ("23505", Some(schema), Some(name)) => *schema == table.0.schema && *name == table.0.name,
        ("42P07" | "42710" | "42P06", _, _) => {
            let names = [&table.0.name, &table.0.schema];
            names
                .iter()
                .any(|name| error.message.contains(&quote::identifier(name)))
        }
        _ => false,
    }
}

/// Whether an error is about the history table itself: a column of it that takes no null, a check of it.
fn is_about_history(error: &ServerError, table: &HistoryTable) -> bool {
    error.table.as_ref() == Some(&table.0.name) && error.schema.as_ref() == Some(&table.0.schema)
}

/// A statement that fails unless the server reads strings as the lexer did at this byte of the file. A message is read
/// as a whole before any of it runs, so what a wrong reading would make of the rest is never run.
fn same_reading(rules: &[(usize, bool)], offset: usize) -> String {
    let before = rules.iter().rfind(|(start, _)| *start < offset);
    let expected = if before.is_none_or(|(_, rule)| *rule) {
        "on"
    } else {
        "off"
    };
    format!(
        "SELECT CASE WHEN pg_catalog.current_setting('standard_conforming_strings') OPERATOR(pg_catalog.=) '{expected}' THEN 1 \
         ELSE CAST(pg_catalog.concat('{READING_CHANGED}', pg_catalog.current_setting('standard_conforming_strings')) \
         AS pg_catalog.int4) END;\n"
    )
}

/// The text by which the failure of `same_reading` knows itself.
const READING_CHANGED: &str = "standard_conforming_strings is ";

/// What comes before the file in its transaction.
fn before(job: &Job, modes: &[String], conditions: Conditions) -> String {
    let mut sql = begin(
        modes,
        &settings(conditions, Some(job.file), &job.row.filename),
    );
    sql.push_str(&job.preparation);
    match job.way {
        Way::Forward => sql.push_str(&conditions.table.insert(&job.row, Ending::Begun)),
        Way::Back if job.begun == Begun::Not => {
            sql.push_str(&conditions.table.claim_back(&job.row.filename));
        }
        Way::Back => sql.push_str(&conditions.table.resume_back(&job.row.filename)),
    }
    for row in &job.contained {
        sql.push_str(&conditions.table.insert(row, Ending::Recorded));
    }
    sql.push_str(&conditions.table.watch());
    sql
}

/// What completes the row in the transaction of the file.
fn finish(job: &Job, table: &HistoryTable) -> String {
    let filename = &job.row.filename;
    match job.way {
        Way::Forward => table.forget_failed(filename) + &table.finish(filename),
        Way::Back => table.finish_back(filename),
    }
}

/// Begins a transaction for a whole file, or for statements of our own.
pub(super) fn begin(modes: &[String], settings: &str) -> String {
    begin_as("ISOLATION LEVEL READ COMMITTED", modes, settings)
}

/// Begins a transaction for a step: what the steps before it have set for the session holds, but its progress must be
/// written.
pub(super) fn begin_step(modes: &[String], settings: &str) -> String {
    begin_as("READ WRITE", modes, settings)
}

fn begin_as(usual: &str, modes: &[String], settings: &str) -> String {
    // The last of several modes of a kind holds. A line end closes a comment among them.
    let modes = modes
        .iter()
        .fold(String::new(), |all, modes| all + ", " + modes + "\n");
    format!("BEGIN {usual}{modes};\n{settings}")
}

/// The limits of a transaction, whatever role and database have set: none on its length, one on queueing for a lock, and
/// an end when the runner is gone.
pub(super) fn settings(conditions: Conditions, file: Option<&SqlFile>, filename: &str) -> String {
    let header = file.map(|file| &file.header);
    let lock_timeout = header
        .and_then(|header| header.lock_timeout)
        .unwrap_or(conditions.lock_timeout);
    let statement_timeout = header.and_then(|header| header.statement_timeout);
    let mut sql = format!(
        "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}; \
         SET LOCAL idle_in_transaction_session_timeout = 60000; ",
        lock_timeout.duration().as_millis(),
        statement_timeout.map_or(0, |timeout| timeout.duration().as_millis()),
    );
    sql.push_str(KEEPALIVES);
    if conditions.facts.version_num >= 170_000 {
        sql.push_str("SET LOCAL transaction_timeout = 0; ");
    }
    if conditions.facts.checks_connection {
        sql.push_str("SET LOCAL client_connection_check_interval = 1000; ");
    }
    if !conditions.facts.standard_conforming_strings {
        sql.push_str("SET LOCAL standard_conforming_strings = on; ");
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        sql,
        "SET LOCAL application_name = {};",
        literal(application_name(filename).trim_end())
    );
    sql
}

/// What the server shows of a file that runs, within the length of a name.
fn application_name(filename: &str) -> String {
    let mut name = format!("onward {filename}");
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    name
}

/// The longest name that PostgreSQL keeps whole, in bytes: NAMEDATALEN - 1.
const LONGEST_NAME: usize = 63;

/// A part of the file this large is not copied into a message.
const HUGE: usize = 8_000_000;

/// What is to be sent next.
struct Message<'a> {
    text: String,
    /// The part of the file in it.
    open: Option<Open<'a>>,
    /// Where an error belongs that is in no part of the file.
    otherwise: Spot,
}

/// A part of the file in a message, with what is sent before it.
struct Open<'a> {
    characters_before: usize,
    statements_before: usize,
    part: &'a Range<usize>,
}

impl<'a> Open<'a> {
    /// `before` is SQL of our own.
    fn after(before: &str, part: &'a Range<usize>) -> Open<'a> {
        let own = splitter::split(before, &mut |_| {}).unwrap_or_default();
        Open {
            characters_before: before.chars().count(),
            statements_before: own.len(),
            part,
        }
    }

    /// Where an error belongs: by its position, in characters of the message from 1; else by the number of statements
    /// that the server had completed.
    fn spot(
        &self,
        job: &Job,
        error: Option<&ServerError>,
        completed: usize,
        before: &Spot,
    ) -> Spot {
        let text = &job.file.text[self.part.clone()];
        if let Some(position) = error.and_then(|error| error.position) {
            // What is left out of the text stands in the message as one space for each character.
            return match position.checked_sub(self.characters_before + 1) {
                None => before.clone(),
                Some(index) if index > text.chars().count() => Spot::After,
                Some(index) => Spot::At(self.part.start + byte_of(text, index)),
            };
        }
        // The server reads a message as a whole first. Our own first statement, a BEGIN, has nothing that could fail.
        if completed == 0 && self.statements_before > 0 {
            return match self.statements(job).as_slice() {
                [only] => Spot::At(only.start()),
                _ => Spot::After,
            };
        }
        let Some(index) = completed.checked_sub(self.statements_before) else {
            return before.clone();
        };
        self.statements(job)
            .get(index)
            .map_or(Spot::After, |statement| {
                Spot::At(place_inside(job.file, statement, error))
            })
    }

    /// The statements of the part that were sent.
    fn statements<'f>(&self, job: &Job<'f>) -> Vec<&'f Statement> {
        let inside = |statement: &&Statement| self.part.contains(&statement.start());
        let statements = job.file.statements.iter().filter(inside);
        statements
            .filter(|statement| !job.omits(statement.start()))
            .collect()
    }
}

/// Where a statement begins; in a DO block the line that the server names.
pub(super) fn place_inside(
    file: &SqlFile,
    statement: &Statement,
    error: Option<&ServerError>,
) -> usize {
    let text = statement.text(&file.text);
    let line = match statement.kind {
        Kind::Do => error.and_then(|error| inline_line(error.context.as_deref()?)),
        _ => None,
    };
    statement.start() + line.and_then(|line| body_line(text, line)).unwrap_or(0)
}

/// The line that `PL/pgSQL function inline_code_block line 3 at RAISE` names.
fn inline_line(context: &str) -> Option<usize> {
    let (_, rest) = context.split_once("PL/pgSQL function inline_code_block line ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// Where a line of the body of a DO statement begins, at its first word. PL/pgSQL counts from the line of the opening
/// dollar quote.
fn body_line(text: &str, line: usize) -> Option<usize> {
    let tag = text.find('$')? + 1;
    let body = tag + text[tag..].find('$')? + 1;
    let start = body + line_start(&text[body..], line);
    let rest = &text[start..];
    Some(start + rest.len() - rest.trim_start_matches([' ', '\t']).len())
}

/// The byte of a character.
pub(super) fn byte_of(text: &str, index: usize) -> usize {
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(offset, _)| offset)
}

/// The line of COPY data that the server names in its CONTEXT: `COPY t, line 3, column b: "x"`.
fn copy_line(error: &ServerError) -> Option<usize> {
    let context = error.context.as_deref()?;
    let line = context
        .lines()
        .find_map(|line| line.strip_prefix("COPY ")?.split_once(", line "))?
        .1;
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    line[..digits].parse().ok()
}

/// The first byte of a line, from 1.
fn line_start(text: &str, line: usize) -> usize {
    let skipped = line.saturating_sub(1);
    text.split_inclusive('\n').take(skipped).map(str::len).sum()
}

/// The error as it is, or in words of our own where the server's would mislead.
fn explained(spot: &Spot, error: ServerError) -> ServerError {
    let row_is_gone = error.message.contains(ROW_IS_GONE) || error.message.contains(ROWS_TOUCHED);
    let table_is_gone =
        *spot == Spot::After && matches!(error.code.as_str(), "42P01" | "3F000" | "42703");
    if row_is_gone || table_is_gone {
        let what = if row_is_gone {
            "rows of the history"
        } else {
            "the history table"
        };
        let hint = "onward keeps the history itself, so leave that statement out";
        return ServerError {
            hint: Some(hint.to_owned()),
            ..ServerError::own("55000", format!("the migration changed or removed {what}"))
        };
    }
    if error.message.contains(READING_CHANGED) {
        let hint = "set it by a statement of its own, SET standard_conforming_strings, so that it can be seen";
        let message = "the file changes standard_conforming_strings where that cannot be seen";
        return ServerError {
            hint: Some(hint.to_owned()),
            ..ServerError::own("55000", message.to_owned())
        };
    }
    if *spot == Spot::After && error.code == "42601" {
        let hint = "the last statement does not end";
        return ServerError {
            hint: Some(hint.to_owned()),
            ..ServerError::own("42601", "syntax error at the end of the file".to_owned())
        };
    }
    match advice(spot, &error) {
        Some(advice) => ServerError {
            hint: Some(advice.to_owned()),
            ..error
        },
        None => error,
    }
}

/// What to do about an error of which the server's own words do not tell it to somebody who writes migrations.
fn advice(spot: &Spot, error: &ServerError) -> Option<&'static str> {
    let about = |word: &str| error.message.contains(word);
    match error.code.as_str() {
        "55P04" => Some(
            "a new enum value must be committed first: add it in a migration of its own, before this one",
        ),
        "25001" if error.context.is_some() => {
            Some("write it as a statement of its own, outside of functions and DO blocks")
        }
        "25001" | "2D000" => {
            Some("let the file run step by step, with the line: -- onward: no-transaction")
        }
        "42P06" if about("\"public\"") => {
            Some("every database has the schema public: leave the statement out")
        }
        "42501" if about("owner of extension") => Some(
            "leave the statement out (pg_dump --no-comments), or run it as the owner of the extension",
        ),
        _ if error.hint.is_some() => None,
        code if *spot == Spot::After && code.starts_with("23") => {
            Some("the constraint is deferred, so it was checked after the last statement")
        }
        "42704" if error.message.starts_with("role ") => {
            Some("roles belong to the server, not to the database: create it there first")
        }
        "58P01" | "0A000" if about("extension") => {
            Some("install the package of the extension on the server first")
        }
        _ => None,
    }
}
