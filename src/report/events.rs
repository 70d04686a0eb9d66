//! `up` for machines: one JSON object a line on stdout while things happen, the report as the last.
//!
//! Fields are only ever added; times are RFC 3339 in UTC, durations end in `_ms`. `docs/up.schema.json` describes each.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::json::line;
use super::write_all;
use crate::database::run_lock::Holder;
use crate::database::session::Notice;
use crate::error::{Error, Failure, FileFault, Hook, ServerError, Trouble};
use crate::plan::{Finding, Opening, Plan, Severity};
use crate::settings::Verbosity;
use crate::time::Time;

/// What machines are told, and what the report will say of it.
#[derive(Debug)]
pub(super) struct Events {
    verbosity: Verbosity,
    begun: Instant,
    told: RefCell<Told>,
}

/// What the report sums up.
#[derive(Debug, Default)]
struct Told {
    dry_run: bool,
    /// The schema file that is the baseline, and whether it is committed.
    baseline: Option<(String, bool)>,
    would_apply: Vec<String>,
    applied: Vec<String>,
    completed: Option<usize>,
    refusals: usize,
    error: Option<String>,
}

/// Whether a quiet run tells it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    News,
    Needed,
}

impl Events {
    pub(super) fn new(verbosity: Verbosity) -> Events {
        Events {
            verbosity,
            begun: Instant::now(),
            told: RefCell::default(),
        }
    }

    /// Writes one event, its name first; `fields` is an object, and not empty.
    fn tell(&self, weight: Weight, event: &str, fields: &Value) {
        if weight == Weight::News && self.verbosity == Verbosity::Quiet {
            return;
        }
        let time = now().rfc3339();
        let head = format!("{{\"event\":\"{event}\",\"time\":\"{time}\",");
        let text = line(fields).replacen('{', &head, 1);
        write_all(&mut io::stdout().lock(), &text);
    }

    fn news(&self, event: &str, fields: &Value) {
        self.tell(Weight::News, event, fields);
    }

    pub(super) fn finding(&self, finding: &Finding, severity: Severity, cure: &str) {
        let fields = json!({
            "file": finding.file(),
            "code": finding.code(),
            "message": finding.to_string(),
            "cure": cure,
        });
        match severity {
            Severity::Notice => self.notice_with(None, fields),
            Severity::Warning => self.news("warning", &fields),
            Severity::Refusal => {
                self.told.borrow_mut().refusals += 1;
                self.tell(Weight::Needed, "refusal", &fields);
            }
        }
    }

    /// A warning that is no finding of a plan.
    pub(super) fn warning(&self, code: &str, message: &str, cure: Option<&str>) {
        let fields = json!({"file": null, "code": code, "message": message, "cure": cure});
        self.news("warning", &fields);
    }

    /// A notice; what the server said has a severity and an SQLSTATE besides.
    fn notice_with(&self, server: Option<&Notice>, mut fields: Value) {
        fields["severity"] = json!(server.map(|notice| &notice.severity));
        fields["sqlstate"] = json!(server.map(|notice| &notice.code));
        fields["detail"] = json!(server.and_then(|notice| notice.detail.as_ref()));
        fields["hint"] = json!(server.and_then(|notice| notice.hint.as_ref()));
        self.news("notice", &fields);
    }

    pub(super) fn notice(&self, text: &str) {
        let fields = json!({"file": null, "code": null, "message": text, "cure": null});
        self.notice_with(None, fields);
    }

    pub(super) fn server_notices(&self, file: &str, notices: &[Notice]) {
        for notice in notices {
            let fields =
                json!({"file": file, "code": null, "message": notice.message, "cure": null});
            self.notice_with(Some(notice), fields);
        }
    }

    pub(super) fn dry_run(&self, plan: &Plan) {
        self.told.borrow_mut().dry_run = true;
        if let Opening::Baseline { schema, .. } = &plan.opening {
            self.news(
                "would_apply",
                &json!({
                    "file": schema.filename(),
                    "kind": "baseline",
                    "contains": contains(plan),
                }),
            );
        }
        for next in &plan.due {
            let file = next.migration.name.filename();
            self.news(
                "would_apply",
                &json!({"file": file, "kind": "migration", "contains": []}),
            );
            self.told.borrow_mut().would_apply.push(file.to_owned());
        }
    }

    pub(super) fn baseline(&self, file: &str, plan: &Plan) {
        self.told.borrow_mut().baseline = Some((file.to_owned(), false));
        self.news(
            "baseline",
            &json!({"file": file, "contains": contains(plan)}),
        );
    }

    pub(super) fn applying(&self, file: &str) {
        self.news("applying", &json!({"file": file}));
    }

    /// A file is committed; how long that took is not known if the connection was lost at its end.
    pub(super) fn applied(&self, file: &str, time: Option<Duration>) {
        let duration_ms = time.map(milliseconds);
        self.news(
            "applied",
            &json!({"file": file, "duration_ms": duration_ms}),
        );
        let mut told = self.told.borrow_mut();
        match &mut told.baseline {
            Some((baseline, committed)) if baseline == file => *committed = true,
            _ => told.applied.push(file.to_owned()),
        }
    }

    pub(super) fn done(&self, completed: usize) {
        self.told.borrow_mut().completed = Some(completed);
    }

    pub(super) fn waiting_for_lock(&self, holder: &Holder) {
        self.news(
            "waiting",
            &json!({"for": "run_lock", "holder": holder.0, "reason": null}),
        );
    }

    pub(super) fn waiting_for_server(&self, trouble: &Trouble) {
        self.news(
            "waiting",
            &json!({"for": "server", "holder": null, "reason": trouble.to_string()}),
        );
    }

    pub(super) fn blocked(&self, file: &str, error: &ServerError, blockers: &[String]) {
        self.news(
            "blocked",
            &json!({
                "file": file,
                "sqlstate": error.code,
                "message": error.message,
                "blockers": blockers,
            }),
        );
    }

    pub(super) fn hook(&self, hook: Hook) {
        let when = match hook {
            Hook::Before => "before",
            Hook::After => "after",
        };
        self.news("hook", &json!({"when": when}));
    }

    pub(super) fn overtaken(&self, file: &str) {
        self.news("overtaken", &json!({"file": file}));
    }

    pub(super) fn reconnecting(&self, file: &str, trouble: &Trouble) {
        self.news(
            "reconnecting",
            &json!({"file": file, "reason": trouble.to_string()}),
        );
    }

    /// Why the run ends: one event, or one for each file that cannot be used.
    pub(super) fn failed(&self, error: &Error, cure: &str) {
        self.told.borrow_mut().error = Some(first_line(error));
        let tell = |fields: Value| self.tell(Weight::Needed, "failed", &fields);
        match error {
            Error::Files(faults) => {
                for fault in faults {
                    tell(with(common(error, &fault.hint), fault_fields(fault)));
                }
            }
            Error::Migration(failure) | Error::BaselineExists(failure) => {
                tell(with(common(error, cure), failure_fields(failure)));
            }
            _ => tell(common(error, cure)),
        }
    }

    /// The last line.
    pub(super) fn end(&self, exit_code: u8) {
        let told = self.told.borrow();
        let baseline = told.baseline.as_ref().filter(|(_, committed)| *committed);
        self.tell(
            Weight::Needed,
            "report",
            &json!({
                "exit_code": exit_code,
                "dry_run": told.dry_run,
                "baseline": baseline.map(|(file, _)| file),
                "applied": told.applied,
                "would_apply": told.would_apply,
                "completed": told.completed,
                "refusals": told.refusals,
                "error": told.error,
                "duration_ms": milliseconds(self.begun.elapsed()),
            }),
        );
    }
}

/// The names of the migrations that the baseline of a plan holds.
fn contains(plan: &Plan) -> Vec<String> {
    match &plan.opening {
        Opening::Baseline { contained, .. } => contained
            .iter()
            .map(|inside| inside.name.filename().to_owned())
            .collect(),
        Opening::Nothing | Opening::CreateHistory => Vec::new(),
    }
}

/// What an error says; what follows, its fields and the other events tell.
fn first_line(error: &Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

/// The fields of `failed`, as far as any error can tell them.
fn common(error: &Error, cure: &str) -> Value {
    let (file, trouble) = match error {
        Error::Connect { trouble, .. }
        | Error::Database { trouble, .. }
        | Error::NotReady { trouble, .. } => (None, Some(trouble)),
        Error::KeepsBreaking { file, trouble, .. } | Error::OutcomeUnknown { file, trouble } => {
            (Some(file), Some(trouble))
        }
        _ => (None, None),
    };
    let server = trouble.and_then(Trouble::server);
    json!({
        "exit_code": error.exit_code(),
        "file": file,
        "path": null,
        "line": null,
        "column": null,
        "sqlstate": server.map(|server| &server.code),
        "message": first_line(error),
        "detail": server.and_then(|server| server.detail.as_ref()),
        "hint": server.and_then(|server| server.hint.as_ref()),
        "context": server.and_then(|server| server.context.as_ref()),
        "rolled_back": null,
        "pending": null,
        "cure": cure,
    })
}

/// What a failed file adds.
fn failure_fields(failure: &Failure) -> Value {
    let place = failure.place.as_ref();
    json!({
        "file": failure.pending.first(),
        "path": failure.path,
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "sqlstate": failure.error.code,
        "message": failure.error.message,
        "detail": failure.error.detail,
        "hint": failure.error.hint,
        "context": failure.error.context,
        "rolled_back": failure.rolled_back,
        "pending": failure.pending,
    })
}

/// What a file adds that cannot be used.
fn fault_fields(fault: &FileFault) -> Value {
    let name = Path::new(&fault.path)
        .file_name()
        .map(|name| name.to_string_lossy());
    json!({
        "file": name,
        "path": fault.path,
        "line": fault.line,
        "message": fault.message,
    })
}

/// An object with the fields of another.
fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Time(i64::try_from(seconds).unwrap_or(i64::MAX))
}
