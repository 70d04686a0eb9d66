//! Concurrent index builds that fail or are killed: an invalid index is never recorded as applied.

use std::time::Duration;

use crate::guard::{self, wait_until};
use crate::invariants::{Lab, Step};
use crate::proxy::{Act, Point, Proxy};
use crate::run::{Running, signal};
use crate::server::{Database, Private};

/// A table, and a file that builds an index of it.
fn indexed(database: Database) -> Lab {
    Lab::on(database)
        .whole(
            "001_t.sql",
            "CREATE TABLE t (x int);\nINSERT INTO t SELECT generate_series(1, 100);",
        )
        .steps(
            "002_index.sql",
            vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
        )
        .whole("003_u.sql", "CREATE TABLE u (x int);")
}

/// A run whose build waits for an open transaction, which is returned too.
fn building(lab: &Lab) -> (Running, postgres::Client) {
    lab.run("--to 001").outcome().exits(0);
    let mut writer = lab.database.connect();
    writer
        .batch_execute("BEGIN; INSERT INTO t VALUES (0)")
        .unwrap();
    let mut run = lab.run("").start();
    wait_until("the build waits", Duration::from_secs(10), || {
        assert!(!run.has_ended(), "the build did not wait");
        lab.database
            .value(&format!("SELECT count(*) FROM {BUILDER}"))
            == "1"
    });
    (run, writer)
}

const BUILDER: &str = "pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY t_x%' \
    AND state = 'active' AND application_name <> 'lab'";

#[test]
fn a_unique_index_that_cannot_be_is_never_recorded() {
    let _guard = guard::shared(60);
    let unique = Step::Index {
        name: "t_x".to_owned(),
        sql: "CREATE UNIQUE INDEX CONCURRENTLY t_x ON t (x)".to_owned(),
    };
    let if_not_exists = Step::Index {
        name: "t_x".to_owned(),
        sql: "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x)".to_owned(),
    };
    for step in [unique, if_not_exists] {
        let lab = Lab::new()
            .whole(
                "001_t.sql",
                "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1), (1);",
            )
            .steps("002_index.sql", vec![Step::Mark, step, Step::Mark]);
        for _ in 0..3 {
            let outcome = lab.run("").outcome();
            outcome
                .exits(1)
                .says("002_index.sql:2:1: ERROR")
                .says("(23505)");
            lab.check_after(&outcome);
        }
        lab.database
            .execute("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
        lab.check_goes_on();
    }
}

#[test]
fn a_build_whose_runner_is_killed_is_taken_up_by_the_next_run() {
    let _guard = guard::shared(90);
    let lab = indexed(Database::new());
    let (run, mut writer) = building(&lab);
    run.kill();
    lab.check();
    // The next run comes at once, while the server may still be building; the other transaction ends later.
    let next = lab.run("").start();
    std::thread::sleep(Duration::from_millis(1500));
    writer.batch_execute("COMMIT").unwrap();
    let outcome = next.outcome();
    lab.check_after(&outcome);
    outcome.exits(0);
    lab.check_nothing_left();
}

#[test]
fn a_build_that_goes_on_without_its_runner_does_not_disturb_the_next_run() {
    let _guard = guard::shared(90);
    let lab = indexed(Database::new()).steps(
        "004_slow.sql",
        vec![
            Step::Mark,
            // The server is busy with it for two seconds, and waits for nobody.
            Step::index("t_slow", "t (lab.slow(x))"),
            Step::Mark,
        ],
    );
    lab.database.execute(
        "CREATE FUNCTION lab.slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql \
         AS $$BEGIN PERFORM pg_sleep(0.02); RETURN $1; END$$",
    );
    lab.run("--to 003").outcome().exits(0);
    for _ in 0..3 {
        let run = lab.run("").start();
        wait_until("the build is under way", Duration::from_secs(10), || {
            lab.database.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND query LIKE 'CREATE INDEX CONCURRENTLY t_slow%' AND wait_event = 'PgSleep'",
            ) == "1"
        });
        run.kill();
        let outcome = lab.run("").outcome();
        lab.check_after(&outcome);
        outcome.exits(0);
        lab.check_nothing_left();
        lab.database.execute(
            "DROP INDEX t_slow; DELETE FROM lab.effects WHERE file = '004_slow.sql'; \
             DELETE FROM schema_migrations WHERE filename = '004_slow.sql'",
        );
    }
}

#[test]
fn a_build_whose_connection_is_cut_is_taken_up_by_the_same_run() {
    let _guard = guard::shared(90);
    let lab = Lab::new()
        .whole(
            "001_t.sql",
            "CREATE TABLE t (x int);\nINSERT INTO t SELECT generate_series(1, 50);",
        )
        .steps(
            "002_slow.sql",
            vec![
                Step::Mark,
                Step::index("t_slow", "t (lab.slow(x))"),
                Step::Mark,
            ],
        );
    lab.database.execute(
        "CREATE FUNCTION lab.slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql \
         AS $$BEGIN PERFORM pg_sleep(0.02); RETURN $1; END$$",
    );
    let proxy = Proxy::breaking(
        &lab.database.server,
        Point::Sends("CREATE INDEX CONCURRENTLY"),
        Act::CutAfter,
    );
    let outcome = lab.run_at(&proxy.url(&lab.database), "").outcome();
    assert!(proxy.has_acted(), "{outcome}");
    lab.check_after(&outcome);
    lab.check_nothing_left();
    if outcome.code() != Some(0) {
        // If not at once, then at least by the next run.
        let next = lab.run("").outcome();
        assert!(
            next.code() == Some(0),
            "I8\n{outcome}\nthe next run:\n{next}"
        );
    }
    outcome.exits(0);
}

#[test]
fn a_build_that_is_cancelled_or_terminated_is_done_again() {
    let _guard = guard::shared(90);
    for (function, code) in [("pg_cancel_backend", 1), ("pg_terminate_backend", 0)] {
        let lab = indexed(Database::new());
        let (run, mut writer) = building(&lab);
        lab.database
            .execute(&format!("SELECT {function}(pid) FROM {BUILDER}"));
        if code == 0 {
            std::thread::sleep(Duration::from_millis(700));
            writer.batch_execute("COMMIT").unwrap();
        }
        let outcome = run.outcome();
        outcome.exits(code);
        lab.check_after(&outcome);
        drop(writer);
        lab.check_goes_on();
    }
}

#[test]
fn a_build_that_dies_with_its_server_is_done_again() {
    let _guard = guard::shared(90);
    let private = Private::start(&[]);
    let lab = indexed(Database::on(&private.server, ""));
    let (run, writer) = building(&lab);
    let pid = lab.database.value(&format!("SELECT pid FROM {BUILDER}"));
    signal("KILL", pid.parse().expect("a pid"));
    let outcome = run.outcome();
    drop(writer);
    outcome.exits(0);
    lab.check_after(&outcome);
    lab.check_nothing_left();
}
