//! Statements for the history table, which onward keeps itself: left out of migrations and of dumps.

use crate::support::{Database, Project};

#[test]
fn a_file_that_creates_the_table_by_hand_is_left_out() {
    let text = "-- the bootstrap
CREATE TABLE IF NOT EXISTS schema_migrations (
    version text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS schema_migrations_by_time ON public.schema_migrations (applied_at);
ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS note text;
COMMENT ON TABLE schema_migrations IS 'ours';
COMMENT ON COLUMN public.schema_migrations.version IS 'digits';
GRANT SELECT ON schema_migrations TO PUBLIC;
REVOKE ALL ON TABLE public.schema_migrations FROM PUBLIC;
CREATE TABLE t (x int);
";
    let database = Database::new();
    let project = Project::new().migration("0000_bootstrap.sql", text);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0000_bootstrap.sql\n",
        r"
        notice: migrations/0000_bootstrap.sql:2: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0000_bootstrap.sql:6: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0000_bootstrap.sql:7: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0000_bootstrap.sql:8: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0000_bootstrap.sql:9: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0000_bootstrap.sql:10: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0000_bootstrap.sql:11: a statement for public.schema_migrations is left out; onward keeps its history itself
        applied 0000_bootstrap.sql (<time>)
    ",
    );
    assert!(database.has("t") && !database.has("schema_migrations_by_time"));
    assert_eq!(database.applied(), ["0000_bootstrap.sql"]);
    assert_eq!(
        database
            .value("SELECT relacl IS NULL FROM pg_class WHERE oid = 'schema_migrations'::regclass"),
        "t"
    );
}

#[test]
fn a_file_that_records_itself_is_recorded_once() {
    let project = Project::new()
        .migration(
            "0001_a.sql",
            "BEGIN;\nCREATE TABLE a (x int);\nINSERT INTO schema_migrations (version) VALUES ('0001') ON CONFLICT DO NOTHING;\nCOMMIT;\n",
        )
        .migration(
            "0002_b.sql",
            "CREATE TABLE b (x int);\ninsert into \"public\".SCHEMA_MIGRATIONS(version) values ('0002');\nUPDATE schema_migrations SET version = '2';\nDELETE FROM ONLY public.schema_migrations WHERE true;\nTRUNCATE schema_migrations;\n",
        );
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 0001_a.sql, 0002_b.sql\n",
        r"
        notice: migrations/0001_a.sql:3: a statement for public.schema_migrations is left out; onward keeps its history itself
        applied 0001_a.sql (<time>)
        notice: migrations/0002_b.sql:2: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0002_b.sql:3: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0002_b.sql:4: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0002_b.sql:5: a statement for public.schema_migrations is left out; onward keeps its history itself
        applied 0002_b.sql (<time>)
    ",
    );
    assert!(database.has("a") && database.has("b"));
    assert_eq!(
        database.query("SELECT filename, version FROM schema_migrations ORDER BY id"),
        ["0001_a.sql|0001", "0002_b.sql|0002"]
    );
}

#[test]
fn a_sequence_of_the_table_is_left_out() {
    let text = "CREATE TABLE public.schema_migrations (id integer NOT NULL, name text);
CREATE SEQUENCE public.schema_migrations_id_seq AS integer START WITH 1;
ALTER SEQUENCE public.schema_migrations_id_seq OWNED BY public.schema_migrations.id;
ALTER TABLE ONLY public.schema_migrations ALTER COLUMN id SET DEFAULT nextval('public.schema_migrations_id_seq'::regclass);
SELECT pg_catalog.setval('public.schema_migrations_id_seq', 7, true);
ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (id);
DROP INDEX schema_migrations_name_key;
";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        notice: migrations/0001_x.sql:1: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0001_x.sql:2: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0001_x.sql:3: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0001_x.sql:4: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0001_x.sql:5: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0001_x.sql:6: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: migrations/0001_x.sql:7: a statement for public.schema_migrations is left out; onward keeps its history itself
        applied 0001_x.sql (<time>)
    ",
    );
    assert_eq!(database.applied(), ["0001_x.sql"]);
}

#[test]
fn copied_data_for_the_table_is_left_out() {
    let text = "CREATE TABLE t (x int);
COPY public.schema_migrations (version, dirty) FROM stdin;
1\tf
2\tf
\\.
COPY t FROM stdin;
7
\\.
SELECT 'é', emial;
";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&database, "").gives(
        1,
        "",
        r#"
        notice: migrations/0001_x.sql:2: a statement for public.schema_migrations is left out; onward keeps its history itself
        migrations/0001_x.sql:9:13: ERROR: column "emial" does not exist (42703)
        9 | SELECT 'é', emial;
          |             ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
    let project = project.migration("0001_x.sql", text.replace(", emial", ""));
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.query("SELECT x FROM t"), ["7"]);
    assert_eq!(database.applied(), ["0001_x.sql"]);
}

#[test]
fn a_table_of_that_name_in_another_schema_is_the_users() {
    let text = "CREATE SCHEMA app;
CREATE TABLE app.schema_migrations (version text PRIMARY KEY);
INSERT INTO app.schema_migrations VALUES ('1');
COPY app.schema_migrations FROM stdin;
2
\\.
GRANT SELECT ON app.schema_migrations TO PUBLIC;
";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    assert_eq!(
        database.query("SELECT version FROM app.schema_migrations ORDER BY 1"),
        ["1", "2"]
    );
}

#[test]
fn a_table_of_another_name_is_the_users() {
    let text = "CREATE TABLE schema_migrations_old (version text);
INSERT INTO schema_migrations_old VALUES ('1');
CREATE TABLE \"Schema_Migrations\" (version text);
INSERT INTO \"Schema_Migrations\" VALUES ('2');
CREATE TABLE my_schema_migrations (version text);
CREATE INDEX schema_migrations_version ON my_schema_migrations (version);
";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    assert_eq!(
        database.query("SELECT version FROM schema_migrations_old UNION SELECT version FROM \"Schema_Migrations\" ORDER BY 1"),
        ["1", "2"]
    );
}

#[test]
fn the_usual_name_is_the_users_if_the_history_has_another_one() {
    let text = "CREATE TABLE schema_migrations (version text);\nINSERT INTO schema_migrations VALUES ('1');\nINSERT INTO changes (version) VALUES ('1');\n";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    project.run(&database, "--table changes").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        notice: migrations/0001_x.sql:3: a statement for public.changes is left out; onward keeps its history itself
        applied 0001_x.sql (<time>)
    ",
    );
    assert_eq!(
        database.query("SELECT version FROM schema_migrations"),
        ["1"]
    );
    assert_eq!(
        database.query("SELECT filename FROM changes"),
        ["0001_x.sql"]
    );
}

#[test]
fn what_only_reads_the_table_runs() {
    let text =
        "CREATE TABLE t AS SELECT count(*) AS files FROM schema_migrations WHERE version = '0000';
CREATE VIEW applied_files AS SELECT filename FROM schema_migrations;
INSERT INTO t SELECT 41 FROM public.schema_migrations WHERE version = '0000';
";
    let project = Project::new()
        .migration("0000_a.sql", "SELECT 1;")
        .migration("0001_x.sql", text);
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 0000_a.sql, 0001_x.sql\n",
        "applied 0000_a.sql (<time>)\napplied 0001_x.sql (<time>)\n",
    );
    assert_eq!(database.query("SELECT files FROM t"), ["1", "41"]);
}

/// What dbmate writes beside its migrations.
const DBMATE: &str = "\\restrict dbmate

SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET default_tablespace = '';

--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);

CREATE TABLE public.users (
    id integer NOT NULL
);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

--
-- PostgreSQL database dump complete
--

\\unrestrict dbmate

--
-- Dbmate schema migrations
--

INSERT INTO public.schema_migrations (version) VALUES
    ('20260101000000'),
    ('20260103000000');
";

#[test]
fn a_dump_of_dbmate_tells_which_migrations_it_contains() {
    let project = Project::new()
        .schema(DBMATE)
        .migration(
            "20260101000000_users.sql",
            "-- migrate:up\nCREATE TABLE users (id int);\n-- migrate:down\nDROP TABLE users;\n",
        )
        .migration(
            "20260102000000_name.sql",
            "-- migrate:up\nALTER TABLE users ADD name text;\n-- migrate:down\n",
        )
        .migration(
            "20260103000000_gone.sql",
            "-- migrate:up\nSELECT nonsense;\n-- migrate:down\n",
        )
        .migration(
            "20260104000000_mail.sql",
            "-- migrate:up\nALTER TABLE users ADD mail text;\n-- migrate:down\n",
        );
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 20260102000000_name.sql, 20260104000000_mail.sql\n",
        r"
        notice: schema.sql:1: \restrict is a command of psql; skipped
        notice: schema.sql:3: SET statement_timeout = 0 is left out; a migration runs within limits
        notice: schema.sql:4: SET lock_timeout = 0 is left out; a migration runs within limits
        notice: schema.sql:14: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: schema.sql:22: a statement for public.schema_migrations is left out; onward keeps its history itself
        notice: schema.sql:29: \unrestrict is a command of psql; skipped
        notice: schema.sql:35: a statement for public.schema_migrations is left out; onward keeps its history itself
        applied schema.sql (<time>)
        applied 20260102000000_name.sql (<time>)
        applied 20260104000000_mail.sql (<time>)
    ",
    );
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "20260101000000_users.sql|baseline|applied",
            "20260103000000_gone.sql|baseline|applied",
            "20260102000000_name.sql|migration|applied",
            "20260104000000_mail.sql|migration|applied",
        ]
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (4 applied)\n",
        "",
    );
}

#[test]
fn a_dump_of_rails_tells_which_migrations_it_contains() {
    let schema = "SET search_path = public;
CREATE TABLE public.ar_internal_metadata (key character varying NOT NULL, value character varying);
CREATE TABLE public.schema_migrations (version character varying NOT NULL);
CREATE TABLE public.users (id bigint NOT NULL);
ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

SET search_path TO \"$user\", public;

INSERT INTO \"schema_migrations\" (version) VALUES
('20260102000000'),
('20260101000000');

";
    let project = Project::new()
        .schema(schema)
        .migration(
            "20260101000000_users.sql",
            "CREATE TABLE users (id bigint);",
        )
        .migration("20260102000000_b.sql", "SELECT nonsense;")
        .migration("20260103000000_c.sql", "ALTER TABLE users ADD name text;");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "20260101000000_users.sql|baseline|applied",
            "20260102000000_b.sql|baseline|applied",
            "20260103000000_c.sql|migration|applied",
        ]
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
}

#[test]
fn versions_that_a_dump_holds_as_copied_data_count_too() {
    let project = Project::new()
        .schema("CREATE TABLE public.schema_migrations (version text, dirty boolean);\nCREATE TABLE users (id int);\nCOPY public.schema_migrations (version, dirty) FROM stdin;\n0001\tf\n\\.\n")
        .migration("0001_users.sql", "CREATE TABLE users (id int);")
        .migration("0002_name.sql", "ALTER TABLE users ADD name text;");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "0001_users.sql|baseline|applied",
            "0002_name.sql|migration|applied",
        ]
    );
}

#[test]
fn a_dry_run_tells_what_a_dump_contains() {
    let project = Project::new()
        .schema(DBMATE)
        .migration("20260101000000_users.sql", "SELECT 1;")
        .migration("20260104000000_mail.sql", "SELECT 1;");
    let database = Database::new();
    project.run(&database, "--dry-run").gives(
        0,
        r"
        would apply schema.sql as the baseline; it contains: 20260101000000_users.sql
        would apply 20260104000000_mail.sql
        Would apply 1 migration
    ",
        "",
    );
    assert!(!database.has("schema_migrations"));
}

#[test]
fn a_line_that_says_how_far_a_dump_goes_beats_its_rows() {
    let project = Project::new()
        .schema(format!(
            "-- onward: baseline through 20260101000000\n{DBMATE}"
        ))
        .migration("20260101000000_users.sql", "SELECT nonsense;")
        .migration(
            "20260103000000_mail.sql",
            "ALTER TABLE users ADD mail text;",
        );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "20260101000000_users.sql|baseline|applied",
            "20260103000000_mail.sql|migration|applied",
        ]
    );
}

/// A second file that does this to the history in a DO block, where it cannot be left out.
#[track_caller]
fn check_touched(statement: &str) {
    let project = Project::new()
        .migration("0001_a.sql", "SELECT 1;")
        .migration(
            "0002_b.sql",
            format!(
                "CREATE TABLE b (x int);\nDO $$BEGIN {statement}; END$$;\nCREATE TABLE c (x int);\n"
            ),
        );
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r"
        applied 0001_a.sql (<time>)
        migrations/0002_b.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: 0002_b.sql as a whole
        applied before: 0001_a.sql
        still pending: 0002_b.sql
          mend the file, then run onward again
    ",
    );
    assert!(!database.has("b") && !database.has("c"));
    assert_eq!(
        database.history(),
        [
            "0001_a.sql|migration|applied",
            "0002_b.sql|migration|failed"
        ]
    );
}

#[test]
fn a_do_block_that_deletes_rows_of_the_history_fails_the_file() {
    check_touched("DELETE FROM schema_migrations WHERE filename = '0001_a.sql'");
    check_touched("DELETE FROM schema_migrations WHERE filename = '0002_b.sql'");
    check_touched("DELETE FROM schema_migrations");
}

#[test]
fn a_do_block_that_truncates_the_history_fails_the_file() {
    check_touched("TRUNCATE schema_migrations");
}

#[test]
fn a_do_block_that_changes_rows_of_the_history_fails_the_file() {
    check_touched("UPDATE schema_migrations SET checksum = NULL WHERE filename = '0001_a.sql'");
    check_touched("UPDATE schema_migrations SET status = 'failed' WHERE filename = '0002_b.sql'");
    check_touched("UPDATE schema_migrations SET filename = filename || '.old'");
}
