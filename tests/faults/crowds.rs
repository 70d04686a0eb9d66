//! Many runners at once: each file is applied once, and every runner ends with 0.

use std::time::{Duration, Instant};

use crate::guard;
use crate::invariants::{Lab, Step, check_output};
use crate::run::Outcome;
use crate::server::Private;

/// Files of which one builds an index concurrently.
pub(crate) fn files(lab: Lab) -> Lab {
    lab.whole(
        "001_t.sql",
        "CREATE TABLE t (x int, y int);\nINSERT INTO t SELECT n, n FROM generate_series(1, 1000) n;\nSELECT pg_sleep(0.1);",
    )
    .steps(
        "002_index.sql",
        vec![
            Step::Mark,
            Step::index("t_x", "t (x)"),
            Step::Mark,
            Step::index("t_y", "t (y)"),
            Step::Mark,
        ],
    )
    .whole("003_z.sql", "SELECT pg_sleep(0.1);\nALTER TABLE t ADD z int;")
}

/// Starts so many runners at once; how long it took.
#[track_caller]
pub(crate) fn all_at_once(lab: &Lab, url: &str, runners: usize) -> Duration {
    let begun = Instant::now();
    let running: Vec<_> = (0..runners)
        .map(|_| lab.run_at(url, "").within(Duration::from_mins(1)).start())
        .collect();
    let outcomes: Vec<Outcome> = running.into_iter().map(|run| run.outcome()).collect();
    let took = begun.elapsed();
    for (number, outcome) in outcomes.iter().enumerate() {
        assert!(
            outcome.code() == Some(0),
            "runner {number} of {runners}\n{outcome}"
        );
        check_output(outcome);
    }
    let last = outcomes.last().expect("a runner");
    lab.check_after(last);
    let busy = outcomes
        .iter()
        .filter(|outcome| !outcome.stdout.starts_with("Applied 0 migrations"))
        .count();
    assert!(busy <= 3, "one of them applies each file, not {busy}");
    took
}

#[test]
fn of_20_runners_at_once_each_ends_well() {
    let _guard = guard::shared(120);
    let lab = files(Lab::new());
    for round in 1..=5 {
        let took = all_at_once(&lab, &lab.database.url(), 20);
        println!("round {round}: {took:?}");
        lab.check_nothing_left();
        lab.reset();
    }
}

#[test]
fn of_100_runners_at_once_each_ends_well_with_100_connections() {
    let _guard = guard::alone(120);
    let private = Private::start(&["max_connections = 100"]);
    let lab = files(Lab::at(&private.server));
    let took = all_at_once(&lab, &lab.database.url(), 100);
    println!("100 runners: {took:?}");
    lab.check_nothing_left();
}

#[test]
fn runners_that_wait_do_not_keep_the_winner_from_its_second_connection() {
    let _guard = guard::shared(120);
    let private = Private::start(&[
        "max_connections = 8",
        "superuser_reserved_connections = 0",
        "max_wal_senders = 0",
    ]);
    let lab = files(Lab::at(&private.server));
    // Asked for before the server is full.
    let mut holder = lab.database.connect();
    holder
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(x'6F6E77617264'::bigint)")
        .unwrap();
    let running: Vec<_> = (0..20).map(|_| lab.run("").start()).collect();
    std::thread::sleep(Duration::from_secs(3));
    drop(holder);
    for (number, run) in running.into_iter().enumerate() {
        let outcome = run.outcome();
        assert!(outcome.code() == Some(0), "runner {number}\n{outcome}");
        check_output(&outcome);
    }
    lab.check();
    lab.check_nothing_left();
}
