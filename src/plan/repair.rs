//! What `repair` will do, decided by pure functions.

use super::{Begun, Obstacle, Recorded, RowStatus, obstacle};
use crate::migration::execution::{Execution, Manner};
use crate::migration::folder::WaysBack;
use crate::migration::{Files, Migration, SchemaFile};

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
    /// The failed attempt at a file is forgotten; all of it will run.
    Failure(&'a str),
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
    /// The way back was begun and is another now; all of it will run, and the file stays begun.
    WayBackChange(&'a Migration),
    /// The file is gone, and counts as applied no longer.
    Missing(&'a str),
    /// It was done in part; what to do about the rest is not for us to decide.
    Left(&'a str),
    /// Its way back has begun, and its file is gone.
    Gone(&'a str),
    /// The same, and it was named: it counts as begun no longer.
    Abandoned(&'a str),
    /// Its way back has begun, and the rest of that is gone.
    RestGone(&'a str),
    /// There is nothing to repair.
    Nothing(&'a str),
}

impl Repair<'_> {
    /// The file that it is about.
    #[must_use]
    pub fn filename(&self) -> &str {
        match self {
            Repair::Change(migration)
            | Repair::Name { migration, .. }
            | Repair::WayBackDeath { migration, .. }
            | Repair::WayBackChange(migration)
            | Repair::Death { migration, .. } => migration.name.filename(),
            Repair::Failure(name)
            | Repair::Missing(name)
            | Repair::Left(name)
            | Repair::Gone(name)
            | Repair::Abandoned(name)
            | Repair::RestGone(name)
            | Repair::Nothing(name) => name,
        }
    }

    /// Whether it changes the history.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Repair::Left(_) | Repair::Gone(_) | Repair::RestGone(_) | Repair::Nothing(_)
        )
    }
}

/// What the repairs are planned by.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub files: &'a Files,
    /// The ways back that have begun.
    pub ways: &'a WaysBack,
    pub rows: &'a [Recorded],
}

/// What is to be done about the files of these names.
///
/// # Errors
/// A name that neither the files nor the history know.
pub fn named<'a, 'n>(known: Known<'a>, names: &[&'n str]) -> Result<Vec<Repair<'a>>, &'n str> {
    let mut repairs: Vec<Repair> = Vec::new();
    for name in names {
        let repair = match find(known.files, name) {
            Some(migration) => repair(known, migration, &repairs),
            None => without_file(known, name).ok_or(*name)?,
        };
        if repairs
            .iter()
            .all(|known| known.filename() != repair.filename())
        {
            repairs.push(repair);
        }
    }
    Ok(repairs)
}

/// All that can be done without a word of the user: changed and renamed files are accepted, failed attempts forgotten. What
/// takes a look at the database first is left, and so are the rows of missing files.
#[must_use]
pub fn all(known: Known<'_>) -> Vec<Repair<'_>> {
    let Known { files, rows, .. } = known;
    let mut repairs: Vec<Repair> = Vec::new();
    for migration in &files.migrations {
        let next = unasked(known, migration, &repairs);
        repairs.extend(next);
    }
    let gone = rows
        .iter()
        .filter(|row| matches!(row.status, RowStatus::Failed | RowStatus::Running));
    for row in gone.filter(|row| find(files, &row.filename).is_none()) {
        if repairs.iter().all(|known| known.filename() != row.filename) {
            repairs.push(match row.begun() {
                Begun::Not => Repair::Failure(&row.filename),
                _ if row.is_rolling_back() => Repair::Gone(&row.filename),
                _ => Repair::Left(&row.filename),
            });
        }
    }
    repairs
}

fn find<'a>(files: &'a Files, filename: &str) -> Option<&'a Migration> {
    files
        .migrations
        .iter()
        .find(|migration| migration.name.filename() == filename)
}

/// The last row that still says something of a file.
fn latest<'a>(rows: &'a [Recorded], filename: &str) -> Option<&'a Recorded> {
    rows.iter()
        .rfind(|row| row.filename == filename && row.status.counts())
}

/// What can be done about a file without a word of the user.
fn unasked<'a>(
    known: Known<'a>,
    migration: &'a Migration,
    before: &[Repair],
) -> Option<Repair<'a>> {
    let filename = migration.name.filename();
    let row = latest(known.rows, filename);
    match (repair(known, migration, before), row) {
        (Repair::Nothing(_), _) => None,
        (Repair::Failure(_), Some(row)) if row.begun() != Begun::Not => {
            let resumes = row.status == RowStatus::Failed && is_resumable(migration, row);
            (!resumes).then_some(Repair::Left(filename))
        }
        (Repair::Death { steps_done, .. }, _) if is_in_doubt(migration, steps_done) => {
            Some(Repair::Left(filename))
        }
        // The next `rollback` goes on by itself, unless it says why not.
        (Repair::WayBackDeath { .. } | Repair::WayBackChange(_), _) => Some(Repair::Left(filename)),
        (next, _) => Some(next),
    }
}

/// Whether the step that a run died at must not be repeated unasked.
fn is_in_doubt(migration: &Migration, steps_done: usize) -> bool {
    match &migration.file.execution {
        Execution::Steps(steps) => steps
            .get(steps_done)
            .is_some_and(|step| step.manner == Manner::Once),
        Execution::Transaction { .. } => true,
    }
}

/// Whether the next `up` goes on where the last attempt failed.
fn is_resumable(migration: &Migration, row: &Recorded) -> bool {
    matches!(migration.file.execution, Execution::Steps(_)) && is_unchanged(migration, row)
}

/// What is to be done about a file; `before` is what is done about others.
fn repair<'a>(known: Known<'a>, migration: &'a Migration, before: &[Repair]) -> Repair<'a> {
    let Known { files, ways, rows } = known;
    let filename = migration.name.filename();
    match latest(rows, filename).map(|row| (row, row.status)) {
        Some((row, _)) if row.is_rolling_back() => way_back(ways, migration, row),
        Some((row, RowStatus::Applied))
            if row.checksum.as_ref() != Some(&migration.file.checksum) =>
        {
            Repair::Change(migration)
        }
        Some((_, RowStatus::Applied)) => Repair::Nothing(filename),
        Some((row, RowStatus::Running)) if is_unchanged(migration, row) => Repair::Death {
            migration,
            steps_done: row.steps_done,
        },
        Some((_, RowStatus::Running)) => Repair::Failure(filename),
        pending => match former_name(files, rows, migration, before) {
            Some(from) => Repair::Name { from, migration },
            None if pending.is_some() => Repair::Failure(filename),
            None => Repair::Nothing(filename),
        },
    }
}

/// What is to be done about a way back that was begun.
fn way_back<'a>(ways: &WaysBack, migration: &'a Migration, row: &Recorded) -> Repair<'a> {
    let steps_done = row.steps_done;
    let way_back = ways.get(&row.filename).and_then(Option::as_ref);
    match way_back.map(|file| obstacle(file, row.begun_back(), row.sql_checksum)) {
        None => Repair::RestGone(migration.name.filename()),
        Some(Some(Obstacle::StepsChanged { .. })) => Repair::WayBackChange(migration),
        // It goes on by itself, and the row holds what was wrong.
        Some(None) if matches!(row.begun_back(), Begun::Failed { .. }) => {
            Repair::Nothing(migration.name.filename())
        }
        Some(Some(Obstacle::InDoubt { .. }) | None) => Repair::WayBackDeath {
            migration,
            steps_done,
        },
    }
}

/// What is to be done about a name of which there is only a row.
fn without_file<'a>(known: Known<'a>, filename: &str) -> Option<Repair<'a>> {
    let Known { files, rows, .. } = known;
    let row = latest(rows, filename).filter(|row| row.filename != SchemaFile::FILENAME)?;
    if row.is_rolling_back() {
        return Some(Repair::Abandoned(&row.filename));
    }
    if row.status != RowStatus::Applied {
        return Some(Repair::Failure(&row.filename));
    }
    // To forget an old name would run the file again under its new one.
    let is_its_text = |migration: &&Migration| {
        row.checksum.as_ref() == Some(&migration.file.checksum)
            && latest(rows, migration.name.filename())
                .is_none_or(|row| row.status == RowStatus::Failed)
    };
    Some(match files.migrations.iter().find(is_its_text) {
        Some(migration) => Repair::Name {
            from: &row.filename,
            migration,
        },
        None => Repair::Missing(&row.filename),
    })
}

/// Whether the steps that are done are still the beginning of the file.
fn is_unchanged(migration: &Migration, row: &Recorded) -> bool {
    let checksum = migration.file.checksum_of_steps(row.steps_done);
    row.steps_done == 0 || row.sql_checksum.as_ref() == Some(&checksum)
}

/// The name of an applied file that is gone and had this very text, and that no other file has taken over.
fn former_name<'a>(
    files: &Files,
    rows: &'a [Recorded],
    migration: &Migration,
    before: &[Repair],
) -> Option<&'a str> {
    let is_taken = |name: &str| {
        let by = |known: &Repair| matches!(known, Repair::Name { from, .. } if *from == name);
        before.iter().any(by)
    };
    let gone = |row: &&Recorded| {
        row.status == RowStatus::Applied
            && row.checksum.as_ref() == Some(&migration.file.checksum)
            && find(files, &row.filename).is_none()
            && !is_taken(&row.filename)
    };
    rows.iter().find(gone).map(|row| row.filename.as_str())
}
