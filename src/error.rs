//! Everything that can end a run, as one enum with data.
//!
//! Exit code, message and hint are exhaustive functions of it: no other place decides them. This room knows the
//! error type of the crate `postgres` (to take it apart) and nothing of commands, plans or files on disk.

use std::error::Error as _;
use std::fmt;
use std::io;

/// The exit codes of the program, as the README documents them.
pub mod exit {
    /// Done, or nothing to do.
    pub const DONE: u8 = 0;
    /// A migration failed; its effects are rolled back.
    pub const FAILED: u8 = 1;
    /// Wrong usage, settings or files; nothing was connected to.
    pub const USAGE: u8 = 2;
    /// History, files and database disagree; nothing was changed.
    pub const REFUSED: u8 = 3;
    /// No connection, the connection was lost for good, or the outcome of a COMMIT is unknown.
    pub const CONNECTION: u8 = 4;
    /// Gave up waiting for a lock.
    pub const GAVE_UP: u8 = 5;
    /// `status --check`: something is pending.
    pub const PENDING: u8 = 6;
    /// The program behind `--` could not be executed, as shells tell it.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// The program behind `--` was not found, as shells tell it.
    pub const NO_PROGRAM: u8 = 127;
}

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run ended without success.
#[derive(Debug)]
pub enum Error {
    /// The command line or a setting makes no sense.
    Usage { message: String, hint: String },
    /// Files that cannot be used, all of them at once.
    Files(Vec<FileFault>),
    /// Nothing leads to the server: what should tell the way does not answer, or tells none.
    Unreachable { message: String, hint: String },
    /// No session could be had.
    Connect {
        target: String,
        /// What each server said, the last one too, if they were several and did not all say the same.
        tries: Vec<String>,
        trouble: Trouble,
    },
    /// The server refused something that is not part of a migration.
    Database { doing: String, trouble: Trouble },
    /// The plan holds refusals; they were shown.
    Refused { count: usize },
    /// A migration or the schema file failed and was rolled back.
    Migration(Box<Failure>),
    /// A way back failed; the migration is still applied.
    WayBack(Box<Failure>),
    /// The schema file met objects that exist already; the whole baseline was rolled back.
    BaselineExists(Box<Failure>),
    /// A lock was not to be had in time.
    GaveUp {
        waiting_for: String,
        waited: String,
        holder: Option<String>,
        done: Done,
    },
    /// The connection was lost again and again while one file ran; the history says that it is not done.
    KeepsBreaking {
        file: String,
        times: u32,
        trouble: Trouble,
    },
    /// The connection broke around a COMMIT, and the history could not be read again.
    OutcomeUnknown { file: String, trouble: Trouble },
    /// The connection broke while all that is in a database was dropped.
    ResetUnknown { database: String, trouble: Trouble },
    /// The server did not become ready in time.
    NotReady {
        target: String,
        waited: String,
        trouble: Trouble,
    },
    /// A command of the user's, before or after the migrations, did not succeed.
    Hook { hook: Hook, reason: String },
    /// The program that was to follow could not be executed.
    NotExecuted { program: String, reason: io::Error },
}

/// File names of what a run had done before it ended.
#[derive(Debug)]
pub enum Done {
    Applied(Vec<String>),
    RolledBack(Vec<String>),
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Done::Applied(names) => write!(f, "applied before: {}", Names(names)),
            Done::RolledBack(names) => write!(f, "rolled back before: {}", Names(names)),
        }
    }
}

/// A command of the user's beside the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    Before,
    After,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hook::Before => "--before",
            Hook::After => "--after",
        })
    }
}

/// One thing that makes a file unusable, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// The file as the user would name it.
    pub path: String,
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    pub message: String,
    pub hint: String,
}

/// What went wrong on a connection.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// The server answered with an error.
    Server(Box<ServerError>),
    /// There was no answer: refused, broken, timed out.
    Connection(String),
    /// A connection could be had, but not on the terms of the connection string.
    Terms(Terms),
}

/// What the connection string demands and this server does not grant. It travels through the crate `postgres` as the
/// source of its error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub message: String,
    pub hint: String,
}

impl Terms {
    /// Terms that are not met, and the next step.
    #[must_use]
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Terms {
        Terms {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The terms that stand behind an error of the crate.
    fn behind(error: &postgres::Error) -> Option<&Terms> {
        let error = error.source()?.downcast_ref::<io::Error>()?;
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Terms {}

impl From<Terms> for io::Error {
    fn from(terms: Terms) -> io::Error {
        io::Error::other(terms)
    }
}

/// The fields of an ErrorResponse, as
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html> names them.
#[derive(Debug, Clone)]
pub struct ServerError {
    pub severity: String,
    /// SQLSTATE, five characters.
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// The server's CONTEXT.
    pub context: Option<String>,
    /// In characters of the message that was sent, from 1.
    pub position: Option<usize>,
    pub schema: Option<String>,
    pub table: Option<String>,
}

/// A failed file: where, what, and what it means for the rest.
#[derive(Debug)]
pub struct Failure {
    /// The file as the user would name it.
    pub path: String,
    /// Where in the file, if the server or the runner could tell.
    pub place: Option<Excerpt>,
    pub error: ServerError,
    /// What was undone.
    pub rolled_back: String,
    /// File names of what this run had done before.
    pub done: Vec<String>,
    /// File names of what is still to be done, the failed one first.
    pub pending: Vec<String>,
}

/// A line of a file and a column in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The line without its end.
    pub text: String,
}

impl Error {
    /// The exit code of the program when it ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Migration(_) | Error::WayBack(_) | Error::Hook { .. } => exit::FAILED,
            Error::Usage { .. } | Error::Files(_) => exit::USAGE,
            Error::Refused { .. } | Error::BaselineExists(_) => exit::REFUSED,
            Error::Database {
                trouble: Trouble::Server(error),
                ..
            } if error.is_blocked() => exit::GAVE_UP,
            Error::Database {
                trouble: Trouble::Server(error),
                ..
            } if !error.ends_connection() => exit::REFUSED,
            Error::Unreachable { .. }
            | Error::Connect { .. }
            | Error::Database { .. }
            | Error::KeepsBreaking { .. }
            | Error::ResetUnknown { .. }
            | Error::NotReady { .. }
            | Error::OutcomeUnknown { .. } => exit::CONNECTION,
            Error::GaveUp { .. } => exit::GAVE_UP,
            Error::NotExecuted { reason, .. } if reason.kind() == io::ErrorKind::NotFound => {
                exit::NO_PROGRAM
            }
            Error::NotExecuted { .. } => exit::NOT_EXECUTABLE,
        }
    }

    /// The next step for the user.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Error::Usage { hint, .. } | Error::Unreachable { hint, .. } => hint.clone(),
            Error::Files(_) => "mend the files; nothing was run".to_owned(),
            Error::Connect { trouble, .. } => trouble.connect_hint(),
            Error::Database { trouble: Trouble::Server(error), .. } => error.database_hint(),
            Error::Database { .. } => "run onward again; it goes on where the history ends".to_owned(),
            Error::Refused { .. } => "nothing was changed".to_owned(),
            Error::Migration(_) => "mend the file, then run onward again".to_owned(),
            Error::WayBack(failure) if !is_file_of_its_own(&failure.path) => format!(
                "mend the way back, then: onward repair {}; then run onward rollback again",
                Shell(failure.pending.first().map_or(failure.path.as_str(), String::as_str))
            ),
            Error::WayBack(_) => "mend the way back, then run onward rollback again".to_owned(),
            Error::BaselineExists(_) => {
                "make the statement idempotent (IF NOT EXISTS, OR REPLACE, or a DROP ... IF EXISTS before it), or record \
                 the schema as it stands: onward baseline"
                    .to_owned()
            }
            Error::GaveUp { .. } => "run onward again later, or wait longer with --max-wait".to_owned(),
            Error::KeepsBreaking { .. } => {
                "see the log of the server; a statement of the file may end its own connection".to_owned()
            }
            Error::OutcomeUnknown { .. } => {
                "run onward again when the server answers; it reads the history before it does anything".to_owned()
            }
            Error::ResetUnknown { database, .. } => {
                format!("do it again, it begins anew: onward reset --database {}", Shell(database))
            }
            Error::NotReady { .. } => {
                "see the log of the server, check DATABASE_URL, or wait longer: --wait=5min".to_owned()
            }
            Error::Hook { hook: Hook::Before, .. } => {
                "nothing was applied; mend the command, then run onward again".to_owned()
            }
            Error::Hook { hook: Hook::After, .. } => {
                "the migrations are applied; mend the command, then run it by hand".to_owned()
            }
            Error::NotExecuted { .. } => {
                "the migrations are applied; give the program behind -- by its path, or have it on the PATH".to_owned()
            }
        }
    }
}

/// Whether a way back stands in a file of its own; else to mend it changes the migration.
fn is_file_of_its_own(path: &str) -> bool {
    path.ends_with(".down.sql") || path.ends_with("/down.sql")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage { message, .. } | Error::Unreachable { message, .. } => {
                f.write_str(message)
            }
            Error::Files(faults) => {
                for (i, fault) in faults.iter().enumerate() {
                    if i > 0 {
                        writeln!(f)?;
                    }
                    write!(f, "{fault}")?;
                }
                Ok(())
            }
            Error::Connect {
                target,
                tries,
                trouble,
            } => match &tries[..] {
                [] => write!(f, "cannot connect to {target}: {trouble}"),
                tries => write!(f, "cannot connect to {target}\n{}", tries.join("\n")),
            },
            Error::Database { doing, trouble } => write!(f, "{doing}: {trouble}"),
            Error::Refused { count } => write!(f, "refused, for {}", Count(*count, "reason")),
            Error::Migration(failure) | Error::BaselineExists(failure) => {
                write!(f, "{failure}")?;
                write!(f, "\napplied before: {}", Names(&failure.done))?;
                write!(f, "\nstill pending: {}", Names(&failure.pending))
            }
            Error::WayBack(failure) => {
                write!(f, "{failure}")?;
                write!(f, "\nrolled back before: {}", Names(&failure.done))?;
                write!(f, "\nstill applied: {}", Names(&failure.pending))
            }
            Error::GaveUp {
                waiting_for,
                waited,
                holder,
                done,
            } => {
                write!(f, "gave up waiting for {waiting_for} after {waited}")?;
                if let Some(holder) = holder {
                    write!(f, "; {holder}")?;
                }
                match done {
                    Done::Applied(names) | Done::RolledBack(names) if names.is_empty() => Ok(()),
                    done => write!(f, "\n{done}"),
                }
            }
            Error::KeepsBreaking {
                file,
                times,
                trouble,
            } => write!(
                f,
                "the connection was lost {} at {}, and it is not done: {trouble}",
                Count(*times as usize, "time"),
                Escaped(file)
            ),
            Error::OutcomeUnknown { file, trouble } => {
                write!(
                    f,
                    "the connection was lost at {file}, and it is not known whether it was committed: {trouble}"
                )
            }
            Error::ResetUnknown { database, trouble } => write!(
                f,
                "the connection was lost while all that is in {} was dropped, and it is not known whether that was committed: {trouble}",
                Escaped(database)
            ),
            Error::NotReady {
                target,
                waited,
                trouble,
            } => write!(f, "{target} was not ready after {waited}: {trouble}"),
            Error::Hook { hook, reason } => write!(f, "the command of {hook} {reason}"),
            Error::NotExecuted { program, reason } => {
                write!(f, "cannot execute {}: {reason}", Escaped(program))
            }
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(&self.path))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        if self.hint.is_empty() {
            Ok(())
        } else {
            write!(f, "\n  {}", self.hint)
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", Escaped(&self.path))?;
        if let Some(place) = &self.place {
            write!(f, "{}:{}:", place.line, place.column)?;
        }
        write!(f, " {}", self.error)?;
        if let Some(place) = &self.place {
            write!(f, "\n{place}")?;
        }
        self.error.fmt_details(f)?;
        write!(f, "\nrolled back: {}", self.rolled_back)
    }
}

/// The widest part of a line that is shown around a caret, in characters.
const EXCERPT_WIDTH: usize = 120;

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string();
        let before = self.column.saturating_sub(1);
        let skipped = before.saturating_sub(EXCERPT_WIDTH / 2);
        let skipped = if self.text.chars().count() <= EXCERPT_WIDTH {
            0
        } else {
            skipped
        };
        let shown: String = self
            .text
            .chars()
            .skip(skipped)
            .take(EXCERPT_WIDTH)
            .collect();
        let pad: String = shown
            .chars()
            .take(before - skipped)
            .filter_map(blank_as_wide)
            .collect();
        writeln!(f, "{gutter} | {}", Escaped(&shown))?;
        write!(f, "{:width$} | {pad}^", "", width = gutter.len())
    }
}

/// A blank as wide as a terminal shows a character, so that what stands below it is aligned: a tab stays a tab.
fn blank_as_wide(c: char) -> Option<char> {
    match (c, width(c)) {
        ('\t', _) => Some('\t'),
        (_, 0) => None,
        (_, 2) => Some('\u{3000}'),
        _ => Some(' '),
    }
}

/// How many columns of a terminal a character takes: an East Asian wide character or an emoji two, a combining character
/// none. The ranges are the blocks of <https://www.unicode.org/reports/tr11/> that people write.
#[must_use]
pub fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1_F300..=0x1_F64F
        | 0x1_F680..=0x1_F6FF
        | 0x1_F900..=0x1_F9FF
        | 0x2_0000..=0x3_FFFD => 2,
        _ => 1,
    }
}

impl Trouble {
    /// The server's error, if it was one.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Trouble::Server(error) => Some(error),
            Trouble::Connection(_) | Trouble::Terms(_) => None,
        }
    }

    /// Whether the session is gone, whoever ended it.
    #[must_use]
    pub fn lost_connection(&self) -> bool {
        self.server().is_none_or(ServerError::ends_connection)
    }

    /// Whether the same connection may be had later: the server is starting, full or away. A wrong password or an
    /// unknown database does not mend itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Trouble::Server(error) => error.code.starts_with("57P") || error.is_full(),
            Trouble::Connection(_) => true,
            Trouble::Terms(_) => false,
        }
    }

    /// Whether the server, or a pooler before it, had no connection to give: `too_many_connections`, or no answer.
    #[must_use]
    pub fn wants_connections(&self) -> bool {
        match self {
            Trouble::Server(error) => error.is_full(),
            Trouble::Connection(_) => true,
            Trouble::Terms(_) => false,
        }
    }

    fn connect_hint(&self) -> String {
        if let Trouble::Terms(terms) = self {
            return terms.hint.clone();
        }
        match self.server().map(|error| error.code.as_str()) {
            Some("28P01" | "28000") => {
                "check user and password of DATABASE_URL, and pg_hba.conf of the server"
            }
            Some("3D000") => "create the database first: createdb NAME",
            Some("53300") => "the server has no free connection; run onward again later",
            Some("57P03") => "the server is starting up; run onward again when it answers, or let it wait: onward --wait",
            _ => "check DATABASE_URL, and that the server runs and accepts connections there",
        }
        .to_owned()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Server(error) => write!(f, "{error}"),
            Trouble::Connection(message) => f.write_str(message),
            Trouble::Terms(terms) => write!(f, "{terms}"),
        }
    }
}

impl From<postgres::Error> for Trouble {
    fn from(error: postgres::Error) -> Trouble {
        if let Some(server) = error.as_db_error() {
            return Trouble::Server(Box::new(ServerError::from(server)));
        }
        if let Some(terms) = Terms::behind(&error) {
            return Trouble::Terms(terms.clone());
        }
        // The crate displays only the kind of an error; the reason is its source.
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(reason) = source {
            let text = reason.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = reason.source();
        }
        Trouble::Connection(message)
    }
}

impl From<&postgres::error::DbError> for ServerError {
    fn from(error: &postgres::error::DbError) -> ServerError {
        let position = match error.position() {
            Some(postgres::error::ErrorPosition::Original(position)) => Some(*position as usize),
            Some(postgres::error::ErrorPosition::Internal { .. }) | None => None,
        };
        ServerError {
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
            context: error.where_().map(str::to_owned),
            position,
            schema: error.schema().map(str::to_owned),
            table: error.table().map(str::to_owned),
        }
    }
}

impl ServerError {
    /// An error that the runner finds by itself, in the server's form.
    #[must_use]
    pub fn own(code: &str, message: String) -> ServerError {
        ServerError {
            severity: "ERROR".to_owned(),
            code: code.to_owned(),
            message,
            detail: None,
            hint: None,
            context: None,
            position: None,
            schema: None,
            table: None,
        }
    }

    /// Whether the server has ended the session with this error: class 08, and 57P01 to 57P05 of
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    #[must_use]
    pub fn ends_connection(&self) -> bool {
        self.code.starts_with("08")
            || self.code.starts_with("57P")
            || self.severity == "FATAL"
            || self.severity == "PANIC"
    }

    /// Whether the server has no room for one more, connections above all: class 53.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.code.starts_with("53")
    }

    /// Whether somebody else was in the way (`lock_not_available`, `deadlock_detected`, `serialization_failure`), so
    /// that the same file can succeed later.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        matches!(self.code.as_str(), "55P03" | "40P01" | "40001")
    }

    /// Whether a text is no time (`invalid_datetime_format`, `datetime_field_overflow`,
    /// `invalid_time_zone_displacement_value`, and `invalid_parameter_value` for the name of a zone).
    #[must_use]
    pub fn is_bad_time(&self) -> bool {
        matches!(self.code.as_str(), "22007" | "22008" | "22009" | "22023")
    }

    /// Whether something exists already (table, object, function, schema, column): the errors of a schema file that
    /// is not idempotent.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(
            self.code.as_str(),
            "42P07" | "42710" | "42723" | "42P06" | "42701"
        )
    }

    fn database_hint(&self) -> String {
        match self.code.as_str() {
            "23514" => {
                "the history table was created before this version, so that its list of states is shorter: drop the check \
                 of its column status, then run onward again"
            }
            "53200" if self.message.contains("shared memory") => {
                "raise max_locks_per_transaction of the server; or drop the database and create it anew, which takes no \
                 locks: dropdb NAME && createdb NAME"
            }
            "42501" => "connect as a role that has the privilege, or have it granted",
            "25006" => {
                "connect to the primary, with a role whose default_transaction_read_only is off"
            }
            _ => "that statement changed nothing; run onward again when it is mended",
        }
        .to_owned()
    }

    fn fmt_details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, text) in [
            ("DETAIL", &self.detail),
            ("HINT", &self.hint),
            ("CONTEXT", &self.context),
        ] {
            if let Some(text) = text {
                write!(f, "\n{label}: {text}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.severity, self.message, self.code)
    }
}

/// A number with its noun: `1 migration`, `2 migrations`.
pub struct Count(pub usize, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}{}",
            self.0,
            self.1,
            if self.0 == 1 { "" } else { "s" }
        )
    }
}

/// At most ten names, then how many more; `none` for none.
pub struct Names<'a>(pub &'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (i, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{}", if i > 0 { ", " } else { "" }, Escaped(name))?;
        }
        match self.0.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

/// A text from outside, with control characters (line ends, escape codes) written as escapes.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() && c != '\t' {
                // As bash reads it between $' and '.
                match c {
                    '\n' | '\r' => write!(f, "{}", c.escape_default())?,
                    _ => write!(f, "\\x{:02x}", u32::from(c))?,
                }
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// A word as it was typed on the command line, for a message: nothing of what could be a connection string, for that may
/// hold a password.
pub struct Typed<'a>(pub &'a str);

impl fmt::Display for Typed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains("://") || self.0.contains('=') || self.0.contains('@') {
            f.write_str("(not shown, for it looks like a connection string)")
        } else {
            write!(f, "\"{}\"", Escaped(self.0))
        }
    }
}

/// A word as a shell needs it: quoted if it holds anything out of the ordinary.
pub struct Shell<'a>(pub &'a str);

impl fmt::Display for Shell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain =
            |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '+' | '@');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            f.write_str(self.0)
        } else if self.0.chars().any(char::is_control) {
            let quoted = self.0.replace('\\', r"\\").replace('\'', r"\'");
            write!(f, "$'{}'", Escaped(&quoted))
        } else {
            write!(f, "'{}'", self.0.replace('\'', r"'\''"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, column: usize, expected: &str) {
        let excerpt = Excerpt {
            line: 7,
            column,
            text: text.to_owned(),
        };
        assert_eq!(excerpt.to_string(), format!("7 | {expected}"), "{text:?}");
    }

    #[test]
    fn the_caret_stands_below_its_character() {
        check("SELECT x", 8, "SELECT x\n  |        ^");
        check("\tSELECT x", 9, "\tSELECT x\n  | \t       ^");
        check("é x", 3, "é x\n  |   ^");
        check("e\u{301} x", 4, "e\u{301} x\n  |   ^");
        check("名前 x", 4, "名前 x\n  | \u{3000}\u{3000} ^");
        check("x", 2, "x\n  |  ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}x{}", "a".repeat(500), "b".repeat(500));
        let shown = format!(
            "{}x{}\n  | {}^",
            "a".repeat(60),
            "b".repeat(59),
            " ".repeat(60)
        );
        check(&text, 501, &shown);
    }

    #[test]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        assert_eq!(Shell("0001_a.sql").to_string(), "0001_a.sql");
        assert_eq!(Shell("it's").to_string(), r"'it'\''s'");
        assert_eq!(Shell("a\nb\x1b").to_string(), r"$'a\nb\x1b'");
        assert_eq!(Shell("").to_string(), "''");
    }
}
