//! `onward validate`: files among themselves and against the history, without a trace.

use crate::support::{Database, Project};
use crate::up::three;

#[test]
fn files_that_fit_their_history_are_validated() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "validate").gives(
        0,
        "Validated 3 migrations: the files are sound, and there is no history yet\n",
        "",
    );
    assert!(!database.has("schema_migrations"));
    project.run(&database, "up --to 002 -q").gives(0, "", "");
    for arguments in ["validate", "validate --strict"] {
        project.run(&database, arguments).gives(
            0,
            "Validated 3 migrations: files and history agree\n",
            "",
        );
    }
    project
        .run(&database, "validate -q --strict")
        .gives(0, "", "");
}

#[test]
fn all_findings_are_listed() {
    let project = three()
        .migration("005_e.sql", "SELECT 5;")
        .migration("006_f.sql", "SELECT 6;")
        .migration("100_g.sql", "SELECT 100;");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.write("migrations/001_a.sql", "SELECT 'another';");
    project.write("migrations/002_b.sql", "-- why\nCREATE TABLE b (x int);");
    project.remove("migrations/003_c.sql");
    project.write("migrations/004_d.sql", "SELECT 4;");
    project.write("migrations/005_other.sql", "SELECT 'five';");
    project.rename("migrations/006_f.sql", "migrations/006_better.sql");
    project.write("migrations/20_h.sql", "SELECT 20;");
    let before = database.full_dump();
    project.run(&database, "validate").gives(
        3,
        "Validated 8 migrations: 2 refusals, 6 warnings\n",
        r"
        warning: 005_e.sql and 005_other.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
        warning: 100_g.sql runs before 20_h.sql, because names are ordered byte by byte
          give all numbers the same width
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 001_a.sql
        warning: only comments or layout of 002_b.sql changed after it was applied
          restore the file, or accept the change: onward repair 002_b.sql
        warning: 004_d.sql is out of order: 100_g.sql is applied already
        warning: 005_other.sql is out of order: 100_g.sql is applied already
          number a new file after the newest applied one
        warning: 003_c.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 003_c.sql
        refused: 006_better.sql was applied under the name 006_f.sql
          rename it back, or accept the new name: onward repair 006_better.sql
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn every_warning_is_refused_when_strict() {
    let project = Project::new()
        .migration("10_a.sql", "SELECT 1;")
        .migration("9_b.sql", "SELECT 2;");
    let database = Database::new();
    let finding = "10_a.sql runs before 9_b.sql, because names are ordered byte by byte";
    let cure = "give all numbers the same width";
    project.run(&database, "validate").gives(
        0,
        "Validated 2 migrations: 1 warning\n",
        &format!("warning: {finding}\n  {cure}\n"),
    );
    project.run(&database, "validate -q").gives(0, "", "");
    project.run(&database, "validate --strict").gives(
        3,
        "Validated 2 migrations: 1 refusal\n",
        &format!("refused: {finding}\n  {cure}\n"),
    );
    project
        .run(&database, "validate -q")
        .env("ONWARD_STRICT", "1")
        .gives(3, "", &format!("refused: {finding}\n  {cure}\n"));
    // To run them is another question.
    project.run(&database, "up --strict -q").gives(0, "", "");
}

#[test]
fn a_history_that_cannot_be_used_is_a_finding() {
    let database = Database::with("CREATE TABLE schema_migrations (nonsense int)");
    three().run(&database, "validate").gives(
        3,
        "Validated 3 migrations: 1 refusal\n",
        r"
        refused: public.schema_migrations is not a history of onward; its columns are nonsense int4
          use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE
    ",
    );
}

const UNUSABLE: &str = "
        migrations/nonumber.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/002_b.sql:2: unterminated quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ";

#[test]
fn files_that_cannot_be_used_are_all_listed_even_without_a_database() {
    let project = three()
        .migration("002_b.sql", "SELECT 1;\nSELECT 'x")
        .migration("nonumber.sql", "SELECT 1;");
    let database = Database::new();
    project.run(&database, "validate").gives(2, "", UNUSABLE);
    project.run_alone("validate").gives(2, "", UNUSABLE);
    project
        .run_alone("validate --url postgres://u@/x?host=/nowhere")
        .gives(2, "", UNUSABLE);
}

#[test]
fn the_history_must_be_reached() {
    three().run_alone("validate").gives(
        2,
        "",
        r"
        error: no database is named
          set DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE, or give --url
    ",
    );
    let outcome = three()
        .run_alone("validate --url postgres://u@/x?host=/nowhere")
        .outcome();
    outcome.exits(4);
    assert!(
        outcome.stderr.starts_with("error: cannot connect to "),
        "{outcome}"
    );
}

#[test]
fn a_database_that_takes_no_writes_can_be_compared_with() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "up --to 001 -q").gives(0, "", "");
    let reader = database.role("reader");
    database.execute(&format!(
        "GRANT SELECT ON schema_migrations TO {reader}; ALTER ROLE {reader} SET default_transaction_read_only = on"
    ));
    project
        .run_alone("validate")
        .on_as(&database, &reader)
        .gives(0, "Validated 3 migrations: files and history agree\n", "");
}

#[test]
fn it_needs_no_lock() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    let mut holder = database.connect();
    holder
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(122520239960676)")
        .unwrap();
    project.run(&database, "validate --max-wait 1ms").gives(
        0,
        "Validated 3 migrations: files and history agree\n",
        "",
    );
}
