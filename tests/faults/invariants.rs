//! A laboratory: a database, a folder of migrations whose effects are known, and the invariants of every run there.
//!
//! | | |
//! |---|---|
//! | I1 | the rows of the history are the effects |
//! | I2 | each effect exists exactly once |
//! | I3 | the history is a prefix of the files, in their order |
//! | I4 | exit 0 means that all files are in the history |
//! | I5 | a failure names what failed, and the next step |
//! | I6 | nothing of a run is left on the server |
//! | I7 | a pooled connection has its default settings for the next client (see `pooler`) |
//! | I8 | a lone run after it ends with 0 |
//! | I9 | the password is in no output |
//! | I10 | no run outlives its limit |

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use postgres::Client;

use crate::guard::wait_until;
use crate::run::{CANARY, Outcome, Run};
use crate::server::{Database, OBSERVER, Server, rows};

/// How long what a dead runner leaves on the server may live: the check of a connection every second, and then some.
pub(crate) const FADING: Duration = Duration::from_secs(5);

/// A statement of a file.
pub(crate) enum Step {
    /// Leaves its mark in `lab.effects`.
    Mark,
    /// Builds an index of this name concurrently.
    Index { name: String, sql: String },
    /// Anything else.
    Other(String),
}

impl Step {
    pub(crate) fn index(name: &str, on: &str) -> Step {
        Step::Index {
            name: name.to_owned(),
            sql: format!("CREATE INDEX CONCURRENTLY {name} ON {on}"),
        }
    }

    pub(crate) fn other(sql: &str) -> Step {
        Step::Other(sql.to_owned())
    }
}

struct Migration {
    name: String,
    /// Of a file that runs step by step; else the marks of the one transaction.
    steps: Vec<Step>,
    in_steps: bool,
}

/// A database with the files that are to run on it.
pub(crate) struct Lab {
    pub(crate) database: Database,
    folder: tempfile::TempDir,
    migrations: Vec<Migration>,
}

/// What the history says of one file.
struct Row {
    status: String,
    done: usize,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        Lab::on(Database::new())
    }

    /// A laboratory on a server of the test's own.
    pub(crate) fn at(server: &Server) -> Lab {
        Lab::on(Database::on(server, ""))
    }

    pub(crate) fn on(database: Database) -> Lab {
        let lab = Lab {
            database,
            folder: tempfile::tempdir().expect("a folder"),
            migrations: Vec::new(),
        };
        fs::create_dir(lab.folder.path().join("migrations")).expect("a folder");
        lab.database.execute(
            "CREATE SCHEMA lab; CREATE TABLE lab.effects (file text NOT NULL, step int NOT NULL)",
        );
        lab
    }

    /// Adds a file that runs in one transaction, with a mark at its beginning and one at its end.
    pub(crate) fn whole(mut self, name: &str, sql: &str) -> Lab {
        self.add_whole(name, sql);
        self
    }

    /// Adds the schema file, which comes before all others.
    pub(crate) fn schema(mut self, sql: &str) -> Lab {
        let name = "schema.sql";
        // The effects stand in a schema that it names, so the database seems to be in use.
        let text = format!(
            "-- onward: idempotent\n{};\n{sql}\n{};\n",
            mark(name, 0),
            mark(name, 1)
        );
        fs::write(self.folder.path().join(name), text).expect("a file");
        self.migrations.insert(
            0,
            Migration {
                name: name.to_owned(),
                steps: vec![Step::Mark, Step::Mark],
                in_steps: false,
            },
        );
        self
    }

    pub(crate) fn add_whole(&mut self, name: &str, sql: &str) {
        let (header, sql) = match sql.split_once('\n') {
            Some((header, sql)) if header.starts_with("-- onward:") => (header, sql),
            _ => ("", sql),
        };
        let text = format!("{header}\n{};\n{sql}\n{};\n", mark(name, 0), mark(name, 1));
        self.write(name, &text);
        self.migrations.push(Migration {
            name: name.to_owned(),
            steps: vec![Step::Mark, Step::Mark],
            in_steps: false,
        });
    }

    /// Adds a file that runs step by step.
    pub(crate) fn steps(mut self, name: &str, steps: Vec<Step>) -> Lab {
        self.add_steps(name, steps);
        self
    }

    pub(crate) fn add_steps(&mut self, name: &str, steps: Vec<Step>) {
        let mut text = String::new();
        for (number, step) in steps.iter().enumerate() {
            text.push_str(&match step {
                Step::Mark => mark(name, number),
                Step::Index { sql, .. } | Step::Other(sql) => sql.clone(),
            });
            text.push_str(";\n");
        }
        self.write(name, &text);
        self.migrations.push(Migration {
            name: name.to_owned(),
            steps,
            in_steps: true,
        });
    }

    /// Writes a file of the folder of migrations as it is.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join("migrations").join(name), text).expect("a file");
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A run on the database.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.run_at(&self.database.url(), arguments)
    }

    /// A run on the database, by a URL that leads there.
    pub(crate) fn run_at(&self, url: &str, arguments: &str) -> Run {
        Run::new(self.folder.path(), url, arguments)
    }

    /// Makes the database as it was at the beginning.
    pub(crate) fn reset(&self) {
        self.database.execute(
            "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public; TRUNCATE lab.effects; \
             RESET client_min_messages",
        );
    }

    /// I1, I2, I3: true at any time, also while a run is under way.
    #[track_caller]
    pub(crate) fn check(&self) {
        self.check_as_seen_by(&mut self.database.connect());
    }

    #[track_caller]
    pub(crate) fn check_as_seen_by(&self, client: &mut Client) {
        let state = State::read(client);
        if let Some(violation) = self.violation(&state) {
            panic!("{violation}\n{state}");
        }
    }

    /// I1 to I5 and I9 after a run.
    #[track_caller]
    pub(crate) fn check_after(&self, outcome: &Outcome) {
        check_output(outcome);
        let state = State::read(&mut self.database.connect());
        if let Some(violation) = self.violation(&state) {
            panic!("{violation}\n{state}\n{outcome}");
        }
        if outcome.code() == Some(0) {
            let applied = state.applied().len();
            let all = self.migrations.len();
            assert!(
                applied == all,
                "I4: exit 0, and {applied} of {all}\n{state}\n{outcome}"
            );
        }
    }

    /// I6.
    #[track_caller]
    pub(crate) fn check_nothing_left(&self) {
        self.check_nothing_left_after(FADING);
    }

    #[track_caller]
    pub(crate) fn check_nothing_left_after(&self, limit: Duration) {
        let others = format!(
            "SELECT pid, application_name, state, query FROM pg_stat_activity WHERE datname = current_database() \
             AND backend_type = 'client backend' AND application_name <> '{OBSERVER}'"
        );
        let mut left = Vec::new();
        wait_until("I6: no backend of ours is left", limit, || {
            left = self.database.query(&others);
            left.is_empty()
        });
    }

    /// I8: a lone run ends with 0, and all invariants hold after it; then another one has nothing to do.
    #[track_caller]
    pub(crate) fn check_goes_on(&self) {
        let outcome = self.run("").outcome();
        outcome.exits(0);
        self.check_after(&outcome);
        self.check_nothing_left();
    }

    /// The first invariant that does not hold.
    fn violation(&self, state: &State) -> Option<String> {
        for (effect, count) in &state.effects {
            if *count != 1 {
                return Some(format!("I2: {effect:?} exists {count} times"));
            }
        }
        let order: Vec<&str> = self.migrations.iter().map(|it| it.name.as_str()).collect();
        let applied = state.applied();
        if !order.starts_with(&applied) {
            return Some(format!("I3: {applied:?} is no prefix of {order:?}"));
        }
        for (file, rows) in &state.history {
            if rows.len() > 1 {
                return Some(format!("I1: {file} has {} rows", rows.len()));
            }
        }
        self.migrations
            .iter()
            .find_map(|migration| migration.violation(state))
    }
}

/// What every run says, however it ended.
#[track_caller]
pub(crate) fn check_output(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(CANARY), "I9\n{outcome}");
        assert!(!text.contains("panicked"), "a panic\n{outcome}");
    }
    match outcome.code() {
        None => assert!(outcome.was_killed(), "ended by a signal\n{outcome}"),
        Some(0 | 130 | 143) => {}
        Some(1..=5) => {
            // The last line is the next step.
            let last = outcome.stderr.lines().last().unwrap_or_default();
            assert!(last.starts_with("  "), "I5: no next step\n{outcome}");
        }
        Some(_) => panic!("an exit code that is not documented\n{outcome}"),
    }
}

fn mark(file: &str, step: usize) -> String {
    format!("INSERT INTO lab.effects VALUES ('{file}', {step})")
}

impl Migration {
    fn violation(&self, state: &State) -> Option<String> {
        let name = &self.name;
        let row = state.history.get(name).and_then(|rows| rows.first());
        let status = row.map_or("", |row| row.status.as_str());
        // How many steps are done for sure.
        let done = match (status, row) {
            ("applied", _) => self.steps.len(),
            (_, Some(row)) if self.in_steps => row.done,
            _ => 0,
        };
        for (number, step) in self.steps.iter().enumerate() {
            match step {
                Step::Mark => {
                    let there = state.effects.contains_key(&(name.clone(), number));
                    if there != (number < done) {
                        let there = if there { "there" } else { "not there" };
                        return Some(format!(
                            "I1: the effect of step {number} of {name} is {there}; {status:?}, {done} steps done"
                        ));
                    }
                }
                Step::Index { name: index, .. } if number < done => {
                    if state.invalid.contains(index) {
                        return Some(format!(
                            "I1: {index} of {name} is invalid, and recorded as done"
                        ));
                    }
                    if !state.valid.contains(index) {
                        return Some(format!(
                            "I1: {index} of {name} is not there, and recorded as done"
                        ));
                    }
                }
                Step::Index { .. } | Step::Other(_) => {}
            }
        }
        None
    }
}

/// History and effects as one snapshot sees them.
struct State {
    /// By file, each with its rows.
    history: BTreeMap<String, Vec<Row>>,
    order: Vec<String>,
    effects: BTreeMap<(String, usize), usize>,
    valid: Vec<String>,
    invalid: Vec<String>,
}

impl State {
    fn read(client: &mut Client) -> State {
        let transaction = |client: &mut Client, sql| {
            client.batch_execute(sql).expect("the database can be read");
        };
        transaction(client, "BEGIN ISOLATION LEVEL REPEATABLE READ");
        let state = State::read_inside(client);
        transaction(client, "COMMIT");
        state
    }

    /// As an open transaction sees it.
    fn read_inside(client: &mut Client) -> State {
        let ask = |client: &mut Client, sql: &str| {
            rows(client.simple_query(sql).expect("the database can be read"))
        };
        let mut state = State {
            history: BTreeMap::new(),
            order: Vec::new(),
            effects: BTreeMap::new(),
            valid: Vec::new(),
            invalid: Vec::new(),
        };
        for row in ask(
            client,
            "SELECT file, step, count(*) FROM lab.effects GROUP BY file, step",
        ) {
            let cells: Vec<&str> = row.split('|').collect();
            let effect = (cells[0].to_owned(), number(cells[1]));
            state.effects.insert(effect, number(cells[2]));
        }
        let exists = "SELECT to_regclass('public.schema_migrations') IS NOT NULL";
        if ask(client, exists) == ["t"] {
            for row in ask(
                client,
                "SELECT filename, status, COALESCE(statements_done, 0) FROM public.schema_migrations ORDER BY id",
            ) {
                let cells: Vec<&str> = row.split('|').collect();
                if cells[1] == "applied" {
                    state.order.push(cells[0].to_owned());
                }
                state
                    .history
                    .entry(cells[0].to_owned())
                    .or_default()
                    .push(Row {
                        status: cells[1].to_owned(),
                        done: number(cells[2]),
                    });
            }
        }
        for row in ask(
            client,
            "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             WHERE c.relnamespace = 'public'::regnamespace",
        ) {
            match row.rsplit_once('|') {
                Some((name, "t")) => state.valid.push(name.to_owned()),
                Some((name, _)) => state.invalid.push(name.to_owned()),
                None => {}
            }
        }
        state
    }

    /// Names of the applied files, in the order of their rows.
    fn applied(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).collect()
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (file, rows) in &self.history {
            for row in rows {
                writeln!(f, "history: {file} {} {}", row.status, row.done)?;
            }
        }
        for ((file, step), count) in &self.effects {
            writeln!(f, "effect: {file} step {step}, {count} times")?;
        }
        writeln!(f, "invalid indexes: {:?}", self.invalid)
    }
}

#[test]
fn the_checker_sees_every_violation() {
    let _guard = crate::guard::shared(60);
    let lab = Lab::new()
        .whole("001_t.sql", "CREATE TABLE t (x int);")
        .steps(
            "002_index.sql",
            vec![Step::Mark, Step::index("t_x", "t (x)"), Step::Mark],
        );
    lab.check_goes_on();
    for (damage, expected) in [
        ("INSERT INTO lab.effects VALUES ('001_t.sql', 0)", "I2"),
        (
            "DELETE FROM lab.effects WHERE file = '001_t.sql' AND step = 1",
            "I1",
        ),
        (
            "DELETE FROM schema_migrations WHERE filename = '002_index.sql'",
            "I1",
        ),
        (
            "DELETE FROM schema_migrations WHERE filename = '001_t.sql'",
            "I3",
        ),
        (
            "UPDATE schema_migrations SET status = 'failed', statements_done = 0 WHERE filename = '002_index.sql'",
            "I1",
        ),
        ("DROP INDEX t_x", "I1: t_x of 002_index.sql is not there"),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_x'::regclass",
            "I1: t_x of 002_index.sql is invalid",
        ),
    ] {
        let mut client = lab.database.connect();
        client
            .batch_execute(&format!("BEGIN; {damage}"))
            .expect("damage");
        let violation = lab.violation(&State::read_inside(&mut client));
        let seen = violation.unwrap_or_default();
        assert!(seen.starts_with(expected), "{damage}: {seen:?}");
    }
    lab.check();
}
