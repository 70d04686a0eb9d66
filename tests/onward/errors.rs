//! How a failed migration is told: place, line, caret, and what it means for the rest.

use crate::support::{Database, Project, dedent, text};

/// One file that fails, alone.
#[track_caller]
fn check(text: &str, stderr: &str) {
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&Database::new(), "").gives(1, "", stderr);
}

#[test]
fn the_caret_stands_below_the_character() {
    check(
        "SELECT 1;\nSELECT 'größe 表 😀', emial;\n",
        r#"
        migrations/0001_x.sql:2:21: ERROR: column "emial" does not exist (42703)
        2 | SELECT 'größe 表 😀', emial;
          |               　 　   ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "SELECT 1;\n\tSELECT\t'x',\temial;\n",
        r#"
        migrations/0001_x.sql:2:14: ERROR: column "emial" does not exist (42703)
        2 | 	SELECT	'x',	emial;
          | 	      	    	^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "-- one\r\n-- two\r\nSELECT 1,\r\n  emial;\r\n",
        r#"
        migrations/0001_x.sql:4:3: ERROR: column "emial" does not exist (42703)
        4 |   emial;
          |   ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "\u{FEFF}SELECT emial;",
        r#"
        migrations/0001_x.sql:1:8: ERROR: column "emial" does not exist (42703)
        1 | SELECT emial;
          |        ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn the_last_statement_needs_no_semicolon_to_be_found() {
    check(
        "SELECT 1;\nSELECT emial",
        r#"
        migrations/0001_x.sql:2:8: ERROR: column "emial" does not exist (42703)
        2 | SELECT emial
          |        ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "SELECT 1;\nSELECT emial -- why",
        r#"
        migrations/0001_x.sql:2:8: ERROR: column "emial" does not exist (42703)
        2 | SELECT emial -- why
          |        ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "CREATE TABLE t (x int,\n",
        r"
        migrations/0001_x.sql:1:23: ERROR: syntax error at the end of the file (42601)
        1 | CREATE TABLE t (x int,
          |                       ^
        HINT: the last statement does not end
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    check(
        "SELECT (1;\n",
        r#"
        migrations/0001_x.sql:1:10: ERROR: syntax error at or near ";" (42601)
        1 | SELECT (1;
          |          ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;\n",
        r"
        migrations/0001_x.sql:1:55: ERROR: syntax error at the end of the file (42601)
        1 | CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1;
          |                                                       ^
        HINT: the last statement does not end
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
}

#[test]
fn a_long_line_is_shown_around_the_place() {
    check(
        &format!("SELECT {}emial{};", "1, ".repeat(100), ", 2".repeat(100)),
        r#"
        migrations/0001_x.sql:1:308: ERROR: column "emial" does not exist (42703)
        1 | 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, emial, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
          |                                                             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn detail_and_hint_are_shown() {
    check(
        "CREATE TABLE t (email text);\nSELECT emial FROM t;\n",
        r#"
        migrations/0001_x.sql:2:8: ERROR: column "emial" does not exist (42703)
        2 | SELECT emial FROM t;
          |        ^
        HINT: Perhaps you meant to reference the column "t.email".
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "CREATE TABLE t (x int PRIMARY KEY);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1);\n",
        r#"
        migrations/0001_x.sql:3:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        3 | INSERT INTO t VALUES (1);
          | ^
        DETAIL: Key (x)=(1) already exists.
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn an_error_inside_a_function_shows_where() {
    check(
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  PERFORM 1 / 0;\nEND $$;\nSELECT f();\n",
        r#"
        migrations/0001_x.sql:5:1: ERROR: division by zero (22012)
        5 | SELECT f();
          | ^
        CONTEXT: SQL statement "SELECT 1 / 0"
        PL/pgSQL function f() line 3 at PERFORM
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "DO $$\nBEGIN\n  PERFORM nonsense;\nEND $$;\n",
        r#"
        migrations/0001_x.sql:3:3: ERROR: column "nonsense" does not exist (42703)
        3 |   PERFORM nonsense;
          |   ^
        CONTEXT: PL/pgSQL function inline_code_block line 3 at PERFORM
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check(
        "DO $$BEGIN RAISE EXCEPTION 'no way' USING DETAIL = 'two\nlines', HINT = 'go back', ERRCODE = 'P0123'; END$$;",
        r"
        migrations/0001_x.sql:1:6: ERROR: no way (P0123)
        1 | DO $$BEGIN RAISE EXCEPTION 'no way' USING DETAIL = 'two
          |      ^
        DETAIL: two
        lines
        HINT: go back
        CONTEXT: PL/pgSQL function inline_code_block line 1 at RAISE
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
}

#[test]
fn what_a_server_message_says_cannot_steer_the_terminal() {
    check(
        "DO $$BEGIN RAISE EXCEPTION USING MESSAGE = 'red ' || chr(27) || '[31m', DETAIL = chr(27) || ']0;title' || chr(7); END$$;",
        r"
        migrations/0001_x.sql:1:6: ERROR: red \u{1b}[31m (P0001)
        1 | DO $$BEGIN RAISE EXCEPTION USING MESSAGE = 'red ' || chr(27) || '[31m', DETAIL = chr(27) || ']0;title' || chr(7); END$$;
          |      ^
        DETAIL: \u{1b}]0;title\u{7}
        CONTEXT: PL/pgSQL function inline_code_block line 1 at RAISE
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
}

#[test]
fn a_place_is_right_behind_what_is_left_out() {
    check(
        "\\set ON_ERROR_STOP on\n\\echo 'größe'\nBEGIN ISOLATION LEVEL SERIALIZABLE;\nSET TRANSACTION READ WRITE;\nSELECT emial;\nCOMMIT;\n",
        r#"
        notice: migrations/0001_x.sql:1: \set is a command of psql; skipped
        notice: migrations/0001_x.sql:2: \echo is a command of psql; skipped
        migrations/0001_x.sql:5:8: ERROR: column "emial" does not exist (42703)
        5 | SELECT emial;
          |        ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_place_is_right_in_a_file_of_many_messages() {
    let text = format!("{}SELECT 'é', emial;\n", "SELECT 'ü';\n".repeat(2_500));
    check(
        &text,
        r#"
        migrations/0001_x.sql:2501:13: ERROR: column "emial" does not exist (42703)
        2501 | SELECT 'é', emial;
             |             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn what_was_applied_and_what_is_pending_is_told() {
    let project = (1..=30).fold(Project::new(), |project, number| {
        let text = if number == 15 {
            "SELECT nonsense;"
        } else {
            "SELECT 1;"
        };
        project.migration(&format!("{number:03}_x.sql"), text)
    });
    let database = Database::new();
    let outcome = project.run(&database, "").outcome();
    outcome.exits(1);
    let tail = text(outcome.stderr.lines().skip(14));
    assert_eq!(
        tail,
        dedent(
            r#"
        migrations/015_x.sql:1:8: ERROR: column "nonsense" does not exist (42703)
        1 | SELECT nonsense;
          |        ^
        rolled back: 015_x.sql as a whole
        applied before: 001_x.sql, 002_x.sql, 003_x.sql, 004_x.sql, 005_x.sql, 006_x.sql, 007_x.sql, 008_x.sql, 009_x.sql, 010_x.sql and 4 more
        still pending: 015_x.sql, 016_x.sql, 017_x.sql, 018_x.sql, 019_x.sql, 020_x.sql, 021_x.sql, 022_x.sql, 023_x.sql, 024_x.sql and 6 more
          mend the file, then run onward again
    "#
        )
    );
}

#[test]
fn a_migration_that_drops_the_history_fails() {
    check(
        "CREATE TABLE x (y int);\nDO $$BEGIN DROP TABLE schema_migrations; END$$;\n",
        r"
        migrations/0001_x.sql: ERROR: the migration changed or removed the history table (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    check(
        "DROP SCHEMA public CASCADE;\n",
        r"
        0001_x.sql: NOTICE: drop cascades to table schema_migrations
        migrations/0001_x.sql: ERROR: the migration changed or removed the history table (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    check(
        "DO $$BEGIN ALTER TABLE schema_migrations RENAME TO old; END$$;\n",
        r"
        migrations/0001_x.sql: ERROR: the migration changed or removed the history table (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    check(
        "DO $$BEGIN DELETE FROM schema_migrations; END$$;\n",
        r"
        migrations/0001_x.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
}

#[test]
fn a_schema_file_that_drops_the_history_fails() {
    let project = Project::new()
        .schema("DO $$BEGIN DROP TABLE schema_migrations; END$$;\n")
        .migration("1_x.sql", "SELECT 1;");
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r"
        schema.sql: ERROR: the migration changed or removed the history table (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: schema.sql as a whole, the history table included
        applied before: none
        still pending: schema.sql, 1_x.sql
          mend the file, then run onward again
    ",
    );
    assert!(!database.has("schema_migrations"));
}

#[test]
fn a_migration_that_removes_rows_of_others_fails() {
    let project = Project::new().migration("1_a.sql", "SELECT 1;").migration(
        "2_b.sql",
        "DO $$BEGIN DELETE FROM schema_migrations WHERE filename = '1_a.sql'; END$$;",
    );
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r"
        applied 1_a.sql (<time>)
        migrations/2_b.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: 2_b.sql as a whole
        applied before: 1_a.sql
        still pending: 2_b.sql
          mend the file, then run onward again
    ",
    );
    assert_eq!(database.applied(), ["1_a.sql"]);
}

#[test]
fn a_migration_that_breaks_its_connection_is_not_taken_for_applied() {
    let text = "CREATE TABLE t (x int);\nSELECT pg_terminate_backend(pg_backend_pid());\n";
    let database = Database::new();
    let outcome = Project::new()
        .migration("1_x.sql", text)
        .run(&database, "--max-wait 1s")
        .outcome();
    outcome.exits(4);
    assert!(!database.has("t"), "{outcome}");
}
