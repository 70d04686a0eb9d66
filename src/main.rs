//! Arguments and environment in, exit code out.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use onward::cli::{self, Invocation};
use onward::error::exit;
use onward::report::Report;
use onward::settings::{Color, Settings, Verbosity, Voice};
use onward::{command, error};
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> ExitCode {
    heed_signals();
    let plain = Report::new(Voice {
        color: Color::Auto,
        verbosity: Verbosity::Normal,
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
        Ok(Invocation::Run(command, flags)) => match Voice::resolve(&flags, &environment) {
            Ok(voice) => {
                let report = Report::new(voice).with_flags(flags.to_repeat());
                let outcome = run(&command, &flags, &report);
                (report, outcome)
            }
            Err(error) => (plain, Err(error)),
        },
        Err(error) => (plain, Err(error)),
    };
    ExitCode::from(outcome.unwrap_or_else(|error| {
        report.error(&error);
        error.exit_code()
    }))
}

fn run(command: &cli::Command, flags: &cli::Flags, report: &Report) -> error::Result<u8> {
    let settings = Settings::resolve(flags, &environment)?;
    command::run(command, &settings, report)
}

/// Ends the process at once on SIGTERM and SIGINT, also as PID 1, for which the kernel ignores a signal without a handler.
/// The server rolls back what was under way.
fn heed_signals() {
    for signal in [SIGTERM, SIGINT] {
        let always = Arc::new(AtomicBool::new(true));
        // Where no handler can be set, the signal does what it does to any program.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, always);
    }
}

fn environment(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name)
}
