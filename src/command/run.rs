//! What `up` and `rollback` share: the loop that runs files under the run lock, whatever interrupts it.

use super::Ground;
use crate::database::apply::{Attempt, Conditions, Fault, Job};
use crate::database::history::HistoryTable;
use crate::database::patience::Patience;
use crate::database::run_lock::Locked;
use crate::database::session::Session;
use crate::database::survey::Survey;
use crate::error::{Done, Error, Failure, Result, Trouble};
use crate::migration::execution::Execution;
use crate::migration::file::Omission;
use crate::migration::{SqlFile, Way};
use crate::plan::History;
use crate::report::Report;
use crate::settings::Settings;
use crate::timeout::Spoken;

/// A run that changes the database, towards an aim.
pub(super) struct Run<'a, Aim> {
    pub(super) settings: &'a Settings,
    pub(super) report: &'a Report,
    pub(super) ground: &'a Ground<'a>,
    pub(super) aim: Aim,
    pub(super) patience: Patience,
    /// What goes before the history is created, until it is gone.
    pub(super) clearing: Option<Clearing>,
    /// File names of what this run has done, the schema file not among them.
    pub(super) done: Vec<String>,
}

/// All that is in a database, to be dropped.
pub(super) struct Clearing {
    pub(super) database: String,
    pub(super) statements: String,
}

/// A run that knows what to do while it holds the run lock.
pub(super) trait Rounds {
    /// Takes the run lock, plans, and runs files until all is done or something interrupts. `before` is what
    /// interrupted the last round.
    fn round(
        &mut self,
        session: Session,
        seen: &mut Survey,
        before: Option<&Interruption>,
    ) -> Result<Round>;
}

/// How a round under the run lock ended.
pub(super) enum Round {
    Done {
        /// How many migrations the history holds as applied then.
        applied: usize,
    },
    Interrupted(Interruption),
}

/// How a walk through a plan ended.
pub(super) enum Walk {
    Done,
    /// What is due must be asked again.
    Interrupted(Interruption),
}

/// Why a walk did not come to its end.
pub(super) struct Interruption {
    /// Whose file was being run.
    pub(super) file: String,
    pub(super) cause: Cause,
}

pub(super) enum Cause {
    /// Another runner was faster, it seems.
    Overtaken,
    /// The connection broke; the history tells what came of the file.
    Lost(Trouble),
}

/// A file that interrupts so many walks, and is not done then, is itself the cause.
const LOSSES: u32 = 5;

impl<'a, Aim> Run<'a, Aim> {
    pub(super) fn new(
        settings: &'a Settings,
        report: &'a Report,
        ground: &'a Ground<'a>,
        aim: Aim,
        patience: Patience,
    ) -> Run<'a, Aim> {
        Run {
            settings,
            report,
            ground,
            aim,
            patience,
            clearing: None,
            done: Vec::new(),
        }
    }

    /// Does what the history asks for when nobody else is at work; how many migrations are applied in the end.
    /// `before` is what interrupted an earlier walk.
    pub(super) fn catch_up(
        &mut self,
        mut session: Session,
        mut seen: Survey,
        mut before: Option<Interruption>,
    ) -> Result<usize>
    where
        Self: Rounds,
    {
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

    /// A new session after an interruption, as soon as the server gives one.
    pub(super) fn go_on(&mut self, interruption: &Interruption, times: u32) -> Result<Session> {
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

    /// Runs one file, as often as somebody else is in the way.
    pub(super) fn apply(&mut self, scene: &mut Scene, mut job: Job) -> Result<Walk> {
        let file = job.row.filename.clone();
        let called = called(&job);
        for notice in job
            .omitted
            .iter()
            .filter_map(|omission| omission.notice.as_ref())
        {
            self.report.notice(notice);
        }
        self.patience.begin();
        loop {
            match job.way {
                Way::Forward => self.report.applying(&file),
                Way::Back => self.report.rolling_back(&file),
            }
            let progress = &mut |progress| self.report.progress(&file, progress);
            let attempt = scene.locked.try_apply(&job, scene.conditions, progress);
            self.report
                .server_notices(&file, &scene.locked.take_notices());
            match attempt {
                Attempt::Applied { time } => {
                    self.report_cleared();
                    match job.way {
                        Way::Forward => self.report.applied(&file, time),
                        Way::Back => self.report.rolled_back(&file, time),
                    }
                    return Ok(Walk::Done);
                }
                Attempt::Blocked {
                    error,
                    steps_done,
                    relations,
                } => {
                    let blockers = scene.locked.blockers(&relations);
                    self.report.blocked(&called, &error, &blockers);
                    if matches!(job.file.execution, Execution::Steps(_)) {
                        job.begun = job.begun.after_trying(steps_done);
                    }
                    if !self.patience.pause() {
                        return Err(self.gave_up(&called, job.way, blockers.into_iter().next()));
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
                        format!("cannot record {called} in the history {table}, so it was not run");
                    return Err(self.not_opened(doing, Trouble::Server(Box::new(error))));
                }
                Attempt::Failed(fault) => return Err(self.failure(&job, &called, *fault, scene)),
            }
        }
    }

    /// What was to be dropped is gone for good.
    pub(super) fn report_cleared(&mut self) {
        if let Some(Clearing { database, .. }) = self.clearing.take() {
            self.report.cleared(&database);
        }
    }

    /// Something failed that comes before the text of a file.
    pub(super) fn not_opened(&self, doing: String, trouble: Trouble) -> Error {
        let doing = match &self.clearing {
            Some(clearing) => format!("cannot drop all that is in {}", clearing.database),
            None => doing,
        };
        Error::Database { doing, trouble }
    }

    pub(super) fn gave_up(&self, called: &str, way: Way, holder: Option<String>) -> Error {
        let done = self.done.clone();
        Error::GaveUp {
            waiting_for: format!("the locks of {called}"),
            waited: Spoken(self.patience.used()).to_string(),
            holder,
            done: match way {
                Way::Forward => Done::Applied(done),
                Way::Back => Done::RolledBack(done),
            },
        }
    }

    fn failure(&self, job: &Job, called: &str, fault: Fault, scene: &Scene) -> Error {
        let baseline = !job.preparation.is_empty();
        let legacy = matches!(&scene.seen.observed.history, History::Absent(absent) if !absent.objects.is_empty());
        let exists = baseline && legacy && fault.error.is_duplicate();
        let names = scene.names.iter().cloned();
        let rolled_back = match (&job.file.execution, fault.steps_done) {
            _ if self.clearing.is_some() => {
                format!("{called} as a whole, and what was dropped before it is there again")
            }
            _ if baseline => format!("{called} as a whole, the history table included"),
            (Execution::Transaction { .. }, _) => format!("{called} as a whole"),
            (Execution::Steps(steps), done) if fault.unrecorded => format!(
                "nothing: step {} of {} of {called} is done, and could not be recorded",
                done + 1,
                steps.len()
            ),
            (Execution::Steps(_), 0) => format!("the first step of {called}"),
            (Execution::Steps(steps), done) => format!(
                "step {} of {} of {called}; the steps before it are done and will not be repeated",
                done + 1,
                steps.len()
            ),
        };
        let failure = Box::new(Failure {
            path: job.file.path.clone(),
            place: fault.place,
            error: fault.error,
            rolled_back,
            done: self.done.clone(),
            pending: names.skip_while(|name| *name != job.row.filename).collect(),
        });
        match job.way {
            Way::Forward if exists => Error::BaselineExists(failure),
            Way::Forward => Error::Migration(failure),
            Way::Back => Error::WayBack(failure),
        }
    }
}

/// What a message calls the file.
fn called(job: &Job) -> String {
    match job.way {
        Way::Forward => job.row.filename.clone(),
        Way::Back => format!("the way back of {}", job.row.filename),
    }
}

/// Where a walk takes place.
pub(super) struct Scene<'a, 't> {
    pub(super) locked: &'a mut Locked<'t>,
    pub(super) conditions: Conditions<'a>,
    pub(super) seen: &'a Survey,
    /// The names of all that is to run, in order.
    pub(super) names: Vec<String>,
    pub(super) before: Option<&'a Interruption>,
}

impl Scene<'_, '_> {
    /// Whether the last walk ended at this very file: if it seems overtaken again, and is still due, it is not.
    pub(super) fn was_interrupted_by(&self, file: &str) -> bool {
        self.before.is_some_and(|before| before.file == file)
    }
}

/// What of a file is not sent: what it omits by itself, and what it would do to the history.
pub(super) fn omitted(file: &SqlFile, table: &HistoryTable) -> Vec<Omission> {
    let mut omitted = file.omitted.clone();
    omitted.extend(file.about_history(&table.0));
    omitted.sort_by_key(|omission| omission.span.start);
    omitted
}
