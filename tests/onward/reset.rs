//! `onward reset`: all that is in a database goes, and it begins anew.

use crate::support::{Database, Outcome, Project, dedent, wait_until};

fn project() -> Project {
    Project::new()
        .schema("-- onward: baseline through 001\nCREATE TABLE a (x int);\n")
        .migration("001_a.sql", "CREATE TABLE a (x int);\n")
        .migration("002_b.sql", "CREATE TABLE b (x int);\n")
}

/// A run that nobody's connection is in the way of.
#[track_caller]
fn reset(project: &Project, database: &Database, arguments: &str) -> Outcome {
    reset_as("postgres", project, database, arguments)
}

#[track_caller]
fn reset_as(role: &str, project: &Project, database: &Database, arguments: &str) -> Outcome {
    let arguments = format!("reset --database {} {arguments}", database.name);
    let run = project.run_alone(&arguments).on_as(database, role);
    database.disconnect();
    run.outcome()
}

const DONE: &str = "Applied 1 migration: 002_b.sql\n";
const SAID: &str = r"
    dropped all that was in <database>
    applied schema.sql (<time>)
    applied 002_b.sql (<time>)
";

/// States that a reset database is as one that is new.
#[track_caller]
fn check_as_new(project: &Project, database: &Database) {
    let new = Database::new();
    project.run(&new, "-q").gives(0, "", "");
    assert_eq!(database.dump(), new.dump());
    let unseen = "SELECT (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_largeobject_metadata), \
        (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_transform), \
        (SELECT count(*) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace), (SELECT string_agg(nspname || coalesce(nspacl::text, ''), ' ' ORDER BY nspname) \
        FROM pg_namespace WHERE nspname !~ '^pg_')";
    assert_eq!(database.value(unseen), new.value(unseen));
    assert_eq!(database.history(), new.history());
    project.run(database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
}

#[test]
fn a_reset_database_is_as_one_that_is_new() {
    let (project, database) = (project(), Database::new());
    project.run(&database, "-q").gives(0, "", "");
    database.execute("INSERT INTO a VALUES (1); DROP TABLE b; CREATE TABLE mine (x int)");
    reset(&project, &database, "").gives(0, DONE, SAID);
    assert!(database.query("SELECT * FROM a").is_empty());
    check_as_new(&project, &database);
    reset(&project, &database, "-q").gives(0, "", "");
    check_as_new(&project, &database);
}

/// One of everything that a database can hold.
fn rich() -> Database {
    let database = Database::with(
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN word AS text CHECK (VALUE <> ''); \
         CREATE TYPE pair AS (a int, b mood); CREATE TYPE span AS RANGE (SUBTYPE = int); \
         CREATE TABLE t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, m mood, w word, p pair); \
         CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x; CREATE SEQUENCE s; \
         CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING; CREATE STATISTICS st ON id, m FROM t; \
         CREATE TABLE part (x int) PARTITION BY RANGE (x); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (9); \
         CREATE FUNCTION f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; \
         CREATE AGGREGATE ag(int) (SFUNC = int4pl, STYPE = int); CREATE COLLATION c FROM \"C\"; \
         CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); \
         CREATE OPERATOR CLASS oc FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(int); \
         CREATE CONVERSION cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; \
         CREATE TEXT SEARCH CONFIGURATION tc (COPY = english); CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = simple); \
         CREATE SCHEMA \"a \"\"b\"; CREATE TABLE \"a \"\"b\".t (m mood); COMMENT ON TABLE t IS 'of all'; \
         CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR PUBLIC SERVER far; \
         CREATE FOREIGN TABLE ft (x int) SERVER far; CREATE PUBLICATION pub FOR TABLE t; \
         CREATE CAST (point AS text) WITH INOUT; CREATE CAST (mood AS text) WITH INOUT; \
         CREATE FUNCTION pg_catalog.mine(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         CREATE AGGREGATE pg_catalog.all_mine(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0'); \
         CREATE TRANSFORM FOR int LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal)); \
         CREATE LANGUAGE tongue HANDLER plpgsql_call_handler; CREATE ACCESS METHOD way TYPE INDEX HANDLER bthandler; \
         SELECT lo_create(0), lo_create(0); \
         REVOKE USAGE ON SCHEMA public FROM PUBLIC; COMMENT ON SCHEMA public IS 'ours'",
    );
    let (owner, reader) = (database.role("owner"), database.role("reader"));
    database.execute(&format!(
        "ALTER TABLE \"a \"\"b\".t OWNER TO {owner}; GRANT ALL ON SCHEMA public TO {owner}; \
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader}; \
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON SEQUENCES FROM {owner}; \
         ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; \
         ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC; \
         ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC; \
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader}"
    ));
    for extension in ["hstore", "pg_trgm", "citext", "postgres_fdw", "adminpack"] {
        let available =
            format!("SELECT count(*) FROM pg_available_extensions WHERE name = '{extension}'");
        if database.value(&available) == "1" {
            database.execute(&format!("CREATE EXTENSION {extension}"));
        }
    }
    let subscription = "CREATE SUBSCRIPTION sub CONNECTION '' PUBLICATION p WITH (connect = false, slot_name = NONE)";
    database.execute(subscription);
    database.execute(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''never''; END'; \
         CREATE EVENT TRIGGER never ON sql_drop EXECUTE FUNCTION no(); \
         CREATE EVENT TRIGGER ever ON ddl_command_start WHEN TAG IN ('DROP SCHEMA', 'CREATE TABLE') EXECUTE FUNCTION no()",
    );
    database
}

/// The roles of `rich` go with its database.
fn forget_roles(database: Database) {
    let name = database.name.clone();
    drop(database);
    Database::with(&format!("DROP ROLE {name}_owner, {name}_reader"));
}

#[test]
fn whatever_was_in_it_goes() {
    let (project, database) = (project(), rich());
    reset(&project, &database, "").gives(0, DONE, SAID);
    check_as_new(&project, &database);
    forget_roles(database);
}

#[test]
fn a_schema_file_that_fails_leaves_all_as_it_was() {
    let project = project().schema("CREATE TABLE a (x int);\nSELECT nonsense;\n");
    let database = rich();
    let before = database.full_dump();
    reset(&project, &database, "").gives(
        1,
        "",
        r#"
        schema.sql:2:8: ERROR: column "nonsense" does not exist (42703)
        2 | SELECT nonsense;
          |        ^
        rolled back: schema.sql as a whole, and what was dropped before it is there again
        applied before: none
        still pending: schema.sql, 001_a.sql, 002_b.sql
          mend the file, then run onward again
    "#,
    );
    assert_eq!(database.full_dump(), before);
    // What was left would keep the database from going.
    database.execute("DROP EVENT TRIGGER never; DROP EVENT TRIGGER ever; DROP SUBSCRIPTION sub");
    forget_roles(database);
}

#[test]
fn files_that_cannot_be_read_leave_all_as_it_was() {
    let project = project().migration("003_c.sql", "SELECT 'open");
    let database = Database::with("CREATE TABLE mine (x int)");
    reset(&project, &database, "").gives(
        2,
        "",
        r"
        migrations/003_c.sql:1: unterminated quoted string begins here
          close it; nothing of the file was run
          mend the files; nothing was run
    ",
    );
    assert!(database.has("mine"));
}

#[test]
fn a_migration_that_fails_leaves_what_was_applied_before() {
    let project = project().migration("003_c.sql", "SELECT nonsense;\n");
    let database = Database::with("CREATE TABLE mine (x int)");
    reset(&project, &database, "").gives(
        1,
        "",
        r#"
        dropped all that was in <database>
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
        migrations/003_c.sql:1:8: ERROR: column "nonsense" does not exist (42703)
        1 | SELECT nonsense;
          |        ^
        rolled back: 003_c.sql as a whole
        applied before: 002_b.sql
        still pending: 003_c.sql
          mend the file, then run onward again
    "#,
    );
    assert!(!database.has("mine"));
    assert_eq!(database.applied(), ["schema.sql", "001_a.sql", "002_b.sql"]);
}

#[test]
fn without_schema_file_all_files_run() {
    let project = project();
    project.remove("schema.sql");
    let database = Database::with("CREATE TABLE mine (x int)");
    reset(&project, &database, "").gives(
        0,
        "Applied 2 migrations: 001_a.sql, 002_b.sql\n",
        r"
        dropped all that was in <database>
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
    check_as_new(&project, &database);
}

#[test]
fn a_history_of_its_own_schema_is_created_there_again() {
    let (project, database) = (project(), Database::new());
    project
        .run(&database, "-q --table ops.log")
        .gives(0, "", "");
    reset(&project, &database, "--table ops.log").gives(0, DONE, SAID);
    assert_eq!(database.value("SELECT count(*) FROM ops.log"), "3");
    assert!(!database.has("public.schema_migrations"));
    database.execute(&format!(
        "CREATE SCHEMA app; ALTER DATABASE {} SET search_path = app",
        database.name
    ));
    reset(&project, &database, "").gives(
        2,
        "",
        r"
        error: no schema of the search_path is left when all is dropped, so there is no place for the history table
          name one, and it will be created: onward reset --database <database> --table SCHEMA.schema_migrations
    ",
    );
    assert!(database.has("ops.log"));
}

#[test]
fn a_database_without_public_has_it_again() {
    let (project, database) = (project(), Database::new());
    database.execute("DROP SCHEMA public; CREATE SCHEMA mine");
    reset(&project, &database, "").gives(0, DONE, SAID);
    check_as_new(&project, &database);
}

#[test]
fn the_owner_of_a_database_may_reset_it() {
    let (project, database) = (project(), Database::new());
    // A rule for members of a role is one that PostgreSQL 15 draws a false conclusion from.
    database.ask_for_passwords();
    let owner = database.role("own");
    let other = database.role("other");
    database.execute(&format!(
        "ALTER DATABASE {} OWNER TO {owner}; GRANT {other} TO CURRENT_USER; CREATE TABLE strangers (x int); \
         CREATE SCHEMA theirs AUTHORIZATION {owner}; CREATE TABLE theirs.t (x int); ALTER TABLE theirs.t OWNER TO {other}",
        database.name
    ));
    reset_as(&owner, &project, &database, "").gives(0, DONE, SAID);
    assert!(!database.has("strangers"));
    assert_eq!(
        database.query("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"),
        ["information_schema", "public"]
    );
}

#[test]
fn the_history_needs_a_schema_that_is_left() {
    let (project, database) = (project(), Database::new());
    database.execute(&format!(
        "CREATE SCHEMA app; ALTER DATABASE {} SET search_path = app",
        database.name
    ));
    reset(&project, &database, "").gives(
        2,
        "",
        r"
        error: no schema of the search_path is left when all is dropped, so there is no place for the history table
          name one, and it will be created: onward reset --database <database> --table SCHEMA.schema_migrations
    ",
    );
    let project = Project::new().migration("001_a.sql", "CREATE TABLE a (x int);\n");
    reset(&project, &database, "-q --table app.schema_migrations").gives(0, "", "");
    assert!(database.has("app.schema_migrations") && database.has("app.a"));
}

#[test]
fn what_is_in_a_strangers_public_goes_piece_by_piece() {
    let (project, database) = (project(), Database::new());
    let owner = database.role("own");
    database.execute(&format!(
        "ALTER DATABASE {} OWNER TO {owner}; ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO {owner}; \
         SET ROLE {owner}; CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN word AS text; CREATE TYPE pair AS (a int, b mood); \
         CREATE TABLE t (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, m mood, w word, p pair); \
         CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x; CREATE SEQUENCE s; \
         CREATE TABLE part (x int) PARTITION BY RANGE (x); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (9); \
         CREATE FUNCTION f(int, text) RETURNS mood LANGUAGE sql AS 'SELECT NULL::mood'; CREATE AGGREGATE ag(int) (SFUNC = int4pl, STYPE = int); \
         CREATE AGGREGATE ags(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0'); \
         CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); \
         CREATE STATISTICS st ON id, m FROM t; CREATE COLLATION c FROM \"C\"; CREATE TEXT SEARCH CONFIGURATION tc (COPY = english); \
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC; RESET ROLE",
        database.name
    ));
    reset_as(&owner, &project, &database, "").gives(0, DONE, SAID);
    let own = "SELECT pg_describe_object(classid, objid, 0) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass \
        AND refobjid = 'public'::regnamespace ORDER BY 1";
    assert_eq!(
        database.query(own),
        [
            "sequence schema_migrations_id_seq",
            "table a",
            "table b",
            "table schema_migrations"
        ]
    );
    assert_eq!(
        database.value("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'public'"),
        "postgres"
    );
}

#[test]
fn what_belongs_to_somebody_else_is_a_refusal() {
    let (project, database) = (project(), Database::new());
    let owner = database.role("own");
    database.execute(&format!(
        "ALTER DATABASE {} OWNER TO {owner}; CREATE TABLE mine (x int); CREATE PUBLICATION pub",
        database.name
    ));
    let before = database.full_dump();
    reset_as(&owner, &project, &database, "").gives(
        3,
        "",
        r"
        error: cannot drop all that is in <database>: ERROR: must be owner of publication pub (42501)
          connect as a role that has the privilege, or have it granted
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn the_name_must_be_that_of_the_database() {
    let (project, database) = (project(), Database::with("CREATE TABLE mine (x int)"));
    project
        .run(&database, "reset --database other --force")
        .gives(
            3,
            "",
            r#"
        refused: the connection leads to the database <database>, not to "other"
          if it is meant: onward reset --database <database>
        error: refused, for 1 reason
          nothing was changed
    "#,
        );
    project.run(&database, "reset").gives(
        2,
        "",
        r"
        error: reset drops all that is in a database: confirm its name with --database NAME
          see onward --help, or onward COMMAND --help
    ",
    );
    assert!(database.has("mine"));
}

#[test]
fn production_is_not_reset() {
    let (project, database) = (project(), Database::with("CREATE TABLE mine (x int)"));
    let arguments = format!("reset --force --database {}", database.name);
    for (variable, value) in [
        ("ONWARD_ENV", "production"),
        ("APP_ENV", "PROD"),
        ("NODE_ENV", "Production"),
        ("RAILS_ENV", "prod"),
    ] {
        let stderr = format!(
            "error: {variable} says that this is production, and reset drops all that is in a database\n  \
             nothing was changed; where it is not production, leave {variable} out\n"
        );
        project
            .run(&database, &arguments)
            .env(variable, value)
            .gives(2, "", &stderr);
    }
    let project = project.file(".env", "APP_ENV=production\n");
    project
        .run(&database, &format!("{arguments} --env-file .env"))
        .gives(
            2,
            "",
            r"
            error: APP_ENV says that this is production, and reset drops all that is in a database
              nothing was changed; where it is not production, leave APP_ENV out
        ",
        );
    assert!(database.has("mine"));
    database.disconnect();
    project
        .run(&database, &format!("{arguments} -q"))
        .env("APP_ENV", "products")
        .gives(0, "", "");
}

#[test]
fn a_database_that_others_use_is_reset_by_force_only() {
    let (project, database) = (project(), Database::with("CREATE TABLE mine (x int)"));
    let mut others: Vec<postgres::Client> = (0..4).map(|_| database.connect()).collect();
    let arguments = format!("reset --database {}", database.name);
    let run = project.run(&database, &arguments);
    let mut keep = database.connect();
    database.forget();
    others[0]
        .batch_execute("SET application_name = 'it''s me'; BEGIN; LOCK TABLE mine")
        .unwrap();
    run.gives(
        3,
        "",
        r"
        refused: others are connected: pid <pid>, user postgres, application 'it''s me'; pid <pid>, user postgres, application ''; pid <pid>, user postgres, application ''; and 2 more
          disconnect them, or have them ended: onward reset --database <database> --force
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    keep.batch_execute("SELECT 1").expect("still connected");
    project
        .run(&database, &format!("{arguments} --force"))
        .gives(0, DONE, SAID);
    for other in &mut others {
        other.batch_execute("SELECT 1").expect_err("it was ended");
    }
}

#[test]
fn sessions_that_may_not_be_ended_are_a_refusal() {
    let (project, database) = (project(), Database::new());
    let owner = database.role("own");
    database.execute(&format!(
        "ALTER DATABASE {} OWNER TO {owner}",
        database.name
    ));
    let outcome = project
        .run_alone(&format!("reset --force --database {}", database.name))
        .on_as(&database, &owner)
        .outcome();
    outcome.exits(3);
    assert!(
        outcome
            .stderr
            .starts_with("error: cannot end the sessions of others: ERROR: "),
        "{outcome}"
    );
    assert!(
        outcome
            .stderr
            .ends_with("(42501)\n  connect as a role that has the privilege, or have it granted\n"),
        "{outcome}"
    );
}

#[test]
fn templates_are_not_reset() {
    let (project, database) = (project(), Database::new());
    let template = |yes| format!("ALTER DATABASE {} IS_TEMPLATE {yes}", database.name);
    database.execute(&template("true"));
    let outcome = reset(&project, &database, "");
    database.execute(&template("false"));
    outcome.gives(
        3,
        "",
        r"
        refused: <database> is a template, which new databases are made of, and is not reset
          create one for the application (createdb NAME), and connect to that
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_subscription_with_a_slot_is_named() {
    let (project, database) = (project(), Database::new());
    database
        .execute("CREATE SUBSCRIPTION \"Sub\" CONNECTION '' PUBLICATION p WITH (connect = false)");
    let outcome = reset(&project, &database, "");
    database.execute("ALTER SUBSCRIPTION \"Sub\" SET (slot_name = NONE)");
    outcome.gives(
        3,
        "",
        r#"
        refused: no transaction can drop a subscription with a replication slot: "Sub"
          drop it first, by itself: DROP SUBSCRIPTION "Sub";
        error: refused, for 1 reason
          nothing was changed
    "#,
    );
    reset(&project, &database, "").gives(0, DONE, SAID);
}

#[test]
fn a_database_that_takes_no_writes_is_not_reset() {
    let (project, database) = (project(), Database::with("CREATE TABLE mine (x int)"));
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name
    ));
    reset(&project, &database, "").gives(
        3,
        "",
        r"
        refused: nothing can be written: the database takes no writes from this session (default_transaction_read_only)
          connect to the primary, with a role whose default_transaction_read_only is off
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert!(database.has("mine"));
}

#[test]
fn strictness_refuses_before_anything_is_dropped() {
    let project = project().migration("002_c.sql", "SELECT 1;");
    let database = Database::with("CREATE TABLE mine (x int)");
    reset(&project, &database, "--strict").gives(
        3,
        "",
        r"
        refused: 002_b.sql and 002_c.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert!(database.has("mine"));
}

/// What the server or the socket says of a lost connection, which is a matter of chance, as its name.
fn without_trouble(outcome: &Outcome) -> String {
    let line = |line: &str| {
        let troubles = [
            "FATAL: terminating connection due to administrator command (57P01)",
            "connection closed",
        ];
        let trouble = troubles.into_iter().find(|trouble| line.ends_with(trouble));
        let line = trouble.map_or(line.to_owned(), |trouble| {
            line.replace(trouble, "<trouble>")
        });
        line + "\n"
    };
    outcome.stderr.lines().map(line).collect()
}

#[test]
fn a_connection_lost_on_the_way_is_not_guessed_about() {
    let project = project().schema("SELECT pg_terminate_backend(pg_backend_pid());\n");
    let database = Database::with("CREATE TABLE mine (x int)");
    let outcome = reset(&project, &database, "");
    outcome.exits(4);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        without_trouble(&outcome),
        dedent(
            r"
        error: the connection was lost while all that is in <database> was dropped, and it is not known whether that was committed: <trouble>
          do it again, it begins anew: onward reset --database <database>
    "
        )
    );
    assert!(database.has("mine"));
}

#[test]
fn a_connection_lost_after_it_is_opened_again() {
    let project = project()
        .schema("-- onward: baseline through 001\nCREATE TABLE a (x int);\nCREATE SEQUENCE lost;\n")
        .migration(
            "002_b.sql",
            "CREATE TABLE b (x int);\nSELECT CASE nextval('lost') WHEN 1 THEN pg_terminate_backend(pg_backend_pid()) END;\n",
        );
    let database = Database::with("CREATE TABLE mine (x int)");
    let outcome = reset(&project, &database, "");
    outcome.exits(0);
    assert_eq!(outcome.stdout, DONE);
    assert_eq!(
        without_trouble(&outcome),
        dedent(
            r"
            dropped all that was in <database>
            applied schema.sql (<time>)
            the connection was lost at 002_b.sql; connecting again: <trouble>
            applied 002_b.sql (<time>)
        "
        )
    );
    assert_eq!(database.applied(), ["schema.sql", "001_a.sql", "002_b.sql"]);
}

#[test]
fn it_waits_for_another_runner() {
    let (project, database) = (project(), Database::new());
    let mut gate = database.connect();
    gate.batch_execute("CREATE TABLE gate ()").unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE gate").unwrap();
    let slow = Project::new().migration(
        "001_slow.sql",
        "-- onward: lock-timeout 60s\nLOCK TABLE gate;\n",
    );
    let first = slow.run(&database, "-q --allow-nonempty").start();
    wait_until("the first runner is at work", || {
        database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onward 001_slow.sql' AND datname = current_database()") == "1"
    });
    let second = project
        .run(&database, &format!("reset --database {}", database.name))
        .start();
    second.wait_for_stderr("waiting for the run lock");
    gate.batch_execute("COMMIT").unwrap();
    drop(gate);
    database.forget();
    first.outcome().gives(0, "", "");
    let outcome = second.outcome();
    outcome.exits(0);
    assert!(
        outcome
            .stderr
            .starts_with("waiting for the run lock, held by pid <pid>, user postgres"),
        "{outcome}"
    );
    check_as_new(&project, &database);
}
