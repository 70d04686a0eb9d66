//! What goes wrong in files, and the whole of what is said about it: one golden text each.

use crate::support::{Database, Project, dedent};

/// What is said in the end of each file that fails alone.
const END: &str = "rolled back: 0001_x.sql as a whole\napplied before: none\nstill pending: 0001_x.sql\n  mend the file, then run onward again\n";

/// A file that fails alone; what is said before the end.
#[track_caller]
fn check(text: &str, told: &str) {
    check_on(&Database::new(), text, told);
}

/// The same in a database of the test's own.
#[track_caller]
fn check_on(database: &Database, text: &str, told: &str) {
    let project = Project::new().migration("0001_x.sql", text);
    let stderr = dedent(told) + END;
    project
        .run(database, "--allow-nonempty")
        .gives(1, "", &stderr);
    assert_eq!(database.history(), ["0001_x.sql|migration|failed"]);
}

#[test]
fn a_syntax_error_in_the_first_statement() {
    check(
        "CREAT TABLE t (x int);\nSELECT 1;\n",
        r#"
        migrations/0001_x.sql:1:1: ERROR: syntax error at or near "CREAT" (42601)
        1 | CREAT TABLE t (x int);
          | ^
    "#,
    );
}

#[test]
fn a_syntax_error_in_the_middle() {
    check(
        "-- one\nSELECT 1;\nSELECT 2 FORM t;\nSELECT 3;\n",
        r#"
        migrations/0001_x.sql:3:15: ERROR: syntax error at or near "t" (42601)
        3 | SELECT 2 FORM t;
          |               ^
    "#,
    );
}

#[test]
fn a_syntax_error_in_the_last_statement() {
    check(
        "SELECT 1;\nINSERT INTO t VALUES (1,);",
        r#"
        migrations/0001_x.sql:2:25: ERROR: syntax error at or near ")" (42601)
        2 | INSERT INTO t VALUES (1,);
          |                         ^
    "#,
    );
}

#[test]
fn a_last_statement_that_does_not_end() {
    check(
        "SELECT 1;\nSELECT 2 +\n",
        r"
        migrations/0001_x.sql:2:11: ERROR: syntax error at the end of the file (42601)
        2 | SELECT 2 +
          |           ^
        HINT: the last statement does not end
    ",
    );
}

#[test]
fn a_statement_whose_semicolon_is_missing() {
    check(
        "CREATE TABLE t (x int)\nCREATE TABLE u (y int);\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: syntax error at or near "CREATE" (42601)
        2 | CREATE TABLE u (y int);
          | ^
    "#,
    );
}

#[test]
fn a_table_that_is_not_there() {
    check(
        "SELECT 1;\nSELECT *\n  FROM pepole;\n",
        r#"
        migrations/0001_x.sql:3:8: ERROR: relation "pepole" does not exist (42P01)
        3 |   FROM pepole;
          |        ^
    "#,
    );
    check(
        "ALTER TABLE pepole ADD x int;\n",
        r#"
        migrations/0001_x.sql:1:1: ERROR: relation "pepole" does not exist (42P01)
        1 | ALTER TABLE pepole ADD x int;
          | ^
    "#,
    );
}

#[test]
fn a_column_that_is_not_there() {
    check(
        "CREATE TABLE t (x int);\nCREATE INDEX ON t (x, emial);\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: column "emial" does not exist (42703)
        2 | CREATE INDEX ON t (x, emial);
          | ^
    "#,
    );
}

#[test]
fn a_type_that_is_not_there() {
    check(
        "CREATE TABLE t (\n  id int,\n  mail emial NOT NULL\n);\n",
        r#"
        migrations/0001_x.sql:3:8: ERROR: type "emial" does not exist (42704)
        3 |   mail emial NOT NULL
          |        ^
    "#,
    );
}

#[test]
fn a_function_that_is_not_there() {
    check(
        "SELECT 1, twice('x');\n",
        r"
        migrations/0001_x.sql:1:11: ERROR: function twice(unknown) does not exist (42883)
        1 | SELECT 1, twice('x');
          |           ^
        HINT: No function matches the given name and argument types. You might need to add explicit type casts.
    ",
    );
}

#[test]
fn a_role_that_is_not_there() {
    check(
        "CREATE TABLE t (x int);\nGRANT SELECT ON t TO nobody_at_all;\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: role "nobody_at_all" does not exist (42704)
        2 | GRANT SELECT ON t TO nobody_at_all;
          | ^
        HINT: roles belong to the server, not to the database: create it there first
    "#,
    );
}

#[test]
fn an_extension_that_is_not_installed() {
    let project = Project::new().migration(
        "0001_x.sql",
        "CREATE EXTENSION IF NOT EXISTS nowhere_to_be_found;\n",
    );
    let outcome = project.run(&Database::new(), "").outcome();
    outcome.exits(1);
    // Code, DETAIL and HINT are others in each release of PostgreSQL.
    assert!(
        outcome
            .stderr
            .starts_with("migrations/0001_x.sql:1:1: ERROR: ")
            && outcome.stderr.contains("nowhere_to_be_found")
            && outcome.stderr.contains("\nHINT: ")
            && outcome.stderr.ends_with(END),
        "{outcome}"
    );
}

#[test]
fn a_schema_that_is_not_there() {
    check(
        "CREATE TABLE nowhere.t (x int);\n",
        r#"
        migrations/0001_x.sql:1:14: ERROR: schema "nowhere" does not exist (3F000)
        1 | CREATE TABLE nowhere.t (x int);
          |              ^
    "#,
    );
}

#[test]
fn types_that_do_not_fit() {
    check(
        "CREATE TABLE t (x int);\nINSERT INTO t VALUES ('zwei');\n",
        r#"
        migrations/0001_x.sql:2:23: ERROR: invalid input syntax for type integer: "zwei" (22P02)
        2 | INSERT INTO t VALUES ('zwei');
          |                       ^
    "#,
    );
    check(
        "CREATE TABLE t (x int);\nINSERT INTO t\n  SELECT now();\n",
        r#"
        migrations/0001_x.sql:3:10: ERROR: column "x" is of type integer but expression is of type timestamp with time zone (42804)
        3 |   SELECT now();
          |          ^
        HINT: You will need to rewrite or cast the expression.
    "#,
    );
    check(
        "SELECT 1;\nSELECT 'a'::text + 1;\n",
        r"
        migrations/0001_x.sql:2:18: ERROR: operator does not exist: text + integer (42883)
        2 | SELECT 'a'::text + 1;
          |                  ^
        HINT: No operator matches the given name and argument types. You might need to add explicit type casts.
    ",
    );
}

#[test]
fn a_division_by_zero() {
    check(
        "SELECT 1;\n\n  SELECT 1 /\n    0;\n",
        r"
        migrations/0001_x.sql:3:3: ERROR: division by zero (22012)
        3 |   SELECT 1 /
          |   ^
    ",
    );
}

#[test]
fn a_unique_constraint() {
    check(
        "CREATE TABLE t (x text);\nINSERT INTO t VALUES ('é'), ('é');\nCREATE UNIQUE INDEX t_x ON t (x);\n",
        r#"
        migrations/0001_x.sql:3:1: ERROR: could not create unique index "t_x" (23505)
        3 | CREATE UNIQUE INDEX t_x ON t (x);
          | ^
        DETAIL: Key (x)=(é) is duplicated.
    "#,
    );
}

#[test]
fn a_foreign_key() {
    check(
        "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (a_id int REFERENCES a);\nINSERT INTO b VALUES (7);\n",
        r#"
        migrations/0001_x.sql:3:1: ERROR: insert or update on table "b" violates foreign key constraint "b_a_id_fkey" (23503)
        3 | INSERT INTO b VALUES (7);
          | ^
        DETAIL: Key (a_id)=(7) is not present in table "a".
    "#,
    );
    check(
        "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (a_id int REFERENCES a);\nDROP TABLE a;\n",
        r"
        migrations/0001_x.sql:3:1: ERROR: cannot drop table a because other objects depend on it (2BP01)
        3 | DROP TABLE a;
          | ^
        DETAIL: constraint b_a_id_fkey on table b depends on table a
        HINT: Use DROP ... CASCADE to drop the dependent objects too.
    ",
    );
}

#[test]
fn a_null_where_none_may_be() {
    check(
        "CREATE TABLE t (x int, y text);\nINSERT INTO t VALUES (1);\nALTER TABLE t ALTER y SET NOT NULL;\n",
        r#"
        migrations/0001_x.sql:3:1: ERROR: column "y" of relation "t" contains null values (23502)
        3 | ALTER TABLE t ALTER y SET NOT NULL;
          | ^
    "#,
    );
    check(
        "CREATE TABLE t (x int NOT NULL);\nINSERT INTO t VALUES (NULL);\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: null value in column "x" of relation "t" violates not-null constraint (23502)
        2 | INSERT INTO t VALUES (NULL);
          | ^
        DETAIL: Failing row contains (null).
    "#,
    );
}

#[test]
fn a_check() {
    check(
        "CREATE TABLE t (x int CHECK (x > 0));\nINSERT INTO t VALUES (1), (-1);\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: new row for relation "t" violates check constraint "t_x_check" (23514)
        2 | INSERT INTO t VALUES (1), (-1);
          | ^
        DETAIL: Failing row contains (-1).
    "#,
    );
}

#[test]
fn an_exclusion() {
    check(
        "CREATE TABLE t (at tsrange, EXCLUDE USING gist (at WITH &&));\nINSERT INTO t VALUES ('[2026-01-01,2026-02-01)'), ('[2026-01-15,2026-03-01)');\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: conflicting key value violates exclusion constraint "t_at_excl" (23P01)
        2 | INSERT INTO t VALUES ('[2026-01-01,2026-02-01)'), ('[2026-01-15,2026-03-01)');
          | ^
        DETAIL: Key (at)=(["2026-01-15 00:00:00","2026-03-01 00:00:00")) conflicts with existing key (at)=(["2026-01-01 00:00:00","2026-02-01 00:00:00")).
    "#,
    );
}

#[test]
fn a_deferred_constraint() {
    check(
        "CREATE TABLE t (x int UNIQUE DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO t VALUES (1), (1);\nSELECT 1;\n",
        r#"
        migrations/0001_x.sql: ERROR: duplicate key value violates unique constraint "t_x_key" (23505)
        DETAIL: Key (x)=(1) already exists.
        HINT: the constraint is deferred, so it was checked after the last statement
    "#,
    );
}

#[test]
fn a_privilege_that_is_missing() {
    let database = Database::with("CREATE SCHEMA closed; CREATE TABLE closed.t (x int);");
    let role = database.role("app");
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    let project = Project::new().migration("0001_x.sql", "SELECT 1;\nSELECT * FROM closed.t;\n");
    let stderr = dedent(
        r"
        migrations/0001_x.sql:2:15: ERROR: permission denied for schema closed (42501)
        2 | SELECT * FROM closed.t;
          |               ^
    ",
    ) + END;
    project
        .run_alone("--allow-nonempty")
        .on_as(&database, &role)
        .gives(1, "", &stderr);
    let project = project.migration("0001_x.sql", "SELECT 1;\nDROP SCHEMA closed CASCADE;\n");
    let stderr = dedent(
        r"
        migrations/0001_x.sql:2:1: ERROR: must be owner of schema closed (42501)
        2 | DROP SCHEMA closed CASCADE;
          | ^
    ",
    ) + END;
    project
        .run_alone("")
        .on_as(&database, &role)
        .gives(1, "", &stderr);
    database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_new_enum_value_in_the_transaction_that_adds_it() {
    check_on(
        &Database::with("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (x mood);"),
        "ALTER TYPE mood ADD VALUE 'glad';\nINSERT INTO t VALUES ('glad');\n",
        r#"
        migrations/0001_x.sql:2:23: ERROR: unsafe use of new value "glad" of enum type mood (55P04)
        2 | INSERT INTO t VALUES ('glad');
          |                       ^
        HINT: a new enum value must be committed first: add it in a migration of its own, before this one
    "#,
    );
}

#[test]
fn an_error_in_a_function_that_the_file_calls() {
    check(
        "CREATE FUNCTION f(x int) RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1 / x;\nEND $$;\nSELECT 1,\n  f(0);\n",
        r"
        migrations/0001_x.sql:5:1: ERROR: division by zero (22012)
        5 | SELECT 1,
          | ^
        CONTEXT: PL/pgSQL function f(integer) line 3 at RETURN
    ",
    );
}

#[test]
fn an_error_in_a_function_that_a_function_calls() {
    check(
        "CREATE FUNCTION inner_one() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'deep'; END$$;\n\
         CREATE FUNCTION outer_one() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM inner_one(); END$$;\n\
         SELECT 1;\nSELECT outer_one();\n",
        r#"
        migrations/0001_x.sql:4:1: ERROR: deep (P0001)
        4 | SELECT outer_one();
          | ^
        CONTEXT: PL/pgSQL function inner_one() line 1 at RAISE
        SQL statement "SELECT inner_one()"
        PL/pgSQL function outer_one() line 1 at PERFORM
    "#,
    );
}

#[test]
fn an_error_in_an_sql_function() {
    check(
        "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1; SELECT 1 / x';\nSELECT f(0);\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: division by zero (22012)
        2 | SELECT f(0);
          | ^
        CONTEXT: SQL function "f" statement 2
    "#,
    );
    check(
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT emial\n$$;\n",
        r#"
        migrations/0001_x.sql:2:10: ERROR: column "emial" does not exist (42703)
        2 |   SELECT emial
          |          ^
    "#,
    );
}

#[test]
fn a_syntax_error_in_the_body_of_a_function() {
    check(
        "SELECT 'é';\nCREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nDECLARE x int;\nBEGIN\n  x := 1 1;\nEND $$;\n",
        r#"
        migrations/0001_x.sql:5:10: ERROR: syntax error at or near "1" (42601)
        5 |   x := 1 1;
          |          ^
    "#,
    );
}

#[test]
fn an_error_in_a_do_block_names_its_line() {
    check(
        "SELECT 1;\n\nDO LANGUAGE plpgsql $body$\nDECLARE\n  x int := 0;\nBEGIN\n  -- one\n  x := 1 / x;\nEND\n$body$;\n",
        r"
        migrations/0001_x.sql:8:3: ERROR: division by zero (22012)
        8 |   x := 1 / x;
          |   ^
        CONTEXT: PL/pgSQL function inline_code_block line 6 at assignment
    ",
    );
    check(
        "DO $$BEGIN PERFORM 1; END$$;\nDO $$BEGIN PERFORM 1; END$$;\nDO $$BEGIN\n  RAISE EXCEPTION 'größe %', 1;\nEND$$;\n",
        r"
        migrations/0001_x.sql:4:3: ERROR: größe 1 (P0001)
        4 |   RAISE EXCEPTION 'größe %', 1;
          |   ^
        CONTEXT: PL/pgSQL function inline_code_block line 2 at RAISE
    ",
    );
}

#[test]
fn an_error_in_a_trigger() {
    check(
        "CREATE TABLE t (x int);\nCREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  RAISE EXCEPTION 'not %', NEW.x USING HINT = 'take another';\nEND $$;\n\
         CREATE TRIGGER guard BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION guard();\nINSERT INTO t\n  VALUES (13);\n",
        r"
        migrations/0001_x.sql:7:1: ERROR: not 13 (P0001)
        7 | INSERT INTO t
          | ^
        HINT: take another
        CONTEXT: PL/pgSQL function guard() line 3 at RAISE
    ",
    );
}

#[test]
fn an_error_in_the_data_of_a_copy() {
    check(
        "CREATE TABLE t (x int);\nCOPY t FROM stdin;\n1\nzwei\n\\.\n",
        r#"
        migrations/0001_x.sql:4:1: ERROR: invalid input syntax for type integer: "zwei" (22P02)
        4 | zwei
          | ^
        CONTEXT: COPY t, line 2, column x: "zwei"
    "#,
    );
}

#[test]
fn bytes_that_are_no_utf_8_by_an_escape() {
    check(
        "SELECT 1;\nSELECT E'\\xff';\n",
        r#"
        migrations/0001_x.sql: ERROR: invalid byte sequence for encoding "UTF8": 0xff (22021)
    "#,
    );
}

#[test]
fn something_that_exists() {
    check(
        "CREATE TABLE t (x int);\nCREATE TABLE t (y int);\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: relation "t" already exists (42P07)
        2 | CREATE TABLE t (y int);
          | ^
    "#,
    );
    check(
        "CREATE SCHEMA public;\n",
        r#"
        migrations/0001_x.sql:1:1: ERROR: schema "public" already exists (42P06)
        1 | CREATE SCHEMA public;
          | ^
        HINT: every database has the schema public: leave the statement out
    "#,
    );
}

#[test]
fn a_savepoint_that_is_not_there() {
    check(
        "SELECT 1;\nROLLBACK TO SAVEPOINT nowhere;\n",
        r#"
        migrations/0001_x.sql:2:1: ERROR: savepoint "nowhere" does not exist (3B001)
        2 | ROLLBACK TO SAVEPOINT nowhere;
          | ^
    "#,
    );
}

#[test]
fn a_setting_that_is_not_there() {
    check(
        "SET serch_path = public;\n",
        r#"
        migrations/0001_x.sql:1:1: ERROR: unrecognized configuration parameter "serch_path" (42704)
        1 | SET serch_path = public;
          | ^
    "#,
    );
}

#[test]
fn a_lock_that_is_not_to_be_had() {
    let database = Database::with("CREATE TABLE t (x int)");
    let mut other = database.connect();
    other.batch_execute("BEGIN; LOCK TABLE t").unwrap();
    let project = Project::new().migration(
        "0001_x.sql",
        "-- onward: lock-timeout 50ms\nALTER TABLE t ADD y int;\n",
    );
    let outcome = project
        .run(&database, "--allow-nonempty --max-wait 100ms")
        .outcome();
    outcome.exits(5);
    let first = outcome.stderr.lines().next().unwrap();
    assert_eq!(
        first,
        "0001_x.sql was rolled back, and is tried again: canceling statement due to lock timeout"
    );
    let last: Vec<&str> = outcome.stderr.lines().rev().take(2).collect();
    assert_eq!(
        last[0],
        "  run onward again later, or wait longer with --max-wait"
    );
    assert!(
        last[1].starts_with("error: gave up waiting for the locks of 0001_x.sql after "),
        "{outcome}"
    );
    assert!(database.history().is_empty(), "blocked is not failed");
}

#[test]
fn a_statement_that_takes_longer_than_its_directive_allows() {
    check(
        "-- onward: statement-timeout 50ms\nSELECT 1;\nSELECT pg_sleep(60);\n",
        r"
        migrations/0001_x.sql:3:1: ERROR: canceling statement due to statement timeout (57014)
        3 | SELECT pg_sleep(60);
          | ^
    ",
    );
}

#[test]
fn a_statement_that_cannot_run_in_a_transaction_from_inside_a_function() {
    check(
        "SELECT 1;\nDO $$\nBEGIN\n  EXECUTE 'VACUUM';\nEND $$;\n",
        r#"
        migrations/0001_x.sql:4:3: ERROR: VACUUM cannot run inside a transaction block (25001)
        4 |   EXECUTE 'VACUUM';
          |   ^
        HINT: write it as a statement of its own, outside of functions and DO blocks
        CONTEXT: SQL statement "VACUUM"
        PL/pgSQL function inline_code_block line 3 at EXECUTE
    "#,
    );
}

#[test]
fn a_commit_inside_a_do_block_of_one_transaction() {
    check(
        "SELECT 1;\nDO $$\nBEGIN\n  COMMIT;\nEND $$;\n",
        r"
        migrations/0001_x.sql:4:3: ERROR: invalid transaction termination (2D000)
        4 |   COMMIT;
          |   ^
        HINT: let the file run step by step, with the line: -- onward: no-transaction
        CONTEXT: PL/pgSQL function inline_code_block line 3 at COMMIT
    ",
    );
}

#[test]
fn text_of_many_bytes_before_the_place() {
    check(
        "-- größe 表 😀\nSELECT 'größe 表 😀' AS \"größe 表\",\n  'ü', emial, 'ü';\n",
        r#"
        migrations/0001_x.sql:3:8: ERROR: column "emial" does not exist (42703)
        3 |   'ü', emial, 'ü';
          |        ^
    "#,
    );
}

#[test]
fn wide_characters_before_the_place() {
    let told = "\nmigrations/0001_x.sql:1:14: ERROR: column \"emial\" does not exist (42703)\n\
                1 | SELECT '名前', emial;\n  |         \u{3000}\u{3000}   ^\n";
    check("SELECT '名前', emial;\n", told);
}

#[test]
fn tabs_before_the_place() {
    check(
        "SELECT 1;\n\t\tSELECT 'é',\temial;\n",
        "\nmigrations/0001_x.sql:2:15: ERROR: column \"emial\" does not exist (42703)\n\
         2 | \t\tSELECT 'é',\temial;\n  | \t\t           \t^\n",
    );
}

#[test]
fn windows_line_ends_before_the_place() {
    check(
        "SELECT 'a\r\nb';\r\n\r\nSELECT 'é',\r\n  emial\r\n;\r\n",
        r#"
        migrations/0001_x.sql:5:3: ERROR: column "emial" does not exist (42703)
        5 |   emial
          |   ^
    "#,
    );
}

#[test]
fn a_very_long_line() {
    let text = format!(
        "SELECT '{}', emial, '{}';\n",
        "é".repeat(500_000),
        "ü".repeat(500_000)
    );
    let told = format!(
        "\nmigrations/0001_x.sql:1:500012: ERROR: column \"emial\" does not exist (42703)\n1 | {}', emial, '{}\n  | {}^\n",
        "é".repeat(57),
        "ü".repeat(52),
        " ".repeat(60)
    );
    check(&text, &told);
}

#[test]
fn an_error_whose_statement_alone_is_known_stands_at_its_first_word() {
    check(
        "SELECT 1; /* one */ -- two\n\n  /* three */ INSERT INTO t VALUES (1);\n",
        r#"
        migrations/0001_x.sql:3:27: ERROR: relation "t" does not exist (42P01)
        3 |   /* three */ INSERT INTO t VALUES (1);
          |                           ^
    "#,
    );
    check(
        "SELECT 1; /* one */ -- two\n\n  /* three */ DROP TABLE t;\n",
        r#"
        migrations/0001_x.sql:3:15: ERROR: table "t" does not exist (42P01)
        3 |   /* three */ DROP TABLE t;
          |               ^
    "#,
    );
}

#[test]
fn an_error_in_a_file_that_is_recorded_is_kept_with_its_code() {
    let database = Database::new();
    let project = Project::new().migration("0001_x.sql", "SELECT 1 / 0;\n");
    project.run(&database, "").outcome().exits(1);
    assert_eq!(
        database.value("SELECT status, error_message, applied_at FROM schema_migrations"),
        "failed|division by zero (22012)|NULL"
    );
}
