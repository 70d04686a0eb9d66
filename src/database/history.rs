//! The history table: the only place that knows its columns.

use std::fmt::{self, Write as _};

use postgres::SimpleQueryRow;

use super::session::{Rows, Session};
use crate::error::Trouble;
use crate::migration::checksum::Checksum;
use crate::migration::{Migration, SchemaFile, Way};
use crate::plan::{Recorded, RowKind, RowStatus};
use crate::sql::name::QualifiedName;
use crate::sql::quote;
use crate::time::Time;

/// A history table that exists or is to be created, by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryTable(pub QualifiedName);

impl fmt::Display for HistoryTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The columns by which the table is recognised: name and type.
pub const COLUMNS: [(&str, &str); 15] = [
    ("id", "int8"),
    ("filename", "text"),
    ("version", "text"),
    ("description", "text"),
    ("kind", "text"),
    ("status", "text"),
    ("checksum", "text"),
    ("sql_checksum", "text"),
    ("started_at", "timestamptz"),
    ("applied_at", "timestamptz"),
    ("execution_time_ms", "int8"),
    ("statements_done", "int4"),
    ("applied_by", "text"),
    ("tool_version", "text"),
    ("error_message", "text"),
];

/// What a new row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    pub filename: String,
    pub version: String,
    pub description: String,
    pub kind: RowKind,
    pub checksum: Checksum,
    pub sql_checksum: Checksum,
}

/// How a row ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending<'a> {
    /// `finish` will complete it in the same transaction.
    Begun,
    /// It runs step by step, and `finish_steps` will complete it.
    Running,
    /// Recorded without running.
    Recorded,
    /// A failed attempt, with its message.
    Failed(&'a str),
}

/// The setting in which `watch` notes what it saw.
const WATCH: &str = "onward.rows_touched";

/// The text by which the failure of `untouched` knows itself.
pub const ROWS_TOUCHED: &str = "rows of the history that this migration touched: ";

/// The text by which the failure of `finish` knows itself.
pub const ROW_IS_GONE: &str = "rows of this migration in the history: ";

impl NewRow {
    /// The row of a migration.
    #[must_use]
    pub fn of_migration(migration: &Migration, kind: RowKind) -> NewRow {
        NewRow {
            filename: migration.name.filename().to_owned(),
            version: migration.name.version().to_owned(),
            description: migration.description().into_owned(),
            kind,
            checksum: migration.file.checksum,
            sql_checksum: migration.file.sql_checksum,
        }
    }

    /// The row of the schema file.
    #[must_use]
    pub fn of_schema(schema: &SchemaFile, through: &str, kind: RowKind) -> NewRow {
        NewRow {
            filename: SchemaFile::FILENAME.to_owned(),
            version: through.to_owned(),
            description: schema.description(),
            kind,
            checksum: schema.file.checksum,
            sql_checksum: schema.file.sql_checksum,
        }
    }
}

/// What a row says that is taken over from another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedRow<'a> {
    pub filename: &'a str,
    pub version: &'a str,
    pub description: &'a str,
    /// None where the file is gone.
    pub checksums: Option<(Checksum, Checksum)>,
    /// Times as the server reads them; none where the tool keeps none.
    pub started_at: Option<&'a str>,
    pub applied_at: Option<&'a str>,
    pub execution_time_ms: Option<u64>,
    pub applied_by: Option<&'a str>,
}

impl HistoryTable {
    /// A statement that adds a row of another tool.
    #[must_use]
    pub fn adopt(&self, row: &AdoptedRow) -> String {
        let time = |text: Option<&str>| match text {
            Some(text) => format!("CAST({} AS pg_catalog.timestamptz)", quote::literal(text)),
            None => "pg_catalog.clock_timestamp()".to_owned(),
        };
        let checksum = |checksum: Option<Checksum>| checksum.map_or_else(|| "NULL".to_owned(), hex);
        format!(
            "INSERT INTO {} (filename, version, description, kind, status, checksum, sql_checksum, started_at, applied_at, \
             execution_time_ms, applied_by, tool_version) SELECT {}, {}, {}, '{}', '{}', {}, {}, {}, {}, {}, {}, {};\n",
            self.qualified(),
            quote::literal(row.filename),
            quote::literal(row.version),
            quote::literal(row.description),
            RowKind::Adopted.word(),
            RowStatus::Applied.word(),
            checksum(row.checksums.map(|(text, _)| text)),
            checksum(row.checksums.map(|(_, sql)| sql)),
            time(row.started_at.or(row.applied_at)),
            time(row.applied_at),
            row.execution_time_ms
                .map_or_else(|| "NULL".to_owned(), |ms| ms.to_string()),
            row.applied_by
                .map_or_else(|| "session_user".to_owned(), quote::literal),
            quote::literal(TOOL_VERSION),
        )
    }

    /// The name in our own SQL.
    #[must_use]
    pub fn qualified(&self) -> String {
        self.0.quoted()
    }

    /// Statements that create the table, and its schema if that may be missing.
    #[must_use]
    pub fn create(&self, missing_schema: MissingSchema) -> String {
        let table = self.qualified();
        let mut sql = String::new();
        if missing_schema == MissingSchema::Create {
            let _ = writeln!(
                sql,
                "CREATE SCHEMA IF NOT EXISTS {};",
                quote::identifier(&self.0.schema)
            );
        }
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| quote::literal(word))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let kinds = words(&RowKind::WORDS.map(|(_, word)| word));
        let states = words(&RowStatus::WORDS.map(|(_, word)| word));
        let _ = write!(
            sql,
            "CREATE TABLE {table} (
  id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  filename pg_catalog.text NOT NULL,
  version pg_catalog.text NOT NULL,
  description pg_catalog.text NOT NULL,
  kind pg_catalog.text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (CAST(ARRAY[{kinds}] AS pg_catalog.text[]))),
  status pg_catalog.text NOT NULL CHECK (status OPERATOR(pg_catalog.=) ANY (CAST(ARRAY[{states}] AS pg_catalog.text[]))),
  checksum pg_catalog.text,
  sql_checksum pg_catalog.text,
  started_at pg_catalog.timestamptz NOT NULL,
  applied_at pg_catalog.timestamptz,
  execution_time_ms pg_catalog.int8,
  statements_done pg_catalog.int4,
  applied_by pg_catalog.text NOT NULL,
  tool_version pg_catalog.text NOT NULL,
  error_message pg_catalog.text
);
CREATE UNIQUE INDEX ON {table} (filename)
  WHERE status OPERATOR(pg_catalog.=) ANY (CAST(ARRAY['applied', 'running'] AS pg_catalog.text[]));
COMMENT ON TABLE {table} IS 'Migrations of this database, kept by onward: a row with status applied exists exactly if the effects of the file are committed';
"
        );
        for (column, comment) in COMMENTS {
            let _ = writeln!(
                sql,
                "COMMENT ON COLUMN {table}.{column} IS {};",
                quote::literal(comment)
            );
        }
        sql
    }

    /// A statement that adds a row. A failed attempt is not recorded beside an applied row.
    #[must_use]
    pub fn insert(&self, row: &NewRow, ending: Ending) -> String {
        let table = self.qualified();
        let now = "pg_catalog.clock_timestamp()";
        let (status, applied_at, time, error) = match ending {
            Ending::Begun => (RowStatus::Applied, "NULL", "NULL", None),
            Ending::Running => (RowStatus::Running, "NULL", "NULL", None),
            Ending::Recorded => (RowStatus::Applied, now, "0", None),
            Ending::Failed(message) => (RowStatus::Failed, "NULL", "NULL", Some(message)),
        };
        let filename = quote::literal(&row.filename);
        let condition = match ending {
            Ending::Failed(_) => format!(
                " WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE filename OPERATOR(pg_catalog.=) {filename} \
                 AND status OPERATOR(pg_catalog.=) 'applied')"
            ),
            Ending::Begun | Ending::Running | Ending::Recorded => String::new(),
        };
        format!(
            "INSERT INTO {table} (filename, version, description, kind, status, checksum, sql_checksum, started_at, \
             applied_at, execution_time_ms, applied_by, tool_version, error_message) SELECT {filename}, {}, {}, '{}', \
             '{}', {}, {}, {now}, {applied_at}, {time}, session_user, {}, {}{condition};\n",
            quote::literal(&row.version),
            quote::literal(&row.description),
            row.kind.word(),
            status.word(),
            hex(row.checksum),
            hex(row.sql_checksum),
            quote::literal(TOOL_VERSION),
            quote::optional(error),
        )
    }

    /// A statement that removes the failed rows of a file.
    #[must_use]
    pub fn forget_failed(&self, filename: &str) -> String {
        format!(
            "DELETE FROM {} WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) 'failed';\n",
            self.qualified(),
            quote::literal(filename)
        )
    }

    /// A statement that notes, for the length of the transaction, how many rows were changed or removed so far.
    #[must_use]
    pub fn watch(&self) -> String {
        format!(
            "SELECT pg_catalog.set_config('{WATCH}', {}, true);\n",
            self.touched()
        )
    }

    /// A statement that fails if rows were changed or removed since `watch`. A file that has reset all settings goes
    /// unwatched.
    #[must_use]
    pub fn untouched(&self) -> String {
        let touched = self.touched();
        format!(
            "SELECT CASE WHEN COALESCE(pg_catalog.current_setting('{WATCH}', true), '') OPERATOR(pg_catalog.=) ANY \
             (CAST(ARRAY['', {touched}] AS pg_catalog.text[])) THEN 1 ELSE \
             CAST(pg_catalog.concat('{ROWS_TOUCHED}', {touched}) AS pg_catalog.int4) END;\n"
        )
    }

    /// The rows that this session has changed or removed, as text. The counters also hold what was not reported yet of
    /// earlier transactions: <https://www.postgresql.org/docs/current/monitoring-stats.html>.
    fn touched(&self) -> String {
        let name = quote::literal(&self.qualified());
        let table = format!("CAST(CAST({name} AS pg_catalog.regclass) AS pg_catalog.oid)");
        format!(
            "CAST(pg_catalog.pg_stat_get_xact_tuples_updated({table}) OPERATOR(pg_catalog.+) \
             pg_catalog.pg_stat_get_xact_tuples_deleted({table}) AS pg_catalog.text)"
        )
    }

    /// A statement that completes the row of a file that has run, and fails unless there is exactly one.
    #[must_use]
    pub fn finish(&self, filename: &str) -> String {
        exactly_one(&format!(
            "UPDATE {} SET {DONE_NOW} WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) 'applied'",
            self.qualified(),
            quote::literal(filename),
        ))
    }

    /// A statement that takes up a file whose earlier attempt did not end well.
    #[must_use]
    pub fn resume(&self, filename: &str) -> String {
        self.change(filename, "status = 'running', error_message = NULL", "")
    }

    /// A statement that records one more step as done. `checksum` is of the steps that are done then, so that a file
    /// whose beginning was changed is not resumed.
    #[must_use]
    pub fn progress(&self, filename: &str, done: usize, checksum: Checksum) -> String {
        let (change, guard) = one_more(done, checksum);
        self.change(filename, &change, &guard)
    }

    /// A statement that records that a step failed.
    #[must_use]
    pub fn interrupt(
        &self,
        filename: &str,
        done: usize,
        checksum: Checksum,
        message: &str,
    ) -> String {
        let change = format!(
            "status = 'failed', statements_done = {done}, sql_checksum = {}, error_message = {}",
            hex(checksum),
            quote::literal(message)
        );
        self.change(filename, &change, "")
    }

    /// A statement that completes the row of a file all of whose steps are done.
    #[must_use]
    pub fn finish_steps(&self, row: &NewRow) -> String {
        let change = format!(
            "status = 'applied', checksum = {}, sql_checksum = {}, {DONE_NOW}",
            hex(row.checksum),
            hex(row.sql_checksum)
        );
        self.change(&row.filename, &change, "")
    }

    /// A statement that claims the applied row of a file for its way back. Nobody else can claim it then.
    #[must_use]
    pub fn claim_back(&self, filename: &str) -> String {
        self.claim(filename, "status = 'running'")
    }

    /// The same for a way back that runs step by step, of which nothing is done yet.
    #[must_use]
    pub fn claim_steps_back(&self, filename: &str) -> String {
        self.claim(filename, "status = 'running', statements_done = NULL")
    }

    fn claim(&self, filename: &str, change: &str) -> String {
        exactly_one(&format!(
            "UPDATE {} SET {change} WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) 'applied'",
            self.qualified(),
            quote::literal(filename)
        ))
    }

    /// A statement that takes up a way back whose earlier attempt did not end well.
    #[must_use]
    pub fn resume_back(&self, filename: &str) -> String {
        self.change_back(filename, "error_message = NULL", "")
    }

    /// A statement that records one more step of a way back as done; see `progress`.
    #[must_use]
    pub fn progress_back(&self, filename: &str, done: usize, checksum: Checksum) -> String {
        let (change, guard) = one_more(done, checksum);
        self.change_back(filename, &change, &guard)
    }

    /// A statement that records that a step of a way back failed.
    #[must_use]
    pub fn interrupt_back(&self, filename: &str, message: &str) -> String {
        let change = format!("error_message = {}", quote::literal(message));
        self.change_back(filename, &change, "")
    }

    /// A statement that gives up the claim of a way back of which nothing is done. One that `restart_back` has let
    /// begin anew stays begun: something was done by the text that it had before.
    #[must_use]
    pub fn release_back(&self, filename: &str, message: &str) -> String {
        let change = format!(
            "status = CASE WHEN statements_done IS NULL THEN 'applied' ELSE status END, \
             error_message = CASE WHEN statements_done IS NOT NULL THEN {} END",
            quote::literal(message)
        );
        let guard = " AND COALESCE(statements_done, 0) OPERATOR(pg_catalog.=) 0";
        self.change_back(filename, &change, guard)
    }

    /// A statement that turns the row of a file that was rolled back into a trail.
    #[must_use]
    pub fn finish_back(&self, filename: &str) -> String {
        self.change_back(filename, &rolled_back_now(), "")
    }

    /// The same for a way back that ran step by step: its progress stood in the place of the file's own checksum.
    #[must_use]
    pub fn finish_steps_back(&self, row: &NewRow) -> String {
        let change = format!("{}, {}", rolled_back_now(), own_checksum(row));
        self.change_back(&row.filename, &change, "")
    }

    /// Statements by which a way back of which something is done begins anew. The file is not applied as a whole any more,
    /// so its row stays begun; the trail keeps how far the text of before came.
    #[must_use]
    pub fn restart_back(&self, row: &NewRow) -> String {
        let change = format!(
            "statements_done = 0, error_message = COALESCE(error_message, 'the runner died'), {}",
            own_checksum(row)
        );
        let kept = self.keep_row(
            &row.filename,
            RowStatus::Running,
            "its way back was begun anew by repair",
        );
        kept + &self.change_back(&row.filename, &change, "")
    }

    /// A question for the row of a file that runs step by step: it answers with a row if that one is not where we have left
    /// it, with so many steps done.
    #[must_use]
    pub fn moved_on(&self, filename: &str, way: Way, done: usize) -> String {
        let end = match way {
            Way::Forward => "applied",
            Way::Back => "rolled_back",
        };
        format!(
            "SELECT 1 FROM {} WHERE filename OPERATOR(pg_catalog.=) {} AND (status OPERATOR(pg_catalog.=) '{end}' OR \
             status OPERATOR(pg_catalog.=) ANY (CAST(ARRAY['running', 'failed'] AS pg_catalog.text[])) AND \
             COALESCE(statements_done, 0) OPERATOR(pg_catalog.<>) {done})",
            self.qualified(),
            quote::literal(filename)
        )
    }

    /// Changes the one row of a file whose way back has begun.
    fn change_back(&self, filename: &str, change: &str, guard: &str) -> String {
        exactly_one(&format!(
            "UPDATE {} SET {change} WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) 'running' \
             AND applied_at IS NOT NULL{guard}",
            self.qualified(),
            quote::literal(filename)
        ))
    }

    /// Changes the one row of a file that runs step by step.
    fn change(&self, filename: &str, change: &str, guard: &str) -> String {
        exactly_one(&format!(
            "UPDATE {} SET {change} WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) ANY \
             (CAST(ARRAY['running', 'failed'] AS pg_catalog.text[])){guard}",
            self.qualified(),
            quote::literal(filename)
        ))
    }

    /// A statement that gives the applied row of `from` the name, version and checksums of a file: the acceptance of a
    /// changed or renamed file.
    #[must_use]
    pub fn accept(&self, from: &str, row: &NewRow) -> String {
        exactly_one(&format!(
            "UPDATE {} SET filename = {}, version = {}, description = {}, checksum = {}, sql_checksum = {} \
             WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) 'applied'",
            self.qualified(),
            quote::literal(&row.filename),
            quote::literal(&row.version),
            quote::literal(&row.description),
            hex(row.checksum),
            hex(row.sql_checksum),
            quote::literal(from),
        ))
    }

    /// A statement that keeps what the applied row of a file says, before it is changed.
    #[must_use]
    pub fn keep(&self, filename: &str, reason: &str) -> String {
        self.keep_row(filename, RowStatus::Applied, reason)
    }

    fn keep_row(&self, filename: &str, status: RowStatus, reason: &str) -> String {
        let table = self.qualified();
        let kept = "filename, version, description, kind, checksum, sql_checksum, started_at, applied_at, \
             execution_time_ms, statements_done, applied_by, tool_version";
        format!(
            "INSERT INTO {table} ({kept}, status, error_message) SELECT {kept}, 'replaced', pg_catalog.concat({}, \
             '; it said: ' OPERATOR(pg_catalog.||) error_message) FROM {table} \
             WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) '{}';\n",
            note(reason),
            quote::literal(filename),
            status.word()
        )
    }

    /// A statement after which the attempts at a file that did not end well count no longer.
    #[must_use]
    pub fn retire_attempts(&self, filename: &str, reason: &str) -> String {
        format!(
            "UPDATE {} SET status = 'replaced', error_message = pg_catalog.concat({}, '; it said: ' OPERATOR(pg_catalog.||) \
             error_message) WHERE filename OPERATOR(pg_catalog.=) {} AND status OPERATOR(pg_catalog.=) ANY \
             (CAST(ARRAY['running', 'failed'] AS pg_catalog.text[]));\n",
            self.qualified(),
            note(reason),
            quote::literal(filename)
        )
    }

    /// A statement after which a file does not count as applied any more.
    #[must_use]
    pub fn retire(&self, filename: &str, reason: &str) -> String {
        exactly_one(&format!(
            "UPDATE {} SET status = 'replaced', error_message = {} WHERE filename OPERATOR(pg_catalog.=) {} AND status \
             OPERATOR(pg_catalog.=) 'applied'",
            self.qualified(),
            note(reason),
            quote::literal(filename)
        ))
    }

    /// All rows, in the order in which they were written.
    ///
    /// # Errors
    /// What the server or the connection said.
    pub fn read(&self, session: &mut Session) -> Result<Vec<Recorded>, ReadError> {
        let microseconds = |column: &str| {
            format!(
                "CAST(pg_catalog.floor(pg_catalog.date_part('epoch', {column}) OPERATOR(pg_catalog.*) 1000000) \
                 AS pg_catalog.int8)"
            )
        };
        // A column costs the client more than a word of it, and there can be many rows.
        let sql = format!(
            "{BRIEFLY}SELECT filename, version, description, pg_catalog.concat(kind, ' ', status), checksum, sql_checksum, \
             pg_catalog.concat({}, ' ', {}, ' ', execution_time_ms, ' ', statements_done), applied_by, error_message \
             FROM {} ORDER BY id",
            microseconds("started_at"),
            microseconds("applied_at"),
            self.qualified()
        );
        let rows: Rows = session.ask(&sql)?.pop().unwrap_or_default();
        rows.iter().map(recorded).collect()
    }
}

/// Whether `--table` named a schema, which is then created too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingSchema {
    Create,
    Leave,
}

/// To read waits for nobody but a session that has the table for itself, which shall be named while it is waited for.
const BRIEFLY: &str = "SET LOCAL lock_timeout = 1000; ";

/// Why the history could not be read.
#[derive(Debug)]
pub enum ReadError {
    Trouble(Trouble),
    /// A word or value that this version does not know.
    Unknown(String),
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> ReadError {
        ReadError::Trouble(trouble)
    }
}

/// Marks a row as done, by the clock of the server.
const DONE_NOW: &str = "applied_at = pg_catalog.clock_timestamp(), execution_time_ms = CAST(pg_catalog.date_part('epoch', \
     pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started_at) OPERATOR(pg_catalog.*) 1000 AS pg_catalog.int8)";

/// Marks one more step as done, and what must hold before.
fn one_more(done: usize, checksum: Checksum) -> (String, String) {
    let change = format!(
        "statements_done = {}, sql_checksum = {}",
        done + 1,
        hex(checksum)
    );
    let guard = format!(" AND COALESCE(statements_done, 0) OPERATOR(pg_catalog.=) {done}");
    (change, guard)
}

/// Marks a row as rolled back, and tells by whom and when.
fn rolled_back_now() -> String {
    format!(
        "status = 'rolled_back', error_message = {}",
        signed("rolled back by ")
    )
}

/// Gives a row the checksum that progress has overwritten, if the file is still what was applied.
fn own_checksum(row: &NewRow) -> String {
    format!(
        "sql_checksum = CASE WHEN checksum OPERATOR(pg_catalog.=) {} THEN {} END",
        hex(row.checksum),
        hex(row.sql_checksum)
    )
}

/// What a row of the trail tells: what became of it, by whom, and when.
fn note(reason: &str) -> String {
    signed(&format!("{reason}, by "))
}

/// These words, and then by whom and when.
fn signed(words: &str) -> String {
    format!(
        "pg_catalog.concat({}, session_user, ' at ', pg_catalog.to_char(pg_catalog.timezone('UTC', \
         pg_catalog.clock_timestamp()), 'YYYY-MM-DD HH24:MI:SS\"Z\"'), ' with {TOOL_VERSION}')",
        quote::literal(words)
    )
}

/// A change that fails unless it meets exactly one row.
fn exactly_one(change: &str) -> String {
    // The cast is what fails. It depends on the count, or the server would do it before it counted.
    format!(
        "WITH changed AS ({change} RETURNING 1) SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.=) 1 THEN 1 \
         ELSE CAST(pg_catalog.concat('{ROW_IS_GONE}', pg_catalog.count(*)) AS pg_catalog.int4) END FROM changed;\n"
    )
}

/// What the history says of who wrote a row.
const TOOL_VERSION: &str = concat!("onward ", env!("CARGO_PKG_VERSION"));

const COMMENTS: [(&str, &str); 15] = [
    ("id", "order of events"),
    (
        "filename",
        "name of the file or folder; schema.sql for the baseline itself",
    ),
    (
        "version",
        "digits of the name as written; for the schema file the version that it goes through, or empty",
    ),
    (
        "description",
        "the Description: comment of the file, else its name in words",
    ),
    (
        "kind",
        "migration: ran here; baseline: the schema file, or a migration that it contained; marked: recorded without running; adopted: taken over from another tool",
    ),
    (
        "status",
        "applied, running (files that cannot run in a transaction; with applied_at: their way back), failed, rolled_back, replaced (what a row said before repair)",
    ),
    ("checksum", "SHA-256 of the text with LF line ends"),
    (
        "sql_checksum",
        "SHA-256 of the SQL without comments and white space",
    ),
    ("started_at", "when it began"),
    ("applied_at", "when it was done"),
    (
        "execution_time_ms",
        "milliseconds from one to the other, by the clock of the server",
    ),
    (
        "statements_done",
        "progress of a file that cannot run in a transaction",
    ),
    ("applied_by", "session_user"),
    ("tool_version", "who wrote the row"),
    (
        "error_message",
        "of a failed attempt, with its SQLSTATE; of a row that no longer counts, what became of it",
    ),
];

/// A checksum as a constant.
fn hex(checksum: Checksum) -> String {
    format!("'{checksum}'")
}

fn recorded(row: &SimpleQueryRow) -> Result<Recorded, ReadError> {
    let text = |index: usize| row.try_get(index).ok().flatten().map(str::to_owned);
    let required = |index: usize| text(index).unwrap_or_default();
    let word = |index: usize| row.try_get(index).ok().flatten().unwrap_or("");
    let unknown = |column: &str, value: &str| {
        ReadError::Unknown(format!(
            "{} has {column} \"{value}\", which this version of onward does not know",
            word(0)
        ))
    };
    let checksum = |column: &str, index: usize| match word(index) {
        "" => Ok(None),
        text => Checksum::parse(text)
            .map(Some)
            .ok_or_else(|| unknown(column, text)),
    };
    let (kind, status) = word(3).split_once(' ').unwrap_or_default();
    let mut numbers = word(6).split(' ').map(|number| number.parse::<i64>().ok());
    let mut number = || numbers.next().flatten();
    let time = |microseconds: i64| Time(microseconds.div_euclid(1_000_000));
    let started_at = number().unwrap_or(0);
    let applied_at = number();
    Ok(Recorded {
        filename: required(0),
        version: required(1),
        description: required(2),
        kind: by_word(&RowKind::WORDS, kind).ok_or_else(|| unknown("kind", kind))?,
        status: by_word(&RowStatus::WORDS, status).ok_or_else(|| unknown("status", status))?,
        checksum: checksum("checksum", 4)?,
        sql_checksum: checksum("sql_checksum", 5)?,
        started_at: time(started_at),
        applied_at: applied_at.map(time),
        place: applied_at.unwrap_or(0),
        execution_time_ms: number().and_then(|ms| ms.try_into().ok()),
        steps_done: number()
            .and_then(|steps| steps.try_into().ok())
            .unwrap_or(0),
        applied_by: required(7),
        error_message: text(8),
    })
}

fn by_word<T: Copy>(words: &[(T, &str)], word: &str) -> Option<T> {
    words
        .iter()
        .find(|(_, known)| *known == word)
        .map(|(value, _)| *value)
}
