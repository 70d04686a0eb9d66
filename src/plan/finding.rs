//! What a plan must say: notices, warnings, and refusals with their cures.

use std::fmt;

use super::adopt::Objection;
use super::{Nonempty, State, Strictness, Tool};
use crate::error::{Count, Escaped, Names, Shell, Typed};
use crate::migration::Name;
use crate::time::Time;

/// One thing that the user must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A folder without migrations.
    NoMigrations { dir: String },
    /// A file without statements.
    Empty { path: String },
    /// The byte order of two neighbours is not the order of their numbers.
    NumberOrder { first: String, second: String },
    /// Two neighbours have the same number.
    SameNumber { first: String, second: String },
    /// Only comments or layout of an applied file changed.
    LayoutChanged { filename: String },
    /// The SQL of an applied file changed.
    Changed { filename: String, applied_at: Time },
    /// A pending file sorts below an applied one.
    OutOfOrder { filename: String, newest: String },
    /// An applied file is gone.
    Missing { filename: String, applied_at: Time },
    /// The history goes on where the files end.
    NewerDatabase { filenames: Vec<String> },
    /// An applied file is gone, and a pending one has its text.
    Renamed { from: String, to: String },
    /// A DO block of the schema file will run on a legacy database.
    DoBlock { place: String },
    /// A statement of the schema file would silently change or duplicate what a legacy database holds.
    Hazard { place: String, what: String },
    /// Objects, but neither a history nor a schema file.
    NoBaseline { objects: Vec<String> },
    /// Migrations of which only the schema file tells are not in the history, and never will be.
    Gap {
        /// The last migration that the schema file contains.
        through: String,
        /// The last one that the history holds.
        last: Option<String>,
    },
    /// `--to` a version that the schema file is beyond.
    GoalBelowBaseline { to: String, through: String },
    /// `--only` a file that is not pending.
    NotPending { filename: String, state: State },
    /// `--only` a file before which others are pending.
    LeavesOut {
        filename: String,
        left_out: Vec<String>,
    },
    /// Another tool keeps the history of this database.
    Foreign {
        tool: Tool,
        table: String,
        standing: Standing,
    },
    /// A table of the history's name with other columns.
    NotOurs { table: String, columns: String },
    /// The history stands in a schema that is not on the `search_path`.
    Elsewhere { table: String, searched: String },
    /// The history table may not be read by this role.
    NotReadable {
        table: String,
        /// The quoted schema, if that is closed too.
        schema: Option<String>,
        role: String,
    },
    /// Somebody else could run code with our rights through this table.
    Distrusted { table: String, problems: String },
    /// The history holds a word or a value that this version does not know.
    Unreadable { table: String, problem: String },
    /// A baseline is asked for, and there is a history already.
    HasHistory { table: String },
    /// A repair is asked for, and there is no history yet.
    NoHistory,
    /// The steps that an earlier attempt has done are others now.
    StepsChanged { filename: String, done: usize },
    /// The runner died while a statement may have been under way that must not be repeated unasked.
    InDoubt { filename: String, line: usize },
    /// A file was done in part, and is gone.
    RestGone { filename: String, done: usize },
    /// The way back of a file has begun and not ended.
    RollingBack { filename: String, done: usize },
    /// A rollback or a baseline is asked for, and a file is applied in part.
    AppliedInPart { filename: String, done: usize },
    /// A rollback of more migrations than are applied.
    TooFewApplied { asked: usize, applied: usize },
    /// What was to be rolled back is not what was applied last any more.
    AppliedMeanwhile { filename: String },
    /// A file to be rolled back is gone.
    NothingToRollBackWith { filename: String },
    /// A file to be rolled back has no way back; `place` is where one could be.
    NoWayBack { filename: String, place: String },
    /// A way back has begun, and the rest of it is gone: the file at `path`, or the migration itself.
    RestOfWayBackGone {
        filename: String,
        path: Option<String>,
    },
    /// A way back without statements.
    EmptyWayBack { path: String },
    /// The steps of a way back that are done are others now.
    BackStepsChanged { filename: String, path: String },
    /// The runner died while a statement of a way back may have been under way that must not be repeated unasked.
    BackInDoubt { filename: String, place: String },
    /// Another database is to be reset than the one that is connected.
    OtherDatabase { connected: String, named: String },
    /// A database to be reset is what new ones are made of.
    Template { database: String },
    /// Subscriptions with a replication slot stand in the way of a reset.
    Subscribed { subscriptions: Vec<String> },
    /// Others are connected to a database that is to be reset.
    InUse {
        database: String,
        sessions: Vec<String>,
    },
    /// Something is due, and the database takes no writes.
    ReadOnly { reason: String },
    /// About taking over the history of another tool.
    Adoption(Objection),
}

/// Where another tool's tracking table stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has the very name of the history.
    InTheWay,
    /// It has a name of its own.
    Beside(Nonempty),
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Notice,
    Warning,
    Refusal,
}

impl Finding {
    /// Whether the run may go on.
    #[must_use]
    pub fn severity(&self, strict: Strictness) -> Severity {
        match self {
            Finding::Empty { .. } | Finding::NumberOrder { .. } | Finding::LayoutChanged { .. }
                if strict == Strictness::RefuseAll =>
            {
                Severity::Refusal
            }
            Finding::Adoption(objection) => objection.severity(),
            Finding::NoMigrations { .. } | Finding::DoBlock { .. } => Severity::Notice,
            Finding::Empty { .. }
            | Finding::EmptyWayBack { .. }
            | Finding::NumberOrder { .. }
            | Finding::LayoutChanged { .. } => Severity::Warning,
            Finding::SameNumber { .. }
            | Finding::OutOfOrder { .. }
            | Finding::Missing { .. }
            | Finding::NewerDatabase { .. }
            | Finding::LeavesOut { .. } => match strict {
                Strictness::Warn => Severity::Warning,
                Strictness::Refuse | Strictness::RefuseAll => Severity::Refusal,
            },
            Finding::Foreign {
                standing: Standing::Beside(Nonempty::Allow),
                ..
            } if strict != Strictness::RefuseAll => Severity::Warning,
            Finding::Changed { .. }
            | Finding::Renamed { .. }
            | Finding::Hazard { .. }
            | Finding::NoBaseline { .. }
            | Finding::Gap { .. }
            | Finding::GoalBelowBaseline { .. }
            | Finding::NotPending { .. }
            | Finding::Foreign { .. }
            | Finding::NotOurs { .. }
            | Finding::Elsewhere { .. }
            | Finding::NotReadable { .. }
            | Finding::Distrusted { .. }
            | Finding::Unreadable { .. }
            | Finding::StepsChanged { .. }
            | Finding::InDoubt { .. }
            | Finding::HasHistory { .. }
            | Finding::NoHistory
            | Finding::RestGone { .. }
            | Finding::RollingBack { .. }
            | Finding::AppliedInPart { .. }
            | Finding::TooFewApplied { .. }
            | Finding::AppliedMeanwhile { .. }
            | Finding::NothingToRollBackWith { .. }
            | Finding::NoWayBack { .. }
            | Finding::RestOfWayBackGone { .. }
            | Finding::BackStepsChanged { .. }
            | Finding::BackInDoubt { .. }
            | Finding::OtherDatabase { .. }
            | Finding::Template { .. }
            | Finding::Subscribed { .. }
            | Finding::InUse { .. }
            | Finding::ReadOnly { .. } => Severity::Refusal,
        }
    }

    /// The word by which machines know the finding.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Finding::NoMigrations { .. } => "no_migrations",
            Finding::Empty { .. } => "empty",
            Finding::NumberOrder { .. } => "number_order",
            Finding::SameNumber { .. } => "same_number",
            Finding::LayoutChanged { .. } => "layout_changed",
            Finding::Changed { .. } => "changed",
            Finding::OutOfOrder { .. } => "out_of_order",
            Finding::Missing { .. } => "missing",
            Finding::NewerDatabase { .. } => "newer_database",
            Finding::Renamed { .. } => "renamed",
            Finding::DoBlock { .. } => "do_block",
            Finding::Hazard { .. } => "hazard",
            Finding::NoBaseline { .. } => "no_baseline",
            Finding::Gap { .. } => "gap",
            Finding::GoalBelowBaseline { .. } => "goal_below_baseline",
            Finding::NotPending { .. } => "not_pending",
            Finding::LeavesOut { .. } => "leaves_out",
            Finding::Foreign { .. } => "foreign_history",
            Finding::NotOurs { .. } => "not_ours",
            Finding::Elsewhere { .. } => "elsewhere",
            Finding::NotReadable { .. } => "not_readable",
            Finding::Distrusted { .. } => "distrusted",
            Finding::Unreadable { .. } => "unreadable",
            Finding::StepsChanged { .. } => "steps_changed",
            Finding::InDoubt { .. } => "in_doubt",
            Finding::HasHistory { .. } => "has_history",
            Finding::NoHistory => "no_history",
            Finding::RestGone { .. } => "rest_gone",
            Finding::RollingBack { .. } => "rolling_back",
            Finding::AppliedInPart { .. } => "applied_in_part",
            Finding::TooFewApplied { .. } => "too_few_applied",
            Finding::AppliedMeanwhile { .. } => "applied_meanwhile",
            Finding::NothingToRollBackWith { .. } => "nothing_to_roll_back_with",
            Finding::NoWayBack { .. } => "no_way_back",
            Finding::RestOfWayBackGone { .. } => "rest_of_way_back_gone",
            Finding::EmptyWayBack { .. } => "empty_way_back",
            Finding::BackStepsChanged { .. } => "back_steps_changed",
            Finding::BackInDoubt { .. } => "back_in_doubt",
            Finding::OtherDatabase { .. } => "other_database",
            Finding::Template { .. } => "template",
            Finding::Subscribed { .. } => "subscribed",
            Finding::InUse { .. } => "in_use",
            Finding::ReadOnly { .. } => "read_only",
            Finding::Adoption(objection) => objection.code(),
        }
    }

    /// The migration that it is about, if it is about one.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        match self {
            Finding::NumberOrder {
                second: filename, ..
            }
            | Finding::SameNumber {
                second: filename, ..
            }
            | Finding::LayoutChanged { filename }
            | Finding::Changed { filename, .. }
            | Finding::OutOfOrder { filename, .. }
            | Finding::Missing { filename, .. }
            | Finding::Renamed { to: filename, .. }
            | Finding::NotPending { filename, .. }
            | Finding::LeavesOut { filename, .. }
            | Finding::StepsChanged { filename, .. }
            | Finding::RestGone { filename, .. }
            | Finding::RollingBack { filename, .. }
            | Finding::InDoubt { filename, .. } => Some(filename),
            _ => None,
        }
    }

    /// What to do about it, as a sentence or a command that can be pasted.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one cure for each finding")]
    pub fn cure(&self) -> String {
        match self {
            Finding::NoMigrations { .. } => "name the first one like 0001_users.sql".to_owned(),
            Finding::Empty { .. } => "it will be recorded as applied; delete it if it is not meant".to_owned(),
            Finding::NumberOrder { .. } => "give all numbers the same width".to_owned(),
            Finding::SameNumber { .. } => "give one of them a number of its own before it is applied anywhere".to_owned(),
            Finding::LayoutChanged { filename }
            | Finding::Changed { filename, .. }
            | Finding::NotPending { state: State::Changed, filename } => {
                format!("restore the file, or accept the change: onward repair {}", Shell(filename))
            }
            Finding::OutOfOrder { .. } => "number a new file after the newest applied one".to_owned(),
            Finding::Missing { filename, .. } => format!(
                "restore the file from version control, or take it out of the history: onward repair {}",
                Shell(filename)
            ),
            Finding::NewerDatabase { .. } => "run the onward of the newer release, with its files".to_owned(),
            Finding::Renamed { to, .. } => {
                format!("rename it back, or accept the new name: onward repair {}", Shell(to))
            }
            Finding::DoBlock { .. } => "make sure that it does nothing where its work is done already".to_owned(),
            Finding::Hazard { .. } => "make the statement idempotent (IF NOT EXISTS, ON CONFLICT, a name); or vouch for the \
                 schema file with the line -- onward: idempotent; or record the schema as it stands: onward baseline"
                .to_owned(),
            Finding::NoBaseline { .. } => "record the migrations that it already contains: onward baseline --through VERSION; or \
                 run all files: onward up --allow-nonempty"
                .to_owned(),
            Finding::Gap { .. } => "put the files back and apply them to this database; or, if it contains them all, let that line of the \
                 schema file name its last migration"
                .to_owned(),
            Finding::GoalBelowBaseline { .. } => "leave --to out, or name a later version".to_owned(),
            Finding::NotPending { .. } => "see what is pending: onward status".to_owned(),
            Finding::LeavesOut { .. } => "apply all of them in order: onward up".to_owned(),
            Finding::Foreign { tool, .. } if tool.keeps_files() => {
                "take its history over: onward adopt (--dry-run shows what that does)".to_owned()
            }
            Finding::Foreign { tool: Tool::Onward, table, .. } => format!(
                "go on with that history: onward up --table {}; or, if these are the files of another application, begin \
                 a second one: onward up --allow-nonempty",
                Shell(table)
            ),
            Finding::Foreign { standing: Standing::Beside(_), .. } => {
                "record what that tool has applied already: onward baseline --through VERSION".to_owned()
            }
            Finding::Foreign { standing: Standing::InTheWay, .. } => "leave that table alone, and record what the tool has applied \
                 already in a table of another name: onward baseline --table NAME --through VERSION"
                .to_owned(),
            Finding::NotOurs { .. } => "use a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE".to_owned(),
            Finding::Elsewhere { table, .. } => format!(
                "name it, with --table {} or ONWARD_TABLE; or begin a history elsewhere, with --table SCHEMA.NAME",
                Shell(table)
            ),
            Finding::NotReadable { table, schema, role } => {
                let open = schema.as_ref().map(|schema| format!("GRANT USAGE ON SCHEMA {schema} TO {role}; "));
                format!("as its owner: {}GRANT SELECT ON {table} TO {role};", open.unwrap_or_default())
            }
            Finding::Distrusted { table, problems } if problems.starts_with("is owned by") => {
                format!("connect as that role; or give the table to yours: ALTER TABLE {table} OWNER TO ROLE;")
            }
            Finding::Distrusted { table, problems } if problems.starts_with("does not let") => {
                let role = problems.trim_start_matches("does not let ").split(" INSERT").next();
                let role = role.unwrap_or_default();
                format!("as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role};")
            }
            Finding::Distrusted { .. } => "have the table's owner mend each point; or use a table of another name, with --table \
                 or ONWARD_TABLE"
                .to_owned(),
            Finding::Unreadable { .. } => "it was written by another version of onward: use that one, or a newer one".to_owned(),
            Finding::StepsChanged { filename, .. } => format!(
                "restore its beginning; or have the whole file run again: onward repair {}",
                Shell(filename)
            ),
            Finding::InDoubt { filename, .. } => format!(
                "see whether it has done its work; if so, remove it from the file; then: onward repair {}",
                Shell(filename)
            ),
            Finding::HasHistory { .. } => "record what it does not hold yet: onward baseline --extend --through VERSION; or see \
                 what it holds: onward status"
                .to_owned(),
            Finding::NoHistory => "create it: onward up; or record what the database contains already: onward baseline --through \
                 VERSION"
                .to_owned(),
            Finding::RestGone { filename, .. } => format!(
                "restore the file from version control; or undo by hand what it has done, and have it forgotten: \
                 onward repair {}",
                Shell(filename)
            ),
            Finding::RollingBack { .. } => "finish it: onward rollback".to_owned(),
            Finding::AppliedInPart { filename, .. } => {
                format!("finish it: onward up; or have it forgotten: onward repair {}", Shell(filename))
            }
            Finding::TooFewApplied { applied, .. } => format!("roll back all of them: onward rollback {applied}"),
            Finding::AppliedMeanwhile { .. } => "see what is applied now: onward status".to_owned(),
            Finding::NothingToRollBackWith { filename } => format!(
                "restore the file from version control; or write a new migration that undoes it: {}",
                undoing(filename)
            ),
            Finding::NoWayBack { filename, place } => format!(
                "write a new migration that undoes it: {}; or a way back, as {}",
                undoing(filename),
                Escaped(place)
            ),
            Finding::RestOfWayBackGone { filename, path: Some(path) } => format!(
                "restore {}; or write there what is still to be undone, then: onward repair {}",
                Escaped(path),
                Shell(filename)
            ),
            Finding::RestOfWayBackGone { filename, path: None } => format!(
                "restore the file from version control; or undo the rest of it by hand, and have it forgotten: onward \
                 repair {}",
                Shell(filename)
            ),
            Finding::EmptyWayBack { .. } => "only the history will change".to_owned(),
            Finding::BackStepsChanged { filename, .. } => format!(
                "restore its beginning; or have all of it run again: onward repair {}",
                Shell(filename)
            ),
            Finding::BackInDoubt { filename, .. } => format!(
                "see whether it has done its work; if so, remove it from the way back; then: onward repair {}",
                Shell(filename)
            ),
            Finding::OtherDatabase { connected, .. } => {
                format!("if it is meant: onward reset --database {}", Shell(connected))
            }
            Finding::Template { .. } => "create one for the application (createdb NAME), and connect to that".to_owned(),
            Finding::Subscribed { subscriptions } => {
                let drops: Vec<String> = subscriptions.iter().map(|name| format!("DROP SUBSCRIPTION {name};")).collect();
                format!("drop it first, by itself: {}", drops.join(" "))
            }
            Finding::InUse { database, .. } => format!(
                "disconnect them, or have them ended: onward reset --database {} --force",
                Shell(database)
            ),
            Finding::ReadOnly { .. } => "connect to the primary, with a role whose default_transaction_read_only is off".to_owned(),
            Finding::Adoption(objection) => objection.cure(),
        }
    }
}

/// The command that creates a migration which undoes another.
fn undoing(filename: &str) -> String {
    let words = Name::parse(filename).map_or_else(|| filename.to_owned(), |name| name.words());
    let words = words.split_whitespace();
    words.fold("onward new undo".to_owned(), |command, word| {
        format!("{command} {}", Shell(word))
    })
}

#[expect(clippy::too_many_lines, reason = "one sentence for each finding")]
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::NoMigrations { dir } => write!(f, "{} holds no migrations", Escaped(dir)),
            Finding::Empty { path } => write!(f, "{} holds no statement", Escaped(path)),
            Finding::NumberOrder { first, second } => {
                write!(
                    f,
                    "{} runs before {}, because names are ordered byte by byte",
                    Escaped(first),
                    Escaped(second)
                )
            }
            Finding::SameNumber { first, second } => {
                write!(
                    f,
                    "{} and {} have the same number; they run in this order",
                    Escaped(first),
                    Escaped(second)
                )
            }
            Finding::LayoutChanged { filename } => {
                write!(
                    f,
                    "only comments or layout of {} changed after it was applied",
                    Escaped(filename)
                )
            }
            Finding::Changed {
                filename,
                applied_at,
            } => {
                write!(
                    f,
                    "{} changed after it was applied on {applied_at}",
                    Escaped(filename)
                )
            }
            Finding::OutOfOrder { filename, newest } => {
                write!(
                    f,
                    "{} is out of order: {} is applied already",
                    Escaped(filename),
                    Escaped(newest)
                )
            }
            Finding::Missing {
                filename,
                applied_at,
            } => {
                write!(
                    f,
                    "{} was applied on {applied_at}, and the file is missing",
                    Escaped(filename)
                )
            }
            Finding::NewerDatabase { filenames } => {
                let count = Count(filenames.len(), "migration");
                write!(
                    f,
                    "the database is newer than the files, by {count}: {}",
                    Names(filenames)
                )
            }
            Finding::Renamed { from, to } => {
                write!(
                    f,
                    "{} was applied under the name {}",
                    Escaped(to),
                    Escaped(from)
                )
            }
            Finding::DoBlock { place } => write!(
                f,
                "{}: a DO block runs on a database that has its objects",
                Escaped(place)
            ),
            Finding::Hazard { place, what } => {
                write!(
                    f,
                    "{}: {what}: it would change or duplicate what this database holds",
                    Escaped(place)
                )
            }
            Finding::NoBaseline { objects } => {
                write!(
                    f,
                    "the database has objects of its own ({}), but no history, and there is no schema file",
                    Names(objects)
                )
            }
            Finding::Gap { through, last } => write!(
                f,
                "the schema file contains the migrations through {}, and their files are gone, but the history of this \
                 database ends with {}",
                Escaped(through),
                Escaped(last.as_deref().unwrap_or("no migration"))
            ),
            Finding::GoalBelowBaseline { to, through } => {
                write!(
                    f,
                    "the schema file goes through version {through}, which is beyond {to}"
                )
            }
            Finding::NotPending { filename, state } => {
                write!(
                    f,
                    "{} is not pending but {}",
                    Escaped(filename),
                    state.word()
                )
            }
            Finding::LeavesOut { filename, left_out } => write!(
                f,
                "{} leaves out what is pending before it, which will be out of order then: {}",
                Escaped(filename),
                Names(left_out)
            ),
            Finding::Foreign { tool, table, .. } => write!(
                f,
                "{tool} keeps the history of this database, in {}",
                Escaped(table)
            ),
            Finding::NotOurs { table, columns } => {
                write!(
                    f,
                    "{} is not a history of onward; its columns are {}",
                    Escaped(table),
                    Escaped(columns)
                )
            }
            Finding::Elsewhere { table, searched } => {
                write!(
                    f,
                    "the history stands in {}, which is not on the search_path ({})",
                    Escaped(table),
                    Escaped(searched)
                )
            }
            Finding::NotReadable { table, role, .. } => {
                write!(
                    f,
                    "the role {} may not read the history {}",
                    Escaped(role),
                    Escaped(table)
                )
            }
            Finding::Distrusted { table, problems } => {
                write!(
                    f,
                    "the history {} cannot be trusted: it {}",
                    Escaped(table),
                    Escaped(problems)
                )
            }
            Finding::Unreadable { table, problem } => {
                write!(f, "the history {}: {}", Escaped(table), Escaped(problem))
            }
            Finding::StepsChanged { filename, done } => write!(
                f,
                "{} was done in part ({}), and that part is another now",
                Escaped(filename),
                Count(*done, "step")
            ),
            Finding::InDoubt { filename, line } => write!(
                f,
                "{}:{line}: a run died when this statement may have been under way, and it may have committed",
                Escaped(filename)
            ),
            Finding::HasHistory { table } => write!(
                f,
                "this database has a history already, in {}",
                Escaped(table)
            ),
            Finding::NoHistory => f.write_str("this database has no history yet"),
            Finding::RestGone { filename, done } => write!(
                f,
                "{} was done in part ({}), and the file is missing",
                Escaped(filename),
                Count(*done, "step")
            ),
            Finding::RollingBack { filename, done } => write!(
                f,
                "{} is being rolled back, {} done",
                Escaped(filename),
                Count(*done, "step")
            ),
            Finding::AppliedInPart { filename, done } => write!(
                f,
                "{} is applied in part, {} done",
                Escaped(filename),
                Count(*done, "step")
            ),
            Finding::TooFewApplied { asked, applied } => write!(
                f,
                "{} cannot be rolled back, for only {applied} {} applied",
                Count(*asked, "migration"),
                if *applied == 1 { "is" } else { "are" }
            ),
            Finding::AppliedMeanwhile { filename } => write!(
                f,
                "{} was applied meanwhile, by another runner",
                Escaped(filename)
            ),
            Finding::NothingToRollBackWith { filename } => write!(
                f,
                "{} cannot be rolled back, for the file is missing",
                Escaped(filename)
            ),
            Finding::NoWayBack { filename, .. } => {
                write!(f, "{} has no way back", Escaped(filename))
            }
            Finding::RestOfWayBackGone { filename, path } => write!(
                f,
                "{} is being rolled back, and {} is missing",
                Escaped(filename),
                match path {
                    Some(_) => "the rest of its way back",
                    None => "the file",
                }
            ),
            Finding::EmptyWayBack { path } => {
                write!(f, "the way back in {} holds no statement", Escaped(path))
            }
            Finding::BackStepsChanged { path, .. } => write!(
                f,
                "the way back in {} was done in part, and that part is another now",
                Escaped(path)
            ),
            Finding::BackInDoubt { place, .. } => write!(
                f,
                "{}: a run died when this statement may have been under way, and it may have committed",
                Escaped(place)
            ),
            Finding::OtherDatabase { connected, named } => write!(
                f,
                "the connection leads to the database {}, not to {}",
                Escaped(connected),
                Typed(named)
            ),
            Finding::Template { database } => write!(
                f,
                "{} is a template, which new databases are made of, and is not reset",
                Escaped(database)
            ),
            Finding::Subscribed { subscriptions } => write!(
                f,
                "no transaction can drop a subscription with a replication slot: {}",
                Names(subscriptions)
            ),
            Finding::InUse { sessions, .. } => {
                const SHOWN: usize = 3;
                let shown: Vec<String> = sessions
                    .iter()
                    .take(SHOWN)
                    .map(|session| Escaped(session).to_string())
                    .collect();
                write!(f, "others are connected: {}", shown.join("; "))?;
                match sessions.len().checked_sub(SHOWN) {
                    Some(more) if more > 0 => write!(f, "; and {more} more"),
                    _ => Ok(()),
                }
            }
            Finding::ReadOnly { reason } => write!(f, "nothing can be written: {reason}"),
            Finding::Adoption(objection) => objection.fmt(f),
        }
    }
}
