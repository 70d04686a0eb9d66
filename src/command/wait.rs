//! `onward wait`: until the server accepts a query.

use std::time::Instant;

use crate::database::patience::Patience;
use crate::database::session::{Session, Target};
use crate::error::{Error, Result, Trouble, exit};
use crate::report::Report;
use crate::settings::{Settings, USUAL_WAIT};
use crate::timeout::{MaxWait, ReadyWait, Spoken};

pub(super) fn run(settings: &Settings, report: &Report) -> Result<u8> {
    let deadline = settings
        .timeout
        .map(|timeout| Instant::now() + timeout.duration());
    let target = Target {
        conninfo: &settings.target,
        deadline,
    };
    until_ready(target, settings.wait.unwrap_or(USUAL_WAIT), report)?;
    report.say(&format!("ready: {}", settings.target.describe()));
    Ok(exit::DONE)
}

/// A session that has answered a query: a pooler accepts connections long before its server does.
///
/// What does not pass by itself (a wrong password, an unknown database) ends the wait at once.
pub(super) fn until_ready(target: Target, limit: ReadyWait, report: &Report) -> Result<Session> {
    let end = Instant::now() + limit.duration();
    let attempt = Target {
        deadline: target.deadline.into_iter().chain([end]).min(),
        ..target
    };
    let mut patience = Patience::new(MaxWait::from(limit), target.deadline);
    patience.begin();
    let mut last: Option<Trouble> = None;
    loop {
        let now = match try_query(attempt) {
            Ok(mut session) => {
                session.set_deadline(target.deadline);
                return Ok(session);
            }
            Err(Error::Connect { trouble, .. }) if trouble.may_pass() => trouble,
            Err(error) => return Err(error),
        };
        // What the end of the time cuts off tells nothing of the server.
        let trouble = match last.take() {
            Some(before) if Instant::now() >= end => before,
            Some(before) if before.to_string() == now.to_string() => before,
            _ => {
                report.not_ready(&target.conninfo.describe(), &now);
                now
            }
        };
        if !patience.pause() {
            return Err(Error::NotReady {
                target: target.conninfo.describe(),
                waited: Spoken(patience.used()).to_string(),
                trouble,
            });
        }
        last = Some(trouble);
    }
}

fn try_query(target: Target) -> Result<Session> {
    let mut session = Session::connect(target)?;
    match session.run("SELECT 1") {
        Ok(()) => Ok(session),
        Err(trouble) => Err(Error::Connect {
            target: target.conninfo.describe(),
            tries: Vec::new(),
            trouble,
        }),
    }
}
