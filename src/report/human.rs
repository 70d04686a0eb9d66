//! `status` for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::database::survey::Facts;
use crate::error::{Count, Escaped};
use crate::plan::{Entry, Opening, Plan, RowKind, RowStatus, State};
use crate::settings::Origin;
use crate::timeout::Spoken;

/// Where the history stands, in words.
#[derive(Debug)]
pub struct Place<'a> {
    /// Whom the connection string names, without its password.
    pub target: &'a str,
    /// The history table, or why there is none.
    pub history: &'a str,
}

/// Where each value of the connection came from.
#[must_use]
pub fn origins(origins: &[Origin]) -> String {
    let cells = |origin: &Origin| {
        let value = Escaped(&origin.value).to_string();
        [origin.keyword.to_owned(), value, origin.source.to_string()].map(Cow::Owned)
    };
    let rows: Vec<[Cow<str>; 3]> = origins.iter().map(cells).collect();
    let mut page = "connection\n".to_owned();
    for row in rows_aligned(&rows) {
        page.extend(["  ", &row, "\n"]);
    }
    page.push('\n');
    page
}

/// The page that `status` prints.
#[must_use]
pub fn status(plan: &Plan, facts: &Facts, place: &Place) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "database  {} ({}, PostgreSQL {})",
        facts.database,
        Escaped(place.target),
        facts.version
    );
    let _ = writeln!(page, "history   {}", place.history);
    let _ = writeln!(page, "baseline  {}", baseline(plan));
    if !plan.entries.is_empty() {
        page.push('\n');
        table(&mut page, &plan.entries);
    }
    for entry in &plan.entries {
        if let (State::Failed | State::OutOfOrder, Some(row)) = (entry.state, entry.row) {
            let error = row.error_message.as_deref().unwrap_or_default();
            let (name, when) = (Escaped(entry.filename), row.when());
            let _ = writeln!(page, "\n{name} failed on {when}: {}", Escaped(error));
        }
    }
    let _ = writeln!(page, "\n{}", totals(plan));
    page
}

fn baseline(plan: &Plan) -> String {
    match (plan.baseline, &plan.opening) {
        (Some(row), _) => {
            let through = if row.version.is_empty() {
                String::new()
            } else {
                format!(" through {}", row.version)
            };
            let verb = if row.kind == RowKind::Marked {
                "recorded"
            } else {
                "applied"
            };
            format!(
                "{}{through}, {verb} on {} by {}",
                row.filename,
                row.when(),
                Escaped(&row.applied_by)
            )
        }
        (None, Opening::Baseline { schema, .. }) => {
            format!("{}, to be applied", Escaped(&schema.file.path))
        }
        (None, Opening::Nothing | Opening::CreateHistory) => "none".to_owned(),
    }
}

const HEADS: [&str; 6] = ["state", "file", "description", "applied at", "time", "by"];

/// The cells of a line of the table.
type Cells<'a> = [Cow<'a, str>; 6];

fn table(page: &mut String, entries: &[Entry]) {
    let rows: Vec<Cells> = std::iter::once(HEADS.map(Cow::Borrowed))
        .chain(entries.iter().map(cells))
        .collect();
    for row in rows_aligned(&rows) {
        page.extend([&row, "\n"]);
    }
}

/// Rows as lines, their columns one below the other.
fn rows_aligned<const N: usize>(rows: &[[Cow<str>; N]]) -> impl Iterator<Item = String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(move |row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        line.truncate(line.trim_end().len());
        line
    })
}

fn cells<'a>(entry: &'a Entry) -> Cells<'a> {
    let row = entry.row.filter(|row| row.status == RowStatus::Applied);
    let state = match (entry.state, row.map(|row| row.kind)) {
        (State::Applied, Some(kind)) if kind != RowKind::Migration => kind.word(),
        (state, _) => state.word(),
    };
    let time = row
        .filter(|row| row.kind == RowKind::Migration)
        .and_then(|row| row.execution_time_ms);
    let owned = |text: Option<String>| Cow::Owned(text.unwrap_or_default());
    [
        Cow::Borrowed(state),
        escaped(entry.filename),
        escaped(&entry.description),
        owned(row.map(|row| row.when().to_string())),
        owned(time.map(|ms| Spoken(Duration::from_millis(ms)).to_string())),
        row.map_or(Cow::Borrowed(""), |row| escaped(&row.applied_by)),
    ]
}

/// A text from outside, as it is if it can be printed so.
fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(Escaped(text).to_string())
    } else {
        Cow::Borrowed(text)
    }
}

/// `10 migrations: 8 applied, 2 pending`
fn totals(plan: &Plan) -> String {
    let count = |states: &[State]| {
        plan.entries
            .iter()
            .filter(|entry| states.contains(&entry.state))
            .count()
    };
    let parts = [
        ("applied", plan.applied()),
        ("changed", count(&[State::Changed])),
        ("missing", count(&[State::Missing])),
        ("running", count(&[State::Running])),
        (
            "pending",
            count(&[State::Pending, State::OutOfOrder, State::Failed]),
        ),
        ("out of order", count(&[State::OutOfOrder])),
        ("failed", count(&[State::Failed])),
    ];
    let mut text = Count(plan.entries.len(), "migration").to_string();
    let mut separator = ": ";
    for (word, number) in parts {
        if number > 0 || matches!(word, "applied" | "pending") {
            let _ = write!(text, "{separator}{number} {word}");
            separator = ", ";
        }
    }
    text
}
