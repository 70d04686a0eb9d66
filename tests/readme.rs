//! Runs the commands of the README as a reader would, on a database of their own.
#![expect(clippy::unwrap_used, reason = "a test may end at once")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("no server ({name} is not set): run make test"))
}

/// The shell blocks of the README that are marked to be run, in order.
fn marked_blocks() -> String {
    let readme = fs::read_to_string("README.md").unwrap();
    let blocks: Vec<&str> = readme
        .split("<!-- run -->\n```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 2, "the blocks of the README were not found");
    blocks.concat()
}

#[test]
fn the_first_migration_of_the_readme_works() {
    let (socket, port) = (variable("ONWARD_TEST_SOCKET"), variable("ONWARD_TEST_PORT"));
    let binary = Path::new(env!("CARGO_BIN_EXE_onward"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        env::var("PATH").unwrap()
    );
    let create = Command::new(Path::new(&variable("ONWARD_TEST_BIN")).join("createdb"))
        .args(["-h", &socket, "-p", &port, "-U", "postgres", "readme"])
        .status()
        .unwrap();
    assert!(create.success());
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args(["-euc", &marked_blocks()])
        .current_dir(folder.path())
        .env("PATH", path)
        .env(
            "DATABASE_URL",
            format!("postgres:///readme?host={socket}&port={port}&user=postgres"),
        )
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let expected = [
        "Applied 1 migration: 0001_users.sql\n",
        "would apply 0002_display_name.sql\nWould apply 1 migration\n",
        "Applied 1 migration: 0002_display_name.sql\n",
        "2 migrations: 2 applied, 0 pending\n",
    ];
    for part in expected {
        assert!(stdout.contains(part), "{part:?} is not in:\n{stdout}");
    }
}
