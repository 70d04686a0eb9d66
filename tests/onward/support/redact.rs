//! What differs from run to run, replaced by its name.

use std::path::Path;

use super::{Database, text};

/// The texts that one run replaces, and what all runs do.
pub(crate) struct Redaction {
    names: Vec<(String, &'static str)>,
}

impl Redaction {
    pub(super) fn new() -> Redaction {
        Redaction { names: Vec::new() }
    }

    pub(super) fn folder(mut self, folder: &Path) -> Redaction {
        self.names
            .push((folder.to_string_lossy().into_owned(), "<folder>"));
        self
    }

    pub(super) fn text(mut self, text: &str, name: &'static str) -> Redaction {
        self.names.push((text.to_owned(), name));
        self
    }

    pub(super) fn database(mut self, database: &Database) -> Redaction {
        let server = format!("{}:{}", database.server.socket, database.server.port);
        self.names.push((server, "<server>"));
        self.names.push((database.name.clone(), "<database>"));
        let version = database.value("SHOW server_version");
        self.names
            .push((format!("PostgreSQL {version}"), "PostgreSQL <version>"));
        self
    }

    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, name) in &self.names {
            text = text.replace(value, name);
        }
        text.split_inclusive('\n').map(line).collect()
    }
}

/// Shapes at the place of which the name stands, digits as `0`; the longest first.
const SHAPES: [(&str, &str); 7] = [
    ("0000-00-00 00:00:00Z", "<when>"),
    ("for 00:00:00", "for <time>"),
    ("after 0.00 s", "after <time>"),
    ("after 0 ms", "after <time>"),
    ("(0 ms)", "(<time>)"),
    ("(0.00 s)", "(<time>)"),
    ("pid 0", "pid <pid>"),
];

fn line(line: &str) -> String {
    let mut redacted = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some((length, name)) = shape(rest) {
            redacted.push_str(name);
            rest = &rest[length..];
        } else {
            redacted.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if redacted.contains("  <when>  ") || redacted.contains("  applied at  ") {
        return table(&redacted);
    }
    redacted
}

fn shape(text: &str) -> Option<(usize, &'static str)> {
    SHAPES
        .iter()
        .find_map(|(shape, name)| Some((matches(text, shape)?, *name)))
}

/// The length of the text's beginning that has this shape. A lone `0` stands for any number.
fn matches(text: &str, shape: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut shape = shape.bytes().peekable();
    while let Some(expected) = shape.next() {
        if expected != b'0' {
            (*bytes.get(at)? == expected).then_some(())?;
            at += 1;
            continue;
        }
        bytes.get(at)?.is_ascii_digit().then_some(())?;
        at += 1;
        if shape.peek() != Some(&b'0') {
            at += bytes[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
        }
    }
    Some(at)
}

/// A line of `status`: the width of its columns depends on the times in them.
fn table(line: &str) -> String {
    let cells: Vec<&str> = line
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    let time = |cell: &&str| {
        if cell.ends_with(" ms") {
            "<time>".to_owned()
        } else {
            (*cell).to_owned()
        }
    };
    cells.iter().map(time).collect::<Vec<_>>().join("  ") + "\n"
}

/// A text as it is written in a test: without the line end that comes first, and without the indentation of its lines.
pub(crate) fn dedent(indented: &str) -> String {
    let Some(lines) = indented.strip_prefix('\n') else {
        return indented.to_owned();
    };
    let indentation = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let blank = |line: &&str| line.trim().is_empty();
    let common = lines
        .lines()
        .filter(|line| !blank(line))
        .map(|line| indentation(&line))
        .min()
        .unwrap_or(0);
    let mut dedented: Vec<&str> = lines
        .split('\n')
        .map(|line| line.get(common..).unwrap_or(""))
        .collect();
    // The last line holds the closing quote.
    if dedented.last().is_some_and(|last| last.trim().is_empty()) {
        dedented.pop();
    }
    text(dedented.into_iter())
}
