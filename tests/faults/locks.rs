//! Locks that others hold: a migration gives way, says who is in the way, and tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::guard::{self, wait_until};
use crate::invariants::Lab;

/// A table that somebody reads in a long transaction, and a migration that alters it; also the reader's pid.
fn behind_a_reader() -> (Lab, postgres::Client, String) {
    let mut lab = Lab::new().whole("001_t.sql", "CREATE TABLE t (x int);");
    lab.check_goes_on();
    let mut reader = lab.database.connect();
    let pid = crate::server::rows(
        reader
            .simple_query("BEGIN; SELECT pg_backend_pid() FROM (SELECT count(*) FROM t) AS it")
            .expect("a pid"),
    );
    lab.add_whole("002_y.sql", "ALTER TABLE t ADD y int;");
    (lab, reader, pid.concat())
}

#[test]
fn behind_a_long_reader_other_readers_do_not_stall() {
    let _guard = guard::alone(60);
    let (lab, mut long, pid) = behind_a_reader();
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (over, mut client) = (Arc::clone(&over), lab.database.connect());
            std::thread::spawn(move || {
                let (mut longest, mut reads) = (Duration::ZERO, 0);
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    client
                        .batch_execute("SELECT count(*) FROM t")
                        .expect("a read");
                    longest = longest.max(begun.elapsed());
                    reads += 1;
                    std::thread::sleep(Duration::from_millis(5));
                }
                (longest, reads)
            })
        })
        .collect();
    let mut run = lab.run("").start();
    std::thread::sleep(Duration::from_secs(5));
    assert!(!run.has_ended(), "it cannot have succeeded");
    lab.check();
    long.batch_execute("COMMIT").unwrap();
    let outcome = run.outcome();
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        let (longest, reads) = reader.join().expect("a reader");
        println!("{reads} reads, the longest {longest:?}");
        assert!(
            longest < Duration::from_millis(600),
            "stalled for {longest:?}\n{outcome}"
        );
        assert!(reads > 20, "{reads} reads");
    }
    outcome
        .exits(0)
        .took_less_than(Duration::from_secs(9))
        .says("002_y.sql was rolled back")
        .says(&format!("pid {pid},"));
    lab.check_after(&outcome);
    lab.check_nothing_left();
}

#[test]
fn a_reader_that_does_not_end_ends_a_run_at_max_wait() {
    let _guard = guard::shared(60);
    let (lab, mut long, pid) = behind_a_reader();
    let outcome = lab.run("--max-wait 2s").outcome();
    outcome
        .exits(5)
        .took_less_than(Duration::from_secs(4))
        .says("002_y.sql")
        .says(&format!("pid {pid},"));
    lab.check_after(&outcome);
    lab.check_nothing_left();
    let outcome = lab.run("--timeout 2s").outcome();
    assert!(matches!(outcome.code(), Some(4 | 5)), "{outcome}");
    outcome.took_less_than(Duration::from_secs(4));
    lab.check_after(&outcome);
    lab.check_nothing_left();
    long.batch_execute("COMMIT").unwrap();
    lab.check_goes_on();
}

#[test]
fn a_deadlock_with_another_session_is_tried_again() {
    let _guard = guard::shared(60);
    let mut lab = Lab::new().whole(
        "001_t.sql",
        "CREATE TABLE t (x int);\nCREATE TABLE u (x int);",
    );
    lab.check_goes_on();
    lab.add_whole(
        "002_both.sql",
        "-- onward: lock-timeout 30s\nLOCK TABLE t;\nLOCK TABLE u;\nINSERT INTO t VALUES (1);",
    );
    let mut other = lab.database.connect();
    // Whoever has waited for deadlock_timeout looks for a deadlock, and is the one who ends.
    other
        .batch_execute("SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE u")
        .unwrap();
    let run = lab.run("").start();
    wait_until("it waits for u", Duration::from_secs(10), || {
        lab.database
            .value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'u'::regclass")
            == "1"
    });
    other.batch_execute("LOCK TABLE t; COMMIT").unwrap();
    let outcome = run.outcome();
    outcome.exits(0).says("deadlock detected");
    lab.check_after(&outcome);
    lab.check_nothing_left();
}

#[test]
fn a_file_that_cannot_be_serialized_is_tried_again() {
    let _guard = guard::shared(60);
    let lab = Lab::new().whole(
        "001_t.sql",
        "CREATE TABLE t (x int);\nINSERT INTO t VALUES (0);",
    );
    lab.check_goes_on();
    lab.write(
        "002_serial.sql",
        "BEGIN ISOLATION LEVEL SERIALIZABLE;\nINSERT INTO lab.effects VALUES ('002_serial.sql', 0);\n\
         SELECT count(*) FROM t;\nSELECT pg_sleep(0.5);\nUPDATE t SET x = x + 1;\n\
         INSERT INTO lab.effects VALUES ('002_serial.sql', 1);\nCOMMIT;\n",
    );
    let run = lab.run("").start();
    wait_until("it has read", Duration::from_secs(10), || {
        lab.database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") == "1"
    });
    lab.database.execute("UPDATE t SET x = x + 10");
    let outcome = run.outcome();
    outcome.exits(0).says("could not serialize");
    assert_eq!(lab.database.value("SELECT x FROM t"), "11");
    assert_eq!(
        lab.database
            .query("SELECT step FROM lab.effects WHERE file = '002_serial.sql' ORDER BY 1"),
        ["0", "1"]
    );
}
