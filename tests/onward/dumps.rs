//! What `pg_dump` writes, as a migration and as the schema file: the result is what psql makes of it.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Database, Project};

/// A schema with some of everything.
const RICH: &str = r#"
COMMENT ON SCHEMA public IS 'all that is ours';
CREATE SCHEMA app;
CREATE SCHEMA "Odd; Name";
CREATE TYPE app.mood AS ENUM ('sad', 'it''s; ok', 'größe');
CREATE TYPE app.pair AS (a int, b text);
CREATE TYPE app.span AS RANGE (subtype = date);
CREATE DOMAIN app.positive AS int DEFAULT 1 CHECK (VALUE > 0);
CREATE SEQUENCE app.numbers START 7 INCREMENT 3 CACHE 5;
SELECT nextval('app.numbers'), nextval('app.numbers');
CREATE TABLE app.users (
    id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY,
    mail text NOT NULL UNIQUE,
    feels app.mood DEFAULT 'sad',
    weight app.positive,
    number int DEFAULT nextval('app.numbers'),
    extra jsonb,
    twice int GENERATED ALWAYS AS (weight * 2) STORED,
    tags text[] DEFAULT '{}',
    "Odd; column" text DEFAULT E'a\\b\n''c'
);
COMMENT ON TABLE app.users IS E'two\nlines; and a semicolon';
COMMENT ON COLUMN app.users."Odd; column" IS 'it''s';
CREATE TABLE app.posts (
    id serial PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES app.users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    body text,
    during app.span,
    CHECK (length(body) < 10000)
);
CREATE INDEX posts_late ON app.posts (user_id DESC NULLS LAST) INCLUDE (id) WHERE body IS NOT NULL;
CREATE STATISTICS app.posts_stats ON id, user_id FROM app.posts;
CREATE TABLE app.events (at date NOT NULL, kind text) PARTITION BY RANGE (at);
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
CREATE INDEX ON app.events (at);
CREATE TABLE "Odd; Name"."select" ("from" int, PRIMARY KEY ("from"));
CREATE VIEW app.happy AS SELECT id, mail FROM app.users WHERE feels <> 'sad' WITH CHECK OPTION;
CREATE VIEW app.cyclic AS SELECT u.id, count(p.id) AS posts FROM app.users u LEFT JOIN app.posts p ON p.user_id = u.id GROUP BY u.id;
CREATE MATERIALIZED VIEW app.totals AS SELECT count(*) AS users FROM app.users;
CREATE UNIQUE INDEX ON app.totals (users);
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  -- a comment; with 'quotes' and $$dollars$$
  NEW.body := coalesce(NEW.body, '') || E'\n;';
  RETURN NEW;
END;
$fn$;
CREATE FUNCTION app.add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN a + b END; END;
CREATE PROCEDURE app.nothing() LANGUAGE sql AS 'SELECT 1; SELECT 2';
CREATE AGGREGATE app.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR app.@+@ (LEFTARG = int, RIGHTARG = int, FUNCTION = app.add);
CREATE TRIGGER touch BEFORE INSERT ON app.posts FOR EACH ROW WHEN (NEW.id > 1000) EXECUTE FUNCTION app.touch();
ALTER TABLE app.posts DISABLE TRIGGER touch;
CREATE RULE quiet AS ON DELETE TO "Odd; Name"."select" DO INSTEAD NOTHING;
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.users FOR UPDATE TO pg_monitor USING (id > 0) WITH CHECK (mail <> 'a;b');
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT SELECT, UPDATE (mail) ON app.users TO pg_monitor;
GRANT EXECUTE ON FUNCTION app.add TO pg_monitor WITH GRANT OPTION;
REVOKE ALL ON FUNCTION app.touch() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_monitor;
INSERT INTO app.users (mail, feels, weight, extra, tags) VALUES
    ('a@x', 'it''s; ok', 3, '{"a": "1;2"}', '{a,"b;c"}'), ('B@x', NULL, NULL, NULL, NULL), ('größe@x', 'größe', 1, '{}', '{}');
UPDATE app.users SET "Odd; column" = E'tab\there\\n\r\nand \\. there' WHERE id = 101;
INSERT INTO app.posts (user_id, body, during) VALUES (100, E'\\.', '[2026-01-01,2026-02-01)'), (102, E'-- migrated\n\\i x', NULL), (100, '', 'empty');
INSERT INTO app.events VALUES ('2025-05-05', 'a'), ('2026-06-06', E'b\tc');
REFRESH MATERIALIZED VIEW app.totals;
SELECT setval('app.posts_id_seq', 41);
"#;

/// What needs packages that not every server has.
const EXTENSIONS: &str = r#"
CREATE EXTENSION pg_trgm WITH SCHEMA public;
CREATE EXTENSION citext WITH SCHEMA app;
CREATE EXTENSION hstore;
CREATE INDEX ON app.posts USING gin (body public.gin_trgm_ops);
CREATE TABLE app.extended (mail app.citext PRIMARY KEY, extra hstore);
INSERT INTO app.extended VALUES ('A@x', 'a=>"1;2"'), ('b@x', NULL);
"#;

/// A database with some of everything.
fn rich() -> Database {
    let database = Database::with(RICH);
    let there = "SELECT count(*) FROM pg_available_extensions WHERE name IN ('pg_trgm', 'citext', 'hstore')";
    if database.value(there) == "3" {
        database.execute(EXTENSIONS);
    }
    database
}

/// What `pg_dump` of the server at hand writes of a database.
#[track_caller]
fn pg_dump(database: &Database, arguments: &[&str]) -> String {
    let bin = PathBuf::from(std::env::var("ONWARD_TEST_BIN").expect("no server: run make test"));
    let output = Command::new(bin.join("pg_dump"))
        .args(arguments)
        .env_clear()
        .env("PGHOST", &database.server.socket)
        .env("PGPORT", database.server.port.to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", &database.name)
        .output()
        .expect("pg_dump starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A dump, and what psql makes of it in a database of its own.
fn dumped(arguments: &[&str]) -> (String, String) {
    let source = rich();
    let dump = pg_dump(&source, arguments);
    let project = Project::empty().file("dump.sql", &dump);
    let restored = Database::new();
    restored.psql(&[project.path("dump.sql")]);
    let result = restored.dump();
    if arguments.is_empty() {
        assert_eq!(result, source.dump(), "psql restores all of it");
    }
    (dump, result)
}

#[track_caller]
fn check(arguments: &[&str]) {
    let (dump, expected) = dumped(arguments);

    let applied = Database::new();
    Project::new()
        .migration("0001_dump.sql", &dump)
        .run(&applied, "-q")
        .gives(0, "", "");
    assert_eq!(applied.dump(), expected, "as a migration");
    assert_eq!(applied.applied(), ["0001_dump.sql"]);

    let applied = Database::new();
    Project::new()
        .schema(&dump)
        .migration("0001_x.sql", "SELECT 1;")
        .run(&applied, "-q")
        .gives(0, "", "");
    assert_eq!(applied.dump(), expected, "as the schema file");
    assert_eq!(applied.applied(), ["schema.sql", "0001_x.sql"]);
}

#[test]
fn a_dump_with_its_data_is_restored() {
    check(&[]);
}

#[test]
fn a_dump_with_its_data_as_inserts_is_restored() {
    check(&["--inserts"]);
    check(&["--column-inserts", "--rows-per-insert=2", "--no-owner"]);
}

#[test]
fn a_dump_without_data_is_restored() {
    check(&["--schema-only"]);
    check(&[
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--quote-all-identifiers",
    ]);
}

#[test]
fn a_dump_that_drops_first_is_restored() {
    check(&["--clean", "--if-exists"]);
}

#[test]
fn a_dump_in_dollars_and_triggers_is_restored() {
    check(&[
        "--disable-dollar-quoting",
        "--disable-triggers",
        "--use-set-session-authorization",
    ]);
}

#[test]
fn data_alone_is_restored() {
    let source = rich();
    let schema = pg_dump(&source, &["--section=pre-data"]);
    let data = pg_dump(&source, &["--section=data"]);
    let rest = pg_dump(&source, &["--section=post-data"]);
    let applied = Database::new();
    let project = Project::new()
        .schema(schema)
        .migration("0001_data.sql", data)
        .migration("0002_rest.sql", rest);
    project.run(&applied, "-q").gives(0, "", "");
    assert_eq!(applied.dump(), source.dump());
    assert_eq!(
        applied.applied(),
        ["schema.sql", "0001_data.sql", "0002_rest.sql"]
    );
}

#[test]
fn a_migration_after_a_dump_finds_its_search_path() {
    let (dump, _) = dumped(&[]);
    let database = Database::new();
    let project = Project::new()
        .schema(dump)
        .migration("0001_x.sql", "CREATE TABLE mine (x int);");
    project.run(&database, "-q").gives(0, "", "");
    assert!(database.has("public.mine"));
}

#[test]
fn the_limits_that_a_dump_lifts_stay() {
    let dump = "SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE TABLE public.told AS SELECT current_setting('lock_timeout') AS lock_timeout, current_setting('search_path') AS path;
";
    let database = Database::new();
    let project = Project::new().migration("0001_dump.sql", dump);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_dump.sql\n",
        r"
        notice: migrations/0001_dump.sql:1: SET statement_timeout = 0 is left out; a migration runs within limits
        notice: migrations/0001_dump.sql:2: SET lock_timeout = 0 is left out; a migration runs within limits
        notice: migrations/0001_dump.sql:3: SET idle_in_transaction_session_timeout = 0 is left out; a migration runs within limits
        notice: migrations/0001_dump.sql:4: SET transaction_timeout = 0 is left out; a migration runs within limits
        applied 0001_dump.sql (<time>)
    ",
    );
    assert_eq!(database.query("SELECT * FROM told"), ["500ms|"]);
}

#[test]
fn a_dump_of_a_newer_pg_dump_is_restored() {
    let (dump, expected) = dumped(&[]);
    let newer = dump.replacen(
        "SET lock_timeout = 0;\n",
        "SET lock_timeout = 0;\nSET transaction_timeout = 0;\n",
        1,
    );
    let newer = format!("\\restrict abcDEF123\n\n{newer}\n\\unrestrict abcDEF123\n\n");
    let database = Database::new();
    Project::new()
        .migration("0001_dump.sql", newer)
        .run(&database, "-q")
        .gives(0, "", "");
    assert_eq!(database.dump(), expected);
}

#[test]
fn a_dump_that_creates_its_database_is_refused_at_the_line_that_connects() {
    let dump = pg_dump(&Database::new(), &["--create"]);
    let line = 1 + dump
        .lines()
        .position(|line| line.starts_with("\\connect "))
        .unwrap();
    Project::new()
        .migration("0001_dump.sql", dump)
        .run(&Database::new(), "-q")
        .gives(
            2,
            "",
            &format!(
                "migrations/0001_dump.sql:{line}: \\connect connects elsewhere, as only psql can\n  \
                 a migration runs in one database; use --url for another one\n  mend the files; nothing was run\n"
            ),
        );
}

#[test]
fn an_error_in_the_data_of_a_dump_names_its_line() {
    let (dump, _) = dumped(&[]);
    let broken = dump.replacen("\n2025-05-05\t", "\n2025-55-05\t", 1);
    let line = 1 + broken
        .lines()
        .position(|line| line.starts_with("2025-55-05\t"))
        .unwrap();
    let outcome = Project::new()
        .migration("0001_dump.sql", broken)
        .run(&Database::new(), "-q")
        .outcome();
    outcome.gives(
        1,
        "",
        &format!(
            "migrations/0001_dump.sql:{line}:1: ERROR: date/time field value out of range: \"2025-55-05\" (22008)\n\
             {line} | 2025-55-05\ta\n{:width$} | ^\nHINT: Perhaps you need a different \"datestyle\" setting.\n\
             CONTEXT: COPY events_2025, line 1, column at: \"2025-55-05\"\n\
             rolled back: 0001_dump.sql as a whole\napplied before: none\nstill pending: 0001_dump.sql\n  mend the file, then run onward again\n",
            "",
            width = line.to_string().len()
        ),
    );
}

#[test]
fn a_dump_of_a_database_with_a_history_begins_a_history_of_its_own() {
    let source = Database::new();
    let first = Project::new()
        .migration("0001_a.sql", "CREATE TABLE a (x int);")
        .migration("0002_b.sql", "CREATE TABLE b (x int);");
    first.run(&source, "-q").gives(0, "", "");
    for arguments in [&[][..], &["--inserts"]] {
        let dump = pg_dump(&source, arguments);
        let database = Database::new();
        let project = Project::new()
            .schema(format!("-- onward: baseline through 0002\n{dump}"))
            .migration("0001_a.sql", "CREATE TABLE a (x int);")
            .migration("0002_b.sql", "CREATE TABLE b (x int);")
            .migration("0003_c.sql", "CREATE TABLE c (x int);");
        project.run(&database, "-q").gives(0, "", "");
        assert_eq!(
            database.history(),
            [
                "schema.sql|baseline|applied",
                "0001_a.sql|baseline|applied",
                "0002_b.sql|baseline|applied",
                "0003_c.sql|migration|applied"
            ]
        );
        assert!(database.has("a") && database.has("b") && database.has("c"));
    }
}
