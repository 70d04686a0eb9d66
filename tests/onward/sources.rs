//! Where the connection comes from, from the outside: variables, files, and what is said of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::support::{Database, Project, wait_until};

fn project() -> Project {
    Project::new().migration("1_a.sql", "SELECT 1;")
}

/// The folder of the server's socket.
fn host(database: &Database) -> &str {
    &database.server.socket
}

#[test]
fn libpq_s_variables_name_a_database() {
    let database = Database::new();
    project()
        .run_alone("-q")
        .env("PGHOST", host(&database))
        .env("PGPORT", &database.server.port.to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", &database.name)
        .gives(0, "", "");
    assert_eq!(database.applied(), ["1_a.sql"]);
}

#[test]
fn the_variables_of_the_image_name_a_database() {
    let database = Database::new();
    project()
        .run_alone("-q")
        .env("POSTGRES_HOST", host(&database))
        .env("POSTGRES_PORT", &database.server.port.to_string())
        .env("POSTGRES_PASSWORD", "not asked for")
        .env("POSTGRES_DB", &database.name)
        .gives(0, "", "");
    assert_eq!(database.applied(), ["1_a.sql"]);
}

#[test]
fn a_service_names_a_database() {
    let database = Database::new();
    let (host, port) = (host(&database), database.server.port);
    let name = &database.name;
    let services = format!("[app]\nhost={host}\nport={port}\nuser=postgres\ndbname={name}\n");
    let project = project().file("services", services);
    let run = |arguments: &str| {
        project
            .run_alone(arguments)
            .env("PGSERVICEFILE", "services")
    };
    run("-q --url service=app").gives(0, "", "");
    run("-q").env("PGSERVICE", "app").gives(0, "", "");
    assert_eq!(database.applied(), ["1_a.sql"]);
}

#[test]
fn a_file_of_variables_holds_for_all_settings() {
    let database = Database::new();
    let project = Project::empty()
        .file("db/1_a.sql", "SELECT 1;")
        .file(
            ".env",
            format!(
                "# ours\nDATABASE_URL=\"{}\"\nexport ONWARD_DIR='db' # there\n",
                database.url()
            ),
        )
        .file("quiet.env", "ONWARD_QUIET=1\n");
    project
        .run_alone("--env-file .env --env-file=quiet.env")
        .gives(0, "", "");
    assert_eq!(database.applied(), ["1_a.sql"]);
    // Flags and the environment itself win.
    project
        .run_alone("--env-file .env -q")
        .env("ONWARD_DIR", "nowhere")
        .outcome()
        .exits(2);
    project
        .run_alone("up -q")
        .env("ONWARD_ENV_FILE", ".env")
        .gives(0, "", "");
}

#[test]
fn a_file_of_variables_that_makes_no_sense_is_named() {
    let project = project()
        .file("broken.env", "A=b\nDATABASE_URL='c4nary\n")
        .file("bad.env", "\nDATABASE_URL=postgres://u:c4nary@h:x/d\n")
        .file("open.env", "DATABASE_URL=postgres://u:${MISSING}@h/d\n");
    project.run_alone("--env-file broken.env").gives(
        2,
        "",
        "
        error: broken.env:2: a quote that is not closed
          a value that holds quotes or blanks stands in quotes of the other kind: NAME='…'
        ",
    );
    project.run_alone("--env-file bad.env").gives(
        2,
        "",
        "
        error: DATABASE_URL (bad.env:2): bad port
          a port is a number from 1 to 65535
        ",
    );
    project.run_alone("--env-file open.env").gives(
        2,
        "",
        "
        error: open.env:1: a variable in ${…} is not set
          set it before this line, or write ${NAME:-otherwise}; a $ of its own stands in single quotes
        ",
    );
    project.run_alone("--env-file nowhere.env").gives(
        2,
        "",
        "
        error: --env-file: cannot read nowhere.env: No such file or directory (os error 2)
          name a file with lines like DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE
        ",
    );
}

#[test]
fn verbose_status_tells_where_the_connection_comes_from() {
    let database = Database::new();
    let socket = host(&database).to_owned();
    let project = Project::new()
        .file(".env", format!("PGHOST={socket}\nPGUSER=postgres\n"))
        .file("home/.pgpass", "*:*:*:*:c4nary\n");
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(project.path("home/.pgpass"), mode).unwrap();
    let name = &database.name;
    let outcome = project
        .run_alone("status -v --env-file .env --url")
        .arg(&format!("dbname={name} connect_timeout=5"))
        .env("PGPORT", &database.server.port.to_string())
        .env("HOME", project.path("home").to_str().unwrap())
        .outcome();
    outcome.exits(0);
    let table = outcome.raw_stdout.split("\n\n").next().unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    let port = database.server.port.to_string();
    let expected: [&[&str]; 7] = [
        &["connection"],
        &["host", &socket, "PGHOST (.env:1)"],
        &["port", &port, "PGPORT"],
        &["user", "postgres", "PGUSER (.env:2)"],
        &["password", "(not shown)", "~/.pgpass:1"],
        &["dbname", name, "--url"],
        &["connect_timeout", "5", "--url"],
    ];
    assert_eq!(rows, expected, "{outcome}");
    assert!(outcome.raw_stdout.contains("\n\ndatabase  "), "{outcome}");
    assert!(!outcome.raw_stdout.contains("c4nary"), "{outcome}");
}

#[test]
fn it_tells_so_too_where_there_is_no_connection() {
    project()
        .run_alone("status -v --url postgres://u@/d?host=/nonexistent")
        .gives(
            4,
            "
            connection
              host    /nonexistent  --url
              port    5432          the default
              user    u             --url
              dbname  d             --url

            ",
            "
            error: cannot connect to u@/nonexistent:5432/d: error connecting to server: No such file or directory (os error 2)
              check DATABASE_URL, and that the server runs and accepts connections there
            ",
        );
}

/// A role that must give its password, which is `s3cret`.
fn role_with_password(database: &Database) -> String {
    database.ask_for_passwords();
    let role = database.role("asked");
    database.execute(&format!(
        "ALTER ROLE {role} PASSWORD 's3cret'; GRANT asked_for_password TO {role}; GRANT ALL ON SCHEMA public TO {role};"
    ));
    role
}

#[test]
fn a_password_file_lets_in_as_it_does_psql() {
    let database = Database::new();
    let role = role_with_password(&database);
    let (host, port) = (host(&database), database.server.port.to_string());
    let project = project();
    let programs = std::env::var("ONWARD_TEST_BIN").unwrap();
    let psql = |passwords: &str| {
        let path = project.path("passwords");
        fs::write(&path, passwords).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Command::new(format!("{programs}/psql"))
            .args(["-X", "-w", "-c", "SELECT 1"])
            .env("PGHOST", host)
            .env("PGPORT", &port)
            .env("PGUSER", &role)
            .env("PGDATABASE", &database.name)
            .env("PGPASSFILE", path)
            .output()
            .unwrap()
            .status
            .success()
    };
    // Until the server has read its rules, it lets everybody in.
    wait_until("a password is asked for", || !psql(""));
    for (passwords, lets_in) in [
        (format!("{host}:{port}:*:{role}:s3cret\n"), true),
        (
            format!("{host}:{port}:*:{role}:wrong\n*:*:*:*:s3cret\n"),
            false,
        ),
        (format!("{host}:1:*:{role}:wrong\n*:*:*:*:s\\3cret\n"), true),
        (format!("localhost:{port}:*:{role}:s3cret\n"), false),
    ] {
        assert_eq!(psql(&passwords), lets_in, "{passwords:?}");
        let outcome = project
            .run_alone("-q")
            .arg("--url")
            .arg(&database.url_of(&role))
            .env("PGPASSFILE", "passwords")
            .outcome();
        outcome.exits(if lets_in { 0 } else { 4 });
    }
}

#[test]
fn a_password_file_that_others_can_read_is_named() {
    let database = Database::new();
    let project = project().file("home/.pgpass", "*:*:*:*:c4nary\n");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(project.path("home/.pgpass"), mode).unwrap();
    project
        .run(&database, "up")
        .env("HOME", project.path("home").to_str().unwrap())
        .gives(
            0,
            "Applied 1 migration: 1_a.sql\n",
            "
            warning: the password file ~/.pgpass is not used: others than its owner may use it
              chmod 600 ~/.pgpass
            applied 1_a.sql (<time>)
            ",
        );
}
