//! `onward up`: the baseline if needed, then every pending migration.

use super::{Ground, lock, refuse};
use crate::cli::{Rehearsal, Up};
use crate::database::apply::{Attempt, Conditions, Fault, Job, is_overtaken};
use crate::database::history::{HistoryTable, NewRow};
use crate::database::patience::Patience;
use crate::database::run_lock::Locked;
use crate::database::session::Session;
use crate::database::survey::Survey;
use crate::error::{Error, Failure, Hook, Result, Trouble};
use crate::migration::execution::Execution;
use crate::migration::file::Omission;
use crate::migration::folder::Keep;
use crate::migration::{Migration, SchemaFile, SqlFile};
use crate::plan::{Begun, Goal, History, Opening, Plan, Reach, RowKind, plan};
use crate::program::{self, HookEnd};
use crate::report::Report;
use crate::settings::Settings;
use crate::timeout::Spoken;

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
        report.findings(&shown, settings.strict);
        report.dry_run(&shown);
        return Ok(());
    }
    refuse(&shown, settings, report)?;
    let mut run = Run::new(settings, report, &ground, &goal, patience);
    run.before = told.before.as_deref();
    let recorded = if shown.is_empty() {
        shown.applied()
    } else {
        run.catch_up(session, seen, None)?
    };
    match &goal.reach {
        Reach::To(version) => report.done_up_to(&run.applied, version, recorded),
        Reach::All | Reach::Only(_) => report.done(&run.applied, recorded),
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

/// A run that changes the database.
pub(super) struct Run<'a> {
    settings: &'a Settings,
    report: &'a Report,
    ground: &'a Ground<'a>,
    goal: &'a Goal,
    patience: Patience,
    /// The command for when something is pending, until it has run.
    before: Option<&'a str>,
    /// What goes before the history is created, until it is gone.
    pub(super) clearing: Option<Clearing>,
    /// File names of what this run has applied, the schema file not among them.
    pub(super) applied: Vec<String>,
}

/// All that is in a database, to be dropped.
pub(super) struct Clearing {
    pub(super) database: String,
    pub(super) statements: String,
}

/// How a round under the run lock ended.
enum Round {
    Done {
        /// How many migrations the history holds as applied then.
        applied: usize,
    },
    Interrupted(Interruption),
}

/// How a walk through a plan ended.
enum Walk {
    Done,
    /// What is due must be asked again.
    Interrupted(Interruption),
}

/// Why a walk did not come to its end.
struct Interruption {
    /// What was being applied.
    file: String,
    cause: Cause,
}

enum Cause {
    /// Another runner was faster, it seems.
    Overtaken,
    /// The connection broke; the history tells what came of the file.
    Lost(Trouble),
}

/// A file that interrupts so many walks, and is not applied then, is itself the cause.
const LOSSES: u32 = 5;

impl<'a> Run<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        report: &'a Report,
        ground: &'a Ground<'a>,
        goal: &'a Goal,
        patience: Patience,
    ) -> Run<'a> {
        Run {
            settings,
            report,
            ground,
            goal,
            patience,
            before: None,
            clearing: None,
            applied: Vec::new(),
        }
    }

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
        let seen = self.ground.survey(&mut session, self.settings)?;
        self.catch_up(session, seen, Some(interruption))
    }

    /// Takes the run lock, plans again by what the history says then, and applies; how many are applied in the end.
    /// `before` is what interrupted an earlier walk.
    fn catch_up(
        &mut self,
        mut session: Session,
        mut seen: Survey,
        mut before: Option<Interruption>,
    ) -> Result<usize> {
        let mut times = u32::from(before.is_some());
        loop {
            let now = match self.round(session, &mut seen, before.as_ref()) {
                Ok(Round::Done { applied }) => return Ok(applied),
                Ok(Round::Interrupted(interruption)) => interruption,
                // Nothing was being applied, so nothing is in doubt.
                Err(Error::Database { trouble, .. }) if trouble.lost_connection() => Interruption {
                    file: "the history".to_owned(),
                    cause: Cause::Lost(trouble),
                },
                Err(error) => return Err(error),
            };
            times = if before.is_some_and(|before| before.file == now.file) {
                times + 1
            } else {
                1
            };
            session = self.go_on(&now, times)?;
            before = Some(now);
        }
    }

    /// Takes the run lock, plans, and applies until all is done or something interrupts.
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
        *seen = self.ground.survey_locked(&mut lock, self.settings)?;
        let due = plan(&self.ground.files, &seen.observed, self.goal);
        if let Some(Interruption {
            file,
            cause: Cause::Lost(_),
        }) = before
            && due.is_applied(file)
        {
            self.report.committed_after_all(file);
            self.applied.push(file.clone());
            // The only file that was wanted is not pending any more.
            if self.goal.reach == Reach::Only(file.clone()) {
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
        if let Some(command) = self.before.take() {
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

    /// A new session after an interruption, as soon as the server gives one.
    fn go_on(&mut self, interruption: &Interruption, times: u32) -> Result<Session> {
        let file = &interruption.file;
        self.patience.begin();
        let mut trouble = match &interruption.cause {
            Cause::Overtaken => {
                self.report.overtaken(file);
                return Session::connect(self.ground.target);
            }
            Cause::Lost(trouble) if times >= LOSSES => {
                let (file, trouble) = (file.clone(), trouble.clone());
                return Err(Error::KeepsBreaking {
                    file,
                    times,
                    trouble,
                });
            }
            Cause::Lost(trouble) => trouble.clone(),
        };
        self.report.reconnecting(file, &trouble);
        while self.patience.pause() {
            match Session::connect(self.ground.target) {
                Err(Error::Connect { trouble: again, .. }) if again.may_pass() => trouble = again,
                outcome => return outcome,
            }
        }
        Err(Error::OutcomeUnknown {
            file: file.clone(),
            trouble,
        })
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
            due,
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
            self.applied.push(migration.name.filename().to_owned());
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
                Some(error) if error.is_blocked() => return Err(self.gave_up(&name, None)),
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

    /// Applies one file, as often as somebody else is in the way.
    fn apply(&mut self, scene: &mut Scene, mut job: Job) -> Result<Walk> {
        let file = job.row.filename.clone();
        for notice in job
            .omitted
            .iter()
            .filter_map(|omission| omission.notice.as_ref())
        {
            self.report.notice(notice);
        }
        self.patience.begin();
        loop {
            self.report.applying(&file);
            let progress = &mut |progress| self.report.progress(&file, progress);
            let attempt = scene.locked.try_apply(&job, scene.conditions, progress);
            self.report
                .server_notices(&file, &scene.locked.take_notices());
            match attempt {
                Attempt::Applied { time } => {
                    self.report_cleared();
                    self.report.applied(&file, time);
                    return Ok(Walk::Done);
                }
                Attempt::Blocked {
                    error,
                    steps_done,
                    relations,
                } => {
                    let blockers = scene.locked.blockers(&relations);
                    self.report.blocked(&file, &error, &blockers);
                    job.begun = job.begun.after_trying(steps_done);
                    if !self.patience.pause() {
                        return Err(self.gave_up(&file, blockers.into_iter().next()));
                    }
                }
                Attempt::Overtaken(_) if !scene.was_interrupted_by(&file) => {
                    return Ok(Walk::Interrupted(Interruption {
                        file,
                        cause: Cause::Overtaken,
                    }));
                }
                Attempt::Lost(trouble) => {
                    return Ok(Walk::Interrupted(Interruption {
                        file,
                        cause: Cause::Lost(trouble),
                    }));
                }
                Attempt::NotRecorded(error) | Attempt::Overtaken(error) => {
                    let table = scene.conditions.table;
                    let doing =
                        format!("cannot record {file} in the history {table}, so it was not run");
                    return Err(self.not_opened(doing, Trouble::Server(Box::new(error))));
                }
                Attempt::Failed(fault) => return Err(self.failure(&job, *fault, scene)),
            }
        }
    }

    /// What was to be dropped is gone for good.
    fn report_cleared(&mut self) {
        if let Some(Clearing { database, .. }) = self.clearing.take() {
            self.report.cleared(&database);
        }
    }

    /// Something failed that comes before the text of a file.
    fn not_opened(&self, doing: String, trouble: Trouble) -> Error {
        let doing = match &self.clearing {
            Some(clearing) => format!("cannot drop all that is in {}", clearing.database),
            None => doing,
        };
        Error::Database { doing, trouble }
    }

    fn gave_up(&self, file: &str, holder: Option<String>) -> Error {
        Error::GaveUp {
            waiting_for: format!("the locks of {file}"),
            waited: Spoken(self.patience.used()).to_string(),
            holder,
            applied: self.applied.clone(),
        }
    }

    fn failure(&self, job: &Job, fault: Fault, scene: &Scene) -> Error {
        let filename = &job.row.filename;
        let baseline = !job.preparation.is_empty();
        let legacy = matches!(&scene.seen.observed.history, History::Absent(absent) if !absent.objects.is_empty());
        let exists = baseline && legacy && fault.error.is_duplicate();
        let names = scene
            .due
            .due
            .iter()
            .map(|next| next.migration.name.filename().to_owned());
        let pending: Vec<String> = if baseline {
            std::iter::once(filename.clone()).chain(names).collect()
        } else {
            names.skip_while(|name| name != filename).collect()
        };
        let rolled_back = match (&job.file.execution, fault.steps_done) {
            _ if self.clearing.is_some() => {
                format!("{filename} as a whole, and what was dropped before it is there again")
            }
            _ if baseline => format!("{filename} as a whole, the history table included"),
            (Execution::Transaction { .. }, _) => format!("{filename} as a whole"),
            (Execution::Steps(_), 0) => format!("the first step of {filename}"),
            (Execution::Steps(steps), done) => format!(
                "step {} of {} of {filename}; the steps before it are done and will not be repeated",
                done + 1,
                steps.len()
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

/// Where a walk takes place.
struct Scene<'a, 't> {
    locked: &'a mut Locked<'t>,
    conditions: Conditions<'a>,
    seen: &'a Survey,
    due: &'a Plan<'a>,
    before: Option<&'a Interruption>,
}

impl Scene<'_, '_> {
    /// Whether the last walk ended at this very file: if it seems overtaken again, and is still due, it is not.
    fn was_interrupted_by(&self, file: &str) -> bool {
        self.before.is_some_and(|before| before.file == file)
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
