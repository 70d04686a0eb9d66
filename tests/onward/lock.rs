//! One runner at a time, and migrations that wait for others.

use crate::support::{Database, Outcome, Project, wait_until};

/// The key of the run lock: the letters "onward".
const KEY: i64 = 0x6F6E_7761_7264;

/// Three migrations, each of which takes its time and leaves one mark.
fn slow() -> Project {
    let mark =
        |number: u32| format!("SELECT pg_sleep(0.1);\nINSERT INTO effects VALUES ({number});\n");
    Project::new()
        .migration(
            "001_effects.sql",
            "SELECT pg_sleep(0.1);\nCREATE TABLE effects (file int);\n",
        )
        .migration("002_x.sql", mark(2))
        .migration("003_y.sql", mark(3))
}

#[track_caller]
fn check_at_once(runners: usize) {
    let (project, database) = (slow(), Database::new());
    let started: Vec<_> = (0..runners)
        .map(|_| project.run(&database, "").start())
        .collect();
    let outcomes: Vec<Outcome> = started.into_iter().map(|run| run.outcome()).collect();
    for outcome in &outcomes {
        outcome.exits(0);
    }
    assert_eq!(
        database.query("SELECT file FROM effects ORDER BY 1"),
        ["2", "3"]
    );
    assert_eq!(
        database.applied(),
        ["001_effects.sql", "002_x.sql", "003_y.sql"]
    );
    let busy = outcomes
        .iter()
        .filter(|outcome| !outcome.stdout.starts_with("Applied 0 migrations"))
        .count();
    assert_eq!(busy, 1, "one of them applies all");
    wait_until_alone(&database);
}

/// Nothing of a run is left on the server.
#[track_caller]
fn wait_until_alone(database: &Database) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    wait_until("no backend is left", || database.value(others) == "0");
}

#[test]
fn of_two_runs_at_once_each_file_is_applied_once() {
    check_at_once(2);
}

#[test]
fn of_ten_runs_at_once_each_file_is_applied_once() {
    check_at_once(10);
}

#[test]
fn of_ten_baselines_at_once_one_is_applied() {
    let project = Project::new()
        .schema("-- onward: baseline through 001\nSELECT pg_sleep(0.1);\nCREATE TABLE effects (file int);\nINSERT INTO effects VALUES (0);\n")
        .migration("001_x.sql", "SELECT nonsense;")
        .migration("002_y.sql", "INSERT INTO effects VALUES (2);");
    let database = Database::new();
    let started: Vec<_> = (0..10)
        .map(|_| project.run(&database, "").start())
        .collect();
    for run in started {
        run.outcome().exits(0);
    }
    assert_eq!(
        database.query("SELECT file FROM effects ORDER BY 1"),
        ["0", "2"]
    );
}

#[test]
fn who_holds_the_run_lock_is_told() {
    let (project, database) = (slow(), Database::new());
    let mut holder = database.connect();
    holder
        .batch_execute(&format!(
            "SET application_name = 'the other'; BEGIN; SELECT pg_advisory_xact_lock({KEY})"
        ))
        .unwrap();
    project.run(&database, "--max-wait 300ms").gives(5, "", r"
        waiting for the run lock, held by pid <pid>, user postgres, application 'the other', since <when>
        error: gave up waiting for the run lock after <time>; held by pid <pid>, user postgres, application 'the other', since <when>
          run onward again later, or wait longer with --max-wait
    ");
    assert!(!database.has("schema_migrations"));

    // Nothing is open while it waits.
    let waiting = project.run(&database, "").start();
    let runner = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'onward%'";
    wait_until("the run is connected", || database.value(runner) == "1");
    holder.batch_execute("COMMIT").unwrap();
    waiting.outcome().exits(0);
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn who_has_the_history_for_itself_is_told() {
    let (project, database) = (slow(), Database::new());
    project.run(&database, "--to 001 -q").gives(0, "", "");
    let mut holder = database.connect();
    holder
        .batch_execute("SET application_name = 'the other'; BEGIN; LOCK schema_migrations")
        .unwrap();
    let said = r"
        waiting for the history schema_migrations: canceling statement due to lock timeout
          schema_migrations is locked by pid <pid>, user postgres, application 'the other', client local, idle in transaction, in a transaction since <when>, query: SET application_name = 'the other'; BEGIN; LOCK schema_migrations
        error: gave up waiting for the history schema_migrations after <time>; schema_migrations is locked by pid <pid>, user postgres, application 'the other', client local, idle in transaction, in a transaction since <when>, query: SET application_name = 'the other'; BEGIN; LOCK schema_migrations
          run onward again later, or wait longer with --max-wait
    ";
    for command in [
        "",
        "status",
        "validate",
        "repair",
        "baseline --extend --through 003",
    ] {
        project
            .run(&database, &format!("{command} --max-wait 300ms"))
            .gives(5, "", said);
    }

    let waiting = project.run(&database, "").start();
    let queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'schema_migrations'::regclass";
    wait_until("the run waits", || database.value(queued) == "1");
    wait_until("it has given way", || database.value(queued) == "0");
    holder.batch_execute("COMMIT").unwrap();
    waiting.outcome().exits(0);
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn who_is_in_the_way_of_a_baseline_is_told() {
    let (project, database) = (slow(), Database::new());
    project.run(&database, "--to 001 -q").gives(0, "", "");
    let mut reader = database.connect();
    reader
        .batch_execute(
            "SET application_name = 'reader'; BEGIN; LOCK schema_migrations IN SHARE MODE",
        )
        .unwrap();
    let outcome = project
        .run(
            &database,
            "baseline --extend --through 003 --max-wait 300ms --lock-timeout 400ms",
        )
        .outcome();
    outcome.gives(5, "", r"
        waiting for the history public.schema_migrations: canceling statement due to lock timeout
          schema_migrations is locked by pid <pid>, user postgres, application 'reader', client local, idle in transaction, in a transaction since <when>, query: SET application_name = 'reader'; BEGIN; LOCK schema_migrations IN SHARE MODE
        error: gave up waiting for the history public.schema_migrations after <time>; schema_migrations is locked by pid <pid>, user postgres, application 'reader', client local, idle in transaction, in a transaction since <when>, query: SET application_name = 'reader'; BEGIN; LOCK schema_migrations IN SHARE MODE
          run onward again later, or wait longer with --max-wait
    ");
    assert_eq!(database.applied(), ["001_effects.sql"]);
}

#[test]
fn the_history_is_waited_for_under_the_run_lock_too() {
    let (project, database) = (slow(), Database::new());
    project.run(&database, "--to 001 -q").gives(0, "", "");
    let (mut runner, mut holder) = (database.connect(), database.connect());
    runner
        .batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({KEY})"))
        .unwrap();
    let waiting = project.run(&database, "").start();
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'onward%'";
    wait_until("the run is connected", || database.value(connected) == "1");
    holder
        .batch_execute("BEGIN; LOCK schema_migrations")
        .unwrap();
    runner.batch_execute("COMMIT").unwrap();
    let queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'schema_migrations'::regclass";
    wait_until("the run waits", || database.value(queued) == "1");
    wait_until("it has given way", || database.value(queued) == "0");
    wait_until("it waits again", || database.value(queued) == "1");
    holder.batch_execute("COMMIT").unwrap();
    waiting.outcome().exits(0);
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn nothing_pending_needs_no_lock() {
    let (project, database) = (slow(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    let mut holder = database.connect();
    holder
        .batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({KEY})"))
        .unwrap();
    project.run(&database, "--max-wait 1s").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
    project.run(&database, "status").outcome().exits(0);
}

#[test]
fn the_run_lock_of_another_database_does_not_count() {
    let (project, database, other) = (slow(), Database::new(), Database::new());
    let mut holder = other.connect();
    holder
        .batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({KEY})"))
        .unwrap();
    project.run(&database, "-q --max-wait 1s").gives(0, "", "");
}

/// A database in which somebody reads a table that the pending migration alters.
fn blocked() -> (Project, Database, postgres::Client) {
    let project = Project::new().migration("001_t.sql", "CREATE TABLE t (x int);");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    let mut reader = database.connect();
    reader
        .batch_execute("SET application_name = 'reader'; BEGIN; SELECT * FROM t")
        .unwrap();
    let project = project.migration("002_column.sql", "ALTER TABLE t ADD y int;");
    (project, database, reader)
}

#[test]
fn a_blocked_migration_is_rolled_back_and_tried_again() {
    let (project, database, mut reader) = blocked();
    let run = project.run(&database, "--lock-timeout 50ms").start();
    let queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass";
    wait_until("it has queued", || database.value(queued) == "1");
    wait_until("it has given way", || database.value(queued) == "0");
    wait_until("it has queued again", || database.value(queued) == "1");
    reader.batch_execute("COMMIT").unwrap();
    let outcome = run.outcome();
    outcome.exits(0);
    assert_eq!(outcome.stdout, "Applied 1 migration: 002_column.sql\n");
    assert!(
        outcome
            .stderr
            .starts_with("002_column.sql was rolled back, and is tried again: "),
        "{outcome}"
    );
    assert_eq!(
        database.history(),
        [
            "001_t.sql|migration|applied",
            "002_column.sql|migration|applied"
        ]
    );
}

#[test]
fn a_migration_that_stays_blocked_is_given_up() {
    let (project, database, _reader) = blocked();
    let outcome = project
        .run(&database, "--lock-timeout 50ms --max-wait 400ms")
        .outcome();
    outcome.exits(5);
    assert_eq!(outcome.stdout, "");
    for part in [
        "002_column.sql",
        "lock timeout",
        "run onward again later, or wait longer with --max-wait",
    ] {
        assert!(outcome.stderr.contains(part), "{part} in {outcome}");
    }
    assert_eq!(database.applied(), ["001_t.sql"]);
}

#[test]
fn a_deadlock_is_tried_again() {
    let project = Project::new().migration(
        "001_t.sql",
        "CREATE TABLE t (x int);\nCREATE TABLE u (x int);",
    );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    let project = project.migration(
        "002_both.sql",
        "-- onward: lock-timeout 60s\nLOCK TABLE t;\nLOCK TABLE u;\nINSERT INTO t VALUES (1);",
    );
    let mut other = database.connect();
    // Whoever has waited for deadlock_timeout looks for a deadlock, and is the one who ends.
    other
        .batch_execute("SET deadlock_timeout = '60s'; BEGIN; LOCK TABLE u")
        .unwrap();
    let run = project.run(&database, "").start();
    let queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'u'::regclass";
    wait_until("it waits for u", || database.value(queued) == "1");
    other.batch_execute("LOCK TABLE t; COMMIT").unwrap();
    let outcome = run.outcome();
    outcome.exits(0);
    assert_eq!(database.query("SELECT x FROM t"), ["1"]);
}
