//! What `rollback` will do, decided by a pure function of files, ways back, history and goal.

use std::cmp::Reverse;

use super::{
    Begun, Finding, History, Observed, Obstacle, Recorded, RowStatus, obstacle, rest_gone,
    write_findings,
};
use crate::migration::folder::WaysBack;
use crate::migration::{Files, Migration, SchemaFile, SqlFile};

/// How far to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// So many migrations, the newest first.
    Last(usize),
    /// What is still applied of these, the newest first. A number would mean others after each that is done.
    These(Vec<String>),
    /// All whose names sort after those of this version.
    After(String),
}

/// The plan: whose ways back to run, in order, and what must be said.
#[derive(Debug, Default)]
pub struct Rollback<'a> {
    pub undoing: Vec<Undo<'a>>,
    pub findings: Vec<Finding>,
}

/// A way back to run.
#[derive(Debug, Clone, Copy)]
pub struct Undo<'a> {
    pub migration: &'a Migration,
    pub way_back: &'a SqlFile,
    /// What an earlier attempt has left, where it runs step by step.
    pub begun: Begun,
}

/// The rows of migrations that are applied, or whose way back has begun; the newest first.
fn standing(rows: &[Recorded]) -> Vec<&Recorded> {
    let is_standing = |row: &&Recorded| {
        row.filename != SchemaFile::FILENAME
            && (row.status == RowStatus::Applied || row.is_rolling_back())
    };
    let mut standing: Vec<&Recorded> = rows.iter().rev().filter(is_standing).collect();
    // What was begun is finished first.
    standing.sort_by_key(|row| (!row.is_rolling_back(), Reverse(row.place)));
    standing
}

fn rows(observed: &Observed) -> &[Recorded] {
    match &observed.history {
        History::Present(present) => &present.rows,
        History::Absent(_) | History::Unusable(_) => &[],
    }
}

/// How many migrations are applied.
#[must_use]
pub fn applied(observed: &Observed) -> usize {
    standing(rows(observed)).len()
}

/// Whether a file is neither applied nor being rolled back.
#[must_use]
pub fn is_gone(observed: &Observed, filename: &str) -> bool {
    let rows = standing(rows(observed));
    !rows.iter().any(|row| row.filename == filename)
}

/// Whether a migration has this version, or had it when it was applied.
#[must_use]
pub fn knows_version(files: &Files, observed: &Observed, version: &str) -> bool {
    files.has_version(version) || rows(observed).iter().any(|row| row.version == version)
}

/// The rows that the goal asks for, in the order in which they go.
#[must_use]
pub fn wanted<'a>(files: &Files, observed: &'a Observed, goal: &Goal) -> Vec<&'a Recorded> {
    let standing = standing(rows(observed));
    match goal {
        Goal::Last(count) => standing.into_iter().take(*count).collect(),
        Goal::These(names) => standing
            .into_iter()
            .filter(|row| names.contains(&row.filename))
            .collect(),
        Goal::After(version) => {
            let last = last_of(files, rows(observed), version);
            let after = |row: &&Recorded| last.is_none_or(|last| row.filename.as_str() > last);
            standing.into_iter().filter(after).collect()
        }
    }
}

/// The last name, by its bytes, that has this version.
fn last_of<'n>(files: &'n Files, rows: &'n [Recorded], version: &str) -> Option<&'n str> {
    let of_files = files.migrations.iter().map(|migration| &migration.name);
    let of_files = of_files.map(|name| (name.version(), name.filename()));
    let of_rows = rows
        .iter()
        .filter(|row| row.filename != SchemaFile::FILENAME)
        .map(|row| (row.version.as_str(), row.filename.as_str()));
    let named = of_files.chain(of_rows).filter(|(v, _)| *v == version);
    named.map(|(_, filename)| filename).max()
}

/// The migrations of these rows, of which there is still a file.
pub fn migrations<'a>(
    files: &'a Files,
    wanted: &[&Recorded],
) -> impl Iterator<Item = &'a Migration> {
    wanted.iter().filter_map(|row| file_of(files, row))
}

fn file_of<'a>(files: &'a Files, row: &Recorded) -> Option<&'a Migration> {
    let is_it = |migration: &&Migration| migration.name.filename() == row.filename;
    files.migrations.iter().find(is_it)
}

/// Decides what is to be rolled back. `ways` are the ways back of all that is wanted.
#[must_use]
pub fn rollback<'a>(
    files: &'a Files,
    ways: &'a WaysBack,
    observed: &Observed,
    goal: &Goal,
) -> Rollback<'a> {
    let mut plan = Rollback::default();
    if let History::Unusable(finding) = &observed.history {
        plan.findings.push(finding.clone());
        return plan;
    }
    let wanted = wanted(files, observed, goal);
    plan.findings
        .extend(order_findings(files, observed, goal, &wanted));
    for row in &wanted {
        match undo(files, ways, row) {
            Ok(undo) => {
                plan.findings.extend(way_finding(&undo, row));
                plan.undoing.push(undo);
            }
            Err(finding) => plan.findings.push(finding),
        }
    }
    if !wanted.is_empty() {
        plan.findings.extend(write_findings(observed));
    }
    plan
}

/// What forbids to begin with the first of these.
fn order_findings(
    files: &Files,
    observed: &Observed,
    goal: &Goal,
    wanted: &[&Recorded],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let standing = standing(rows(observed));
    if !wanted.is_empty() {
        let rows = rows(observed).iter();
        findings.extend(rows.filter_map(|row| in_part(files, row)));
    }
    match goal {
        Goal::Last(asked) if *asked > standing.len() && !standing.is_empty() => {
            findings.push(Finding::TooFewApplied {
                asked: *asked,
                applied: standing.len(),
            });
        }
        Goal::These(names) if !wanted.is_empty() => {
            let others = standing
                .iter()
                .take(wanted.len())
                .filter(|row| !names.contains(&row.filename));
            findings.extend(others.map(|row| {
                if row.is_rolling_back() {
                    unfinished(row)
                } else {
                    let filename = row.filename.clone();
                    Finding::AppliedMeanwhile { filename }
                }
            }));
        }
        // What stays is being rolled back.
        Goal::After(_) => {
            let begun = standing.iter().filter(|row| row.is_rolling_back());
            let left = begun.filter(|row| !wanted.iter().any(|it| it.filename == row.filename));
            findings.extend(left.map(|row| unfinished(row)));
        }
        Goal::Last(_) | Goal::These(_) => {}
    }
    findings
}

/// A row whose way back has begun, for who wants something else.
#[must_use]
pub fn unfinished(row: &Recorded) -> Finding {
    Finding::RollingBack {
        filename: row.filename.clone(),
        done: row.steps_done,
    }
}

/// A file some of whose effects are in the database stands above all that is applied.
fn in_part(files: &Files, row: &Recorded) -> Option<Finding> {
    let begun = row.begun() != Begun::Not && !row.is_rolling_back();
    begun.then(|| match file_of(files, row) {
        None => rest_gone(row),
        Some(_) => applied_in_part(row),
    })
}

/// A row of a file of which some steps are done, for who needs all or none.
#[must_use]
pub fn applied_in_part(row: &Recorded) -> Finding {
    Finding::AppliedInPart {
        filename: row.filename.clone(),
        done: row.steps_done,
    }
}

/// The way back of a row, or why there is none to run.
fn undo<'a>(files: &'a Files, ways: &'a WaysBack, row: &Recorded) -> Result<Undo<'a>, Finding> {
    let filename = || row.filename.clone();
    let Some(migration) = file_of(files, row) else {
        if row.is_rolling_back() {
            return Err(Finding::RestOfWayBackGone {
                filename: filename(),
                path: None,
            });
        }
        return Err(Finding::NothingToRollBackWith {
            filename: filename(),
        });
    };
    // Of a row whose way back has begun, the checksum tells the steps that are done.
    if !row.is_rolling_back() && is_changed(migration, row) {
        return Err(Finding::Changed {
            filename: filename(),
            applied_at: row.when(),
        });
    }
    let way_back = ways.get(&row.filename).and_then(Option::as_ref);
    let Some(way_back) = way_back else {
        if row.is_rolling_back() {
            return Err(Finding::RestOfWayBackGone {
                filename: filename(),
                path: Some(place(files, migration)),
            });
        }
        return Err(Finding::NoWayBack {
            filename: filename(),
            place: place(files, migration),
        });
    };
    Ok(Undo {
        migration,
        way_back,
        begun: row.begun_back(),
    })
}

fn is_changed(migration: &Migration, row: &Recorded) -> bool {
    let file = &migration.file;
    row.checksum.is_some_and(|sum| sum != file.checksum)
        && row.sql_checksum != Some(file.sql_checksum)
}

/// Where a way back could be written.
fn place(files: &Files, migration: &Migration) -> String {
    let name = &migration.name;
    if name.stem() == name.filename() {
        format!("{}/{}/down.sql", files.dir, name.filename())
    } else {
        format!("{}/{}.down.sql", files.dir, name.stem())
    }
}

/// What is to be said of a way back.
fn way_finding(undo: &Undo, row: &Recorded) -> Option<Finding> {
    let file = undo.way_back;
    let filename = row.filename.clone();
    let path = file.path.clone();
    match obstacle(file, undo.begun, row.sql_checksum) {
        Some(Obstacle::StepsChanged { .. }) => Some(Finding::BackStepsChanged { filename, path }),
        Some(Obstacle::InDoubt { line }) => Some(Finding::BackInDoubt {
            filename,
            place: format!("{path}:{line}"),
        }),
        None if file.statements.is_empty() => Some(Finding::EmptyWayBack { path }),
        None => None,
    }
}
