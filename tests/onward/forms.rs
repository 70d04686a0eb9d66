//! The forms in which files come.

use crate::support::{Database, Project};

/// A project of which all runs, with these names recorded.
#[track_caller]
fn check(project: &Project, names: &[&str]) -> Database {
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.applied(), names);
    database
}

#[test]
fn an_empty_folder_is_fine_with_a_notice() {
    let database = Database::new();
    Project::new().run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (0 applied)\n",
        r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
    ",
    );
    Project::new().run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        0 migrations: 0 applied, 0 pending
    ",
        r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
    ",
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    let text = "\u{FEFF}CREATE TABLE t (\r\n  x text DEFAULT 'a\r\nb'\r\n);\r\n-- Ende\r\nINSERT INTO t DEFAULT VALUES;\r\n";
    let database = check(&Project::new().migration("1_t.sql", text), &["1_t.sql"]);
    assert_eq!(
        database.value("SELECT encode(x::bytea, 'hex') FROM t"),
        "610d0a62",
        "a text is kept as it is"
    );
    assert_eq!(
        database.value("SELECT checksum FROM schema_migrations"),
        "d9aae81839cf5edfbda268a3cadc7dd6c0ca5a53d2dcb1f86d12f5bad4f38389"
    );
}

#[test]
fn the_last_line_needs_neither_semicolon_nor_end() {
    let project = Project::new()
        .migration("1_a.sql", "CREATE TABLE a (x int)")
        .migration("2_b.sql", "CREATE TABLE b (x int) -- and no line end");
    let database = check(&project, &["1_a.sql", "2_b.sql"]);
    assert!(database.has("a") && database.has("b"));
}

#[test]
fn a_file_of_comments_is_recorded_with_a_warning() {
    let project = Project::new()
        .migration("1_a.sql", "-- later\n/* or never */\n")
        .migration("2_b.sql", "");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 1_a.sql, 2_b.sql\n",
        r"
        warning: migrations/1_a.sql holds no statement
        warning: migrations/2_b.sql holds no statement
          it will be recorded as applied; delete it if it is not meant
        applied 1_a.sql (<time>)
        applied 2_b.sql (<time>)
    ",
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
    assert_eq!(database.applied(), ["1_a.sql", "2_b.sql"]);
}

#[test]
fn a_transaction_around_the_whole_file_is_taken_off() {
    let project = Project::new()
        .migration("1_a.sql", "-- first\nBEGIN;\nCREATE TABLE a (x int);\nSAVEPOINT s;\nROLLBACK TO s;\nCOMMIT;\n-- last\n")
        .migration("2_b.sql", "SET search_path = public;\nSTART TRANSACTION;\nCREATE TABLE b (x int);\nEND;\n")
        .migration("3_c.sql", "begin work; create table c (x int); commit work");
    check(&project, &["1_a.sql", "2_b.sql", "3_c.sql"]);

    let broken = Project::new().migration(
        "1_a.sql",
        "BEGIN;\nCREATE TABLE a (x int);\nSELECT nonsense;\nCOMMIT;\n",
    );
    let database = Database::new();
    broken.run(&database, "").gives(
        1,
        "",
        r#"
        migrations/1_a.sql:3:8: ERROR: column "nonsense" does not exist (42703)
        3 | SELECT nonsense;
          |        ^
        rolled back: 1_a.sql as a whole
        applied before: none
        still pending: 1_a.sql
          mend the file, then run onward again
    "#,
    );
    assert!(!database.has("a"));
}

#[test]
fn the_modes_of_the_files_own_transaction_are_in_force() {
    let told = "INSERT INTO told SELECT current_setting('transaction_isolation'), current_setting('transaction_deferrable');";
    let project = Project::new()
        .migration(
            "1_told.sql",
            "CREATE TABLE told (isolation text, late text);",
        )
        .migration(
            "2_a.sql",
            format!("BEGIN ISOLATION LEVEL SERIALIZABLE, DEFERRABLE;\n{told}\nCOMMIT;\n"),
        )
        .migration(
            "3_b.sql",
            format!("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n{told}\n"),
        )
        .migration(
            "4_c.sql",
            format!("BEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n{told}\nCOMMIT;\n"),
        )
        .migration("5_d.sql", told);
    let database = check(
        &project,
        &["1_told.sql", "2_a.sql", "3_b.sql", "4_c.sql", "5_d.sql"],
    );
    assert_eq!(
        database.query("SELECT * FROM told"),
        [
            "serializable|on",
            "repeatable read|off",
            "serializable|off",
            "read committed|off"
        ]
    );
}

#[test]
fn the_default_isolation_of_a_role_does_not_count() {
    let database = Database::with("CREATE TABLE told (isolation text)");
    database.execute(&format!(
        "ALTER DATABASE {} SET default_transaction_isolation = 'serializable'",
        database.name
    ));
    let project = Project::new().migration(
        "1_a.sql",
        "INSERT INTO told SELECT current_setting('transaction_isolation');",
    );
    project
        .run(&database, "--allow-nonempty -q")
        .gives(0, "", "");
    assert_eq!(database.value("SELECT * FROM told"), "read committed");
}

#[test]
fn a_folder_is_a_migration_too() {
    let project = Project::new()
        .migration("0001_a/up.sql", "CREATE TABLE a (x int);")
        .migration("0001_a/down.sql", "DROP TABLE a;")
        .migration("0002_b/migration.sql", "CREATE TABLE b (x int);")
        .migration("notes/readme.sql", "SELECT nonsense;");
    let database = check(&project, &["0001_a", "0002_b"]);
    assert!(database.has("a") && database.has("b"));
    assert_eq!(
        database.query("SELECT version, description FROM schema_migrations ORDER BY id"),
        ["0001|a", "0002|b"]
    );
}

#[test]
fn a_way_back_never_runs_on_the_way_there() {
    let project = Project::new()
        .migration("001_a.up.sql", "CREATE TABLE a (x int);")
        .migration("001_a.down.sql", "DROP TABLE a;")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
        .migration("002_b.down.sql", "DROP TABLE b;");
    let database = check(&project, &["001_a.up.sql", "002_b.sql"]);
    assert!(database.has("a") && database.has("b"));
}

#[test]
fn what_begins_with_a_dot_or_an_underscore_or_is_no_sql_is_ignored() {
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration(".002_b.sql", "COMMIT;")
        .migration("_003_c.sql", "COMMIT;")
        .migration("004_d.sql~", "COMMIT;")
        .migration("005_e.sql.swp", "COMMIT;")
        .migration("README.md", "COMMIT;");
    check(&project, &["001_a.sql"]);
}

#[test]
fn a_strange_name_is_stored_as_it_is() {
    let names = [
        "1_a\nb.sql",
        "2_\u{1b}[31mred.sql",
        "3_it's \"quoted\" \\.sql",
        "4_größe 表.sql",
    ];
    let project = names.iter().fold(Project::new(), |project, name| {
        project.migration(name, "SELECT 1;")
    });
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        r#"
        Applied 4 migrations: 1_a\nb.sql, 2_\x1b[31mred.sql, 3_it's "quoted" \.sql, 4_größe 表.sql
    "#,
        r#"
        applied 1_a\nb.sql (<time>)
        applied 2_\x1b[31mred.sql (<time>)
        applied 3_it's "quoted" \.sql (<time>)
        applied 4_größe 表.sql (<time>)
    "#,
    );
    assert_eq!(database.applied(), names);
    project.run(&database, "status").gives(
        0,
        r#"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  1_a\nb.sql  a\nb  <when>  <time>  postgres
        applied  2_\x1b[31mred.sql  \x1b[31mred  <when>  <time>  postgres
        applied  3_it's "quoted" \.sql  it's "quoted" \  <when>  <time>  postgres
        applied  4_größe 表.sql  größe 表  <when>  <time>  postgres

        4 migrations: 4 applied, 0 pending
    "#,
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (4 applied)\n",
        "",
    );
}

#[test]
fn harmless_psql_commands_are_skipped_with_a_notice() {
    let text = "\\restrict abc\n\\set ON_ERROR_STOP on\n\\echo hello\nCREATE TABLE t (x int);\n\\unrestrict abc\nSELECT nonsense;\n";
    let project = Project::new().migration("1_t.sql", text);
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r#"
        notice: migrations/1_t.sql:1: \restrict is a command of psql; skipped
        notice: migrations/1_t.sql:2: \set is a command of psql; skipped
        notice: migrations/1_t.sql:3: \echo is a command of psql; skipped
        notice: migrations/1_t.sql:5: \unrestrict is a command of psql; skipped
        migrations/1_t.sql:6:8: ERROR: column "nonsense" does not exist (42703)
        6 | SELECT nonsense;
          |        ^
        rolled back: 1_t.sql as a whole
        applied before: none
        still pending: 1_t.sql
          mend the file, then run onward again
    "#,
    );
}

#[test]
fn every_kind_of_quote_comes_through() {
    let text = "CREATE TABLE t (x text);
INSERT INTO t VALUES ('semi;colon'), (E'tab\\tand \\' quote'), (U&'d\\0061t\\+000061'), ($$dollar;$$), ($a$ $b$ ; $b$ $a$);
/* a /* nested ; */ comment ; */
INSERT INTO t VALUES ('a'
  'b'); -- two parts; one text
CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC
  SELECT CASE WHEN true THEN 'x;' END;
END;
INSERT INTO t SELECT f();
INSERT INTO t SELECT 'op' WHERE 5<> -3 AND 1<>2--comment;
;
";
    let database = check(&Project::new().migration("1_t.sql", text), &["1_t.sql"]);
    let expected = [
        "semi;colon",
        "tab\tand ' quote",
        "data",
        "dollar;",
        " $b$ ; $b$ ",
        "ab",
        "x;",
        "op",
    ];
    assert_eq!(database.query("SELECT x FROM t"), expected);
}

#[test]
fn strings_are_read_by_the_rule_in_force() {
    let text = "CREATE TABLE t (x text);
INSERT INTO t VALUES ('a\\');
SET standard_conforming_strings = off;
INSERT INTO t VALUES ('it\\'s; two');
SET standard_conforming_strings = on;
INSERT INTO t VALUES ('\\');
";
    let project = Project::new()
        .migration("1_t.sql", text)
        .migration("2_u.sql", "INSERT INTO t VALUES ('b\\');");
    let database = check(&project, &["1_t.sql", "2_u.sql"]);
    assert_eq!(
        database.query("SELECT x FROM t"),
        ["a\\", "it's; two", "\\", "b\\"]
    );
}

#[test]
fn a_database_without_standard_strings_reads_files_as_the_standard_says() {
    let database = Database::new();
    database.execute(&format!(
        "ALTER DATABASE {} SET standard_conforming_strings = off",
        database.name
    ));
    let project = Project::new()
        .migration(
            "1_t.sql",
            "CREATE TABLE t (x text);\nINSERT INTO t VALUES ('a\\');",
        )
        .migration("2_it's.sql", "INSERT INTO t VALUES ('b\\');")
        .migration("3_back\\.sql", "INSERT INTO t VALUES ('c\\');");
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(database.query("SELECT x FROM t"), ["a\\", "b\\", "c\\"]);
    assert_eq!(
        database.applied(),
        ["1_t.sql", "2_it's.sql", "3_back\\.sql"]
    );
}

#[test]
fn a_database_of_another_encoding_gets_utf_8() {
    let database = Database::new();
    database.execute(&format!(
        "CREATE DATABASE {}_latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
        database.name
    ));
    let project = Project::new()
        .migration("1_é.sql", "CREATE TABLE t (x text);\nINSERT INTO t VALUES ('café');\nSET client_encoding = 'UTF8';")
        .migration("2_b.sql", "INSERT INTO t VALUES ('crème');");
    let url = database
        .url()
        .replace(&database.name, &format!("{}_latin", database.name));
    project.run_alone("-q").at(&database, &url).gives(0, "", "");
    project.run_alone("").at(&database, &url).gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
    database.execute(&format!("DROP DATABASE {}_latin", database.name));
}
