//! `onward validate`: the files among themselves, ways back included, and against the history. Writes nothing, and takes no lock.

use super::Ground;
use crate::error::{Count, Result, exit};
use crate::migration::folder::{Keep, ways_back};
use crate::plan::{Finding, Goal, History, Plan, Reach, Severity, Strictness, plan};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, report: &Report) -> Result<u8> {
    let ground = Ground::read(settings, Keep::States)?;
    ways_back(&settings.location, ground.files.migrations.iter())?;
    let (_, seen) = ground.look(settings, &mut ground.patience(settings), report)?;
    let goal = Goal {
        reach: Reach::All,
        nonempty: settings.nonempty,
    };
    let mut plan = plan(&ground.files, &seen.observed, &goal);
    // A standby is as good as its primary to compare files with.
    plan.findings
        .retain(|finding| !matches!(finding, Finding::ReadOnly { .. }));
    let strict = match settings.strict {
        Strictness::Warn => Strictness::Warn,
        Strictness::Refuse | Strictness::RefuseAll => Strictness::RefuseAll,
    };
    report.findings(&plan.findings, strict);
    report.say(&format!(
        "Validated {}: {}",
        Count(ground.files.migrations.len(), "migration"),
        verdict(&plan, strict, &seen.observed.history)
    ));
    Ok(match plan.refusals(strict) {
        0 => exit::DONE,
        _ => exit::REFUSED,
    })
}

/// `1 refusal, 2 warnings`, or that there is neither.
fn verdict(plan: &Plan, strict: Strictness, history: &History) -> String {
    let count = |severity: Severity, word| {
        let findings = plan.findings.iter();
        let count = findings
            .filter(|finding| finding.severity(strict) == severity)
            .count();
        (count > 0).then(|| Count(count, word).to_string())
    };
    let counts: Vec<String> = [
        count(Severity::Refusal, "refusal"),
        count(Severity::Warning, "warning"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match history {
        _ if !counts.is_empty() => counts.join(", "),
        History::Absent(_) => "the files are sound, and there is no history yet".to_owned(),
        History::Present(_) | History::Unusable(_) => "files and history agree".to_owned(),
    }
}
