//! The server ends connections, crashes, restarts, and fails over: the same run goes on.

use std::time::{Duration, Instant};

use crate::chance::{Chance, torture};
use crate::guard::{self, wait_until};
use crate::invariants::{Lab, Step};
use crate::run::{Running, signal};
use crate::server::{Database, OBSERVER, Private};

/// Four files, each of which takes a while.
fn slow(database: Database, nap_s: f32) -> Lab {
    let nap = format!("SELECT pg_sleep({nap_s});");
    Lab::on(database)
        .whole(
            "001_t.sql",
            &format!("CREATE TABLE t (x int, y int);\n{nap}"),
        )
        .whole(
            "002_u.sql",
            &format!("{nap}\nCREATE TABLE u (x int);\n{nap}"),
        )
        .steps(
            "003_index.sql",
            vec![
                Step::Mark,
                Step::index("t_x", "t (x)"),
                Step::other(&nap),
                Step::Mark,
            ],
        )
        .whole("004_v.sql", &format!("{nap}\nALTER TABLE t ADD z int;"))
}

#[track_caller]
fn wait_until_at(lab: &Lab, run: &mut Running, file: &str) {
    let at_work = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onward {file}' \
         AND datname = current_database() AND wait_event = 'PgSleep'"
    );
    wait_until(
        &format!("{file} is at work"),
        Duration::from_secs(20),
        || {
            assert!(!run.has_ended(), "it ended too early");
            lab.database.value(&at_work) == "1"
        },
    );
}

#[test]
fn backends_terminated_at_random_moments_are_replaced() {
    let _guard = guard::shared(if torture() { 1800 } else { 120 });
    let mut chance = Chance::new();
    let lab = slow(Database::new(), 0.02);
    let rounds = if torture() { 500 } else { 25 };
    let mut same_run = 0;
    for round in 0..rounds {
        let mut run = lab.run("").start();
        // Up to two times, so that no file is hit as often as ends a run.
        let mut hits = 0;
        for _ in 0..2 {
            std::thread::sleep(chance.time(Duration::from_millis(150)));
            if run.has_ended() {
                break;
            }
            // One of the connections, or all of them.
            let limit = if chance.below(2) == 0 { "1" } else { "ALL" };
            hits += lab
                .database
                .query(&format!(
                    "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity \
                     WHERE datname = current_database() AND backend_type = 'client backend' \
                     AND application_name <> '{OBSERVER}' ORDER BY random() LIMIT {limit}) AS it"
                ))
                .len();
        }
        let outcome = run.outcome();
        let seed = chance.seed;
        assert!(
            matches!(outcome.code(), Some(0 | 4)),
            "round {round}, {hits} terminated, seed {seed}\n{outcome}"
        );
        println!("round {round}, {hits} terminated\n{outcome}");
        lab.check_after(&outcome);
        same_run += usize::from(outcome.code() == Some(0));
        lab.check_goes_on();
        lab.reset();
    }
    crate::summary(&format!(
        "terminated backends: {rounds} runs, {same_run} ended with 0 in the same run, FAULT_SEED={}",
        chance.seed
    ));
}

#[test]
fn a_run_outlives_a_crash_of_the_server() {
    let _guard = guard::shared(120);
    let private = Private::start(&[]);
    for file in ["002_u.sql", "003_index.sql", "004_v.sql"] {
        let lab = slow(Database::on(&private.server, ""), 0.3);
        let mut run = lab.run("").start();
        wait_until_at_or_step(&lab, &mut run, file);
        let pid = lab.database.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'onward%' \
             AND state = 'active' LIMIT 1",
        );
        let pid = pid
            .first()
            .expect("a backend at work")
            .parse()
            .expect("a pid");
        signal("KILL", pid);
        let outcome = run.outcome();
        outcome.exits(0).says("connecting again");
        lab.check_after(&outcome);
        lab.check_nothing_left();
    }
}

/// A step has no name of its own on the server.
#[track_caller]
fn wait_until_at_or_step(lab: &Lab, run: &mut Running, file: &str) {
    if file == "003_index.sql" {
        let at_step = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'onward%' \
             AND datname = current_database() AND wait_event = 'PgSleep'";
        let done = "SELECT count(*) FROM public.schema_migrations WHERE filename = '003_index.sql' AND statements_done = 2";
        wait_until("the step is at work", Duration::from_secs(20), || {
            assert!(!run.has_ended(), "it ended too early");
            lab.database
                .value("SELECT to_regclass('public.schema_migrations') IS NOT NULL")
                == "t"
                && lab.database.value(done) == "1"
                && lab.database.value(at_step) == "1"
        });
    } else {
        wait_until_at(lab, run, file);
    }
}

#[track_caller]
fn check_restart(how: &str, away: Duration) {
    let mut private = Private::start(&[]);
    let lab = slow(Database::on(&private.server, ""), 0.4);
    let mut run = lab.run("").start();
    wait_until_at(&lab, &mut run, "002_u.sql");
    private.end(how);
    std::thread::sleep(away);
    private.begin();
    let outcome = run.outcome();
    outcome
        .exits(0)
        .says("the connection was lost at 002_u.sql; connecting again");
    lab.check_after(&outcome);
    lab.check_nothing_left();
}

#[test]
fn a_run_outlives_a_fast_restart() {
    let _guard = guard::shared(60);
    check_restart("INT", Duration::ZERO);
}

#[test]
fn a_run_outlives_an_immediate_restart_of_some_seconds() {
    let _guard = guard::shared(60);
    check_restart("QUIT", Duration::from_secs(3));
}

#[test]
fn a_server_that_stays_away_ends_a_run_at_its_timeout() {
    let _guard = guard::shared(60);
    let mut private = Private::start(&[]);
    let lab = slow(Database::on(&private.server, ""), 0.4);
    let mut run = lab.run("--timeout 4s").start();
    wait_until_at(&lab, &mut run, "002_u.sql");
    private.end("QUIT");
    let outcome = run.outcome();
    outcome.exits(4).took_less_than(Duration::from_secs(6));
    outcome.says("002_u.sql").says("run onward again");
    private.begin();
    lab.check_after(&outcome);
    lab.check_goes_on();
}

#[test]
fn restarts_at_random_moments_leave_one_effect_each() {
    let _guard = guard::shared(if torture() { 1800 } else { 120 });
    let mut chance = Chance::new();
    let mut private = Private::start(&[]);
    let rounds = if torture() { 60 } else { 4 };
    let begun = Instant::now();
    let mut same_run = 0;
    for round in 0..rounds {
        let lab = slow(Database::on(&private.server, ""), 0.03);
        let run = lab.run("").start();
        std::thread::sleep(chance.time(Duration::from_millis(400)));
        private.end(if chance.below(2) == 0 { "INT" } else { "QUIT" });
        private.begin();
        let outcome = run.outcome();
        let seed = chance.seed;
        assert!(
            matches!(outcome.code(), Some(0 | 4)),
            "round {round}, seed {seed}\n{outcome}"
        );
        println!("round {round}\n{outcome}");
        same_run += usize::from(outcome.code() == Some(0));
        lab.check_after(&outcome);
        lab.check_goes_on();
    }
    crate::summary(&format!(
        "restarts: {rounds}, {same_run} ended with 0 in the same run, {:.0} s, FAULT_SEED={}",
        begun.elapsed().as_secs_f64(),
        chance.seed
    ));
}

/// The process that holds the run lock of the laboratory.
const LOCK_HOLDER: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = \
    (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn a_runner_that_lost_the_run_lock_and_the_next_one_do_each_thing_once() {
    let _guard = guard::shared(120);
    for (file, working) in [
        (
            "001_t.sql",
            "query LIKE '%001_t.sql%' AND wait_event = 'PgSleep'",
        ),
        (
            "002_steps.sql",
            "application_name LIKE 'onward%' AND wait_event = 'PgSleep'",
        ),
        ("003_index.sql", "query LIKE 'CREATE INDEX CONC%'"),
    ] {
        let mut lab = Lab::new().whole(
            "001_t.sql",
            "CREATE TABLE t (x int, y int);\nINSERT INTO t VALUES (1);\nSELECT pg_sleep(1);",
        );
        if file != "001_t.sql" {
            lab.add_steps(
                "002_steps.sql",
                vec![Step::Mark, Step::other("SELECT pg_sleep(1)"), Step::Mark],
            );
            lab.run("--to 001").outcome().exits(0);
        }
        if file == "003_index.sql" {
            lab.run("").outcome().exits(0);
            lab.add_steps(
                "003_index.sql",
                vec![
                    Step::Mark,
                    Step::index("t_slow", "t (lab.slow(x))"),
                    Step::Mark,
                ],
            );
            lab.database.execute(
                "CREATE FUNCTION lab.slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql \
                 AS $$BEGIN PERFORM pg_sleep(1); RETURN $1; END$$",
            );
        }
        let mut first = lab.run("").start();
        wait_until(
            &format!("{file} is at work"),
            Duration::from_secs(10),
            || {
                assert!(!first.has_ended(), "it ended too early");
                lab.database.value(&format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND {working}"
            )) == "1"
            },
        );
        lab.database.execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM ({LOCK_HOLDER}) AS it"
        ));
        let second = lab.run("").start();
        for (which, run) in [("first", first), ("second", second)] {
            let outcome = run.outcome();
            println!("{file}, the {which} runner:\n{outcome}");
            lab.check_after(&outcome);
        }
        lab.check_goes_on();
    }
}
