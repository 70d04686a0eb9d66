//! What breaks, and what must hold nevertheless: kills, cut connections, crashed, frozen and full servers, crowds of
//! runners, poolers, locks. `make test` runs the short form; with `TORTURE=1` every kill and cut is tried.
//!
//! Every test has a limit (see `guard`), and every run of the program has one (see `run`): nothing here can hang.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may end at once, and says what it did"
)]

mod chance;
mod crashes;
mod crowds;
mod cuts;
mod disk;
mod freezes;
mod guard;
mod indexes;
mod invariants;
mod kills;
mod limits;
mod locks;
mod outputs;
mod pooler;
mod proxy;
mod refusals;
mod run;
mod server;
mod signals;
mod standby;
mod ways_back;

/// Says what a test did: in the long form past the test's own capture.
fn summary(text: &str) {
    if chance::torture() {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "{text}");
    } else {
        println!("{text}");
    }
}
