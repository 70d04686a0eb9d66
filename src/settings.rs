//! What holds for this run: flag, then environment variable, then default; each value knows where it came from. Pure.

mod account;
mod connection;
mod docker;
mod env_file;
mod password_file;
mod service_file;
mod source;
mod surroundings;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::{Flags, Switch, Wait};
use crate::database::conninfo::ConnInfo;
use crate::error::{Error, Result};
use crate::migration::folder::{Location, SchemaPath};
use crate::plan::{Nonempty, Strictness};
use crate::program::Answer;
use crate::sql::name::TableName;
use crate::timeout::{BadDuration, LockTimeout, MaxWait, ReadyWait, RunTimeout};

pub use connection::{Connection, Origin, Remark};
pub use docker::InContainer;
pub use source::Source;
use source::pick;
pub use surroundings::WithFiles;

/// What surrounds the program. Where a test needs variables alone, a function is enough.
pub trait Environment {
    /// The value of a variable, if it is set.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The place of a variable in a file, if it is not the process's own.
    fn origin(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// A small file that holds settings.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is no file.
    fn file(&self, path: &Path) -> io::Result<SmallFile> {
        let _ = path;
        Err(io::ErrorKind::NotFound.into())
    }

    /// What another program answers.
    ///
    /// # Errors
    /// It is not there, or does not answer in time.
    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<Answer> {
        let _ = (program, arguments);
        Err(io::ErrorKind::NotFound.into())
    }

    /// The number of the user that the program runs as.
    fn user_id(&self) -> Option<u32> {
        None
    }
}

/// A file with settings, and what decides whether it can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmallFile {
    pub bytes: Vec<u8>,
    /// The permission bits, as `chmod` takes them.
    pub mode: u32,
    /// The number of its owner.
    pub owner: u32,
}

impl<F: Fn(&str) -> Option<OsString>> Environment for F {
    fn variable(&self, name: &str) -> Option<OsString> {
        self(name)
    }
}

/// Everything that holds for a run.
#[derive(Debug)]
pub struct Settings {
    pub target: ConnInfo,
    /// Where each value of the connection came from.
    pub origins: Vec<Origin>,
    pub remarks: Vec<Remark>,
    /// Where `--docker` found the database.
    pub container: Option<InContainer>,
    /// The variable that says that this is production, if one does.
    pub production: Option<&'static str>,
    pub location: Location,
    pub table: TableName,
    pub strict: Strictness,
    pub nonempty: Nonempty,
    pub lock_timeout: LockTimeout,
    pub max_wait: MaxWait,
    /// Whether to wait for a server that is not ready.
    pub wait: Option<ReadyWait>,
    /// The end of the whole run.
    pub timeout: Option<RunTimeout>,
}

/// How the run speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    pub color: Color,
    pub verbosity: Verbosity,
    /// The columns of the terminal, by `COLUMNS`.
    pub columns: Option<usize>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    Always,
    Never,
}

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// A value that must be text.
fn text(value: (OsString, Source)) -> Result<(String, Source)> {
    let (value, source) = value;
    match value.into_string() {
        Ok(text) => Ok((text, source)),
        Err(_) => Err(bad(&source, "the value is not UTF-8")),
    }
}

fn bad(source: &Source, message: impl fmt::Display) -> Error {
    Error::Usage {
        message: format!("{source}: {message}"),
        hint: "see onward --help".to_owned(),
    }
}

impl Voice {
    /// How the run speaks, by flags and environment.
    ///
    /// # Errors
    /// `Error::Usage` for a value that makes no sense.
    pub fn resolve(flags: &Flags, environment: &impl Environment) -> Result<Voice> {
        let color = match pick(flags.color.as_ref(), "--color", environment, "ONWARD_COLOR") {
            None => Color::Auto,
            Some(value) => match text(value)? {
                (word, _) if word == "auto" => Color::Auto,
                (word, _) if word == "always" => Color::Always,
                (word, _) if word == "never" => Color::Never,
                (_, source) => return Err(bad(&source, "one of auto, always, never")),
            },
        };
        let no_color = environment
            .variable("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        let color = if no_color && color == Color::Auto {
            Color::Never
        } else {
            color
        };
        let quiet = switch(flags.quiet, environment, "ONWARD_QUIET")?;
        let verbose = switch(flags.verbose, environment, "ONWARD_VERBOSE")?;
        let verbosity = match (quiet, verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        };
        let columns = environment.variable("COLUMNS");
        let columns = columns.and_then(|columns| columns.to_str()?.parse().ok());
        Ok(Voice {
            color,
            verbosity,
            columns: columns.filter(|columns| *columns > 0),
        })
    }
}

impl Settings {
    /// Makes sense of flags and environment.
    ///
    /// # Errors
    /// `Error::Usage` for the first value that makes no sense, named by its source; values of connection strings are
    /// never repeated.
    pub fn resolve(flags: &Flags, environment: &impl Environment) -> Result<Settings> {
        let connection = connection::resolve(flags, environment)?;
        let table = match pick(flags.table.as_ref(), "--table", environment, "ONWARD_TABLE") {
            None => TableName::usual(),
            Some(value) => {
                let (name, source) = text(value)?;
                TableName::parse(&name).map_err(|message| bad(&source, message))?
            }
        };
        let strict = if switch(flags.strict, environment, "ONWARD_STRICT")? {
            Strictness::Refuse
        } else {
            Strictness::Warn
        };
        let nonempty = if switch(flags.allow_nonempty, environment, "ONWARD_ALLOW_NONEMPTY")? {
            Nonempty::Allow
        } else {
            Nonempty::Refuse
        };
        let lock_timeout = pick(
            flags.lock_timeout.as_ref(),
            "--lock-timeout",
            environment,
            "ONWARD_LOCK_TIMEOUT",
        );
        let max_wait = pick(
            flags.max_wait.as_ref(),
            "--max-wait",
            environment,
            "ONWARD_MAX_WAIT",
        );
        let timeout = pick(
            flags.timeout.as_ref(),
            "--timeout",
            environment,
            "ONWARD_TIMEOUT",
        );
        Ok(Settings {
            target: connection.target,
            origins: connection.origins,
            remarks: connection.remarks,
            container: connection.container,
            production: production(environment),
            location: location(flags, environment),
            table,
            strict,
            nonempty,
            lock_timeout: duration(
                lock_timeout,
                LockTimeout::milliseconds(500),
                LockTimeout::parse,
            )?,
            max_wait: duration(max_wait, MaxWait::milliseconds(300_000), MaxWait::parse)?,
            wait: wait(&flags.wait, environment)?,
            timeout: duration(timeout, None, |text| RunTimeout::parse(text).map(Some))?,
        })
    }

    /// An error of a run, with the next step that a database in a container asks for.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        match &self.container {
            Some(container) => container.explain(error, &self.target),
            None => error,
        }
    }
}

/// The variable that says that this is production.
fn production(environment: &impl Environment) -> Option<&'static str> {
    const STAGES: [&str; 4] = ["ONWARD_ENV", "APP_ENV", "NODE_ENV", "RAILS_ENV"];
    STAGES.into_iter().find(|name| {
        let stage = environment.variable(name).unwrap_or_default();
        stage.eq_ignore_ascii_case("production") || stage.eq_ignore_ascii_case("prod")
    })
}

/// Where the files are: all that a command needs to know that has no use for a database.
pub fn location(flags: &Flags, environment: &impl Environment) -> Location {
    let dir = pick(flags.dir.as_ref(), "--dir", environment, "ONWARD_DIR");
    let schema = pick(
        flags.schema.as_ref(),
        "--schema",
        environment,
        "ONWARD_SCHEMA",
    );
    Location {
        dir: dir.map_or_else(|| PathBuf::from("migrations"), |(dir, _)| dir.into()),
        schema: match schema {
            Some((path, _)) => SchemaPath::Named(PathBuf::from(path)),
            None => SchemaPath::Usual(PathBuf::from("schema.sql")),
        },
    }
}

/// How long a server that is not ready is waited for, where nothing else is said.
pub const USUAL_WAIT: ReadyWait = ReadyWait::milliseconds(60_000);

fn wait(flag: &Wait, environment: &impl Environment) -> Result<Option<ReadyWait>> {
    let flag = match flag {
        Wait::Usual => return Ok(Some(USUAL_WAIT)),
        Wait::For(text) => Some(text),
        Wait::Absent => None,
    };
    let value = pick(flag, "--wait", environment, "ONWARD_WAIT");
    duration(value, None, |text| ReadyWait::parse(text).map(Some))
}

fn duration<T>(
    value: Option<(OsString, Source)>,
    default: T,
    parse: impl Fn(&str) -> std::result::Result<T, BadDuration>,
) -> Result<T> {
    value.map_or(Ok(default), |value| {
        let (text, source) = text(value)?;
        parse(&text).map_err(|error| bad(&source, error))
    })
}

/// A flag that is given, or a variable that says yes.
fn switch(flag: Switch, environment: &impl Environment, variable: &'static str) -> Result<bool> {
    if flag == Switch::Given {
        return Ok(true);
    }
    let Some((value, source)) = source::variable(environment, variable) else {
        return Ok(false);
    };
    match value.to_str().map(str::to_ascii_lowercase).as_deref() {
        Some("0" | "false" | "no" | "off") => Ok(false),
        Some("1" | "true" | "yes" | "on") => Ok(true),
        _ => Err(bad(&source, "one of 1, true, yes, on, 0, false, no, off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: (&str, &str) = ("DATABASE_URL", "postgres://app@db/app");

    fn resolve(flags: &Flags, variables: &[(&str, &str)]) -> Result<Settings> {
        let environment = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        };
        Settings::resolve(flags, &environment)
    }

    fn check_error(flags: &Flags, variables: &[(&str, &str)], expected: &str) {
        let message = resolve(flags, variables).expect_err("an error").to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn a_flag_beats_a_variable_beats_the_default() {
        let defaults = resolve(&Flags::default(), &[URL]).expect("defaults");
        assert_eq!(defaults.location.dir, PathBuf::from("migrations"));
        assert_eq!(
            defaults.location.schema,
            SchemaPath::Usual(PathBuf::from("schema.sql"))
        );
        assert_eq!(defaults.lock_timeout, LockTimeout::milliseconds(500));
        assert_eq!(defaults.origins[0].source, Source::Variable("DATABASE_URL"));
        let variables = [
            URL,
            ("ONWARD_DIR", "db"),
            ("ONWARD_STRICT", "yes"),
            ("ONWARD_TABLE", "ops.t"),
        ];
        let by_variable = resolve(&Flags::default(), &variables).expect("variables");
        assert_eq!(by_variable.location.dir, PathBuf::from("db"));
        assert_eq!(by_variable.strict, Strictness::Refuse);
        assert_eq!(by_variable.table.to_string(), "ops.t");
        let flags = Flags {
            dir: Some("else".into()),
            url: Some("postgres://app@x/x".to_owned()),
            ..Flags::default()
        };
        let by_flag = resolve(&flags, &variables).expect("flags");
        assert_eq!(by_flag.location.dir, PathBuf::from("else"));
        assert_eq!(by_flag.origins[0].source, Source::Flag("--url"));
    }

    #[test]
    fn an_empty_variable_is_no_value() {
        let settings = resolve(
            &Flags::default(),
            &[URL, ("ONWARD_DIR", ""), ("ONWARD_STRICT", "")],
        )
        .expect("settings");
        assert_eq!(settings.location.dir, PathBuf::from("migrations"));
        assert_eq!(settings.strict, Strictness::Warn);
        check_error(
            &Flags::default(),
            &[("DATABASE_URL", "")],
            "no database is named",
        );
    }

    #[test]
    fn a_bad_value_is_named_by_its_source() {
        check_error(
            &Flags::default(),
            &[URL, ("ONWARD_STRICT", "perhaps")],
            "ONWARD_STRICT: one of",
        );
        check_error(
            &Flags::default(),
            &[URL, ("ONWARD_TABLE", "a.b.c")],
            "ONWARD_TABLE: it has more than two parts",
        );
        let flags = Flags {
            lock_timeout: Some("5".to_owned()),
            ..Flags::default()
        };
        check_error(&flags, &[URL], "--lock-timeout: not a length of time");
    }

    #[test]
    fn a_connection_string_is_never_repeated() {
        let url = (
            "DATABASE_URL",
            "postgres://app:c4nary@db/app?nonsense=c4nary",
        );
        let error = resolve(&Flags::default(), &[url]).expect_err("an error");
        assert!(!format!("{error} {error:?}").contains("c4nary"), "{error}");
        assert!(error.to_string().starts_with("DATABASE_URL: "), "{error}");
    }
}
