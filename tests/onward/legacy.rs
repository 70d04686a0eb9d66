//! A database that has objects of its own, but no history.

use crate::support::{Database, Project};

/// A project with this schema file, and one newer migration.
fn project(schema: &str) -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
        .schema(format!("-- onward: baseline through 001\n{schema}"))
}

fn legacy() -> Database {
    Database::with(
        "CREATE TABLE a (x int); CREATE TABLE old (x int PRIMARY KEY, y int); INSERT INTO old VALUES (1, 1)",
    )
}

/// A schema file that is refused before anything runs: exit code 3, nothing changed.
#[track_caller]
fn check_refused(schema: &str, stderr: &str) {
    let database = legacy();
    let before = database.full_dump();
    let outcome = project(schema).run(&database, "up").outcome();
    outcome.gives(3, "", stderr);
    assert_eq!(database.full_dump(), before);
}

#[test]
fn an_idempotent_schema_file_is_applied_and_recorded() {
    let schema = "CREATE TABLE IF NOT EXISTS a (x int);\nCREATE TABLE IF NOT EXISTS new (x int);\n\
        CREATE OR REPLACE VIEW v AS SELECT x FROM a;\nDROP TRIGGER IF EXISTS t ON a;\n\
        INSERT INTO old VALUES (1, 2) ON CONFLICT DO NOTHING;\n\
        INSERT INTO old SELECT 2, 2 WHERE NOT EXISTS (SELECT 1 FROM old WHERE x = 2);\n";
    let database = legacy();
    project(schema).run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        schema.sql: 2 statements skipped, as already done
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
    assert_eq!(database.query("SELECT * FROM old"), ["1|1", "2|2"]);
    assert!(database.has("new") && database.has("b"));
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "001_a.sql|baseline|applied",
            "002_b.sql|migration|applied"
        ]
    );
}

#[test]
fn statements_that_would_change_data_are_all_listed() {
    let schema = "CREATE TABLE IF NOT EXISTS a (x int);
INSERT INTO old VALUES (2, 2);
UPDATE old SET y = 2;
DELETE FROM old;
TRUNCATE old;
SELECT setval('s', 1);
WITH gone AS (DELETE FROM old RETURNING x) SELECT count(*) FROM gone;
CALL p();
DROP TABLE IF EXISTS old;
DROP SCHEMA IF EXISTS s;
DROP SEQUENCE s;
ALTER TABLE old DROP COLUMN IF EXISTS y;
DROP VIEW IF EXISTS v CASCADE;
COPY old FROM '/etc/passwd';
MERGE INTO old USING a ON old.x = a.x WHEN MATCHED THEN DELETE;
";
    check_refused(
        schema,
        r"
        refused: schema.sql:3: INSERT without ON CONFLICT: it would change or duplicate what this database holds
        refused: schema.sql:4: UPDATE: it would change or duplicate what this database holds
        refused: schema.sql:5: DELETE: it would change or duplicate what this database holds
        refused: schema.sql:6: TRUNCATE: it would change or duplicate what this database holds
        refused: schema.sql:7: setval: it would change or duplicate what this database holds
        refused: schema.sql:8: DELETE: it would change or duplicate what this database holds
        refused: schema.sql:9: CALL: it would change or duplicate what this database holds
        refused: schema.sql:10: DROP TABLE: it would change or duplicate what this database holds
        refused: schema.sql:11: DROP SCHEMA: it would change or duplicate what this database holds
        refused: schema.sql:12: DROP SEQUENCE: it would change or duplicate what this database holds
        refused: schema.sql:13: ALTER TABLE … DROP COLUMN: it would change or duplicate what this database holds
        refused: schema.sql:14: DROP … CASCADE: it would change or duplicate what this database holds
        refused: schema.sql:15: COPY … FROM: it would change or duplicate what this database holds
        refused: schema.sql:16: MERGE: it would change or duplicate what this database holds
          make the statement idempotent (IF NOT EXISTS, ON CONFLICT, a name); or vouch for the schema file with the line -- onward: idempotent; or record the schema as it stands: onward baseline
        error: refused, for 14 reasons
          nothing was changed
    ",
    );
}

#[test]
fn statements_that_would_duplicate_structure_are_all_listed() {
    check_refused(
        "CREATE INDEX ON a (x);\nALTER TABLE a ADD CHECK (x > 0);\nALTER TABLE a ADD UNIQUE (x);\n",
        r"
        refused: schema.sql:2: an index without a name: it would change or duplicate what this database holds
        refused: schema.sql:3: a constraint without a name: it would change or duplicate what this database holds
        refused: schema.sql:4: a constraint without a name: it would change or duplicate what this database holds
          make the statement idempotent (IF NOT EXISTS, ON CONFLICT, a name); or vouch for the schema file with the line -- onward: idempotent; or record the schema as it stands: onward baseline
        error: refused, for 3 reasons
          nothing was changed
    ",
    );
}

#[test]
fn the_author_may_vouch_for_the_schema_file() {
    let database = legacy();
    let schema = "-- onward: idempotent\nUPDATE old SET y = 2 WHERE y IS NULL;\nDELETE FROM old WHERE x < 0;\n";
    project(schema).run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
    assert_eq!(database.query("SELECT * FROM old"), ["1|1"]);
}

#[test]
fn a_do_block_runs_with_a_notice() {
    let database = legacy();
    let schema = "DO $$BEGIN PERFORM 1; END$$;\nDO $$BEGIN PERFORM 2; END$$;\n";
    project(schema).run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        notice: schema.sql:2: a DO block runs on a database that has its objects
        notice: schema.sql:3: a DO block runs on a database that has its objects
          make sure that it does nothing where its work is done already
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
}

#[test]
fn on_an_empty_database_none_of_that_is_asked() {
    let schema = "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nUPDATE a SET x = 2;\nDO $$BEGIN END$$;\nCREATE INDEX ON a (x);\n";
    let database = Database::new();
    project(schema).run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
}

#[test]
fn a_plain_create_of_what_exists_is_rolled_back_and_refused() {
    let database = legacy();
    let before = database.full_dump();
    let project = project("CREATE TABLE IF NOT EXISTS new (x int);\n\nCREATE TABLE a (x int);\n");
    project.run(&database, "").gives(3, "", r#"
        schema.sql:4:1: ERROR: relation "a" already exists (42P07)
        4 | CREATE TABLE a (x int);
          | ^
        rolled back: schema.sql as a whole, the history table included
        applied before: none
        still pending: schema.sql, 002_b.sql
          make the statement idempotent (IF NOT EXISTS, OR REPLACE, or a DROP ... IF EXISTS before it), or record the schema as it stands: onward baseline
    "#);
    assert_eq!(database.full_dump(), before);

    // Both cures work.
    let marked = legacy();
    project.run(&marked, "baseline").gives(
        0,
        r"
        recorded 001_a.sql
        Recorded the schema file and 1 migration without running them
    ",
        "",
    );
    project.run(&marked, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        "applied 002_b.sql (<time>)\n",
    );
    project.write(
        "schema.sql",
        "-- onward: baseline through 001\nCREATE TABLE IF NOT EXISTS a (x int);\n",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 002_b.sql\n",
        r"
        schema.sql: 1 statement skipped, as already done
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
}

#[test]
fn whatever_exists_already_is_refused_alike() {
    let setup = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE mood AS ENUM ('calm'); CREATE SCHEMA s;";
    for (statement, code) in [
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
            "42723",
        ),
        ("CREATE TYPE mood AS ENUM ('calm');", "42710"),
        ("CREATE SCHEMA s;", "42P06"),
        ("ALTER TABLE old ADD COLUMN y int;", "42701"),
        ("CREATE INDEX old_pkey ON old (y);", "42P07"),
        (
            "ALTER TABLE old ADD CONSTRAINT old_pkey CHECK (x > 0);",
            "42710",
        ),
    ] {
        let database = legacy();
        database.execute(setup);
        let before = database.full_dump();
        let outcome = project(statement).run(&database, "").outcome();
        outcome.exits(3);
        assert!(
            outcome.stderr.contains(code) && outcome.stderr.contains("onward baseline"),
            "{outcome}"
        );
        assert_eq!(database.full_dump(), before);
    }
}

#[test]
fn another_failure_on_a_legacy_database_is_a_failure() {
    let database = legacy();
    let before = database.full_dump();
    project("CREATE TABLE IF NOT EXISTS new (x nonsense);\n")
        .run(&database, "")
        .gives(
            1,
            "",
            r#"
        schema.sql:2:35: ERROR: type "nonsense" does not exist (42704)
        2 | CREATE TABLE IF NOT EXISTS new (x nonsense);
          |                                   ^
        rolled back: schema.sql as a whole, the history table included
        applied before: none
        still pending: schema.sql, 002_b.sql
          mend the file, then run onward again
    "#,
        );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn without_schema_file_the_objects_are_named() {
    let database = Database::with(
        "CREATE TABLE one (x int); CREATE VIEW two AS SELECT 1; CREATE SEQUENCE three; CREATE TABLE four (x int)",
    );
    let before = database.full_dump();
    let project = project("");
    project.remove("schema.sql");
    project.run(&database, "").gives(3, "", r"
        refused: the database has objects of its own (public.one, public.two, public.three), but no history, and there is no schema file
          record the migrations that it already contains: onward baseline --through VERSION; or run all files: onward up --allow-nonempty
        error: refused, for 1 reason
          nothing was changed
    ");
    project.run(&database, "status --check").gives(3, r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   none yet
        baseline  none

        state  file  description  applied at  time  by
        pending  001_a.sql  a
        pending  002_b.sql  b

        2 migrations: 0 applied, 2 pending
    ", r"
        refused: the database has objects of its own (public.one, public.two, public.three), but no history, and there is no schema file
          record the migrations that it already contains: onward baseline --through VERSION; or run all files: onward up --allow-nonempty
    ");
    assert_eq!(database.full_dump(), before);
}

#[test]
fn types_and_functions_are_objects_too() {
    for setup in [
        "CREATE TYPE mood AS ENUM ('calm')",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        let database = Database::with(setup);
        let project = Project::new().migration("001_a.sql", "SELECT 1;");
        project.run(&database, "").outcome().exits(3);
    }
}

#[test]
fn a_database_with_objects_may_be_migrated_from_the_first_file() {
    let database = Database::with("CREATE TABLE one (x int)");
    let project = Project::new().migration("001_a.sql", "CREATE TABLE a (x int);");
    project.run(&database, "--allow-nonempty").gives(
        0,
        "Applied 1 migration: 001_a.sql\n",
        "applied 001_a.sql (<time>)\n",
    );
    let database = Database::with("CREATE TABLE one (x int)");
    project
        .run(&database, "")
        .env("ONWARD_ALLOW_NONEMPTY", "true")
        .gives(
            0,
            "Applied 1 migration: 001_a.sql\n",
            "applied 001_a.sql (<time>)\n",
        );
}

#[test]
fn objects_in_a_schema_that_the_schema_file_names_count() {
    let setup = "CREATE SCHEMA app; CREATE TABLE app.users (x int)";
    let database = Database::with(setup);
    let project = Project::new()
        .schema("CREATE SCHEMA IF NOT EXISTS app;\nINSERT INTO app.users VALUES (1);\n");
    project.run(&database, "").gives(3, "", r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
        refused: schema.sql:2: INSERT without ON CONFLICT: it would change or duplicate what this database holds
          make the statement idempotent (IF NOT EXISTS, ON CONFLICT, a name); or vouch for the schema file with the line -- onward: idempotent; or record the schema as it stands: onward baseline
        error: refused, for 1 reason
          nothing was changed
    ");
    // Nobody names that schema here.
    let database = Database::with(setup);
    Project::new()
        .schema("CREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\n")
        .run(&database, "")
        .gives(
            0,
            "Applied 0 migrations: the database is up to date (0 applied)\n",
            r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
        applied schema.sql (<time>)
    ",
        );
}
