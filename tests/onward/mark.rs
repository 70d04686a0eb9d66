//! `onward baseline`: records without running.

use crate::support::{Database, Project};

fn project() -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
        .migration("003_c.sql", "CREATE TABLE c (x int);")
}

fn legacy() -> Database {
    Database::with("CREATE TABLE a (x int); CREATE TABLE b (x int)")
}

#[test]
fn the_migrations_up_to_a_version_are_recorded() {
    let (project, database) = (project(), legacy());
    project.run(&database, "baseline --through 002").gives(
        0,
        r"
        recorded 001_a.sql
        recorded 002_b.sql
        Recorded 2 migrations without running them
    ",
        "",
    );
    assert_eq!(
        database.history(),
        ["001_a.sql|marked|applied", "002_b.sql|marked|applied"]
    );
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        marked  001_a.sql  a  <when>  postgres
        marked  002_b.sql  b  <when>  postgres
        pending  003_c.sql  c

        3 migrations: 2 applied, 1 pending
    ",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        "applied 003_c.sql (<time>)\n",
    );
    assert!(database.has("c"));
}

#[test]
fn the_schema_file_and_what_it_contains_are_recorded() {
    let project = project()
        .schema("-- onward: baseline through 002\nCREATE TABLE a (x int);\nSELECT nonsense;\n");
    let database = legacy();
    project.run(&database, "baseline").gives(
        0,
        r"
        recorded 001_a.sql
        recorded 002_b.sql
        Recorded the schema file and 2 migrations without running them
    ",
        "",
    );
    assert_eq!(
        database.query("SELECT filename, version, kind FROM schema_migrations ORDER BY id"),
        [
            "schema.sql|002|marked",
            "001_a.sql|001|marked",
            "002_b.sql|002|marked"
        ]
    );
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  schema.sql through 002, recorded on <when> by postgres

        state  file  description  applied at  time  by
        marked  001_a.sql  a  <when>  postgres
        marked  002_b.sql  b  <when>  postgres
        pending  003_c.sql  c

        3 migrations: 2 applied, 1 pending
    ",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        "applied 003_c.sql (<time>)\n",
    );
}

#[test]
fn the_version_that_is_named_counts_more_than_the_schema_file() {
    let project = project().schema("-- onward: baseline through 002\nCREATE TABLE a (x int);\n");
    let database = Database::with("CREATE TABLE a (x int)");
    project.run(&database, "baseline --through 001").gives(
        0,
        r"
        recorded 001_a.sql
        Recorded the schema file and 1 migration without running them
    ",
        "",
    );
    assert_eq!(
        database.query("SELECT filename, version, kind FROM schema_migrations ORDER BY id"),
        ["schema.sql|001|marked", "001_a.sql|001|marked"]
    );
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 002_b.sql, 003_c.sql\n",
        r"
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
}

#[test]
fn without_schema_file_the_version_must_be_named() {
    let database = legacy();
    project().run(&database, "baseline").gives(
        2,
        "",
        r"
        error: there is no schema file, so the migrations to record must be named
          name the last one that the database contains: onward baseline --through VERSION
    ",
    );
    project().run(&database, "baseline --through 2").gives(
        2,
        "",
        r#"
        error: --through "2": no migration in migrations has this version
          write the digits as the file name has them, zeros included
    "#,
    );
    assert!(!database.has("schema_migrations"));
}

#[test]
fn a_database_with_history_takes_no_baseline() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    let before = database.full_dump();
    project.run(&database, "baseline --through 003").gives(
        3,
        "",
        r"
        refused: this database has a history already, in public.schema_migrations
          record what it does not hold yet: onward baseline --extend --through VERSION; or see what it holds: onward status
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn an_empty_database_may_be_marked_too() {
    let (project, database) = (project(), Database::new());
    project
        .run(&database, "baseline --through 003 -q")
        .gives(0, "", "");
    assert_eq!(database.history().len(), 3);
}

#[test]
fn a_history_is_extended() {
    let (project, database) = (project(), legacy());
    project
        .run(&database, "baseline --through 001 -q")
        .gives(0, "", "");
    let before = database.query("SELECT * FROM schema_migrations");
    let project = project.migration("004_d.sql", "CREATE TABLE d (x int);");
    let rehearsed = database.full_dump();
    project
        .run(&database, "baseline --extend --through 003 --dry-run")
        .gives(
            0,
            r"
            would record 002_b.sql
            would record 003_c.sql
            Would record 2 migrations without running them
        ",
            "",
        );
    assert_eq!(database.full_dump(), rehearsed);
    project
        .run(&database, "baseline --extend --through 003")
        .gives(
            0,
            r"
            recorded 002_b.sql
            recorded 003_c.sql
            Recorded 2 migrations without running them
        ",
            "",
        );
    assert_eq!(
        database.history(),
        [
            "001_a.sql|marked|applied",
            "002_b.sql|marked|applied",
            "003_c.sql|marked|applied"
        ]
    );
    assert_eq!(
        database.query("SELECT * FROM schema_migrations WHERE id = 1"),
        before
    );
    for arguments in ["--through 003", "--through 001", "--through 001 --dry-run"] {
        project
            .run(&database, &format!("baseline --extend {arguments}"))
            .gives(
                0,
                "Nothing to record: the history holds these migrations already\n",
                "",
            );
    }
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 004_d.sql\n",
        "applied 004_d.sql (<time>)\n",
    );
}

#[test]
fn what_the_schema_file_contains_extends_a_history_too() {
    let database = legacy();
    project()
        .run(&database, "baseline --through 001 -q")
        .gives(0, "", "");
    let project = project().schema("-- onward: baseline through 002\nSELECT nonsense;\n");
    project.run(&database, "baseline --extend").gives(
        0,
        r"
        recorded 002_b.sql
        Recorded 1 migration without running them
    ",
        "",
    );
    assert_eq!(
        database.history(),
        ["001_a.sql|marked|applied", "002_b.sql|marked|applied"]
    );
}

#[test]
fn a_failed_attempt_at_what_is_recorded_becomes_the_trail() {
    let (project, database) = (project(), Database::with("CREATE TABLE b (x int)"));
    project.run(&database, "-q --allow-nonempty").gives(
        1,
        "",
        r#"
        migrations/002_b.sql:1:1: ERROR: relation "b" already exists (42P07)
        1 | CREATE TABLE b (x int);
          | ^
        rolled back: 002_b.sql as a whole
        applied before: 001_a.sql
        still pending: 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    project
        .run(&database, "baseline --extend --through 002")
        .gives(
            0,
            r"
            recorded 002_b.sql
            Recorded 1 migration without running them
        ",
            "",
        );
    assert_eq!(
        database.history(),
        [
            "001_a.sql|migration|applied",
            "002_b.sql|migration|replaced",
            "002_b.sql|marked|applied"
        ]
    );
    assert_eq!(
        database.value(
            "SELECT regexp_replace(error_message, '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ', 'T') FROM schema_migrations \
             WHERE status = 'replaced'"
        ),
        "recorded as done by baseline, by postgres at T with onward 0.1.0; it said: relation \"b\" already exists (42P07)"
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        "applied 003_c.sql (<time>)\n",
    );
}

#[test]
fn a_rehearsed_baseline_records_nothing() {
    let project = project().schema("-- onward: baseline through 002\nSELECT nonsense;\n");
    let database = legacy();
    project.run(&database, "baseline --dry-run").gives(
        0,
        r"
        would record 001_a.sql
        would record 002_b.sql
        Would record the schema file and 2 migrations without running them
    ",
        "",
    );
    assert!(!database.has("schema_migrations"));
    project
        .run(&database, "baseline --extend -q")
        .gives(0, "", "");
    project.run(&database, "baseline --dry-run").gives(
        3,
        "",
        r"
        refused: this database has a history already, in public.schema_migrations
          record what it does not hold yet: onward baseline --extend --through VERSION; or see what it holds: onward status
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_way_back_that_has_begun_must_end_first() {
    let (project, database) = (project(), legacy());
    project
        .run(&database, "baseline --through 002 -q")
        .gives(0, "", "");
    database.execute(
        "UPDATE schema_migrations SET status = 'running', statements_done = 1 WHERE filename = '002_b.sql'",
    );
    let before = database.full_dump();
    project
        .run(&database, "baseline --extend --through 003")
        .gives(
            3,
            "",
            r"
            refused: 002_b.sql is being rolled back, 1 step done
              finish it: onward rollback
            error: refused, for 1 reason
              nothing was changed
        ",
        );
    assert_eq!(database.full_dump(), before);
}
