//! Databases whose history another tool keeps, and tables that only look like one.

use crate::support::{Database, Project};

fn project() -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
}

/// A database that `up` refuses, naming the tool; nothing is changed.
#[track_caller]
fn check(table: &str, stderr: &str) {
    let database = Database::with(table);
    let before = database.full_dump();
    project().run(&database, "").gives(3, "", stderr);
    assert_eq!(database.full_dump(), before);
}

#[test]
fn a_tool_whose_table_has_our_name_is_recognised() {
    check(
        "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); INSERT INTO schema_migrations VALUES ('001')",
        r"
        refused: dbmate keeps the history of this database, in public.schema_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)",
        r"
        refused: golang-migrate keeps the history of this database, in public.schema_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
        r"
        refused: Ecto keeps the history of this database, in public.schema_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE schema_migrations (id serial, name text, applied_at timestamp)",
        r"
        refused: a hand-made runner keeps the history of this database, in public.schema_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_tool_whose_table_has_another_name_is_recognised() {
    check(
        "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL \
         DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL)",
        r"
        refused: sqlx keeps the history of this database, in public._sqlx_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200), \
         type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), installed_on timestamp, \
         execution_time int, success boolean)",
        r"
        refused: Flyway keeps the history of this database, in public.flyway_schema_history
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE goose_db_version (id serial, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp)",
        r"
        refused: goose keeps the history of this database, in public.goose_db_version
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE refinery_schema_history (version int PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))",
        r"
        refused: refinery keeps the history of this database, in public.refinery_schema_history
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now())",
        r"
        refused: Diesel keeps the history of this database, in public.__diesel_schema_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL)",
        r"
        refused: node-pg-migrate keeps the history of this database, in public.pgmigrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE SCHEMA supabase_migrations; CREATE TABLE supabase_migrations.schema_migrations (version text, statements text[], name text)",
        r"
        refused: Supabase keeps the history of this database, in supabase_migrations.schema_migrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    check(
        "CREATE TABLE schema_version (version int4 NOT NULL)",
        r"
        refused: tern keeps the history of this database, in public.schema_version
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn the_cures_of_another_tools_table_work() {
    let database = Database::with(
        "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); CREATE TABLE a (x int)",
    );
    let project = project();
    project
        .run(&database, "baseline --table onward_history --through 001")
        .gives(
            0,
            r"
        recorded 001_a.sql
        Recorded 1 migration without running them
    ",
            "",
        );
    project.run(&database, "--table onward_history").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        "applied 002_b.sql (<time>)\n",
    );

    let database = Database::with(
        "CREATE TABLE pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL); CREATE TABLE a (x int)",
    );
    project.run(&database, "baseline --through 001").gives(
        0,
        r"
        recorded 001_a.sql
        Recorded 1 migration without running them
    ",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        "applied 002_b.sql (<time>)\n",
    );
}

#[test]
fn a_schema_file_does_not_run_beside_another_tools_history() {
    let database = Database::with(
        "CREATE TABLE pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL)",
    );
    let before = database.full_dump();
    project()
        .schema("CREATE TABLE IF NOT EXISTS a (x int);\n")
        .run(&database, "")
        .gives(
            3,
            "",
            r"
        refused: node-pg-migrate keeps the history of this database, in public.pgmigrations
          take its history over: onward adopt (--dry-run shows what that does)
        error: refused, for 1 reason
          nothing was changed
    ",
        );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn allow_nonempty_overrides_a_table_beside_ours() {
    let database = Database::with(
        "CREATE TABLE pgmigrations (id serial, name varchar(255) NOT NULL, run_on timestamp NOT NULL)",
    );
    project().run(&database, "--allow-nonempty").gives(
        0,
        "Applied 2 migrations: 001_a.sql, 002_b.sql\n",
        r"
        warning: node-pg-migrate keeps the history of this database, in public.pgmigrations
          take its history over: onward adopt (--dry-run shows what that does)
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
}

#[test]
fn a_strange_table_of_our_name_is_refused_with_its_columns() {
    check(
        "CREATE TABLE schema_migrations (colour text, \"Größe\" int)",
        r"
        refused: public.schema_migrations is not a history of onward; its columns are colour text, Größe int4
          use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    let lacking = "CREATE TABLE schema_migrations (id bigint, filename text, version text, description text, kind text, status text, \
        checksum text, sql_checksum text, started_at timestamptz, applied_at timestamptz, execution_time_ms bigint, \
        statements_done int, applied_by text, tool_version text)";
    check(
        lacking,
        r"
        refused: public.schema_migrations is not a history of onward; its columns are id int8, filename text, version text, description text, kind text, status text, checksum text, sql_checksum text, started_at timestamptz, applied_at timestamptz, execution_time_ms int8, statements_done int4, applied_by text, tool_version text
          use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    let other_type = "CREATE TABLE schema_migrations (id bigint, filename varchar, version text, description text, kind text, status text, \
        checksum text, sql_checksum text, started_at timestamptz, applied_at timestamptz, execution_time_ms bigint, \
        statements_done int, applied_by text, tool_version text, error_message text)";
    check(
        other_type,
        r"
        refused: public.schema_migrations is not a history of onward; its columns are id int8, filename varchar, version text, description text, kind text, status text, checksum text, sql_checksum text, started_at timestamptz, applied_at timestamptz, execution_time_ms int8, statements_done int4, applied_by text, tool_version text, error_message text
          use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_strange_table_stays_beside_ours() {
    let database = Database::with("CREATE TABLE schema_migrations (colour text)");
    project()
        .run(&database, "--table ops.schema_migrations --allow-nonempty")
        .gives(
            0,
            "Applied 2 migrations: 001_a.sql, 002_b.sql\n",
            r"
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
    ",
        );
    project().run(&database, "status").gives(0, r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   not usable, see below
        baseline  none

        state  file  description  applied at  time  by
        pending  001_a.sql  a
        pending  002_b.sql  b

        2 migrations: 0 applied, 2 pending
    ", r"
        refused: the history stands in ops.schema_migrations, which is not on the search_path (public)
          name it, with --table ops.schema_migrations or ONWARD_TABLE; or begin a history elsewhere, with --table SCHEMA.NAME
    ");
    project().run(&database, "baseline --through 001").gives(3, "", r"
        refused: the history stands in ops.schema_migrations, which is not on the search_path (public)
          name it, with --table ops.schema_migrations or ONWARD_TABLE; or begin a history elsewhere, with --table SCHEMA.NAME
        error: refused, for 1 reason
          nothing was changed
    ");
    project().run(&database, "repair 001_a.sql").gives(3, "", r"
        refused: the history stands in ops.schema_migrations, which is not on the search_path (public)
          name it, with --table ops.schema_migrations or ONWARD_TABLE; or begin a history elsewhere, with --table SCHEMA.NAME
        error: refused, for 1 reason
          nothing was changed
    ");
}
