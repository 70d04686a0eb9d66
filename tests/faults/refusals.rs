//! What does not mend itself ends a run at once, and tells no secret.

use std::time::Duration;

use crate::guard::{self, wait_until};
use crate::invariants::{Lab, check_output};
use crate::run::CANARY;
use crate::server::Private;

const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn an_unknown_database_or_role_ends_a_run_at_once() {
    let _guard = guard::shared(60);
    let lab = Lab::new().whole("001_t.sql", "CREATE TABLE t (x int);");
    let server = &lab.database.server;
    for url in [
        server.url("postgres", "no_such_database"),
        server.url("no_such_role", &lab.database.name),
    ] {
        let outcome = lab.run_at(&url, "").outcome();
        outcome
            .exits(4)
            .took_less_than(AT_ONCE)
            .says("does not exist");
        check_output(&outcome);
    }
}

#[test]
fn a_wrong_password_or_no_way_in_ends_a_run_at_once() {
    let _guard = guard::shared(60);
    let private = Private::start(&[]);
    let lab = Lab::at(&private.server).whole("001_t.sql", "CREATE TABLE t (x int);");
    lab.database
        .execute("ALTER ROLE postgres PASSWORD 'another'");
    lab.check_goes_on();
    private.let_in("local all postgres scram-sha-256\n");
    wait_until("the rules hold", Duration::from_secs(5), || {
        private.server.try_connect("postgres").is_err()
    });
    let outcome = lab.run("").outcome();
    outcome.exits(4).took_less_than(AT_ONCE).says("(28P01)");
    check_output(&outcome);
    private.let_in("local nothing nobody trust\n");
    wait_until("the rules hold", Duration::from_secs(5), || {
        let outcome = lab.run("").outcome();
        outcome.exits(4).took_less_than(AT_ONCE);
        check_output(&outcome);
        outcome.stderr.contains("(28000)")
    });
    private.let_in("local all postgres trust\n");
    wait_until("the rules hold", Duration::from_secs(5), || {
        private.server.try_connect("postgres").is_ok()
    });
    lab.database
        .execute(&format!("ALTER ROLE postgres PASSWORD '{CANARY}'"));
    private.let_in("local all postgres scram-sha-256\n");
    wait_until("the rules hold", Duration::from_secs(5), || {
        private.server.try_connect("postgres").is_err()
    });
    let outcome = lab.run("").outcome();
    outcome.exits(0);
    check_output(&outcome);
}
