//! Files with the section markers of other tools: the way forward runs, the way back never does.

use crate::support::{Database, Project};

/// A file that runs alone; nothing of its way back, which drops `kept`, does.
#[track_caller]
fn check(text: &str) -> Database {
    let database = Database::with("CREATE TABLE kept (x int)");
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "--allow-nonempty")
        .gives(
            0,
            "Applied 1 migration: 0001_x.sql\n",
            "applied 0001_x.sql (<time>)\n",
        );
    assert!(database.has("kept"), "the way back ran");
    assert!(database.has("t"), "the way forward did not run");
    database
}

/// A file that is refused before anything runs.
#[track_caller]
fn check_refused(text: &str, stderr: &str) {
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "")
        .gives(2, "", stderr);
    assert!(!database.has("schema_migrations") && !database.has("t"));
}

/// The hint of every refusal.
const MARKERS: &str = "markers are: -- migrate:up, -- migrate:down (dbmate); -- +goose Up, -- +goose Down (goose); \
    -- +migrate Up, -- +migrate Down (sql-migrate); -- Up Migration, -- Down Migration (node-pg-migrate); \
    ---- create above / drop below ---- (tern)";

#[test]
fn dbmate() {
    check(
        "-- migrate:up\nCREATE TABLE t (x int);\n\n-- migrate:down\nDROP TABLE kept;\nDROP TABLE t;\n",
    );
    check(
        "-- migrate:up transaction:true\nCREATE TABLE t (x int)\n-- migrate:down transaction:true\nDROP TABLE kept\n",
    );
    check(
        "\u{FEFF}--migrate:up\r\nCREATE TABLE t (x int);\r\n  -- migrate:down\r\nDROP TABLE kept;\r\n",
    );
}

#[test]
fn tern() {
    check(
        "CREATE TABLE t (x int);\n\n---- create above / drop below ----\n\nDROP TABLE kept;\nDROP TABLE t;\n",
    );
}

#[test]
fn dbmate_with_the_way_back_first() {
    check("-- migrate:down\nDROP TABLE kept;\n-- migrate:up\nCREATE TABLE t (x int);\n");
}

#[test]
fn dbmate_without_a_transaction() {
    let database = check(
        "-- migrate:up transaction:false\nCREATE TABLE t (x int);\nCREATE INDEX CONCURRENTLY t_x ON t (x);\n-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY t_x;\nDROP TABLE kept;\n",
    );
    assert!(database.has("t_x"));
    assert_eq!(
        database.value("SELECT statements_done FROM schema_migrations"),
        "2"
    );
}

#[test]
fn goose() {
    check("-- +goose Up\nCREATE TABLE t (x int);\n-- +goose Down\nDROP TABLE kept;\n");
    check("-- +goose up\nCREATE TABLE t (x int);\n-- +goose down\nDROP TABLE kept;\n");
}

#[test]
fn goose_with_a_function_between_statement_markers() {
    let database = check(
        "-- +goose Up
CREATE TABLE t (x int);
-- +goose StatementBegin
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  -- goose reads this line as SQL
  RETURN x * 2;
END;
$$;
-- +goose StatementEnd
INSERT INTO t SELECT twice(21);

-- +goose Down
-- +goose StatementBegin
DROP FUNCTION twice(int);
DROP TABLE kept;
-- +goose StatementEnd
",
    );
    assert_eq!(database.value("SELECT x FROM t"), "42");
}

#[test]
fn goose_without_a_transaction() {
    let database = check(
        "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE t (x int);\nCREATE INDEX CONCURRENTLY t_x ON t (x);\n-- +goose Down\nDROP TABLE kept;\n",
    );
    assert!(database.has("t_x"));
}

#[test]
fn sql_migrate() {
    check("-- +migrate Up\nCREATE TABLE t (x int);\n-- +migrate Down\nDROP TABLE kept;\n");
    check(
        "-- +migrate Up\n-- +migrate StatementBegin\nDO $$BEGIN CREATE TABLE t (x int); END$$;\n-- +migrate StatementEnd\n-- +migrate Down\nDROP TABLE kept;\n",
    );
    let database = check(
        "-- +migrate Up notransaction\nCREATE TABLE t (x int);\nVACUUM t;\n-- +migrate Down\nDROP TABLE kept;\n",
    );
    assert_eq!(
        database.value("SELECT statements_done FROM schema_migrations"),
        "2"
    );
}

#[test]
fn node_pg_migrate() {
    check("-- Up Migration\nCREATE TABLE t (x int);\n\n-- Down Migration\nDROP TABLE kept;\n");
    check("-- up migration\nCREATE TABLE t (x int);\n-- down migration\nDROP TABLE kept;\n");
}

#[test]
fn a_way_back_does_not_run_from_within_a_string_or_a_comment() {
    let database = Database::with("CREATE TABLE kept (x int)");
    let project = Project::new().migration(
        "0001_x.sql",
        "-- migrate:up\nSELECT 'open\n-- migrate:down\n'; DROP TABLE kept;\n",
    );
    project.run(&database, "--allow-nonempty").gives(
        2,
        "",
        r"
        migrations/0001_x.sql:2: unterminated quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    assert!(database.has("kept"));
    let project = project.migration(
        "0001_x.sql",
        "-- migrate:up\nSELECT 1; /*\n-- migrate:down\n*/ DROP TABLE kept;\n",
    );
    project.run(&database, "--allow-nonempty").gives(
        2,
        "",
        r"
        migrations/0001_x.sql:2: unterminated /* comment begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    assert!(database.has("kept"));
}

#[test]
fn an_error_behind_a_way_back_is_placed_right() {
    let project = Project::new().migration(
        "0001_x.sql",
        "-- migrate:down\nDROP TABLE größe;\n-- migrate:up\nSELECT 'é', emial;\n",
    );
    project.run(&Database::new(), "").gives(
        1,
        "",
        r#"
        migrations/0001_x.sql:4:13: ERROR: column "emial" does not exist (42703)
        4 | SELECT 'é', emial;
          |             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn comments_and_directives_may_stand_above_the_first_marker() {
    let database = check(
        "-- Description: The first one\n/* of many */\n-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:down\nDROP TABLE kept;\n",
    );
    assert_eq!(
        database.value("SELECT description FROM schema_migrations"),
        "The first one"
    );
}

#[test]
fn a_statement_above_the_first_marker_is_refused() {
    check_refused(
        "-- first\nSELECT 1;\n-- migrate:up\nCREATE TABLE t (x int);\n",
        r"
        migrations/0001_x.sql:2: a statement above the first section marker
          move it below the marker of the way forward
          mend the files; nothing was run
    ",
    );
}

#[test]
fn markers_of_two_tools_are_refused() {
    check_refused(
        "-- migrate:up\nCREATE TABLE t (x int);\n-- +goose Down\nDROP TABLE t;\n",
        &format!(
            "migrations/0001_x.sql:3: a section marker of another tool than the one above\n  {MARKERS}\n  mend the files; nothing was run\n"
        ),
    );
}

#[test]
fn an_unknown_marker_is_refused() {
    check_refused(
        "-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:dwon\nDROP TABLE t;\n",
        &format!(
            "migrations/0001_x.sql:3: an unknown section marker\n  {MARKERS}\n  mend the files; nothing was run\n"
        ),
    );
}

#[test]
fn a_file_with_a_way_back_only_is_refused() {
    check_refused(
        "-- migrate:down\nDROP TABLE t;\n",
        &format!(
            "migrations/0001_x.sql: section markers, but no section for the way forward\n  {MARKERS}\n  mend the files; nothing was run\n"
        ),
    );
}

#[test]
fn an_empty_way_forward_is_recorded_with_a_warning() {
    let database = Database::with("CREATE TABLE kept (x int)");
    let project = Project::new().migration(
        "0001_x.sql",
        "-- migrate:up\n\n-- migrate:down\nDROP TABLE kept;\n",
    );
    project.run(&database, "--allow-nonempty").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        warning: migrations/0001_x.sql holds no statement
          it will be recorded as applied; delete it if it is not meant
        applied 0001_x.sql (<time>)
    ",
    );
    assert!(database.has("kept"));
}

#[test]
fn a_schema_file_may_have_sections() {
    let database = Database::new();
    let project = Project::new()
        .schema("-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:down\nDROP TABLE t;\n")
        .migration("0001_x.sql", "INSERT INTO t VALUES (1);");
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.value("SELECT x FROM t"), "1");
}

#[test]
fn a_changed_way_back_is_a_changed_file() {
    let text = "-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:down\nDROP TABLE t;\n";
    let project = Project::new().migration("0001_x.sql", text);
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.write(
        "migrations/0001_x.sql",
        text.replace("DROP TABLE t", "DROP TABLE IF EXISTS t"),
    );
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 0001_x.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 0001_x.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.write(
        "migrations/0001_x.sql",
        text.replace("DROP TABLE t;", "DROP TABLE  t; -- gone"),
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        r"
        warning: only comments or layout of 0001_x.sql changed after it was applied
          restore the file, or accept the change: onward repair 0001_x.sql
    ",
    );
}

#[test]
fn the_checksum_is_of_the_whole_file() {
    let text = "-- migrate:up\nCREATE TABLE t (x int);\n-- migrate:down\nDROP TABLE t;\n";
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "-q")
        .gives(0, "", "");
    assert_eq!(
        database.value(&format!(
            "SELECT checksum = encode(sha256(convert_to($x${text}$x$, 'UTF8')), 'hex') FROM schema_migrations"
        )),
        "t"
    );
}
