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
        ["001_a.sql|001|applied", "0020_better.sql|0020|applied"]
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
    assert_eq!(database.history().len(), 2);
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
    project.run(&database, "repair").gives(
        2,
        "",
        r"
        error: repair needs the name of a file
          see onward --help, or onward COMMAND --help
    ",
    );
    project.run(&Database::new(), "repair 001_a.sql").gives(
        3,
        "",
        r"
        refused: this database has no history yet
          create it: onward up, or onward baseline
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
