//! What is silent: a server, one of its processes, or the line. A run ends at `connect_timeout` or `--timeout`.

use std::time::Duration;

use crate::chance::torture;
use crate::guard::{self, wait_until};
use crate::invariants::{Lab, Step};
use crate::proxy::{Act, Point, Proxy};
use crate::run::signal;
use crate::server::Private;

/// How much longer than its limit a run may take.
const GRACE: Duration = Duration::from_secs(2);

fn files(lab: Lab) -> Lab {
    lab.whole("001_t.sql", "CREATE TABLE t (x int, y int);")
        .steps(
            "002_index.sql",
            vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
        )
        .whole(
            "003_z.sql",
            "SELECT pg_sleep(0.3);\nALTER TABLE t ADD z int;",
        )
}

/// Processes that are stopped for as long as this lives.
struct Stopped(Vec<u32>);

impl Stopped {
    fn new(pids: Vec<u32>) -> Stopped {
        for &pid in &pids {
            signal("STOP", pid);
        }
        Stopped(pids)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for &pid in &self.0 {
            signal("CONT", pid);
        }
    }
}

#[test]
fn a_line_that_freezes_at_any_message_ends_a_run_at_its_timeout() {
    let _guard = guard::shared(if torture() { 900 } else { 90 });
    let lab = files(Lab::new());
    let proxy = Proxy::counting(&lab.database.server);
    lab.run_at(&proxy.url(&lab.database), "").outcome().exits(0);
    let (frontend, backend) = (proxy.frontend(), proxy.backend());
    let stride = if torture() { 1 } else { 5 };
    let mut points: Vec<Point> = (1..=frontend)
        .step_by(stride)
        .map(Point::Frontend)
        .collect();
    points.extend((1..=backend).step_by(stride * 7).map(Point::Backend));
    points.extend(["001_t.sql", "002_index.sql", "003_z.sql"].map(Point::AnswerTo));
    let mut frozen = 0;
    // The waiting costs nothing, so many wait at once.
    for batch in points.chunks(12) {
        let labs: Vec<Lab> = batch.iter().map(|_| files(Lab::new())).collect();
        let begun: Vec<_> = batch
            .iter()
            .zip(labs)
            .map(|(point, lab)| {
                let proxy = Proxy::breaking(&lab.database.server, point.clone(), Act::Freeze);
                let run = lab
                    .run_at(&proxy.url(&lab.database), "--timeout 3s")
                    .start();
                (point, lab, proxy, run)
            })
            .collect();
        let ended: Vec<_> = begun
            .into_iter()
            .map(|(point, lab, proxy, run)| (point, lab, proxy, run.outcome()))
            .collect();
        for (point, lab, proxy, outcome) in ended {
            println!("{point:?}\n{outcome}");
            outcome.took_less_than(Duration::from_secs(3) + GRACE);
            if proxy.has_acted() {
                frozen += 1;
                // What came after the last COMMIT does not matter.
                assert!(
                    matches!(outcome.code(), Some(0 | 4)),
                    "{point:?}\n{outcome}"
                );
            }
            // The server hears of it when the line is gone.
            drop(proxy);
            lab.check_nothing_left();
            lab.check_after(&outcome);
            lab.check_goes_on();
        }
    }
    crate::summary(&format!(
        "frozen lines: {frozen}, all ended within {GRACE:?} of --timeout"
    ));
}

#[test]
fn a_server_that_accepts_and_is_silent_ends_a_run_at_connect_timeout() {
    let _guard = guard::shared(60);
    let lab = files(Lab::new());
    let proxy = Proxy::counting(&lab.database.server);
    proxy.freeze();
    let url = proxy.url(&lab.database) + "?connect_timeout=2";
    let outcome = lab.run_at(&url, "").outcome();
    outcome
        .exits(4)
        .took_less_than(Duration::from_secs(2) + GRACE);
    lab.check_after(&outcome);
    drop(proxy);
    lab.check_goes_on();
}

#[test]
fn a_stopped_postmaster_ends_a_run_at_connect_timeout() {
    let _guard = guard::shared(90);
    let private = Private::start(&[]);
    let lab = files(Lab::at(&private.server));
    let stopped = Stopped::new(vec![private.postmaster()]);
    let url = lab.database.url() + "&connect_timeout=2";
    let short = lab.run_at(&url, "").start();
    // Without a limit of its own, 10 s.
    let usual = lab.run("").start();
    let bounded = lab.run("--timeout 3s").start();
    let outcome = short.outcome();
    outcome
        .exits(4)
        .took_less_than(Duration::from_secs(2) + GRACE);
    let outcome = bounded.outcome();
    outcome
        .exits(4)
        .took_less_than(Duration::from_secs(3) + GRACE);
    let outcome = usual.outcome();
    outcome
        .exits(4)
        .took_less_than(Duration::from_secs(10) + GRACE);
    drop(stopped);
    lab.check_after(&outcome);
    lab.check_goes_on();
}

/// Stops what the program waits for while the third file is at work.
#[track_caller]
fn check_stopped(which: &str) {
    let private = Private::start(&[]);
    let lab = files(Lab::at(&private.server));
    let mut run = lab.run("--timeout 4s").start();
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onward 003_z.sql' \
         AND wait_event = 'PgSleep'";
    wait_until("the third file is at work", Duration::from_secs(10), || {
        assert!(!run.has_ended(), "it ended too early");
        lab.database.value(at_work) == "1"
    });
    let mut pids: Vec<u32> = lab
        .database
        .query(&format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'onward%' AND {which}"
        ))
        .iter()
        .map(|pid| pid.parse().expect("a pid"))
        .collect();
    pids.push(private.postmaster());
    let stopped = Stopped::new(pids);
    let outcome = run.outcome();
    outcome.took_less_than(Duration::from_secs(4) + GRACE);
    drop(stopped);
    lab.check_nothing_left();
    lab.check_after(&outcome);
    lab.check_goes_on();
}

#[test]
fn a_stopped_backend_ends_a_run_at_its_timeout() {
    let _guard = guard::shared(60);
    check_stopped("state = 'active'");
}

#[test]
fn a_stopped_backend_that_holds_the_run_lock_ends_a_run_at_its_timeout() {
    let _guard = guard::shared(60);
    check_stopped("state <> 'active'");
}

#[test]
fn a_stopped_server_ends_a_run_at_its_timeout() {
    let _guard = guard::shared(60);
    check_stopped("true");
}
