//! `onward up --only FILE`: one pending file, and nothing else.

use crate::support::{Database, Project, wait_until};
use crate::up::three;

/// Five files, of which the first and the third are applied.
fn some_applied() -> (Project, Database) {
    let (project, database) = (Project::new(), Database::new());
    let project = project
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("003_c.sql", "CREATE TABLE c (x int);");
    project.run(&database, "-q").gives(0, "", "");
    let project = project
        .migration("002_b.sql", "CREATE TABLE b (x int);")
        .migration("004_d.sql", "CREATE TABLE d (x int);")
        .migration("005_e/up.sql", "CREATE TABLE e (x int);");
    (project, database)
}

#[test]
fn one_file_is_applied_alone() {
    let (project, database) = some_applied();
    project
        .run(&database, "up --only 002_b.sql --dry-run")
        .gives(
            0,
            r"
        would apply 002_b.sql
        Would apply 1 migration
    ",
            r"
        warning: 002_b.sql is out of order: 003_c.sql is applied already
          number a new file after the newest applied one
    ",
        );
    assert_eq!(database.applied(), ["001_a.sql", "003_c.sql"]);
    project.run(&database, "up --only 002_b.sql").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        warning: 002_b.sql is out of order: 003_c.sql is applied already
          number a new file after the newest applied one
        applied 002_b.sql (<time>)
    ",
    );
    assert_eq!(database.applied(), ["001_a.sql", "003_c.sql", "002_b.sql"]);
    assert!(!database.has("d"));
}

#[test]
fn a_path_is_as_good_as_a_name() {
    let (project, database) = some_applied();
    for path in ["migrations/002_b.sql", "./migrations/005_e/up.sql"] {
        project
            .run(&database, &format!("up -q --only {path}"))
            .outcome()
            .exits(0);
    }
    assert_eq!(
        database.applied(),
        ["001_a.sql", "003_c.sql", "002_b.sql", "005_e"]
    );
}

#[test]
fn a_path_elsewhere_names_no_migration() {
    let (project, database) = some_applied();
    project.write("other/002_b.sql", "SELECT 1;");
    for path in ["other/002_b.sql", "/nowhere/002_b.sql", "other/up.sql"] {
        project.run(&database, &format!("up --only {path}")).gives(
            2,
            "",
            &format!(
                r#"
        error: --only "{path}": no migration in migrations has this name
          name a file as onward status shows it
    "#
            ),
        );
    }
    assert_eq!(database.applied(), ["001_a.sql", "003_c.sql"]);
}

#[test]
fn what_comes_before_it_is_named() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "--to 001 -q").gives(0, "", "");
    let warned = r"
        warning: 003_c.sql leaves out what is pending before it, which will be out of order then: 002_b.sql
          apply all of them in order: onward up
        applied 003_c.sql (<time>)
    ";
    project.run(&database, "up --only 003_c.sql --strict").gives(
        3,
        "",
        r"
        refused: 003_c.sql leaves out what is pending before it, which will be out of order then: 002_b.sql
          apply all of them in order: onward up
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert_eq!(database.applied(), ["001_a.sql"]);
    project.run(&database, "up --only 003_c.sql").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        warned,
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        warning: 002_b.sql is out of order: 003_c.sql is applied already
          number a new file after the newest applied one
        applied 002_b.sql (<time>)
    ",
    );
}

#[test]
fn out_of_order_is_refused_when_strict() {
    let (project, database) = some_applied();
    project
        .run(&database, "up --only 002_b.sql --strict")
        .gives(
            3,
            "",
            r"
        refused: 002_b.sql is out of order: 003_c.sql is applied already
          number a new file after the newest applied one
        error: refused, for 1 reason
          nothing was changed
    ",
        );
}

#[test]
fn a_file_that_is_not_pending_is_refused() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "--to 002 -q").gives(0, "", "");
    for rehearsal in ["", " --dry-run"] {
        let outcome = project
            .run(&database, &format!("up --only 001_a.sql{rehearsal}"))
            .outcome();
        assert!(
            outcome.stderr.starts_with(
                "refused: 001_a.sql is not pending but applied\n  see what is pending: onward status\n"
            ),
            "{outcome}"
        );
    }
    project.write("migrations/002_b.sql", "SELECT 'other';");
    project.run(&database, "up --only 002_b.sql").gives(
        3,
        "",
        r"
        refused: 002_b.sql changed after it was applied on <when>
        refused: 002_b.sql is not pending but changed
          restore the file, or accept the change: onward repair 002_b.sql
        error: refused, for 2 reasons
          nothing was changed
    ",
    );
    assert_eq!(database.applied(), ["001_a.sql", "002_b.sql"]);
}

#[test]
fn a_file_that_failed_is_pending() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "--to 001 -q").gives(0, "", "");
    project.write("migrations/002_b.sql", "SELECT nonsense;");
    project.run(&database, "-q").outcome().exits(1);
    project.write("migrations/002_b.sql", "CREATE TABLE b (x int);");
    project.run(&database, "up --only 002_b.sql").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        "applied 002_b.sql (<time>)\n",
    );
}

#[test]
fn an_unknown_file_is_wrong_usage() {
    three()
        .run_alone("up --only 009_x.sql --url postgres:///nowhere")
        .gives(
            2,
            "",
            r#"
        error: --only "009_x.sql": no migration in migrations has this name
          name a file as onward status shows it
    "#,
        );
}

#[test]
fn it_needs_a_history() {
    let database = Database::new();
    let project = three().schema("CREATE TABLE s (x int);");
    for (arguments, code) in [
        ("up --only 001_a.sql", 3),
        ("up --only 001_a.sql --dry-run", 0),
    ] {
        let outcome = project.run(&database, arguments).outcome();
        outcome.exits(code);
        assert!(
            outcome.stderr.starts_with(
                "refused: this database has no history yet\n  create it: onward up; or record what the database contains already: onward baseline --through VERSION\n"
            ),
            "{outcome}"
        );
    }
    assert!(!database.has("schema_migrations") && !database.has("s"));
}

#[test]
fn a_connection_lost_at_its_commit_is_no_refusal() {
    let database = Database::with("CREATE TABLE gate ()");
    let gated = "DO $$BEGIN WHILE NOT EXISTS (SELECT 1 FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;";
    let project = three();
    project
        .run(&database, "--to 001 -q --allow-nonempty")
        .gives(0, "", "");
    let project = project.migration("002_b.sql", gated);
    let run = project.run(&database, "up --only 002_b.sql").start();
    let at_work = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'onward 002_b.sql' \
        AND wait_event = 'PgSleep'";
    wait_until("the migration is at work", || {
        database.value(&format!("SELECT count(*) {at_work}")) == "1"
    });
    // As if the COMMIT had been done and its answer lost: the row is there before the history can be read again.
    let mut other = database.connect();
    let committing = std::thread::spawn(move || {
        other.batch_execute(
            "BEGIN; LOCK TABLE schema_migrations; \
             INSERT INTO schema_migrations (filename, version, description, kind, status, started_at, applied_by, \
             tool_version) VALUES ('002_b.sql', '002', '', 'migration', 'applied', now(), '', ''); COMMIT",
        )
    });
    wait_until("the history is waited for", || {
        database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'schema_migrations'::regclass")
            == "1"
    });
    database.execute(&format!("SELECT pg_terminate_backend(pid) {at_work}"));
    committing.join().unwrap().unwrap();
    let outcome = run.outcome();
    outcome.exits(0);
    assert_eq!(outcome.stdout, "Applied 1 migration: 002_b.sql\n");
    assert!(
        outcome
            .stderr
            .contains("applied 002_b.sql: it was committed before the connection was lost\n"),
        "{outcome}"
    );
}
