//! Objects that somebody planted to run code with the rights of the runner are never called by onward itself.

use crate::support::{Database, Project};

/// Operators and functions by the names and types that onward's own statements use, each of which ends the run that
/// calls it; and tables that hide those of the system.
fn trap() -> String {
    let tables = "CREATE SCHEMA trap; CREATE TABLE trap.pg_class (relname name); \
        CREATE TABLE trap.pg_namespace (nspname name); CREATE TABLE trap.pg_locks (pid int); \
        CREATE VIEW trap.pg_roles AS SELECT 1 / 0 AS x; \
        CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false); \
        CREATE DOMAIN trap.int8 AS pg_catalog.int8 CHECK (false); \
        CREATE DOMAIN trap.timestamptz AS pg_catalog.timestamptz CHECK (false);\n";
    let operators = OPERATORS.iter().enumerate().map(|(number, (name, types))| {
        let (left, right) = types.split_once(' ').unwrap();
        let called = function(
            &format!("operator{number}"),
            &format!("{left}, {right}"),
            "bool",
        );
        format!(
            "{called}CREATE OPERATOR trap.{name} \
             (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = trap.operator{number});\n"
        )
    });
    let functions = FUNCTIONS
        .iter()
        .map(|(name, types, result)| function(name, types, result));
    std::iter::once(tables.to_owned())
        .chain(operators)
        .chain(functions)
        .collect()
}

fn function(name: &str, types: &str, result: &str) -> String {
    format!(
        "CREATE FUNCTION trap.{name}({types}) RETURNS pg_catalog.{result} LANGUAGE plpgsql AS \
         $$BEGIN RAISE EXCEPTION 'the trap sprang: {name}({types})'; END$$;\n"
    )
}

const OPERATORS: [(&str, &str); 18] = [
    ("=", "pg_catalog.text pg_catalog.text"),
    ("=", "pg_catalog.name pg_catalog.name"),
    ("=", "pg_catalog.name pg_catalog.text"),
    ("=", "pg_catalog.oid pg_catalog.oid"),
    ("=", "pg_catalog.\"char\" pg_catalog.\"char\""),
    ("=", "pg_catalog.int8 pg_catalog.int8"),
    ("=", "pg_catalog.int8 pg_catalog.int4"),
    ("=", "pg_catalog.int4 pg_catalog.int4"),
    ("=", "pg_catalog.bool pg_catalog.bool"),
    ("<>", "pg_catalog.text pg_catalog.text"),
    ("<>", "pg_catalog.name pg_catalog.text"),
    ("<>", "pg_catalog.\"char\" pg_catalog.\"char\""),
    (">", "pg_catalog.int2 pg_catalog.int4"),
    (">", "pg_catalog.int4 pg_catalog.int4"),
    ("-", "pg_catalog.timestamptz pg_catalog.timestamptz"),
    ("*", "pg_catalog.float8 pg_catalog.int4"),
    ("*", "pg_catalog.float8 pg_catalog.float8"),
    ("||", "pg_catalog.text pg_catalog.text"),
];

const FUNCTIONS: [(&str, &str, &str); 30] = [
    ("concat", "VARIADIC pg_catalog.text[]", "text"),
    (
        "concat_ws",
        "pg_catalog.text, VARIADIC pg_catalog.text[]",
        "text",
    ),
    ("concat", "pg_catalog.text, pg_catalog.text", "text"),
    ("concat", "pg_catalog.text, pg_catalog.int8", "text"),
    (
        "format",
        "pg_catalog.text, VARIADIC pg_catalog.text[]",
        "text",
    ),
    (
        "format",
        "pg_catalog.text, pg_catalog.name, pg_catalog.name",
        "text",
    ),
    ("to_char", "pg_catalog.timestamp, pg_catalog.text", "text"),
    (
        "timezone",
        "pg_catalog.text, pg_catalog.timestamptz",
        "timestamp",
    ),
    ("clock_timestamp", "", "timestamptz"),
    ("now", "", "timestamptz"),
    (
        "date_part",
        "pg_catalog.text, pg_catalog.interval",
        "float8",
    ),
    (
        "date_trunc",
        "pg_catalog.text, pg_catalog.interval",
        "interval",
    ),
    ("current_setting", "pg_catalog.text", "text"),
    ("current_database", "", "name"),
    ("current_schema", "", "name"),
    ("current_schemas", "pg_catalog.bool", "name[]"),
    ("version", "", "text"),
    ("strpos", "pg_catalog.text, pg_catalog.text", "int4"),
    ("starts_with", "pg_catalog.text, pg_catalog.text", "bool"),
    ("quote_ident", "pg_catalog.text", "text"),
    ("quote_literal", "pg_catalog.text", "text"),
    (
        "array_position",
        "pg_catalog.name[], pg_catalog.name",
        "int4",
    ),
    (
        "array_to_string",
        "pg_catalog.name[], pg_catalog.text",
        "text",
    ),
    ("pg_is_in_recovery", "", "bool"),
    (
        "pg_has_role",
        "pg_catalog.oid, pg_catalog.oid, pg_catalog.text",
        "bool",
    ),
    (
        "has_schema_privilege",
        "pg_catalog.oid, pg_catalog.text",
        "bool",
    ),
    (
        "has_table_privilege",
        "pg_catalog.oid, pg_catalog.text",
        "bool",
    ),
    ("pg_try_advisory_xact_lock", "pg_catalog.int8", "bool"),
    ("pg_advisory_unlock_all", "", "void"),
    (
        "set_config",
        "pg_catalog.text, pg_catalog.text, pg_catalog.bool",
        "text",
    ),
];

/// A database whose every session meets the trap before the system's own objects.
fn trapped() -> Database {
    let database = Database::new();
    database.execute(&trap());
    database.execute(&format!(
        "ALTER DATABASE {} SET search_path = trap, pg_catalog, public",
        database.name
    ));
    database
}

#[test]
fn the_trap_is_one() {
    let database = trapped();
    for caller in [
        "SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text",
        "SELECT concat('a'::pg_catalog.text, 'b'::pg_catalog.text)",
        "SELECT current_database()",
        "SELECT clock_timestamp()",
    ] {
        let error = database.connect().batch_execute(caller).unwrap_err();
        assert!(
            error
                .as_db_error()
                .unwrap()
                .message()
                .contains("the trap sprang"),
            "{caller}"
        );
    }
}

#[test]
fn what_hides_the_systems_objects_is_never_called() {
    let database = trapped();
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE public.a (x pg_catalog.int4);")
        .migration("002_b.sql", "CREATE TABLE public.b (x pg_catalog.int4);");
    let table = "--table public.schema_migrations";
    project
        .run(&database, &format!("status {table}"))
        .outcome()
        .exits(0);
    project
        .run(&database, &format!("status --json {table}"))
        .outcome()
        .exits(0);
    project
        .run(&database, &format!("up --dry-run {table}"))
        .outcome()
        .exits(0);
    project
        .run(&database, &format!("baseline --through 001 {table}"))
        .gives(
            0,
            r"
            recorded 001_a.sql
            Recorded 1 migration without running them
        ",
            "",
        );
    project
        .run(&database, &format!("up --allow-nonempty {table}"))
        .gives(
            0,
            "Applied 1 migration: 002_b.sql\n",
            "applied 002_b.sql (<time>)\n",
        );
    project.run(&database, &format!("up {table}")).gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
    project.run(&database, &format!("status {table}")).gives(
        0,
        r"
            database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
            history   public.schema_migrations
            baseline  none

            state  file  description  applied at  time  by
            marked  001_a.sql  a  <when>  postgres
            applied  002_b.sql  b  <when>  <time>  postgres

            2 migrations: 2 applied, 0 pending
        ",
        "",
    );
    project.write("migrations/001_a.sql", "SELECT 1;");
    project
        .run(&database, &format!("repair 001_a.sql {table}"))
        .gives(0, "accepted the text of 001_a.sql as it is now\n", "");
    let project = project.migration("003_c.sql", "SELECT nonsense;");
    project.run(&database, &format!("up {table}")).gives(
        1,
        "",
        r#"
            migrations/003_c.sql:1:8: ERROR: column "nonsense" does not exist (42703)
            1 | SELECT nonsense;
              |        ^
            rolled back: 003_c.sql as a whole
            applied before: none
            still pending: 003_c.sql
              mend the file, then run onward again
        "#,
    );
    project
        .run(&database, &format!("repair 003_c.sql {table}"))
        .gives(0, "forgot the failed attempt of 003_c.sql\n", "");
}

#[test]
fn a_schema_file_runs_beside_the_trap() {
    let database = trapped();
    let project = Project::new()
        .schema("CREATE TABLE IF NOT EXISTS public.base (x pg_catalog.int4);\n")
        .migration("001_a.sql", "CREATE TABLE public.a (x pg_catalog.int4);");
    project
        .run(&database, "--table public.schema_migrations")
        .gives(
            0,
            "Applied 1 migration: 001_a.sql\n",
            r"
            applied schema.sql (<time>)
            applied 001_a.sql (<time>)
        ",
        );
}

#[test]
fn names_cannot_break_out_of_their_quotes() {
    let evil = "1_'; DROP TABLE victim; --.sql";
    let project = Project::new()
        .migration(
            evil,
            "-- Description: '); DROP TABLE victim; --\nCREATE TABLE IF NOT EXISTS a (x int);",
        )
        .migration("2_\\'; DROP TABLE victim; --.sql", "SELECT nonsense;");
    let database = Database::with("CREATE TABLE victim (x int)");
    let table = "\"x\"\" (y int); DROP TABLE victim; --\"";
    project
        .run(&database, "--allow-nonempty --table")
        .arg(table)
        .outcome()
        .exits(1);
    assert!(database.has("victim"));
    project
        .run(&database, "--allow-nonempty")
        .outcome()
        .exits(1);
    assert!(database.has("victim"));
    assert_eq!(
        database.query("SELECT filename, description, status FROM schema_migrations"),
        [
            format!("{evil}|'); DROP TABLE victim; --|applied"),
            "2_\\'; DROP TABLE victim; --.sql|\\'; DROP TABLE victim;|failed".to_owned()
        ]
    );
}
