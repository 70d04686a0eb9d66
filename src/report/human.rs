//! `status` for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::database::survey::Facts;
use crate::error::{Count, Escaped};
use crate::plan::{Entry, Opening, Plan, RowKind, RowStatus, State};
use crate::timeout::Spoken;

/// Where the history stands, in words.
#[derive(Debug)]
pub struct Place<'a> {
    /// Whom the connection string names, without its password.
    pub target: &'a str,
    /// The history table, or why there is none.
    pub history: &'a str,
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
        if let (State::RollingBack, Some(row)) = (entry.state, entry.row)
            && let Some(error) = &row.error_message
        {
            let name = Escaped(entry.filename);
            let _ = writeln!(page, "\nthe way back of {name} failed: {}", Escaped(error));
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
    let mut widths = [0; HEADS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        line(page, row, &widths);
    }
}

fn line(page: &mut String, cells: &Cells, widths: &[usize; HEADS.len()]) {
    let start = page.len();
    for (cell, width) in cells.iter().zip(widths) {
        page.push_str(cell);
        page.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
    }
    let end = page[start..].trim_end().len();
    page.truncate(start + end);
    page.push('\n');
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
        ("rolling back", count(&[State::RollingBack])),
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
