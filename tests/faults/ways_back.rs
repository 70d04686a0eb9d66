//! SIGKILL of runners that go forward and back, in turn: whatever is killed, history and effects agree, and the way out
//! is what the program says.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::chance::{Chance, torture};
use crate::guard;
use crate::invariants::{Lab, check_output};
use crate::run::Outcome;

/// Each effect is a number that goes up on the way forward and down on the way back.
const BALANCE: &str =
    "CREATE TABLE lab.balance (file text NOT NULL, step int NOT NULL, change int NOT NULL);
    CREATE TABLE lab.t (x int, y int)";

const WHOLE: [&str; 3] = ["001_a.sql", "002_b.sql", "004_d.sql"];
const STEPS: &str = "003_c.sql";
const ALL: [&str; 4] = ["001_a.sql", "002_b.sql", "003_c.sql", "004_d.sql"];

fn lab() -> Lab {
    let lab = Lab::new();
    lab.database.execute(BALANCE);
    for file in WHOLE {
        for (name, change) in [(file.to_owned(), 1), (back(file), -1)] {
            let text = [0, 1].map(|step| effect(file, step, change));
            lab.write(&name, &text.join("SELECT pg_sleep(0.003);\n"));
        }
    }
    let middle = |index: &str| [index.to_owned() + ";\n", "VACUUM lab.t;\n".to_owned()];
    for (name, change, index) in [
        (
            STEPS.to_owned(),
            1,
            "CREATE INDEX CONCURRENTLY t_x ON lab.t (x)",
        ),
        (back(STEPS), -1, "DROP INDEX CONCURRENTLY lab.t_x"),
    ] {
        let effects = if change > 0 { [0, 1, 2] } else { [2, 1, 0] };
        let [first, second, third] = effects.map(|step| effect(STEPS, step, change));
        let [index, vacuum] = middle(index);
        lab.write(&name, &[first, index, second, vacuum, third].concat());
    }
    lab
}

fn back(file: &str) -> String {
    file.replace(".sql", ".down.sql")
}

fn effect(file: &str, step: usize, change: i32) -> String {
    format!("INSERT INTO lab.balance VALUES ('{file}', {step}, {change});\n")
}

/// What the history says of a file that is not just a trail.
struct Row {
    status: String,
    done: usize,
    was_applied: bool,
}

impl Row {
    /// Whether this effect must be there.
    fn has(&self, file: &str, step: usize) -> bool {
        let in_steps = file == STEPS;
        match (self.status.as_str(), self.was_applied) {
            ("applied", _) => true,
            // Effects are every other step; the way back undoes the last one first.
            ("running", true) => self.done <= 2 * (2 - step),
            _ => in_steps && self.done > 2 * step,
        }
    }
}

/// The first disagreement of history and effects, as one snapshot sees them.
fn violation(lab: &Lab) -> Option<String> {
    let created = "SELECT to_regclass('public.schema_migrations') IS NOT NULL";
    if lab.database.value(created) == "f" {
        return None;
    }
    let seen = lab.database.query(
        "SELECT 'row', filename, status, COALESCE(statements_done, 0), applied_at IS NOT NULL FROM public.schema_migrations \
         WHERE status <> 'rolled_back' UNION ALL \
         SELECT 'effect', file, step::text, sum(change), NULL FROM lab.balance GROUP BY file, step",
    );
    let mut rows = BTreeMap::new();
    let mut effects = BTreeMap::new();
    for line in &seen {
        let cells: Vec<&str> = line.split('|').collect();
        let number = || cells[3].parse::<i32>().expect("a number");
        if cells[0] == "effect" {
            effects.insert((cells[1], cells[2].to_owned()), number());
            continue;
        }
        let row = Row {
            status: cells[2].to_owned(),
            done: usize::try_from(number()).expect("a count"),
            was_applied: cells[4] == "t",
        };
        if rows.insert(cells[1], row).is_some() {
            return Some(format!("two rows of {}\n{seen:#?}", cells[1]));
        }
    }
    if !ALL.iter().take(rows.len()).eq(rows.keys()) {
        return Some(format!("no prefix of the files\n{seen:#?}"));
    }
    for file in ALL {
        for step in 0..if file == STEPS { 3 } else { 2 } {
            let there = effects.get(&(file, step.to_string())).copied().unwrap_or(0);
            let expected = i32::from(rows.get(file).is_some_and(|row| row.has(file, step)));
            if there != expected {
                return Some(format!(
                    "effect {step} of {file} is there {there} times instead of {expected}\n{seen:#?}"
                ));
            }
        }
    }
    None
}

#[track_caller]
fn check(lab: &Lab, outcome: &Outcome) {
    check_output(outcome);
    if let Some(violation) = violation(lab) {
        panic!("{violation}\n{outcome}");
    }
}

/// Goes where the program points, until all is applied.
#[track_caller]
fn settle(lab: &Lab) {
    let up = lab.run("up").outcome();
    check(lab, &up);
    if up.code() == Some(3) {
        up.says("is being rolled back");
        up.says("onward rollback");
        let rollback = lab.run("rollback").outcome();
        rollback.exits(0);
        check(lab, &rollback);
        lab.run("up").outcome().exits(0);
    } else {
        up.exits(0);
    }
    let applied = lab
        .database
        .query("SELECT filename FROM public.schema_migrations WHERE status = 'applied' ORDER BY 1");
    assert_eq!(applied, ALL);
    check(lab, &up);
}

#[test]
fn after_sigkill_of_runs_forward_and_back_the_next_ones_end_well() {
    let _guard = guard::shared(if torture() { 2 * 3600 } else { 150 });
    let kills = if torture() { 3_000 } else { 120 };
    let mut chance = Chance::new();
    let seed = chance.seed;
    let begun = Instant::now();
    let lab = lab();
    settle(&lab);
    let window = lab.run("rollback 4").outcome().exits(0).took;
    let (mut killed, mut runs, mut settled) = (0, 0, 0);
    while killed < kills {
        let command = match chance.below(4) {
            0 => "rollback",
            1 => "rollback 4",
            2 => "rollback --to 001",
            _ => "up",
        };
        let run = lab.run(command).start();
        std::thread::sleep(chance.time(window));
        let outcome = run.kill();
        runs += 1;
        if outcome.was_killed() {
            killed += 1;
        } else {
            assert!(
                matches!(outcome.code(), Some(0 | 3)),
                "FAULT_SEED={seed}\n{outcome}"
            );
        }
        check(&lab, &outcome);
        if chance.below(3) == 0 {
            settle(&lab);
            settled += 1;
            lab.check_nothing_left();
        }
    }
    settle(&lab);
    crate::summary(&format!(
        "ways back: {killed} kills of {runs} runs, settled {settled} times, {} rows of the trail, {:.0} s, FAULT_SEED={seed}",
        lab.database
            .value("SELECT count(*) FROM public.schema_migrations WHERE status = 'rolled_back'"),
        begun.elapsed().as_secs_f64()
    ));
}
