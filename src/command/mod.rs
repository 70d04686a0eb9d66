//! The commands: each a short story of gathering, planning, acting and reporting. The only room where the others meet.

mod adopt;
mod baseline;
mod new;
mod repair;
mod reset;
mod rollback;
mod run;
mod status;
mod up;
mod validate;
mod wait;

pub use self::new::run as new;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::cli::{Command, Program};
use crate::database::apply::Conditions;
use crate::database::blockers::blockers;
use crate::database::patience::Patience;
use crate::database::run_lock::{Locked, RunLock};
use crate::database::session::{Session, Target};
use crate::database::survey::{Survey, survey};
use crate::error::{Done, Error, Escaped, Result, Trouble, Typed, exit};
use crate::migration::folder::{Keep, Location, is_same, ways_back};
use crate::migration::{Files, Migration, SchemaFile};
use crate::plan::{self, Finding, Plan, Recorded};
use crate::report::Report;
use crate::settings::Settings;
use crate::sql::hazard;
use crate::sql::name::TableName;
use crate::timeout::Spoken;

/// How the program ends after a command that did what it was told.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    Code(u8),
    Become(&'a Program),
}

/// Runs a command.
///
/// # Errors
/// Why the command ended without success.
pub fn run<'a>(command: &'a Command, settings: &Settings, report: &Report) -> Result<Ending<'a>> {
    let code = match command {
        Command::Up(told) => {
            up::run(settings, told, report)?;
            if let Some(program) = &told.program {
                return Ok(Ending::Become(program));
            }
            exit::DONE
        }
        Command::Status { format, check } => status::run(settings, *format, *check, report)?,
        Command::Validate => validate::run(settings, report)?,
        Command::New(told) => new(&settings.location, told, report)?,
        Command::Rollback { extent, rehearsal } => {
            rollback::run(settings, extent, *rehearsal, report)?
        }
        Command::Baseline(told) => baseline::run(settings, told, report)?,
        Command::Repair { files, rehearsal } => repair::run(settings, files, *rehearsal, report)?,
        Command::Reset { database, force } => reset::run(settings, database, *force, report)?,
        Command::Adopt(told) => adopt::run(settings, told, report)?,
        Command::Wait => wait::run(settings, report)?,
    };
    Ok(Ending::Code(code))
}

/// Reads the files, for what is wrong with them.
///
/// # Errors
/// `Error::Files` with everything that makes a file unusable.
pub fn check_files(location: &Location) -> Result<()> {
    let files = Files::read(location, Keep::States)?;
    ways_back(location, files.migrations.iter()).map(drop)
}

/// What every command begins with: the files, read and checked before anything connects, and the schemas they name.
struct Ground<'a> {
    files: Files,
    schemas: BTreeSet<String>,
    target: Target<'a>,
}

impl<'a> Ground<'a> {
    fn read(settings: &'a Settings, keep: Keep) -> Result<Ground<'a>> {
        Ok(Ground::of(settings, Files::read(&settings.location, keep)?))
    }

    /// The same with files that were read already.
    fn of(settings: &'a Settings, files: Files) -> Ground<'a> {
        let deadline = settings
            .timeout
            .map(|timeout| Instant::now() + timeout.duration());
        let text = files
            .schema
            .as_ref()
            .map_or("", |schema: &SchemaFile| &schema.file.text);
        let schemas = hazard::schema_names(text);
        let target = Target {
            conninfo: &settings.target,
            deadline,
        };
        Ground {
            files,
            schemas,
            target,
        }
    }

    /// Refuses a version that no migration has, before anything connects.
    fn check_version(&self, option: &str, version: &str) -> Result<()> {
        if self.files.has_version(version) {
            return Ok(());
        }
        Err(Error::Usage {
            message: format!(
                "{option} {}: no migration in {} has this version",
                Typed(version),
                self.files.dir
            ),
            hint: "write the digits as the file name has them, zeros included".to_owned(),
        })
    }

    /// The file name that an argument means, if it is a name alone or a path in the folder of the migrations.
    fn filename<'w>(&self, word: &'w str) -> Option<&'w str> {
        let path = Path::new(word);
        // A numbered folder is named after itself, not after the file in it.
        let in_folder = path.ends_with("up.sql") || path.ends_with("migration.sql");
        let named = path.parent().filter(|_| in_folder).unwrap_or(path);
        let folder = named.parent()?;
        let is_here = folder.as_os_str().is_empty() || is_same(folder, Path::new(&self.files.dir));
        named.file_name().filter(|_| is_here)?.to_str()
    }

    /// The migration that an argument means: by its name, or by a path as good as the name.
    fn migration(&self, option: &str, word: &str) -> Result<&Migration> {
        let name = self.filename(word);
        let is_it = |migration: &&Migration| name == Some(migration.name.filename());
        let found = self.files.migrations.iter().find(is_it);
        found.ok_or_else(|| Error::Usage {
            message: format!(
                "{option} {}: no migration in {} has this name",
                Typed(word),
                Escaped(&self.files.dir)
            ),
            hint: "name a file as onward status shows it".to_owned(),
        })
    }

    /// How long this run waits for others.
    fn patience(&self, settings: &Settings) -> Patience {
        Patience::new(settings.max_wait, self.target.deadline)
    }

    /// The first session. A server that is full will have a place when other runners are done.
    fn connect(&self, patience: &mut Patience) -> Result<Session> {
        patience.begin();
        loop {
            match Session::connect(self.target) {
                Err(Error::Connect {
                    trouble: Trouble::Server(error),
                    ..
                }) if error.is_full() && patience.pause() => {}
                outcome => return outcome,
            }
        }
    }

    /// The first session and what it sees; nothing will be written if nothing is pending.
    fn look(
        &self,
        settings: &Settings,
        patience: &mut Patience,
        report: &Report,
    ) -> Result<(Session, Survey)> {
        let will_write = |rows: &[Recorded]| plan::has_pending(&self.files, rows);
        self.look_before(&will_write, settings, patience, report)
    }

    /// The first session and what it sees, before what will be written if the rows of the history are such. A connection
    /// that breaks meanwhile is opened again.
    fn look_before(
        &self,
        will_write: &dyn Fn(&[Recorded]) -> bool,
        settings: &Settings,
        patience: &mut Patience,
        report: &Report,
    ) -> Result<(Session, Survey)> {
        let mut session = match settings.wait {
            Some(limit) => wait::until_ready(self.target, limit, report)?,
            None => self.connect(patience)?,
        };
        loop {
            let mut wait = HistoryWait::new(settings, patience, report);
            match self.survey(&mut session, will_write, &mut wait) {
                Err(Error::Database { trouble, .. })
                    if trouble.lost_connection() && patience.pause() =>
                {
                    session = self.connect(patience)?;
                }
                outcome => return Ok((session, outcome?)),
            }
        }
    }

    /// Looks at the database.
    fn survey(
        &self,
        session: &mut Session,
        will_write: &dyn Fn(&[Recorded]) -> bool,
        wait: &mut HistoryWait,
    ) -> Result<Survey> {
        loop {
            let outcome = survey(session, wait.table, &self.schemas, will_write);
            let who = |relations: &[String]| blockers(session, relations);
            if let Some(seen) = wait.or_again(outcome, who)? {
                return Ok(seen);
            }
        }
    }

    /// Looks at the database again, when no other runner is at work any more.
    fn survey_locked(
        &self,
        lock: &mut RunLock,
        settings: &Settings,
        patience: &mut Patience,
        report: &Report,
    ) -> Result<Survey> {
        let mut wait = HistoryWait::new(settings, patience, report);
        loop {
            let outcome =
                lock.look(|session| survey(session, wait.table, &self.schemas, &|_| true));
            if let Some(seen) = wait.or_again(outcome, |relations| lock.blockers(relations))? {
                return Ok(seen);
            }
        }
    }
}

/// Waits for whoever has the history for itself.
struct HistoryWait<'a> {
    table: &'a TableName,
    patience: &'a mut Patience,
    report: &'a Report,
    /// Who was named last.
    named: Option<Vec<String>>,
}

impl<'a> HistoryWait<'a> {
    fn new(
        settings: &'a Settings,
        patience: &'a mut Patience,
        report: &'a Report,
    ) -> HistoryWait<'a> {
        patience.begin();
        HistoryWait {
            table: &settings.table,
            patience,
            report,
            named: None,
        }
    }

    /// What was seen, or none when the look shall be repeated.
    fn or_again(
        &mut self,
        outcome: Result<Survey>,
        who: impl FnOnce(&[String]) -> Vec<String>,
    ) -> Result<Option<Survey>> {
        let error = match outcome {
            Err(Error::Database {
                trouble: Trouble::Server(error),
                ..
            }) if error.is_blocked() => error,
            outcome => return outcome.map(Some),
        };
        let table = self.table.to_string();
        let blockers = who(std::slice::from_ref(&table));
        let holder = blockers.first().cloned();
        if self.named.as_ref() != Some(&blockers) {
            self.report.history_blocked(&table, &error, &blockers);
            self.named = Some(blockers);
        }
        if self.patience.pause() {
            return Ok(None);
        }
        Err(gave_up(&table, self.patience, holder))
    }
}

/// Shows the findings of a plan, and ends the run if any is a refusal.
fn refuse(plan: &Plan, settings: &Settings, report: &Report) -> Result<()> {
    report.findings(&plan.findings, settings.strict);
    end_if_refused(&plan.findings, settings)
}

/// Ends the run if any of these findings, which were shown, is a refusal.
fn end_if_refused(findings: &[Finding], settings: &Settings) -> Result<()> {
    match plan::refusals(findings, settings.strict) {
        0 => Ok(()),
        count => Err(Error::Refused { count }),
    }
}

/// Takes the run lock.
fn lock(
    session: Session,
    target: Target,
    seen: &Survey,
    patience: &mut Patience,
    report: &Report,
) -> Result<RunLock> {
    let mut last = None;
    RunLock::take(session, target, &seen.facts, patience, &mut |holder| {
        if last.as_ref() != Some(holder) {
            report.waiting(holder);
            last = Some(holder.clone());
        }
    })
}

/// Runs statements of our own for the history, as often as somebody else is in the way.
fn transact(
    locked: &mut Locked,
    statements: &str,
    conditions: Conditions,
    patience: &mut Patience,
    report: &Report,
    doing: &str,
) -> Result<()> {
    let table = conditions.table.to_string();
    patience.begin();
    loop {
        let trouble = match locked.transact(statements, conditions) {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        let Some(error) = trouble.server().filter(|error| error.is_blocked()) else {
            let doing = format!("{doing} {table}");
            return Err(Error::Database { doing, trouble });
        };
        let blockers = locked.blockers(std::slice::from_ref(&table));
        report.history_blocked(&table, error, &blockers);
        if !patience.pause() {
            return Err(gave_up(&table, patience, blockers.into_iter().next()));
        }
    }
}

fn gave_up(table: &str, patience: &Patience, holder: Option<String>) -> Error {
    Error::GaveUp {
        waiting_for: format!("the history {table}"),
        waited: Spoken(patience.used()).to_string(),
        holder,
        done: Done::Applied(Vec::new()),
    }
}
