//! `--before` and `--after`: commands of the user's around the migrations.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Database, Project};

fn project() -> Project {
    Project::new().migration("0001_a.sql", "CREATE TABLE a (id int);")
}

fn path(database: &Database) -> String {
    format!("{}:/usr/bin:/bin", database.server.bin().display())
}

#[test]
fn before_runs_only_when_something_is_pending() {
    let database = Database::new();
    let project = project();
    project
        .run(&database, "up --before")
        .arg("echo saved; echo once >> log")
        .env("PATH", &path(&database))
        .gives(
            0,
            "
            Applied 1 migration: 0001_a.sql
            ",
            "
            running the command of --before
            saved
            applied 0001_a.sql (<time>)
            ",
        );
    for arguments in ["up -q --before", "up -q --dry-run --before"] {
        project
            .run(&database, arguments)
            .arg("echo twice >> log")
            .env("PATH", &path(&database))
            .outcome()
            .exits(0);
    }
    assert_eq!(fs::read_to_string(project.path("log")).unwrap(), "once\n");
}

#[test]
fn the_connection_is_in_the_environment_of_a_command() {
    let database = Database::new();
    let project = project().file("services", "[elsewhere]\nhost=elsewhere\n");
    project
        .run(&database, "up -q --before")
        .arg("psql -Atc \"SELECT current_database() = '$PGDATABASE', to_regclass('a') IS NULL\"")
        .arg("--after")
        .arg("psql -Atc \"SELECT to_regclass('a')\"; test -z \"$PGSERVICE\"")
        .env("PATH", &path(&database))
        .env("PGSERVICE", "elsewhere")
        .env("PGSERVICEFILE", "services")
        .env("PGPORT", "1")
        .gives(0, "", "t|t\na\n");
}

#[test]
fn when_before_fails_nothing_is_applied() {
    let database = Database::new();
    project()
        .run(&database, "up --before")
        .arg("exit 3")
        .arg("--after")
        .arg("echo after")
        .env("PATH", &path(&database))
        .gives(
            1,
            "",
            "
            running the command of --before
            error: the command of --before failed with exit code 3
              nothing was applied; mend the command, then run onward again
            ",
        );
    assert_eq!(database.value("SELECT to_regclass('a') IS NULL"), "t");
    assert_eq!(
        database.value("SELECT to_regclass('schema_migrations') IS NULL"),
        "t"
    );
}

#[test]
fn when_after_fails_the_migrations_stay() {
    let database = Database::new();
    project()
        .run(&database, "up -q --after")
        .arg("kill -TERM $$")
        .arg("--")
        .arg("echo")
        .env("PATH", &path(&database))
        .gives(
            1,
            "",
            "
            error: the command of --after failed with exit code 143
              the migrations are applied; mend the command, then run it by hand
            ",
        );
    assert_eq!(database.value("SELECT count(*) FROM a"), "0");
}

#[test]
fn after_does_not_follow_a_failure() {
    let database = Database::new();
    let outcome = project()
        .migration("0002_b.sql", "SELECT 1/0;")
        .run(&database, "up --after")
        .arg("echo after")
        .env("PATH", &path(&database))
        .outcome();
    outcome.exits(1);
    assert!(!outcome.stderr.contains("after\n"), "{outcome}");
}

#[test]
fn a_command_ends_with_the_run() {
    let database = Database::new();
    let begin = Instant::now();
    project()
        .run(&database, "up -q --timeout 1s --before")
        .arg("exec sleep 60")
        .env("PATH", &path(&database))
        .gives(
            1,
            "",
            "
            error: the command of --before was stopped, because the time of --timeout was over
              nothing was applied; mend the command, then run onward again
            ",
        );
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[test]
fn what_a_command_has_started_ends_with_the_run() {
    let database = Database::new();
    let begin = Instant::now();
    // What is left of them would hold stderr open.
    let outcome = project()
        .run(&database, "up -q --timeout 1s --before")
        .arg("sleep 61 & (sleep 62; true) & sh -c 'sleep 63; true'; true")
        .env("PATH", &path(&database))
        .outcome();
    assert!(begin.elapsed() < Duration::from_secs(5));
    outcome.gives(
        1,
        "",
        "
            error: the command of --before was stopped, because the time of --timeout was over
              nothing was applied; mend the command, then run onward again
            ",
    );
}

#[test]
fn without_a_shell_there_is_no_command() {
    let database = Database::new();
    project()
        .run(&database, "up -q --before true")
        .env("PATH", "/nowhere")
        .gives(
            1,
            "",
            "
            error: the command of --before could not be run by sh: No such file or directory (os error 2)
              nothing was applied; mend the command, then run onward again
            ",
        );
}

#[test]
fn of_several_runners_one_runs_the_command() {
    let database = Database::new();
    let project = project();
    let runs: Vec<_> = (0..5)
        .map(|_| {
            project
                .run(&database, "up -q --before")
                .arg("echo saved >> log")
                .env("PATH", &path(&database))
                .start()
        })
        .collect();
    for run in runs {
        run.outcome().exits(0);
    }
    assert_eq!(fs::read_to_string(project.path("log")).unwrap(), "saved\n");
}
