//! `COPY … FROM stdin` with its data lines, as pg_dump writes it.

use std::fmt::Write as _;

use crate::support::{Database, Project};

/// The table that most of these files fill.
const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, x text);\n";

/// A file that runs alone, and what it leaves in `t`.
#[track_caller]
fn check(text: &str, rows: &[&str]) -> Database {
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "")
        .gives(
            0,
            "Applied 1 migration: 0001_x.sql\n",
            "applied 0001_x.sql (<time>)\n",
        );
    assert_eq!(database.query("SELECT * FROM t ORDER BY 1"), rows);
    database
}

/// A file that fails alone, and leaves nothing.
#[track_caller]
fn check_fails(text: &str, stderr: &str) {
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "")
        .gives(1, "", stderr);
    assert!(!database.has("t"));
    assert_eq!(database.history(), ["0001_x.sql|migration|failed"]);
}

/// A file that is refused before anything runs.
#[track_caller]
fn check_refused(text: &str, stderr: &str) {
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "")
        .gives(2, "", stderr);
    assert!(!database.has("schema_migrations"));
}

#[test]
fn data_lines_of_the_text_format_are_rows() {
    check(
        &format!(
            "{TABLE}COPY t (id, x) FROM stdin;\n1\tone\n2\tgröße 表 😀\n3\ta\\tb\\nc\\\\d\n4\t\n\\.\n"
        ),
        &["1|one", "2|größe 表 😀", "3|a\tb\nc\\d", "4|"],
    );
    check(
        &format!(
            "{TABLE}copy t from STDIN with (delimiter ';', null 'none');\n1;one\n2;none\n\\.\n"
        ),
        &["1|one", "2|NULL"],
    );
    check(
        &format!("{TABLE}COPY t FROM stdin DELIMITER ',' NULL AS '';\n1,one\n2,\n\\.\nSELECT 1;\n"),
        &["1|one", "2|NULL"],
    );
}

#[test]
fn a_null_is_written_as_backslash_n() {
    check(
        &format!("{TABLE}COPY t FROM stdin;\n1\t\\N\n2\t\\\\N\n3\tN\n\\.\n"),
        &["1|NULL", "2|\\N", "3|N"],
    );
}

#[test]
fn data_lines_of_the_csv_format_are_rows() {
    check(
        &format!(
            "{TABLE}COPY t FROM stdin WITH (FORMAT csv, HEADER);\nid,x\n1,\"a, \"\"b\"\"\nand c\"\n2,\n3,\"\"\n4,'; DROP TABLE t; --\n\\.\n"
        ),
        &["1|a, \"b\"\nand c", "2|NULL", "3|", "4|'; DROP TABLE t; --"],
    );
    check(
        &format!("{TABLE}COPY t FROM stdin CSV QUOTE '''' DELIMITER ';';\n1;'a;b'\n\\.\n"),
        &["1|a;b"],
    );
}

#[test]
fn a_file_holds_several_blocks_between_its_statements() {
    let database = check(
        &format!(
            "{TABLE}COPY t FROM stdin;\n1\ta\n\\.\nCREATE TABLE u (y int);\n\nCOPY u FROM stdin;\n7\n8\n\\.\n\
             COPY t FROM stdin;\n2\tb\n\\.\nUPDATE t SET x = x || '!';\nCOPY t FROM stdin;\n3\tc\n\\.\n"
        ),
        &["1|a!", "2|b!", "3|c"],
    );
    assert_eq!(database.query("SELECT y FROM u ORDER BY 1"), ["7", "8"]);
}

#[test]
fn a_block_without_data_is_fine() {
    check(&format!("{TABLE}COPY t FROM stdin;\n\\.\n"), &[]);
    check(
        &format!("{TABLE}COPY t FROM stdin;\n\\.\n\n\nINSERT INTO t VALUES (1, 'a');\n"),
        &["1|a"],
    );
}

#[test]
fn an_empty_line_is_a_row_of_one_empty_column() {
    check(
        "CREATE TABLE t (x text);\nCOPY t FROM stdin;\n\n\nc\n\\.\n",
        &["", "", "c"],
    );
}

#[test]
fn the_marker_at_the_very_end_needs_no_line_end() {
    check(&format!("{TABLE}COPY t FROM stdin;\n1\ta\n\\."), &["1|a"]);
}

#[test]
fn windows_line_ends_are_no_part_of_the_data() {
    check(
        "CREATE TABLE t (id int, x text);\r\nCOPY t FROM stdin;\r\n1\tone\r\n2\ttwo\r\n\\.\r\nINSERT INTO t VALUES (3, 'three');\r\n",
        &["1|one", "2|two", "3|three"],
    );
}

#[test]
fn data_that_looks_like_sql_is_data() {
    check(
        &format!(
            "{TABLE}COPY t FROM stdin;\n1\tDROP TABLE t; COMMIT;\n2\t'it''s\n3\t$$ /* --\n4\t\"\n5\tCOPY t FROM stdin;\n\\.\nSELECT 1;\n"
        ),
        &[
            "1|DROP TABLE t; COMMIT;",
            "2|'it''s",
            "3|$$ /* --",
            "4|\"",
            "5|COPY t FROM stdin;",
        ],
    );
}

#[test]
fn data_that_looks_like_a_command_of_psql_is_data() {
    check(
        "CREATE TABLE t (x text);\nCOPY t FROM stdin;\n\\\\i other.sql\n\\\\.\n x\\\\.\n\\.\n",
        &[" x\\.", "\\.", "\\i other.sql"],
    );
}

#[test]
fn data_that_looks_like_a_directive_is_data() {
    let database = check(
        "CREATE TABLE t (x text);\nCOPY t FROM stdin;\n-- onward: no-transaction\n-- Description: of somebody else\n\\.\n",
        &[
            "-- Description: of somebody else",
            "-- onward: no-transaction",
        ],
    );
    assert_eq!(
        database.value("SELECT description FROM schema_migrations"),
        "x"
    );
}

#[test]
fn a_file_can_begin_with_a_block_or_hold_nothing_else() {
    let project = Project::new()
        .migration("0001_table.sql", TABLE)
        .migration("0002_only.sql", "COPY t FROM stdin;\n1\ta\n\\.\n")
        .migration(
            "0003_first.sql",
            "COPY t FROM stdin;\n2\tb\n\\.\nUPDATE t SET x = 'B' WHERE id = 2;\n",
        );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.query("SELECT * FROM t ORDER BY 1"), ["1|a", "2|B"]);
    assert_eq!(
        database.applied(),
        ["0001_table.sql", "0002_only.sql", "0003_first.sql"]
    );
}

#[test]
fn a_hundred_thousand_rows_are_one_transaction() {
    let mut text = format!("{TABLE}COPY t FROM stdin;\n");
    for number in 1..=100_000 {
        writeln!(text, "{number}\trow {number}").unwrap();
    }
    text += "\\.\n";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", &text);
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.value("SELECT count(*), sum(id), max(length(x)) FROM t"),
        "100000|5000050000|10"
    );

    let broken = text.replace("\n100000\trow 100000\n", "\n99999\trow 100000\n");
    check_fails(
        &broken,
        r#"
        migrations/0001_x.sql:100002:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        100002 | 99999	row 100000
               | ^
        DETAIL: Key (id)=(99999) already exists.
        CONTEXT: COPY t, line 100000
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn an_error_in_the_data_names_its_line_of_the_file() {
    check_fails(
        "-- one\nCREATE TABLE t (id int PRIMARY KEY, x text);\nCOPY t FROM stdin;\n1\ta\n2\tb\nthree\tc\n4\td\n\\.\nSELECT 1;\n",
        r#"
        migrations/0001_x.sql:6:1: ERROR: invalid input syntax for type integer: "three" (22P02)
        6 | three	c
          | ^
        CONTEXT: COPY t, line 3, column id: "three"
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &format!("{TABLE}COPY t FROM stdin;\n1\ta\n2\n\\.\n"),
        r#"
        migrations/0001_x.sql:4:1: ERROR: missing data for column "x" (22P04)
        4 | 2
          | ^
        CONTEXT: COPY t, line 2: "2"
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &format!("{TABLE}COPY t FROM stdin;\n1\ta\tb\n\\.\n"),
        r#"
        migrations/0001_x.sql:3:1: ERROR: extra data after last expected column (22P04)
        3 | 1	a	b
          | ^
        CONTEXT: COPY t, line 1: "1	a	b"
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn an_error_in_the_second_block_names_the_line_there() {
    check_fails(
        &format!(
            "{TABLE}COPY t FROM stdin;\n1\ta\n2\tb\n\\.\nSELECT 1;\nCOPY t FROM stdin;\n3\tc\n1\td\n\\.\n"
        ),
        r#"
        migrations/0001_x.sql:9:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        9 | 1	d
          | ^
        DETAIL: Key (id)=(1) already exists.
        CONTEXT: COPY t, line 2
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn an_error_in_csv_data_names_its_line_of_the_file() {
    check_fails(
        &format!(
            "{TABLE}COPY t FROM stdin WITH (FORMAT csv, HEADER true);\r\nid,x\r\n1,a\r\nzwei,b\r\n\\.\r\n"
        ),
        r#"
        migrations/0001_x.sql:5:1: ERROR: invalid input syntax for type integer: "zwei" (22P02)
        5 | zwei,b
          | ^
        CONTEXT: COPY t, line 3, column id: "zwei"
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_block_for_a_table_that_is_not_there_fails_at_its_statement() {
    check_fails(
        "SELECT 1;\nCOPY nowhere FROM stdin;\n1\ta\n\\.\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: relation "nowhere" does not exist (42P01)
        2 | COPY nowhere FROM stdin;
          | ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &format!("{TABLE}COPY t (id, y) FROM stdin;\n1\ta\n\\.\n"),
        r#"
        migrations/0001_x.sql:2:1: ERROR: column "y" of relation "t" does not exist (42703)
        2 | COPY t (id, y) FROM stdin;
          | ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &format!("{TABLE}COPY t FROM stdin WITH (FORMAT xml);\n1\ta\n\\.\n"),
        r#"
        migrations/0001_x.sql:2:25: ERROR: COPY format "xml" not recognized (22023)
        2 | COPY t FROM stdin WITH (FORMAT xml);
          |                         ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_statement_that_fails_behind_a_block_is_found() {
    check_fails(
        &format!(
            "{TABLE}COPY t FROM stdin;\n1\tgröße\n\\.\nSELECT 1;\nSELECT 'é', emial FROM t;\n"
        ),
        r#"
        migrations/0001_x.sql:6:13: ERROR: column "emial" does not exist (42703)
        6 | SELECT 'é', emial FROM t;
          |             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &format!(
            "{TABLE}COPY t FROM stdin;\n1\ta\n\\.\nSELECT 1;\nINSERT INTO t VALUES (1, 'b');\n"
        ),
        r#"
        migrations/0001_x.sql:6:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        6 | INSERT INTO t VALUES (1, 'b');
          | ^
        DETAIL: Key (id)=(1) already exists.
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_deferred_constraint_fails_behind_the_last_block() {
    check_fails(
        "CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\nCOPY t FROM stdin;\n1\t2\n\\.\n",
        r#"
        migrations/0001_x.sql: ERROR: insert or update on table "t" violates foreign key constraint "t_parent_fkey" (23503)
        DETAIL: Key (parent)=(2) is not present in table "t".
        HINT: the constraint is deferred, so it was checked after the last statement
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_block_at_the_end_needs_no_marker() {
    check(
        &format!("{TABLE}COPY t FROM stdin;\n1\ta\n2\tb\n"),
        &["1|a", "2|b"],
    );
    check(
        &format!("{TABLE}COPY t FROM stdin;\n1\ta\n2\tb"),
        &["1|a", "2|b"],
    );
    check(&format!("{TABLE}COPY t FROM stdin;\n"), &[]);
    check(&format!("{TABLE}COPY t FROM stdin;"), &[]);
}

#[test]
fn copy_to_stdout_is_refused_at_its_line() {
    check_refused(
        "CREATE TABLE t (x int);\n\nCOPY t TO STDOUT;\n",
        r"
        migrations/0001_x.sql:3: COPY ... TO STDOUT has nowhere to write to
          remove the statement; psql or pg_dump can export data
          mend the files; nothing was run
    ",
    );
    check_refused(
        "copy (SELECT 1 AS \"to\") to stdout with (format csv);\n",
        r"
        migrations/0001_x.sql:1: COPY ... TO STDOUT has nowhere to write to
          remove the statement; psql or pg_dump can export data
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_block_stands_in_a_group_of_a_file_that_runs_step_by_step() {
    let text = "CREATE TABLE t (id int PRIMARY KEY, x text);\nBEGIN;\nINSERT INTO t VALUES (1, 'a');\nCOPY t FROM stdin;\n2\tb\n\\.\nCOMMIT;\nVACUUM t;\n";
    check(text, &["1|a", "2|b"]);

    let broken = text.replace("2\tb", "1\tb");
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", broken);
    project.run(&database, "").gives(
        1,
        "",
        r#"
        migrations/0001_x.sql:5:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        5 | 1	b
          | ^
        DETAIL: Key (id)=(1) already exists.
        CONTEXT: COPY t, line 1
        rolled back: step 2 of 3 of 0001_x.sql; the steps before it are done and will not be repeated
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    assert!(database.query("SELECT * FROM t").is_empty());
    let project = project.migration("0001_x.sql", text);
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.query("SELECT * FROM t ORDER BY 1"), ["1|a", "2|b"]);
}

#[test]
fn a_block_is_a_step_of_its_own() {
    let text = "-- onward: no-transaction\nCREATE TABLE t (id int PRIMARY KEY, x text);\nCOPY t FROM stdin;\n1\ta\n\\.\nCOPY t FROM stdin;\n2\tb\n\\.\n";
    let database = check(text, &["1|a", "2|b"]);
    assert_eq!(
        database.value("SELECT statements_done FROM schema_migrations"),
        "3"
    );
}

#[test]
fn the_data_of_a_csv_block_may_hold_what_looks_like_a_marker_behind_other_text() {
    check(
        &format!("{TABLE}COPY t FROM stdin WITH (FORMAT csv);\n1,a \\.\n2,\\. b\n\\.\n"),
        &["1|a \\.", "2|\\. b"],
    );
}

#[test]
fn changed_data_is_a_changed_file() {
    let text = format!("{TABLE}COPY t FROM stdin;\n1\ta\n\\.\n");
    let project = Project::new().migration("0001_x.sql", &text);
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.write("migrations/0001_x.sql", text.replace("1\ta", "1\tb"));
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
}
