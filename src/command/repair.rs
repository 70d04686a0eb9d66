//! `onward repair`: accepts changed and renamed files, and forgets failed attempts; the trail keeps what was.

use super::{Ground, lock, transact};
use crate::cli::Rehearsal;
use crate::database::apply::Conditions;
use crate::database::history::{HistoryTable, NewRow};
use crate::database::survey::Survey;
use crate::error::{Count, Error, Escaped, Result, Typed, exit};
use crate::migration::folder::{Keep, WaysBack, ways_back};
use crate::plan::repair::{self, Known, Repair};
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
    let ground = Ground::read(settings, Keep::States)?;
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look(settings, &mut patience, report)?;
    let known = rows(&seen, report)?;
    let ways = read_ways(&ground, settings, known)?;
    let repairs = plan(&ground, &ways, known, names)?;
    if rehearsal == Rehearsal::ShowOnly || !repairs.iter().any(Repair::writes) {
        say(&repairs, rehearsal, report);
        return Ok(exit::DONE);
    }
    let mut lock = lock(session, ground.target, &seen, &mut patience, report)?;
    let seen = ground.survey_locked(&mut lock, settings, &mut patience, report)?;
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
            report,
            "cannot repair the history",
        )?;
    }
    say(&repairs, rehearsal, report);
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
    ways: &'a WaysBack,
    rows: &'a [Recorded],
    names: &[String],
) -> Result<Vec<Repair<'a>>> {
    let known = Known {
        files: &ground.files,
        ways,
        rows,
    };
    if names.is_empty() {
        return Ok(repair::all(known));
    }
    let unknown = |name: &str| Error::Usage {
        message: format!(
            "{} is no migration in {}",
            Typed(name),
            Escaped(&ground.files.dir)
        ),
        hint: "name a file as onward status shows it".to_owned(),
    };
    // A path is as good as a name.
    let filenames = names
        .iter()
        .map(|name| ground.filename(name).ok_or_else(|| unknown(name)))
        .collect::<Result<Vec<&str>>>()?;
    repair::named(known, &filenames).map_err(unknown)
}

fn statement(table: &HistoryTable, repair: &Repair) -> String {
    let row = |migration| NewRow::of_migration(migration, RowKind::Migration);
    let filename = repair.filename();
    match repair {
        Repair::Change(migration) => {
            let kept = table.keep(filename, "its text was accepted anew by repair");
            kept + &table.accept(filename, &row(migration))
        }
        Repair::Name { from, migration } => {
            let attempts = table.retire_attempts(filename, CLEARED);
            let kept = table.keep(from, &format!("its name {filename} was accepted by repair"));
            attempts + &kept + &table.accept(from, &row(migration))
        }
        Repair::Failure(_) => table.retire_attempts(filename, CLEARED),
        Repair::Death {
            migration,
            steps_done,
        } => {
            let checksum = migration.file.checksum_of_steps(*steps_done);
            table.interrupt(filename, *steps_done, checksum, "the runner died")
        }
        Repair::WayBackDeath { .. } => table.interrupt_back(filename, "the runner died"),
        Repair::WayBackChange(migration) => table.restart_back(&row(migration)),
        Repair::Missing(_) => table.retire(
            filename,
            "its file was missing, and it was removed by repair",
        ),
        Repair::Abandoned(_) => table.retire_attempts(
            filename,
            "its way back had begun, its file was missing, and it was removed by repair",
        ),
        Repair::Left(_) | Repair::Gone(_) | Repair::RestGone(_) | Repair::Nothing(_) => {
            String::new()
        }
    }
}

/// What the trail says of an attempt that was forgotten.
const CLEARED: &str = "cleared by repair";

fn say(repairs: &[Repair], rehearsal: Rehearsal, report: &Report) {
    if repairs.is_empty() {
        report.say("nothing to repair");
    }
    for repair in repairs {
        report.say(&sentence(repair, rehearsal));
    }
}

fn sentence(repair: &Repair, rehearsal: Rehearsal) -> String {
    let filename = Escaped(repair.filename());
    let [accepted, forgot, removed, will] = match rehearsal {
        Rehearsal::Apply => ["accepted", "forgot", "removed", "will"],
        Rehearsal::ShowOnly => ["would accept", "would forget", "would remove", "would"],
    };
    match repair {
        Repair::Change(_) => format!("{accepted} the text of {filename} as it is now"),
        Repair::Name { from, .. } => {
            format!("{accepted} the name {filename} for {}", Escaped(from))
        }
        Repair::Failure(_) => format!("{forgot} the failed attempt of {filename}"),
        Repair::Death { steps_done, .. } => {
            format!(
                "{filename} {will} go on after {}",
                Count(*steps_done, "step")
            )
        }
        Repair::WayBackDeath { steps_done, .. } => format!(
            "the way back of {filename} {will} go on after {}",
            Count(*steps_done, "step")
        ),
        Repair::WayBackChange(_) => {
            format!("all of the way back of {filename} {will} run again")
        }
        Repair::Missing(_) => {
            format!("{removed} {filename} from the history: its file is missing")
        }
        Repair::Abandoned(_) => format!(
            "{removed} {filename} from the history: its way back has begun, and its file is missing"
        ),
        Repair::Left(_) => format!(
            "left {filename} as it is: it is done in part; see onward status, then repair it by its name"
        ),
        Repair::Gone(_) => format!(
            "left {filename} as it is: its way back has begun, and its file is missing; restore it, then: onward rollback; or repair it by its name"
        ),
        Repair::RestGone(_) => format!(
            "left {filename} as it is: its way back has begun, and the rest of that is missing; restore it, then: onward rollback"
        ),
        Repair::Nothing(_) => format!("{filename}: nothing to repair"),
    }
}
