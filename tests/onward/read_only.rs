//! Commands that only look, and databases that take no writes.

use crate::support::{Database, Project};

const LOOKS: [&str; 6] = [
    "status",
    "--list",
    "status --json",
    "status --check",
    "up --dry-run",
    "up --dry-run --to 002",
];

fn project() -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
}

#[track_caller]
fn check_untouched(project: &Project, database: &Database) {
    let before = database.full_dump();
    for look in LOOKS {
        let outcome = project.run(database, look).outcome();
        assert!(!outcome.raw_stdout.is_empty(), "{outcome}");
        assert_eq!(database.full_dump(), before, "{outcome}");
    }
}

#[test]
fn to_look_changes_nothing_in_an_empty_database() {
    check_untouched(&project(), &Database::new());
    check_untouched(
        &project().schema("CREATE TABLE base (x int);"),
        &Database::new(),
    );
}

#[test]
fn to_look_changes_nothing_in_a_legacy_database() {
    check_untouched(&project(), &Database::with("CREATE TABLE a (x int)"));
}

#[test]
fn to_look_changes_nothing_in_a_database_with_history() {
    let database = Database::new();
    project().run(&database, "up --to 001 -q").gives(0, "", "");
    check_untouched(&project(), &database);
    let broken = project().migration("002_b.sql", "SELECT nonsense;");
    broken.run(&database, "-q").outcome().exits(1);
    check_untouched(&broken, &database);
}

#[test]
fn a_database_that_takes_no_writes_is_fine_while_nothing_is_pending() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name
    ));
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
    project.run(&database, "status --check").outcome().exits(0);
    let project = project.migration("003_c.sql", "CREATE TABLE c (x int);");
    project.run(&database, "").gives(3, "", r"
        refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
          connect to the primary, with a role whose default_transaction_read_only is off
        error: refused, for 1 reason
          nothing was changed
    ");
    project
        .run(&database, "repair 003_c.sql")
        .outcome()
        .exits(3);
    assert_eq!(database.applied().len(), 2);
}

#[test]
fn a_role_that_takes_no_writes_is_refused_a_baseline() {
    let database = Database::new();
    let reader = database.role("reader");
    database.execute(&format!(
        "ALTER ROLE {reader} SET default_transaction_read_only = on"
    ));
    project()
        .run_alone("")
        .on_as(&database, &reader)
        .gives(3, "", r"
            refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
              connect to the primary, with a role whose default_transaction_read_only is off
            error: refused, for 1 reason
              nothing was changed
        ");
    project()
        .run_alone("baseline --through 001")
        .on_as(&database, &reader)
        .gives(3, "", r"
            refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
              connect to the primary, with a role whose default_transaction_read_only is off
            error: refused, for 1 reason
              nothing was changed
        ");
    project()
        .run_alone("--dry-run")
        .on_as(&database, &reader)
        .gives(0, r"
            would apply 001_a.sql
            would apply 002_b.sql
            Would apply 2 migrations
        ", r"
            refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
              connect to the primary, with a role whose default_transaction_read_only is off
        ");
}
