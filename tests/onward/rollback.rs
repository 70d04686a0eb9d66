//! The ways back: what is rolled back in which order, what is refused, and what the history tells then.

use crate::support::{Database, Outcome, Project, dedent, wait_until};

/// Three migrations, each with a way back.
fn three() -> Project {
    Project::new()
        .migration("0001_a.sql", "CREATE TABLE a (x int);\n")
        .migration("0001_a.down.sql", "DROP TABLE a;\n")
        .migration("0002_b.sql", "CREATE TABLE b (x int);\n")
        .migration("0002_b.down.sql", "DROP TABLE b;\n")
        .migration("0003_c.sql", "ALTER TABLE b ADD COLUMN y int;\n")
        .migration("0003_c.down.sql", "ALTER TABLE b DROP COLUMN y;\n")
}

/// A database to which all of a project is applied.
#[track_caller]
fn applied(project: &Project) -> Database {
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    database
}

/// What a run that changes nothing says, and that it changed nothing.
#[track_caller]
fn check_refused(project: &Project, database: &Database, arguments: &str, stderr: &str) {
    let before = database.full_dump();
    project.run(database, arguments).gives(3, "", stderr);
    assert_eq!(database.full_dump(), before);
}

const ALL_BACK: &str = "Rolled back 3 migrations: 0003_c.sql, 0002_b.sql, 0001_a.sql\n";
const ALL_BACK_TOLD: &str = r"
    rolled back 0003_c.sql (<time>)
    rolled back 0002_b.sql (<time>)
    rolled back 0001_a.sql (<time>)
";

#[test]
fn the_migration_that_was_applied_last_is_rolled_back() {
    let project = three();
    let database = applied(&project);
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 0003_c.sql\n",
        "rolled back 0003_c.sql (<time>)\n",
    );
    assert_eq!(
        database.history(),
        [
            "0001_a.sql|migration|applied",
            "0002_b.sql|migration|applied",
            "0003_c.sql|migration|rolled_back"
        ]
    );
    project.run(&database, "rollback 2").gives(
        0,
        "Rolled back 2 migrations: 0002_b.sql, 0001_a.sql\n",
        "rolled back 0002_b.sql (<time>)\nrolled back 0001_a.sql (<time>)\n",
    );
    assert!(!database.has("a") && !database.has("b"));
    project
        .run(&database, "rollback")
        .gives(0, "Rolled back 0 migrations: none is applied\n", "");
    project.run(&database, "rollback 7").gives(
        0,
        "Rolled back 0 migrations: none is applied\n",
        "",
    );
    project.run(&Database::new(), "rollback").gives(
        0,
        "Rolled back 0 migrations: none is applied\n",
        "",
    );
}

#[test]
fn rolling_back_all_leaves_what_was_there_before() {
    let project = three();
    let database = Database::with("CREATE TABLE mine (x int);");
    let before = database.dump();
    project
        .run(&database, "--allow-nonempty -q")
        .gives(0, "", "");
    let between = database.dump();
    for _ in 0..2 {
        project
            .run(&database, "rollback 3")
            .gives(0, ALL_BACK, ALL_BACK_TOLD);
        assert_eq!(database.dump(), before);
        project.run(&database, "-q").gives(0, "", "");
        assert_eq!(database.dump(), between);
    }
}

#[test]
fn to_a_version_rolls_back_all_that_sorts_after_it() {
    let project = three();
    let database = applied(&project);
    project.run(&database, "rollback --to 0003").gives(
        0,
        "Rolled back 0 migrations: none after version 0003 is applied\n",
        "",
    );
    project.run(&database, "rollback --to 0001").gives(
        0,
        "Rolled back 2 migrations: 0003_c.sql, 0002_b.sql\n",
        "rolled back 0003_c.sql (<time>)\nrolled back 0002_b.sql (<time>)\n",
    );
    assert_eq!(database.applied(), ["0001_a.sql"]);
    let unknown = r#"
        error: --to "0009": neither a migration in migrations nor one in the history has this version
          write the digits as the file name has them, zeros included
    "#;
    project
        .run(&database, "rollback --to 0009")
        .gives(2, "", unknown);
    // What is pending, or only in the history, has a version too.
    project
        .run(&database, "rollback --to 0002 -q")
        .gives(0, "", "");
    project.run(&database, "-q").gives(0, "", "");
    project.remove("migrations/0002_b.sql");
    project.remove("migrations/0002_b.down.sql");
    project.run(&database, "rollback --to 0002").gives(
        0,
        "Rolled back 1 migration: 0003_c.sql\n",
        "rolled back 0003_c.sql (<time>)\n",
    );
}

#[test]
fn what_was_applied_out_of_order_goes_in_the_order_of_the_history() {
    let project = three();
    let late = project.path("late.sql");
    std::fs::rename(project.path("migrations/0002_b.sql"), &late).unwrap();
    project.remove("migrations/0002_b.down.sql");
    project.write("migrations/0003_c.sql", "CREATE TABLE c (x int);");
    project.write("migrations/0003_c.down.sql", "DROP TABLE c;");
    let database = applied(&project);
    std::fs::rename(&late, project.path("migrations/0002_b.sql")).unwrap();
    project.write("migrations/0002_b.down.sql", "DROP TABLE b;");
    project.run(&database, "-q").gives(0, "", "");
    project.run(&database, "rollback --to 0001 --dry-run").gives(
        0,
        "would roll back 0002_b.sql\nwould roll back 0003_c.sql\nWould roll back 2 migrations\n",
        "",
    );
    // The name decides what goes, the history in which order.
    project.run(&database, "rollback --to 0002").gives(
        0,
        "Rolled back 1 migration: 0003_c.sql\n",
        "rolled back 0003_c.sql (<time>)\n",
    );
    project.run(&database, "-q").gives(0, "", "");
    project.run(&database, "rollback 2 -q").gives(0, "", "");
    assert_eq!(database.applied(), ["0001_a.sql"]);
}

/// What a rollback must not change of the third row.
const KEPT: &str = "SELECT filename, version, description, kind, checksum, sql_checksum, started_at, applied_at, \
    execution_time_ms, statements_done, applied_by, tool_version FROM schema_migrations WHERE id = 3";

#[test]
fn the_row_stays_as_a_trail() {
    let project = three();
    let database = applied(&project);
    let before = database.value(KEPT);
    let role = database.role("undoer");
    database.execute(&format!("ALTER ROLE {role} SUPERUSER"));
    project
        .run(&database, "rollback -q")
        .on_as(&database, &role)
        .gives(0, "", "");
    assert_eq!(database.value(KEPT), before);
    assert_eq!(
        database.value(&format!(
            "SELECT status, error_message ~ '^rolled back by {role} at \\d{{4}}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ with onward [0-9.]+$' FROM \
             schema_migrations WHERE id = 3"
        )),
        "rolled_back|t"
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0003_c.sql\n",
        "applied 0003_c.sql (<time>)\n",
    );
    project.run(&database, "rollback -q").gives(0, "", "");
    assert_eq!(
        database.history()[2..],
        [
            "0003_c.sql|migration|rolled_back",
            "0003_c.sql|migration|rolled_back"
        ]
    );
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_file_that_was_rolled_back_is_pending() {
    let project = three();
    let database = applied(&project);
    project.run(&database, "rollback 2 -q").gives(0, "", "");
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  0001_a.sql  a  <when>  <time>  postgres
        pending  0002_b.sql  b
        pending  0003_c.sql  c

        3 migrations: 1 applied, 2 pending
    ",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 0002_b.sql, 0003_c.sql\n",
        "applied 0002_b.sql (<time>)\napplied 0003_c.sql (<time>)\n",
    );
}

#[test]
fn a_dry_run_shows_what_would_go_and_changes_nothing() {
    let project = three();
    let database = applied(&project);
    let before = database.full_dump();
    project.run(&database, "rollback 2 --dry-run").gives(
        0,
        "would roll back 0003_c.sql\nwould roll back 0002_b.sql\nWould roll back 2 migrations\n",
        "",
    );
    assert_eq!(database.full_dump(), before);
    project
        .run(&database, "rollback --to 0003 --dry-run")
        .gives(0, "Would roll back 0 migrations\n", "");
    project.remove("migrations/0002_b.down.sql");
    check_refused(
        &project,
        &database,
        "rollback 2 --dry-run",
        r"
        refused: 0002_b.sql has no way back
          write a new migration that undoes it: onward new undo b; or a way back, as migrations/0002_b.down.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

/// A migration whose way back is told by its file name or its sections.
#[track_caller]
fn check_form(files: &[(&str, &str)]) {
    let project = files.iter().fold(Project::new(), |project, (name, text)| {
        project.migration(name, text)
    });
    let database = applied(&project);
    assert!(database.has("t"), "{files:?}");
    project.run(&database, "rollback -q").gives(0, "", "");
    assert!(!database.has("t"), "{files:?}");
    assert_eq!(database.applied(), [""; 0], "{files:?}");
    project.run(&database, "-q").gives(0, "", "");
    assert!(database.has("t"), "{files:?}");
}

#[test]
fn every_form_of_a_way_back_is_known() {
    let (up, down) = ("CREATE TABLE t (x int);\n", "DROP TABLE t;\n");
    check_form(&[("1_t.sql", up), ("1_t.down.sql", down)]);
    check_form(&[("1_t.up.sql", up), ("1_t.down.sql", down)]);
    check_form(&[("1_t/up.sql", up), ("1_t/down.sql", down)]);
    check_form(&[("1_t/migration.sql", up), ("1_t/down.sql", down)]);
    check_form(&[("1_t/migration.sql", up), ("1_t.down.sql", down)]);
    for (forward, back) in [
        ("-- migrate:up", "-- migrate:down"),
        (
            "-- migrate:up transaction:false",
            "-- migrate:down transaction:false",
        ),
        ("-- +goose Up", "-- +goose Down"),
        ("-- +goose NO TRANSACTION\n-- +goose Up", "-- +goose Down"),
        ("-- +migrate Up", "-- +migrate Down"),
        ("-- +migrate Up", "-- +migrate Down notransaction"),
        ("-- Up Migration", "-- Down Migration"),
    ] {
        check_form(&[("1_t.sql", &format!("{forward}\n{up}\n{back}\n{down}"))]);
        check_form(&[("1_t.sql", &format!("{back}\n{down}\n{forward}\n{up}"))]);
    }
    check_form(&[
        ("1_t.sql", &format!("-- migrate:up\n{up}")),
        ("1_t.down.sql", down),
    ]);
    check_form(&[
        ("1_t.sql", up),
        (
            "1_t.down.sql",
            "\u{feff}SET lock_timeout = 0;\r\nBEGIN ISOLATION LEVEL SERIALIZABLE;\r\n\\echo going\r\nDROP TABLE t;\r\nCOMMIT;\r\n",
        ),
    ]);
    check_form(&[
        ("1_t.sql", up),
        (
            "1_t.down.sql",
            "CREATE TABLE rest (x int);\nCOPY rest FROM stdin;\n1\n2\n\\.\nDROP TABLE rest;\nDROP TABLE t;\n",
        ),
    ]);
}

#[test]
fn what_a_way_back_says_of_the_history_is_left_out() {
    let project = Project::new()
        .migration("1_t.sql", "CREATE TABLE t (x int);")
        .migration(
            "1_t.down.sql",
            "DROP TABLE t;\nDELETE FROM schema_migrations WHERE version = '1';\n",
        );
    let database = applied(&project);
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 1_t.sql\n",
        r"
        notice: migrations/1_t.down.sql:2: a statement for public.schema_migrations is left out; onward keeps its history itself
        rolled back 1_t.sql (<time>)
    ",
    );
    assert_eq!(database.history(), ["1_t.sql|migration|rolled_back"]);
}

#[test]
fn a_way_back_that_touches_the_history_unseen_fails() {
    let project = Project::new()
        .migration("1_t.sql", "CREATE TABLE t (x int);")
        .migration(
            "1_t.down.sql",
            "DROP TABLE t;\nDO $$BEGIN EXECUTE 'DELETE FROM ' || 'schema_migrations'; END$$;\n",
        );
    let database = applied(&project);
    project.run(&database, "rollback").gives(
        1,
        "",
        r"
        migrations/1_t.down.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: the way back of 1_t.sql as a whole
        rolled back before: none
        still applied: 1_t.sql
          mend the way back, then run onward rollback again
    ",
    );
    assert!(database.has("t"));
    assert_eq!(database.history(), ["1_t.sql|migration|applied"]);
}

#[test]
fn an_empty_way_back_says_that_nothing_is_to_be_undone() {
    let project = Project::new().migration(
        "1_t.sql",
        "-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:down\n",
    );
    let database = applied(&project);
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 1_t.sql\n",
        r"
        warning: the way back in migrations/1_t.sql holds no statement
          only the history will change
        rolled back 1_t.sql (<time>)
    ",
    );
    assert!(database.has("t"));
    assert_eq!(database.history(), ["1_t.sql|migration|rolled_back"]);
}

#[test]
fn all_objections_are_listed_at_once_and_nothing_runs() {
    let project = three()
        .migration("0004_d e.sql", "SELECT 4;")
        .migration("0005_f/up.sql", "SELECT 5;")
        .migration("0006_g.sql", "-- migrate:up\nSELECT 6;\n");
    let database = applied(&project);
    project.write("migrations/0003_c.sql", "SELECT 3;");
    project.remove("migrations/0002_b.sql");
    project.remove("migrations/0002_b.down.sql");
    project.write("migrations/0001_a.sql", "create table A (x int);\n");
    project.write("migrations/0001_a.sql", "CREATE TABLE a (x int); -- a\n");
    check_refused(
        &project,
        &database,
        "rollback 6",
        r"
        refused: 0006_g.sql has no way back
          write a new migration that undoes it: onward new undo g; or a way back, as migrations/0006_g.down.sql
        refused: 0005_f has no way back
          write a new migration that undoes it: onward new undo f; or a way back, as migrations/0005_f/down.sql
        refused: 0004_d e.sql has no way back
          write a new migration that undoes it: onward new undo d e; or a way back, as migrations/0004_d e.down.sql
        refused: 0003_c.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 0003_c.sql
        refused: 0002_b.sql cannot be rolled back, for the file is missing
          restore the file from version control; or write a new migration that undoes it: onward new undo b
        error: refused, for 5 reasons
          nothing was changed
    ",
    );
    project.run(&database, "rollback 7 --dir migrations").gives(
        3,
        "",
        &dedent(
            r"
        refused: 7 migrations cannot be rolled back, for only 6 are applied
          roll back all of them: onward --dir migrations rollback 6
        refused: 0006_g.sql has no way back
          write a new migration that undoes it: onward --dir migrations new undo g; or a way back, as migrations/0006_g.down.sql
        refused: 0005_f has no way back
          write a new migration that undoes it: onward --dir migrations new undo f; or a way back, as migrations/0005_f/down.sql
        refused: 0004_d e.sql has no way back
          write a new migration that undoes it: onward --dir migrations new undo d e; or a way back, as migrations/0004_d e.down.sql
        refused: 0003_c.sql changed after it was applied on <when>
          restore the file, or accept the change: onward --dir migrations repair 0003_c.sql
        refused: 0002_b.sql cannot be rolled back, for the file is missing
          restore the file from version control; or write a new migration that undoes it: onward --dir migrations new undo b
        error: refused, for 6 reasons
          nothing was changed
    ",
        ),
    );
}

#[test]
fn more_than_is_applied_is_refused() {
    let project = three();
    let database = applied(&project);
    project.run(&database, "rollback 2 -q").gives(0, "", "");
    check_refused(
        &project,
        &database,
        "rollback 2",
        r"
        refused: 2 migrations cannot be rolled back, for only 1 is applied
          roll back all of them: onward rollback 1
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "rollback 1 -q").gives(0, "", "");
}

#[test]
fn a_broken_way_back_stops_only_the_rollback() {
    let project = three()
        .migration("0002_b.down.sql", "DROP TABLE b;\nSELECT 'x;\n")
        .migration("0003_c.down.sql", "ALTER TABLE b DROP COLUMN y;\nCOMMIT;\n")
        .migration("0001_a.down.sql", "-- migrate:down\nDROP TABLE a;\n");
    let database = applied(&project);
    let all = r"
        migrations/0001_a.down.sql:1: a section marker in a file that is a way back as a whole
          leave the marker out, and what does not lead back
        migrations/0002_b.down.sql:2: unterminated quoted string begins here
          close it; nothing of the file was run
        migrations/0003_c.down.sql:2: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ";
    project.run(&database, "validate").gives(2, "", all);
    project.run_alone("validate").gives(2, "", all);
    project.run(&database, "rollback 2").gives(
        2,
        "",
        r"
        migrations/0003_c.down.sql:2: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
        migrations/0002_b.down.sql:2: unterminated quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    // What is not wanted is not read.
    project.write("migrations/0003_c.down.sql", "ALTER TABLE b DROP COLUMN y;");
    project.run(&database, "rollback -q").gives(0, "", "");
    project.write("migrations/0002_b.down.sql", "DROP TABLE b;");
    project.run(&database, "rollback 2").gives(
        2,
        "",
        r"
        migrations/0001_a.down.sql:1: a section marker in a file that is a way back as a whole
          leave the marker out, and what does not lead back
          mend the files; nothing was run
    ",
    );
    assert_eq!(database.applied(), ["0001_a.sql", "0002_b.sql"]);
}

#[test]
fn two_ways_back_of_one_file_are_refused() {
    let both = "-- migrate:up\nCREATE TABLE t ();\n-- migrate:down\nDROP TABLE t;\n";
    let project = Project::new()
        .migration("1_t.sql", both)
        .migration("1_t.down.sql", "DROP TABLE t;");
    let database = applied(&project);
    let stderr = r"
        migrations/1_t.down.sql: a second way back of 1_t.sql
          keep one of them
          mend the files; nothing was run
    ";
    project.run(&database, "rollback").gives(2, "", stderr);
}

#[test]
fn a_failure_rolls_its_own_way_back_back_and_ends_the_run() {
    let project = three().migration("0002_b.down.sql", "DROP TABLE b;\nDROP TABLE é_b;\n");
    let database = applied(&project);
    let told = |before: &str| {
        dedent(&format!(
            r#"
        {before}migrations/0002_b.down.sql:2:1: ERROR: table "é_b" does not exist (42P01)
        2 | DROP TABLE é_b;
          | ^
        rolled back: the way back of 0002_b.sql as a whole
        rolled back before: {}
        still applied: 0002_b.sql, 0001_a.sql
          mend the way back, then run onward rollback again
    "#,
            if before.is_empty() {
                "none"
            } else {
                "0003_c.sql"
            }
        ))
    };
    project.run(&database, "rollback 3").gives(
        1,
        "",
        &told("rolled back 0003_c.sql (<time>)\n        "),
    );
    assert!(database.has("b"));
    let history = [
        "0001_a.sql|migration|applied",
        "0002_b.sql|migration|applied",
        "0003_c.sql|migration|rolled_back",
    ];
    assert_eq!(database.history(), history);
    project.run(&database, "rollback 2").gives(1, "", &told(""));
    assert_eq!(database.history(), history);
    assert_eq!(
        database.value("SELECT count(error_message) FROM schema_migrations"),
        "1"
    );
    project.write("migrations/0002_b.down.sql", "DROP TABLE b;");
    project.run(&database, "rollback 2 -q").gives(0, "", "");
    assert_eq!(database.applied(), [""; 0]);
}

#[test]
fn a_deferred_constraint_is_checked_before_the_commit() {
    let project = Project::new()
        .migration(
            "1_t.sql",
            "CREATE TABLE t (x int PRIMARY KEY);\nCREATE TABLE u (x int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\n\
             INSERT INTO t VALUES (1); INSERT INTO u VALUES (1);\n",
        )
        .migration("1_t.down.sql", "DELETE FROM t;\n");
    let database = applied(&project);
    let outcome = project.run(&database, "rollback").outcome();
    outcome.exits(1);
    assert!(outcome.stderr.contains("(23503)"), "{outcome}");
    assert!(
        outcome.stderr.contains(
            "HINT: the constraint is deferred, so it was checked after the last statement"
        ),
        "{outcome}"
    );
    assert_eq!(database.history(), ["1_t.sql|migration|applied"]);
    assert_eq!(database.value("SELECT count(*) FROM t"), "1");
    project.write("migrations/1_t.down.sql", "DROP TABLE u, t;");
    project.run(&database, "rollback -q").gives(0, "", "");
}

#[test]
fn nothing_of_a_way_back_leaks_into_the_next_one() {
    let project = three().migration(
        "0003_c.down.sql",
        "SET search_path = elsewhere;\nCREATE TEMP TABLE b (x int);\nSET LOCAL ROLE pg_monitor;\n",
    );
    let database = applied(&project);
    project.run(&database, "rollback 2 -q").gives(0, "", "");
    assert!(!database.has("b"));
}

#[test]
fn every_kind_of_row_goes() {
    let project = three().schema(
        "-- onward: baseline through 0002\nCREATE TABLE IF NOT EXISTS a (x int);\nCREATE TABLE IF NOT EXISTS b (x int);\n",
    );
    let database = applied(&project);
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "0001_a.sql|baseline|applied",
            "0002_b.sql|baseline|applied",
            "0003_c.sql|migration|applied"
        ]
    );
    project
        .run(&database, "rollback 3")
        .gives(0, ALL_BACK, ALL_BACK_TOLD);
    // The schema file is no migration.
    project
        .run(&database, "rollback")
        .gives(0, "Rolled back 0 migrations: none is applied\n", "");
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "0001_a.sql|baseline|rolled_back",
            "0002_b.sql|baseline|rolled_back",
            "0003_c.sql|migration|rolled_back"
        ]
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.applied(),
        ["schema.sql", "0001_a.sql", "0002_b.sql", "0003_c.sql"]
    );

    let marked = Database::with("CREATE TABLE a (x int); CREATE TABLE b (x int);");
    project
        .run(&marked, "baseline --through 0002 -q")
        .gives(0, "", "");
    project.run(&marked, "rollback -q").gives(0, "", "");
    assert!(marked.has("a") && !marked.has("b"));
    assert_eq!(
        marked.history(),
        [
            "schema.sql|marked|applied",
            "0001_a.sql|marked|applied",
            "0002_b.sql|marked|rolled_back"
        ]
    );
}

#[test]
fn a_read_only_database_is_refused() {
    let project = three();
    let database = applied(&project);
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name
    ));
    for arguments in ["rollback", "rollback --dry-run"] {
        project.run(&database, arguments).gives(
            3,
            "",
            r"
            refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
              connect to the primary, with a role whose default_transaction_read_only is off
            error: refused, for 1 reason
              nothing was changed
        ",
        );
    }
    project
        .run(&database, "rollback --to 0003 -q")
        .gives(0, "", "");
}

#[test]
fn a_history_that_cannot_be_trusted_is_refused() {
    let project = three();
    let database = applied(&project);
    database.execute(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER t BEFORE UPDATE ON schema_migrations FOR EACH ROW EXECUTE FUNCTION f();",
    );
    for arguments in ["rollback", "rollback --dry-run"] {
        check_refused(
            &project,
            &database,
            arguments,
            r"
            refused: the history public.schema_migrations cannot be trusted: it has triggers
              have the table's owner mend each point; or use a table of another name, with --table or ONWARD_TABLE
            error: refused, for 1 reason
              nothing was changed
        ",
        );
    }
}

#[test]
fn a_file_that_is_applied_in_part_comes_first() {
    let project = three().migration("0004_d.sql", "VACUUM b;\nSELECT nonsense;\nVACUUM a;\n");
    let database = Database::new();
    project.run(&database, "-q").outcome().exits(1);
    check_refused(
        &project,
        &database,
        "rollback 2",
        r"
        refused: 0004_d.sql is applied in part, 1 step done
          finish it: onward up; or have it forgotten: onward repair 0004_d.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project
        .run(&database, "repair 0004_d.sql -q")
        .gives(0, "", "");
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 0003_c.sql\n",
        "rolled back 0003_c.sql (<time>)\n",
    );
}

#[test]
fn a_blocked_way_back_waits_and_names_who_blocks() {
    let project = three();
    let database = applied(&project);
    let mut other = database.connect();
    other
        .batch_execute("SET application_name = 'app'; BEGIN; SELECT * FROM b")
        .unwrap();
    let run = project
        .run(&database, "rollback 1 --lock-timeout 50ms")
        .start();
    run.wait_for_stderr("the way back of 0003_c.sql was rolled back, and is tried again: canceling statement due to lock timeout\n  ");
    assert_eq!(database.history()[2], "0003_c.sql|migration|applied");
    other.batch_execute("COMMIT").unwrap();
    let outcome = run.outcome();
    outcome.exits(0);
    assert!(outcome.stderr.contains("'app'"), "{outcome}");
    assert_eq!(outcome.stdout, "Rolled back 1 migration: 0003_c.sql\n");

    other
        .batch_execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
        .unwrap();
    let outcome = project
        .run(&database, "rollback 2 --lock-timeout 20ms --max-wait 200ms")
        .outcome();
    outcome.exits(5);
    let said = |text: &str| assert!(outcome.stderr.contains(text), "{text} {outcome}");
    said("error: gave up waiting for the locks of the way back of 0001_a.sql after <time>; ");
    said("\nrolled back before: 0002_b.sql\n");
    assert_eq!(database.applied(), ["0001_a.sql"]);
}

#[test]
fn of_ten_rollbacks_at_once_each_way_back_runs_once() {
    let slow =
        |number: usize| format!("SELECT pg_sleep(0.1);\nINSERT INTO effects VALUES ({number});\n");
    let project = Project::new()
        .migration("1_effects.sql", "CREATE TABLE effects (file int);")
        .migration("2_x.sql", "SELECT 2;")
        .migration("2_x.down.sql", slow(2))
        .migration("3_y.sql", "SELECT 3;")
        .migration("3_y.down.sql", slow(3));
    let database = applied(&project);
    // All of them have looked before any of them can begin.
    let mut gate = database.connect();
    gate.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(122520239960676)")
        .unwrap();
    let started: Vec<_> = (0..10)
        .map(|_| project.run(&database, "rollback 2").start())
        .collect();
    for run in &started {
        run.wait_for_stderr("waiting for the run lock");
    }
    gate.batch_execute("ROLLBACK").unwrap();
    let outcomes: Vec<Outcome> = started.into_iter().map(|run| run.outcome()).collect();
    let count = |stdout: &str| {
        let same = outcomes
            .iter()
            .filter(|outcome| outcome.exits(0).stdout == stdout);
        same.count()
    };
    assert_eq!(count("Rolled back 2 migrations: 3_y.sql, 2_x.sql\n"), 1);
    assert_eq!(
        count("Rolled back 0 migrations: another runner was faster\n"),
        9
    );
    assert_eq!(database.query("SELECT file FROM effects"), ["3", "2"]);
    assert_eq!(database.applied(), ["1_effects.sql"]);
}

#[test]
fn what_was_applied_meanwhile_is_not_left_behind() {
    let project = three();
    let database = applied(&project);
    let mut gate = database.connect();
    gate.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(122520239960676)")
        .unwrap();
    let run = project.run(&database, "rollback").start();
    run.wait_for_stderr("waiting for the run lock");
    // As another runner does, which has begun before.
    database.execute(
        "INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_at, applied_by, \
         tool_version) VALUES ('0004_d.sql', '0004', 'd', 'migration', 'applied', now(), now(), 'app', 'onward')",
    );
    gate.batch_execute("ROLLBACK").unwrap();
    let outcome = run.outcome();
    outcome.exits(3);
    assert!(
        outcome.stderr.ends_with(&dedent(
            r"
            refused: 0004_d.sql was applied meanwhile, by another runner
              see what is applied now: onward status
            error: refused, for 1 reason
              nothing was changed
        "
        )),
        "{outcome}"
    );
    assert_eq!(database.applied().len(), 4);
}

/// Three migrations; the way back of the second waits at a gate.
fn gated() -> (Project, Database) {
    let project = three().migration(
        "0002_b.down.sql",
        "DROP TABLE b;\nDO $$BEGIN WHILE to_regclass('gate') IS NULL LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;\n",
    );
    let database = applied(&project);
    (project, database)
}

const AT_WORK: &str = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'onward 0002_b.sql' \
    AND wait_event = 'PgSleep'";

#[track_caller]
fn wait_until_at_work(database: &Database) {
    wait_until("the way back is at work", || {
        database.value(&format!("SELECT count(*) {AT_WORK}")) == "1"
    });
}

#[test]
fn after_kill_9_the_next_rollback_ends_well() {
    let (project, database) = gated();
    let run = project.run(&database, "rollback 3").start();
    wait_until_at_work(&database);
    run.kill();
    database.execute("CREATE TABLE gate ()");
    project
        .run(&database, "rollback --to 0001 -q")
        .gives(0, "", "");
    assert_eq!(database.applied(), ["0001_a.sql"]);
    assert!(database.has("a") && !database.has("b"));
    database.execute("DROP TABLE gate");
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.applied().len(), 3);
}

#[test]
fn a_connection_that_is_lost_in_the_middle_is_opened_again() {
    let (project, database) = gated();
    let run = project.run(&database, "rollback 3").start();
    wait_until_at_work(&database);
    database.execute(&format!("SELECT pg_terminate_backend(pid) {AT_WORK}"));
    database.execute("CREATE TABLE gate ()");
    let outcome = run.outcome();
    // Whether the server's last word is read depends on chance.
    let stderr: Vec<&str> = outcome.exits(0).stderr.lines().collect();
    assert_eq!(outcome.stdout, ALL_BACK);
    assert_eq!(stderr.len(), 4, "{outcome}");
    let lost = "the connection was lost at 0002_b.sql; connecting again: ";
    assert!(stderr[1].starts_with(lost), "{outcome}");
    assert_eq!(stderr[2], "rolled back 0002_b.sql (<time>)");
}

#[test]
fn verbose_and_quiet_runs_are_so() {
    let project = three();
    let database = applied(&project);
    project.run(&database, "rollback -v").gives(
        0,
        "Rolled back 1 migration: 0003_c.sql\n",
        "rolling back 0003_c.sql\nrolled back 0003_c.sql (<time>)\n",
    );
    project.run(&database, "rollback -q").gives(0, "", "");
}

#[test]
fn a_version_is_no_number_of_migrations() {
    let project = three();
    let database = applied(&project);
    project.run(&database, "rollback 0002").gives(
        2,
        "",
        r#"
        error: "0002" is no number of migrations
          a version is written --to 0002
    "#,
    );
    assert_eq!(
        database.applied(),
        ["0001_a.sql", "0002_b.sql", "0003_c.sql"]
    );
}

#[test]
fn a_way_back_in_a_section_is_mended_and_accepted() {
    let text = "-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:down\nDROP TABLE u;\n";
    let project = Project::new().migration("1_t.sql", text);
    let database = applied(&project);
    project.run(&database, "rollback").gives(
        1,
        "",
        r#"
        migrations/1_t.sql:4:1: ERROR: table "u" does not exist (42P01)
        4 | DROP TABLE u;
          | ^
        rolled back: the way back of 1_t.sql as a whole
        rolled back before: none
        still applied: 1_t.sql
          mend the way back, then: onward repair 1_t.sql; then run onward rollback again
    "#,
    );
    project.write("migrations/1_t.sql", text.replace("TABLE u", "TABLE t"));
    project.run(&database, "repair 1_t.sql").gives(
        0,
        "accepted the text of 1_t.sql as it is now\n",
        "",
    );
    project.run(&database, "rollback").gives(
        0,
        "Rolled back 1 migration: 1_t.sql\n",
        "rolled back 1_t.sql (<time>)\n",
    );
}
