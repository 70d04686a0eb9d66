//! Keeps the rules of the house: who may import whom, who may print, and what the crate depends on.
#![expect(clippy::unwrap_used, reason = "a test may end at once")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, and the rooms that each may import. Imports point down only.
const ROOMS: &[(&str, &[&str])] = &[
    ("sql", &[]),
    ("error", &[]),
    ("time", &[]),
    ("timeout", &[]),
    ("cli", &["error"]),
    ("program", &["error"]),
    ("migration", &["error", "sql", "time", "timeout"]),
    ("plan", &["error", "migration", "sql", "time"]),
    (
        "database",
        &["error", "migration", "plan", "sql", "time", "timeout"],
    ),
    (
        "settings",
        &[
            "cli",
            "database",
            "error",
            "migration",
            "plan",
            "program",
            "sql",
            "timeout",
        ],
    ),
    (
        "report",
        &["database", "error", "plan", "settings", "time", "timeout"],
    ),
    (
        "command",
        &[
            "cli",
            "database",
            "error",
            "migration",
            "plan",
            "program",
            "report",
            "settings",
            "sql",
            "time",
            "timeout",
        ],
    ),
];

/// What stands in few places only: a word of the source, where it may stand, and why.
const PLACES: &[(&str, &[&str], &str)] = &[
    (
        "postgres::",
        &["src/database/", "src/error.rs"],
        "only the database room speaks to the server",
    ),
    (
        "std::env",
        &["src/main.rs"],
        "the environment enters in main",
    ),
    ("env::", &["src/main.rs"], "the environment enters in main"),
    (
        "std::fs",
        &[
            "src/migration/folder.rs",
            "src/database/tls/files.rs",
            "src/database/owner.rs",
        ],
        "one reader of the project's files, one of certificates, one of the users' names",
    ),
    (
        "fs::",
        &[
            "src/migration/folder.rs",
            "src/main.rs",
            // Certificates are asked for when a session begins: they may be renewed while the program runs.
            "src/database/tls/files.rs",
            // Whose socket it is, /etc/passwd tells.
            "src/database/owner.rs",
        ],
        "files with settings enter in main",
    ),
    (
        "process::Command",
        &["src/program.rs"],
        "one room starts programs",
    ),
    ("stdout()", &["src/report/"], "one room prints"),
    (
        "stderr()",
        &["src/report/", "src/program.rs"],
        "one room prints, and a hook prints where it does",
    ),
    ("process::exit", &[], "main returns the exit code"),
    ("todo!", &[], "what is not built is not there"),
    ("unimplemented!", &[], "what is not built is not there"),
];

const DEPENDENCIES: &[&str] = &[
    "lexopt",
    "postgres",
    // sslrootcert=system: where an operating system keeps its roots differs from one to the next.
    "rustls-native-certs",
    "serde_json",
    "sha2",
    "signal-hook",
    "terminal_size",
    "tokio",
    // TLS with ring, on the stream that is ours; it brings rustls along.
    "tokio-rustls",
];

/// The source files with their lines, tests left out.
fn sources() -> Vec<(String, Vec<String>)> {
    let mut sources = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("tests.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                let lines = code
                    .lines()
                    .map(|line| line.split("//").next().unwrap().to_owned())
                    .collect();
                sources.push((path.to_str().unwrap().to_owned(), lines));
            }
        }
    }
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// `src/plan/finding.rs` and `src/plan.rs` are of the room `plan`.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split(['/', '.']).next().unwrap()
}

/// The rooms that a line imports or names: `crate::plan::…`, `use crate::{plan, …}` is not used here.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap()
    })
}

#[test]
fn imports_point_down_only() {
    for (path, lines) in sources() {
        let from = room(&path);
        if matches!(from, "main" | "lib") {
            continue;
        }
        let (_, allowed) = ROOMS
            .iter()
            .find(|(room, _)| *room == from)
            .unwrap_or_else(|| panic!("{path}: a room that tests/tidy.rs does not know"));
        for (number, line) in lines.iter().enumerate() {
            for to in imports(line) {
                let fine = to == from || allowed.contains(&to);
                assert!(fine, "{path}:{}: {from} may not know {to}", number + 1);
            }
        }
    }
}

#[test]
fn some_things_stand_in_one_place_only() {
    for (path, lines) in sources() {
        for (word, places, reason) in PLACES {
            if places.iter().any(|place| path.starts_with(place)) {
                continue;
            }
            for (number, line) in lines.iter().enumerate() {
                assert!(
                    !line.contains(word) || line.contains("tokio_postgres::"),
                    "{path}:{}: {word} does not belong here: {reason}",
                    number + 1
                );
            }
        }
    }
}

#[test]
fn direct_dependencies_are_few_and_known() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let names: BTreeSet<&str> = section
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim())
        .collect();
    let known: BTreeSet<&str> = DEPENDENCIES.iter().copied().collect();
    assert_eq!(names, known, "\"minimal\" is a promise to the user");
}

#[test]
fn modules_say_what_they_are_for() {
    for (path, _) in sources() {
        let text = fs::read_to_string(Path::new(&path)).unwrap();
        assert!(
            text.starts_with("//! "),
            "{path} begins without saying what it is for"
        );
    }
}

#[test]
fn the_map_stays_short() {
    let map = fs::read_to_string("ARCHITECTURE.md").unwrap();
    assert!(
        map.lines().count() <= 80,
        "ARCHITECTURE.md is longer than 80 lines"
    );
}
