//! What `repair` will do about the files that it is given, decided by a pure function.

use super::{Recorded, RowStatus, has_other_steps};
use crate::migration::folder::WaysBack;
use crate::migration::{Files, Migration};

/// One thing that `repair` does.
#[derive(Debug)]
pub enum Repair<'a> {
    /// The new text of an applied file is accepted.
    Change(&'a Migration),
    /// An applied file has another name now.
    Name {
        from: &'a str,
        migration: &'a Migration,
    },
    /// The failed attempt of a pending file is forgotten; all of it will run.
    Failure(&'a Migration),
    /// A run died in the middle of the file; it will go on at the first step that is not recorded as done.
    Death {
        migration: &'a Migration,
        steps_done: usize,
    },
    /// A run died in the middle of the way back; it will go on at the first step that is not recorded as done.
    WayBackDeath {
        migration: &'a Migration,
        steps_done: usize,
    },
    /// The way back was begun and is another now; all of it will run.
    WayBackChange(&'a Migration),
    /// There is nothing to repair.
    Nothing(&'a Migration),
}

/// What is to be done about `filename`; none if there is no such file. `ways` are the ways back that have begun.
#[must_use]
pub fn repair<'a>(
    files: &'a Files,
    ways: &WaysBack,
    rows: &'a [Recorded],
    filename: &str,
) -> Option<Repair<'a>> {
    let migration = files
        .migrations
        .iter()
        .find(|migration| migration.name.filename() == filename)?;
    let row = rows
        .iter()
        .rfind(|row| row.filename == filename && row.status != RowStatus::RolledBack);
    if let Some(row) = row.filter(|row| row.is_rolling_back()) {
        let way_back = ways.get(filename).and_then(Option::as_ref);
        return Some(match way_back {
            Some(file) if !has_other_steps(file, row.begun_back(), row.sql_checksum) => {
                Repair::WayBackDeath {
                    migration,
                    steps_done: row.steps_done,
                }
            }
            _ => Repair::WayBackChange(migration),
        });
    }
    Some(match row.map(|row| (row, row.status)) {
        Some((row, RowStatus::Applied))
            if row.checksum.as_ref() != Some(&migration.file.checksum) =>
        {
            Repair::Change(migration)
        }
        Some((_, RowStatus::Applied | RowStatus::RolledBack)) => Repair::Nothing(migration),
        Some((row, RowStatus::Running)) if is_unchanged(migration, row) => Repair::Death {
            migration,
            steps_done: row.steps_done,
        },
        Some((_, RowStatus::Running)) => Repair::Failure(migration),
        pending => match former_name(files, rows, migration) {
            Some(from) => Repair::Name { from, migration },
            None if pending.is_some() => Repair::Failure(migration),
            None => Repair::Nothing(migration),
        },
    })
}

/// Whether the steps that are done are still the beginning of the file.
fn is_unchanged(migration: &Migration, row: &Recorded) -> bool {
    let checksum = migration.file.checksum_of_steps(row.steps_done);
    row.steps_done == 0 || row.sql_checksum.as_ref() == Some(&checksum)
}

/// The name of an applied file that is gone and had this very text.
fn former_name<'a>(files: &Files, rows: &'a [Recorded], migration: &Migration) -> Option<&'a str> {
    let gone = |row: &&Recorded| {
        row.status == RowStatus::Applied
            && row.checksum.as_ref() == Some(&migration.file.checksum)
            && !files
                .migrations
                .iter()
                .any(|file| file.name.filename() == row.filename)
    };
    rows.iter().find(gone).map(|row| row.filename.as_str())
}
