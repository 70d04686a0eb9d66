//! `onward baseline`: records the schema file and migrations as applied, without running them.

use super::up::no_schema;
use super::{Ground, lock, transact};
use crate::cli::{Baseline, Rehearsal, Switch};
use crate::database::apply::Conditions;
use crate::database::history::{Ending, HistoryTable, NewRow};
use crate::database::survey::Survey;
use crate::error::{Count, Error, Escaped, Result, exit};
use crate::migration::folder::Keep;
use crate::migration::{Migration, SchemaFile};
use crate::plan::rollback::{applied_in_part, unfinished};
use crate::plan::{self, Begun, Finding, History, Recorded, RowKind};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, told: &Baseline, report: &Report) -> Result<u8> {
    let ground = Ground::read(settings, Keep::States)?;
    check_version(&ground, told.through.as_deref())?;
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look(settings, &mut patience, report)?;
    check(&seen, told, report)?;
    let marking = Marking::of(&ground, told, &seen)?;
    marking.check(&seen, report)?;
    if told.rehearsal == Rehearsal::ShowOnly || marking.is_empty() {
        marking.say(told.rehearsal, report);
        return Ok(exit::DONE);
    }
    let mut lock = lock(session, ground.target, &seen, &mut patience, report)?;
    let seen = ground.survey_locked(&mut lock, settings, &mut patience, report)?;
    check(&seen, told, report)?;
    let marking = Marking::of(&ground, told, &seen)?;
    marking.check(&seen, report)?;
    let mut locked = lock.open_second(ground.target, &mut patience)?;
    let conditions = Conditions {
        table: marking.table,
        facts: &seen.facts,
        lock_timeout: settings.lock_timeout,
    };
    transact(
        &mut locked,
        &marking.statements(&seen),
        conditions,
        &mut patience,
        report,
        "cannot record the baseline in",
    )?;
    marking.say(told.rehearsal, report);
    Ok(exit::DONE)
}

/// What is recorded without running.
struct Marking<'a> {
    table: &'a HistoryTable,
    /// The schema file with the version that it goes through, where there is no history yet.
    schema: Option<(&'a SchemaFile, &'a str)>,
    migrations: Vec<&'a Migration>,
}

impl<'a> Marking<'a> {
    fn of(ground: &'a Ground, told: &'a Baseline, seen: &'a Survey) -> Result<Marking<'a>> {
        let table = seen.table.as_ref().ok_or_else(no_schema)?;
        let through = told.through.as_deref();
        let contained: Vec<&Migration> = match through {
            Some(version) => ground.files.through(version).iter().collect(),
            None => plan::contained(&ground.files, Some(&table.0)),
        };
        if let History::Present(present) = &seen.observed.history {
            return Ok(Marking {
                table,
                schema: None,
                migrations: plan::unrecorded(&contained, &present.rows),
            });
        }
        let last = contained.last().map_or("", |last| last.name.version());
        let schema = ground.files.schema.as_ref();
        Ok(Marking {
            table,
            schema: schema.map(|schema| (schema, through.or(schema.through()).unwrap_or(last))),
            migrations: contained,
        })
    }

    /// What is done in part is not done: its rest would never run.
    fn check(&self, seen: &Survey, report: &Report) -> Result<()> {
        let rows = match &seen.observed.history {
            History::Present(present) => present.rows.as_slice(),
            History::Absent(_) | History::Unusable(_) => &[],
        };
        let is_marked = |row: &&Recorded| {
            let mut migrations = self.migrations.iter();
            migrations.any(|migration| migration.name.filename() == row.filename)
        };
        let begun = rows.iter().filter(|row| row.begun() != Begun::Not);
        let findings: Vec<Finding> = begun.filter(is_marked).map(applied_in_part).collect();
        for finding in &findings {
            report.refusal(finding);
        }
        match findings.len() {
            0 => Ok(()),
            count => Err(Error::Refused { count }),
        }
    }

    fn is_empty(&self) -> bool {
        self.schema.is_none() && self.migrations.is_empty()
    }

    fn statements(&self, seen: &Survey) -> String {
        let table = self.table;
        let mut statements = match &seen.observed.history {
            History::Present(_) => String::new(),
            History::Absent(_) | History::Unusable(_) => table.create(seen.missing_schema),
        };
        if let Some((schema, through)) = self.schema {
            let row = NewRow::of_schema(schema, through, RowKind::Marked);
            statements.push_str(&table.insert(&row, Ending::Recorded));
        }
        for migration in &self.migrations {
            let row = NewRow::of_migration(migration, RowKind::Marked);
            statements
                .push_str(&table.retire_attempts(&row.filename, "recorded as done by baseline"));
            statements.push_str(&table.insert(&row, Ending::Recorded));
        }
        statements
    }

    fn say(&self, rehearsal: Rehearsal, report: &Report) {
        if self.is_empty() {
            report.say("Nothing to record: the history holds these migrations already");
            return;
        }
        let [each, all] = match rehearsal {
            Rehearsal::Apply => ["recorded", "Recorded"],
            Rehearsal::ShowOnly => ["would record", "Would record"],
        };
        for migration in &self.migrations {
            report.say(&format!("{each} {}", Escaped(migration.name.filename())));
        }
        let schema = self.schema.map_or("", |_| "the schema file and ");
        report.say(&format!(
            "{all} {schema}{} without running them",
            Count(self.migrations.len(), "migration")
        ));
    }
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

/// A database with history takes a baseline only if it is to extend that.
fn check(seen: &Survey, told: &Baseline, report: &Report) -> Result<()> {
    let read_only = || {
        let reason = seen.observed.read_only.clone()?;
        Some(Finding::ReadOnly { reason })
    };
    let finding = match &seen.observed.history {
        History::Present(present) if told.extend == Switch::Absent => Some(Finding::HasHistory {
            table: present.table.clone(),
        }),
        // Whether its work is done is not known before its way back has ended.
        History::Present(present) if present.rows.iter().any(Recorded::is_rolling_back) => {
            let mut rows = present.rows.iter();
            rows.find(|row| row.is_rolling_back()).map(unfinished)
        }
        History::Present(present) => read_only().or_else(|| {
            let problems = present.distrust.clone()?;
            let table = present.table.clone();
            Some(Finding::Distrusted { table, problems })
        }),
        History::Unusable(finding) => Some(finding.clone()),
        History::Absent(_) => read_only(),
    };
    let Some(finding) = finding else {
        return Ok(());
    };
    report.refusal(&finding);
    Err(Error::Refused { count: 1 })
}
