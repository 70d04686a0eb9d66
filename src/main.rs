//! Arguments and environment in, exit code out.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use std::{env, fs, io};

use onward::cli::{self, Command, Flags, Format, Invocation, Program};
use onward::command::{self, Ending};
use onward::database::conninfo;
use onward::error::{Error, Result, exit};
use onward::program::{self, Answer, Variable};
use onward::report::Report;
use onward::settings::{
    self, Color, Environment, Settings, SmallFile, Verbosity, Voice, WithFiles,
};
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> ExitCode {
    heed_signals();
    let plain = Report::new(Voice {
        color: Color::Auto,
        verbosity: Verbosity::Normal,
        columns: None,
    });
    let (report, outcome) = match cli::parse(env::args_os().skip(1)) {
        Ok(Invocation::Help(text)) => {
            plain.document(text);
            (plain, Ok(exit::DONE))
        }
        Ok(Invocation::Version) => {
            plain.document(cli::VERSION);
            (plain, Ok(exit::DONE))
        }
        Ok(Invocation::Run(command, mut flags)) => {
            let undo = hide_password(&mut flags);
            let fit = |report: Report| match command.format() {
                Format::Human => report,
                Format::Json => report.for_machines(),
            };
            match voice(&flags) {
                Ok((surroundings, voice)) => {
                    let report = fit(Report::new(voice).with_flags(flags.to_repeat()));
                    let outcome = run(&command, &flags, &surroundings, &undo, &report);
                    (report, outcome)
                }
                Err(error) => (fit(plain), Err(error)),
            }
        }
        Err(error) => (plain, Err(error)),
    };
    let code = outcome.unwrap_or_else(|error| {
        report.error(&error);
        error.exit_code()
    });
    report.end(code);
    ExitCode::from(code)
}

/// The environment with the files of `--env-file`, and how the run speaks.
fn voice(flags: &Flags) -> Result<(WithFiles<'static, Surroundings>, Voice)> {
    let surroundings = WithFiles::read(flags, &Surroundings)?;
    let voice = Voice::resolve(flags, &surroundings)?;
    Ok((surroundings, voice))
}

/// Runs a command, and becomes the program that follows it; `undo` gives that program the environment we were given.
fn run(
    command: &Command,
    flags: &Flags,
    surroundings: &impl Environment,
    undo: &[Variable],
    report: &Report,
) -> Result<u8> {
    if let Command::New(told) = command {
        // It needs no database, so none has to be named.
        return command::new(&settings::location(flags, surroundings), told, report);
    }
    let settings = Settings::resolve(flags, surroundings).or_else(|error| match command {
        // What is wrong with the files can be told without a database.
        Command::Validate => {
            command::check_files(&settings::location(flags, surroundings)).and(Err(error))
        }
        _ => Err(error),
    })?;
    report.remarks(&settings.remarks);
    let ending = command::run(command, &settings, report);
    match ending.map_err(|error| settings.explain(error))? {
        Ending::Code(code) => Ok(code),
        Ending::Become(Program { name, arguments }) => {
            report.end(exit::DONE);
            Err(Error::NotExecuted {
                reason: program::execute(name, arguments, undo),
                program: name.to_string_lossy().into_owned(),
            })
        }
    }
}

/// Holds the connection string that the command line had.
const URL_VARIABLE: &str = "ONWARD_URL";
/// Stands on the command line instead.
const HIDDEN: &str = "(ONWARD_URL)";

/// Takes a password off the command line, which every user of the machine can read, into the environment, which only its
/// owner can: this program executes itself anew. Returns what undoes that.
fn hide_password(flags: &mut Flags) -> Vec<Variable> {
    let Some(url) = flags.url.clone() else {
        return Vec::new();
    };
    if url == HIDDEN {
        flags.url = env::var(URL_VARIABLE).ok();
        return vec![(URL_VARIABLE, None)];
    }
    let is_secret = conninfo::parse(&url).is_ok_and(|info| info.password.is_some());
    if let (true, Ok(program)) = (is_secret, env::current_exe()) {
        let mut behind = false;
        let words = env::args_os().skip(1).map(|word| {
            behind = behind || word == "--";
            match word.to_str().and_then(|word| word.strip_suffix(&url)) {
                Some(option @ ("" | "--url=")) if !behind => {
                    OsString::from(format!("{option}{HIDDEN}"))
                }
                _ => word,
            }
        });
        let words: Vec<OsString> = words.collect();
        if words
            .iter()
            .ne(env::args_os().skip(1).collect::<Vec<_>>().iter())
        {
            let hidden = (URL_VARIABLE, Some(OsString::from(&url)));
            // Where that cannot be, the password is no more visible than before.
            let _ = program::execute(program.as_os_str(), &words, &[hidden]);
        }
    }
    Vec::new()
}

/// Ends the process at once on SIGTERM and SIGINT, also as PID 1, for which the kernel ignores a signal without a handler.
/// The server rolls back what was under way.
fn heed_signals() {
    let ignored = ignored_signals();
    for signal in [SIGTERM, SIGINT] {
        // As in a job that a shell has started in the background.
        if ignored & (1 << (signal - 1)) != 0 {
            continue;
        }
        let always = Arc::new(AtomicBool::new(true));
        // Where no handler can be set, the signal does what it does to any program.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, always);
    }
}

/// The signals that whoever started us wants to be ignored, one bit each; none where the system does not tell.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// What surrounds this process.
struct Surroundings;

/// A program that settings are asked of answers within this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

impl Environment for Surroundings {
    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name)
    }

    fn file(&self, path: &Path) -> io::Result<SmallFile> {
        // Opening a pipe that nobody writes to would wait without end; one that the shell has opened is fine.
        let is_open = path.starts_with("/dev/fd") || path == Path::new("/dev/stdin");
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() && !is_open {
            return Err(io::Error::other("it is not a plain file"));
        }
        Ok(SmallFile {
            bytes: fs::read(path)?,
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
        })
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<Answer> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        program::ask(OsStr::new(program), &arguments, ANSWER_LIMIT)
    }

    fn user_id(&self) -> Option<u32> {
        Some(fs::metadata("/proc/self").ok()?.uid())
    }
}
