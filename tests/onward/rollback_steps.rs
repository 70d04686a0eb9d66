//! Ways back that run step by step: what is done stays done, `up` waits for the end, and the next rollback goes on.

use crate::support::{Database, Project, wait_until};

const UP: &str = "CREATE TABLE t (x int, y int);\nCREATE INDEX CONCURRENTLY t_x ON t (x);\nCREATE INDEX CONCURRENTLY t_y ON t (y);\n";

/// Two migrations; the way back of the second runs step by step.
fn indexed(way_back: &str) -> (Project, Database) {
    let project = Project::new()
        .migration("0001_a.sql", "CREATE TABLE a (x int);")
        .migration("0001_a.down.sql", "DROP TABLE a;")
        .migration("0002_t.sql", UP)
        .migration("0002_t.down.sql", way_back);
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    (project, database)
}

/// The state of the row of the second file.
#[track_caller]
fn state(database: &Database) -> String {
    database.value(
        "SELECT status, statements_done, applied_at IS NOT NULL, error_message ~ '^rolled back by postgres at .*Z with onward ' \
         FROM schema_migrations WHERE filename = '0002_t.sql' ORDER BY id DESC LIMIT 1",
    )
}

/// The columns that a rollback must not change.
#[track_caller]
fn kept(database: &Database) -> String {
    database.value(
        "SELECT id, filename, version, kind, checksum, sql_checksum, started_at, applied_at, execution_time_ms, applied_by, \
         tool_version FROM schema_migrations WHERE filename = '0002_t.sql'",
    )
}

#[test]
fn a_way_back_may_run_step_by_step() {
    for way_back in [
        "DROP INDEX CONCURRENTLY t_y;\nDROP INDEX CONCURRENTLY t_x;\nDROP TABLE t;\n",
        "-- onward: no-transaction\nDROP INDEX t_y;\nDROP INDEX t_x;\nDROP TABLE t;\n",
        "BEGIN;\nDROP INDEX t_y;\nCOMMIT;\nDO $$BEGIN COMMIT; END$$;\nBEGIN;\nDROP INDEX t_x;\nDROP TABLE t;\nEND;\n",
    ] {
        let (project, database) = indexed(way_back);
        let before = kept(&database);
        project.run(&database, "rollback").gives(
            0,
            "Rolled back 1 migration: 0002_t.sql\n",
            "rolled back 0002_t.sql (<time>)\n",
        );
        assert_eq!(state(&database), "rolled_back|3|t|t", "{way_back}");
        assert_eq!(kept(&database), before, "{way_back}");
        assert!(!database.has("t"), "{way_back}");
        project.run(&database, "-q").gives(0, "", "");
        assert_eq!(state(&database), "applied|3|t|NULL", "{way_back}");
    }
}

/// A way back whose second step of three fails.
const FAILING: &str = "DROP INDEX CONCURRENTLY t_y;\nDROP INDEX CONCURRENTLY t_z;\nDROP TABLE t;\n";

fn failed() -> (Project, Database) {
    let (project, database) = indexed(FAILING);
    project.run(&database, "rollback 2").gives(
        1,
        "",
        r#"
        migrations/0002_t.down.sql:2:1: ERROR: index "t_z" does not exist (42704)
        2 | DROP INDEX CONCURRENTLY t_z;
          | ^
        rolled back: step 2 of 3 of the way back of 0002_t.sql; the steps before it are done and will not be repeated
        rolled back before: none
        still applied: 0002_t.sql, 0001_a.sql
          mend the way back, then run onward rollback again
    "#,
    );
    assert_eq!(state(&database), "running|1|t|f");
    (project, database)
}

#[test]
fn a_step_that_fails_leaves_the_steps_before_it_and_the_next_rollback_goes_on() {
    let (project, database) = failed();
    project.write("migrations/0002_t.down.sql", FAILING.replace("t_z", "t_x"));
    project.run(&database, "rollback --dry-run").gives(
        0,
        "would roll back 0002_t.sql, from its step 2\nWould roll back 1 migration\n",
        "",
    );
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 0002_t.sql\n",
        "rolled back 0002_t.sql (<time>)\n",
    );
    assert_eq!(state(&database), "rolled_back|3|t|t");
    assert_eq!(database.applied(), ["0001_a.sql"]);
    assert_eq!(
        database.value(
            "SELECT sql_checksum IS NOT NULL FROM schema_migrations WHERE status = 'rolled_back'"
        ),
        "t"
    );
    project.run(&database, "-q").gives(0, "", "");
    assert!(database.has("t_x") && database.has("t_y"));
}

#[test]
fn up_and_status_say_that_a_way_back_has_begun() {
    let (project, database) = failed();
    let before = database.full_dump();
    let refused =
        "refused: 0002_t.sql is being rolled back, 1 step done\n  finish it: onward rollback\n";
    let error = "error: refused, for 1 reason\n  nothing was changed\n";
    project
        .run(&database, "")
        .gives(3, "", &format!("{refused}{error}"));
    project
        .run(&database, "--dry-run")
        .gives(0, "Would apply 0 migrations\n", refused);
    project.run(&database, "status").gives(
        0,
        r#"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  0001_a.sql  a  <when>  <time>  postgres
        rolling back  0002_t.sql  t

        the way back of 0002_t.sql failed: index "t_z" does not exist (42704)

        2 migrations: 1 applied, 1 rolling back, 0 pending
    "#,
        refused,
    );
    project
        .run(&database, "status --check -q")
        .outcome()
        .exits(3);
    let outcome = project.run(&database, "status --json").outcome();
    let document: serde_json::Value = serde_json::from_str(&outcome.raw_stdout).unwrap();
    assert_eq!(document["migrations"][1]["state"], "rolling_back");
    assert_eq!(document["migrations"][1]["status"], "running");
    assert_eq!(document["running"], 1);
    assert_eq!(document["stuck"], 1);
    assert_eq!(document["pending"], 0);
    assert_eq!(document["healthy"], false);
    assert_eq!(document["issues"][0]["code"], "rolling_back");
    // It is not rolled back as long as it should stay.
    project
        .run(&database, "rollback --to 0002")
        .gives(3, "", &format!("{refused}{error}"));
    // The file may be gone, and still nothing else is done.
    project.remove("migrations/0002_t.sql");
    project.remove("migrations/0002_t.down.sql");
    project
        .run(&database, "")
        .gives(3, "", &format!("{refused}{error}"));
    project.run(&database, "rollback").gives(
        3,
        "",
        r"
        refused: 0002_t.sql is being rolled back, and the file is missing
          restore the file from version control; or undo the rest of it by hand, and have it forgotten: onward repair 0002_t.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    let outcome = project.run(&database, "status --json").outcome();
    let document: serde_json::Value = serde_json::from_str(&outcome.raw_stdout).unwrap();
    assert_eq!(document["migrations"][1]["state"], "rolling_back");
    assert_eq!(document["stuck"], 1);
    project.run(&database, "repair").gives(
        0,
        "left 0002_t.sql as it is: its way back has begun, and its file is missing; restore it, then: onward rollback; \
         or repair it by its name\n",
        "",
    );
    assert_eq!(database.full_dump(), before);
    project.run(&database, "repair 0002_t.sql").gives(
        0,
        "removed 0002_t.sql from the history: its way back has begun, and its file is missing\n",
        "",
    );
    assert_eq!(
        database.value(
            "SELECT status, statements_done, regexp_replace(error_message, ' at .*Z', ' at T') FROM schema_migrations \
             WHERE filename = '0002_t.sql'"
        ),
        "replaced|1|its way back had begun, its file was missing, and it was removed by repair, by postgres at T with \
         onward 0.1.0; it said: index \"t_z\" does not exist (42704)"
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
}

#[test]
fn steps_that_are_done_and_changed_since_are_refused() {
    let (project, database) = failed();
    project.write(
        "migrations/0002_t.down.sql",
        "DROP INDEX CONCURRENTLY IF EXISTS t_x;\nDROP TABLE t;\n",
    );
    project.run(&database, "rollback").gives(
        3,
        "",
        r"
        refused: the way back in migrations/0002_t.down.sql was done in part, and that part is another now
          restore its beginning; or have all of it run again: onward repair 0002_t.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "repair").gives(
        0,
        "left 0002_t.sql as it is: it is done in part; see onward status, then repair it by its name\n",
        "",
    );
    project.run(&database, "repair 0002_t.sql").gives(
        0,
        "all of the way back of 0002_t.sql will run again\n",
        "",
    );
    let began_anew = "SELECT status, statements_done, regexp_replace(error_message, ' at .*Z', ' at T') \
        FROM schema_migrations WHERE filename = '0002_t.sql' ORDER BY id";
    let trail = "replaced|1|its way back was begun anew by repair, by postgres at T with onward 0.1.0; it said: \
        index \"t_z\" does not exist (42704)";
    let begun = "running|0|index \"t_z\" does not exist (42704)";
    assert_eq!(database.query(began_anew), [begun, trail]);
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 0002_t.sql is being rolled back, 0 steps done
          finish it: onward rollback
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    // What fails at its first step is begun all the same, whatever it is.
    for way_back in [
        "-- onward: no-transaction\nDROP TABLE u;\n",
        "DROP TABLE u;\n",
    ] {
        project.write("migrations/0002_t.down.sql", way_back);
        project.run(&database, "rollback -q").outcome().exits(1);
        let begun = "running|0|table \"u\" does not exist (42P01)";
        assert_eq!(database.query(began_anew), [begun, trail]);
    }
    project.write("migrations/0002_t.down.sql", "DROP TABLE t;\n");
    project.run(&database, "rollback 2 -q").gives(0, "", "");
    assert!(!database.has("t"));
    assert_eq!(
        database.query("SELECT filename, status FROM schema_migrations ORDER BY id"),
        [
            "0001_a.sql|rolled_back",
            "0002_t.sql|rolled_back",
            "0002_t.sql|replaced"
        ]
    );
}

#[test]
fn a_way_back_of_which_nothing_is_done_is_not_begun() {
    let (project, database) = indexed("-- onward: no-transaction\nDROP TABLE u;\nDROP TABLE t;\n");
    let before = kept(&database);
    project.run(&database, "rollback").gives(
        1,
        "",
        r#"
        migrations/0002_t.down.sql:2:1: ERROR: table "u" does not exist (42P01)
        2 | DROP TABLE u;
          | ^
        rolled back: the first step of the way back of 0002_t.sql
        rolled back before: none
        still applied: 0002_t.sql
          mend the way back, then run onward rollback again
    "#,
    );
    assert_eq!(state(&database), "applied|NULL|t|NULL");
    assert_eq!(kept(&database), before);
    project.run(&database, "-q").gives(0, "", "");
}

const AT_WORK: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

/// A run that dies in the second step of a way back.
fn died(step: &str) -> (Project, Database) {
    let (project, database) = indexed(&format!(
        "-- onward: no-transaction\nDROP INDEX t_y;\n{step}\nDROP TABLE t;\n"
    ));
    let run = project.run(&database, "rollback").start();
    wait_until("the step is at work", || {
        database.value(&format!("SELECT count(*) {AT_WORK}")) == "1"
    });
    run.kill();
    database.execute("CREATE TABLE gate ()");
    wait_until("the backends end", || {
        database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'onward%'")
            == "0"
    });
    (project, database)
}

const GATE: &str =
    "BEGIN WHILE to_regclass('gate') IS NULL LOOP PERFORM pg_sleep(0.01); END LOOP; END";

#[test]
fn after_kill_9_the_next_rollback_goes_on() {
    let function = format!("CREATE FUNCTION wait() RETURNS void LANGUAGE plpgsql AS $${GATE}$$");
    let (project, database) = died(&format!(
        "BEGIN; {function}; SELECT wait(); DROP FUNCTION wait(); DROP INDEX t_x; COMMIT;"
    ));
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 0002_t.sql\n",
        "rolled back 0002_t.sql (<time>)\n",
    );
    assert!(!database.has("t"));
    assert_eq!(state(&database), "rolled_back|3|t|t");
}

#[test]
fn a_statement_that_may_have_committed_is_not_repeated_unasked() {
    let (project, database) = died(&format!("DO $${GATE}$$;"));
    assert_eq!(state(&database), "running|1|t|NULL");
    project.run(&database, "rollback").gives(
        3,
        "",
        r"
        refused: migrations/0002_t.down.sql:3: a run died when this statement may have been under way, and it may have committed
          see whether it has done its work; if so, remove it from the way back; then: onward repair 0002_t.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "repair 0002_t.sql").gives(
        0,
        "the way back of 0002_t.sql will go on after 1 step\n",
        "",
    );
    project.run(&database, "rollback -q").gives(0, "", "");
    assert_eq!(state(&database), "rolled_back|3|t|t");
}

#[test]
fn of_five_rollbacks_at_once_each_step_runs_once() {
    let (project, database) = indexed(
        "-- onward: no-transaction\nCREATE TABLE effects (step int);\nINSERT INTO effects SELECT 1 FROM pg_sleep(0.1);\n\
         INSERT INTO effects SELECT 2 FROM pg_sleep(0.1);\nDROP TABLE t;\n",
    );
    let started: Vec<_> = (0..5)
        .map(|_| project.run(&database, "rollback --to 0001").start())
        .collect();
    for run in started {
        run.outcome().exits(0);
    }
    assert_eq!(database.query("SELECT step FROM effects"), ["1", "2"]);
    assert_eq!(state(&database), "rolled_back|4|t|t");
}

#[test]
fn a_way_back_that_empties_the_history_is_blamed_for_it() {
    let (project, database) = indexed(
        "-- onward: no-transaction\nDO $$BEGIN EXECUTE 'DELETE FROM ' || 'schema_migrations'; END$$;\nDROP TABLE t;\n",
    );
    project.run(&database, "rollback").gives(
        1,
        "",
        r"
        migrations/0002_t.down.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: nothing: step 1 of 2 of the way back of 0002_t.sql is done, and could not be recorded
        rolled back before: none
        still applied: 0002_t.sql
          mend the way back, then run onward rollback again
    ",
    );
    assert!(database.has("t"));
}

#[test]
fn the_error_of_a_way_back_is_not_repaired_away() {
    let (project, database) = failed();
    let before = database.full_dump();
    project
        .run(&database, "repair 0002_t.sql")
        .gives(0, "0002_t.sql: nothing to repair\n", "");
    project
        .run(&database, "repair")
        .gives(0, "nothing to repair\n", "");
    assert_eq!(database.full_dump(), before);
}

#[test]
fn what_was_begun_first_and_done_last_goes_first() {
    let project = Project::new()
        .migration(
            "0001_a.sql",
            "CREATE TABLE a (x int);\nVACUUM a;\nSELECT nonsense;\n",
        )
        .migration("0001_a.down.sql", "DROP TABLE a;")
        .migration("0002_b.sql", "CREATE TABLE b (x int);")
        .migration("0002_b.down.sql", "DROP TABLE b;");
    let database = Database::new();
    project.run(&database, "-q").outcome().exits(1);
    project
        .run(&database, "--only 0002_b.sql -q")
        .outcome()
        .exits(0);
    project.write(
        "migrations/0001_a.sql",
        "CREATE TABLE a (x int);\nVACUUM a;\nSELECT 1;\n",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_a.sql\n",
        r"
        warning: 0001_a.sql is out of order: 0002_b.sql is applied already
          number a new file after the newest applied one
        applied 0001_a.sql (<time>)
    ",
    );
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 0001_a.sql\n",
        "rolled back 0001_a.sql (<time>)\n",
    );
    assert_eq!(database.applied(), ["0002_b.sql"]);
}
