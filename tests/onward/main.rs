//! The program against a real server. `make test` starts one; each test makes a database of its own there.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may end at once"
)]

mod adopt;
mod attack;
mod baseline;
mod container;
mod copy;
mod crash;
mod docker;
mod dumps;
mod errors;
mod example;
mod files;
mod forms;
mod help;
mod history;
mod hooks;
mod hosts;
mod json;
mod kinds;
mod large;
mod leaks;
mod legacy;
mod libpq;
mod lock;
mod mark;
mod new;
mod notices;
mod only;
mod order;
mod own_history;
mod program;
mod psql;
mod read_only;
mod refusals;
mod rehearsals;
mod repair;
mod reset;
mod rights;
mod rollback;
mod rollback_steps;
mod roundtrips;
mod secrets;
mod sections;
mod settings;
mod sources;
mod status;
mod steps;
mod support;
mod table;
mod texts;
#[cfg(feature = "tls")]
mod tls;
mod tools;
mod trust;
mod up;
mod urls;
mod validate;
mod wait;
