//! Applying one file: its effects and its row in the history, in one transaction, as one message.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::history::{Ending, HistoryTable, NewRow, ROW_IS_GONE};
use super::quote::{self, literal};
use super::run_lock::Locked;
use super::session::{LEAVE_NO_TRACE, Notice};
use super::survey::Facts;
use crate::error::{Excerpt, ServerError, Trouble};
use crate::migration::SqlFile;
use crate::timeout::LockTimeout;

/// A file to run, and what the history will say of it.
#[derive(Debug)]
pub struct Job<'a> {
    pub file: &'a SqlFile,
    /// What must exist before the row can be written: the history table, for the baseline.
    pub preparation: String,
    pub row: NewRow,
    /// Files whose effects are in this one; recorded without running.
    pub contained: Vec<NewRow>,
}

/// What a transaction runs under.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    pub table: &'a HistoryTable,
    pub facts: &'a Facts,
    pub lock_timeout: LockTimeout,
}

/// What came of one try.
#[derive(Debug)]
pub enum Attempt {
    /// Committed, row and effects.
    Applied { time: Duration },
    /// Somebody else was in the way; rolled back.
    Blocked(ServerError),
    /// Another runner recorded the file meanwhile; rolled back.
    Overtaken,
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
    pub explanation: Option<String>,
}

/// The part of a transaction that a position of the server points into.
enum Part {
    Before,
    File(usize),
    After,
    Unknown,
}

impl Locked {
    /// Runs a file once. Whatever comes of it, no transaction is left open.
    pub fn try_apply(&mut self, job: &Job, conditions: Conditions) -> Attempt {
        let begun = Instant::now();
        match self.send(job, conditions) {
            Ok(()) => Attempt::Applied {
                time: begun.elapsed(),
            },
            Err((trouble, part)) => self.judge(job, conditions, trouble, &part),
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
                self.work.leave_no_trace().and(Err(trouble))
            }
        })
    }

    fn send(&mut self, job: &Job, conditions: Conditions) -> Result<(), (Trouble, Part)> {
        let file = job.file;
        let before = before(job, conditions);
        let after = format!(
            "\n;\nSET CONSTRAINTS ALL IMMEDIATE;\n{LEAVE_NO_TRACE}\n{}COMMIT;",
            conditions.table.finish(&job.row.filename)
        );
        let mut message = before;
        // The server reads a message by the rule in force when it arrives, and the text was read by the standard's.
        if !conditions.facts.standard_conforming_strings {
            self.work
                .run(&message)
                .map_err(|trouble| (trouble, Part::Before))?;
            message.clear();
        }
        let parts = file.messages();
        for (i, part) in parts.iter().enumerate() {
            let start = message.chars().count();
            file.push_text(part, &mut message);
            if i + 1 == parts.len() {
                message.push_str(&after);
            }
            self.work.run(&message).map_err(|trouble| {
                let part = locate(file, part, start, trouble.server());
                (trouble, part)
            })?;
            message.clear();
        }
        Ok(())
    }

    fn judge(
        &mut self,
        job: &Job,
        conditions: Conditions,
        trouble: Trouble,
        part: &Part,
    ) -> Attempt {
        let error = match trouble {
            Trouble::Server(error) if !error.ends_connection() => *error,
            lost => return Attempt::Lost(lost),
        };
        if let Err(lost) = self.work.leave_no_trace() {
            return Attempt::Lost(lost);
        }
        if error.is_blocked() {
            return Attempt::Blocked(error);
        }
        if is_overtaken(&error, conditions.table) {
            return Attempt::Overtaken;
        }
        if matches!(part, Part::Before) {
            return Attempt::NotRecorded(error);
        }
        // A failed baseline leaves nothing at all, not even the table.
        if job.preparation.is_empty() {
            let message = format!("{} ({})", error.message, error.code);
            let record = conditions.table.insert(&job.row, Ending::Failed(&message));
            if let Err(trouble) = self.transact(&record, conditions)
                && trouble.lost_connection()
            {
                return Attempt::Lost(trouble);
            }
        }
        let explanation = explain(part, &error);
        let place = match part {
            Part::File(offset) => Some(job.file.excerpt(*offset)),
            Part::Before | Part::After | Part::Unknown => None,
        };
        Attempt::Failed(Box::new(Fault {
            error,
            place,
            explanation,
        }))
    }
}

/// Whether another runner wrote the same row, or created the same table or schema, at the same time: a unique index,
/// ours or that of a catalog, let only one through.
#[must_use]
pub fn is_overtaken(error: &ServerError, table: &HistoryTable) -> bool {
    let catalogs = ["pg_class", "pg_type", "pg_namespace"];
    match (error.code.as_str(), &error.table) {
        ("23505", Some(name)) => *name == table.name || catalogs.contains(&name.as_str()),
        ("42P07", _) => error.message.contains(&quote::identifier(&table.name)),
        _ => false,
    }
}

/// What comes before the file in its transaction.
fn before(job: &Job, conditions: Conditions) -> String {
    let mut sql = begin(
        &job.file.modes,
        &settings(conditions, Some(job.file), &job.row.filename),
    );
    sql.push_str(&job.preparation);
    sql.push_str(&conditions.table.insert(&job.row, Ending::Begun));
    for row in &job.contained {
        sql.push_str(&conditions.table.insert(row, Ending::Recorded));
    }
    sql
}

fn begin(modes: &[String], settings: &str) -> String {
    // The last of several modes of a kind holds. A line end closes a comment among them.
    let modes = modes
        .iter()
        .fold(String::new(), |all, modes| all + ", " + modes + "\n");
    format!("BEGIN ISOLATION LEVEL READ COMMITTED{modes};\n{settings}")
}

/// The limits of a transaction, whatever role and database have set: none on its length, one on queueing for a lock, and
/// an end when the runner is gone.
fn settings(conditions: Conditions, file: Option<&SqlFile>, filename: &str) -> String {
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
        literal(format!("onward {filename}").trim_end())
    );
    sql
}

/// Maps a position of the server, in characters of the message from 1, to the part that it points into.
fn locate(file: &SqlFile, part: &Range<usize>, start: usize, error: Option<&ServerError>) -> Part {
    let Some(position) = error.and_then(|error| error.position) else {
        return Part::Unknown;
    };
    let Some(index) = position.checked_sub(start + 1) else {
        return Part::Before;
    };
    // What is left out of the text stands in the message as one space for each character.
    match file.text[part.clone()].char_indices().nth(index) {
        Some((offset, _)) => Part::File(part.start + offset),
        None if index == file.text[part.clone()].chars().count() => Part::File(part.end),
        None => Part::After,
    }
}

fn explain(part: &Part, error: &ServerError) -> Option<String> {
    let row_is_gone = error.message.contains(ROW_IS_GONE);
    let table_is_gone =
        matches!(part, Part::After) && matches!(error.code.as_str(), "42P01" | "3F000" | "42703");
    (row_is_gone || table_is_gone).then(|| {
        let what = if row_is_gone { "its own row from the history" } else { "the history table" };
        format!("the migration removed {what}; onward keeps the history itself, so leave that statement out")
    })
}
