//! The schema file on a database that has nothing yet.

use std::fs;

use crate::support::{Database, Project};

fn three() -> Project {
    Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("002_b.sql", "CREATE TABLE b (x int);")
        .migration("003_c.sql", "CREATE TABLE c (x int);")
}

#[test]
fn the_schema_file_says_which_migrations_it_contains() {
    let project = three().schema("-- Description: All tables\n-- onward: baseline through 002\nCREATE TABLE a (x int);\nCREATE TABLE b (x int);\n");
    let database = Database::new();
    project.run(&database, "--dry-run").gives(
        0,
        r"
        would apply schema.sql as the baseline; it contains: 001_a.sql, 002_b.sql
        would apply 003_c.sql
        Would apply 1 migration
    ",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        r"
        applied schema.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
    assert_eq!(
        database.query("SELECT filename, version, description, kind, status, checksum IS NOT NULL FROM schema_migrations ORDER BY id"),
        [
            "schema.sql|002|All tables|baseline|applied|t",
            "001_a.sql|001|a|baseline|applied|t",
            "002_b.sql|002|b|baseline|applied|t",
            "003_c.sql|003|c|migration|applied|t"
        ]
    );
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  schema.sql through 002, applied on <when> by postgres

        state  file  description  applied at  time  by
        baseline  001_a.sql  a  <when>  postgres
        baseline  002_b.sql  b  <when>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres

        3 migrations: 3 applied, 0 pending
    ",
        "",
    );
}

#[test]
fn without_that_line_the_schema_file_precedes_all_migrations() {
    let project = three().schema("CREATE TABLE base (x int);\n");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        r"
        applied schema.sql (<time>)
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "001_a.sql|migration|applied",
            "002_b.sql|migration|applied",
            "003_c.sql|migration|applied"
        ]
    );
}

#[test]
fn the_file_of_that_version_may_be_gone() {
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("0020_c.sql", "CREATE TABLE c (x int);")
        .migration("003_d.sql", "CREATE TABLE d (x int);")
        .schema(
            "-- onward: baseline through 002\nCREATE TABLE a (x int);\nCREATE TABLE c (x int);\n",
        );
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003_d.sql\n",
        r"
        warning: 0020_c.sql runs before 003_d.sql, because names are ordered byte by byte
          give all numbers the same width
        applied schema.sql (<time>)
        applied 003_d.sql (<time>)
    ",
    );
    assert_eq!(
        database.history(),
        [
            "schema.sql|baseline|applied",
            "001_a.sql|baseline|applied",
            "0020_c.sql|baseline|applied",
            "003_d.sql|migration|applied"
        ]
    );
}

#[test]
fn two_files_of_that_version_are_both_contained() {
    let project = three()
        .migration("002_z.sql", "CREATE TABLE z (x int);")
        .schema("-- onward: baseline through 002\nSELECT 1;\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    assert_eq!(
        database.query("SELECT filename FROM schema_migrations WHERE kind = 'migration'"),
        ["003_c.sql"]
    );
}

#[test]
fn a_later_schema_file_is_compared_with_nothing() {
    let project = three().schema(
        "-- onward: baseline through 002\nCREATE TABLE a (x int);\nCREATE TABLE b (x int);\n",
    );
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.write(
        "schema.sql",
        "-- onward: baseline through 003\nINSERT INTO nonsense VALUES (1);\n",
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
    project.remove("schema.sql");
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
}

#[test]
fn a_baseline_that_fails_leaves_nothing() {
    let project = three().schema("CREATE TABLE base (x int);\nCREATE TABLE other (x nonsense);\n");
    let database = Database::new();
    let before = database.full_dump();
    project.run(&database, "").gives(
        1,
        "",
        r#"
        schema.sql:2:23: ERROR: type "nonsense" does not exist (42704)
        2 | CREATE TABLE other (x nonsense);
          |                       ^
        rolled back: schema.sql as a whole, the history table included
        applied before: none
        still pending: schema.sql, 001_a.sql, 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    assert_eq!(database.full_dump(), before);
    project.write("schema.sql", "CREATE TABLE base (x int);\n");
    project.run(&database, "").gives(
        0,
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        r"
        applied schema.sql (<time>)
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
}

#[test]
fn a_plain_create_of_its_own_table_is_a_fault_of_the_file() {
    let project = three().schema("CREATE TABLE base (x int);\nCREATE TABLE base (x int);\n");
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r#"
        schema.sql:2:1: ERROR: relation "base" already exists (42P07)
        2 | CREATE TABLE base (x int);
          | ^
        rolled back: schema.sql as a whole, the history table included
        applied before: none
        still pending: schema.sql, 001_a.sql, 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    assert!(!database.has("schema_migrations"));
}

#[test]
fn a_migration_that_fails_after_the_baseline_leaves_the_baseline() {
    let project = three()
        .schema("CREATE TABLE base (x int);\n")
        .migration("001_a.sql", "SELECT nonsense;");
    let database = Database::new();
    project.run(&database, "").gives(
        1,
        "",
        r#"
        applied schema.sql (<time>)
        migrations/001_a.sql:1:8: ERROR: column "nonsense" does not exist (42703)
        1 | SELECT nonsense;
          |        ^
        rolled back: 001_a.sql as a whole
        applied before: none
        still pending: 001_a.sql, 002_b.sql, 003_c.sql
          mend the file, then run onward again
    "#,
    );
    assert_eq!(
        database.history(),
        ["schema.sql|baseline|applied", "001_a.sql|migration|failed"]
    );
}

#[test]
fn a_schema_file_alone_is_enough() {
    let project = Project::new().schema("CREATE TABLE base (x int);\n");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (0 applied)\n",
        r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
        applied schema.sql (<time>)
    ",
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (0 applied)\n",
        r"
        notice: migrations holds no migrations
          name the first one like 0001_users.sql
    ",
    );
}

#[test]
fn a_schema_file_of_another_name_is_recorded_by_the_usual_one() {
    let project = three().file(
        "db/structure.sql",
        "-- onward: baseline through 003\nCREATE TABLE base (x int);\n",
    );
    let database = Database::new();
    project.run(&database, "--schema db/structure.sql").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "applied schema.sql (<time>)\n",
    );
    assert_eq!(database.history()[0], "schema.sql|baseline|applied");
}

#[test]
fn a_schema_file_may_empty_the_search_path_as_pg_dump_does() {
    let dump = "SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET client_encoding = 'UTF8';\n\
        SELECT pg_catalog.set_config('search_path', '', false);\nSET default_table_access_method = heap;\n\
        CREATE TABLE public.a (x int);\nALTER TABLE public.a OWNER TO postgres;\n";
    let project = three().schema(format!("-- onward: baseline through 001\n{dump}"));
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 002_b.sql, 003_c.sql\n",
        r"
        notice: schema.sql:2: SET statement_timeout = 0 is left out; a migration runs within limits
        notice: schema.sql:3: SET lock_timeout = 0 is left out; a migration runs within limits
        applied schema.sql (<time>)
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
    assert!(database.has("public.b"));
}

#[test]
fn objects_of_extensions_and_elsewhere_do_not_make_a_database_a_legacy() {
    let database = Database::with(
        "CREATE SCHEMA other CREATE TABLE other.t (x int); CREATE SCHEMA extensions",
    );
    // Debian's server comes with some extensions, others with none.
    if database.value("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'") == "1" {
        database.execute("CREATE EXTENSION citext");
    }
    three().run(&database, "").gives(
        0,
        "Applied 3 migrations: 001_a.sql, 002_b.sql, 003_c.sql\n",
        r"
        applied 001_a.sql (<time>)
        applied 002_b.sql (<time>)
        applied 003_c.sql (<time>)
    ",
    );
}

#[test]
fn a_database_that_has_stopped_before_a_squash_is_refused() {
    let database = Database::new();
    let project = Project::new()
        .migration("0001_a.sql", "CREATE TABLE a (id int);")
        .migration("0002_b.sql", "CREATE TABLE b (id int);");
    project.run(&database, "up -q --to 0001").gives(0, "", "");
    let second = fs::read(project.path("migrations/0002_b.sql")).unwrap();
    project.remove("migrations/0001_a.sql");
    project.remove("migrations/0002_b.sql");
    let project = project
        .schema("-- onward: baseline through 0002\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);\n")
        .migration("0003_c.sql", "CREATE TABLE c (id int);");
    project.run(&database, "up").gives(
        3,
        "",
        "
        refused: the schema file contains the migrations through 0002, and their files are gone, but the history of this database ends with 0001_a.sql
          put the files back and apply them to this database; or, if it contains them all, let that line of the schema file name its last migration
        error: refused, for 1 reason
          nothing was changed
        ",
    );
    assert!(!database.has("c"));
    let project = project.migration("0002_b.sql", second);
    project.run(&database, "up -q").gives(0, "", "");
    assert_eq!(
        database.applied(),
        ["0001_a.sql", "0002_b.sql", "0003_c.sql"]
    );
}
