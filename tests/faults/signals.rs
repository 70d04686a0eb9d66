//! SIGTERM and SIGINT, also as PID 1.

use std::process::Command;
use std::time::Duration;

use crate::chance::Chance;
use crate::guard::{self, wait_until};
use crate::invariants::Lab;
use crate::proxy::Proxy;
use crate::run::{self, CANARY, Running};
use crate::server::is_root;

fn long() -> Lab {
    Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .whole(
            "002_long.sql",
            "CREATE TABLE u (x int);\nSELECT pg_sleep(30);",
        )
}

#[track_caller]
fn wait_until_at_work(lab: &Lab, run: &mut Running) {
    wait_until("the statement runs", Duration::from_secs(10), || {
        assert!(!run.has_ended(), "it ended too early");
        lab.database.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onward 002_long.sql' \
             AND datname = current_database() AND wait_event = 'PgSleep'",
        ) == "1"
    });
}

/// Makes the long file a short one.
fn shorten(lab: &Lab) {
    lab.write(
        "002_long.sql",
        "INSERT INTO lab.effects VALUES ('002_long.sql', 0), ('002_long.sql', 1);",
    );
}

#[test]
fn a_signal_ends_a_run_in_a_long_statement() {
    let _guard = guard::shared(60);
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let lab = long();
        let mut run = lab.run("").start();
        wait_until_at_work(&lab, &mut run);
        let before = run.age();
        run.signal(name);
        let outcome = run.outcome();
        outcome
            .exits(code)
            .took_less_than(before + Duration::from_secs(2));
        lab.check_after(&outcome);
        lab.check_nothing_left_after(Duration::from_secs(2));
        shorten(&lab);
        lab.check_goes_on();
    }
}

#[test]
fn a_signal_ends_a_run_at_any_moment() {
    let _guard = guard::shared(90);
    let mut chance = Chance::new();
    let lab = Lab::new()
        .whole(
            "001_t.sql",
            "CREATE TABLE t (x int);\nSELECT pg_sleep(0.005);",
        )
        .whole(
            "002_u.sql",
            "CREATE TABLE u (x int);\nSELECT pg_sleep(0.005);",
        );
    for round in 0..20 {
        let (name, code) = [("TERM", 143), ("INT", 130)][round % 2];
        let run = lab.run("").start();
        let at = chance.time(Duration::from_millis(60));
        std::thread::sleep(at);
        run.signal(name);
        let outcome = run.outcome();
        let early = outcome.took.saturating_sub(at) < Duration::from_secs(2);
        assert!(early, "SIG{name} at {at:?}\n{outcome}");
        // Before it has a handler, the signal ends it as any program; after its work, it is too late.
        if outcome.code().is_some() {
            assert!([Some(0), Some(code)].contains(&outcome.code()), "{outcome}");
            lab.check_after(&outcome);
        }
        lab.check_goes_on();
        lab.reset();
    }
}

#[test]
fn a_signal_ends_a_run_that_is_pid_1() {
    let _guard = guard::shared(60);
    let unshare = "/usr/bin/unshare";
    let arguments = ["-Urpf", "--mount-proc", "--"];
    let may = Command::new(unshare)
        .args(arguments)
        .arg("/bin/true")
        .output()
        .expect("unshare of util-linux");
    if !may.status.success() {
        let reason = String::from_utf8_lossy(&may.stderr).into_owned();
        assert!(!is_root(), "root may not make namespaces here: {reason}");
        println!("not tried: this user may not make namespaces here: {reason}");
        return;
    }
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let lab = long();
        // In its namespace it may not enter the folder of the server's socket.
        let proxy = Proxy::counting(&lab.database.server);
        let mut run = lab
            .run_at(&proxy.url(&lab.database), "")
            .through(unshare, &arguments)
            .start();
        wait_until_at_work(&lab, &mut run);
        let children = format!("/proc/{0}/task/{0}/children", run.pid());
        let first: u32 = std::fs::read_to_string(children)
            .expect("/proc")
            .trim()
            .parse()
            .expect("one child");
        let before = run.age();
        run::signal(name, first);
        let outcome = run.outcome();
        outcome
            .exits(code)
            .took_less_than(before + Duration::from_secs(2));
        lab.check_after(&outcome);
        lab.check_nothing_left_after(Duration::from_secs(2));
        shorten(&lab);
        lab.check_goes_on();
    }
}

#[test]
fn a_run_that_waits_ends_at_a_signal() {
    let _guard = guard::shared(60);
    let lab = long();
    let mut holder = lab.database.connect();
    holder
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(x'6F6E77617264'::bigint)")
        .unwrap();
    let run = lab.run("").start();
    std::thread::sleep(Duration::from_millis(700));
    let before = run.age();
    run.signal("TERM");
    let outcome = run.outcome();
    outcome
        .exits(143)
        .took_less_than(before + Duration::from_secs(2));
    outcome.says("waiting for the run lock, held by pid");
    lab.check_after(&outcome);
    lab.check_nothing_left();
    assert!(!outcome.stderr.contains(CANARY));
}
