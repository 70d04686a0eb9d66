//! Runs the commands of the README and of docs/guide.md as a reader would, each on a database of its own.
#![expect(clippy::unwrap_used, reason = "a test may end at once")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

const RUN: &str = "<!-- run -->\n```sh\n";
const PRINTS: &str = "<!-- prints -->\n```text\n";
/// Stands in the output before what each block prints.
const MARK: &str = "\u{1}block\n";

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("no server ({name} is not set): run make test"))
}

/// A shell block that is marked to be run.
struct Block {
    script: String,
    /// What it prints, where the text tells that.
    prints: Option<String>,
}

/// The marked blocks of a page, in order.
fn marked_blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let inside = |rest: &str| rest.split_once("```").unwrap().0.to_owned();
    let blocks: Vec<Block> = text
        .split(RUN)
        .skip(1)
        .map(|rest| Block {
            script: inside(rest),
            prints: rest.split_once(PRINTS).map(|(_, shown)| inside(shown)),
        })
        .collect();
    let prints = |block: &&Block| block.prints.is_some();
    assert_eq!(
        (
            text.matches("<!-- run -->").count(),
            text.matches("<!-- prints -->").count()
        ),
        (blocks.len(), blocks.iter().filter(prints).count()),
        "{page}: a mark that no block follows, or two outputs of one block"
    );
    blocks
}

/// Runs the blocks one after the other in one shell, an empty folder and an empty database; what each of them prints.
fn run(blocks: &[Block], database: &str) -> Vec<String> {
    let (socket, port) = (variable("ONWARD_TEST_SOCKET"), variable("ONWARD_TEST_PORT"));
    let programs = variable("ONWARD_TEST_BIN");
    let create = Command::new(Path::new(&programs).join("createdb"))
        .args(["-h", &socket, "-p", &port, "-U", "postgres", database])
        .status()
        .unwrap();
    assert!(create.success());
    let binary = Path::new(env!("CARGO_BIN_EXE_onward"));
    let path = format!(
        "{}:{programs}:{}",
        binary.parent().unwrap().display(),
        env::var("PATH").unwrap()
    );
    let scripts = blocks
        .iter()
        .map(|block| format!("printf '\\1block\\n'\n{}", block.script));
    let script = scripts.collect::<Vec<_>>().concat();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder.path())
        .env("PATH", path)
        .env(
            "DATABASE_URL",
            format!("postgres:///{database}?host={socket}&port={port}&user=postgres"),
        )
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    stdout.split(MARK).skip(1).map(str::to_owned).collect()
}

/// The text with `(…)` for each duration in parentheses.
fn without_durations(text: &str) -> String {
    let is_duration = |inside: &str| {
        inside.split_once(' ').is_some_and(|(number, unit)| {
            number.parse::<f64>().is_ok() && ["ms", "s"].contains(&unit)
        })
    };
    let mut pieces = text.split('(');
    let mut redacted = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(')') {
            Some((inside, rest)) if is_duration(inside) => {
                redacted.push_str("(…)");
                redacted.push_str(rest);
            }
            _ => {
                redacted.push('(');
                redacted.push_str(piece);
            }
        }
    }
    redacted
}

#[test]
fn the_first_migration_of_the_readme_works() {
    let blocks = marked_blocks("README.md");
    assert_eq!(blocks.len(), 2, "the blocks of the README were not found");
    let printed = run(&blocks, "readme").concat();
    let expected = [
        "Applied 1 migration: 0001_users.sql\n",
        "would apply 0002_display_name.sql\nWould apply 1 migration\n",
        "Applied 1 migration: 0002_display_name.sql\n",
        "2 migrations: 2 applied, 0 pending\n",
    ];
    for part in expected {
        assert!(printed.contains(part), "{part:?} is not in:\n{printed}");
    }
}

#[test]
fn the_recipes_of_the_guide_print_what_it_says() {
    let blocks = marked_blocks("docs/guide.md");
    assert!(blocks.len() >= 12, "blocks of the guide were not found");
    let printed = run(&blocks, "shop");
    assert_eq!(printed.len(), blocks.len());
    for (block, printed) in blocks.iter().zip(&printed) {
        if let Some(prints) = &block.prints {
            assert_eq!(
                without_durations(printed),
                without_durations(prints),
                "of\n{}",
                block.script
            );
        }
    }
}
