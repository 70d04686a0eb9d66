//! What every test stands on: a database of its own, a project folder, and runs of the program whose exit code, stdout
//! and stderr are all three stated.

mod database;
mod doorman;
mod project;
mod proxy;
mod redact;
mod run;
mod schema;
#[cfg(feature = "tls")]
mod tls_server;

pub(crate) use database::Database;
pub(crate) use doorman::Doorman;
pub(crate) use project::Project;
pub(crate) use proxy::Proxy;
pub(crate) use redact::dedent;
pub(crate) use run::{Outcome, Run, Running};
pub(crate) use schema::Schema;
#[cfg(feature = "tls")]
pub(crate) use tls_server::{Turn, Way};

use std::time::{Duration, Instant};

/// The longest that anything in a test may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Lines, each with its end.
pub(crate) fn text<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Asks until the answer is yes.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
