//! `onward repair`: accepts changed and renamed files.

use std::path::Path;

use super::{Ground, lock, transact};
use crate::cli::Rehearsal;
use crate::database::apply::Conditions;
use crate::database::history::{HistoryTable, NewRow};
use crate::database::survey::Survey;
use crate::error::{Count, Error, Escaped, Result, Typed, exit};
use crate::migration::folder::{Keep, WaysBack, ways_back};
use crate::plan::repair::{Repair, repair};
use crate::plan::rollback::migrations;
use crate::plan::{Finding, History, Recorded, RowKind};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(
    settings: &Settings,
    names: &[String],
    rehearsal: Rehearsal,
    report: &Report,
) -> Result<u8> {
    let _ = rehearsal;
    let ground = Ground::read(settings, Keep::States)?;
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look(settings, &mut patience, report)?;
    let known = rows(&seen, report)?;
    let ways = read_ways(&ground, settings, known)?;
    let repairs = plan(&ground, &ways, known, names)?;
    if repairs
        .iter()
        .all(|repair| matches!(repair, Repair::Nothing(_)))
    {
        say(&repairs, report);
        return Ok(exit::DONE);
    }
    let mut lock = lock(session, ground.target, &seen, &mut patience, report)?;
    let seen = ground.survey_locked(&mut lock, settings)?;
    let known = rows(&seen, report)?;
    let ways = read_ways(&ground, settings, known)?;
    let repairs = plan(&ground, &ways, known, names)?;
    let mut locked = lock.open_second(ground.target, &mut patience)?;

    // A history that was read has a table.
    if let Some(table) = &seen.table {
        let statements: String = repairs
            .iter()
            .map(|repair| statement(table, repair))
            .collect();
        let conditions = Conditions {
            table,
            facts: &seen.facts,
            lock_timeout: settings.lock_timeout,
        };
        transact(
            &mut locked,
            &statements,
            conditions,
            &mut patience,
            "cannot repair the history",
        )?;
    }
    say(&repairs, report);
    Ok(exit::DONE)
}

/// The rows of a history that may be written.
fn rows<'a>(seen: &'a Survey, report: &Report) -> Result<&'a [Recorded]> {
    let finding = match (&seen.observed.history, &seen.observed.read_only) {
        (History::Unusable(finding), _) => finding.clone(),
        (History::Absent(_), _) => Finding::NoHistory,
        (History::Present(_), Some(reason)) => Finding::ReadOnly {
            reason: reason.clone(),
        },
        (History::Present(present), None) => match &present.distrust {
            Some(problems) => Finding::Distrusted {
                table: present.table.clone(),
                problems: problems.clone(),
            },
            None => return Ok(&present.rows),
        },
    };
    report.refusal(&finding);
    Err(Error::Refused { count: 1 })
}

/// Reads the ways back that have begun.
fn read_ways(ground: &Ground, settings: &Settings, rows: &[Recorded]) -> Result<WaysBack> {
    let begun: Vec<&Recorded> = rows.iter().filter(|row| row.is_rolling_back()).collect();
    ways_back(&settings.location, migrations(&ground.files, &begun))
}

fn plan<'a>(
    ground: &'a Ground,
    ways: &WaysBack,
    rows: &'a [Recorded],
    names: &[String],
) -> Result<Vec<Repair<'a>>> {
    names
        .iter()
        .map(|name| {
            // A path is as good as a name.
            let filename = Path::new(name)
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or(name);
            repair(&ground.files, ways, rows, filename).ok_or_else(|| Error::Usage {
                message: format!(
                    "{} is no migration in {}",
                    Typed(name),
                    Escaped(&ground.files.dir)
                ),
                hint: "name a file as onward status shows it".to_owned(),
            })
        })
        .collect()
}

fn statement(table: &HistoryTable, repair: &Repair) -> String {
    match repair {
        Repair::Change(migration) => table.accept(
            migration.name.filename(),
            &NewRow::of_migration(migration, RowKind::Migration),
        ),
        Repair::Name { from, migration } => {
            let forget = table.forget_failure(migration.name.filename());
            forget + &table.accept(from, &NewRow::of_migration(migration, RowKind::Migration))
        }
        Repair::Failure(migration) => table.forget_failure(migration.name.filename()),
        Repair::Death {
            migration,
            steps_done,
        } => {
            let checksum = migration.file.checksum_of_steps(*steps_done);
            table.interrupt(
                migration.name.filename(),
                *steps_done,
                checksum,
                "the runner died",
            )
        }
        Repair::WayBackDeath { migration, .. } => {
            table.interrupt_back(migration.name.filename(), "the runner died")
        }
        Repair::WayBackChange(migration) => {
            table.restart_back(&NewRow::of_migration(migration, RowKind::Migration))
        }
        Repair::Nothing(_) => String::new(),
    }
}

fn say(repairs: &[Repair], report: &Report) {
    for repair in repairs {
        report.say(&sentence(repair));
    }
}

fn sentence(repair: &Repair) -> String {
    match repair {
        Repair::Change(migration) => {
            format!(
                "accepted the text of {} as it is now",
                Escaped(migration.name.filename())
            )
        }
        Repair::Name { from, migration } => {
            format!(
                "accepted the name {} for {}",
                Escaped(migration.name.filename()),
                Escaped(from)
            )
        }
        Repair::Failure(migration) => {
            format!(
                "forgot the failed attempt of {}",
                Escaped(migration.name.filename())
            )
        }
        Repair::Death {
            migration,
            steps_done,
        } => format!(
            "{} will go on after {}",
            Escaped(migration.name.filename()),
            Count(*steps_done, "step")
        ),
        Repair::WayBackDeath {
            migration,
            steps_done,
        } => format!(
            "the way back of {} will go on after {}",
            Escaped(migration.name.filename()),
            Count(*steps_done, "step")
        ),
        Repair::WayBackChange(migration) => format!(
            "all of the way back of {} will run again",
            Escaped(migration.name.filename())
        ),
        Repair::Nothing(migration) => {
            format!("{}: nothing to repair", Escaped(migration.name.filename()))
        }
    }
}
