//! What was typed: arguments to an `Invocation`, and the help text. Pure: no environment, no files.

use std::ffi::{OsStr, OsString};

use lexopt::prelude::{Long, Short, Value};

use crate::error::{Error, Result, Shell, Typed};

/// A command line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    Help(&'static str),
    Version,
    Run(Command, Box<Flags>),
}

/// A command with what only it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Up(Up),
    Status {
        format: Format,
        check: Check,
    },
    Validate,
    New(New),
    Rollback {
        extent: Extent,
        rehearsal: Rehearsal,
    },
    Baseline(Baseline),
    Repair {
        files: Vec<String>,
        rehearsal: Rehearsal,
    },
    Reset {
        /// The name of the database, as a promise that it is meant.
        database: String,
        /// `--force`: sessions of others are ended.
        force: Switch,
    },
    Adopt(Adopt),
    Wait,
}

impl Command {
    /// How it tells what happens while it happens.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Command::Up(told) => told.format,
            _ => Format::Human,
        }
    }
}

/// What `up` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Up {
    pub to: Option<String>,
    /// The one pending file to apply.
    pub only: Option<String>,
    pub rehearsal: Rehearsal,
    pub format: Format,
    /// A shell command for when something is pending.
    pub before: Option<String>,
    /// A shell command for after success.
    pub after: Option<String>,
    /// What to become after success.
    pub program: Option<Program>,
}

/// What `new` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// The words of the name.
    pub words: Vec<String>,
    /// `--down`: a way back beside it.
    pub way_back: Switch,
}

/// How far `rollback` goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// So many migrations, the newest first.
    Last(usize),
    /// All that came after this version, which stays.
    To(String),
}

/// What `baseline` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    pub through: Option<String>,
    /// `--extend`: on a database that has a history.
    pub extend: Switch,
    pub rehearsal: Rehearsal,
}

/// What `adopt` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopt {
    /// The tool whose history is taken over, where several are there.
    pub from: Option<String>,
    pub rehearsal: Rehearsal,
    pub rename_files: Switch,
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    pub name: OsString,
    pub arguments: Vec<OsString>,
}

/// Whether a command does what it plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsal {
    /// `--dry-run`: show the plan.
    ShowOnly,
    Apply,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
}

/// Whether the exit code of `status` tells what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    ShowOnly,
    ExitCode,
}

/// What any command takes, as typed; settings make sense of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    pub url: Option<String>,
    /// Files with variables; a later one wins.
    pub env_files: Vec<OsString>,
    pub dir: Option<OsString>,
    pub schema: Option<OsString>,
    pub table: Option<String>,
    pub lock_timeout: Option<String>,
    pub max_wait: Option<String>,
    pub timeout: Option<String>,
    pub wait: Wait,
    pub docker: Docker,
    pub color: Option<String>,
    pub strict: Switch,
    pub allow_nonempty: Switch,
    pub quiet: Switch,
    pub verbose: Switch,
}

impl Flags {
    /// The flags that another command must repeat to mean the same files and the same history, ready to be pasted before
    /// it. The connection string is not among them.
    #[must_use]
    pub fn to_repeat(&self) -> String {
        let files: Vec<_> = self
            .env_files
            .iter()
            .map(|file| file.to_string_lossy())
            .collect();
        let dir = self.dir.as_deref().map(OsStr::to_string_lossy);
        let schema = self.schema.as_deref().map(OsStr::to_string_lossy);
        let flags = [
            ("--dir", dir.as_deref()),
            ("--schema", schema.as_deref()),
            ("--table", self.table.as_deref()),
        ];
        let given = flags
            .iter()
            .filter_map(|(flag, value)| Some((*flag, (*value)?)));
        let files = files.iter().map(|file| ("--env-file", &**file));
        let docker = match &self.docker {
            Docker::Absent => String::new(),
            Docker::OnlyOne => " --docker".to_owned(),
            Docker::Named(name) => format!(" --docker={}", Shell(name)),
        };
        files.chain(given).fold(docker, |all, (flag, value)| {
            format!("{all} {flag} {}", Shell(value))
        })
    }
}

/// A flag without a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Switch {
    #[default]
    Absent,
    Given,
}

/// Whether to wait for a server that is not ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wait {
    #[default]
    Absent,
    /// `--wait`: for as long as usual.
    Usual,
    For(String),
}

/// Which container the database is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Docker {
    #[default]
    Absent,
    /// `--docker`: the only one that runs PostgreSQL.
    OnlyOne,
    Named(String),
}

/// The commands by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Up,
    Status,
    Validate,
    New,
    Rollback,
    Baseline,
    Repair,
    Reset,
    Adopt,
    Wait,
}

/// The options that only one command takes, as they are read.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that was read or not"
)]
struct Own {
    to: Option<String>,
    dry_run: bool,
    json: bool,
    check: bool,
    through: Option<String>,
    extend: bool,
    only: Option<String>,
    down: bool,
    database: Option<String>,
    force: bool,
    from: Option<String>,
    rename_files: bool,
    before: Option<String>,
    after: Option<String>,
    /// What is no option: files, the words of a name, a number.
    words: Vec<String>,
    program: Option<Program>,
}

/// Reads the arguments, the program's name not among them.
///
/// # Errors
/// `Error::Usage` with the word that makes no sense.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let mut verb = None;
    let (mut flags, mut own) = (Flags::default(), Own::default());
    own.program = split_program(&mut args)?;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(argument) = parser.next().map_err(|error| misused(&error))? {
        match argument {
            Short('h') | Long("help") => return Ok(Invocation::Help(help(verb))),
            Short('V') | Long("version") => return Ok(Invocation::Version),
            Long("list") if matches!(verb, None | Some(Verb::Status)) => verb = Some(Verb::Status),
            Value(word) if verb.is_none() && word == "help" => {
                let topic = parser
                    .value()
                    .ok()
                    .map(|topic| verb_of(&topic))
                    .transpose()?;
                return Ok(Invocation::Help(help(topic)));
            }
            Value(word) if verb.is_none() => verb = Some(verb_of(&word)?),
            Value(word) if verb.is_some_and(Verb::takes_words) => {
                own.words.push(text("an argument", word)?);
            }
            Value(word) => {
                return Err(usage(&format!(
                    "unexpected argument {}",
                    Typed(&word.to_string_lossy())
                )));
            }
            Long("docker") => flags.docker = read_docker(&mut parser)?,
            Short(letter) => {
                let option = format!("-{letter}");
                read_option(&option, &mut parser, &mut flags, &mut own)?;
            }
            Long(name) => {
                let option = format!("--{name}");
                read_option(&option, &mut parser, &mut flags, &mut own)?;
            }
        }
    }
    let verb = verb.unwrap_or(Verb::Up);
    own.belongs_to(verb)?;
    Ok(Invocation::Run(command(verb, own)?, Box::new(flags)))
}

/// Takes off what stands behind `--`: the program to become.
fn split_program(args: &mut Vec<OsString>) -> Result<Option<Program>> {
    let Some(at) = args.iter().position(|word| word == "--") else {
        return Ok(None);
    };
    let mut words = args.split_off(at).into_iter().skip(1);
    match words.next() {
        Some(name) => Ok(Some(Program {
            name,
            arguments: words.collect(),
        })),
        None => Err(usage("there is no program behind --")),
    }
}

/// The container behind `--docker`: what is joined by `=`, else the next word, unless that is an option or a command.
fn read_docker(parser: &mut lexopt::Parser) -> Result<Docker> {
    if let Some(name) = parser.optional_value() {
        return Ok(Docker::Named(text("--docker", name)?));
    }
    let Ok(mut words) = parser.raw_args() else {
        return Ok(Docker::OnlyOne);
    };
    let is_name = |word: &OsStr| {
        !word.as_encoded_bytes().starts_with(b"-") && verb_of(word).is_err() && word != "help"
    };
    match words.next_if(is_name) {
        Some(name) => Ok(Docker::Named(text("--docker", name)?)),
        None => Ok(Docker::OnlyOne),
    }
}

fn read_option(
    option: &str,
    parser: &mut lexopt::Parser,
    flags: &mut Flags,
    own: &mut Own,
) -> Result<()> {
    if option == "--wait" {
        flags.wait = match parser.optional_value() {
            None => Wait::Usual,
            Some(value) => Wait::For(text(option, value)?),
        };
        return Ok(());
    }
    let mut value = || parser.value().map_err(|error| misused(&error));
    match option {
        "--url" => flags.url = Some(text(option, value()?)?),
        "--env-file" => flags.env_files.push(value()?),
        "--dir" => flags.dir = Some(value()?),
        "--schema" => flags.schema = Some(value()?),
        "--table" => flags.table = Some(text(option, value()?)?),
        "--lock-timeout" => flags.lock_timeout = Some(text(option, value()?)?),
        "--max-wait" => flags.max_wait = Some(text(option, value()?)?),
        "--timeout" => flags.timeout = Some(text(option, value()?)?),
        "--color" => flags.color = Some(text(option, value()?)?),
        "--strict" => flags.strict = Switch::Given,
        "--allow-nonempty" => flags.allow_nonempty = Switch::Given,
        "-q" | "--quiet" => flags.quiet = Switch::Given,
        "-v" | "--verbose" => flags.verbose = Switch::Given,
        "--to" => own.to = Some(text(option, value()?)?),
        "--dry-run" => own.dry_run = true,
        "--json" => own.json = true,
        "--check" => own.check = true,
        "--through" => own.through = Some(text(option, value()?)?),
        "--extend" => own.extend = true,
        "--only" => own.only = Some(text(option, value()?)?),
        "--down" => own.down = true,
        "--database" => own.database = Some(text(option, value()?)?),
        "--force" => own.force = true,
        "--from" => own.from = Some(text(option, value()?)?),
        "--rename-files" => own.rename_files = true,
        "--before" => own.before = Some(text(option, value()?)?),
        "--after" => own.after = Some(text(option, value()?)?),
        "--list" => {
            return Err(usage(
                "--list is a command of its own, another name of \"status\"",
            ));
        }
        _ if option
            .chars()
            .all(|c| c == '-' || c.is_ascii_alphanumeric()) =>
        {
            return Err(usage(&format!("unknown option {option}")));
        }
        _ => return Err(usage(&format!("unknown option {}", Typed(option)))),
    }
    Ok(())
}

impl Own {
    /// Refuses an option of another command: it would be ignored, and its user deceived.
    fn belongs_to(&self, verb: Verb) -> Result<()> {
        use Verb::{Adopt, Baseline, New, Repair, Reset, Rollback, Status, Up};
        let rehearsed = &[Up, Rollback, Baseline, Repair, Adopt];
        let given: [(&str, &[Verb], bool); 15] = [
            ("--to", &[Up, Rollback], self.to.is_some()),
            ("--only", &[Up], self.only.is_some()),
            ("--dry-run", rehearsed, self.dry_run),
            ("--json", &[Up, Status], self.json),
            ("--check", &[Status], self.check),
            ("--through", &[Baseline], self.through.is_some()),
            ("--extend", &[Baseline], self.extend),
            ("--down", &[New], self.down),
            ("--database", &[Reset], self.database.is_some()),
            ("--force", &[Reset], self.force),
            ("--from", &[Adopt], self.from.is_some()),
            ("--rename-files", &[Adopt], self.rename_files),
            ("--before", &[Up], self.before.is_some()),
            ("--after", &[Up], self.after.is_some()),
            ("-- PROGRAM", &[Up], self.program.is_some()),
        ];
        if self.dry_run && self.program.is_some() {
            return Err(usage("--dry-run runs nothing, so no program may follow"));
        }
        match given
            .iter()
            .find(|(_, owners, given)| *given && !owners.contains(&verb))
        {
            Some((option, owners, _)) => {
                let owners: Vec<String> = owners
                    .iter()
                    .map(|owner| format!("\"{}\"", owner.word()))
                    .collect();
                let message = format!(
                    "{option} belongs to {}, not to \"{}\"",
                    owners.join(" and "),
                    verb.word()
                );
                Err(usage(&message))
            }
            None => Ok(()),
        }
    }
}

fn command(verb: Verb, own: Own) -> Result<Command> {
    let rehearsal = if own.dry_run {
        Rehearsal::ShowOnly
    } else {
        Rehearsal::Apply
    };
    let format = if own.json {
        Format::Json
    } else {
        Format::Human
    };
    Ok(match verb {
        Verb::Up if own.to.is_some() && own.only.is_some() => {
            return Err(usage("--only names one file, so --to has no meaning"));
        }
        Verb::Up => Command::Up(Up {
            to: own.to,
            only: own.only,
            rehearsal,
            format,
            before: own.before,
            after: own.after,
            program: own.program,
        }),
        Verb::Status => Command::Status {
            format,
            check: if own.check {
                Check::ExitCode
            } else {
                Check::ShowOnly
            },
        },
        Verb::Validate => Command::Validate,
        Verb::New if own.words.is_empty() => return Err(usage("new needs a name")),
        Verb::New => Command::New(New {
            words: own.words,
            way_back: switch(own.down),
        }),
        Verb::Rollback => Command::Rollback {
            extent: extent(own.to, &own.words)?,
            rehearsal,
        },
        Verb::Baseline => Command::Baseline(Baseline {
            through: own.through,
            extend: switch(own.extend),
            rehearsal,
        }),
        Verb::Repair => Command::Repair {
            files: own.words,
            rehearsal,
        },
        Verb::Reset => Command::Reset {
            database: own.database.ok_or_else(|| {
                usage(
                    "reset drops all that is in a database: confirm its name with --database NAME",
                )
            })?,
            force: switch(own.force),
        },
        Verb::Adopt => Command::Adopt(Adopt {
            from: own.from,
            rehearsal,
            rename_files: switch(own.rename_files),
        }),
        Verb::Wait => Command::Wait,
    })
}

fn switch(given: bool) -> Switch {
    if given { Switch::Given } else { Switch::Absent }
}

/// One migration, if nothing is said; else `N`, or `--to VERSION`.
fn extent(to: Option<String>, words: &[String]) -> Result<Extent> {
    match (to, words) {
        (Some(version), []) => Ok(Extent::To(version)),
        (None, []) => Ok(Extent::Last(1)),
        (None, [number]) if is_version(number) => Err(Error::Usage {
            message: format!("{} is no number of migrations", Typed(number)),
            hint: format!("a version is written --to {}", Shell(number)),
        }),
        (None, [number]) => match number.parse() {
            Ok(number) if number > 0 => Ok(Extent::Last(number)),
            _ => Err(usage(&format!(
                "{} is no number of migrations",
                Typed(number)
            ))),
        },
        (Some(_), _) => Err(usage(
            "give a number of migrations or --to VERSION, not both",
        )),
        (None, _) => Err(usage("rollback takes one number of migrations")),
    }
}

/// Whether digits are written as file names have them and numbers have not.
fn is_version(word: &str) -> bool {
    word.len() > 1 && word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit())
}

impl Verb {
    const ALL: [Verb; 10] = [
        Verb::Up,
        Verb::Status,
        Verb::Validate,
        Verb::New,
        Verb::Rollback,
        Verb::Baseline,
        Verb::Repair,
        Verb::Reset,
        Verb::Adopt,
        Verb::Wait,
    ];

    /// Whether words that are no options mean something to it.
    fn takes_words(self) -> bool {
        matches!(self, Verb::New | Verb::Rollback | Verb::Repair)
    }

    fn word(self) -> &'static str {
        match self {
            Verb::Up => "up",
            Verb::Status => "status",
            Verb::Validate => "validate",
            Verb::New => "new",
            Verb::Rollback => "rollback",
            Verb::Baseline => "baseline",
            Verb::Repair => "repair",
            Verb::Reset => "reset",
            Verb::Adopt => "adopt",
            Verb::Wait => "wait",
        }
    }
}

fn verb_of(word: &OsStr) -> Result<Verb> {
    let is_second_name = |verb: &Verb| *verb == Verb::New && word == "create";
    Verb::ALL
        .into_iter()
        .find(|verb| word == verb.word() || is_second_name(verb))
        .ok_or_else(|| {
            usage(&format!(
                "unknown command {}",
                Typed(&word.to_string_lossy())
            ))
        })
}

fn text(option: &str, value: OsString) -> Result<String> {
    value
        .into_string()
        .map_err(|_| usage(&format!("the value of {option} is not UTF-8")))
}

/// What lexopt says, without the value: it may be a connection string.
fn misused(error: &lexopt::Error) -> Error {
    usage(&match error {
        lexopt::Error::MissingValue {
            option: Some(option),
        } => format!("{option} needs a value"),
        lexopt::Error::UnexpectedValue { option, .. } => format!("{option} takes no value"),
        lexopt::Error::UnexpectedOption(option) => format!("unknown option {option}"),
        _ => "the command line makes no sense".to_owned(),
    })
}

fn usage(message: &str) -> Error {
    Error::Usage {
        message: message.to_owned(),
        hint: "see onward --help, or onward COMMAND --help".to_owned(),
    }
}

fn help(verb: Option<Verb>) -> &'static str {
    match verb {
        None => HELP,
        Some(Verb::Up) => HELP_UP,
        Some(Verb::Status) => HELP_STATUS,
        Some(Verb::Validate) => HELP_VALIDATE,
        Some(Verb::New) => HELP_NEW,
        Some(Verb::Rollback) => HELP_ROLLBACK,
        Some(Verb::Baseline) => HELP_BASELINE,
        Some(Verb::Repair) => HELP_REPAIR,
        Some(Verb::Reset) => HELP_RESET,
        Some(Verb::Adopt) => HELP_ADOPT,
        Some(Verb::Wait) => HELP_WAIT,
    }
}

/// What `--version` prints.
pub const VERSION: &str = concat!("onward ", env!("CARGO_PKG_VERSION"), "\n");

const HELP: &str = include_str!("cli/help.txt");

/// The help of a command ends with the options of all commands.
macro_rules! help {
    ($file:literal) => {
        concat!(include_str!($file), include_str!("cli/options.txt"))
    };
}

const HELP_UP: &str = help!("cli/up.txt");
const HELP_STATUS: &str = help!("cli/status.txt");
const HELP_VALIDATE: &str = help!("cli/validate.txt");
const HELP_NEW: &str = help!("cli/new.txt");
const HELP_ROLLBACK: &str = help!("cli/rollback.txt");
const HELP_BASELINE: &str = help!("cli/baseline.txt");
const HELP_REPAIR: &str = help!("cli/repair.txt");
const HELP_RESET: &str = help!("cli/reset.txt");
const HELP_ADOPT: &str = help!("cli/adopt.txt");
const HELP_WAIT: &str = help!("cli/wait.txt");

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: std::result::Result<Invocation, &str>) {
        let args = line.split_whitespace().map(OsString::from);
        match (parse(args), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{line:?}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{line:?}: {error}");
            }
            (got, expected) => panic!("{line:?}: {got:?} instead of {expected:?}"),
        }
    }

    fn up(to: Option<&str>, rehearsal: Rehearsal) -> Command {
        Command::Up(Up {
            to: to.map(str::to_owned),
            only: None,
            rehearsal,
            format: Format::Human,
            before: None,
            after: None,
            program: None,
        })
    }

    #[test]
    fn up_is_the_command_where_none_is_named() {
        let plain = Invocation::Run(up(None, Rehearsal::Apply), Box::default());
        check("", Ok(plain.clone()));
        check("up", Ok(plain));
        let dry = Invocation::Run(up(Some("0003"), Rehearsal::ShowOnly), Box::default());
        check("--dry-run --to=0003", Ok(dry.clone()));
        check("up --to 0003 --dry-run", Ok(dry));
    }

    #[test]
    fn status_has_a_second_name() {
        let status =
            |format, check| Invocation::Run(Command::Status { format, check }, Box::default());
        check("--list", Ok(status(Format::Human, Check::ShowOnly)));
        check(
            "status --json --check",
            Ok(status(Format::Json, Check::ExitCode)),
        );
    }

    #[test]
    fn rollback_goes_back_by_one_by_some_or_to_a_version() {
        let back = |extent| {
            let rehearsal = Rehearsal::Apply;
            Invocation::Run(Command::Rollback { extent, rehearsal }, Box::default())
        };
        check("rollback", Ok(back(Extent::Last(1))));
        check("rollback 3", Ok(back(Extent::Last(3))));
        check(
            "rollback --to 0003",
            Ok(back(Extent::To("0003".to_owned()))),
        );
    }

    #[test]
    fn new_takes_the_words_of_a_name() {
        let new = Command::New(New {
            words: ["add", "email"].map(str::to_owned).to_vec(),
            way_back: Switch::Given,
        });
        let expected = Invocation::Run(new, Box::default());
        check("new add email --down", Ok(expected.clone()));
        check("create --down add email", Ok(expected));
    }

    #[test]
    fn general_options_stand_before_or_after_the_command() {
        let flags = Flags {
            strict: Switch::Given,
            table: Some("t".to_owned()),
            ..Flags::default()
        };
        let expected = Invocation::Run(up(None, Rehearsal::Apply), Box::new(flags));
        check("--strict up --table t", Ok(expected.clone()));
        check("up --table=t --strict", Ok(expected));
    }

    #[test]
    fn help_leaves_before_anything_can_fail() {
        check("--help", Ok(Invocation::Help(HELP)));
        check("help", Ok(Invocation::Help(HELP)));
        check("help status", Ok(Invocation::Help(HELP_STATUS)));
        check("repair -h", Ok(Invocation::Help(HELP_REPAIR)));
        check("-V", Ok(Invocation::Version));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        check("upp", Err("unknown command \"upp\""));
        check("up extra", Err("unexpected argument \"extra\""));
        check("--nonsense", Err("unknown option --nonsense"));
        check(
            "status --to 3",
            Err("--to belongs to \"up\" and \"rollback\", not to \"status\""),
        );
        check(
            "baseline --json",
            Err("--json belongs to \"up\" and \"status\""),
        );
        check("new", Err("new needs a name"));
        check("reset", Err("--database NAME"));
        check("rollback x", Err("\"x\" is no number of migrations"));
        check("rollback 0", Err("is no number of migrations"));
        check("rollback 0002", Err("\"0002\" is no number of migrations"));
        check("rollback 2 --to 3", Err("not both"));
        check("up --only a.sql --to 3", Err("--only names one file"));
        check("up --to", Err("--to"));
        check("help upp", Err("unknown command"));
        check("up --list", Err("--list is a command of its own"));
        check("up --strict=x", Err("--strict takes no value"));
    }

    #[test]
    fn what_stands_behind_two_hyphens_is_the_program() {
        let Ok(Invocation::Run(Command::Up(told), flags)) =
            parse(["--wait", "--", "app", "--to", "--", "x y"].map(OsString::from))
        else {
            panic!("not understood");
        };
        let program = Program {
            name: "app".into(),
            arguments: ["--to", "--", "x y"].map(OsString::from).to_vec(),
        };
        assert_eq!(told.program, Some(program));
        assert_eq!(told.to, None);
        assert_eq!(flags.wait, Wait::Usual);
        check("up --", Err("no program behind --"));
        check("status -- app", Err("-- PROGRAM belongs to \"up\""));
        check("up --dry-run -- app", Err("--dry-run runs nothing"));
    }

    #[test]
    fn some_values_may_be_left_out() {
        let run = |command, flags| Ok(Invocation::Run(command, Box::new(flags)));
        let waiting = |wait| Flags {
            wait,
            ..Flags::default()
        };
        let here = |docker| Flags {
            docker,
            ..Flags::default()
        };
        let apply = || up(None, Rehearsal::Apply);
        check("wait", run(Command::Wait, Flags::default()));
        check("--wait", run(apply(), waiting(Wait::Usual)));
        let half_a_minute = Wait::For("30s".to_owned());
        check(
            "wait --wait=30s",
            run(Command::Wait, waiting(half_a_minute)),
        );
        let named = |name: &str| here(Docker::Named(name.to_owned()));
        check("--docker", run(apply(), here(Docker::OnlyOne)));
        check("--docker up", run(apply(), here(Docker::OnlyOne)));
        check("--docker db up", run(apply(), named("db")));
        check("up --docker db", run(apply(), named("db")));
        check("up --docker=wait", run(apply(), named("wait")));
    }

    #[test]
    fn what_could_be_a_connection_string_is_never_repeated() {
        for line in [
            "postgres://u:c4nary@h/d",
            "up password=c4nary",
            "help postgres://u:c4nary@h",
            "-q=postgres://c4nary",
        ] {
            let error = parse(line.split_whitespace().map(OsString::from)).expect_err(line);
            assert!(!error.to_string().contains("c4nary"), "{error}");
        }
    }

    #[test]
    fn the_flags_that_name_files_and_history_are_repeated() {
        let Ok(Invocation::Run(_, flags)) =
            parse(["--dir", "my dir", "--table=h", "-q", "--env-file=.env"].map(OsString::from))
        else {
            panic!("not understood");
        };
        assert_eq!(
            flags.to_repeat(),
            " --env-file .env --dir 'my dir' --table h"
        );
        let here = |docker| Flags {
            docker,
            ..Flags::default()
        };
        let named = Docker::Named("status".to_owned());
        assert_eq!(here(named).to_repeat(), " --docker=status");
        assert_eq!(here(Docker::OnlyOne).to_repeat(), " --docker");
    }
}
