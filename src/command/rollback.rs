//! `onward rollback`: runs the ways back of what was applied last, the newest first.

use super::run::{Cause, Interruption, Round, Rounds, Run, Scene, Walk, omitted};
use super::up::no_schema;
use super::{Ground, end_if_refused, lock};
use crate::cli::{Extent, Rehearsal};
use crate::database::apply::{Conditions, Job};
use crate::database::history::NewRow;
use crate::database::run_lock::Locked;
use crate::database::session::Session;
use crate::database::survey::Survey;
use crate::error::{Count, Error, Escaped, Names, Result, Typed, exit};
use crate::migration::folder::{Keep, WaysBack, ways_back};
use crate::migration::{Migration, Way};
use crate::plan::rollback::{Goal, Rollback, applied, is_gone, knows_version, migrations, wanted};
use crate::plan::rollback::{Undo, rollback};
use crate::plan::{Observed, RowKind};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(
    settings: &Settings,
    extent: &Extent,
    rehearsal: Rehearsal,
    report: &Report,
) -> Result<u8> {
    let ground = Ground::read(settings, Keep::States)?;
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look_before(&|_| true, settings, &mut patience, report)?;
    let goal = goal(extent, &ground, &seen.observed)?;
    let ways = read_ways(&ground, settings, &seen.observed, &goal)?;
    let shown = rollback(&ground.files, &ways, &seen.observed, &goal);
    report.findings(&shown.findings, settings.strict);
    end_if_refused(&shown.findings, settings)?;
    let names: Vec<String> = shown.undoing.iter().map(name).collect();
    if rehearsal == Rehearsal::ShowOnly {
        dry_run(&shown, report);
        return Ok(exit::DONE);
    }
    if names.is_empty() {
        report.say(&format!("Rolled back 0 migrations: {}", why_none(&goal)));
        return Ok(exit::DONE);
    }
    let goal = match goal {
        Goal::Last(_) => Goal::These(names),
        goal => goal,
    };
    let mut run = Run::new(settings, report, &ground, goal, patience);
    run.catch_up(session, seen, None)?;
    let done = &run.done;
    report.say(&if done.is_empty() {
        "Rolled back 0 migrations: another runner was faster".to_owned()
    } else {
        let count = Count(done.len(), "migration");
        format!("Rolled back {count}: {}", Names(done))
    });
    Ok(exit::DONE)
}

fn goal(extent: &Extent, ground: &Ground, observed: &Observed) -> Result<Goal> {
    match extent {
        Extent::Last(count) => Ok(Goal::Last(*count)),
        Extent::To(version) if knows_version(&ground.files, observed, version) => {
            Ok(Goal::After(version.clone()))
        }
        Extent::To(version) => Err(Error::Usage {
            message: format!(
                "--to {}: neither a migration in {} nor one in the history has this version",
                Typed(version),
                ground.files.dir
            ),
            hint: "write the digits as the file name has them, zeros included".to_owned(),
        }),
    }
}

/// Reads the ways back of what is wanted, and no others.
fn read_ways(
    ground: &Ground,
    settings: &Settings,
    observed: &Observed,
    goal: &Goal,
) -> Result<WaysBack> {
    let wanted = wanted(&ground.files, observed, goal);
    ways_back(&settings.location, migrations(&ground.files, &wanted))
}

fn name(undo: &Undo) -> String {
    undo.migration.name.filename().to_owned()
}

fn why_none(goal: &Goal) -> String {
    match goal {
        Goal::Last(_) | Goal::These(_) => "none is applied".to_owned(),
        Goal::After(version) => format!("none after version {version} is applied"),
    }
}

fn dry_run(plan: &Rollback, report: &Report) {
    for undo in &plan.undoing {
        let from = match undo.begun.steps_done() {
            0 => String::new(),
            done => format!(", from its step {}", done + 1),
        };
        report.document(&format!("would roll back {}{from}\n", Escaped(&name(undo))));
    }
    let count = Count(plan.undoing.len(), "migration");
    report.document(&format!("Would roll back {count}\n"));
}

impl Rounds for Run<'_, Goal> {
    fn round(
        &mut self,
        session: Session,
        seen: &mut Survey,
        before: Option<&Interruption>,
    ) -> Result<Round> {
        let target = self.ground.target;
        let mut lock = lock(session, target, seen, &mut self.patience, self.report)?;
        *seen =
            self.ground
                .survey_locked(&mut lock, self.settings, &mut self.patience, self.report)?;
        if let Some(Interruption {
            file,
            cause: Cause::Lost(_),
        }) = before
            && is_gone(&seen.observed, file)
        {
            self.report.rolled_back_after_all(file);
            self.done.push(file.clone());
        }
        let ways = read_ways(self.ground, self.settings, &seen.observed, &self.aim)?;
        let plan = rollback(&self.ground.files, &ways, &seen.observed, &self.aim);
        // What was shown before the lock is not shown again.
        end_if_refused(&plan.findings, self.settings).inspect_err(|_| {
            self.report.findings(&plan.findings, self.settings.strict);
        })?;
        if plan.undoing.is_empty() {
            return Ok(Round::Done {
                applied: applied(&seen.observed),
            });
        }
        let mut locked = lock.open_second(target, &mut self.patience)?;
        if !locked.has_run_lock() {
            self.report.one_connection();
        }
        Ok(match self.walk(&mut locked, seen, &plan, before)? {
            Walk::Done => Round::Done {
                applied: applied(&seen.observed) - plan.undoing.len(),
            },
            Walk::Interrupted(interruption) => Round::Interrupted(interruption),
        })
    }
}

impl Run<'_, Goal> {
    /// Runs all ways back, in order. `before` is what interrupted the last walk.
    fn walk(
        &mut self,
        locked: &mut Locked,
        seen: &Survey,
        plan: &Rollback,
        before: Option<&Interruption>,
    ) -> Result<Walk> {
        let table = seen.table.as_ref().ok_or_else(no_schema)?;
        let mut scene = Scene {
            locked,
            conditions: Conditions {
                table,
                facts: &seen.facts,
                lock_timeout: self.settings.lock_timeout,
            },
            seen,
            names: plan.undoing.iter().map(name).collect(),
            before,
        };
        for undo in &plan.undoing {
            let migration: &Migration = undo.migration;
            let job = Job {
                way: Way::Back,
                file: undo.way_back,
                omitted: omitted(undo.way_back, table),
                preparation: String::new(),
                row: NewRow::of_migration(migration, RowKind::Migration),
                contained: Vec::new(),
                begun: undo.begun,
            };
            if let Walk::Interrupted(interruption) = self.apply(&mut scene, job)? {
                return Ok(Walk::Interrupted(interruption));
            }
            self.done.push(name(undo));
        }
        Ok(Walk::Done)
    }
}
