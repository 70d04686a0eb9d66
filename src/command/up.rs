//! `onward up`: the baseline if needed, then every pending migration.

use super::run::{Cause, Clearing, Interruption, Round, Rounds, Run, Scene, Walk, omitted};
use super::{Ground, HistoryWait, lock, refuse};
use crate::cli::{Rehearsal, Up};
use crate::database::apply::{Conditions, Job, is_overtaken};
use crate::database::history::{HistoryTable, NewRow};
use crate::database::run_lock::Locked;
use crate::database::session::Session;
use crate::database::survey::Survey;
use crate::error::{Error, Hook, Result, Trouble};
use crate::migration::folder::Keep;
use crate::migration::{Migration, SchemaFile, Way};
use crate::plan::{Begun, Goal, Opening, Plan, Reach, RowKind, plan};
use crate::program::{self, HookEnd};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, told: &Up, report: &Report) -> Result<()> {
    let ground = Ground::read(settings, Keep::Texts)?;
    let goal = Goal {
        reach: reach(told, &ground)?,
        nonempty: settings.nonempty,
    };
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look(settings, &mut patience, report)?;
    let shown = plan(&ground.files, &seen.observed, &goal);
    if told.rehearsal == Rehearsal::ShowOnly {
        report.findings(&shown.findings, settings.strict);
        report.dry_run(&shown);
        return Ok(());
    }
    refuse(&shown, settings, report)?;
    let aim = Aim {
        goal: &goal,
        before: told.before.as_deref(),
    };
    let mut run = Run::new(settings, report, &ground, aim, patience);
    let recorded = if shown.is_empty() {
        shown.applied()
    } else {
        run.catch_up(session, seen, None)?
    };
    match &goal.reach {
        Reach::To(version) => report.done_up_to(&run.done, version, recorded),
        Reach::All | Reach::Only(_) => report.done(&run.done, recorded),
    }
    match &told.after {
        Some(command) => run.hook(Hook::After, command),
        None => Ok(()),
    }
}

/// Which files are wanted: a version or a file that is not there is refused before anything connects.
fn reach(told: &Up, ground: &Ground) -> Result<Reach> {
    match (&told.to, &told.only) {
        (Some(version), _) => {
            ground.check_version("--to", version)?;
            Ok(Reach::To(version.clone()))
        }
        (None, Some(file)) => {
            let migration = ground.migration("--only", file)?;
            Ok(Reach::Only(migration.name.filename().to_owned()))
        }
        (None, None) => Ok(Reach::All),
    }
}

/// What `up` and `reset` are after.
pub(super) struct Aim<'a> {
    pub(super) goal: &'a Goal,
    /// The command for when something is pending, until it has run.
    pub(super) before: Option<&'a str>,
}

impl Rounds for Run<'_, Aim<'_>> {
    fn round(
        &mut self,
        session: Session,
        seen: &mut Survey,
        before: Option<&Interruption>,
    ) -> Result<Round> {
        let mut lock = lock(
            session,
            self.ground.target,
            seen,
            &mut self.patience,
            self.report,
        )?;
        *seen =
            self.ground
                .survey_locked(&mut lock, self.settings, &mut self.patience, self.report)?;
        let due = plan(&self.ground.files, &seen.observed, self.aim.goal);
        if let Some(Interruption {
            file,
            cause: Cause::Lost(_),
        }) = before
            && due.is_applied(file)
        {
            self.report.committed_after_all(file);
            self.done.push(file.clone());
            // The only file that was wanted is not pending any more.
            if self.aim.goal.reach == Reach::Only(file.clone()) {
                return Ok(Round::Done {
                    applied: due.applied(),
                });
            }
        }
        // What was shown before the lock is not shown again.
        if due.refusals(self.settings.strict) > 0 {
            refuse(&due, self.settings, self.report)?;
        }
        if due.is_empty() {
            return Ok(Round::Done {
                applied: due.applied(),
            });
        }
        if let Some(command) = self.aim.before.take() {
            self.hook(Hook::Before, command)?;
        }
        let mut locked = lock.open_second(self.ground.target, &mut self.patience)?;
        if !locked.has_run_lock() {
            self.report.one_connection();
        }
        Ok(match self.walk(&mut locked, seen, &due, before)? {
            Walk::Done => Round::Done {
                applied: due.applied() + contained(&due) + due.due.len(),
            },
            Walk::Interrupted(interruption) => Round::Interrupted(interruption),
        })
    }
}

impl Run<'_, Aim<'_>> {
    /// Drops what is there and applies all that is due, in a session that is locked already; how many are applied in the
    /// end.
    pub(super) fn begin_anew(
        &mut self,
        mut locked: Locked,
        seen: &Survey,
        due: &Plan,
    ) -> Result<usize> {
        let interruption = match self.walk(&mut locked, seen, due, None)? {
            Walk::Done => return Ok(contained(due) + due.due.len()),
            Walk::Interrupted(interruption) => interruption,
        };
        // To go on is to take the run lock again.
        drop(locked);
        if let Some(Clearing { database, .. }) = self.clearing.take() {
            // The history cannot tell, but to begin once more does no harm.
            return Err(Error::ResetUnknown {
                database,
                trouble: match interruption.cause {
                    Cause::Lost(trouble) => trouble,
                    Cause::Overtaken => {
                        let reason = "somebody else was creating the same objects";
                        Trouble::Connection(reason.to_owned())
                    }
                },
            });
        }
        let mut session = self.go_on(&interruption, 1)?;
        let mut wait = HistoryWait::new(self.settings, &mut self.patience, self.report);
        let seen = self.ground.survey(&mut session, &|_| true, &mut wait)?;
        self.catch_up(session, seen, Some(interruption))
    }

    /// Runs a command of the user's, which finds the connection in its environment.
    fn hook(&self, hook: Hook, command: &str) -> Result<()> {
        self.report.hook(hook);
        let variables = self.settings.target.to_variables();
        let reason = match program::run_hook(command, &variables, self.ground.target.deadline) {
            Ok(HookEnd::Success) => return Ok(()),
            Ok(HookEnd::Failure(code)) => format!("failed with exit code {code}"),
            Ok(HookEnd::Late) => "was stopped, because the time of --timeout was over".to_owned(),
            Err(error) => format!("could not be run by sh: {error}"),
        };
        Err(Error::Hook { hook, reason })
    }

    /// Applies all that is due, in order. `before` is what interrupted the last walk.
    fn walk(
        &mut self,
        locked: &mut Locked,
        seen: &Survey,
        due: &Plan,
        before: Option<&Interruption>,
    ) -> Result<Walk> {
        let table = seen.table.as_ref().ok_or_else(no_schema)?;
        let conditions = Conditions {
            table,
            facts: &seen.facts,
            lock_timeout: self.settings.lock_timeout,
        };
        let mut scene = Scene {
            locked,
            conditions,
            seen,
            names: names(due),
            before,
        };
        let cleared = self.clearing.as_ref();
        let cleared = cleared.map_or("", |clearing| &clearing.statements);
        let create = format!("{cleared}{}", table.create(seen.missing_schema));
        let opened = match &due.opening {
            Opening::Nothing => Walk::Done,
            Opening::CreateHistory => self.create(&mut scene, &create)?,
            Opening::Baseline { schema, contained } => {
                let job = baseline_job(schema, contained, create, table);
                self.report.baseline(&job.row.filename, due);
                self.apply(&mut scene, job)?
            }
        };
        if let Walk::Interrupted(_) = opened {
            return Ok(opened);
        }
        for next in &due.due {
            let migration = next.migration;
            let job = Job {
                way: Way::Forward,
                file: &migration.file,
                omitted: omitted(&migration.file, table),
                preparation: String::new(),
                row: NewRow::of_migration(migration, RowKind::Migration),
                contained: Vec::new(),
                begun: next.begun,
            };
            if let Walk::Interrupted(interruption) = self.apply(&mut scene, job)? {
                return Ok(Walk::Interrupted(interruption));
            }
            self.done.push(migration.name.filename().to_owned());
        }
        Ok(Walk::Done)
    }

    /// Creates the history table of a database without schema file.
    fn create(&mut self, scene: &mut Scene, create: &str) -> Result<Walk> {
        let table = scene.conditions.table;
        let name = table.to_string();
        self.patience.begin();
        loop {
            let Err(trouble) = scene.locked.transact(create, scene.conditions) else {
                self.report_cleared();
                return Ok(Walk::Done);
            };
            let again = scene.was_interrupted_by(&name);
            match trouble.server() {
                Some(error) if error.is_blocked() && self.patience.pause() => {
                    self.report.blocked(&name, error, &[]);
                }
                Some(error) if error.is_blocked() => {
                    return Err(self.gave_up(&name, Way::Forward, None));
                }
                Some(error) if !again && is_overtaken(error, table) => {
                    return Ok(Walk::Interrupted(Interruption {
                        file: name,
                        cause: Cause::Overtaken,
                    }));
                }
                _ if trouble.lost_connection() => {
                    return Ok(Walk::Interrupted(Interruption {
                        file: name,
                        cause: Cause::Lost(trouble),
                    }));
                }
                _ => {
                    let doing = format!("cannot create the history table {table}");
                    return Err(self.not_opened(doing, trouble));
                }
            }
        }
    }
}

/// The names of all that a plan runs, in order.
fn names(due: &Plan) -> Vec<String> {
    let baseline = match &due.opening {
        Opening::Baseline { .. } => Some(SchemaFile::FILENAME.to_owned()),
        Opening::Nothing | Opening::CreateHistory => None,
    };
    let migrations = due
        .due
        .iter()
        .map(|next| next.migration.name.filename().to_owned());
    baseline.into_iter().chain(migrations).collect()
}

fn contained(due: &Plan) -> usize {
    match &due.opening {
        Opening::Baseline { contained, .. } => contained.len(),
        Opening::Nothing | Opening::CreateHistory => 0,
    }
}

fn baseline_job<'a>(
    schema: &'a SchemaFile,
    contained: &[&Migration],
    create: String,
    table: &HistoryTable,
) -> Job<'a> {
    let last = contained.last().map_or("", |last| last.name.version());
    let rows = contained
        .iter()
        .map(|inside| NewRow::of_migration(inside, RowKind::Baseline));
    Job {
        way: Way::Forward,
        file: &schema.file,
        omitted: omitted(&schema.file, table),
        preparation: create,
        row: NewRow::of_schema(schema, schema.through().unwrap_or(last), RowKind::Baseline),
        contained: rows.collect(),
        begun: Begun::Not,
    }
}

/// There is no schema in which the history table could be created.
pub(super) fn no_schema() -> Error {
    Error::Usage {
        message: "no schema of the search_path exists, so there is no place for the history table"
            .to_owned(),
        hint: "name one, and it will be created: onward --table SCHEMA.schema_migrations"
            .to_owned(),
    }
}
