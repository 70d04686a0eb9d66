//! `onward repair`: changed, renamed and failed files.

use crate::support::{Database, Project};

fn applied() -> (Project, Database) {
    let project = Project::new()
        .migration("001_a.sql", "CREATE TABLE a (x int);\n")
        .migration("002_b.sql", "CREATE TABLE b (x int);\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    (project, database)
}

/// What the trail says, its times aside.
#[track_caller]
fn notes(database: &Database) -> Vec<String> {
    database.query(
        "SELECT concat(filename, ': ', regexp_replace(error_message, '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ', 'T')) \
         FROM schema_migrations WHERE status = 'replaced' ORDER BY id",
    )
}

#[test]
fn a_changed_file_is_accepted() {
    let (project, database) = applied();
    project.write("migrations/001_a.sql", "CREATE TABLE a (x bigint);\n");
    let project = project.migration("003_c.sql", "CREATE TABLE c (x int);\n");
    project.run(&database, "-q").gives(
        3,
        "",
        r"
        refused: 001_a.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair 001_a.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "repair 001_a.sql").gives(
        0,
        "accepted the text of 001_a.sql as it is now\n",
        "",
    );
    project
        .run(&database, "repair 001_a.sql")
        .gives(0, "001_a.sql: nothing to repair\n", "");
    project.run(&database, "").gives(
        0,
        "Applied 1 migration: 003_c.sql\n",
        "applied 003_c.sql (<time>)\n",
    );
    assert_eq!(
        database.value("SELECT pg_typeof(x) FROM (SELECT x FROM a UNION ALL SELECT 0) q"),
        "integer",
        "nothing was run"
    );
}

#[test]
fn a_changed_comment_is_accepted_too() {
    let (project, database) = applied();
    project.write(
        "migrations/001_a.sql",
        "CREATE TABLE a (x int); -- the first\n",
    );
    project.run(&database, "repair migrations/001_a.sql").gives(
        0,
        "accepted the text of 001_a.sql as it is now\n",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
}

#[test]
fn a_renamed_file_is_accepted() {
    let (project, database) = applied();
    project.rename("migrations/002_b.sql", "migrations/0020_better.sql");
    project.run(&database, "-q").gives(
        3,
        "",
        r"
        refused: 0020_better.sql was applied under the name 002_b.sql
          rename it back, or accept the new name: onward repair 0020_better.sql
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    project.run(&database, "repair 0020_better.sql").gives(
        0,
        "accepted the name 0020_better.sql for 002_b.sql\n",
        "",
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
    assert_eq!(
        database.query("SELECT filename, version, status FROM schema_migrations ORDER BY id"),
        [
            "001_a.sql|001|applied",
            "0020_better.sql|0020|applied",
            "002_b.sql|002|replaced"
        ]
    );
    assert_eq!(
        notes(&database),
        [
            "002_b.sql: its name 0020_better.sql was accepted by repair, by postgres at T with onward 0.1.0"
        ]
    );
}

#[test]
fn a_failed_attempt_is_forgotten() {
    let (project, database) = applied();
    let project = project.migration("003_c.sql", "SELECT nonsense;\n");
    project.run(&database, "-q").gives(
        1,
        "",
        r#"
        migrations/003_c.sql:1:8: ERROR: column "nonsense" does not exist (42703)
        1 | SELECT nonsense;
          |        ^
        rolled back: 003_c.sql as a whole
        applied before: none
        still pending: 003_c.sql
          mend the file, then run onward again
    "#,
    );
    project.run(&database, "repair 003_c.sql").gives(
        0,
        "forgot the failed attempt of 003_c.sql\n",
        "",
    );
    assert_eq!(database.applied(), ["001_a.sql", "002_b.sql"]);
    assert_eq!(
        notes(&database),
        [
            "003_c.sql: cleared by repair, by postgres at T with onward 0.1.0; it said: column \"nonsense\" does not exist (42703)"
        ]
    );
}

#[test]
fn several_files_are_repaired_at_once_or_not_at_all() {
    let (project, database) = applied();
    project.write("migrations/001_a.sql", "SELECT 1;\n");
    project.write("migrations/002_b.sql", "SELECT 2;\n");
    let before = database.full_dump();
    project.run(&database, "repair 001_a.sql 009_x.sql").gives(
        2,
        "",
        r#"
        error: "009_x.sql" is no migration in migrations
          name a file as onward status shows it
    "#,
    );
    assert_eq!(database.full_dump(), before);
    project.run(&database, "repair 001_a.sql 002_b.sql").gives(
        0,
        r"
        accepted the text of 001_a.sql as it is now
        accepted the text of 002_b.sql as it is now
    ",
        "",
    );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
}

#[test]
fn there_is_nothing_to_repair() {
    let (project, database) = applied();
    let project = project.migration("003_c.sql", "SELECT 1;\n");
    project.run(&database, "repair 001_a.sql 003_c.sql").gives(
        0,
        r"
        001_a.sql: nothing to repair
        003_c.sql: nothing to repair
    ",
        "",
    );
    project
        .run(&database, "repair")
        .gives(0, "nothing to repair\n", "");
    assert!(notes(&database).is_empty());
    project.run(&Database::new(), "repair 001_a.sql").gives(
        3,
        "",
        r"
        refused: this database has no history yet
          create it: onward up; or record what the database contains already: onward baseline --through VERSION
        error: refused, for 1 reason
          nothing was changed
    ",
    );
}

#[test]
fn the_cure_of_a_strange_name_can_be_pasted() {
    let (project, database) = applied();
    let name = "003_it's $HOME.sql";
    project.write(&format!("migrations/{name}"), "SELECT 3;\n");
    project.run(&database, "-q").gives(0, "", "");
    project.write(&format!("migrations/{name}"), "SELECT 4;\n");
    let refused = project.run(&database, "").outcome();
    refused.gives(
        3,
        "",
        r"
        refused: 003_it's $HOME.sql changed after it was applied on <when>
          restore the file, or accept the change: onward repair '003_it'\''s $HOME.sql'
        error: refused, for 1 reason
          nothing was changed
    ",
    );
    let cure = refused
        .stderr
        .lines()
        .find_map(|line| line.split_once("onward repair "))
        .unwrap()
        .1;
    let script = format!("exec \"$0\" \"$@\" {cure}");
    project
        .run(&database, "repair")
        .through("/bin/sh", &["-c", &script])
        .gives(
            0,
            "accepted the text of 003_it's $HOME.sql as it is now\n",
            "",
        );
    project.run(&database, "").gives(
        0,
        "Applied 0 migrations: the database is up to date (3 applied)\n",
        "",
    );
}

#[test]
fn what_could_be_a_connection_string_is_not_repeated() {
    let project = Project::new().migration("001_a.sql", "SELECT 1;");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    for arguments in [
        "repair postgres://u:c4nary@h/db",
        "baseline --through postgres://u:c4nary@h/db",
        "up --to postgres://u:c4nary@h/db",
    ] {
        let outcome = project.run(&database, arguments).outcome();
        outcome.exits(2);
        assert!(!outcome.stderr.contains("c4nary"), "{outcome}");
    }
}

#[test]
fn the_trail_keeps_what_was_accepted_anew() {
    let (project, database) = applied();
    let said = "SELECT checksum, sql_checksum, started_at, applied_at, execution_time_ms, applied_by, tool_version, kind \
        FROM schema_migrations WHERE filename = '001_a.sql' AND status = ";
    let before = database.value(&format!("{said} 'applied'"));
    project.write("migrations/001_a.sql", "CREATE TABLE a (x bigint);\n");
    project.run(&database, "repair -q").gives(0, "", "");
    assert_eq!(database.value(&format!("{said} 'replaced'")), before);
    assert_ne!(database.value(&format!("{said} 'applied'")), before);
    assert_eq!(
        notes(&database),
        ["001_a.sql: its text was accepted anew by repair, by postgres at T with onward 0.1.0"]
    );
    project.run(&database, "status").gives(
        0,
        r"
        database  <database> (postgres@<server>/<database>, PostgreSQL <version>)
        history   public.schema_migrations
        baseline  none

        state  file  description  applied at  time  by
        applied  001_a.sql  a  <when>  <time>  postgres
        applied  002_b.sql  b  <when>  <time>  postgres

        2 migrations: 2 applied, 0 pending
    ",
        "",
    );
    // Rows of the trail are no rows of missing files.
    project.remove("migrations/001_a.sql");
    project.write("migrations/003_a.sql", "CREATE TABLE a (x bigint);\n");
    project.run(&database, "repair -q").gives(0, "", "");
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
}

#[test]
fn without_names_all_that_is_safe_is_repaired() {
    let (project, database) = applied();
    let project = project
        .migration("003_c.sql", "CREATE TABLE c (x int);\n")
        .migration("004_d.sql", "SELECT nonsense;\n");
    project.run(&database, "-q").outcome().exits(1);
    project.write("migrations/001_a.sql", "CREATE TABLE a (x int); -- new\n");
    project.rename("migrations/002_b.sql", "migrations/002_better.sql");
    project.remove("migrations/003_c.sql");
    project.remove("migrations/004_d.sql");
    let before = database.full_dump();
    project.run(&database, "repair --dry-run").gives(
        0,
        r"
        would accept the text of 001_a.sql as it is now
        would accept the name 002_better.sql for 002_b.sql
        would forget the failed attempt of 004_d.sql
    ",
        "",
    );
    assert_eq!(database.full_dump(), before);
    project.run(&database, "repair").gives(
        0,
        r"
        accepted the text of 001_a.sql as it is now
        accepted the name 002_better.sql for 002_b.sql
        forgot the failed attempt of 004_d.sql
    ",
        "",
    );
    for arguments in ["repair", "repair --dry-run"] {
        project
            .run(&database, arguments)
            .gives(0, "nothing to repair\n", "");
    }
    assert_eq!(
        database.applied(),
        ["001_a.sql", "002_better.sql", "003_c.sql"]
    );
}

#[test]
fn a_missing_file_is_removed_only_by_its_name() {
    let (project, database) = applied();
    let project = project.migration("003_c.sql", "CREATE TABLE c (x int);\n");
    project.run(&database, "-q").gives(0, "", "");
    project.remove("migrations/002_b.sql");
    project.run(&database, "--dry-run").gives(
        0,
        "Would apply 0 migrations\n",
        r"
        warning: 002_b.sql was applied on <when>, and the file is missing
          restore the file from version control, or take it out of the history: onward repair 002_b.sql
    ",
    );
    project
        .run(&database, "repair")
        .gives(0, "nothing to repair\n", "");
    project.run(&database, "repair 002_b.sql --dry-run").gives(
        0,
        "would remove 002_b.sql from the history: its file is missing\n",
        "",
    );
    project.run(&database, "repair 002_b.sql 002_b.sql").gives(
        0,
        "removed 002_b.sql from the history: its file is missing\n",
        "",
    );
    assert_eq!(
        notes(&database),
        [
            "002_b.sql: its file was missing, and it was removed by repair, by postgres at T with onward 0.1.0"
        ]
    );
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
    assert!(database.has("b"), "nothing was run");
}

#[test]
fn the_old_name_of_a_renamed_file_means_the_rename() {
    let (project, database) = applied();
    project.rename("migrations/002_b.sql", "migrations/002_better.sql");
    project
        .run(&database, "repair 002_b.sql 002_better.sql")
        .gives(0, "accepted the name 002_better.sql for 002_b.sql\n", "");
    project.run(&database, "--strict").gives(
        0,
        "Applied 0 migrations: the database is up to date (2 applied)\n",
        "",
    );
}

#[test]
fn the_row_of_the_schema_file_is_not_removed() {
    let project = Project::new().schema("CREATE TABLE a (x int);\n");
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    project.remove("schema.sql");
    project.run(&database, "repair schema.sql").gives(
        2,
        "",
        r#"
        error: "schema.sql" is no migration in migrations
          name a file as onward status shows it
    "#,
    );
}

#[test]
fn all_files_may_be_widened_at_once() {
    let names = ["8_a", "9_b"];
    let mut project = Project::new();
    for name in names {
        project = project.migration(&format!("{name}.sql"), format!("CREATE TABLE t_{name} ();"));
    }
    let database = Database::new();
    project.run(&database, "-q").gives(0, "", "");
    for name in names {
        project.rename(
            &format!("migrations/{name}.sql"),
            &format!("migrations/0{name}.sql"),
        );
    }
    project
        .run_alone("new c")
        .gives(0, "migrations/10_c.sql\n", "");
    project.run(&database, "repair").gives(
        0,
        r"
        accepted the name 08_a.sql for 8_a.sql
        accepted the name 09_b.sql for 9_b.sql
    ",
        "",
    );
    project.run(&database, "-q --strict").gives(0, "", "");
    assert_eq!(database.applied(), ["08_a.sql", "09_b.sql", "10_c.sql"]);
}

#[test]
fn files_of_one_text_take_over_one_name_each() {
    let (project, database) = (Project::new(), Database::new());
    project.write("migrations/001_a.sql", "SELECT 1;");
    project.write("migrations/002_b.sql", "SELECT 1;");
    project.run(&database, "-q").gives(0, "", "");
    project.rename("migrations/001_a.sql", "migrations/003_c.sql");
    project.rename("migrations/002_b.sql", "migrations/004_d.sql");
    project.run(&database, "repair").gives(
        0,
        r"
        accepted the name 003_c.sql for 001_a.sql
        accepted the name 004_d.sql for 002_b.sql
    ",
        "",
    );
    assert_eq!(database.applied(), ["003_c.sql", "004_d.sql"]);
}

#[test]
fn a_history_of_before_the_trail_says_how_to_take_it() {
    let (project, database) = applied();
    database.execute(
        "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_status_check, ADD CONSTRAINT \
         schema_migrations_status_check CHECK (status = ANY (ARRAY['applied', 'running', 'failed', 'rolled_back']))",
    );
    project.write("migrations/001_a.sql", "SELECT 1;");
    project.run(&database, "repair").gives(
        3,
        "",
        r#"
        error: cannot repair the history public.schema_migrations: ERROR: new row for relation "schema_migrations" violates check constraint "schema_migrations_status_check" (23514)
          the history table was created before this version, so that its list of states is shorter: drop the check of its column status, then run onward again
    "#,
    );
}

#[test]
fn a_path_is_as_good_as_a_name_where_it_leads_to_the_file() {
    let (project, database) = (Project::new(), Database::new());
    let project = project
        .migration("001_a.sql", "CREATE TABLE a (x int);")
        .migration("003_x/up.sql", "CREATE TABLE b (x int);");
    project.run(&database, "-q").gives(0, "", "");
    project.write("migrations/001_a.sql", "CREATE TABLE a (y int);");
    project.write("migrations/003_x/up.sql", "CREATE TABLE b (y int);");
    project.write("other/001_a.sql", "SELECT 1;");
    for path in ["other/001_a.sql", "/nowhere/001_a.sql"] {
        let said = format!(
            r#"
            error: "{path}" is no migration in migrations
              name a file as onward status shows it
        "#
        );
        project
            .run(&database, &format!("repair {path}"))
            .gives(2, "", &said);
    }
    project
        .run(&database, "repair migrations/003_x/up.sql ./migrations/../migrations/001_a.sql")
        .gives(
            0,
            "accepted the text of 003_x as it is now\naccepted the text of 001_a.sql as it is now\n",
            "",
        );
}
