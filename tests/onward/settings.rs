//! Arguments and variables: which one counts, and what is said of those that make no sense.

use crate::support::{Database, Project};

/// A command line that makes no sense: exit code 2, and this on stderr.
#[track_caller]
fn check_arguments(arguments: &str, stderr: &str) {
    let nowhere = "postgres://postgres@/nowhere?host=/nonexistent";
    Project::new()
        .run_alone(arguments)
        .env("DATABASE_URL", nowhere)
        .gives(2, "", stderr);
}

#[test]
fn unknown_words_are_named() {
    check_arguments(
        "upp",
        r#"
        error: unknown command "upp"
          see onward --help, or onward COMMAND --help
    "#,
    );
    check_arguments(
        "up extra",
        r#"
        error: unexpected argument "extra"
          see onward --help, or onward COMMAND --help
    "#,
    );
    check_arguments(
        "--nonsense",
        r"
        error: unknown option --nonsense
          see onward --help, or onward COMMAND --help
    ",
    );
    check_arguments(
        "-x",
        r"
            error: unknown option -x
              see onward --help, or onward COMMAND --help
        ",
    );
    check_arguments(
        "up --to",
        r"
        error: --to needs a value
          see onward --help, or onward COMMAND --help
    ",
    );
    check_arguments(
        "status --to 1",
        r#"
                        error: --to belongs to "up" and "rollback", not to "status"
                          see onward --help, or onward COMMAND --help
                    "#,
    );
    check_arguments(
        "up --check",
        r#"
        error: --check belongs to "status", not to "up"
          see onward --help, or onward COMMAND --help
    "#,
    );
    check_arguments(
        "baseline --json",
        r#"
        error: --json belongs to "up" and "status", not to "baseline"
          see onward --help, or onward COMMAND --help
    "#,
    );
    check_arguments(
        "help nonsense",
        r#"
        error: unknown command "nonsense"
          see onward --help, or onward COMMAND --help
    "#,
    );
    check_arguments(
        "--quiet=yes",
        r"
        error: --quiet takes no value
          see onward --help, or onward COMMAND --help
    ",
    );
}

#[test]
fn lengths_of_time_need_their_unit() {
    for value in ["5", "0s", "1.5s", "soon"] {
        check_arguments(
            &format!("--max-wait {value}"),
            r"
            error: --max-wait: not a length of time above 0: a whole number with its unit, like 500ms, 30s, 5min or 1h
              see onward --help
        ",
        );
        check_arguments(
            &format!("--lock-timeout={value}"),
            r"
            error: --lock-timeout: not a length of time above 0: a whole number with its unit, like 500ms, 30s, 5min or 1h
              see onward --help
        ",
        );
    }
}

#[test]
fn a_table_name_must_be_one_that_postgresql_keeps() {
    check_arguments(
        "--table a.b.c",
        r"
        error: --table: it has more than two parts; write [SCHEMA.]NAME
          see onward --help
    ",
    );
    check_arguments(
        "--table .a",
        r"
              error: --table: a part of it is empty; write [SCHEMA.]NAME
                see onward --help
          ",
    );
    check_arguments(
        "--table a-b",
        r"
        error: --table: a name with anything but letters, digits and _ must stand in double quotes
          see onward --help
    ",
    );
    check_arguments(
        "--table \"a",
        r"
              error: --table: a double quote is not closed
                see onward --help
          ",
    );
    check_arguments(
        "--table pg_catalog.a",
        r"
            error: --table: that schema belongs to the system
              see onward --help
        ",
    );
    check_arguments(
        "--table pg_toast.a",
        r"
        error: --table: that schema belongs to the system
          see onward --help
    ",
    );
    check_arguments(
        "--table information_schema.a",
        r"
        error: --table: that schema belongs to the system
          see onward --help
    ",
    );
    check_arguments(
        &format!("--table {}", "a".repeat(64)),
        r"
        error: --table: a name has at most 63 bytes
          see onward --help
    ",
    );
}

#[test]
fn a_bad_variable_is_named() {
    let url = "postgres://postgres@/nowhere?host=/nonexistent";
    for (name, value) in [
        ("ONWARD_TABLE", "a.b.c"),
        ("ONWARD_STRICT", "perhaps"),
        ("ONWARD_MAX_WAIT", "5"),
        ("ONWARD_COLOR", "green"),
        ("ONWARD_QUIET", "perhaps"),
    ] {
        let outcome = Project::new()
            .run_alone("")
            .env("DATABASE_URL", url)
            .env(name, value)
            .outcome();
        outcome.exits(2);
        assert!(
            outcome.stderr.starts_with(&format!("error: {name}: ")),
            "{outcome}"
        );
    }
}

#[test]
fn a_database_must_be_named() {
    Project::new().run_alone("").gives(
        2,
        "",
        r"
        error: no database is named
          set DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE, or give --url
    ",
    );
    Project::new().run_alone("").env("DATABASE_URL", "").gives(
        2,
        "",
        r"
            error: no database is named
              set DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE, or give --url
        ",
    );
}

#[test]
fn a_flag_beats_a_variable_and_one_variable_the_other() {
    let (project, database) = (
        Project::new().migration("1_a.sql", "SELECT 1;"),
        Database::new(),
    );
    let url = database.url();
    project
        .run_alone("-q --url")
        .arg(&url)
        .env("DATABASE_URL", "nonsense")
        .gives(0, "", "");
    project
        .run_alone("-q")
        .env("DATABASE_URL", &url)
        .env("POSTGRES_URL", "nonsense")
        .gives(0, "", "");
    project
        .run_alone("-q")
        .env("POSTGRES_URL", &url)
        .gives(0, "", "");
    let project = Project::empty().file("db/mig/1_a.sql", "SELECT 1;");
    project
        .run(&database, "-q --dir db/mig")
        .env("ONWARD_DIR", "nonsense")
        .gives(0, "", "");
    project
        .run(&database, "-q")
        .env("ONWARD_DIR", "db/mig")
        .gives(0, "", "");
}

#[test]
fn colour_is_for_terminals_or_for_those_who_ask() {
    let project = Project::new()
        .migration("10_a.sql", "")
        .migration("9_b.sql", "SELECT 1;");
    let database = Database::new();
    let run = |arguments: &str| project.run(&database, arguments);
    run("").gives(
        0,
        "Applied 2 migrations: 10_a.sql, 9_b.sql\n",
        r"
        warning: 10_a.sql runs before 9_b.sql, because names are ordered byte by byte
          give all numbers the same width
        warning: migrations/10_a.sql holds no statement
          it will be recorded as applied; delete it if it is not meant
        applied 10_a.sql (<time>)
        applied 9_b.sql (<time>)
    ",
    );
    let outcome = run("--color always").outcome();
    assert!(
        outcome.stderr.starts_with("\u{1b}[33;1mwarning:\u{1b}[0m "),
        "{outcome}"
    );
    // Who asks for it in the command line wants it.
    let outcome = run("--color=always").env("NO_COLOR", "1").outcome();
    assert!(
        outcome.stderr.starts_with("\u{1b}[33;1mwarning:\u{1b}[0m "),
        "{outcome}"
    );
    let outcome = run("").env("NO_COLOR", "1").outcome();
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome}");
    let outcome = run("--color never").outcome();
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome}");
}
