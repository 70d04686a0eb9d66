//! `onward status`: for people and for machines.

use serde_json::{Value, json};

use crate::support::{Database, Project, wait_until};

fn project() -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration(
            "002_b.sql",
            "-- Description: Second\nCREATE TABLE b (x int);",
        )
        .migration("003_c.sql", "CREATE TABLE c (x int);")
}

/// The document of `status --json`.
#[track_caller]
fn document(project: &Project, database: &Database, arguments: &str) -> Value {
    let outcome = project
        .run(database, &format!("status --json {arguments}"))
        .outcome();
    assert_eq!(outcome.stderr, "", "{outcome}");
    serde_json::from_str(&outcome.raw_stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

#[test]
fn states_are_shown_for_people() {
    let database = Database::new();
    project().run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   none yet
        baseline  none

        state  file  description  applied at  time  by
        pending  001_a.sql  a
        pending  002_b.sql  Second
        pending  003_c.sql  c

        3 migrations: 0 applied, 3 pending
    ",
        "",
    );
    project().run(&database, "up --to 001 -q").gives(0, "", "");
    let broken = project().migration("002_b.sql", "SELECT nonsense;");
    broken.run(&database, "-q").outcome().exits(1);
    broken.run(&database, "status").gives(
        0,
        r#"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        failed   002_b.sql  b
        pending  003_c.sql  c

        002_b.sql failed on <when>: column "nonsense" does not exist (42703)

        3 migrations: 1 applied, 2 pending, 1 failed
    "#,
        "",
    );
    broken.run(&database, "--list").gives(
        0,
        r#"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        failed   002_b.sql  b
        pending  003_c.sql  c

        002_b.sql failed on <when>: column "nonsense" does not exist (42703)

        3 migrations: 1 applied, 2 pending, 1 failed
    "#,
        "",
    );
}

#[test]
fn columns_are_aligned() {
    let project = project().migration(
        "004_a_much_longer_name.sql",
        "-- Description: größer 表\nSELECT 1;",
    );
    let database = Database::new();
    project.run(&database, "up --to 002 -q").gives(0, "", "");
    let outcome = project.run(&database, "status").outcome();
    let lines: Vec<&str> = outcome.raw_stdout.lines().collect();
    let head = lines.iter().find(|line| line.starts_with("state")).unwrap();
    let column = head.find("description").unwrap();
    for name in ["001_a.sql", "004_a_much_longer_name.sql"] {
        let line = lines.iter().find(|line| line.contains(name)).unwrap();
        assert_eq!(line.as_bytes()[column - 1], b' ', "{outcome}");
        assert_ne!(line.as_bytes()[column], b' ', "{outcome}");
    }
}

/// The page on a terminal of 60 columns, after this command for the shell.
#[track_caller]
fn on_a_terminal(project: &Project, database: &Database, before: &str) -> String {
    // A terminal ends lines with CR and LF unless it is told not to.
    let inside = format!("stty -onlcr cols 60 rows 24; {before} $0 $*");
    let outside = format!("exec /usr/bin/script -qec \"{inside}\" /dev/null");
    let run = project
        .run(database, "status")
        .through("/bin/sh", &["-c", &outside]);
    let outcome = run.outcome();
    outcome.exits(0);
    let page = outcome.raw_stdout.split("\n\n").nth(1).unwrap();
    page.to_owned()
}

#[test]
fn a_terminal_that_is_narrow_gets_what_fits() {
    let text = "-- Description: What is too long for this terminal by far\nSELECT 1;";
    let project = Project::new().migration("001_a_name_of_some_length.sql", text);
    let database = Database::new();
    let folded = "\
state    file
  applied at  time  by  description
pending  001_a_name_of_some_length.sql
  What is too long for this terminal by far";
    assert_eq!(on_a_terminal(&project, &database, ""), folded);
    assert_eq!(on_a_terminal(&project, &database, "COLUMNS=0"), folded);
    let cut = "\
state    file                           description        applied at  time  by
pending  001_a_name_of_some_length.sql  What is too long…";
    assert_eq!(on_a_terminal(&project, &database, "COLUMNS=80"), cut);
    // A pipe has no end.
    let run = project.run(&database, "status").env("COLUMNS", "60");
    let whole = "001_a_name_of_some_length.sql  What is too long for this terminal by far\n";
    assert!(run.outcome().raw_stdout.contains(whole));
}

#[test]
fn the_exit_code_tells_when_it_is_asked_to() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "status").outcome().exits(0);
    project.run(&database, "status --check").outcome().exits(6);
    project.run(&database, "-q").gives(0, "", "");
    project.run(&database, "status --check").outcome().exits(0);
    project.remove("migrations/002_b.sql");
    project.run(&database, "status --check").outcome().exits(0);
    project
        .run(&database, "status --check --strict")
        .outcome()
        .exits(3);
    let project = project
        .migration("003_c.sql", "SELECT 3;")
        .migration("004_d.sql", "SELECT 4;");
    project.run(&database, "status").outcome().exits(0);
    project
        .run(&database, "status --check --json")
        .outcome()
        .exits(3);
}

#[test]
fn machines_get_one_document() {
    let database = Database::new();
    project().run(&database, "up --to 001 -q").gives(0, "", "");
    let broken = project().migration("002_b.sql", "SELECT nonsense;");
    broken.run(&database, "-q").outcome().exits(1);
    let mut status = document(&broken, &database, "");
    assert_eq!(status["database"], json!(database.name));
    let totals = [
        "total_migrations",
        "completed",
        "pending",
        "running",
        "failed",
        "stuck",
        "healthy",
    ]
    .map(|field| status[field].take());
    assert_eq!(json!(totals), json!([3, 1, 2, 0, 1, 0, false]));

    let migrations = status["migrations"].as_array().unwrap();
    let fields = |field: &str| {
        migrations
            .iter()
            .map(|migration| migration[field].clone())
            .collect::<Value>()
    };
    assert_eq!(
        fields("name"),
        json!(["001_a.sql", "002_b.sql", "003_c.sql"])
    );
    assert_eq!(fields("version"), json!(["001", "002", "003"]));
    assert_eq!(fields("status"), json!(["applied", "failed", "pending"]));
    assert_eq!(
        fields("error_message"),
        json!([null, "column \"nonsense\" does not exist (42703)", null])
    );
    let (first, failed, pending) = (&migrations[0], &migrations[1], &migrations[2]);
    assert!(
        first["duration_ms"].is_u64()
            && failed["duration_ms"].is_null()
            && pending["duration_ms"].is_null()
    );
    for time in [
        &first["started_at"],
        &first["completed_at"],
        &failed["started_at"],
    ] {
        let time = time.as_str().unwrap();
        assert!(
            time.len() == 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'),
            "{time}"
        );
    }
    for none in [
        &failed["completed_at"],
        &pending["started_at"],
        &pending["completed_at"],
        &pending["checksum"],
    ] {
        assert!(none.is_null());
    }
    assert_eq!(
        first["checksum"],
        json!(
            database.value("SELECT checksum FROM schema_migrations WHERE filename = '001_a.sql'")
        )
    );
}

#[test]
fn a_database_that_is_up_to_date_is_healthy() {
    let project = project().schema("-- onward: baseline through 002\nCREATE TABLE a (x int);\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    let status = document(&project, &database, "");
    assert_eq!(status["healthy"], json!(true));
    assert_eq!(status["issues"], json!([]));
    assert_eq!(
        (&status["completed"], &status["pending"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(status["baseline"]["through"], json!("002"));
}

#[test]
fn findings_are_issues() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    project.write("migrations/001_a.sql", "SELECT 1;");
    project.remove("migrations/002_b.sql");
    let status = document(&project, &database, "");
    assert_eq!(status["healthy"], json!(false));
    let issues = status["issues"].as_array().unwrap();
    let told = |field: &str| {
        issues
            .iter()
            .map(|issue| issue[field].clone())
            .collect::<Value>()
    };
    assert_eq!(told("severity"), json!(["refusal", "warning"]));
    assert_eq!(told("code"), json!(["changed", "missing"]));
    assert_eq!(
        issues[0]["cure"],
        json!("restore the file, or accept the change: onward repair 001_a.sql")
    );
    let strict = document(&project, &database, "--strict");
    assert_eq!(strict["issues"][1]["severity"], json!("refusal"));
}

#[test]
fn a_running_row_is_stuck_while_the_run_lock_is_free() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "up --to 002 -q").gives(0, "", "");
    project.write(
        "migrations/003_c.sql",
        "-- onward: no-transaction\nSELECT 1;\n",
    );
    database.execute(
        "INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_by, tool_version) \
         VALUES ('003_c.sql', '003', '', 'migration', 'running', now(), '', '')",
    );
    let status = document(&project, &database, "");
    assert_eq!(
        (&status["running"], &status["stuck"], &status["healthy"]),
        (&json!(1), &json!(1), &json!(false))
    );
    let mut holder = database.connect();
    holder
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(122520239960676)")
        .unwrap();
    let status = document(&project, &database, "");
    assert_eq!(
        (&status["running"], &status["stuck"], &status["healthy"]),
        (&json!(1), &json!(0), &json!(true))
    );
}

#[test]
fn status_needs_no_lock_of_a_run_at_work() {
    let database = Database::new();
    let project = Project::new().migration("001_a.sql", "CREATE TABLE gate ();");
    project.run(&database, "-q").gives(0, "", "");
    let project = project.migration("002_b.sql", "DO $$BEGIN WHILE NOT EXISTS (SELECT 1 FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;");
    let run = project.run(&database, "").start();
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    wait_until("the migration is at work", || {
        database.value(at_work) == "1"
    });
    let status = document(&project, &database, "");
    assert_eq!(
        (&status["completed"], &status["pending"]),
        (&json!(1), &json!(1))
    );
    database.execute("INSERT INTO gate DEFAULT VALUES");
    run.outcome().exits(0);
}
