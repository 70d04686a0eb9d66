//! `onward baseline`: records the schema file and migrations as applied, without running them.

use super::up::no_schema;
use super::{Ground, lock, transact};
use crate::cli::Baseline;
use crate::database::apply::Conditions;
use crate::database::history::{Ending, NewRow};
use crate::database::survey::Survey;
use crate::error::{Count, Error, Escaped, Result, exit};
use crate::migration::Migration;
use crate::migration::folder::Keep;
use crate::plan::{self, Finding, History, RowKind};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, told: &Baseline, report: &Report) -> Result<u8> {
    let through = told.through.as_deref();
    let ground = Ground::read(settings, Keep::States)?;
    check_version(&ground, through)?;
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look(settings, &mut patience, report)?;
    check(&seen, report)?;
    let mut lock = lock(session, ground.target, &seen, &mut patience, report)?;
    let seen = ground.survey_locked(&mut lock, settings)?;
    check(&seen, report)?;
    let table = seen.table.as_ref().ok_or_else(no_schema)?;
    let contained: Vec<&Migration> = match through {
        Some(version) => ground.files.through(version).iter().collect(),
        None => plan::contained(&ground.files, Some(&table.0)),
    };
    let mut locked = lock.open_second(ground.target, &mut patience)?;

    let last = contained
        .last()
        .map_or("", |migration| migration.name.version());
    let schema = ground.files.schema.as_ref();
    let rows = schema
        .map(|schema| {
            NewRow::of_schema(
                schema,
                through.or(schema.through()).unwrap_or(last),
                RowKind::Marked,
            )
        })
        .into_iter()
        .chain(
            contained
                .iter()
                .map(|migration| NewRow::of_migration(migration, RowKind::Marked)),
        );
    let mut statements = table.create(seen.missing_schema);
    statements.extend(rows.map(|row| table.insert(&row, Ending::Recorded)));
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
        "cannot record the baseline in",
    )?;

    for migration in &contained {
        report.say(&format!("recorded {}", Escaped(migration.name.filename())));
    }
    let schema = schema.map_or("", |_| "the schema file and ");
    report.say(&format!(
        "Recorded {schema}{} without running them",
        Count(contained.len(), "migration")
    ));
    Ok(exit::DONE)
}

/// The last migration to record must be known before anything connects.
fn check_version(ground: &Ground, through: Option<&str>) -> Result<()> {
    match through {
        None if ground.files.schema.is_some() => Ok(()),
        None => Err(Error::Usage {
            message: "there is no schema file, so the migrations to record must be named"
                .to_owned(),
            hint: "name the last one that the database contains: onward baseline --through VERSION"
                .to_owned(),
        }),
        Some(version) => ground.check_version("--through", version),
    }
}

/// Only a database without history takes a baseline.
fn check(seen: &Survey, report: &Report) -> Result<()> {
    let finding = match &seen.observed.history {
        History::Present(present) => Finding::HasHistory {
            table: present.table.clone(),
        },
        History::Unusable(finding) => finding.clone(),
        History::Absent(_) => match &seen.observed.read_only {
            Some(reason) => Finding::ReadOnly {
                reason: reason.clone(),
            },
            None => return Ok(()),
        },
    };
    report.refusal(&finding);
    Err(Error::Refused { count: 1 })
}
