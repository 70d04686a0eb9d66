//! `onward status`: every migration with its state. Writes nothing.

use super::Ground;
use crate::cli::{Check, Format};
use crate::error::{Result, exit};
use crate::plan::{Goal, History, Plan, plan};
use crate::report::human::Place;
use crate::report::{Report, human, json};
use crate::settings::Settings;

pub(super) fn run(
    settings: &Settings,
    format: Format,
    check: Check,
    report: &Report,
) -> Result<u8> {
    let ground = Ground::read(settings)?;
    let mut session = ground.connect(&mut ground.patience(settings))?;
    let seen = ground.survey(&mut session, settings)?;
    let goal = Goal {
        to: None,
        nonempty: settings.nonempty,
    };
    let plan = plan(&ground.files, &seen.observed, &goal);
    let history = match &seen.observed.history {
        History::Present(present) => Some(present.table.as_str()),
        History::Absent(_) | History::Unusable(_) => None,
    };
    match format {
        Format::Json => {
            report.document(&json::status(&plan, &seen.facts, history, settings.strict));
        }
        Format::Human => {
            let target = settings.target.describe();
            report.document(&human::status(
                &plan,
                &seen.facts,
                &Place {
                    target: &target,
                    history,
                },
            ));
            report.findings(&plan, settings.strict);
        }
    }
    Ok(exit_code(&plan, settings, check))
}

fn exit_code(plan: &Plan, settings: &Settings, check: Check) -> u8 {
    match check {
        Check::ShowOnly => exit::DONE,
        Check::ExitCode if plan.refusals(settings.strict) > 0 => exit::REFUSED,
        Check::ExitCode if plan.is_empty() => exit::DONE,
        Check::ExitCode => exit::PENDING,
    }
}
