//! `status` for machines. Fields are only ever added; times are RFC 3339 in UTC, durations end in `_ms`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::time::Time;

use crate::database::survey::Facts;
use crate::plan::{Entry, Plan, Recorded, RowStatus, Severity, State, Strictness};

/// Whether nobody is at work on a file that is `running`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    Yes,
    No,
}

/// The document that `status --json` prints.
#[must_use]
pub fn status(
    plan: &Plan,
    facts: &Facts,
    history: Option<&str>,
    strict: Strictness,
    stuck: Stuck,
) -> String {
    let count = |status: &str| {
        plan.entries
            .iter()
            .filter(|entry| word(entry) == status)
            .count()
    };
    let (failed, running) = (count("failed"), count("running"));
    let stuck = match stuck {
        Stuck::Yes => running,
        Stuck::No => 0,
    };
    let healthy = plan.refusals(strict) == 0 && failed == 0 && stuck == 0;
    let document = json!({
        "database": facts.database,
        "server_version": facts.version,
        "history": history,
        "baseline": plan.baseline.map(baseline),
        "total_migrations": plan.entries.len(),
        "completed": plan.applied(),
        "pending": plan.entries.len() - plan.applied() - running,
        "running": running,
        "failed": failed,
        "stuck": stuck,
        "healthy": healthy,
        "issues": issues(plan, strict),
        "migrations": plan.entries.iter().map(migration).collect::<Vec<_>>(),
    });
    line(&document)
}

/// A document as one line, which is what line-based tools expect. Control characters beyond those that JSON forbids are
/// written as escapes too: a terminal might obey them.
pub(super) fn line(document: &Value) -> String {
    let mut text = String::new();
    for c in document.to_string().chars() {
        if c.is_control() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}

/// The status in the words of the history table, and `pending` for what is not in it.
fn word(entry: &Entry) -> &'static str {
    entry.row.map_or("pending", |row| row.status.word())
}

fn state(state: State) -> &'static str {
    match state {
        State::OutOfOrder => "out_of_order",
        State::RollingBack => "rolling_back",
        state => state.word(),
    }
}

fn migration(entry: &Entry) -> Value {
    let row = entry.row;
    json!({
        "name": entry.filename,
        "version": entry.version,
        "description": entry.description,
        "status": word(entry),
        "state": state(entry.state),
        "out_of_order": entry.state == State::OutOfOrder,
        "kind": row.map(|row| row.kind.word()),
        "started_at": row.map(|row| row.started_at.rfc3339()),
        "completed_at": row.and_then(|row| row.applied_at).map(Time::rfc3339),
        "duration_ms": row.and_then(|row| row.execution_time_ms),
        "checksum": row.and_then(|row| row.checksum).map(|checksum| checksum.to_string()),
        "applied_by": row.map(|row| &row.applied_by),
        "error_message": row.and_then(|row| row.error_message.as_ref()),
    })
}

fn baseline(row: &Recorded) -> Value {
    debug_assert_eq!(row.status, RowStatus::Applied);
    json!({
        "name": row.filename,
        "through": (!row.version.is_empty()).then_some(&row.version),
        "kind": row.kind.word(),
        "completed_at": row.applied_at.map(Time::rfc3339),
        "duration_ms": row.execution_time_ms,
        "checksum": row.checksum.map(|checksum| checksum.to_string()),
        "applied_by": row.applied_by,
    })
}

fn issues(plan: &Plan, strict: Strictness) -> Vec<Value> {
    let severity = |severity| match severity {
        Severity::Notice => "notice",
        Severity::Warning => "warning",
        Severity::Refusal => "refusal",
    };
    plan.findings
        .iter()
        .map(|finding| {
            json!({
                "severity": severity(finding.severity(strict)),
                "code": finding.code(),
                "message": finding.to_string(),
                "cure": finding.cure(),
            })
        })
        .collect()
}
