//! The commands of psql in a file: the harmless ones are skipped, the others refused with what to do instead.

use crate::support::{Database, Project};

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

/// A file with one command in its second line, which is refused with these words.
#[track_caller]
fn check_command(command: &str, message: &str, hint: &str) {
    check_refused(
        &format!("CREATE TABLE t (x int);\n{command}\nSELECT 1;\n"),
        &format!(
            "migrations/0001_x.sql:2: {message}\n  {hint}\n  mend the files; nothing was run\n"
        ),
    );
}

#[test]
fn harmless_commands_are_skipped_with_a_notice_each() {
    let text = "\\restrict 8xHnFa
\\set ON_ERROR_STOP on
\\set QUIET 1
\\set VERBOSITY verbose
\\encoding UTF8
\\timing on
\\pset pager off
\\x
\\a
\\t on
CREATE TABLE t (x text);
\\echo 'it''s' \"half done\"
\\qecho ; DROP TABLE t;
\\warn größe
INSERT INTO t VALUES ('\\echo'); \\echo behind a statement
\\unrestrict 8xHnFa
";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        notice: migrations/0001_x.sql:1: \restrict is a command of psql; skipped
        notice: migrations/0001_x.sql:2: \set is a command of psql; skipped
        notice: migrations/0001_x.sql:3: \set is a command of psql; skipped
        notice: migrations/0001_x.sql:4: \set is a command of psql; skipped
        notice: migrations/0001_x.sql:5: \encoding is a command of psql; skipped
        notice: migrations/0001_x.sql:6: \timing is a command of psql; skipped
        notice: migrations/0001_x.sql:7: \pset is a command of psql; skipped
        notice: migrations/0001_x.sql:8: \x is a command of psql; skipped
        notice: migrations/0001_x.sql:9: \a is a command of psql; skipped
        notice: migrations/0001_x.sql:10: \t is a command of psql; skipped
        notice: migrations/0001_x.sql:12: \echo is a command of psql; skipped
        notice: migrations/0001_x.sql:13: \qecho is a command of psql; skipped
        notice: migrations/0001_x.sql:14: \warn is a command of psql; skipped
        notice: migrations/0001_x.sql:15: \echo is a command of psql; skipped
        notice: migrations/0001_x.sql:16: \unrestrict is a command of psql; skipped
        applied 0001_x.sql (<time>)
    ",
    );
    assert_eq!(database.query("SELECT x FROM t"), ["\\echo"]);
}

#[test]
fn a_quiet_run_skips_them_without_a_word() {
    let project = Project::new().migration("0001_x.sql", "\\echo hello\nSELECT 1;\n");
    project.run(&Database::new(), "-q").gives(0, "", "");
}

#[test]
fn a_schema_file_may_hold_them_too() {
    let project =
        Project::new().schema("\\restrict abc\nCREATE TABLE t (x int);\n\\unrestrict abc\n");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (0 applied)\n",
        r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
        notice: schema.sql:1: \restrict is a command of psql; skipped
        notice: schema.sql:3: \unrestrict is a command of psql; skipped
        applied schema.sql (<time>)
    ",
    );
    assert!(database.has("t"));
}

#[test]
fn a_file_of_commands_alone_is_applied() {
    let project = Project::new().migration("0001_x.sql", "\\echo one\n\\echo two\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.applied(), ["0001_x.sql"]);
}

#[test]
fn a_command_that_includes_a_file_is_refused() {
    let hint = "put its statements here, or make that file a migration";
    for command in [
        "\\i other.sql",
        "\\ir other.sql",
        "\\include other.sql",
        "\\include_relative 'a b.sql'",
    ] {
        let name = command.split(' ').next().unwrap();
        check_command(
            command,
            &format!("{name} includes another file, as only psql can"),
            hint,
        );
    }
}

#[test]
fn a_command_that_connects_elsewhere_is_refused() {
    for name in ["\\connect", "\\c"] {
        check_command(
            &format!("{name} other"),
            &format!("{name} connects elsewhere, as only psql can"),
            "a migration runs in one database; use --url for another one",
        );
    }
}

#[test]
fn a_copy_by_psql_is_refused() {
    check_command(
        "\\copy t FROM 'data.csv' CSV",
        "\\copy reads a file on the client, as only psql can",
        "use COPY ... FROM stdin with the data below it, or INSERT",
    );
}

#[test]
fn a_command_that_works_with_a_result_is_refused() {
    let hint = "do the same in a DO block with EXECUTE";
    for command in ["\\gexec", "\\gset", "\\g", "\\gx", "\\gdesc"] {
        check_command(
            &format!("SELECT 'DROP TABLE t' {command}"),
            &format!("{command} works with the result of a query, as only psql can"),
            hint,
        );
    }
}

#[test]
fn a_condition_of_psql_is_refused() {
    for command in ["\\if true", "\\elif true", "\\else", "\\endif"] {
        let name = command.split(' ').next().unwrap();
        check_command(
            command,
            &format!("{name} is a condition, as only psql can"),
            "decide in a DO block",
        );
    }
}

#[test]
fn a_variable_of_ones_own_is_refused() {
    let hint = "write the value where it is used";
    check_command(
        "\\set x 1",
        "\\set sets a variable of psql, as only psql can",
        hint,
    );
    check_command(
        "\\set",
        "\\set sets a variable of psql, as only psql can",
        hint,
    );
    check_command(
        "\\set AUTOCOMMIT off",
        "\\set sets a variable of psql, as only psql can",
        hint,
    );
}

#[test]
fn an_encoding_other_than_utf_8_is_refused() {
    check_command(
        "\\encoding LATIN1",
        "\\encoding sets an encoding other than UTF8, as only psql can",
        "save the file as UTF-8",
    );
}

#[test]
fn a_program_is_never_run() {
    check_command(
        "\\! touch /tmp/onward-was-here",
        "\\! runs a program, as only psql can",
        "run it from the script that calls onward",
    );
}

#[test]
fn any_other_command_is_refused() {
    let hint = "only psql knows its backslash commands: write plain SQL instead";
    for command in [
        "\\q",
        "\\d",
        "\\dt+",
        "\\o",
        "\\watch",
        "\\prompt",
        "\\nonsense",
    ] {
        check_command(
            command,
            &format!("{command} is a command of psql, not SQL"),
            hint,
        );
    }
}

#[test]
fn a_command_inside_a_statement_is_refused_even_if_it_is_harmless() {
    check_refused(
        "CREATE TABLE t (\n  x int\n\\echo half done\n);\n",
        r"
        migrations/0001_x.sql:3: \echo of psql inside a statement
          only psql knows its backslash commands: write plain SQL instead
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_command_behind_a_harmless_one_is_refused() {
    let hint = "give each command of psql a line of its own";
    check_command(
        "\\echo one \\\\ DROP TABLE t;",
        "\\echo with a backslash behind it",
        hint,
    );
    check_command(
        "\\timing on \\i other.sql",
        "\\timing with a backslash behind it",
        hint,
    );
}

#[test]
fn a_backslash_in_a_text_or_a_comment_is_no_command() {
    let project = Project::new().migration(
        "0001_x.sql",
        "CREATE TABLE t (x text); -- \\i other.sql\n/* \\! false */\nINSERT INTO t VALUES ('\\i'), ($$\n\\i other.sql\n$$), (E'\\\\i');\n",
    );
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    assert_eq!(
        database.query("SELECT x FROM t"),
        ["\\i", "\n\\i other.sql\n", "\\i"]
    );
}

#[test]
fn every_file_is_told_its_first_command() {
    let project = Project::new()
        .migration("0001_a.sql", "SELECT 1;\n\\i a.sql\n\\i b.sql\n")
        .migration("0002_b.sql", "\\c other\n");
    project.run(&Database::new(), "").gives(
        2,
        "",
        r"
        migrations/0001_a.sql:2: \i includes another file, as only psql can
          put its statements here, or make that file a migration
        migrations/0002_b.sql:1: \c connects elsewhere, as only psql can
          a migration runs in one database; use --url for another one
          mend the files; nothing was run
    ",
    );
}
