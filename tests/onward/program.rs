//! `up … -- PROGRAM`: after success the program takes our place; after failure it is never started.

use std::process::Command;

use crate::support::{Database, Project};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

fn project() -> Project {
    Project::new().migration("0001_a.sql", "CREATE TABLE a (id int);")
}

#[test]
fn after_success_it_becomes_the_program() {
    let database = Database::new();
    project()
        .run(&database, "up -q -- sh -c")
        .env("PATH", PATH)
        .arg("printf '%s\\n' \"$0\" \"$@\"; exit 7")
        .arg("zero")
        .arg("--to")
        .arg("a  b")
        .gives(7, "zero\n--to\na  b\n", "");
    assert_eq!(database.value("SELECT count(*) FROM a"), "0");
}

#[test]
fn what_was_done_is_told_before() {
    let database = Database::new();
    project().run(&database, "-- /bin/echo hello").gives(
        0,
        "
        Applied 1 migration: 0001_a.sql
        hello
        ",
        "
        applied 0001_a.sql (<time>)
        ",
    );
    project().run(&database, "-- /bin/echo hello").gives(
        0,
        "
        Applied 0 migrations: the database is up to date (1 applied)
        hello
        ",
        "",
    );
}

#[test]
fn the_program_has_the_environment_and_nothing_of_ours() {
    let database = Database::new();
    let outcome = project()
        .run(&database, "up -q -- /usr/bin/env")
        .env("PGAPPNAME", "x")
        .env("ONWARD_STRICT", "1")
        .outcome();
    outcome.exits(0);
    let mut lines: Vec<&str> = outcome.raw_stdout.lines().collect();
    lines.sort_unstable();
    let url = format!("DATABASE_URL={}", database.url());
    assert_eq!(
        lines,
        [&url, "HOME=/nonexistent", "ONWARD_STRICT=1", "PGAPPNAME=x"]
    );

    let outcome = project()
        .run(&database, "up -q -- /bin/ls -l /proc/self/fd")
        .outcome();
    outcome.exits(0);
    assert!(!outcome.raw_stdout.contains("socket:"), "{outcome}");

    let signals = ["-E", "SigIgn|SigCgt|SigBlk", "/proc/self/status"];
    let direct = Command::new("/bin/grep").args(signals).output().unwrap();
    let project = project();
    let run = project.run(&database, "up -q -- /bin/grep");
    let outcome = signals
        .iter()
        .fold(run, |run, word| run.arg(word))
        .outcome();
    let direct = String::from_utf8(direct.stdout).unwrap();
    assert_eq!(outcome.raw_stdout, direct);
}

#[test]
fn no_session_of_ours_is_left_when_it_starts() {
    let database = Database::new();
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ~ 'onward'";
    project()
        .run(&database, "up -q -- sh -c")
        .env("PATH", &format!("{}:{PATH}", database.server.bin().display()))
        .arg("for i in $(seq 100); do n=$(psql -Atc \"$0\" \"$DATABASE_URL\"); [ $n = 0 ] && break; done; echo $n")
        .arg(ours)
        .gives(0, "0\n", "");
}

#[test]
fn after_failure_it_is_never_started() {
    let database = Database::new();
    let project = project().migration("0002_b.sql", "SELECT 1/0;");
    let outcome = project.run(&database, "up -- /bin/echo started").outcome();
    outcome.exits(1);
    assert_eq!(outcome.stdout, "");
    let refused = Project::new().migration("0001_a.sql", "CREATE TABLE changed ();");
    let outcome = refused.run(&database, "up -- /bin/echo started").outcome();
    outcome.exits(3);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn what_cannot_be_executed_is_told_as_a_shell_does() {
    let database = Database::new();
    let project = project().file("plain.txt", "no program\n");
    project.run(&database, "up -q -- /no/such/program").gives(
        127,
        "",
        "
        error: cannot execute /no/such/program: No such file or directory (os error 2)
          the migrations are applied; give the program behind -- by its path, or have it on the PATH
        ",
    );
    project.run(&database, "up -q -- ./plain.txt").gives(
        126,
        "",
        "
        error: cannot execute ./plain.txt: Permission denied (os error 13)
          the migrations are applied; give the program behind -- by its path, or have it on the PATH
        ",
    );
}

#[test]
fn a_program_follows_only_what_applies() {
    let project = Project::new();
    for (arguments, message) in [
        (
            "status -- app",
            "-- PROGRAM belongs to \"up\", not to \"status\"",
        ),
        ("up --", "there is no program behind --"),
        (
            "up --dry-run -- app",
            "--dry-run runs nothing, so no program may follow",
        ),
    ] {
        project.run_alone(arguments).gives(
            2,
            "",
            &format!("error: {message}\n  see onward --help, or onward COMMAND --help\n"),
        );
    }
}

#[test]
fn a_password_leaves_the_command_line() {
    let database = Database::new();
    let secret = "c4nary p%w";
    let url = database
        .url()
        .replace("postgres@", "postgres:c4nary%20p%25w@");
    let outcome = project()
        .run_alone("up -q --url")
        .arg(&url)
        .arg("--before")
        .arg("tr '\\0' ' ' < /proc/$PPID/cmdline")
        .arg("--")
        .arg("/usr/bin/env")
        .env("PATH", PATH)
        .env("KEPT", "yes")
        .outcome();
    outcome.exits(0);
    assert!(
        outcome.stderr.contains("--url (ONWARD_URL) --before"),
        "{outcome}"
    );
    for text in [&outcome.raw_stdout, &outcome.stderr] {
        assert!(
            !text.contains("c4nary") && !text.contains(secret),
            "{outcome}"
        );
    }
    let mut lines: Vec<&str> = outcome.raw_stdout.lines().collect();
    lines.sort_unstable();
    let path = format!("PATH={PATH}");
    assert_eq!(lines, ["HOME=/nonexistent", "KEPT=yes", &path]);
}
