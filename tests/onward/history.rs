//! Files that no longer fit the history: what is said, what is refused, and that nothing runs then.

use crate::support::{Database, Project};

/// A database on which these five files are applied.
pub(crate) fn applied() -> (Project, Database) {
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);\n")
        .migration("002_b.sql", "CREATE TABLE b (x int);\n")
        .migration("003_c.sql", "CREATE TABLE c (x int);\n")
        .migration("004_d.sql", "CREATE TABLE d (x int);\n")
        .migration("005_e.sql", "CREATE TABLE e (x int);\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    (project, database)
}

#[test]
fn a_changed_file_is_refused() {
    let (project, database) = applied();
    project.write("migrations/002_b.sql", "CREATE TABLE b (x int, y int);\n");
    project.write("migrations/006_f.sql", "CREATE TABLE f (x int);\n");
    let before = database.full_dump();
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 002_b.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 002_b.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "--dry-run").gives(
        0,
        r"
        would apply 006_f.sql
        Would apply 1 migration
    ",
        r"
        refused: 002_b.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 002_b.sql
    ",
    );
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        changed  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres
        applied  004_d.sql  d  <when>  <time>  postgres
        applied  005_e.sql  e  <when>  <time>  postgres
        pending  006_f.sql  f

        6 migrations: 5 applied, 1 changed, 1 pending
    ",
        r"
        refused: 002_b.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 002_b.sql
    ",
    );
    project.run(&database, "status --check").gives(
        3,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        changed  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres
        applied  004_d.sql  d  <when>  <time>  postgres
        applied  005_e.sql  e  <when>  <time>  postgres
        pending  006_f.sql  f

        6 migrations: 5 applied, 1 changed, 1 pending
    ",
        r"
        refused: 002_b.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 002_b.sql
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn all_changed_files_are_listed_at_once() {
    let (project, database) = applied();
    for name in ["001_a.sql", "003_c.sql", "005_e.sql"] {
        project.write(&format!("migrations/{name}"), "SELECT 1;\n");
    }
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 001_a.sql
        refused: 003_c.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 003_c.sql
        refused: 005_e.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 005_e.sql
        error: refused, for 3 reasons
          nothing was changed
    ",
    );
}

#[test]
fn a_changed_comment_is_a_warning() {
    let (project, database) = applied();
    project.write(
        "migrations/002_b.sql",
        "-- why\nCREATE   TABLE b /* the second */ (\n    x int\n);\n",
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (5 applied)\n",
        r"
        warning: only comments or layout of 002_b.sql changed after it was applied
          restore the file, or accept the change: onward repair 002_b.sql
    ",
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (5 applied)\n",
        r"
        warning: only comments or layout of 002_b.sql changed after it was applied
          restore the file, or accept the change: onward repair 002_b.sql
    ",
    );
    project.run(&database, "-q").gives(0, "", "");
}

#[test]
fn line_ends_and_a_byte_order_mark_are_no_change() {
    let (project, database) = applied();
    project.write(
        "migrations/002_b.sql",
        "\u{FEFF}CREATE TABLE b (x int);\r\n",
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (5 applied)\n",
        "",
    );
}

#[test]
fn a_missing_file_is_a_warning() {
    let (project, database) = applied();
    project.remove("migrations/002_b.sql");
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (5 applied)\n",
        r"
        warning: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
    ",
    );
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        missing  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres
        applied  004_d.sql  d  <when>  <time>  postgres
        applied  005_e.sql  e  <when>  <time>  postgres

        5 migrations: 5 applied, 1 missing, 0 pending
    ",
        r"
        warning: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
    ",
    );
    project.run(&database, "--strict").gives(
        3,
        "",
        r"
        refused: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "status --check --strict").gives(
        3,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        missing  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres
        applied  004_d.sql  d  <when>  <time>  postgres
        applied  005_e.sql  e  <when>  <time>  postgres

        5 migrations: 5 applied, 1 missing, 0 pending
    ",
        r"
        refused: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
    ",
    );
}

#[test]
fn files_that_the_schema_file_contains_may_go() {
    let (project, database) = applied();
    project.remove("migrations/001_a.sql");
    project.remove("migrations/002_b.sql");
    let project = project.schema(
        "-- onward: baseline through 002\nCREATE TABLE a (x int);\nCREATE TABLE b (x int);\n",
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
    project.remove("migrations/003_c.sql");
    project.run(&database, "--strict").gives(
        3,
        "",
        r"
        refused: 003_c.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 003_c.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_renamed_file_is_refused_with_its_cure() {
    let (project, database) = applied();
    project.rename("migrations/002_b.sql", "migrations/002_better.sql");
    let before = database.full_dump();
    project.run(&database, "").gives(
        3,
        "",
        r"
        refused: 002_better.sql was applied under the name 002_b.sql
          rename it back, or accept the new name: onward repair 002_better.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn a_rolled_back_row_stays_as_the_trail() {
    let (project, database) = applied();
    database.execute("DROP TABLE e; UPDATE schema_migrations SET status = 'rolled_back' WHERE filename = '005_e.sql'");
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 005_e.sql\n",
        "applied 005_e.sql (<time>)\n",
    );
    assert_eq!(
        database
            .query("SELECT status FROM schema_migrations WHERE filename = '005_e.sql' ORDER BY id"),
        ["rolled_back", "applied"]
    );
}

#[test]
fn a_history_of_a_later_version_is_not_read() {
    let (project, database) = applied();
    database.execute(
        "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_kind_check; \
         UPDATE schema_migrations SET kind = 'dreamt' WHERE filename = '003_c.sql'",
    );
    project.run(&database, "").gives(3, "", r#"
        refused: the history public.schema_migrations: 003_c.sql has kind "dreamt", which this version of onward does not know
          it was written by another version of onward: use that one, or a newer one
        error: refused, for 1 reason
          nothing was changed
    "#);
}

#[test]
fn a_later_version_may_add_columns() {
    let (project, database) = applied();
    database.execute("ALTER TABLE schema_migrations ADD COLUMN note text");
    let project = project.migration("006_f.sql", "CREATE TABLE f (x int);\n");
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 006_f.sql\n",
        "applied 006_f.sql (<time>)\n",
    );
}
