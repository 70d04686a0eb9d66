//! What a run will do, decided by one pure function of files, history and goal.
//!
//! `status`, `--dry-run` and `up` show and run the very same value. Nothing here reads, asks or prints.

mod finding;
mod recorded;
pub mod repair;

use std::collections::{HashMap, HashSet};

pub use finding::{Finding, Severity, Standing};
pub use recorded::{Recorded, RowKind, RowStatus};

use crate::migration::folder::sorts_through;
use crate::migration::{Files, Migration, Name, SchemaFile};
use crate::sql::hazard;
use crate::sql::statement::Kind;

/// How far to go, and from where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Goal {
    /// The last version to apply; all of them without it.
    pub to: Option<String>,
    /// `--allow-nonempty`: a database with objects of its own and without history may be migrated from the first file.
    pub nonempty: Nonempty,
}

/// What to do about a history that does not fit the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    #[default]
    Warn,
    Refuse,
}

/// What to do about a database that has objects of its own, but no history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nonempty {
    #[default]
    Refuse,
    Allow,
}

/// What was seen in the database.
#[derive(Debug)]
pub struct Observed {
    /// Why nothing can be written there, if so.
    pub read_only: Option<String>,
    pub history: History,
}

/// What was seen of the history table.
#[derive(Debug)]
pub enum History {
    Absent(NoHistory),
    Present(PresentHistory),
    /// There is something in its place that must not be used.
    Unusable(Finding),
}

/// A database that onward has never changed.
#[derive(Debug, Default)]
pub struct NoHistory {
    /// Some of the objects that the database has of its own; empty for an empty database.
    pub objects: Vec<String>,
    /// The tracking table of another tool, with the tool's name.
    pub foreign: Option<(String, String)>,
}

/// The rows of a history table that may be read.
#[derive(Debug)]
pub struct PresentHistory {
    /// The table, qualified.
    pub table: String,
    pub rows: Vec<Recorded>,
    /// What speaks against writing to the table.
    pub distrust: Option<String>,
}

/// The plan: what is due, the state of every migration, and what must be said.
#[derive(Debug)]
pub struct Plan<'a> {
    pub opening: Opening<'a>,
    /// The migrations to run, in order.
    pub due: Vec<&'a Migration>,
    /// Every file and every row, in file-name order.
    pub entries: Vec<Entry<'a>>,
    /// The row of the schema file.
    pub baseline: Option<&'a Recorded>,
    pub findings: Vec<Finding>,
}

/// What comes before the first migration.
#[derive(Debug)]
pub enum Opening<'a> {
    /// There is a history.
    Nothing,
    /// The history table is created; there is no schema file.
    CreateHistory,
    /// The history table is created and the schema file run, in one transaction.
    Baseline {
        schema: &'a SchemaFile,
        contained: &'a [Migration],
    },
}

/// One line of `status`.
#[derive(Debug)]
pub struct Entry<'a> {
    pub filename: &'a str,
    pub version: &'a str,
    pub description: String,
    pub state: State,
    pub row: Option<&'a Recorded>,
}

/// The state of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    /// Pending, but a file that sorts after it is applied.
    OutOfOrder,
    /// Pending; the last attempt failed.
    Failed,
    Running,
    Applied,
    /// Applied, and its SQL is another now.
    Changed,
    /// Applied, and the file is gone.
    Missing,
}

impl State {
    /// Whether the history says that the migration's effects are in the database.
    #[must_use]
    pub fn is_applied(self) -> bool {
        matches!(self, State::Applied | State::Changed | State::Missing)
    }

    /// The word that `status` shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::OutOfOrder => "out of order",
            State::Failed => "failed",
            State::Running => "running",
            State::Applied => "applied",
            State::Changed => "changed",
            State::Missing => "missing",
        }
    }
}

impl Plan<'_> {
    /// Whether the database needs nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty() && matches!(self.opening, Opening::Nothing)
    }

    /// How many findings forbid the run.
    #[must_use]
    pub fn refusals(&self, strict: Strictness) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity(strict) == Severity::Refusal)
            .count()
    }

    /// Whether the history holds this migration as applied.
    #[must_use]
    pub fn is_applied(&self, filename: &str) -> bool {
        let is_it = |entry: &&Entry| entry.filename == filename;
        self.entries
            .iter()
            .find(is_it)
            .is_some_and(|entry| entry.state.is_applied())
    }

    /// How many migrations the history counts as applied.
    #[must_use]
    pub fn applied(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.state.is_applied())
            .count()
    }
}

/// Decides what is to be done.
#[must_use]
pub fn plan<'a>(files: &'a Files, observed: &'a Observed, goal: &Goal) -> Plan<'a> {
    let mut findings = file_findings(files);
    let (opening, rows): (Opening, &[Recorded]) = match &observed.history {
        History::Unusable(finding) => {
            findings.push(finding.clone());
            (Opening::Nothing, &[])
        }
        History::Absent(absent) => {
            let opening = opening(files, absent, goal, &mut findings);
            (opening, &[])
        }
        History::Present(present) => (Opening::Nothing, &present.rows),
    };
    let entries = entries(files, rows, &opening, &mut findings);
    let contained = match opening {
        Opening::Baseline { contained, .. } => contained.len(),
        Opening::Nothing | Opening::CreateHistory => 0,
    };
    let due = match observed.history {
        History::Unusable(_) => Vec::new(),
        History::Absent(_) | History::Present(_) => due(files, contained, &entries, goal),
    };
    let baseline = rows
        .iter()
        .find(|row| row.status == RowStatus::Applied && row.filename == SchemaFile::FILENAME);
    let mut plan = Plan {
        opening,
        due,
        entries,
        baseline,
        findings,
    };
    if !plan.is_empty() {
        plan.findings.extend(write_findings(observed));
    }
    plan
}

/// What forbids to write, which matters only if something is due.
fn write_findings(observed: &Observed) -> Option<Finding> {
    if let Some(reason) = &observed.read_only {
        return Some(Finding::ReadOnly {
            reason: reason.clone(),
        });
    }
    match &observed.history {
        History::Present(PresentHistory {
            table,
            distrust: Some(problems),
            ..
        }) => Some(Finding::Distrusted {
            table: table.clone(),
            problems: problems.clone(),
        }),
        _ => None,
    }
}

/// What the files say of themselves.
fn file_findings(files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    if files.migrations.is_empty() {
        findings.push(Finding::NoMigrations {
            dir: files.dir.clone(),
        });
    }
    for migration in &files.migrations {
        if migration.file.statements.is_empty() {
            findings.push(Finding::Empty {
                path: migration.file.path.clone(),
            });
        }
    }
    for pair in files.migrations.windows(2) {
        let [first, second] = [&pair[0].name, &pair[1].name];
        if Name::number_cmp(first.version(), second.version()).is_gt() {
            findings.push(Finding::NumberOrder {
                first: first.filename().to_owned(),
                second: second.filename().to_owned(),
            });
        } else if first.version() == second.version() {
            findings.push(Finding::SameNumber {
                first: first.filename().to_owned(),
                second: second.filename().to_owned(),
            });
        }
    }
    findings
}

/// How a database without history begins.
fn opening<'a>(
    files: &'a Files,
    absent: &NoHistory,
    goal: &Goal,
    findings: &mut Vec<Finding>,
) -> Opening<'a> {
    if let Some((tool, table)) = &absent.foreign {
        findings.push(Finding::Foreign {
            tool: tool.clone(),
            table: table.clone(),
            standing: Standing::Beside(goal.nonempty),
        });
    }
    let legacy = !absent.objects.is_empty();
    let Some(schema) = &files.schema else {
        if legacy
            && goal.nonempty == Nonempty::Refuse
            && !files.migrations.is_empty()
            && absent.foreign.is_none()
        {
            findings.push(Finding::NoBaseline {
                objects: absent.objects.clone(),
            });
        }
        return Opening::CreateHistory;
    };
    if legacy {
        findings.extend(legacy_findings(schema));
    }
    let contained = files.contained_in_schema();
    if let (Some(to), Some(last)) = (&goal.to, contained.last())
        && files.through(to).len() < contained.len()
    {
        findings.push(Finding::GoalBelowBaseline {
            to: to.clone(),
            through: last.name.version().to_owned(),
        });
    }
    Opening::Baseline { schema, contained }
}

/// The statements of a schema file that would silently change or duplicate what a legacy database holds.
fn legacy_findings(schema: &SchemaFile) -> Vec<Finding> {
    let file = &schema.file;
    let mut findings = Vec::new();
    for statement in &file.statements {
        let place = || format!("{}:{}", file.path, file.line_of(statement.start));
        if matches!(statement.kind, Kind::Do) {
            findings.push(Finding::DoBlock { place: place() });
        } else if !file.header.idempotent
            && let Some(hazard) = hazard::hazard(&file.text, statement)
        {
            findings.push(Finding::Hazard {
                place: place(),
                what: hazard.to_string(),
            });
        }
    }
    findings
}

/// The state of every file and of every row without a file.
fn entries<'a>(
    files: &'a Files,
    rows: &'a [Recorded],
    opening: &Opening,
    findings: &mut Vec<Finding>,
) -> Vec<Entry<'a>> {
    // The last row of a file name counts: a failed attempt is replaced by its successor, a rolled-back one followed.
    let mut by_name: HashMap<&str, &Recorded> = HashMap::with_capacity(rows.len());
    for row in rows
        .iter()
        .filter(|row| row.filename != SchemaFile::FILENAME && row.status != RowStatus::RolledBack)
    {
        by_name.insert(&row.filename, row);
    }
    let newest = by_name
        .values()
        .filter(|row| row.status == RowStatus::Applied)
        .map(|row| row.filename.as_str())
        .max();
    let mut entries: Vec<Entry> = Vec::with_capacity(files.migrations.len());
    for migration in &files.migrations {
        let row = by_name.remove(migration.name.filename());
        let state = state(migration, row, newest, findings);
        entries.push(Entry {
            filename: migration.name.filename(),
            version: migration.name.version(),
            description: migration.description(),
            state,
            row,
        });
    }
    if matches!(opening, Opening::Nothing) {
        missing(files, &by_name, &mut entries, findings);
    }
    entries
}

fn state(
    migration: &Migration,
    row: Option<&Recorded>,
    newest: Option<&str>,
    findings: &mut Vec<Finding>,
) -> State {
    let filename = migration.name.filename();
    match row.map(|row| (row, row.status)) {
        Some((row, RowStatus::Applied)) => {
            if row
                .checksum
                .as_ref()
                .is_none_or(|checksum| *checksum == migration.file.checksum)
            {
                return State::Applied;
            }
            if row.sql_checksum.as_ref() == Some(&migration.file.sql_checksum) {
                findings.push(Finding::LayoutChanged {
                    filename: filename.to_owned(),
                });
                return State::Applied;
            }
            findings.push(Finding::Changed {
                filename: filename.to_owned(),
                applied_at: row.when(),
            });
            State::Changed
        }
        Some((_, RowStatus::Running)) => State::Running,
        row => {
            if let Some(newest) = newest.filter(|newest| filename < *newest) {
                findings.push(Finding::OutOfOrder {
                    filename: filename.to_owned(),
                    newest: newest.to_owned(),
                });
                State::OutOfOrder
            } else if row.is_some() {
                State::Failed
            } else {
                State::Pending
            }
        }
    }
}

/// The applied rows whose files are gone: squashed into the schema file, renamed, deleted, or not yet known to an
/// older release.
fn missing<'a>(
    files: &'a Files,
    rows: &HashMap<&'a str, &'a Recorded>,
    entries: &mut Vec<Entry<'a>>,
    findings: &mut Vec<Finding>,
) {
    let through = files.schema.as_ref().and_then(SchemaFile::through);
    let last_file = files
        .migrations
        .last()
        .map(|migration| migration.name.filename());
    let mut waiting: HashMap<&str, &Migration> = HashMap::new();
    for (migration, entry) in files.migrations.iter().zip(entries.iter()) {
        if !entry.state.is_applied() {
            waiting.insert(&migration.file.checksum, migration);
        }
    }
    let mut gone: Vec<&Recorded> = rows
        .values()
        .copied()
        .filter(|row| row.status == RowStatus::Applied)
        .collect();
    gone.sort_by(|a, b| a.filename.cmp(&b.filename));
    let mut newer = Vec::new();
    for row in gone {
        let squashed = row.kind == RowKind::Baseline
            || through.is_some_and(|version| sorts_through(&row.filename, version));
        let twin = row
            .checksum
            .as_ref()
            .and_then(|checksum| waiting.remove(checksum.as_str()));
        if let Some(migration) = twin {
            findings.push(Finding::Renamed {
                from: row.filename.clone(),
                to: migration.name.filename().to_owned(),
            });
        } else if squashed {
            continue;
        } else if last_file.is_none_or(|last| row.filename.as_str() > last) {
            newer.push(row.filename.clone());
        } else {
            findings.push(Finding::Missing {
                filename: row.filename.clone(),
                applied_at: row.when(),
            });
        }
        entries.push(Entry {
            filename: &row.filename,
            version: &row.version,
            description: row.description.clone(),
            state: State::Missing,
            row: Some(row),
        });
    }
    entries.sort_by(|a, b| a.filename.cmp(b.filename));
    if !newer.is_empty() {
        findings.push(Finding::NewerDatabase { filenames: newer });
    }
}

/// The migrations beyond the first `contained` that are not applied, up to the goal.
fn due<'a>(
    files: &'a Files,
    contained: usize,
    entries: &[Entry<'a>],
    goal: &Goal,
) -> Vec<&'a Migration> {
    let within = goal
        .to
        .as_ref()
        .map_or(&*files.migrations, |version| files.through(version));
    let applied: HashSet<&str> = entries
        .iter()
        .filter(|entry| entry.state.is_applied())
        .map(|entry| entry.filename)
        .collect();
    within
        .iter()
        .skip(contained)
        .filter(|migration| !applied.contains(migration.name.filename()))
        .collect()
}

#[cfg(test)]
mod tests;
