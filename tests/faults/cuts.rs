//! The connection breaks at each message of a run.

use std::time::{Duration, Instant};

use crate::chance::torture;
use crate::guard;
use crate::invariants::{Lab, Step};
use crate::proxy::{Act, Point, Proxy};

fn three_files() -> Lab {
    Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int, y int);")
        .steps(
            "002_index.sql",
            vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
        )
        .whole("003_y.sql", "ALTER TABLE t ADD z int;")
}

/// How the runs ended that were disturbed.
#[derive(Default)]
struct Tally {
    cuts: usize,
    not_met: usize,
    same_run: usize,
    /// Points at which the run ended with another code; the next one ended with 0.
    next_run: Vec<usize>,
}

impl Tally {
    fn tell(&self, what: &str, begun: Instant) {
        crate::summary(&format!(
            "cuts {what}: {}, {} ended with 0 in the same run, {} in the next, 0 invariants violated, {:.0} s; next: {:?}",
            self.cuts,
            self.same_run,
            self.next_run.len(),
            begun.elapsed().as_secs_f64(),
            self.next_run
        ));
    }
}

/// Disturbs one run at each point.
fn disturb(lab: &Lab, points: &[(Point, Act)], tally: &mut Tally) {
    for (point, act) in points {
        let proxy = Proxy::breaking(&lab.database.server, point.clone(), *act);
        let outcome = lab.run_at(&proxy.url(&lab.database), "").outcome();
        let what = format!("{act:?} at {point:?}");
        println!("{what}:\n{outcome}");
        if proxy.has_acted() {
            tally.cuts += 1;
        } else {
            // Few messages depend on the moment.
            tally.not_met += 1;
            outcome.exits(0);
            assert!(
                tally.not_met <= 5,
                "too many points are not met; {what}\n{outcome}"
            );
        }
        lab.check_after(&outcome);
        match outcome.code() {
            Some(0) => tally.same_run += 1,
            Some(4) => {
                tally.next_run.push(number_of(point));
                lab.check_goes_on();
            }
            _ => panic!("a lost connection ends with 0 or 4\n{what}\n{outcome}"),
        }
        lab.check_nothing_left();
        lab.reset();
    }
}

fn number_of(point: &Point) -> usize {
    match point {
        Point::Frontend(number) | Point::Backend(number) => *number,
        Point::Sends(_) | Point::AnswerTo(_) => 0,
    }
}

/// What a run says to the server: how many messages each side sends, and which of the server's are the last of an
/// answer.
fn measure(lab: &Lab) -> (usize, usize, Vec<usize>) {
    let proxy = Proxy::counting(&lab.database.server);
    let outcome = lab.run_at(&proxy.url(&lab.database), "").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
    lab.check_nothing_left();
    lab.reset();
    (proxy.frontend(), proxy.backend(), proxy.ready())
}

fn cut_everywhere(what: &str, points: impl FnOnce(&Lab) -> Vec<(Point, Act)>) {
    let begun = Instant::now();
    let lab = three_files();
    let points = points(&lab);
    let mut tally = Tally::default();
    disturb(&lab, &points, &mut tally);
    tally.tell(what, begun);
}
#[test]
fn a_connection_cut_before_any_message_of_the_program_leaves_one_effect_each() {
    let _guard = guard::shared(180);
    cut_everywhere("before each message of the program", |lab| {
        let (frontend, _, _) = measure(lab);
        (1..=frontend)
            .map(|number| (Point::Frontend(number), Act::CutBefore))
            .collect()
    });
}

#[test]
fn a_connection_cut_after_any_message_of_the_program_leaves_one_effect_each() {
    let _guard = guard::shared(180);
    cut_everywhere("after each message of the program", |lab| {
        let (frontend, _, _) = measure(lab);
        (1..=frontend)
            .map(|number| (Point::Frontend(number), Act::CutAfter))
            .collect()
    });
}

#[test]
fn all_connections_cut_at_any_message_leave_one_effect_each() {
    let _guard = guard::shared(180);
    cut_everywhere("of all connections before each message", |lab| {
        let (frontend, _, _) = measure(lab);
        let step = if torture() { 1 } else { 3 };
        (1..=frontend)
            .step_by(step)
            .map(|number| (Point::Frontend(number), Act::CutAllBefore))
            .collect()
    });
}

#[test]
fn an_answer_that_is_lost_leaves_one_effect_each() {
    let _guard = guard::shared(if torture() { 1800 } else { 180 });
    cut_everywhere("before messages of the server", |lab| {
        let (_, backend, ready) = measure(lab);
        let numbers = if torture() {
            (1..=backend).collect()
        } else {
            ready
        };
        // The last ones of all are the answers to nothing that matters; some do not come at all.
        numbers
            .into_iter()
            .map(|number| (Point::Backend(number), Act::CutBefore))
            .collect()
    });
}

#[test]
fn a_connection_cut_during_the_baseline_leaves_all_or_nothing() {
    let _guard = guard::shared(180);
    let begun = Instant::now();
    let lab = Lab::new()
        .schema("CREATE TABLE s (x int);")
        .whole("001_t.sql", "CREATE TABLE t (x int);");
    let (frontend, _, ready) = measure(&lab);
    let sent = (1..=frontend).map(|number| (Point::Frontend(number), Act::CutBefore));
    let answered = ready
        .into_iter()
        .map(|number| (Point::Backend(number), Act::CutBefore));
    let points: Vec<_> = sent.chain(answered).collect();
    let mut tally = Tally::default();
    disturb(&lab, &points, &mut tally);
    tally.tell("during the baseline", begun);
}

#[test]
fn the_lost_answer_to_a_commit_is_asked_of_the_history() {
    let _guard = guard::shared(60);
    let lab = three_files();
    for file in ["001_t.sql", "002_index.sql", "003_y.sql"] {
        // The message that holds the mark of the file's end holds the COMMIT too.
        let text: &'static str = match file {
            "001_t.sql" => "('001_t.sql', 1)",
            "002_index.sql" => "('002_index.sql', 2)",
            _ => "('003_y.sql', 1)",
        };
        let proxy = Proxy::breaking(&lab.database.server, Point::AnswerTo(text), Act::CutBefore);
        let outcome = lab.run_at(&proxy.url(&lab.database), "").outcome();
        assert!(proxy.has_acted(), "{outcome}");
        outcome.exits(0);
        lab.check_after(&outcome);
        if file != "002_index.sql" {
            outcome.says(&format!(
                "applied {file}: it was committed before the connection was lost"
            ));
        }
        assert!(
            outcome.stdout.contains(file),
            "it is not reported\n{outcome}"
        );
        lab.check_nothing_left();
        lab.reset();
    }
}

#[test]
fn a_slow_line_changes_nothing() {
    let _guard = guard::shared(60);
    let lab = three_files();
    let proxy = Proxy::breaking(
        &lab.database.server,
        Point::Sends("COMMIT"),
        Act::Delay(Duration::from_secs(2)),
    );
    let outcome = lab.run_at(&proxy.url(&lab.database), "").outcome();
    outcome.exits(0);
    lab.check_after(&outcome);
    lab.check_nothing_left();
}
