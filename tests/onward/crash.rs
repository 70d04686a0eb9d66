//! Runs that are interrupted: the history always tells the effects, and the next run ends well.

use crate::support::{Database, Project, wait_until};

/// A migration that works until somebody opens the gate.
const GATED: &str = "INSERT INTO effects VALUES (2);
DO $$BEGIN WHILE NOT EXISTS (SELECT 1 FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;
";

/// A project whose second migration waits at its gate, and the database with the first one applied.
fn gated() -> (Project, Database) {
    let project = Project::new().migration(
        "001_tables.sql",
        "CREATE TABLE effects (file int);\nCREATE TABLE gate ();",
    );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    let project = project
        .migration("002_gated.sql", GATED)
        .migration("003_last.sql", "INSERT INTO effects VALUES (3);");
    (project, database)
}

const AT_WORK: &str = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'onward 002_gated.sql' \
    AND wait_event = 'PgSleep'";

#[track_caller]
fn wait_until_at_work(database: &Database) {
    wait_until("the migration is at work", || {
        database.value(&format!("SELECT count(*) {AT_WORK}")) == "1"
    });
}

#[track_caller]
fn check_done(database: &Database) {
    assert_eq!(
        database.query("SELECT file FROM effects ORDER BY 1"),
        ["2", "3"]
    );
    assert_eq!(
        database.history(),
        [
            "001_tables.sql|migration|applied",
            "002_gated.sql|migration|applied",
            "003_last.sql|migration|applied"
        ]
    );
}

#[test]
fn after_kill_9_the_next_run_ends_well() {
    let (project, database) = gated();
    let run = project.run(&database, "").start();
    wait_until_at_work(&database);
    run.kill();
    database.execute("INSERT INTO gate DEFAULT VALUES");
    project.run(&database, "-q").gives(0, "", "");
    check_done(&database);
}

#[test]
fn the_server_notices_that_the_runner_is_gone() {
    let (project, database) = gated();
    let run = project.run(&database, "").start();
    wait_until_at_work(&database);
    run.kill();
    // client_connection_check_interval, in PostgreSQL 14 and newer
    if database.value("SELECT current_setting('server_version_num')::int >= 140000") == "t" {
        wait_until("the backend ends", || {
            database.value(&format!("SELECT count(*) {AT_WORK}")) == "0"
        });
    }
    assert_eq!(database.history(), ["001_tables.sql|migration|applied"]);
}

#[test]
fn after_kill_9_of_many_runs_at_any_time_the_next_one_ends_well() {
    let project = Project::new().migration("001_tables.sql", "CREATE TABLE effects (file int);");
    let project = (2..=9).fold(project, |project, number| {
        project.migration(
            &format!("{number:03}_x.sql"),
            format!("INSERT INTO effects VALUES ({number});\nSELECT pg_sleep(0.002);"),
        )
    });
    for delay_ms in 0..12 {
        let database = Database::new();
        let run = project.run(&database, "").start();
        std::thread::sleep(std::time::Duration::from_millis(delay_ms * 4));
        run.kill();
        project.run(&database, "-q").gives(0, "", "");
        assert_eq!(
            database.query("SELECT file FROM effects ORDER BY 1"),
            ["2", "3", "4", "5", "6", "7", "8", "9"]
        );
        assert_eq!(database.applied().len(), 9);
    }
}

#[test]
fn a_backend_that_is_terminated_is_replaced_in_the_same_run() {
    let (project, database) = gated();
    let run = project.run(&database, "").start();
    wait_until_at_work(&database);
    database.execute(&format!("SELECT pg_terminate_backend(pid) {AT_WORK}"));
    wait_until("it is gone", || {
        database.value(&format!("SELECT count(*) {AT_WORK}")) == "0"
    });
    database.execute("INSERT INTO gate DEFAULT VALUES");
    let outcome = run.outcome();
    outcome.exits(0);
    assert_eq!(
        outcome.stdout,
        "Applied 2 migrations: 002_gated.sql, 003_last.sql\n"
    );
    check_done(&database);
}

#[test]
fn a_run_that_loses_its_lock_connection_leaves_one_effect_each() {
    let (project, database) = gated();
    let run = project.run(&database, "").start();
    wait_until_at_work(&database);
    let holder = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = \
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(database.query(holder), ["t"]);
    database.execute("INSERT INTO gate DEFAULT VALUES");
    run.outcome();
    project.run(&database, "-q").gives(0, "", "");
    check_done(&database);
}

#[test]
fn a_cancelled_migration_has_failed() {
    let (project, database) = gated();
    let run = project.run(&database, "").start();
    wait_until_at_work(&database);
    database.execute(&format!("SELECT pg_cancel_backend(pid) {AT_WORK}"));
    run.outcome().exits(1);
    assert_eq!(
        database.history(),
        [
            "001_tables.sql|migration|applied",
            "002_gated.sql|migration|failed"
        ]
    );
    database.execute("INSERT INTO gate DEFAULT VALUES");
    project.run(&database, "-q").gives(0, "", "");
    check_done(&database);
}

#[test]
fn nobody_needs_to_listen() {
    let (project, database) = gated();
    database.execute("INSERT INTO gate DEFAULT VALUES");
    project
        .run(&database, "")
        .stdout_to("/dev/full")
        .stderr_to("/dev/full")
        .gives(0, "", "");
    check_done(&database);
    for closed in [">&-", "2>&-", ">&- 2>&-", "| true"] {
        let (project, database) = gated();
        database.execute("INSERT INTO gate DEFAULT VALUES");
        let script = format!("\"$0\" \"$@\" {closed}");
        project
            .run(&database, "")
            .through("/bin/sh", &["-c", &script])
            .outcome()
            .exits(0);
        check_done(&database);
    }
}

#[test]
fn a_limit_that_somebody_set_does_not_end_a_run() {
    let (project, database) = gated();
    database.execute("INSERT INTO gate DEFAULT VALUES");
    for setting in [
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
    ] {
        database.execute(&format!(
            "ALTER DATABASE {} SET {setting} = '20ms'",
            database.name
        ));
    }
    let project = project.migration("0025_slow.sql", "SELECT pg_sleep(0.2);");
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.applied().len(), 4);
}
