//! A file never sees what the file before it left behind, nor does the next client of a pooled connection.

use crate::support::{Database, Project};

/// A first file that leaves something behind, and a second one that would notice.
#[track_caller]
fn check(first: &str, second: &str) {
    let database = Database::new();
    let project = Project::new()
        .migration("1_first.sql", first)
        .migration("2_second.sql", second);
    project.run(&database, "-q").gives(0, "", "");
}

/// A second file that fails unless the condition holds.
fn only_if(condition: &str) -> String {
    format!("SELECT 1 / CASE WHEN {condition} THEN 1 ELSE 0 END;")
}

#[test]
fn settings_end_with_their_file() {
    for set in [
        "SET search_path = 'nowhere';",
        "SELECT set_config('search_path', '', false);",
        "SET LOCAL search_path = 'nowhere';",
    ] {
        check(
            set,
            &only_if("current_setting('search_path') = '\"$user\", public'"),
        );
    }
    check(
        "SET work_mem = '1MB';",
        &only_if("current_setting('work_mem') <> '1MB'"),
    );
    check(
        "SET my.setting = 'x';",
        &only_if("coalesce(current_setting('my.setting', true), '') = ''"),
    );
    check(
        "SET client_encoding = 'UTF8';",
        &only_if("current_setting('client_encoding') = 'UTF8' AND length('é') = 1"),
    );
    check(
        "SET standard_conforming_strings = off;",
        "SELECT 1 / CASE WHEN length('\\n') = 2 THEN 1 ELSE 0 END;",
    );
    check(
        "SET default_transaction_read_only = on;",
        "CREATE TABLE t (x int);",
    );
    check(
        "SET default_transaction_isolation = 'serializable';",
        &only_if("current_setting('transaction_isolation') = 'read committed'"),
    );
    check(
        "SET check_function_bodies = off;",
        &only_if("current_setting('check_function_bodies') = 'on'"),
    );
    check(
        "SET xmloption = content; SET row_security = off;",
        &only_if("current_setting('row_security') = 'on'"),
    );
}

#[test]
fn limits_of_one_file_are_not_those_of_the_next() {
    check("SET statement_timeout = '200ms';", "SELECT pg_sleep(0.3);");
    check(
        "SET lock_timeout = 0;",
        &only_if("current_setting('lock_timeout') = '500ms'"),
    );
    check(
        "-- onward: lock-timeout 7s\n-- onward: statement-timeout 9s\nSELECT 1;",
        &only_if(
            "current_setting('lock_timeout') = '500ms' AND current_setting('statement_timeout') = '0'",
        ),
    );
}

#[test]
fn directives_are_in_force() {
    let told = only_if(
        "current_setting('lock_timeout') = '7s' AND current_setting('statement_timeout') = '9s'",
    );
    check(
        "SELECT 1;",
        &format!("-- onward: lock-timeout 7s\n-- onward: statement-timeout 9s\n{told}"),
    );
}

#[test]
fn a_statement_timeout_ends_its_file() {
    let project = Project::new().migration(
        "1_slow.sql",
        "-- onward: statement-timeout 50ms\nSELECT pg_sleep(10);",
    );
    project.run(&Database::new(), "").gives(
        1,
        "",
        r"
        migrations/1_slow.sql:2:1: ERROR: canceling statement due to statement timeout (57014)
        2 | SELECT pg_sleep(10);
          | ^
        rolled back: 1_slow.sql as a whole
        applied before: none
        still pending: 1_slow.sql
          mend the file, then run onward again
    ",
    );
}

#[test]
fn the_role_ends_with_its_file() {
    let database = Database::new();
    let role = database.role("app");
    for statement in ["SET ROLE", "SET SESSION AUTHORIZATION", "SET LOCAL ROLE"] {
        let file = format!("{statement} {role};\nSELECT 1;");
        let database = Database::new();
        let project = Project::new().migration("1_first.sql", file).migration(
            "2_second.sql",
            only_if("current_user = 'postgres' AND session_user = 'postgres'"),
        );
        project.run(&database, "-q").gives(0, "", "");
        assert_eq!(
            database.query("SELECT DISTINCT applied_by FROM schema_migrations"),
            ["postgres"]
        );
    }
}

#[test]
fn temporary_tables_and_prepared_statements_end_with_their_file() {
    check(
        "CREATE TEMP TABLE t (x int);",
        &only_if("to_regclass('t') IS NULL"),
    );
    check(
        "CREATE TEMP TABLE t (x int) ON COMMIT DROP;",
        "CREATE TABLE t (x int);",
    );
    check("PREPARE p AS SELECT 1;", "PREPARE p AS SELECT 2;");
    check(
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1;",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 2;",
    );
    check(
        "CREATE SEQUENCE s; SELECT nextval('s');",
        "DO $$BEGIN PERFORM currval('s'); RAISE 'leaked'; EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL; END$$;",
    );
}

#[test]
fn locks_and_channels_end_with_their_file() {
    let mine = "SELECT 1 FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'";
    check(
        "SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2);",
        &only_if(&format!("NOT EXISTS ({mine})")),
    );
    check(
        "LISTEN news;",
        &only_if("NOT EXISTS (SELECT pg_listening_channels())"),
    );
}

#[test]
fn a_deferred_constraint_fails_in_its_own_file() {
    let parent = "CREATE TABLE parent (id int PRIMARY KEY);\n\
        CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);";
    let project = Project::new()
        .migration("1_tables.sql", parent)
        .migration("2_orphan.sql", "INSERT INTO child VALUES (7);\nSELECT 1;\n")
        .migration("3_never.sql", "SELECT 1;");
    let database = Database::new();
    project.run(&database, "").gives(1, "", r#"
        applied 1_tables.sql (<time>)
        migrations/2_orphan.sql: ERROR: insert or update on table "child" violates foreign key constraint "child_id_fkey" (23503)
        DETAIL: Key (id)=(7) is not present in table "parent".
        HINT: the constraint is deferred, so it was checked after the last statement
        rolled back: 2_orphan.sql as a whole
        applied before: 1_tables.sql
        still pending: 2_orphan.sql, 3_never.sql
          mend the file, then run onward again
    "#);
    assert_eq!(
        database.history(),
        [
            "1_tables.sql|migration|applied",
            "2_orphan.sql|migration|failed"
        ]
    );
    project.write(
        "migrations/2_orphan.sql",
        "INSERT INTO child VALUES (7);\nINSERT INTO parent VALUES (7);\n",
    );
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 2_orphan.sql, 3_never.sql\n",
        r"
        applied 2_orphan.sql (<time>)
        applied 3_never.sql (<time>)
    ",
    );
}

#[test]
fn deferred_work_sees_the_settings_of_its_file() {
    let first = "CREATE TABLE t (x int);
CREATE TABLE seen (path text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.seen VALUES (current_setting('search_path')); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see();";
    let project = Project::new().migration("1_first.sql", first).migration(
        "2_second.sql",
        "SET search_path = 'elsewhere', public;\nINSERT INTO t VALUES (1);",
    );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.query("SELECT path FROM seen"),
        ["elsewhere, public"]
    );
}

#[test]
fn what_the_role_has_set_comes_back() {
    let database = Database::new();
    let role = database.role("app");
    database.execute(&format!(
        "GRANT CREATE, CONNECT ON DATABASE {} TO {role}; GRANT CREATE ON SCHEMA public TO {role}; ALTER ROLE {role} SET work_mem = '7MB'",
        database.name
    ));
    let project = Project::new()
        .migration("1_first.sql", "SET work_mem = '1MB';")
        .migration(
            "2_second.sql",
            only_if("current_setting('work_mem') = '7MB'"),
        );
    project
        .run_alone("-q")
        .on_as(&database, &role)
        .gives(0, "", "");
}

#[test]
fn the_options_of_the_url_come_back() {
    let database = Database::new();
    database.execute("CREATE SCHEMA app");
    let project = Project::new()
        .migration("1_first.sql", "SET search_path = 'nowhere';")
        .migration("2_second.sql", "CREATE TABLE t (x int);");
    let url = format!("{}&options=-c%20search_path%3Dapp", database.url());
    project.run_alone("-q").at(&database, &url).gives(0, "", "");
    assert!(database.has("app.t") && database.has("app.schema_migrations"));
    let url = format!("{}&search_path=app,public", database.url());
    project.run_alone("").at(&database, &url).gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
}

#[test]
fn what_would_leak_from_a_failed_file_does_not_either() {
    let database = Database::new();
    let project = Project::new().migration(
        "1_first.sql",
        "SET search_path = 'nowhere';\nSET ROLE pg_monitor;\nSELECT nonsense;",
    );
    project.run(&database, "").gives(
        1,
        "",
        r#"
        migrations/1_first.sql:3:8: ERROR: column "nonsense" does not exist (42703)
        3 | SELECT nonsense;
          |        ^
        rolled back: 1_first.sql as a whole
        applied before: none
        still pending: 1_first.sql
          mend the file, then run onward again
    "#,
    );
    assert_eq!(
        database.query("SELECT filename, status, applied_by FROM schema_migrations"),
        ["1_first.sql|failed|postgres"]
    );
}
