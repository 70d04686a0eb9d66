//! The only room that prints: results to stdout, everything else to stderr.
//!
//! A stream that is closed or full never ends a run half-way: the exit code still tells what happened.

mod events;
pub mod human;
pub mod json;
mod table;

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::time::Duration;

use events::Events;

use crate::database::apply::Progress;
use crate::database::run_lock::Holder;
use crate::database::session::Notice;
use crate::error::{Count, Error, Escaped, Hook, Names, ServerError, Trouble};
use crate::plan::{Finding, Opening, Plan, Severity, Strictness};
use crate::settings::{Color, Remark, Verbosity, Voice};
use crate::timeout::Spoken;

/// How this run speaks.
#[derive(Debug)]
pub struct Report {
    verbosity: Verbosity,
    paint: Paint,
    /// The flags that a command must repeat to mean the same files and the same history.
    flags: String,
    /// The columns of the terminal that stdout is.
    columns: Option<usize>,
    /// What machines are told on stdout. People then hear on stderr what they hear of a quiet run.
    events: Option<Events>,
}

/// Whether labels on stderr are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paint {
    Plain,
    Ansi,
}

const RED: &str = "31;1";
const YELLOW: &str = "33;1";
const CYAN: &str = "36";

/// What stands behind `onward` in a command that a cure names, to be repeated with the flags of this run.
const REPEATING: [&str; 10] = [
    "repair", "baseline", "up", "status", "reset", "rollback", "new", "adopt", "--wait", "--table",
];

impl Report {
    /// A report in this voice.
    #[must_use]
    pub fn new(voice: Voice) -> Report {
        let coloured = match voice.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stderr().is_terminal(),
        };
        Report {
            verbosity: voice.verbosity,
            paint: if coloured { Paint::Ansi } else { Paint::Plain },
            flags: String::new(),
            columns: columns(voice.columns),
            events: None,
        }
    }

    /// The same report, told to machines: one JSON object a line.
    #[must_use]
    pub fn for_machines(self) -> Report {
        Report {
            events: Some(Events::new(self.verbosity)),
            verbosity: Verbosity::Quiet,
            ..self
        }
    }

    /// The columns of the terminal that reads the results, if one does.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Tells machines, if any listen.
    fn tell(&self, event: impl FnOnce(&Events)) {
        if let Some(events) = &self.events {
            event(events);
        }
    }

    /// The same report; the commands that it names repeat these flags.
    #[must_use]
    pub fn with_flags(self, flags: String) -> Report {
        Report { flags, ..self }
    }

    /// A cure whose commands can be pasted.
    fn pasteable(&self, cure: &str) -> String {
        if self.flags.is_empty() {
            return cure.to_owned();
        }
        let repeats = |rest: &str| REPEATING.iter().any(|word| rest.starts_with(word));
        let mut parts = cure.split("onward ");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |cure, rest| {
            // Before the command: behind it, a flag whose value may be left out would take the next word for one.
            let flags = if repeats(rest) { &self.flags } else { "" };
            format!("{cure}onward{flags} {rest}")
        })
    }

    /// The findings of a plan; in a quiet run the refusals only.
    pub fn findings(&self, findings: &[Finding], strict: Strictness) {
        let mut findings = findings.iter().peekable();
        while let Some(finding) = findings.next() {
            let severity = finding.severity(strict);
            let cure = finding.cure();
            self.tell(|events| events.finding(finding, severity, &self.pasteable(&cure)));
            if severity < Severity::Refusal && self.verbosity == Verbosity::Quiet {
                continue;
            }
            let label = match severity {
                Severity::Notice => self.label("notice", CYAN),
                Severity::Warning => self.label("warning", YELLOW),
                Severity::Refusal => self.label("refused", RED),
            };
            err_after(&label, &finding.to_string());
            // One cure for many is said once, after the last of them.
            if findings.peek().is_none_or(|next| next.cure() != cure) {
                err(&format!("  {}", self.pasteable(&cure)));
            }
        }
    }

    /// What is to be said of the settings.
    pub fn remarks(&self, remarks: &[Remark]) {
        for remark in remarks {
            self.tell(|events| events.warning("setting", &remark.message, Some(&remark.cure)));
        }
        if self.verbosity > Verbosity::Quiet {
            for remark in remarks {
                err_after(&self.label("warning", YELLOW), &remark.message);
                err(&format!("  {}", remark.cure));
            }
        }
    }

    /// Whether the user asked to be told more.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// One finding that ends the run.
    pub fn refusal(&self, finding: &Finding) {
        let cure = self.pasteable(&finding.cure());
        self.tell(|events| events.finding(finding, Severity::Refusal, &cure));
        err_after(&self.label("refused", RED), &finding.to_string());
        err(&format!("  {cure}"));
    }

    /// One finding that is told where there is no plan.
    pub fn warning(&self, finding: &Finding) {
        if self.verbosity > Verbosity::Quiet {
            err_after(&self.label("warning", YELLOW), &finding.to_string());
            err(&format!("  {}", self.pasteable(&finding.cure())));
        }
    }

    /// What `up` would do.
    pub fn dry_run(&self, plan: &Plan) {
        if let Some(events) = &self.events {
            return events.dry_run(plan);
        }
        if let Opening::Baseline { schema, contained } = &plan.opening {
            let contained: Vec<String> = contained
                .iter()
                .map(|inside| inside.name.filename().to_owned())
                .collect();
            out(&format!(
                "would apply {} as the baseline; it contains: {}",
                Escaped(&schema.file.path),
                Names(&contained)
            ));
        }
        for next in &plan.due {
            out(&format!(
                "would apply {}",
                Escaped(next.migration.name.filename())
            ));
        }
        out(&format!(
            "Would apply {}",
            Count(plan.due.len(), "migration")
        ));
    }

    /// The last line of `up`.
    pub fn done(&self, applied: &[String], recorded: usize) {
        self.tell(|events| events.done(recorded));
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let count = Count(applied.len(), "migration");
        if applied.is_empty() {
            out(&format!(
                "Applied {count}: the database is up to date ({recorded} applied)"
            ));
        } else {
            out(&format!("Applied {count}: {}", Names(applied)));
        }
    }

    /// The last line of `up --to`.
    pub fn done_up_to(&self, applied: &[String], version: &str, recorded: usize) {
        if applied.is_empty() && self.verbosity > Verbosity::Quiet {
            out(&format!(
                "Applied 0 migrations: nothing is pending up to version {version} ({recorded} applied)"
            ));
        } else {
            self.done(applied, recorded);
        }
    }

    /// A result on stdout, unless the run is quiet.
    pub fn say(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            out(text);
        }
    }

    /// A result on stdout that was asked for, line end included.
    pub fn document(&self, text: &str) {
        write_all(&mut io::stdout().lock(), &Tame(text).to_string());
    }

    /// The schema file of this plan is about to run, under this name.
    pub fn baseline(&self, file: &str, plan: &Plan) {
        self.tell(|events| events.baseline(file, plan));
    }

    /// A file is about to run.
    pub fn applying(&self, file: &str) {
        self.tell(|events| events.applying(file));
        if self.verbosity == Verbosity::Verbose {
            err(&format!("applying {}", Escaped(file)));
        }
    }

    /// How far a large file is; on a terminal only, in place.
    pub fn progress(&self, file: &str, progress: Progress) {
        if self.verbosity > Verbosity::Quiet && io::stderr().is_terminal() {
            let percent = progress.bytes_done * 100 / progress.bytes.max(1);
            let (done, all) = (progress.bytes_done / 1_000_000, progress.bytes / 1_000_000);
            let line = format!(
                "\r{} {percent} % ({done} of {all} MB)\x1b[K\r",
                Escaped(file)
            );
            write_all(&mut io::stderr().lock(), &line);
        }
    }

    /// What was in a database is gone.
    pub fn cleared(&self, database: &str) {
        if self.verbosity > Verbosity::Quiet {
            err(&format!("dropped all that was in {}", Escaped(database)));
        }
    }

    /// A file is committed.
    pub fn applied(&self, file: &str, time: Duration) {
        self.tell(|events| events.applied(file, Some(time)));
        if self.verbosity > Verbosity::Quiet {
            err(&format!("applied {} ({})", Escaped(file), Spoken(time)));
        }
    }

    /// A way back is about to run.
    pub fn rolling_back(&self, file: &str) {
        if self.verbosity == Verbosity::Verbose {
            err(&format!("rolling back {}", Escaped(file)));
        }
    }

    /// A way back is committed.
    pub fn rolled_back(&self, file: &str, time: Duration) {
        if self.verbosity > Verbosity::Quiet {
            err(&format!("rolled back {} ({})", Escaped(file), Spoken(time)));
        }
    }

    /// Something of a file was left out, or is otherwise worth a line.
    pub fn notice(&self, text: &str) {
        self.tell(|events| events.notice(text));
        if self.verbosity > Verbosity::Quiet {
            err_after(&self.label("notice", CYAN), text);
        }
    }

    /// What the server said while a file ran; "already exists, skipping" and its like are summed up in one line.
    pub fn server_notices(&self, file: &str, notices: &[Notice]) {
        self.tell(|events| events.server_notices(file, notices));
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let skipping = |notice: &&Notice| {
            notice.severity == "NOTICE" && notice.message.ends_with(", skipping")
        };
        let summed_up = self.verbosity == Verbosity::Normal;
        for notice in notices
            .iter()
            .filter(|notice| !(summed_up && skipping(notice)))
        {
            err(&format!(
                "{}: {}: {}",
                Escaped(file),
                notice.severity,
                Escaped(&notice.message)
            ));
        }
        let skipped = notices.iter().filter(skipping).count();
        if summed_up && skipped > 0 {
            err(&format!(
                "{}: {} skipped, as already done",
                Escaped(file),
                Count(skipped, "statement")
            ));
        }
    }

    /// Somebody else holds the run lock.
    pub fn waiting(&self, holder: &Holder) {
        self.tell(|events| events.waiting_for_lock(holder));
        if self.verbosity > Verbosity::Quiet {
            let holder = holder.0.as_deref().unwrap_or("another runner");
            err(&format!(
                "waiting for the run lock, held by {}",
                Escaped(holder)
            ));
        }
    }

    /// Somebody has the history for itself, and is waited for.
    pub fn history_blocked(&self, table: &str, error: &ServerError, blockers: &[String]) {
        self.tell(|events| events.blocked(table, error, blockers));
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "waiting for the history {table}: {}",
                error.message
            ));
            for blocker in blockers {
                err(&format!("  {}", Escaped(blocker)));
            }
        }
    }

    /// A file was rolled back because of somebody else, and is tried again.
    pub fn blocked(&self, file: &str, error: &ServerError, blockers: &[String]) {
        self.tell(|events| events.blocked(file, error, blockers));
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "{} was rolled back, and is tried again: {}",
                Escaped(file),
                error.message
            ));
            for blocker in blockers {
                err(&format!("  {}", Escaped(blocker)));
            }
        }
    }

    /// The run goes on without the run lock.
    pub fn one_connection(&self) {
        let text =
            "there is no second connection to be had; going on with one, without the run lock";
        self.tell(|events| events.warning("one_connection", text, None));
        if self.verbosity > Verbosity::Quiet {
            err_after(&self.label("warning", YELLOW), text);
        }
    }

    /// The server is not ready, and is waited for.
    pub fn not_ready(&self, target: &str, trouble: &Trouble) {
        self.tell(|events| events.waiting_for_server(trouble));
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "waiting for {}: {}",
                Escaped(target),
                Escaped(&trouble.to_string())
            ));
        }
    }

    /// A command of the user's begins.
    pub fn hook(&self, hook: Hook) {
        self.tell(|events| events.hook(hook));
        if self.verbosity > Verbosity::Quiet {
            err(&format!("running the command of {hook}"));
        }
    }

    /// Another runner did the same at the same time.
    pub fn overtaken(&self, what: &str) {
        self.tell(|events| events.overtaken(what));
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "another runner was faster with {}; reading the history again",
                Escaped(what)
            ));
        }
    }

    /// The connection was lost and is opened again.
    pub fn reconnecting(&self, file: &str, trouble: &Trouble) {
        self.tell(|events| events.reconnecting(file, trouble));
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "the connection was lost at {}; connecting again: {}",
                Escaped(file),
                Escaped(&trouble.to_string())
            ));
        }
    }

    /// The history holds a file whose COMMIT was not answered.
    pub fn committed_after_all(&self, file: &str) {
        self.tell(|events| events.applied(file, None));
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "applied {}: it was committed before the connection was lost",
                Escaped(file)
            ));
        }
    }

    /// The history holds a way back whose COMMIT was not answered.
    pub fn rolled_back_after_all(&self, file: &str) {
        if self.verbosity > Verbosity::Quiet {
            err(&format!(
                "rolled back {}: it was committed before the connection was lost",
                Escaped(file)
            ));
        }
    }

    /// Why the run ends.
    pub fn error(&self, error: &Error) {
        let cure = self.pasteable(&error.hint());
        self.tell(|events| events.failed(error, &cure));
        // What begins with a place stays at the start of its line, where editors look for it.
        match error {
            Error::Files(_)
            | Error::Migration(_)
            | Error::WayBack(_)
            | Error::BaselineExists(_) => {
                err(&error.to_string());
            }
            Error::Usage { .. }
            | Error::Unreachable { .. }
            | Error::Connect { .. }
            | Error::Database { .. }
            | Error::Refused { .. }
            | Error::GaveUp { .. }
            | Error::KeepsBreaking { .. }
            | Error::OutcomeUnknown { .. }
            | Error::ResetUnknown { .. }
            | Error::NotReady { .. }
            | Error::Hook { .. }
            | Error::NotExecuted { .. } => {
                err_after(&self.label("error", RED), &error.to_string());
            }
        }
        err(&format!("  {cure}"));
    }

    /// The run is over, or hands over to the program that follows it.
    pub fn end(&self, exit_code: u8) {
        self.tell(|events| events.end(exit_code));
    }

    fn label(&self, word: &str, code: &str) -> String {
        match self.paint {
            Paint::Plain => format!("{word}:"),
            Paint::Ansi => format!("\x1b[{code}m{word}:\x1b[0m"),
        }
    }
}

/// The columns of the terminal that stdout is, by what the user says, else by what the terminal does.
fn columns(said: Option<usize>) -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    said.or_else(|| Some(terminal_size::terminal_size_of(&stdout)?.0.0.into()))
}

fn out(line: &str) {
    write_all(&mut io::stdout().lock(), &format!("{}\n", Tame(line)));
}

fn err(line: &str) {
    write_all(&mut io::stderr().lock(), &format!("{}\n", Tame(line)));
}

/// A line behind a label of our own.
fn err_after(label: &str, line: &str) {
    write_all(
        &mut io::stderr().lock(),
        &format!("{label} {}\n", Tame(line)),
    );
}

/// A text that may hold what a server or a file said: control characters are written as escapes, so that nothing of it
/// reaches the terminal as a command. Line ends and tabs stay.
struct Tame<'a>(&'a str);

impl fmt::Display for Tame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() && !matches!(c, '\n' | '\t') {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

fn write_all(stream: &mut impl io::Write, text: &str) {
    // Nobody is left to hear that nobody listens; the work goes on, and the exit code tells its result.
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}
