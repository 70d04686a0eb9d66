//! SIGKILL of the runner at random moments.

use std::time::{Duration, Instant};

use crate::chance::{Chance, torture};
use crate::guard;
use crate::invariants::{Lab, Step};

/// Files of each kind, quick enough for thousands of runs.
fn files() -> Lab {
    Lab::new()
        .whole(
            "001_tables.sql",
            "CREATE TABLE t (x int, y int);\nINSERT INTO t SELECT n, n FROM generate_series(1, 50) n;",
        )
        .whole("002_sleep.sql", "SELECT pg_sleep(0.004);\nALTER TABLE t ADD z int;")
        .steps(
            "003_index.sql",
            vec![
                Step::Mark,
                Step::index("t_x", "t (x)"),
                Step::Mark,
                Step::other("VACUUM t"),
                Step::Mark,
            ],
        )
        .whole("004_view.sql", "CREATE VIEW v AS SELECT x FROM t;\nSELECT pg_sleep(0.002);")
        .steps(
            "005_groups.sql",
            vec![
                Step::other("BEGIN"),
                Step::other("UPDATE t SET z = x"),
                Step::other("COMMIT"),
                Step::other("BEGIN"),
                Step::other("UPDATE t SET z = z + 1"),
                Step::other("COMMIT"),
            ],
        )
        .whole("006_last.sql", "CREATE TABLE u (x int);")
}

/// How one thread fared.
#[derive(Default)]
struct Tally {
    kills: usize,
    too_late: usize,
    runs: usize,
}

/// Kills runs until so many were killed; every one or two kills a run may end, at the first try.
fn kill_again_and_again(lab: &Lab, kills: usize, mut chance: Chance) -> Tally {
    let mut observer = lab.database.connect();
    let whole = lab.run("").outcome();
    whole.exits(0);
    lab.check_after(&whole);
    lab.reset();
    // How long a run takes just now: later than that, none is left to kill.
    let mut window = whole.took;
    let mut tally = Tally::default();
    while tally.kills < kills {
        let at = chance.time(window);
        let run = lab.run("").start();
        std::thread::sleep(at);
        let outcome = run.kill();
        tally.runs += 1;
        if outcome.was_killed() {
            tally.kills += 1;
            if tally.kills % 500 == 0 {
                crate::summary(&format!(
                    "{:?}: {} kills, {} came too late",
                    std::thread::current().id(),
                    tally.kills,
                    tally.too_late
                ));
            }
        } else {
            tally.too_late += 1;
        }
        lab.check_as_seen_by(&mut observer);
        if chance.below(3) == 0 {
            continue;
        }
        // The server may still be at work for the one that was killed.
        let next = lab.run("").outcome();
        assert!(
            next.code() == Some(0),
            "I8: after SIGKILL at {at:?} (seed {}) the next run:\n{next}\nthe killed run:\n{outcome}",
            chance.seed
        );
        lab.check_after(&next);
        window = (window * 15 + next.took) / 16;
        lab.check_nothing_left();
        // What has no mark is done once too.
        assert_eq!(
            lab.database.value("SELECT count(*) FROM t WHERE z = x + 1"),
            "50",
            "a group of statements was done twice, or half\n{next}"
        );
        lab.reset();
    }
    tally
}

#[test]
fn after_sigkill_at_any_moment_the_next_run_ends_well() {
    let _guard = guard::shared(if torture() { 6 * 3600 } else { 150 });
    let kills = if torture() { 10_000 } else { 200 };
    let mut chance = Chance::new();
    let seed = chance.seed;
    let begun = Instant::now();
    let hands = if torture() { 4 } else { 2 };
    let threads: Vec<_> = (0..hands)
        .map(|hand| {
            let chance = chance.fork();
            // Every other one begins with a baseline.
            let lab = if hand % 2 == 0 {
                files()
            } else {
                files().schema("CREATE TABLE s (x int);\nSELECT pg_sleep(0.003);")
            };
            std::thread::spawn(move || kill_again_and_again(&lab, kills / hands, chance))
        })
        .collect();
    let mut all = Tally::default();
    for thread in threads {
        let tally = thread
            .join()
            .unwrap_or_else(|reason| std::panic::resume_unwind(reason));
        all.kills += tally.kills;
        all.too_late += tally.too_late;
        all.runs += tally.runs;
    }
    crate::summary(&format!(
        "kills: {} of {} runs, {} came too late, 0 invariants violated, {:.0} s, FAULT_SEED={seed}",
        all.kills,
        all.runs,
        all.too_late,
        begun.elapsed().as_secs_f64()
    ));
}

#[test]
fn a_long_statement_ends_two_seconds_after_its_runner() {
    let _guard = guard::shared(60);
    let lab = Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole("002_long.sql", "SELECT pg_sleep(30);");
    let run = lab.run("").start();
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onward 002_long.sql' \
         AND datname = current_database() AND wait_event = 'PgSleep'";
    guard::wait_until("the statement runs", Duration::from_secs(10), || {
        lab.database.value(at_work) == "1"
    });
    run.kill();
    lab.check_nothing_left_after(Duration::from_secs(2));
    lab.check();
    let lab = lab;
    lab.write(
        "002_long.sql",
        "INSERT INTO lab.effects VALUES ('002_long.sql', 0), ('002_long.sql', 1);",
    );
    lab.check_goes_on();
}
