//! Roles that may not do everything, and histories that stand elsewhere.

use crate::support::{Database, Project};

fn project() -> Project {
    Project::new().migration("001_a.sql", "CREATE TABLE a (x int);")
}

#[test]
fn to_read_is_enough_while_nothing_is_pending() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    let reader = database.role("reader");
    database.execute(&format!("GRANT SELECT ON schema_migrations TO {reader}"));
    project.run_alone("").on_as(&database, &reader).gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
    project
        .run_alone("status --check")
        .on_as(&database, &reader)
        .gives(
            0,
            r"
            database  <database> (<database>_reader@<server>/<database>, PostgreSQL <version>)
            history   public.schema_migrations
            baseline  none

            state  file  description  applied at  time  by
            applied  001_a.sql  a  <when>  <time>  postgres

            1 migration: 1 applied, 0 pending
        ",
            "",
        );
    let project = project.migration("002_b.sql", "CREATE TABLE b (x int);");
    project.run_alone("").on_as(&database, &reader).gives(
        3, "", r"
        refused: the history public.schema_migrations cannot be trusted: it does not let <database>_reader INSERT, UPDATE and DELETE
          as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON public.schema_migrations TO <database>_reader;
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert_eq!(database.applied(), ["001_a.sql"]);
}

#[test]
fn a_history_that_may_not_be_read_is_named() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    let stranger = database.role("stranger");
    project
        .run_alone("")
        .on_as(&database, &stranger)
        .gives(3, "", r#"
            refused: the role "<database>_stranger" may not read the history "public"."schema_migrations"
              as its owner: GRANT SELECT ON "public"."schema_migrations" TO "<database>_stranger";
            error: refused, for 1 reason
              nothing was changed
        "#);
    project
        .run_alone("status")
        .on_as(&database, &stranger)
        .gives(0, r"
            database  <database> (<database>_stranger@<server>/<database>, PostgreSQL <version>)
            history   not usable, see below
            baseline  none

            state  file  description  applied at  time  by
            pending  001_a.sql  a

            1 migration: 0 applied, 1 pending
        ", r#"
            refused: the role "<database>_stranger" may not read the history "public"."schema_migrations"
              as its owner: GRANT SELECT ON "public"."schema_migrations" TO "<database>_stranger";
        "#);
}

#[test]
fn a_role_that_may_not_create_is_told_so() {
    let database = Database::new();
    let poor = database.role("poor");
    database.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    project()
        .run_alone("")
        .on_as(&database, &poor)
        .gives(3, "", r"
            error: cannot create the history table public.schema_migrations: ERROR: permission denied for schema public (42501)
              connect as a role that has the privilege, or have it granted
        ");
    let with_schema = project().schema("CREATE TABLE base (x int);");
    with_schema
        .run_alone("")
        .on_as(&database, &poor)
        .gives(3, "", r"
            error: cannot record schema.sql in the history public.schema_migrations, so it was not run: ERROR: permission denied for schema public (42501)
              connect as a role that has the privilege, or have it granted
        ");
    project()
        .run_alone("--table ops.log")
        .on_as(&database, &poor)
        .gives(3, "", r"
            error: cannot create the history table ops.log: ERROR: permission denied for database <database> (42501)
              connect as a role that has the privilege, or have it granted
        ");
    assert!(!database.has("schema_migrations"));
    project().run_alone("status").on_as(&database, &poor).gives(
        0,
        r"
            database  <database> (<database>_poor@<server>/<database>, PostgreSQL <version>)
            history   none yet
            baseline  none

            state  file  description  applied at  time  by
            pending  001_a.sql  a

            1 migration: 0 applied, 1 pending
        ",
        "",
    );
}

#[test]
fn a_migration_that_lacks_a_right_fails_as_any_other() {
    let database = Database::with("CREATE SCHEMA closed; CREATE TABLE closed.t (x int)");
    let poor = database.role("poor");
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {poor}"));
    let project = Project::new().migration("001_a.sql", "INSERT INTO closed.t VALUES (1);");
    project.run_alone("").on_as(&database, &poor).gives(
        1,
        "",
        r"
            migrations/001_a.sql:1:13: ERROR: permission denied for schema closed (42501)
            1 | INSERT INTO closed.t VALUES (1);
              |             ^
            rolled back: 001_a.sql as a whole
            applied before: none
            still pending: 001_a.sql
              mend the file, then run onward again
        ",
    );
}

#[test]
fn a_history_outside_the_search_path_is_refused_and_named() {
    let (project, database) = (project(), Database::new());
    project
        .run(&database, "--table app.schema_migrations -q")
        .gives(0, "", "");
    let before = database.full_dump();
    project.run(&database, "").gives(3, "", r"
        refused: the history stands in app.schema_migrations, which is not on the search_path (public)
          name it, with --table app.schema_migrations or ONWARD_TABLE; or begin a history elsewhere, with --table SCHEMA.NAME
        error: refused, for 1 reason
          nothing was changed
    ");
    assert_eq!(database.full_dump(), before);
    project
        .run(&database, "--table app.schema_migrations")
        .gives(
            0,
            "Applied 0 migrations: the database is up to date (1 applied)\n",
            "",
        );
}

#[test]
fn a_role_that_gets_a_schema_of_its_own_does_not_start_again() {
    let database = Database::new();
    let runner = database.role("runner");
    database.execute(&format!(
        "GRANT CREATE ON SCHEMA public TO {runner}; GRANT CREATE ON DATABASE {} TO {runner}",
        database.name
    ));
    let project = project();
    project
        .run_alone("-q")
        .on_as(&database, &runner)
        .gives(0, "", "");
    database.execute(&format!("CREATE SCHEMA {runner} AUTHORIZATION {runner}"));
    project.run_alone("").on_as(&database, &runner).gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
    assert!(!database.has(&format!("{runner}.schema_migrations")));
}

#[test]
fn the_history_is_created_in_the_first_schema_of_the_search_path() {
    let database = Database::with("CREATE SCHEMA app");
    database.execute(&format!(
        "ALTER DATABASE {} SET search_path = missing, app, public",
        database.name
    ));
    project().run(&database, "-q").gives(0, "", "");
    assert!(database.has("app.schema_migrations") && database.has("app.a"));
}

#[test]
fn without_a_schema_there_is_no_place_for_the_history() {
    let database = Database::new();
    database.execute(&format!(
        "ALTER DATABASE {} SET search_path = missing",
        database.name
    ));
    project().run(&database, "").outcome().exits(2);
    assert!(!database.has("schema_migrations"));
}

#[test]
fn a_history_in_a_later_schema_of_the_search_path_is_found() {
    let database = Database::new();
    project().run(&database, "-q").gives(0, "", "");
    database.execute(&format!(
        "CREATE SCHEMA app; ALTER DATABASE {} SET search_path = app, public",
        database.name
    ));
    project().run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
}

#[test]
fn a_table_that_names_its_schema_has_it_created() {
    let database = Database::new();
    project()
        .run(&database, "--table Ops.Log -q")
        .gives(0, "", "");
    assert!(database.has("ops.log"));
    project()
        .run(&database, "--table")
        .arg("\"Ops\".\"Log\"")
        .arg("--allow-nonempty")
        .outcome()
        .exits(1);
    assert!(database.has("\"Ops\".\"Log\""));
}
