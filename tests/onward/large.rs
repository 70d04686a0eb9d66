//! Files that are too large for one message.

use std::fmt::Write as _;

use crate::support::{Database, Project};

/// How many statements the large files hold; a message holds 1,000.
const STATEMENTS: usize = 20_000;

/// A file of one INSERT for each number, behind the table that they fill.
fn inserts() -> String {
    let mut text = "CREATE TABLE t (id int PRIMARY KEY, x text);\n".to_owned();
    for number in 1..STATEMENTS {
        writeln!(text, "INSERT INTO t VALUES ({number}, 'größe; {number}');").unwrap();
    }
    text
}

/// A file that fails alone and leaves nothing.
#[track_caller]
fn check_fails(text: &str, stderr: &str) {
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "")
        .gives(1, "", stderr);
    assert!(!database.has("t"), "not all was rolled back");
    assert_eq!(database.history(), ["0001_x.sql|migration|failed"]);
}

#[test]
fn a_large_file_is_one_transaction_in_several_messages() {
    let database = Database::new();
    let project = Project::new().migration(
        "0001_x.sql",
        inserts() + "SELECT 1;\nCREATE TABLE told AS SELECT count(DISTINCT xmin::text) AS transactions FROM t;\n",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    assert_eq!(
        database.value("SELECT count(*), sum(id) FROM t"),
        "19999|199990000"
    );
    assert_eq!(database.value("SELECT transactions FROM told"), "1");
}

#[test]
fn a_failure_at_the_end_rolls_all_back() {
    check_fails(
        &(inserts() + "INSERT INTO t\n  VALUES (1, 'twice');\n"),
        r#"
        migrations/0001_x.sql:20001:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        20001 | INSERT INTO t
              | ^
        DETAIL: Key (id)=(1) already exists.
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &(inserts() + "SELECT 'é',\n       emial"),
        r#"
        migrations/0001_x.sql:20002:8: ERROR: column "emial" does not exist (42703)
        20002 |        emial
              |        ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    check_fails(
        &(inserts() + "ALTER TABLE t ADD (y int"),
        r#"
        migrations/0001_x.sql:20001:19: ERROR: syntax error at or near "(" (42601)
        20001 | ALTER TABLE t ADD (y int
              |                   ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_place_in_the_third_message_is_right() {
    let text = inserts();
    for (number, stderr) in [
        (
            "2500",
            r#"
        migrations/0001_x.sql:2501:34: ERROR: column "emial" does not exist (42703)
        2501 | INSERT INTO t VALUES (2500, 'é', emial, 'größe; 2500');
             |                                  ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
        ),
        (
            "2000",
            r#"
        migrations/0001_x.sql:2001:34: ERROR: column "emial" does not exist (42703)
        2001 | INSERT INTO t VALUES (2000, 'é', emial, 'größe; 2000');
             |                                  ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
        ),
    ] {
        let broken = text.replacen(
            &format!("({number}, "),
            &format!("({number}, 'é', emial, "),
            1,
        );
        check_fails(&broken, stderr);
    }
}

#[test]
fn an_error_without_a_position_in_the_third_message_names_its_statement() {
    let broken = inserts().replacen("(2700, ", "(2699, ", 1);
    check_fails(
        &broken,
        r#"
        migrations/0001_x.sql:2701:1: ERROR: duplicate key value violates unique constraint "t_pkey" (23505)
        2701 | INSERT INTO t VALUES (2699, 'größe; 2700');
             | ^
        DETAIL: Key (id)=(2699) already exists.
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_large_file_of_few_statements_comes_through() {
    let texts = ["a'; ", "größe ", "-- \n", "表\\"];
    let mut text = "CREATE TABLE t (id int, x text);\n".to_owned();
    for (number, part) in texts.iter().enumerate() {
        let long = part.replace('\'', "''").repeat(300_000);
        writeln!(text, "INSERT INTO t VALUES ({number}, '{long}');").unwrap();
    }
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "-q")
        .gives(0, "", "");
    let expected: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(number, part)| format!("{number}|{}|t", part.chars().count() * 300_000))
        .collect();
    assert_eq!(
        database.query(
            "SELECT id, length(x), x = repeat((ARRAY['a''; ', 'größe ', E'-- \\n', E'表\\\\'])[id + 1], 300000) FROM t ORDER BY id"
        ),
        expected
    );
}

#[test]
fn a_huge_literal_comes_through_and_its_successor_is_placed_right() {
    let literal = "größe; ".repeat(1_500_000);
    let text = format!("CREATE TABLE t (x text);\nINSERT INTO t VALUES ('{literal}');\n");
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", &text)
        .run(&database, "-q")
        .gives(0, "", "");
    assert_eq!(database.value("SELECT length(x) FROM t"), "10500000");
    check_fails(
        &(text + "SELECT 'é', emial;\n"),
        r#"
        migrations/0001_x.sql:3:13: ERROR: column "emial" does not exist (42703)
        3 | SELECT 'é', emial;
          |             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn strings_are_read_by_the_rule_in_force_in_a_large_file() {
    let many = |number: usize| format!("INSERT INTO t VALUES ({number}, 'a\\');\n").repeat(1_500);
    let escaped =
        |number: usize| format!("INSERT INTO t VALUES ({number}, 'it\\'s;');\n").repeat(1_500);
    let text = format!(
        "CREATE TABLE t (id int, x text);\nSET escape_string_warning = off;\n{}SET standard_conforming_strings = off;\n{}SET standard_conforming_strings TO on;\n{}",
        many(1),
        escaped(2),
        many(3)
    );
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", &text)
        .migration("0002_y.sql", "INSERT INTO t VALUES (4, 'b\\');")
        .run(&database, "-q")
        .gives(0, "", "");
    assert_eq!(
        database.query("SELECT id, x, count(*) FROM t GROUP BY 1, 2 ORDER BY 1"),
        ["1|a\\|1500", "2|it's;|1500", "3|a\\|1500", "4|b\\|1"]
    );
    check_fails(
        &(text + "SELECT '\\', emial;\n"),
        r#"
        migrations/0001_x.sql:4505:13: ERROR: column "emial" does not exist (42703)
        4505 | SELECT '\', emial;
             |             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_rule_that_changes_where_it_cannot_be_seen_fails_the_file() {
    let text = format!(
        "CREATE TABLE t (id int, x text);\nDO $$BEGIN SET standard_conforming_strings = off; END$$;\n{}",
        "INSERT INTO t VALUES (1, E'a\\\\b');\n".repeat(1_500)
    );
    check_fails(
        &text,
        r"
        migrations/0001_x.sql: ERROR: the file changes standard_conforming_strings where that cannot be seen (55000)
        HINT: set it by a statement of its own, SET standard_conforming_strings, so that it can be seen
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
}

#[test]
fn a_deferred_constraint_of_a_large_file_is_checked_at_its_end() {
    check_fails(
        &(inserts().replacen(
            "x text)",
            "x text, parent int REFERENCES t DEFERRABLE INITIALLY DEFERRED)",
            1,
        ) + "INSERT INTO t VALUES (0, 'orphan', -1);\n"),
        r#"
        migrations/0001_x.sql: ERROR: insert or update on table "t" violates foreign key constraint "t_parent_fkey" (23503)
        DETAIL: Key (parent)=(-1) is not present in table "t".
        HINT: the constraint is deferred, so it was checked after the last statement
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn settings_and_temporary_tables_last_through_all_messages() {
    let database = Database::new();
    let text = format!(
        "CREATE SCHEMA s;\nSET search_path = s;\nCREATE TEMP TABLE mine (x int);\nCREATE TABLE t (x int);\n{}INSERT INTO t SELECT count(*) FROM mine;\n",
        "INSERT INTO mine VALUES (1);\n".repeat(3_000)
    );
    Project::new()
        .migration("0001_x.sql", text)
        .migration(
            "0002_y.sql",
            "CREATE TABLE u AS SELECT to_regclass('mine') AS mine;",
        )
        .run(&database, "-q")
        .gives(0, "", "");
    assert_eq!(database.value("SELECT x FROM s.t"), "3000");
    assert_eq!(database.value("SELECT mine FROM public.u"), "NULL");
}

#[test]
fn a_group_of_a_file_that_runs_step_by_step_can_be_large() {
    let database = Database::new();
    let text = format!(
        "CREATE TABLE t (x int);\nBEGIN;\n{}COMMIT;\nVACUUM t;\nBEGIN;\n{}SELECT 1 / 0;\nCOMMIT;\n",
        "INSERT INTO t VALUES (1);\n".repeat(3_000),
        "INSERT INTO t VALUES (2);\n".repeat(3_000)
    );
    let project = Project::new().migration("0001_x.sql", &text);
    project.run(&database, "").gives(
        1,
        "",
        r"
        migrations/0001_x.sql:6006:1: ERROR: division by zero (22012)
        6006 | SELECT 1 / 0;
             | ^
        rolled back: step 4 of 4 of 0001_x.sql; the steps before it are done and will not be repeated
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    assert_eq!(
        database.query("SELECT x, count(*) FROM t GROUP BY x"),
        ["1|3000"]
    );
    project.write("migrations/0001_x.sql", text.replace("1 / 0", "1 / 1"));
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.query("SELECT x, count(*) FROM t GROUP BY x ORDER BY x"),
        ["1|3000", "2|3000"]
    );
}
