//! `onward status`: every migration with its state. Writes nothing.

use super::Ground;
use crate::cli::{Check, Format};
use crate::database::run_lock;
use crate::database::session::Session;
use crate::error::{Error, Result, exit};
use crate::migration::folder::Keep;
use crate::plan::{Goal, History, Plan, Reach, State, plan};
use crate::report::human::Place;
use crate::report::json::Stuck;
use crate::report::{Report, human, json};
use crate::settings::Settings;

pub(super) fn run(
    settings: &Settings,
    format: Format,
    check: Check,
    report: &Report,
) -> Result<u8> {
    let ground = Ground::read(settings, Keep::States)?;
    // First, because it is wanted most when there is no connection.
    if format == Format::Human && report.is_verbose() {
        report.document(&human::origins(&settings.origins));
    }
    let (mut session, seen) = ground.look(settings, &mut ground.patience(settings), report)?;
    let goal = Goal {
        reach: Reach::All,
        nonempty: settings.nonempty,
    };
    let plan = plan(&ground.files, &seen.observed, &goal);
    let history = match &seen.observed.history {
        History::Present(present) => Some(present.table.as_str()),
        History::Absent(_) | History::Unusable(_) => None,
    };
    let shown = match &seen.observed.history {
        History::Present(present) => &present.table,
        History::Absent(_) => "none yet",
        History::Unusable(_) => "not usable, see below",
    };
    match format {
        Format::Json => {
            let stuck = is_stuck(&mut session, &plan)?;
            let document = json::status(&plan, &seen.facts, history, settings.strict, stuck);
            report.document(&document);
        }
        Format::Human => {
            let target = settings.target.describe();
            report.document(&human::status(
                &plan,
                &seen.facts,
                &Place {
                    target: &target,
                    history: shown,
                    columns: report.columns(),
                },
            ));
            report.findings(&plan.findings, settings.strict);
        }
    }
    Ok(exit_code(&plan, settings, check))
}

/// Whether a file runs by what the history says, while nobody holds the run lock.
fn is_stuck(session: &mut Session, plan: &Plan) -> Result<Stuck> {
    let running = plan
        .entries
        .iter()
        .any(|entry| matches!(entry.state, State::Running | State::RollingBack));
    if !running {
        return Ok(Stuck::No);
    }
    let held = run_lock::is_held(session).map_err(|trouble| Error::Database {
        doing: "cannot see who holds the run lock".to_owned(),
        trouble,
    })?;
    Ok(if held { Stuck::No } else { Stuck::Yes })
}

fn exit_code(plan: &Plan, settings: &Settings, check: Check) -> u8 {
    match check {
        Check::ShowOnly => exit::DONE,
        Check::ExitCode if plan.refusals(settings.strict) > 0 => exit::REFUSED,
        Check::ExitCode if plan.is_empty() => exit::DONE,
        Check::ExitCode => exit::PENDING,
    }
}
