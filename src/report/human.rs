//! `status` for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use super::table;
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
    /// The columns of the terminal that reads it; a file or a pipe has no end.
    pub columns: Option<usize>,
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
    for row in table::aligned(&rows) {
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
        listing(&mut page, &plan.entries, place.columns);
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

/// Where the description stands among the cells.
const DESCRIPTION: usize = 2;
/// A description is not cut below this.
const LEAST: usize = 11;

/// The cells of a line of the table.
type Cells<'a> = [Cow<'a, str>; 6];

/// The table. Where a terminal is too narrow, descriptions are cut; where that is not enough, each migration has two
/// lines. Nothing else is cut: names are there to be copied.
fn listing(page: &mut String, entries: &[Entry], columns: Option<usize>) {
    let columns = columns.unwrap_or(usize::MAX);
    let mut rows: Vec<Cells> = std::iter::once(HEADS.map(Cow::Borrowed))
        .chain(entries.iter().map(cells))
        .collect();
    let widths = table::widths(&rows);
    let excess = table::total(&widths).saturating_sub(columns);
    let room = widths[DESCRIPTION].saturating_sub(excess);
    if excess > 0 && room < LEAST {
        for row in &rows {
            fold(page, row, widths[0], columns);
        }
        return;
    }
    for row in &mut rows {
        if let Cow::Owned(cut) = table::cut(&row[DESCRIPTION], room) {
            row[DESCRIPTION] = Cow::Owned(cut);
        }
    }
    for line in table::aligned(&rows) {
        page.extend([&line, "\n"]);
    }
}

/// A row as two lines: state and file; then what else there is, the description last. It has a line of its own if there
/// is no room for it.
fn fold(page: &mut String, row: &Cells, state_width: usize, columns: usize) {
    let [state, file, description, rest @ ..] = row;
    let pad = " ".repeat(state_width - table::width(state));
    page.extend([state.as_ref(), &pad, "  ", file, "\n"]);
    let rest = rest.iter().map(AsRef::as_ref);
    let rest: Vec<&str> = rest.filter(|cell: &&str| !cell.is_empty()).collect();
    let rest = rest.join("  ");
    let room = columns.saturating_sub(table::width(&rest) + 4);
    let lines = if rest.is_empty() || room < table::width(description).min(LEAST) {
        [
            rest,
            table::cut(description, columns.saturating_sub(2)).into_owned(),
        ]
    } else {
        [
            format!("{rest}  {}", table::cut(description, room)),
            String::new(),
        ]
    };
    for line in lines.iter().filter(|line| !line.is_empty()) {
        page.extend(["  ", line.trim_end(), "\n"]);
    }
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
        // Nobody knows how wide a tab is.
        Cow::Owned(Escaped(text).to_string().replace('\t', " "))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Recorded;
    use crate::time::Time;

    fn row(filename: &str, by: &str) -> Recorded {
        Recorded {
            filename: filename.to_owned(),
            version: String::new(),
            description: String::new(),
            kind: RowKind::Migration,
            status: RowStatus::Applied,
            checksum: None,
            sql_checksum: None,
            started_at: Time(1_772_446_500),
            applied_at: Some(Time(1_772_446_500)),
            execution_time_ms: Some(12),
            applied_by: by.to_owned(),
            error_message: None,
            steps_done: 0,
            place: 0,
        }
    }

    /// The table of three migrations on a terminal of so many columns; no line is longer.
    fn check(columns: Option<usize>, by: &str, expected: &str) {
        let rows = [
            row("0001_users.sql", by),
            row("0002_a_name_that_is_long.sql", by),
        ];
        let entry = |filename, description, state, row| Entry {
            filename,
            version: "",
            description: Cow::Borrowed(description),
            state,
            row,
        };
        let entries = [
            entry(
                "0001_users.sql",
                "People who can sign in",
                State::Applied,
                Some(&rows[0]),
            ),
            entry(
                "0002_a_name_that_is_long.sql",
                "名前 of all\tof them",
                State::Applied,
                Some(&rows[1]),
            ),
            entry("0003_x.sql", "x", State::OutOfOrder, None),
        ];
        let mut page = String::new();
        listing(&mut page, &entries, columns);
        assert_eq!(page, expected);
        for line in page.lines() {
            assert!(
                table::width(line) <= columns.unwrap_or(usize::MAX),
                "{line}"
            );
        }
    }

    const WHOLE: &str = "\
state         file                          description             applied at            time   by
applied       0001_users.sql                People who can sign in  2026-03-02 10:15:00Z  12 ms  app
applied       0002_a_name_that_is_long.sql  名前 of all of them     2026-03-02 10:15:00Z  12 ms  app
out of order  0003_x.sql                    x
";

    #[test]
    fn where_nothing_ends_nothing_is_cut() {
        check(None, "app", WHOLE);
        check(Some(102), "app", WHOLE);
    }

    #[test]
    fn descriptions_are_cut_first() {
        check(
            Some(89),
            "app",
            "\
state         file                          description  applied at            time   by
applied       0001_users.sql                People who…  2026-03-02 10:15:00Z  12 ms  app
applied       0002_a_name_that_is_long.sql  名前 of al…  2026-03-02 10:15:00Z  12 ms  app
out of order  0003_x.sql                    x
",
        );
    }

    #[test]
    fn a_narrow_terminal_gets_two_lines_for_each() {
        check(
            Some(60),
            "app",
            "\
state         file
  applied at  time  by  description
applied       0001_users.sql
  2026-03-02 10:15:00Z  12 ms  app  People who can sign in
applied       0002_a_name_that_is_long.sql
  2026-03-02 10:15:00Z  12 ms  app  名前 of all of them
out of order  0003_x.sql
  x
",
        );
        check(
            Some(50),
            "app",
            "\
state         file
  applied at  time  by  description
applied       0001_users.sql
  2026-03-02 10:15:00Z  12 ms  app  People who ca…
applied       0002_a_name_that_is_long.sql
  2026-03-02 10:15:00Z  12 ms  app  名前 of all o…
out of order  0003_x.sql
  x
",
        );
    }

    #[test]
    fn names_are_never_cut() {
        check(
            Some(60),
            "a_role_of_a_long_name",
            "\
state         file
  applied at  time  by  description
applied       0001_users.sql
  2026-03-02 10:15:00Z  12 ms  a_role_of_a_long_name
  People who can sign in
applied       0002_a_name_that_is_long.sql
  2026-03-02 10:15:00Z  12 ms  a_role_of_a_long_name
  名前 of all of them
out of order  0003_x.sql
  x
",
        );
    }
}
