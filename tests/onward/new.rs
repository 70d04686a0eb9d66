//! `onward new`: the next file, in the style of the folder.

use std::fs;

use crate::support::{Database, Project, dedent};

/// Creates a migration, without a database, and states the one path that is printed and its text.
#[track_caller]
fn check(project: &Project, arguments: &str, path: &str) {
    project
        .run_alone(arguments)
        .gives(0, &format!("{path}\n"), "");
    assert!(project.path(path).is_file());
}

#[test]
fn the_next_file_is_a_migration_to_fill_in() {
    let project = Project::new().migration("0007_a.sql", "SELECT 1;\n");
    check(
        &project,
        "new Add E-mail to users",
        "migrations/0008_add_e_mail_to_users.sql",
    );
    let text = fs::read_to_string(project.path("migrations/0008_add_e_mail_to_users.sql")).unwrap();
    assert_eq!(
        text,
        dedent(
            r"
            -- Description: Add E-mail to users

            -- The SQL of one change. It runs in a transaction, so it needs no BEGIN and no COMMIT.
        "
        )
    );
    check(&project, "create more", "migrations/0009_more.sql");
    check(&project, "new quietly -q", "migrations/0010_quietly.sql");
    let database = Database::new();
    project.run(&database, "").gives(
        0,
        "Applied 4 migrations: 0007_a.sql, 0008_add_e_mail_to_users.sql, 0009_more.sql, 0010_quietly.sql\n",
        r"
        warning: migrations/0008_add_e_mail_to_users.sql holds no statement
        warning: migrations/0009_more.sql holds no statement
        warning: migrations/0010_quietly.sql holds no statement
          it will be recorded as applied; delete it if it is not meant
        applied 0007_a.sql (<time>)
        applied 0008_add_e_mail_to_users.sql (<time>)
        applied 0009_more.sql (<time>)
        applied 0010_quietly.sql (<time>)
    ",
    );
    assert_eq!(
        database.query("SELECT description FROM schema_migrations ORDER BY id"),
        ["a", "Add E-mail to users", "more", "quietly"]
    );
}

#[test]
fn the_folder_is_created_where_there_is_none() {
    let project = Project::empty();
    project.run_alone("new users").gives(
        0,
        "migrations/0001_users.sql\n",
        "notice: created the folder migrations\n",
    );
    project.run_alone("new users --dir db/changes").gives(
        0,
        "db/changes/0001_users.sql\n",
        "notice: created the folder db/changes\n",
    );
    project
        .run_alone("new roles")
        .env("ONWARD_DIR", "db/changes")
        .gives(0, "db/changes/0002_roles.sql\n", "");
}

#[test]
fn the_versions_that_the_schema_file_contains_are_not_given_again() {
    let schema = "-- onward: baseline through 0042\nCREATE TABLE a (x int);\n";
    let project = Project::new().schema(schema);
    check(&project, "new b", "migrations/0043_b.sql");
    let database = Database::new();
    project.run(&database, "-q").outcome().exits(0);
    assert_eq!(
        database.query("SELECT filename FROM schema_migrations WHERE kind = 'migration'"),
        ["0043_b.sql"]
    );
    let project = Project::new()
        .schema(schema)
        .migration("0041_a.sql", "SELECT 1;");
    check(&project, "new b", "migrations/0043_b.sql");
    let project = Project::new().schema("-- onward: baseline through 9\n");
    project.run_alone("new b").gives(
        2,
        "",
        r"
        error: 10_b.sql would count as contained in schema.sql, which is a baseline through 9
          names are ordered byte by byte: number the file yourself, so that it sorts behind
    ",
    );
    assert!(project.migrations().is_empty());
}

#[test]
fn a_way_back_comes_with_it_if_asked_for_or_usual() {
    let project = Project::new();
    project.run_alone("new a --down").gives(
        0,
        "migrations/0001_a.sql\nmigrations/0001_a.down.sql\n",
        "",
    );
    assert_eq!(
        fs::read_to_string(project.path("migrations/0001_a.down.sql")).unwrap(),
        "-- The way back of 0001_a.sql: the SQL that undoes it.\n"
    );
    check(&project, "new b", "migrations/0002_b.sql");
    let project = Project::new()
        .migration("003-a.up.sql", "SELECT 1;")
        .migration("003-a.down.sql", "SELECT 1;");
    project.run_alone("new b").gives(
        0,
        "migrations/004-b.up.sql\nmigrations/004-b.down.sql\n",
        "",
    );
    let project = Project::new().migration("9_a/migration.sql", "SELECT 1;");
    project.run_alone("new b --down").gives(
        0,
        "migrations/10_b/migration.sql\nmigrations/10_b/down.sql\n",
        r"
        warning: 10_b runs before 9_a, because names are ordered byte by byte
          give all numbers the same width
    ",
    );
}

#[test]
fn a_time_is_followed_by_now() {
    let project = Project::new().migration("20251018093000_a.sql", "SELECT 1;");
    let now = |database: &Database| {
        database.value("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')")
    };
    let database = Database::new();
    let before = now(&database);
    let outcome = project.run_alone("new b").outcome();
    let after = now(&database);
    let path = outcome.stdout.trim_end();
    let digits = path
        .strip_prefix("migrations/")
        .and_then(|name| name.strip_suffix("_b.sql"))
        .expect(path);
    assert!(
        before.as_str() <= digits && digits <= after.as_str(),
        "{path}"
    );
    assert!(project.path(path).is_file());
}

#[test]
fn broken_files_are_in_nobodys_way() {
    let project = Project::new()
        .migration("0004_broken.sql", "SELECT 'open")
        .migration("users.sql", b"\xff")
        .migration("0009_x.down.sql", "SELECT 1;")
        .schema("also 'open");
    check(&project, "new b", "migrations/0005_b.sql");
}

#[test]
fn a_numbered_folder_has_taken_its_number_before_it_is_filled() {
    let project = Project::new()
        .migration("0001_a.sql", "SELECT 1;")
        .migration("0002_x/readme.txt", "no migration yet");
    check(&project, "new b", "migrations/0003_b.sql");
    let project = Project::new().migration("0002_x/readme.txt", "no migration yet");
    check(&project, "new b", "migrations/0003_b/up.sql");
}

#[test]
fn a_head_of_the_schema_file_that_cannot_be_read_is_told() {
    let project = Project::new().schema("\n-- onward: baseline trough 0042\n");
    project.run_alone("new b").gives(
        2,
        "",
        r#"
        error: schema.sql:2: unknown directive "baseline trough 0042"
          directives are: no-transaction, lock-timeout 30s, statement-timeout 1h; in the schema file also: baseline through VERSION, idempotent
    "#,
    );
    assert!(project.migrations().is_empty());
}

#[test]
fn what_cannot_be_a_name_is_refused() {
    let project = Project::new();
    project.run_alone("new ../!").gives(
        2,
        "",
        r"
        error: no letter or digit is left for the name
          say in words what the migration does: onward new add users
    ",
    );
    project.run_alone("new").arg(&"x".repeat(300)).gives(
        2,
        "",
        r"
        error: the name is too long: it makes a file name of 314 bytes, and 255 is the most
          say it in fewer words; there is room for all of them in the file
    ",
    );
    assert!(project.migrations().is_empty());
}

#[test]
fn nothing_is_overwritten_and_no_half_of_a_pair_is_left() {
    let project = Project::new().migration("0002_b.down.sql", "-- precious\n");
    project.write("migrations/0001_a.sql", "SELECT 1;");
    project.run_alone("new b --down").gives(
        2,
        "",
        r"
        error: migrations/0002_b.down.sql: exists already
          choose another name
    ",
    );
    assert_eq!(
        fs::read_to_string(project.path("migrations/0002_b.down.sql")).unwrap(),
        "-- precious\n"
    );
    assert!(!project.path("migrations/0002_b.sql").exists());
    let project = Project::empty().file("migrations", "a file");
    project.run_alone("new b").gives(
        2,
        "",
        r"
        error: migrations: cannot be read: Not a directory (os error 20)
          check its permissions
    ",
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let project = Project::new();
    let folder = project.path("migrations");
    let open = fs::metadata(&folder).unwrap().permissions();
    let mut closed = open.clone();
    closed.set_readonly(true);
    fs::set_permissions(&folder, closed).unwrap();
    let outcome = project.run_alone("new b").without_privileges().outcome();
    fs::set_permissions(&folder, open).unwrap();
    outcome.gives(
        2,
        "",
        r"
        error: migrations/0001_b.sql: cannot be written: Permission denied (os error 13)
          check the permissions of its folder, and the room on the disk
    ",
    );
}
