//! What a run will do, decided by one pure function of files, history and goal.
//!
//! `status`, `--dry-run` and `up` show and run the very same value. Nothing here reads, asks or prints.

pub mod adopt;
mod finding;
mod recorded;
pub mod repair;
pub mod rollback;
mod tool;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

pub use finding::{Finding, Severity, Standing};
pub use recorded::{Begun, Recorded, RowKind, RowStatus};
pub use tool::Tool;

use crate::migration::checksum::Checksum;
use crate::migration::execution::{Execution, Manner};
use crate::migration::folder::sorts_through;
use crate::migration::{Files, Migration, Name, SchemaFile, SqlFile};
use crate::sql::hazard;
use crate::sql::name::QualifiedName;
use crate::sql::splitter::Statement;
use crate::sql::statement::Kind;
use crate::sql::target::targets;

/// How far to go, and from where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Goal {
    pub reach: Reach,
    /// `--allow-nonempty`: a database with objects of its own and without history may be migrated from the first file.
    pub nonempty: Nonempty,
}

/// Which of the pending migrations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    #[default]
    All,
    /// Those up to this version.
    To(String),
    /// Just this file, which needs a history.
    Only(String),
}

/// What to do about a history that does not fit the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    #[default]
    /// Disorder is a warning.
    Warn,
    /// Disorder is refused.
    Refuse,
    /// Whatever is a warning otherwise is refused.
    RefuseAll,
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
    /// The history table that exists or would be created.
    pub table: Option<QualifiedName>,
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
    /// Another tool with its tracking table.
    pub foreign: Option<(Tool, String)>,
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
    pub due: Vec<Due<'a>>,
    /// Every file and every row, in file-name order.
    pub entries: Vec<Entry<'a>>,
    /// The row of the schema file.
    pub baseline: Option<&'a Recorded>,
    pub findings: Vec<Finding>,
}

/// A migration to run.
#[derive(Debug, Clone, Copy)]
pub struct Due<'a> {
    pub migration: &'a Migration,
    /// What an earlier attempt has left, where files run step by step.
    pub begun: Begun,
    /// The hash over the steps that it has done.
    pub done_checksum: Option<Checksum>,
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
        contained: Vec<&'a Migration>,
    },
}

/// One line of `status`.
#[derive(Debug)]
pub struct Entry<'a> {
    pub filename: &'a str,
    pub version: &'a str,
    pub description: Cow<'a, str>,
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
    /// Its way back has begun.
    RollingBack,
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
            State::RollingBack => "rolling back",
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
        refusals(&self.findings, strict)
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

/// How many of these findings forbid the run.
#[must_use]
pub fn refusals(findings: &[Finding], strict: Strictness) -> usize {
    findings
        .iter()
        .filter(|finding| finding.severity(strict) == Severity::Refusal)
        .count()
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
        History::Absent(_) if matches!(goal.reach, Reach::Only(_)) => {
            findings.push(Finding::NoHistory);
            (Opening::Nothing, &[])
        }
        History::Absent(absent) => {
            let opening = opening(files, absent, observed.table.as_ref(), goal, &mut findings);
            (opening, &[])
        }
        History::Present(present) => (Opening::Nothing, &present.rows),
    };
    let contents = Contents::of(files.schema.as_ref(), observed.table.as_ref());
    let mut by_name = latest(rows);
    let mut entries = file_entries(files, &mut by_name, &mut findings);
    let due = match observed.history {
        History::Unusable(_) => Vec::new(),
        History::Absent(_) if matches!(goal.reach, Reach::Only(_)) => Vec::new(),
        History::Absent(_) | History::Present(_) => due(files, &opening, &entries, goal),
    };
    findings.extend(only_finding(&entries, &due, &observed.history, goal));
    if let History::Present(_) = observed.history {
        missing(files, &by_name, &contents, &mut entries, &mut findings);
        findings.extend(gap(files, rows));
    }
    for next in due
        .iter()
        .filter(|next| next.migration.file.statements.is_empty())
    {
        findings.push(Finding::Empty {
            path: next.migration.file.path.clone(),
        });
    }
    findings.extend(due.iter().filter_map(resume_finding));
    let rolling_back = rows.iter().filter(|row| row.is_rolling_back());
    findings.extend(rolling_back.map(rollback::unfinished));
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

/// What is to be said of the only file that is wanted.
fn only_finding(entries: &[Entry], due: &[Due], history: &History, goal: &Goal) -> Option<Finding> {
    let (Reach::Only(filename), History::Present(_)) = (&goal.reach, history) else {
        return None;
    };
    if due.is_empty() {
        let entry = entries.iter().find(|entry| entry.filename == filename)?;
        return Some(Finding::NotPending {
            filename: filename.clone(),
            state: entry.state,
        });
    }
    let before = entries
        .iter()
        .take_while(|entry| entry.filename != filename);
    // What is out of order already is told so.
    let left_out: Vec<String> = before
        .filter(|entry| !entry.state.is_applied() && entry.state != State::OutOfOrder)
        .map(|entry| entry.filename.to_owned())
        .collect();
    (!left_out.is_empty()).then(|| Finding::LeavesOut {
        filename: filename.clone(),
        left_out,
    })
}

/// Whether a history of these rows leaves anything to do.
#[must_use]
pub fn has_pending(files: &Files, rows: &[Recorded]) -> bool {
    let applied = rows.iter().filter(|row| row.status == RowStatus::Applied);
    let applied: HashSet<&str> = applied.map(|row| row.filename.as_str()).collect();
    files
        .migrations
        .iter()
        .any(|migration| !applied.contains(migration.name.filename()))
}

/// Those of some migrations that a history of these rows does not hold as applied.
#[must_use]
pub fn unrecorded<'a>(migrations: &[&'a Migration], rows: &[Recorded]) -> Vec<&'a Migration> {
    let applied = rows.iter().filter(|row| row.status == RowStatus::Applied);
    let applied: HashSet<&str> = applied.map(|row| row.filename.as_str()).collect();
    migrations
        .iter()
        .copied()
        .filter(|migration| !applied.contains(migration.name.filename()))
        .collect()
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

/// What a schema file contains.
enum Contents<'a> {
    /// The migrations up to a version.
    Through(&'a str),
    /// The migrations of these versions, by the rows of another tool's table at the end of a dump.
    Versions(HashSet<String>),
    Nothing,
}

impl<'a> Contents<'a> {
    fn of(schema: Option<&'a SchemaFile>, table: Option<&QualifiedName>) -> Contents<'a> {
        match (schema, schema.and_then(SchemaFile::through), table) {
            (_, Some(version), _) => Contents::Through(version),
            (Some(schema), None, Some(table)) => {
                Contents::Versions(schema.recorded_versions(table))
            }
            _ => Contents::Nothing,
        }
    }

    /// The migrations that it holds, in order.
    fn migrations<'f>(&self, files: &'f Files) -> Vec<&'f Migration> {
        match self {
            Contents::Through(version) => files.through(version).iter().collect(),
            Contents::Versions(versions) => {
                let held = |migration: &&Migration| versions.contains(migration.name.version());
                files.migrations.iter().filter(held).collect()
            }
            Contents::Nothing => Vec::new(),
        }
    }

    /// Whether it holds a migration of which only the row is left.
    fn holds(&self, row: &Recorded) -> bool {
        match self {
            Contents::Through(version) => sorts_through(&row.filename, version),
            Contents::Versions(versions) => versions.contains(&row.version),
            Contents::Nothing => false,
        }
    }
}

/// The migrations that the schema file contains, in order.
#[must_use]
pub fn contained<'a>(files: &'a Files, table: Option<&QualifiedName>) -> Vec<&'a Migration> {
    Contents::of(files.schema.as_ref(), table).migrations(files)
}

/// How a database without history begins.
fn opening<'a>(
    files: &'a Files,
    absent: &NoHistory,
    table: Option<&QualifiedName>,
    goal: &Goal,
    findings: &mut Vec<Finding>,
) -> Opening<'a> {
    if let Some((tool, table)) = &absent.foreign {
        findings.push(Finding::Foreign {
            tool: *tool,
            table: table.clone(),
            standing: Standing::Beside(goal.nonempty),
        });
    }
    let legacy = !absent.objects.is_empty();
    let Some(schema) = &files.schema else {
        let refused = goal.nonempty == Nonempty::Refuse && absent.foreign.is_none();
        if legacy && refused && !files.migrations.is_empty() {
            findings.push(Finding::NoBaseline {
                objects: absent.objects.clone(),
            });
        }
        return Opening::CreateHistory;
    };
    if legacy {
        findings.extend(legacy_findings(schema, table));
    }
    let contained = contained(files, table);
    if let (Reach::To(to), Some(last)) = (&goal.reach, contained.last())
        && files
            .through(to)
            .last()
            .is_none_or(|end| end.name < last.name)
    {
        findings.push(Finding::GoalBelowBaseline {
            to: to.clone(),
            through: last.name.version().to_owned(),
        });
    }
    Opening::Baseline { schema, contained }
}

/// The statements of a schema file that would silently change or duplicate what a legacy database holds.
fn legacy_findings(schema: &SchemaFile, table: Option<&QualifiedName>) -> Vec<Finding> {
    let file = &schema.file;
    let left_out =
        |statement: &Statement| table.is_some_and(|table| targets(&file.text, statement, table));
    let mut findings = Vec::new();
    for statement in file
        .statements
        .iter()
        .filter(|statement| !left_out(statement))
    {
        let place = || format!("{}:{}", file.path, file.line_of(statement.start()));
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

/// What forbids to go on with a file whose earlier attempt did not end well.
fn resume_finding(due: &Due) -> Option<Finding> {
    let file = &due.migration.file;
    let filename = due.migration.name.filename().to_owned();
    Some(match obstacle(file, due.begun, due.done_checksum)? {
        Obstacle::StepsChanged { done } => Finding::StepsChanged { filename, done },
        Obstacle::InDoubt { line } => Finding::InDoubt { filename, line },
    })
}

/// Why a file that was begun cannot be taken up.
enum Obstacle {
    /// The steps that are done are others now.
    StepsChanged { done: usize },
    /// The statement at this line may have committed, and must not be repeated unasked.
    InDoubt { line: usize },
}

fn obstacle(file: &SqlFile, begun: Begun, done_checksum: Option<Checksum>) -> Option<Obstacle> {
    let done = begun.steps_done();
    if has_other_steps(file, begun, done_checksum) {
        return Some(Obstacle::StepsChanged { done });
    }
    let Execution::Steps(steps) = &file.execution else {
        return None;
    };
    match (begun, steps.get(done)) {
        (Begun::Died { .. }, Some(step)) if step.manner == Manner::Once => {
            let offset = file
                .statements
                .get(step.statements.start)
                .map_or(0, Statement::start);
            Some(Obstacle::InDoubt {
                line: file.line_of(offset),
            })
        }
        _ => None,
    }
}

/// Whether a file does not begin with the steps that are done of it.
fn has_other_steps(file: &SqlFile, begun: Begun, done_checksum: Option<Checksum>) -> bool {
    let done = begun.steps_done();
    match &file.execution {
        // What failed before its first step was done, or is to begin anew, may as well run as a whole.
        Execution::Transaction { .. } => done > 0 || matches!(begun, Begun::Died { .. }),
        Execution::Steps(_) => done > 0 && done_checksum != Some(file.checksum_of_steps(done)),
    }
}

/// The row that counts for each file name: the applied one; else the last, for a failed attempt is followed by its
/// successor. Rows of the trail count for nothing.
fn latest(rows: &[Recorded]) -> HashMap<&str, &Recorded> {
    let mut by_name: HashMap<&str, &Recorded> = HashMap::with_capacity(rows.len());
    let of_migrations = rows
        .iter()
        .filter(|row| row.filename != SchemaFile::FILENAME);
    for row in of_migrations.filter(|row| row.status.counts()) {
        let known = by_name.entry(&row.filename).or_insert(row);
        if known.status != RowStatus::Applied {
            *known = row;
        }
    }
    by_name
}

/// The state of every file, in order; the rows of files are taken out of `rows`.
fn file_entries<'a>(
    files: &'a Files,
    rows: &mut HashMap<&str, &'a Recorded>,
    findings: &mut Vec<Finding>,
) -> Vec<Entry<'a>> {
    let applied = rows.values().filter(|row| row.status == RowStatus::Applied);
    let newest = applied.map(|row| row.filename.as_str()).max();
    let entry = |migration: &'a Migration| {
        let row = rows.remove(migration.name.filename());
        Entry {
            filename: migration.name.filename(),
            version: migration.name.version(),
            description: migration.description(),
            state: state(migration, row, newest, findings),
            row,
        }
    };
    files.migrations.iter().map(entry).collect()
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
        Some((row, RowStatus::Running)) if row.is_rolling_back() => State::RollingBack,
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

/// Migrations that were squashed into the schema file before this database had them. A version that is no file any more is
/// reached by a row of it, or of anything that sorts after it.
fn gap(files: &Files, rows: &[Recorded]) -> Option<Finding> {
    let through = files.schema.as_ref()?.through()?;
    let is_beyond = |row: &Recorded| match row.filename.as_str() {
        SchemaFile::FILENAME => row.version.as_str() >= through,
        filename => row.version == through || !sorts_through(filename, through),
    };
    let applied = || rows.iter().filter(|row| row.status == RowStatus::Applied);
    if files.has_version(through) || applied().any(is_beyond) {
        return None;
    }
    let migrations = applied().filter(|row| row.filename != SchemaFile::FILENAME);
    Some(Finding::Gap {
        through: through.to_owned(),
        last: migrations.map(|row| row.filename.clone()).max(),
    })
}

/// A row of a file that is done in part and gone.
fn rest_gone(row: &Recorded) -> Finding {
    Finding::RestGone {
        filename: row.filename.clone(),
        done: row.steps_done,
    }
}

/// The rows whose files are gone: done in part; or applied and squashed into the schema file, renamed, deleted, or not yet
/// known to an older release.
fn missing<'a>(
    files: &'a Files,
    rows: &HashMap<&'a str, &'a Recorded>,
    contents: &Contents,
    entries: &mut Vec<Entry<'a>>,
    findings: &mut Vec<Finding>,
) {
    let last_file = files
        .migrations
        .last()
        .map(|migration| migration.name.filename());
    let mut waiting: HashMap<Checksum, &Migration> = HashMap::new();
    for (migration, entry) in files.migrations.iter().zip(entries.iter()) {
        if !entry.state.is_applied() {
            waiting.insert(migration.file.checksum, migration);
        }
    }
    let mut gone: Vec<&Recorded> = rows
        .values()
        .copied()
        .filter(|row| row.status == RowStatus::Applied)
        .collect();
    gone.sort_by(|a, b| a.filename.cmp(&b.filename));
    let mut begun: Vec<&Recorded> = rows
        .values()
        .copied()
        .filter(|row| row.begun() != Begun::Not)
        .collect();
    begun.sort_by(|a, b| a.filename.cmp(&b.filename));
    for row in begun {
        // A way back that has begun is told by its row alone.
        findings.extend((!row.is_rolling_back()).then(|| rest_gone(row)));
        entries.push(Entry {
            filename: &row.filename,
            version: &row.version,
            description: Cow::Borrowed(&row.description),
            state: match row.status {
                _ if row.is_rolling_back() => State::RollingBack,
                RowStatus::Running => State::Running,
                _ => State::Failed,
            },
            row: Some(row),
        });
    }
    let mut newer = Vec::new();
    for row in gone {
        let squashed = row.kind == RowKind::Baseline || contents.holds(row);
        let twin = row.checksum.and_then(|checksum| waiting.remove(&checksum));
        if let Some(migration) = twin {
            // Under its old name it was in order.
            findings.retain(|finding| !matches!(finding, Finding::OutOfOrder { filename, .. } if filename == migration.name.filename()));
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
            description: Cow::Borrowed(&row.description),
            state: State::Missing,
            row: Some(row),
        });
    }
    entries.sort_by(|a, b| a.filename.cmp(b.filename));
    if !newer.is_empty() {
        findings.push(Finding::NewerDatabase { filenames: newer });
    }
}

/// The migrations that are neither applied nor in the baseline to come, up to the goal. `entries` are those of the files.
fn due<'a>(files: &'a Files, opening: &Opening, entries: &[Entry], goal: &Goal) -> Vec<Due<'a>> {
    let within = match &goal.reach {
        Reach::To(version) => files.through(version),
        Reach::All | Reach::Only(_) => &files.migrations,
    };
    let contained: HashSet<&str> = match opening {
        Opening::Baseline { contained, .. } => contained
            .iter()
            .map(|inside| inside.name.filename())
            .collect(),
        Opening::Nothing | Opening::CreateHistory => HashSet::new(),
    };
    let is_wanted = |entry: &Entry| match &goal.reach {
        Reach::Only(filename) => entry.filename == filename,
        Reach::All | Reach::To(_) => true,
    };
    let is_due = |entry: &Entry| {
        is_wanted(entry)
            && !entry.state.is_applied()
            && entry.state != State::RollingBack
            && !contained.contains(entry.filename)
    };
    let pairs = within
        .iter()
        .zip(entries)
        .filter(|(_, entry)| is_due(entry));
    pairs
        .map(|(migration, entry)| Due {
            migration,
            begun: entry.row.map_or(Begun::Not, Recorded::begun),
            done_checksum: entry.row.and_then(|row| row.sql_checksum),
        })
        .collect()
}

#[cfg(test)]
mod tests;
