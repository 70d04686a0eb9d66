//! `onward up`: the baseline if needed, then every pending migration.

use super::{Ground, lock, refuse};
use crate::cli::Rehearsal;
use crate::database::apply::{Attempt, Conditions, Fault, Job, is_overtaken};
use crate::database::history::{HistoryTable, NewRow};
use crate::database::patience::Patience;
use crate::database::run_lock::Locked;
use crate::database::session::Session;
use crate::database::survey::Survey;
use crate::error::{Error, Failure, Result, Trouble, exit};
use crate::migration::execution::Execution;
use crate::migration::file::Omission;
use crate::migration::{Migration, SchemaFile, SqlFile};
use crate::plan::{Begun, Goal, History, Opening, Plan, RowKind, plan};
use crate::report::Report;
use crate::settings::Settings;
use crate::timeout::Spoken;

pub(super) fn run(
    settings: &Settings,
    to: Option<&str>,
    rehearsal: Rehearsal,
    report: &Report,
) -> Result<u8> {
    let ground = Ground::read(settings)?;
    let goal = goal(&ground, settings, to)?;
    let mut session = Session::connect(&settings.target)?;
    let seen = ground.survey(&mut session, settings)?;
    let shown = plan(&ground.files, &seen.observed, &goal);
    if rehearsal == Rehearsal::ShowOnly {
        report.findings(&shown, settings.strict);
        report.dry_run(&shown);
        return Ok(exit::DONE);
    }
    refuse(&shown, settings, report)?;
    let mut run = Run {
        settings,
        report,
        ground: &ground,
        goal: &goal,
        applied: Vec::new(),
    };
    let recorded = if shown.is_empty() {
        shown.applied()
    } else {
        run.catch_up(session, seen)?
    };
    match to {
        Some(version) => report.done_up_to(&run.applied, version, recorded),
        None => report.done(&run.applied, recorded),
    }
    Ok(exit::DONE)
}

fn goal(ground: &Ground, settings: &Settings, to: Option<&str>) -> Result<Goal> {
    if let Some(version) = to
        && !ground.files.has_version(version)
    {
        return Err(Error::Usage {
            message: format!(
                "--to {version}: no migration in {} has this version",
                ground.files.dir
            ),
            hint: "write the digits as the file name has them, zeros included".to_owned(),
        });
    }
    Ok(Goal {
        to: to.map(str::to_owned),
        nonempty: settings.nonempty,
    })
}

/// A run that changes the database.
struct Run<'a> {
    settings: &'a Settings,
    report: &'a Report,
    ground: &'a Ground,
    goal: &'a Goal,
    /// File names of what this run has applied, the schema file not among them.
    applied: Vec<String>,
}

/// How a walk through a plan ended.
enum Walk {
    Done,
    /// Another runner was faster: what is due must be asked again.
    Overtaken(String),
    /// The connection broke while this file was applied; the history tells what came of it.
    Lost(String, Trouble),
}

impl Run<'_> {
    /// Takes the run lock, plans again by what the history says then, and applies; how many are applied in the end.
    fn catch_up(&mut self, mut session: Session, mut seen: Survey) -> Result<usize> {
        let mut patience = Patience::new(self.settings.max_wait);
        let mut in_doubt: Option<String> = None;
        loop {
            let mut lock = lock(session, &seen, self.settings, self.report)?;
            seen = lock.look(|session| self.ground.survey(session, self.settings))?;
            let due = plan(&self.ground.files, &seen.observed, self.goal);
            // What was shown before the lock is not shown again.
            if due.refusals(self.settings.strict) > 0 {
                refuse(&due, self.settings, self.report)?;
            }
            if let Some(file) = in_doubt.take().filter(|file| due.is_applied(file)) {
                self.report.committed_after_all(&file);
                self.applied.push(file);
            }
            if due.is_empty() {
                return Ok(due.applied());
            }
            let mut locked = lock.open_second(&self.settings.target, &mut patience)?;
            let walk = self.walk(&mut locked, &seen, &due)?;
            drop(locked);
            session = match walk {
                Walk::Done => return Ok(due.applied() + contained(&due) + due.due.len()),
                Walk::Overtaken(file) => {
                    self.report.overtaken(&file);
                    Session::connect(&self.settings.target)?
                }
                Walk::Lost(file, trouble) => {
                    let session = self.reconnect(&file, trouble, &mut patience)?;
                    in_doubt = Some(file);
                    session
                }
            };
        }
    }

    /// A new session, as soon as the server gives one.
    fn reconnect(&self, file: &str, lost: Trouble, patience: &mut Patience) -> Result<Session> {
        self.report.reconnecting(file, &lost);
        let mut trouble = lost;
        while patience.pause() {
            match Session::connect(&self.settings.target) {
                Err(Error::Connect { trouble: again, .. }) if again.may_pass() => trouble = again,
                outcome => return outcome,
            }
        }
        Err(Error::OutcomeUnknown {
            file: file.to_owned(),
            trouble,
        })
    }

    /// Applies all that is due, in order.
    fn walk(&mut self, locked: &mut Locked, seen: &Survey, due: &Plan) -> Result<Walk> {
        let table = seen.table.as_ref().ok_or_else(no_schema)?;
        let conditions = Conditions {
            table,
            facts: &seen.facts,
            lock_timeout: self.settings.lock_timeout,
        };
        let create = table.create(seen.missing_schema);
        match &due.opening {
            Opening::Nothing => {}
            Opening::CreateHistory => {
                if let Err(trouble) = locked.transact(&create, conditions) {
                    return cannot_create(table, trouble);
                }
            }
            Opening::Baseline { schema, contained } => {
                let job = baseline_job(schema, contained, create, table);
                match self.apply(locked, job, conditions, seen, due)? {
                    Walk::Done => {}
                    walk => return Ok(walk),
                }
            }
        }
        for next in &due.due {
            let migration = next.migration;
            let job = Job {
                file: &migration.file,
                omitted: omitted(&migration.file, table),
                preparation: String::new(),
                row: NewRow::of_migration(migration, RowKind::Migration),
                contained: Vec::new(),
                begun: next.begun,
            };
            match self.apply(locked, job, conditions, seen, due)? {
                Walk::Done => self.applied.push(migration.name.filename().to_owned()),
                walk => return Ok(walk),
            }
        }
        Ok(Walk::Done)
    }

    /// Applies one file, as often as somebody else is in the way.
    fn apply(
        &self,
        locked: &mut Locked,
        mut job: Job,
        conditions: Conditions,
        seen: &Survey,
        due: &Plan,
    ) -> Result<Walk> {
        let file = job.row.filename.clone();
        let mut patience = Patience::new(self.settings.max_wait);
        for notice in job
            .omitted
            .iter()
            .filter_map(|omission| omission.notice.as_ref())
        {
            self.report.notice(notice);
        }
        loop {
            self.report.applying(&file);
            let attempt = locked.try_apply(&job, conditions, &mut |progress| {
                self.report.progress(&file, progress)
            });
            self.report.server_notices(&file, &locked.take_notices());
            match attempt {
                Attempt::Applied { time } => {
                    self.report.applied(&file, time);
                    return Ok(Walk::Done);
                }
                Attempt::Blocked { error, steps_done } => {
                    self.report.blocked(&file, &error);
                    job.begun = Begun::Failed { steps_done };
                    if !patience.pause() {
                        return Err(Error::GaveUp {
                            waiting_for: format!("the locks of {file}"),
                            waited: Spoken(patience.waited()).to_string(),
                            holder: None,
                        });
                    }
                }
                Attempt::Overtaken => return Ok(Walk::Overtaken(file)),
                Attempt::Lost(trouble) => return Ok(Walk::Lost(file, trouble)),
                Attempt::NotRecorded(error) => {
                    let trouble = Trouble::Server(Box::new(error));
                    return Err(cannot_record(&file, conditions.table, trouble));
                }
                Attempt::Failed(fault) => return Err(self.failure(&job, *fault, seen, due)),
            }
        }
    }

    fn failure(&self, job: &Job, fault: Fault, seen: &Survey, due: &Plan) -> Error {
        let baseline = !job.preparation.is_empty();
        let legacy =
            matches!(&seen.observed.history, History::Absent(absent) if !absent.objects.is_empty());
        let exists = baseline && legacy && fault.error.is_duplicate();
        let names = due
            .due
            .iter()
            .map(|next| next.migration.name.filename().to_owned());
        let pending: Vec<String> = if baseline {
            std::iter::once(job.row.filename.clone())
                .chain(names)
                .collect()
        } else {
            names.skip_while(|name| *name != job.row.filename).collect()
        };
        let rolled_back = match (&job.file.execution, fault.steps_done) {
            _ if baseline => format!(
                "{} as a whole, the history table included",
                job.row.filename
            ),
            (Execution::Transaction { .. }, _) => format!("{} as a whole", job.row.filename),
            (Execution::Steps(_), 0) => format!("the first step of {}", job.row.filename),
            (Execution::Steps(steps), done) => format!(
                "step {} of {} of {}; the steps before it are done and will not be repeated",
                done + 1,
                steps.len(),
                job.row.filename
            ),
        };
        let failure = Box::new(Failure {
            path: job.file.path.clone(),
            place: fault.place,
            error: fault.error,
            rolled_back,
            applied: self.applied.clone(),
            pending,
        });
        if exists {
            Error::BaselineExists(failure)
        } else {
            Error::Migration(failure)
        }
    }
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
        file: &schema.file,
        omitted: omitted(&schema.file, table),
        preparation: create,
        row: NewRow::of_schema(schema, schema.through().unwrap_or(last), RowKind::Baseline),
        contained: rows.collect(),
        begun: Begun::Not,
    }
}

/// What of a file is not sent: what it omits by itself, and what it would do to the history.
fn omitted(file: &SqlFile, table: &HistoryTable) -> Vec<Omission> {
    let mut omitted = file.omitted.clone();
    omitted.extend(file.about_history(&table.0));
    omitted.sort_by_key(|omission| omission.span.start);
    omitted
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

/// What it means that the history table could not be created.
fn cannot_create(table: &HistoryTable, trouble: Trouble) -> Result<Walk> {
    match trouble.server() {
        Some(error) if is_overtaken(error, table) => Ok(Walk::Overtaken(table.to_string())),
        _ if trouble.lost_connection() => Ok(Walk::Lost(table.to_string(), trouble)),
        _ => Err(Error::Database {
            doing: format!("cannot create the history table {table}"),
            trouble,
        }),
    }
}

fn cannot_record(file: &str, table: &HistoryTable, trouble: Trouble) -> Error {
    Error::Database {
        doing: format!("cannot record {file} in the history {table}, so it was not run"),
        trouble,
    }
}
