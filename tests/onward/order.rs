//! Files whose names or numbers do not fit: the order in which they run, and what is said of it.

use crate::history::applied;
use crate::support::{Database, Project};

#[test]
fn a_database_that_is_newer_than_the_files_is_a_warning() {
    let (project, database) = applied();
    project.remove("migrations/004_d.sql");
    project.remove("migrations/005_e.sql");
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (5 applied)\n",
        r"
        warning: the database is newer than the files, by 2 migrations: 004_d.sql, 005_e.sql
          run the onward of the newer release, with its files
    ",
    );
    project.run(&database, "--strict").gives(
        3,
        "",
        r"
        refused: the database is newer than the files, by 2 migrations: 004_d.sql, 005_e.sql
          run the onward of the newer release, with its files
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn a_file_out_of_order_is_applied_with_a_warning() {
    let (project, database) = applied();
    project.rename("migrations/005_e.sql", "migrations/007_e.sql");
    project
        .run(&database, "repair 007_e.sql -q")
        .gives(0, "", "");
    project.write("migrations/005_late.sql", "CREATE TABLE late (x int);\n");
    project.run(&database, "--strict").gives(
        3,
        "",
        r"
        refused: 005_late.sql is out of order: 007_e.sql is applied already
          number a new file after the newest applied one
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert!(!database.has("late"));
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        applied  002_b.sql  b  <when>  <time>  postgres
        applied  003_c.sql  c  <when>  <time>  postgres
        applied  004_d.sql  d  <when>  <time>  postgres
        out of order  005_late.sql  late
        applied  007_e.sql  e  <when>  <time>  postgres

        6 migrations: 5 applied, 1 pending, 1 out of order
    ",
        r"
        warning: 005_late.sql is out of order: 007_e.sql is applied already
          number a new file after the newest applied one
    ",
    );
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 005_late.sql\n",
        r"
        warning: 005_late.sql is out of order: 007_e.sql is applied already
          number a new file after the newest applied one
        applied 005_late.sql (<time>)
    ",
    );
    assert!(database.has("late"));
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (6 applied)\n",
        "",
    );
}

#[test]
fn everything_is_listed_at_once_and_nothing_runs() {
    let (project, database) = applied();
    project.write("migrations/001_a.sql", "SELECT 1;\n");
    project.write("migrations/003_c.sql", "CREATE TABLE c (x int); -- c\n");
    project.remove("migrations/002_b.sql");
    project.rename("migrations/004_d.sql", "migrations/004_data.sql");
    project.write("migrations/0035_late.sql", "CREATE TABLE late (x int);\n");
    project.write("migrations/006_f.sql", "CREATE TABLE f (x int);\n");
    project.write("migrations/006_g.sql", "CREATE TABLE g (x int);\n");
    project.write("migrations/10_h.sql", "CREATE TABLE h (x int);\n");
    project.write("migrations/9_i.sql", "-- nothing\n");
    let before = database.full_dump();
    project.run(&database, "").gives(
        3,
        "",
        r"
        warning: 0035_late.sql runs before 003_c.sql, because names are ordered byte by byte
          give all numbers the same width
        warning: 006_f.sql and 006_g.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
        warning: 10_h.sql runs before 9_i.sql, because names are ordered byte by byte
          give all numbers the same width
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 001_a.sql
        warning: 0035_late.sql is out of order: 005_e.sql is applied already
          number a new file after the newest applied one
        warning: only comments or layout of 003_c.sql changed after it was applied
          restore the file, or accept the change: onward repair 003_c.sql
        warning: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
        refused: 004_data.sql was applied under the name 004_d.sql
          rename it back, or accept the new name: onward repair 004_data.sql
        warning: migrations/9_i.sql holds no statement
          it will be recorded as applied; delete it if it is not meant
        error: refused, for 2 reasons
          nothing was changed
    ",
    );
    project.run(&database, "--strict").gives(
        3,
        "",
        r"
        warning: 0035_late.sql runs before 003_c.sql, because names are ordered byte by byte
          give all numbers the same width
        refused: 006_f.sql and 006_g.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
        warning: 10_h.sql runs before 9_i.sql, because names are ordered byte by byte
          give all numbers the same width
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 001_a.sql
        refused: 0035_late.sql is out of order: 005_e.sql is applied already
          number a new file after the newest applied one
        warning: only comments or layout of 003_c.sql changed after it was applied
          restore the file, or accept the change: onward repair 003_c.sql
        refused: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
        refused: 004_data.sql was applied under the name 004_d.sql
          rename it back, or accept the new name: onward repair 004_data.sql
        warning: migrations/9_i.sql holds no statement
          it will be recorded as applied; delete it if it is not meant
        error: refused, for 5 reasons
          nothing was changed
    ",
    );
    assert_eq!(database.full_dump(), before);
}

#[test]
fn two_files_with_one_number_both_run() {
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("001_b.sql", "CREATE TABLE b (x int);");
    let database = Database::new();
    project.run(&database, "--strict").gives(
        3,
        "",
        r"
        refused: 001_a.sql and 001_b.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    assert!(!database.has("a"));
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 001_a.sql, 001_b.sql\n",
        r"
        warning: 001_a.sql and 001_b.sql have the same number; they run in this order
          give one of them a number of its own before it is applied anywhere
        applied 001_a.sql (<time>)
        applied 001_b.sql (<time>)
    ",
    );
    assert_eq!(database.applied(), ["001_a.sql", "001_b.sql"]);
}

#[test]
fn names_run_in_byte_order_with_a_warning() {
    let project = Project::new()
        .migration("9_a.sql", "CREATE TABLE a (x int);")
        .migration("10_b.sql", "CREATE TABLE b (x int);");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 2 migrations: 10_b.sql, 9_a.sql\n",
        r"
        warning: 10_b.sql runs before 9_a.sql, because names are ordered byte by byte
          give all numbers the same width
        applied 10_b.sql (<time>)
        applied 9_a.sql (<time>)
    ",
    );
    assert_eq!(database.applied(), ["10_b.sql", "9_a.sql"]);
}
