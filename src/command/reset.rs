//! `onward reset`: drops all that is in the database, then does what `up` does.

use super::run::{Clearing, Run};
use super::up::Aim;
use super::{Ground, lock, refuse};
use crate::cli::Switch;
use crate::database::contents::{Contents, contents, end_sessions};
use crate::database::history::{HistoryTable, MissingSchema};
use crate::database::run_lock::RunLock;
use crate::database::survey::Survey;
use crate::error::{Error, Result, Shell, Trouble, exit};
use crate::migration::folder::Keep;
use crate::plan::{Finding, Goal, History, NoHistory, Observed, Reach, plan};
use crate::report::Report;
use crate::settings::Settings;
use crate::sql::name::{QualifiedName, TableName};

pub(super) fn run(settings: &Settings, named: &str, force: Switch, report: &Report) -> Result<u8> {
    if let Some(variable) = settings.production {
        return Err(Error::Usage {
            message: format!(
                "{variable} says that this is production, and reset drops all that is in a database"
            ),
            hint: format!("nothing was changed; where it is not production, leave {variable} out"),
        });
    }
    let ground = Ground::read(settings, Keep::Texts)?;
    let mut patience = ground.patience(settings);
    let (session, seen) = ground.look(settings, &mut patience, report)?;
    refuse_all(&wrong_place(&seen, named), report)?;
    let mut lock = lock(session, ground.target, &seen, &mut patience, report)?;
    let seen = ground.survey_locked(&mut lock, settings, &mut patience, report)?;
    let mut findings = wrong_place(&seen, named);
    let found = lock.look(|session| {
        contents(session, &seen.facts).map_err(failed("cannot see what is in the database"))
    })?;
    let database = &seen.facts.database;
    if found.is_template {
        findings.push(Finding::Template {
            database: database.clone(),
        });
    }
    if !found.subscriptions.is_empty() {
        findings.push(Finding::Subscribed {
            subscriptions: found.subscriptions.clone(),
        });
    }
    if force == Switch::Absent {
        findings.extend(in_use(database, &found.sessions));
    }
    refuse_all(&findings, report)?;

    let seen = emptied(&seen, &found, &settings.table)?;
    let goal = Goal {
        reach: Reach::All,
        nonempty: settings.nonempty,
    };
    let due = plan(&ground.files, &seen.observed, &goal);
    refuse(&due, settings, report)?;
    if !found.sessions.is_empty() {
        end(&mut lock, database, report)?;
    }
    let locked = lock.open_second(ground.target, &mut patience)?;
    if !locked.has_run_lock() {
        return Err(Error::Unreachable {
            message: "there is no second connection to be had, and reset needs two".to_owned(),
            hint: "nothing was changed; run onward again when the server has a free connection"
                .to_owned(),
        });
    }
    let aim = Aim {
        goal: &goal,
        before: None,
    };
    let mut run = Run::new(settings, report, &ground, aim, patience);
    run.clearing = Some(Clearing {
        database: database.clone(),
        statements: found.drops,
    });
    let applied = run.begin_anew(locked, &seen, &due)?;
    report.done(&run.done, applied);
    Ok(exit::DONE)
}

fn failed(doing: &'static str) -> impl Fn(Trouble) -> Error {
    move |trouble| Error::Database {
        doing: doing.to_owned(),
        trouble,
    }
}

/// What speaks against this database before anything else is asked.
fn wrong_place(seen: &Survey, named: &str) -> Vec<Finding> {
    let connected = &seen.facts.database;
    let other = (connected != named).then(|| Finding::OtherDatabase {
        connected: connected.clone(),
        named: named.to_owned(),
    });
    let read_only = seen.observed.read_only.clone();
    let read_only = read_only.map(|reason| Finding::ReadOnly { reason });
    other.into_iter().chain(read_only).collect()
}

fn in_use(database: &str, sessions: &[String]) -> Option<Finding> {
    (!sessions.is_empty()).then(|| Finding::InUse {
        database: database.to_owned(),
        sessions: sessions.to_vec(),
    })
}

/// Ends the sessions of others.
fn end(lock: &mut RunLock, database: &str, report: &Report) -> Result<()> {
    let left = lock.look(|session| {
        end_sessions(session).map_err(failed("cannot end the sessions of others"))
    })?;
    refuse_all(in_use(database, &left).as_slice(), report)
}

fn refuse_all(findings: &[Finding], report: &Report) -> Result<()> {
    for finding in findings {
        report.refusal(finding);
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Error::Refused { count }),
    }
}

/// What will be seen when all is dropped. Of the schemas only `public` is there then.
fn emptied(seen: &Survey, found: &Contents, name: &TableName) -> Result<Survey> {
    let public = || found.public_on_path.then(|| "public".to_owned());
    let schema = name.schema.clone().or_else(public).ok_or_else(|| Error::Usage {
        message: "no schema of the search_path is left when all is dropped, so there is no place for the history table"
            .to_owned(),
        hint: format!(
            "name one, and it will be created: onward reset --database {} --table SCHEMA.schema_migrations",
            Shell(&seen.facts.database)
        ),
    })?;
    let missing_schema = if schema == "public" {
        MissingSchema::Leave
    } else {
        MissingSchema::Create
    };
    let table = QualifiedName {
        schema,
        name: name.name.clone(),
    };
    Ok(Survey {
        facts: seen.facts.clone(),
        table: Some(HistoryTable(table.clone())),
        missing_schema,
        observed: Observed {
            read_only: None,
            table: Some(table),
            history: History::Absent(NoHistory::default()),
        },
    })
}
