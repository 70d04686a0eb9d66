//! Files that run step by step: what is done stays done, and the next run goes on behind it.

use crate::support::{Database, Project, dedent, wait_until};

/// A file that runs alone, in so many steps.
#[track_caller]
fn check(text: &str, steps: &str) -> Database {
    let database = Database::new();
    Project::new()
        .migration("0001_x.sql", text)
        .run(&database, "")
        .gives(
            0,
            "Applied 1 migration: 0001_x.sql\n",
            "applied 0001_x.sql (<time>)\n",
        );
    assert_eq!(
        database.value("SELECT filename, status, statements_done FROM schema_migrations"),
        format!("0001_x.sql|applied|{steps}")
    );
    database
}

/// What is said in the end of a file that fails at its step `step` of `steps`, alone.
fn end(step: usize, steps: usize) -> String {
    format!(
        "rolled back: step {step} of {steps} of 0001_x.sql; the steps before it are done and will not be repeated\n\
         applied before: none\nstill pending: 0001_x.sql\n  mend the file, then run onward again\n"
    )
}

/// The state of the only file, and how many steps of it are done.
#[track_caller]
fn state(database: &Database) -> String {
    database
        .value("SELECT status, statements_done FROM schema_migrations WHERE status <> 'replaced'")
}

/// Whether an index is there and valid.
#[track_caller]
fn index(database: &Database, name: &str) -> Vec<String> {
    database.query(&format!(
        "SELECT CASE WHEN indisvalid THEN 'valid' ELSE 'invalid' END FROM pg_index WHERE indexrelid = to_regclass('{name}')"
    ))
}

#[test]
fn an_index_is_built_concurrently() {
    let database = check(
        "CREATE TABLE t (x int);\nCREATE INDEX CONCURRENTLY t_x ON t (x);\ncreate unique index concurrently if not exists t_y on only t using btree (x);\nDROP INDEX CONCURRENTLY t_x;\nREINDEX TABLE CONCURRENTLY t;\n",
        "5",
    );
    assert!(index(&database, "t_x").is_empty());
    assert_eq!(index(&database, "t_y"), ["valid"]);
}

#[test]
fn vacuum_runs() {
    check(
        "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\nDELETE FROM t;\nVACUUM (ANALYZE) t;\n",
        "4",
    );
}

#[test]
fn a_single_statement_is_a_file_too() {
    check("VACUUM pg_catalog.pg_namespace", "1");
}

#[test]
fn groups_are_steps() {
    let database = check(
        "CREATE TABLE t (x int);\nBEGIN;\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nCOMMIT;\nBEGIN ISOLATION LEVEL SERIALIZABLE;\n\
         CREATE TABLE told AS SELECT current_setting('transaction_isolation') AS isolation;\nEND;\n",
        "3",
    );
    assert_eq!(
        database.value("SELECT count(DISTINCT xmin::text) FROM t"),
        "1"
    );
    assert_eq!(database.value("SELECT isolation FROM told"), "serializable");
}

#[test]
fn the_directive_makes_steps() {
    let database = check(
        "-- onward: no-transaction\nCREATE TABLE t (x int);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n",
        "3",
    );
    assert_eq!(
        database.value("SELECT count(DISTINCT xmin::text) FROM t"),
        "2"
    );
}

#[test]
fn a_do_block_may_commit() {
    let database = check(
        "-- onward: no-transaction
CREATE TABLE t (x int);
DO $$BEGIN
  FOR i IN 1..3 LOOP
    INSERT INTO t VALUES (i);
    COMMIT;
  END LOOP;
END$$;
CREATE PROCEDURE p() LANGUAGE plpgsql AS $$BEGIN INSERT INTO t VALUES (4); COMMIT; INSERT INTO t VALUES (5); END$$;
CALL p();
",
        "4",
    );
    assert_eq!(
        database.query("SELECT x FROM t ORDER BY x"),
        ["1", "2", "3", "4", "5"]
    );
    assert_eq!(
        database.value("SELECT count(DISTINCT xmin::text) FROM t"),
        "5"
    );
}

/// Three steps of which the middle one fails.
const FAILING: &str = "CREATE TABLE t (x int);\nSELECT 'é', emial FROM t;\nVACUUM t;\n";

/// A project whose only file has failed in its second step.
fn failed() -> (Project, Database) {
    let project = Project::new().migration("0001_x.sql", FAILING);
    let database = Database::new();
    let stderr = dedent(
        r#"
        migrations/0001_x.sql:2:13: ERROR: column "emial" does not exist (42703)
        2 | SELECT 'é', emial FROM t;
          |             ^
    "#,
    ) + &end(2, 3);
    project.run(&database, "").gives(1, "", &stderr);
    (project, database)
}

#[test]
fn a_step_that_fails_leaves_the_steps_before_it() {
    let (_, database) = failed();
    assert!(database.has("t"));
    assert_eq!(
        database.value(
            "SELECT status, statements_done, error_message, applied_at FROM schema_migrations"
        ),
        "failed|1|column \"emial\" does not exist (42703)|NULL"
    );
}

#[test]
fn the_next_run_goes_on_at_the_step_that_failed() {
    let (project, database) = failed();
    project.write("migrations/0001_x.sql", FAILING.replace("emial", "x"));
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    assert_eq!(
        database.value("SELECT status, statements_done, error_message FROM schema_migrations"),
        "applied|3|NULL"
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (1 applied)\n",
        "",
    );
}

#[test]
fn the_step_that_failed_can_be_removed_or_split() {
    let (project, database) = failed();
    project.write(
        "migrations/0001_x.sql",
        "CREATE TABLE t (x int); -- done\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nVACUUM t;\n",
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(state(&database), "applied|4");
    let (project, database) = failed();
    project.write(
        "migrations/0001_x.sql",
        "-- onward: no-transaction\nCREATE TABLE t (x int);\n",
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(state(&database), "applied|1");
}

#[test]
fn a_step_that_fails_again_is_told_again() {
    let (project, database) = failed();
    let stderr = dedent(
        r#"
        migrations/0001_x.sql:2:13: ERROR: column "emial" does not exist (42703)
        2 | SELECT 'é', emial FROM t;
          |             ^
    "#,
    ) + &end(2, 3);
    project.run(&database, "").gives(1, "", &stderr);
    assert_eq!(state(&database), "failed|1");
}

#[test]
fn a_first_step_that_fails_leaves_nothing() {
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", "SELECT 1 / 0;\nVACUUM;\n");
    project.run(&database, "").gives(
        1,
        "",
        r"
        migrations/0001_x.sql:1:1: ERROR: division by zero (22012)
        1 | SELECT 1 / 0;
          | ^
        rolled back: the first step of 0001_x.sql
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    assert_eq!(state(&database), "failed|0");
}

#[test]
fn a_group_that_fails_is_rolled_back_as_a_whole() {
    let text = "CREATE TABLE t (x int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES (2);\nINSERT INTO t VALUES (1);\nCOMMIT;\n";
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", text);
    let stderr = dedent(
        r#"
        migrations/0001_x.sql: ERROR: duplicate key value violates unique constraint "t_x_key" (23505)
        DETAIL: Key (x)=(1) already exists.
        HINT: the constraint is deferred, so it was checked after the last statement
    "#,
    ) + &end(3, 3);
    project.run(&database, "").gives(1, "", &stderr);
    assert_eq!(database.query("SELECT x FROM t"), ["1"]);
    project.write(
        "migrations/0001_x.sql",
        text.replace(
            "VALUES (2);\nINSERT INTO t VALUES (1)",
            "VALUES (2);\nINSERT INTO t VALUES (3)",
        ),
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.query("SELECT x FROM t"), ["1", "2", "3"]);
}

#[test]
fn a_statement_that_travels_alone_is_placed_right() {
    let database = Database::new();
    let project = Project::new().migration(
        "0001_x.sql",
        "CREATE TABLE t (x int);\n-- größe\n/* 表 */ VACUUM (VERBOSE off)\n  nowhere;\n",
    );
    let stderr = dedent(
        r#"
        migrations/0001_x.sql:3:9: ERROR: relation "nowhere" does not exist (42P01)
        3 | /* 表 */ VACUUM (VERBOSE off)
    "#,
    ) + "  |    \u{3000}    ^\n"
        + &end(2, 2);
    project.run(&database, "").gives(1, "", &stderr);
    let project = project.migration("0001_x.sql", "CREATE TABLE t (x int);\nVACUUM t,;\n");
    let stderr = dedent(
        r"
        migrations/0001_x.sql:2:10: ERROR: syntax error at end of input (42601)
        2 | VACUUM t,;
          |          ^
    ",
    ) + &end(2, 2);
    project.run(&database, "").gives(1, "", &stderr);
}

#[test]
fn an_error_in_a_do_block_that_travels_alone_names_its_line() {
    let project = Project::new().migration(
        "0001_x.sql",
        "-- onward: no-transaction\nCREATE TABLE t (x int);\nDO $$\nBEGIN\n  INSERT INTO t VALUES (1);\n  COMMIT;\n  PERFORM 1 / 0;\nEND$$;\n",
    );
    let database = Database::new();
    let stderr = dedent(
        r#"
        migrations/0001_x.sql:7:3: ERROR: division by zero (22012)
        7 |   PERFORM 1 / 0;
          |   ^
        CONTEXT: SQL statement "SELECT 1 / 0"
        PL/pgSQL function inline_code_block line 5 at PERFORM
    "#,
    ) + &end(2, 2);
    project.run(&database, "").gives(1, "", &stderr);
    assert_eq!(database.query("SELECT x FROM t"), ["1"]);
}

#[test]
fn steps_that_are_done_must_not_change() {
    let (project, database) = failed();
    project.write(
        "migrations/0001_x.sql",
        FAILING
            .replace("TABLE t", "TABLE IF NOT EXISTS t")
            .replace("emial", "x"),
    );
    let before = database.full_dump();
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 0001_x.sql was done in part (1 step), and that part is another now
          restore its beginning; or have the whole file run again: onward repair 0001_x.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert_eq!(database.full_dump(), before);
    project.run(&database, "repair").gives(
        0,
        "left 0001_x.sql as it is: it is done in part; see onward status, then repair it by its name\n",
        "",
    );
    project.run(&database, "repair 0001_x.sql").gives(
        0,
        "forgot the failed attempt of 0001_x.sql\n",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        0001_x.sql: 1 statement skipped, as already done
        applied 0001_x.sql (<time>)
    ",
    );
    assert_eq!(state(&database), "applied|3");
}

#[test]
fn only_comments_of_the_steps_that_are_done_may_change() {
    let (project, database) = failed();
    project.write(
        "migrations/0001_x.sql",
        "-- better\nCREATE TABLE t ( x int ); /* done */\nSELECT x FROM t;\nVACUUM t;\n",
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(state(&database), "applied|3");
}

#[test]
fn a_file_that_is_one_transaction_now_is_refused() {
    let (project, database) = failed();
    project.write(
        "migrations/0001_x.sql",
        "CREATE TABLE t (x int);\nCREATE TABLE u (x int);\n",
    );
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 0001_x.sql was done in part (1 step), and that part is another now
          restore its beginning; or have the whole file run again: onward repair 0001_x.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn what_is_done_is_not_repeated_by_a_file_that_is_one_transaction_now() {
    let database = Database::with("CREATE TABLE effects (x int)");
    let project = Project::new().migration(
        "0001_x.sql",
        "-- onward: no-transaction\nINSERT INTO effects VALUES (1);\nSELECT nonsense;\n",
    );
    project
        .run(&database, "--allow-nonempty -q")
        .outcome()
        .exits(1);
    project.write(
        "migrations/0001_x.sql",
        "INSERT INTO effects VALUES (1);\nSELECT 1;\n",
    );
    project.run(&database, "-q").outcome();
    assert_eq!(database.query("SELECT x FROM effects"), ["1"]);
}

#[test]
fn status_shows_a_file_that_failed_in_part() {
    let (project, database) = failed();
    project.run(&database, "status").gives(
        0,
        r#"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        failed  0001_x.sql  x

        0001_x.sql failed on <when>: column "emial" does not exist (42703)

        1 migration: 0 applied, 1 pending, 1 failed
    "#,
        "",
    );
}

/// A table with duplicates, and a file that wants them unique.
fn duplicates(clause: &str) -> (Project, Database) {
    let project = Project::new().migration(
        "0001_x.sql",
        format!("CREATE TABLE t (x int);\nINSERT INTO t VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY {clause} ON t (x);\n"),
    );
    (project, Database::new())
}

/// What is said of it.
fn duplicated(clause: &str, name: &str) -> String {
    format!(
        "migrations/0001_x.sql:3:1: ERROR: could not create unique index \"{name}\" (23505)\n\
         3 | CREATE UNIQUE INDEX CONCURRENTLY {clause} ON t (x);\n  | ^\nDETAIL: Key (x)=(1) is duplicated.\n{}",
        end(3, 3)
    )
}

#[test]
fn an_invalid_index_is_dropped_before_the_retry() {
    for clause in ["t_x", "IF NOT EXISTS t_x", "\"t_x\""] {
        let (project, database) = duplicates(clause);
        let told = duplicated(clause, "t_x");
        // However often it runs, the build that fails is never recorded.
        for _ in 0..3 {
            project.run(&database, "").gives(1, "", &told);
            assert_eq!(index(&database, "t_x"), ["invalid"]);
            assert_eq!(state(&database), "failed|2");
        }
        database.execute("TRUNCATE t");
        project.run(&database, "-q").gives(0, "", "");
        assert_eq!(index(&database, "t_x"), ["valid"]);
        assert_eq!(state(&database), "applied|3");
    }
}

#[test]
fn an_invalid_index_without_a_name_of_its_own_leaves_no_second_one() {
    let project = Project::new().migration(
        "0001_x.sql",
        "CREATE TABLE t (x int);\nINSERT INTO t VALUES (1), (1);\nCREATE UNIQUE INDEX CONCURRENTLY ON t (x);\n",
    );
    let database = Database::new();
    for _ in 0..3 {
        project.run(&database, "-q").outcome().exits(1);
    }
    database.execute("TRUNCATE t");
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.query(
            "SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 't'::regclass"
        ),
        ["t_x_idx|t"]
    );
}

#[test]
fn an_invalid_index_that_somebody_else_left_is_replaced() {
    let database = Database::with("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (1);");
    let build = "CREATE UNIQUE INDEX CONCURRENTLY t_x ON t (x)";
    database.connect().batch_execute(build).unwrap_err();
    assert_eq!(index(&database, "t_x"), ["invalid"]);
    let project = Project::new().migration(
        "0001_x.sql",
        "DELETE FROM t;\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x);\n",
    );
    project
        .run(&database, "--allow-nonempty -q")
        .gives(0, "", "");
    assert_eq!(index(&database, "t_x"), ["valid"]);
}

#[test]
fn a_valid_index_of_that_name_stays() {
    let database = Database::with("CREATE TABLE t (x int); CREATE INDEX t_x ON t (x);");
    let oid = database.value("SELECT 't_x'::regclass::oid");
    let project = Project::new().migration(
        "0001_x.sql",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x);\n",
    );
    project.run(&database, "--allow-nonempty").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        r"
        0001_x.sql: 1 statement skipped, as already done
        applied 0001_x.sql (<time>)
    ",
    );
    assert_eq!(database.value("SELECT 't_x'::regclass::oid"), oid);
}

#[test]
fn settings_of_the_steps_that_are_done_are_in_force_when_the_file_goes_on() {
    let text = "CREATE SCHEMA s;\nSET search_path = s;\nSET standard_conforming_strings = off;\nSET escape_string_warning TO off;\nVACUUM pg_catalog.pg_namespace;\nSELECT nonsense;\n\
                CREATE TABLE t AS SELECT 'it\\'s' AS x;\n";
    let project = Project::new()
        .migration("0001_x.sql", text)
        .migration("0002_y.sql", "CREATE TABLE u AS SELECT 'a\\' AS x;");
    let database = Database::new();
    project.run(&database, "-q").outcome().exits(1);
    assert_eq!(state(&database), "failed|5");
    project.write(
        "migrations/0001_x.sql",
        text.replace("SELECT nonsense", "SELECT 1"),
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.value("SELECT x FROM s.t"), "it's");
    assert_eq!(database.value("SELECT x FROM public.u"), "a\\");
}

#[test]
fn a_role_of_the_steps_that_are_done_is_in_force_when_the_file_goes_on() {
    let database = Database::new();
    let role = database.role("builder");
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    let text = format!(
        "SET ROLE {role};\nCREATE TABLE a (x int);\nVACUUM a;\nSELECT nonsense;\nCREATE TABLE b (x int);\n"
    );
    let project = Project::new().migration("0001_x.sql", &text);
    project.run(&database, "-q").outcome().exits(1);
    project.write("migrations/0001_x.sql", text.replace("nonsense", "1"));
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.query("SELECT tableowner FROM pg_tables WHERE tablename IN ('a', 'b')"),
        [role.clone(), role.clone()]
    );
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn nothing_of_a_file_leaks_into_the_next_one() {
    let project = Project::new()
        .migration(
            "0001_x.sql",
            "CREATE SCHEMA s;\nSET search_path = s;\nSET lock_timeout = '7s';\nCREATE TEMP TABLE mine (x int);\nVACUUM mine;\n",
        )
        .migration(
            "0002_y.sql",
            "-- onward: no-transaction\nCREATE TABLE told AS SELECT current_setting('search_path') AS path, to_regclass('mine') AS mine;\n",
        );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.value("SELECT * FROM public.told"),
        "\"$user\", public|NULL"
    );
}

/// A file that waits in its second step until the gate is open.
fn gated(step: &str) -> (Project, Database) {
    let database = Database::with("CREATE TABLE gate (); CREATE TABLE effects (step int);");
    let project = Project::new().migration(
        "0001_x.sql",
        format!("-- onward: no-transaction\nINSERT INTO effects VALUES (1);\n{step}\nINSERT INTO effects VALUES (3);\n"),
    );
    let run = project.run(&database, "--allow-nonempty").start();
    wait_until("the step is at work", || sleeps(&database));
    run.kill();
    (project, database)
}

/// Whether a session sleeps in a step.
fn sleeps(database: &Database) -> bool {
    database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'",
    ) == "1"
}

/// Whether no other session is at work.
fn is_quiet(database: &Database) -> bool {
    database.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' \
         AND state = 'active' AND pid <> pg_backend_pid()",
    ) == "0"
}

const SLEEP: &str = "INSERT INTO effects SELECT 2 FROM (SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM gate) THEN 0 ELSE 60 END)) s;";

const LOOP: &str = "DO $$BEGIN
  INSERT INTO effects VALUES (2);
  COMMIT;
  WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP;
END$$;";

#[test]
fn after_kill_9_in_a_step_the_next_run_goes_on() {
    let (project, database) = gated(SLEEP);
    assert_eq!(state(&database), "running|1");
    database.execute("INSERT INTO gate DEFAULT VALUES");
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    wait_until("the step of the dead run is over", || is_quiet(&database));
    assert_eq!(
        database.query("SELECT step FROM effects ORDER BY 1"),
        ["1", "2", "3"]
    );
    assert_eq!(state(&database), "applied|3");
}

#[test]
fn status_shows_a_file_whose_runner_died() {
    let (project, database) = gated(SLEEP);
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        running  0001_x.sql  x

        1 migration: 0 applied, 1 running, 0 pending
    ",
        "",
    );
}

#[test]
fn after_kill_9_in_a_do_block_it_is_not_repeated_unasked() {
    let (project, database) = gated(LOOP);
    assert_eq!(state(&database), "running|1");
    database.execute("INSERT INTO gate DEFAULT VALUES");
    wait_until("the block of the dead run is over", || is_quiet(&database));
    for _ in 0..2 {
        project.run(&database, "").gives(
            3,
            "",
            r"
            refused: 0001_x.sql:3: a run died when this statement may have been under way, and it may have committed
              see whether it has done its work; if so, remove it from the file; then: onward repair 0001_x.sql
            error: refused, for 1 reason
              nothing was changed
        ",
        );
    }
    assert_eq!(database.query("SELECT step FROM effects"), ["1", "2"]);
    project.run(&database, "repair").gives(
        0,
        "left 0001_x.sql as it is: it is done in part; see onward status, then repair it by its name\n",
        "",
    );
    // It has done its work, so it goes.
    project.write(
        "migrations/0001_x.sql",
        "-- onward: no-transaction\nINSERT INTO effects VALUES (1);\nINSERT INTO effects VALUES (3);\n",
    );
    project.run(&database, "repair 0001_x.sql").gives(
        0,
        "0001_x.sql will go on after 1 step\n",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 0001_x.sql\n",
        "applied 0001_x.sql (<time>)\n",
    );
    assert_eq!(
        database.query("SELECT step FROM effects ORDER BY 1"),
        ["1", "2", "3"]
    );
}

#[test]
fn after_a_repair_the_do_block_runs_again() {
    let (project, database) = gated(LOOP);
    database.execute("INSERT INTO gate DEFAULT VALUES");
    wait_until("the block of the dead run is over", || is_quiet(&database));
    project.run(&database, "repair 0001_x.sql").gives(
        0,
        "0001_x.sql will go on after 1 step\n",
        "",
    );
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.query("SELECT step FROM effects ORDER BY 1"),
        ["1", "2", "2", "3"]
    );
}

#[test]
fn the_server_notices_in_a_do_block_that_the_runner_is_gone() {
    let (_, database) = gated(LOOP);
    // client_connection_check_interval, in PostgreSQL 14 and newer
    if database.value("SELECT current_setting('server_version_num')::int >= 140000") == "t" {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !is_quiet(&database) {
            assert!(
                std::time::Instant::now() < deadline,
                "the block goes on although nobody waits for it"
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

#[test]
fn after_kill_9_the_steps_that_are_done_are_not_repeated_by_one_transaction() {
    let (project, database) = gated(SLEEP);
    database.execute("INSERT INTO gate DEFAULT VALUES");
    project.write(
        "migrations/0001_x.sql",
        "INSERT INTO effects VALUES (1);\nINSERT INTO effects VALUES (3);\n",
    );
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 0001_x.sql was done in part (1 step), and that part is another now
          restore its beginning; or have the whole file run again: onward repair 0001_x.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert_eq!(database.query("SELECT step FROM effects"), ["1"]);
}

#[test]
fn a_later_file_waits_until_an_earlier_one_is_done() {
    let (project, database) = failed();
    let project = project.migration("0002_y.sql", "CREATE TABLE y (x int);");
    let outcome = project.run(&database, "").outcome();
    outcome.exits(1);
    assert!(
        outcome
            .stderr
            .contains("\nstill pending: 0001_x.sql, 0002_y.sql\n"),
        "{outcome}"
    );
    assert!(!database.has("y"));
}

/// A step that removes every row of the history, where that cannot be seen.
const EMPTYING: &str = "DO $$BEGIN EXECUTE 'DELETE FROM ' || 'schema_migrations'; END$$;";

#[test]
fn a_step_that_empties_the_history_is_blamed_for_it() {
    let project = Project::new().migration(
        "0001_x.sql",
        format!("CREATE TABLE effects (x int);\nVACUUM effects;\nBEGIN;\n{EMPTYING}\nCOMMIT;\n"),
    );
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r"
        migrations/0001_x.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: step 3 of 3 of 0001_x.sql; the steps before it are done and will not be repeated
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    assert_eq!(state(&database), "failed|2");
}

#[test]
fn a_step_that_has_emptied_the_history_for_good_ran_once() {
    let project = Project::new().migration(
        "0001_x.sql",
        format!("-- onward: no-transaction\nINSERT INTO effects VALUES (1);\n{EMPTYING}\nVACUUM effects;\n"),
    );
    let database = Database::with("CREATE TABLE effects (x int);");
    project.run(&database, "--allow-nonempty").gives(
        1,
        "",
        r"
        migrations/0001_x.sql: ERROR: the migration changed or removed rows of the history (55000)
        HINT: onward keeps the history itself, so leave that statement out
        rolled back: nothing: step 2 of 3 of 0001_x.sql is done, and could not be recorded
        applied before: none
        still pending: 0001_x.sql
          mend the file, then run onward again
    ",
    );
    assert_eq!(database.query("SELECT x FROM effects"), ["1"]);
}

/// What forbids to go on without a file of which so many steps are done.
fn rest_gone() -> String {
    dedent(
        r"
        refused: 0001_x.sql was done in part (1 step), and the file is missing
          restore the file from version control; or undo by hand what it has done, and have it forgotten: onward repair 0001_x.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    )
}

#[test]
fn a_file_that_is_done_in_part_and_gone_is_not_forgotten_silently() {
    let (died, of_died) = gated(SLEEP);
    let (failed, of_failed) = failed();
    for (project, database, state, count) in [
        (died, of_died, "running", "stuck"),
        (failed, of_failed, "failed", "failed"),
    ] {
        project.remove("migrations/0001_x.sql");
        let project = project.migration("0002_y.sql", "CREATE TABLE y (x int);");
        let before = database.full_dump();
        project.run(&database, "up").gives(3, "", &rest_gone());
        project.run(&database, "validate").outcome().exits(3);
        let outcome = project.run(&database, "status --json").outcome();
        let document: serde_json::Value = serde_json::from_str(&outcome.raw_stdout).unwrap();
        assert_eq!(document["migrations"][0]["state"], state);
        assert_eq!(document[count], 1);
        assert_eq!(document["healthy"], false);
        assert_eq!(document["issues"][0]["code"], "rest_gone");
        project.run(&database, "repair").gives(
            0,
            "left 0001_x.sql as it is: it is done in part; see onward status, then repair it by its name\n",
            "",
        );
        assert_eq!(database.full_dump(), before);
        project.run(&database, "repair 0001_x.sql").gives(
            0,
            "forgot the failed attempt of 0001_x.sql\n",
            "",
        );
        project.run(&database, "").gives(
            0,
            "Applied 1 migration: 0002_y.sql\n",
            "applied 0002_y.sql (<time>)\n",
        );
    }
}

#[test]
fn a_file_that_is_done_in_part_is_not_recorded_as_done() {
    let (project, database) = failed();
    let before = database.full_dump();
    for flags in ["", " --dry-run"] {
        project
            .run(
                &database,
                &format!("baseline --extend --through 0001{flags}"),
            )
            .gives(
                3,
                "",
                r"
        refused: 0001_x.sql is applied in part, 1 step done
          finish it: onward up; or have it forgotten: onward repair 0001_x.sql
        error: refused, for 1 reason
          nothing was changed
    ",
            );
    }
    assert_eq!(database.full_dump(), before);
    project.run(&database, "repair 0001_x.sql").gives(
        0,
        "forgot the failed attempt of 0001_x.sql\n",
        "",
    );
    project
        .run(&database, "baseline --extend --through 0001")
        .gives(
            0,
            "recorded 0001_x.sql\nRecorded 1 migration without running them\n",
            "",
        );
}
