//! `onward up`: what it applies, shows and says.

use crate::support::{Database, Project};

/// Three files, each of which makes a table.
pub(crate) fn three() -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
        .migration("003_c.sql", "CREATE TABLE c (x int);")
}

#[test]
fn up_twice_equals_once() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "up").gives(
        0,
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        r"
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
    let once = database.full_dump();
    project.run(&database, "up").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
    assert_eq!(database.full_dump(), once);
}

#[test]
fn after_up_the_plan_is_empty() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "up -q").gives(0, "", "");
    project
        .run(&database, "up --dry-run")
        .gives(0, "Would apply 0 migrations\n", "");
    project.run(&database, "status --check").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        applied  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres

        3 migrations: 3 applied, 0 pending
    ",
        "",
    );
}

#[test]
fn a_dry_run_shows_what_up_then_applies() {
    let project = Project::example();
    let database = Database::new();
    let shown = project.run(&database, "--dry-run").outcome();
    shown.gives(0, r"
        would apply schema.sql as the baseline; it contains: 0001_users.sql, 0002_sessions.sql, 0003_documents.sql, 0004_jobs.sql
        would apply 0005_languages.sql
        would apply 0006_document_slugs.sql
        would apply 0007_job_failures.sql
        would apply 0008_claim_job.sql
        would apply 0009_document_search.sql
        would apply 0010_slugs_required.sql
        Would apply 6 migrations
    ", "");
    project.run(&database, "-q").gives(0, "", "");
    let would = |line: &str| {
        line.strip_prefix("would apply ")
            .filter(|rest| !rest.contains(' '))
            .map(str::to_owned)
    };
    let shown: Vec<String> = shown.stdout.lines().filter_map(would).collect();
    let ran = database
        .query("SELECT filename FROM schema_migrations WHERE kind = 'migration' ORDER BY id");
    assert_eq!(shown, ran);
}

#[test]
fn up_to_a_version_stops_there() {
    let (project, database) = (three(), Database::new());
    project.run(&database, "up --to 002").gives(
        0,
        "Applied 2 migrations: 001_a.sql, 002_b.sql\n",
        r"
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
    ",
    );
    assert_eq!(database.applied(), ["001_a.sql", "002_b.sql"]);
    project.run(&database, "up --to 002").gives(
        0,
        "Applied 0 migrations: nothing is pending up to version 002 (2 applied)\n",
        "",
    );
    project.run(&database, "up --to 001").gives(
        0,
        "Applied 0 migrations: nothing is pending up to version 001 (2 applied)\n",
        "",
    );
    project.run(&database, "up --to 2").gives(
        2,
        "",
        r#"
        error: --to "2": no migration in migrations has this version
          write the digits as the file name has them, zeros included
    "#,
    );
    project.run(&database, "up --dry-run --to 003").gives(
        0,
        r"
        would apply 003_c.sql
        Would apply 1 migration
    ",
        "",
    );
    project.run(&database, "up").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        "applied 003_c.sql (<time>)\n",
    );
}

#[test]
fn a_goal_below_the_baseline_is_refused() {
    let project = three().schema("-- onward: baseline through 002\nCREATE TABLE a (x int);\n");
    let database = Database::new();
    project.run(&database, "up --to 001").gives(
        3,
        "",
        r"
        refused: the schema file goes through version 002, which is beyond 001
          leave --to out, or name a later version
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert!(!database.has("schema_migrations"));
}

#[test]
fn a_quiet_run_prints_nothing_on_success() {
    let project = three()
        .schema("CREATE TABLE IF NOT EXISTS s (x int);\nDO $$BEGIN RAISE WARNING 'loud'; END$$;\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.run(&database, "--quiet").gives(0, "", "");
    let database = Database::new();
    project
        .run(&database, "")
        .env("ONWARD_QUIET", "1")
        .gives(0, "", "");
}

#[test]
fn a_quiet_run_still_says_why_it_failed() {
    let project = three().migration("004_d.sql", "SELECT nonsense;");
    project.run(&Database::new(), "-q").gives(
        1,
        "",
        r#"
        migrations/004_d.sql:1:8: ERROR: column "nonsense" does not exist (42703)
        1 | SELECT nonsense;
          |        ^
        rolled back: 004_d.sql as a whole
        applied before: 001_a.sql, 002_b.sql, 003_c.sql
        still pending: 004_d.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn a_verbose_run_says_more() {
    let project = three()
        .schema("CREATE TABLE IF NOT EXISTS s (x int);\nCREATE TABLE IF NOT EXISTS s (x int);\n");
    project.run(&Database::new(), "-v").gives(
        0,
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        r#"
        applying schema.sql
        schema.sql: NOTICE: relation "s" already exists, skipping
        applied schema.sql (<time>)
        applying 001_a.sql
        applied 001_a.sql (<time>)
        applying 002_b.sql
        applied 002_b.sql (<time>)
        applying 003_c.sql
        applied 003_c.sql (<time>)
    "#,
    );
}

#[test]
fn what_the_server_says_is_shown_with_its_file() {
    let project = Project::new()
        .migration(
            "1_talk.sql",
            "DO $$BEGIN RAISE NOTICE 'hello'; RAISE WARNING E'two\\nlines'; END$$;",
        )
        .migration(
            "2_skip.sql",
            "DROP TABLE IF EXISTS a;\nDROP TABLE IF EXISTS b;\n",
        );
    project.run(&Database::new(), "").gives(
        0,
        "Applied 2 migrations: 1_talk.sql, 2_skip.sql\n",
        r"
        1_talk.sql: NOTICE: hello
        1_talk.sql: WARNING: two\nlines
        applied 1_talk.sql (<time>)
        2_skip.sql: 2 statements skipped, as already done
        applied 2_skip.sql (<time>)
    ",
    );
}

#[test]
fn a_failed_file_stops_the_run() {
    let project = three().migration(
        "002_b.sql",
        "CREATE TABLE b (x int);\nINSERT INTO b VALUES ('one');\n",
    );
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r#"
        applied 001_a.sql (<time>)
        migrations/002_b.sql:2:23: ERROR: invalid input syntax for type integer: "one" (22P02)
        2 | INSERT INTO b VALUES ('one');
          |                       ^
        rolled back: 002_b.sql as a whole
        applied before: 001_a.sql
        still pending: 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    assert_eq!(
        database.history(),
        ["001_a.sql|migration|applied", "002_b.sql|migration|failed"]
    );
    assert!(database.has("a") && !database.has("b") && !database.has("c"));

    // The next attempt replaces the row.
    project.run(&database, "").gives(
        1,
        "",
        r#"
        migrations/002_b.sql:2:23: ERROR: invalid input syntax for type integer: "one" (22P02)
        2 | INSERT INTO b VALUES ('one');
          |                       ^
        rolled back: 002_b.sql as a whole
        applied before: none
        still pending: 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    assert_eq!(
        database.history(),
        ["001_a.sql|migration|applied", "002_b.sql|migration|failed"]
    );

    project.write("migrations/002_b.sql", "CREATE TABLE b (x int);\n");
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 002_b.sql, 003_c.sql\n",
        r"
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
    assert_eq!(
        database.history(),
        [
            "001_a.sql|migration|applied",
            "002_b.sql|migration|applied",
            "003_c.sql|migration|applied"
        ]
    );
}

#[test]
fn a_thousand_statements_and_a_megabyte_are_one_transaction() {
    let rows: Vec<String> = (0..3_500)
        .map(|number| format!("INSERT INTO t VALUES ({number}, 'öäü');"))
        .collect();
    let text = format!(
        "CREATE TABLE t (x int, y text);\n{}\nINSERT INTO t VALUES (-1, '{}');\n",
        rows.join("\n"),
        "x".repeat(2_000_000)
    );
    let project = Project::new().migration(
        "1_many.sql",
        format!("{text}INSERT INTO t VALUES (0, nonsense);\n"),
    );
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r#"
        migrations/1_many.sql:3503:26: ERROR: column "nonsense" does not exist (42703)
        3503 | INSERT INTO t VALUES (0, nonsense);
             |                          ^
        rolled back: 1_many.sql as a whole
        applied before: none
        still pending: 1_many.sql
          mend the file, then run onward again
    "#,
    );
    assert!(!database.has("t"));
    project.write("migrations/1_many.sql", text);
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 1_many.sql\n",
        "applied 1_many.sql (<time>)\n",
    );
    assert_eq!(
        database.value("SELECT count(*), min(x), max(length(y)) FROM t"),
        "3501|-1|2000000"
    );
}

#[test]
fn every_file_runs_in_a_transaction_of_its_own() {
    let project = Project::new()
        .migration("1_enum.sql", "CREATE TYPE mood AS ENUM ('calm');")
        .migration("2_value.sql", "ALTER TYPE mood ADD VALUE 'merry';\nCREATE TABLE xids AS SELECT txid_current() AS xid;")
        .migration("3_use.sql", "SELECT 'merry'::mood;\nINSERT INTO xids SELECT txid_current();");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 3 migrations: 1_enum.sql, 2_value.sql, 3_use.sql\n",
        r"
        applied 1_enum.sql (<time>)
        applied 2_value.sql (<time>)
        applied 3_use.sql (<time>)
    ",
    );
    assert_eq!(database.value("SELECT count(DISTINCT xid) FROM xids"), "2");
}
