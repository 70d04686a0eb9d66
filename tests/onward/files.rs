//! Files that cannot be used: all of them are named at once, and nothing is connected to.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::Project;

/// Nothing answers there: a run that connects ends with 4.
const NOWHERE: &str = "postgres://postgres@/nowhere?host=/nonexistent";

/// A project whose run ends with 2, with nothing on stdout, and with this on stderr.
#[track_caller]
pub(crate) fn check(project: &Project, stderr: &str) {
    project
        .run_alone("up")
        .env("DATABASE_URL", NOWHERE)
        .gives(2, "", stderr);
}

/// One migration of this text.
#[track_caller]
pub(crate) fn check_text(text: impl AsRef<[u8]>, stderr: &str) {
    check(&Project::new().migration("0001_x.sql", text), stderr);
}

#[test]
fn files_are_read_before_anything_connects() {
    let project = Project::new().migration("0001_x.sql", "SELECT 1;");
    project.run_alone("up").env("DATABASE_URL", NOWHERE).gives(4, "", r"
        error: cannot connect to postgres@/nonexistent:5432/nowhere: error connecting to server: No such file or directory (os error 2)
          check DATABASE_URL, and that the server runs and accepts connections there
    ");
}

#[test]
fn a_fifo_is_no_migration() {
    let project = Project::new();
    let made = Command::new("mkfifo")
        .arg(project.path("migrations/0001_x.sql"))
        .status()
        .unwrap();
    assert!(made.success());
    check(
        &project,
        r"
        migrations/0001_x.sql: not a file but a FIFO, socket or device
          put an ordinary file there, or rename it
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_folder_is_no_file() {
    let project = Project::new();
    std::fs::create_dir(project.path("migrations/0001_x.sql")).unwrap();
    check(
        &project,
        r"
        migrations/0001_x.sql: not a file but a folder
          put an ordinary file there, or rename it
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_device_is_no_migration() {
    let project = Project::new();
    symlink("/dev/null", project.path("migrations/0001_x.sql")).unwrap();
    check(
        &project,
        r"
        migrations/0001_x.sql: not a file but a FIFO, socket or device
          put an ordinary file there, or rename it
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_link_is_followed() {
    let project = Project::new().file("elsewhere.sql", "SELECT 1; COMMIT;");
    symlink("../elsewhere.sql", project.path("migrations/0001_x.sql")).unwrap();
    check(
        &project,
        r"
        migrations/0001_x.sql:1: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_link_may_dangle() {
    let project = Project::new();
    symlink("gone/away.sql", project.path("migrations/0001_x.sql")).unwrap();
    symlink("gone.sql", project.path("schema.sql")).unwrap();
    check(
        &project,
        r"
        migrations/0001_x.sql: a link to gone/away.sql, which does not exist
          mend the link or remove it
        schema.sql: a link to gone.sql, which does not exist
          mend the link or remove it
          mend the files; nothing was run
    ",
    );
}

#[test]
fn links_may_go_round_in_a_circle() {
    let project = Project::new();
    symlink("0001_x.sql", project.path("migrations/0001_x.sql")).unwrap();
    check(
        &project,
        r"
        migrations/0001_x.sql: cannot be read: Too many levels of symbolic links (os error 40)
          check its permissions
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_file_may_be_unreadable() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new().migration("0001_x.sql", "SELECT 1;");
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(project.path("migrations/0001_x.sql"), closed).unwrap();
    project
        .run_alone("up")
        .env("DATABASE_URL", NOWHERE)
        .without_privileges()
        .gives(
            2,
            "",
            r"
            migrations/0001_x.sql: cannot be read: Permission denied (os error 13)
              check its permissions
              mend the files; nothing was run
        ",
        );
}

#[test]
fn a_folder_may_be_missing() {
    check(
        &Project::empty(),
        r"
        migrations: does not exist
          create it, or name another one: --dir for the folder, --schema for the schema file
          mend the files; nothing was run
    ",
    );
    let project = Project::empty();
    project
        .run_alone("up --dir db/mig")
        .env("DATABASE_URL", NOWHERE)
        .gives(
            2,
            "",
            r"
        db/mig: does not exist
          create it, or name another one: --dir for the folder, --schema for the schema file
          mend the files; nothing was run
    ",
        );
    let project = Project::empty().file("migrations", "a file");
    check(
        &project,
        r"
        migrations: cannot be read: Not a directory (os error 20)
          check its permissions
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_schema_file_that_was_named_must_be_there() {
    let project = Project::new();
    project
        .run_alone("up --schema db.sql")
        .env("DATABASE_URL", NOWHERE)
        .gives(
            2,
            "",
            r"
        db.sql: does not exist
          create it, or name another one: --dir for the folder, --schema for the schema file
          mend the files; nothing was run
    ",
        );
}

#[test]
fn a_badly_named_file_is_told_its_name() {
    let project = Project::new()
        .migration("users.sql", "SELECT 1;")
        .migration("v1_users.sql", "SELECT 1;")
        .migration("001.sql", "SELECT 1;")
        .migration("002users.sql", "SELECT 1;");
    check(
        &project,
        r"
        migrations/001.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/002users.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/users.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/v1_users.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_way_back_needs_its_migration() {
    check(
        &Project::new().migration("001_a.down.sql", "DROP TABLE a;"),
        r"
        migrations/001_a.down.sql: a way back without its migration
          it needs 001_a.sql or 001_a.up.sql beside it
          mend the files; nothing was run
    ",
    );
}

#[test]
fn two_migrations_do_not_share_a_way_back() {
    for (first, second, names) in [
        ("001_a.sql", "001_a.up.sql", "001_a.sql and 001_a.up.sql"),
        ("001_a/up.sql", "001_a.sql", "001_a and 001_a.sql"),
    ] {
        let project = Project::new()
            .migration(first, "CREATE TABLE a (x int);")
            .migration(second, "CREATE TABLE b (x int);")
            .migration("001_a.down.sql", "DROP TABLE a;");
        check(
            &project,
            &format!(
                "migrations/001_a.down.sql: it would be the way back of two migrations, {names}\n  \
                 give one of them another name, and each a way back of its own\n  \
                 mend the files; nothing was run\n"
            ),
        );
    }
}

#[test]
fn a_numbered_folder_needs_its_migration() {
    check(
        &Project::new().migration("001_a/readme.md", "x"),
        r"
        migrations/001_a: a numbered folder holds neither up.sql nor migration.sql
          put the migration there, or begin the folder's name with _ to have it ignored
          mend the files; nothing was run
    ",
    );
}

#[test]
fn a_strange_name_is_printed_escaped() {
    let project = Project::new()
        .migration("1_a\nb.sql", "COMMIT;")
        .migration("2_\u{1b}[31mred.sql", "COMMIT;")
        .migration("3_it's \"quoted\".sql", "COMMIT;")
        .migration("bad\r\u{7}.sql", "SELECT 1;");
    check(
        &project,
        r#"
        migrations/bad\r\x07.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/1_a\nb.sql:1: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
        migrations/2_\x1b[31mred.sql:1: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
        migrations/3_it's "quoted".sql:1: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
          mend the files; nothing was run
    "#,
    );
}

#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = Project::new();
    let name = std::ffi::OsStr::from_bytes(b"1_caf\xe9.sql");
    std::fs::write(project.path("migrations").join(name), "SELECT 1;").unwrap();
    check(
        &project,
        r"
        migrations/1_caf�.sql: the file name is not UTF-8
          rename the file
          mend the files; nothing was run
    ",
    );
}

#[test]
fn all_faults_of_all_files_are_listed() {
    let project = Project::new()
        .migration("0001_good.sql", "SELECT 1;")
        .migration("0002_open.sql", "SELECT 'x;\n")
        .migration("0003_nul.sql", b"\0")
        .migration("0004_commit.sql", "SELECT 1;\nCOMMIT;\n")
        .migration("named.sql", "SELECT 1;")
        .schema("\\i all.sql\n");
    symlink("gone", project.path("migrations/0005_link.sql")).unwrap();
    check(
        &project,
        r"
        migrations/named.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/0002_open.sql:1: unterminated quoted string begins here
          close it; nothing of the file was run
        migrations/0003_nul.sql:1: a NUL byte (byte 0 of the file)
          save the file as UTF-8 text
        migrations/0004_commit.sql:2: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
        migrations/0005_link.sql: a link to gone, which does not exist
          mend the link or remove it
        schema.sql:1: \i includes another file, as only psql can
          put its statements here, or make that file a migration
          mend the files; nothing was run
    ",
    );
    project.run_alone("status").env("DATABASE_URL", NOWHERE).gives(2, "", r"
        migrations/named.sql: the name of a migration begins with its number
          name it like 0001_users.sql (digits, _ or -, a name), or begin the name with _ to have it ignored
        migrations/0002_open.sql:1: unterminated quoted string begins here
          close it; nothing of the file was run
        migrations/0003_nul.sql:1: a NUL byte (byte 0 of the file)
          save the file as UTF-8 text
        migrations/0004_commit.sql:2: COMMIT without a BEGIN before it
          every file runs in a transaction that onward begins and commits: remove the statement
        migrations/0005_link.sql: a link to gone, which does not exist
          mend the link or remove it
        schema.sql:1: \i includes another file, as only psql can
          put its statements here, or make that file a migration
          mend the files; nothing was run
    ");
}
