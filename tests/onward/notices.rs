//! What the server says while a file runs.

use crate::support::{Database, Project};

/// A file that raises every kind of message.
const LOUD: &str = "DO $$BEGIN
  RAISE DEBUG 'debug';
  RAISE LOG 'log';
  RAISE INFO 'info';
  RAISE NOTICE 'größe %', 1 USING DETAIL = 'more', HINT = 'less';
  RAISE WARNING 'careful';
END$$;
";

#[test]
fn notices_and_warnings_are_shown_with_their_file() {
    let project = Project::new()
        .migration("0001_loud.sql", LOUD)
        .migration("0002_x.sql", "DO $$BEGIN RAISE NOTICE 'two'; END$$;");
    project.run(&Database::new(), "").gives(
        0,
        "Applied 2 migrations: 0001_loud.sql, 0002_x.sql\n",
        r"
        0001_loud.sql: INFO: info
        0001_loud.sql: NOTICE: größe 1
        0001_loud.sql: WARNING: careful
        applied 0001_loud.sql (<time>)
        0002_x.sql: NOTICE: two
        applied 0002_x.sql (<time>)
    ",
    );
}

#[test]
fn notices_of_the_schema_file_are_shown_with_its_name() {
    let project = Project::new()
        .schema("DO $$BEGIN RAISE WARNING 'baseline'; END$$;")
        .migration("0001_x.sql", "SELECT 1;");
    project.run(&Database::new(), "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        schema.sql: WARNING: baseline
        applied schema.sql (<time>)
        applied 0001_x.sql (<time>)
    ",
    );
}

#[test]
fn notices_before_an_error_are_shown() {
    let project = Project::new().migration(
        "0001_x.sql",
        "DO $$BEGIN RAISE NOTICE 'so far'; END$$;\nSELECT emial;\n",
    );
    project.run(&Database::new(), "").gives(
        1,
        "",
        r#"
        0001_x.sql: NOTICE: so far
        migrations/0001_x.sql:2:8: ERROR: column "emial" does not exist (42703)
        2 | SELECT emial;
          |        ^
        rolled back: 0001_x.sql as a whole
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn notices_of_a_file_that_runs_step_by_step_are_shown() {
    let project = Project::new().migration(
        "0001_x.sql",
        "-- onward: no-transaction\nDO $$BEGIN RAISE NOTICE 'one'; COMMIT; RAISE NOTICE 'two'; END$$;\nDO $$BEGIN RAISE WARNING 'three'; END$$;\n",
    );
    project.run(&Database::new(), "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        0001_x.sql: NOTICE: one
        0001_x.sql: NOTICE: two
        0001_x.sql: WARNING: three
        applied 0001_x.sql (<time>)
    ",
    );
}

/// An idempotent file that runs for the second time.
const IDEMPOTENT: &str = "CREATE SCHEMA IF NOT EXISTS s;
CREATE TABLE IF NOT EXISTS s.t (x int);
CREATE INDEX IF NOT EXISTS t_x ON s.t (x);
ALTER TABLE s.t ADD COLUMN IF NOT EXISTS x int;
DROP TABLE IF EXISTS s.u;
DO $$BEGIN RAISE NOTICE 'mine'; END$$;
";

#[test]
fn what_is_skipped_is_summed_up_in_one_line() {
    let project = Project::new()
        .migration("0001_a.sql", IDEMPOTENT)
        .migration("0002_b.sql", IDEMPOTENT);
    project.run(&Database::new(), "").gives(
        0,
        "Applied 2 migrations: 0001_a.sql, 0002_b.sql\n",
        r"
        0001_a.sql: NOTICE: mine
        0001_a.sql: 2 statements skipped, as already done
        applied 0001_a.sql (<time>)
        0002_b.sql: NOTICE: mine
        0002_b.sql: 5 statements skipped, as already done
        applied 0002_b.sql (<time>)
    ",
    );
}

#[test]
fn one_skipped_statement_is_one_statement() {
    let project = Project::new().migration("0001_a.sql", "DROP TABLE IF EXISTS nowhere;");
    project.run(&Database::new(), "").gives(
        0,
        "Applied 1 migration: 0001_a.sql\n",
        r"
        0001_a.sql: 1 statement skipped, as already done
        applied 0001_a.sql (<time>)
    ",
    );
}

#[test]
fn a_verbose_run_shows_each_of_them() {
    let project = Project::new()
        .migration(
            "0001_a.sql",
            "CREATE SCHEMA s;\nCREATE TABLE s.t (x int);\nCREATE INDEX t_x ON s.t (x);\n",
        )
        .migration("0002_b.sql", IDEMPOTENT);
    project.run(&Database::new(), "-v").gives(
        0,
        "Applied 2 migrations: 0001_a.sql, 0002_b.sql\n",
        r#"
        applying 0001_a.sql
        applied 0001_a.sql (<time>)
        applying 0002_b.sql
        0002_b.sql: NOTICE: schema "s" already exists, skipping
        0002_b.sql: NOTICE: relation "t" already exists, skipping
        0002_b.sql: NOTICE: relation "t_x" already exists, skipping
        0002_b.sql: NOTICE: column "x" of relation "t" already exists, skipping
        0002_b.sql: NOTICE: table "u" does not exist, skipping
        0002_b.sql: NOTICE: mine
        applied 0002_b.sql (<time>)
    "#,
    );
}

#[test]
fn a_quiet_run_says_nothing() {
    let project = Project::new()
        .migration("0001_a.sql", IDEMPOTENT)
        .migration("0002_b.sql", LOUD);
    project.run(&Database::new(), "-q").gives(0, "", "");
}

#[test]
fn a_notice_cannot_steer_the_terminal_or_feign_a_line() {
    let project = Project::new().migration(
        "0001_x.sql",
        "DO $$BEGIN RAISE NOTICE E'red \\x1b[31m\\nerror: all is lost\\rgone'; END$$;",
    );
    project.run(&Database::new(), "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        0001_x.sql: NOTICE: red \x1b[31m\nerror: all is lost\rgone
        applied 0001_x.sql (<time>)
    ",
    );
}

#[test]
fn what_a_file_prints_otherwise_is_not_shown() {
    let project = Project::new().migration("0001_x.sql", "SELECT 'a result';\nVALUES (1), (2);\n");
    project.run(&Database::new(), "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
}

#[test]
fn a_level_that_a_file_asks_for_ends_with_it() {
    let project = Project::new()
        .migration(
            "0001_a.sql",
            "SET client_min_messages = error;\nDO $$BEGIN RAISE WARNING 'unheard'; END$$;",
        )
        .migration("0002_b.sql", "DO $$BEGIN RAISE NOTICE 'heard'; END$$;");
    project.run(&Database::new(), "").gives(
        0,
        "Applied 2 migrations: 0001_a.sql, 0002_b.sql\n",
        r"
        applied 0001_a.sql (<time>)
        0002_b.sql: NOTICE: heard
        applied 0002_b.sql (<time>)
    ",
    );
}
