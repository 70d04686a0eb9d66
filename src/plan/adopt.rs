//! What of another tool's history becomes rows of ours: its rows are matched with the files by the tool's own rule of
//! identity, and its checksums compared. Pure.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{Severity, Tool};
use crate::error::{Escaped, Names, Shell, Typed};
use crate::migration::folder::Origins;
use crate::migration::rename::{Kind, Rename};
use crate::migration::tool_checksum::{Fit, Stored, running_hashes};
use crate::migration::{Files, Migration, Name};
use crate::sql::quote::identifier;

/// What a tool says of one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignRow {
    pub identity: Identity,
    /// The tool's name for it, as near to a file name as it goes.
    pub filename: String,
    pub description: String,
    pub state: ForeignState,
    pub stored: Option<Stored>,
    /// Times as the server writes and reads them.
    pub started_at: Option<String>,
    pub applied_at: Option<String>,
    pub execution_time_ms: Option<u64>,
    pub applied_by: Option<String>,
}

/// How a row names its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    Filename(String),
    /// The name without `.sql`, or of a folder.
    Stem(String),
    /// The leading digits as written.
    Digits(String),
    /// The leading digits as a number.
    Number(String),
    /// A file name, else a name without `.sql`, else leading digits, else a number.
    Loose(String),
    /// `V1.2__words.sql`
    Script {
        script: String,
        /// Without leading zeros.
        parts: Vec<String>,
        words: String,
    },
    /// All files up to this number.
    Through(String),
}

/// What became of it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignState {
    Applied,
    /// It failed and was rolled back, or was undone.
    NotApplied,
    /// A word that says neither, or none.
    Unclear(Unclear),
    /// It was done in part, or is under way.
    Partial,
    /// It runs whenever it changes.
    Repeatable,
}

/// What a row says of its state, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    pub word: String,
    pub column: String,
    /// Whether the column can hold words.
    pub of_words: bool,
}

/// What is to be recorded, and what must be said.
#[derive(Debug)]
pub struct Adoption<'a> {
    pub rows: Vec<Adopted<'a>>,
    /// File names that the tool has not applied.
    pub pending: Vec<&'a str>,
    pub objections: Vec<Objection>,
}

/// A row to record.
#[derive(Debug)]
pub struct Adopted<'a> {
    pub filename: String,
    pub row: &'a ForeignRow,
    /// None where the file is gone.
    pub migration: Option<&'a Migration>,
}

/// One thing about taking over a history that the user must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    NoFile {
        tool: Tool,
        name: String,
    },
    Repeatable {
        tool: Tool,
        name: String,
    },
    /// Checksums of an unknown kind.
    Unverified {
        tool: Tool,
        filename: String,
    },
    Differs {
        tool: Tool,
        filename: String,
    },
    Partial {
        tool: Tool,
        name: String,
        table: String,
    },
    /// To read its table could run somebody's code, or show what is not the whole.
    Distrusted {
        tool: Tool,
        table: String,
        problems: String,
    },
    /// A text that is no time, in the server's words.
    BadTime {
        table: String,
        reason: String,
    },
    /// A row that names no migration.
    NoName {
        tool: Tool,
        table: String,
    },
    /// All up to a version that is no number.
    BadVersion {
        tool: Tool,
        version: String,
    },
    /// Whether it was applied, onward cannot tell.
    UnclearState {
        tool: Tool,
        name: String,
        table: String,
        unclear: Unclear,
    },
    Ambiguous {
        tool: Tool,
        name: String,
        filenames: Vec<String>,
    },
    /// onward cannot use the file under this name.
    BadName(Rename),
    AtWork {
        tool: Tool,
        sessions: String,
    },
    /// There is a history of onward's own.
    HasHistory {
        table: String,
    },
    NoTable {
        asked: Option<String>,
    },
    SeveralTables {
        tables: Vec<(Tool, String)>,
    },
    NotFiles {
        tool: Tool,
        table: String,
    },
    /// Something else stands where the history would be.
    InTheWay {
        table: String,
    },
    /// The old table would have to be renamed, and there is something of that name.
    NameTaken {
        table: String,
        name: String,
    },
}

/// Matches the rows of a tool with files.
#[must_use]
pub fn adopt<'a>(
    (tool, table): (Tool, &str),
    rows: &'a [ForeignRow],
    files: &'a Files,
    origins: &'a Origins,
) -> Adoption<'a> {
    let mut matching = Matching {
        tool,
        table: table.to_owned(),
        files,
        origins,
        index: Index::of(files, origins),
        running: running_hashes(&origins.originals),
        claimed: HashSet::new(),
        names: HashSet::new(),
        rows: Vec::new(),
        objections: Vec::new(),
    };
    for row in rows {
        match &row.state {
            ForeignState::Applied => matching.take(row),
            ForeignState::NotApplied => {}
            ForeignState::Unclear(unclear) => {
                matching.objections.push(Objection::UnclearState {
                    tool,
                    name: row.filename.clone(),
                    table: table.to_owned(),
                    unclear: unclear.clone(),
                });
            }
            ForeignState::Partial => matching.objections.push(Objection::Partial {
                tool,
                name: row.filename.clone(),
                table: table.to_owned(),
            }),
            ForeignState::Repeatable => matching.objections.push(Objection::Repeatable {
                tool,
                name: row.filename.clone(),
            }),
        }
    }
    let migrations = files.migrations.iter().enumerate();
    let pending = migrations
        .filter(|(i, _)| !matching.claimed.contains(i))
        .map(|(_, migration)| migration.name.filename())
        .collect();
    let mut objections = matching.objections;
    objections.sort_by_key(Objection::severity);
    Adoption {
        rows: matching.rows,
        pending,
        objections,
    }
}

/// The files by what rows may call them.
struct Index<'a> {
    names: HashMap<&'a str, usize>,
    stems: HashMap<&'a str, usize>,
    digits: HashMap<&'a str, Vec<usize>>,
    numbers: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn of(files: &'a Files, origins: &'a Origins) -> Index<'a> {
        let mut index = Index {
            names: HashMap::new(),
            stems: HashMap::new(),
            digits: HashMap::new(),
            numbers: HashMap::new(),
        };
        let pairs = files.migrations.iter().zip(&origins.originals);
        for (i, (migration, original)) in pairs.enumerate() {
            let name = &migration.name;
            index.names.insert(name.filename(), i);
            index.names.insert(&original.name, i);
            index.stems.insert(name.stem(), i);
            let stem = original.name.strip_suffix(".sql");
            index.stems.insert(stem.unwrap_or(&original.name), i);
            let digits = name.version();
            index.digits.entry(digits).or_default().push(i);
            let number = digits.trim_start_matches('0');
            index.numbers.entry(number).or_default().push(i);
        }
        index
    }

    fn of_number(&self, number: &str) -> Vec<usize> {
        let found = self.numbers.get(number.trim_start_matches('0'));
        let found = found.filter(|_| is_number(number));
        found.cloned().unwrap_or_default()
    }

    /// The files that a row can mean.
    fn find(&self, identity: &Identity, files: &Files, origins: &Origins) -> Vec<usize> {
        let one = |found: Option<&usize>| found.copied().into_iter().collect::<Vec<_>>();
        let all = |found: Option<&Vec<usize>>| found.cloned().unwrap_or_default();
        match identity {
            Identity::Filename(name) => one(self.names.get(name.as_str())),
            Identity::Stem(stem) => one(self.stems.get(stem.as_str())),
            Identity::Digits(digits) => all(self.digits.get(digits.as_str())),
            Identity::Number(number) => self.of_number(number),
            Identity::Loose(name) => {
                let named = self.names.get(name.as_str());
                let named = named.or_else(|| self.stems.get(name.as_str()));
                match (named, self.digits.get(name.as_str())) {
                    (Some(i), _) => vec![*i],
                    (None, Some(several)) => several.clone(),
                    (None, None) => self.of_number(name),
                }
            }
            Identity::Script {
                script,
                parts,
                words,
            } => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let new_name = origins.widths.name(&parts, words);
                let named = self.names.get(script.as_str());
                match (
                    named.or_else(|| self.names.get(new_name.as_str())),
                    parts.as_slice(),
                ) {
                    (Some(i), _) => vec![*i],
                    (None, [number]) => all(self.numbers.get(number)),
                    (None, parts) => by_parts(parts, words, files),
                }
            }
            Identity::Through(_) => Vec::new(),
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The files that were renamed with other widths than their neighbours here ask for: of these words, and with a number
/// that the parts can be padded to.
fn by_parts(parts: &[&str], words: &str, files: &Files) -> Vec<usize> {
    let fits = |migration: &Migration| {
        let ending = migration
            .name
            .filename()
            .strip_prefix(migration.name.version());
        let rest = migration.name.version().trim_start_matches('0');
        let left = parts.iter().try_fold(rest, |rest, part| {
            rest.trim_start_matches('0').strip_prefix(part)
        });
        left == Some("") && ending == Some(&format!("_{words}.sql"))
    };
    let migrations = files.migrations.iter().enumerate();
    migrations
        .filter(|(_, migration)| fits(migration))
        .map(|(i, _)| i)
        .collect()
}

/// A walk through the rows.
struct Matching<'a> {
    tool: Tool,
    table: String,
    files: &'a Files,
    origins: &'a Origins,
    index: Index<'a>,
    running: Vec<String>,
    /// Files that have a row.
    claimed: HashSet<usize>,
    /// Names of rows without a file.
    names: HashSet<String>,
    rows: Vec<Adopted<'a>>,
    objections: Vec<Objection>,
}

impl<'a> Matching<'a> {
    fn take(&mut self, row: &'a ForeignRow) {
        if row.filename.is_empty() {
            let (tool, table) = (self.tool, self.table.clone());
            return self.objections.push(Objection::NoName { tool, table });
        }
        if let Identity::Through(number) = &row.identity {
            return self.take_through(number, row);
        }
        match self
            .index
            .find(&row.identity, self.files, self.origins)
            .as_slice()
        {
            [] => self.take_without_file(row),
            [i] => {
                // Some tools keep a second row for what was applied again.
                if self.claimed.insert(*i) {
                    self.compare(row, *i);
                    self.record(row, *i);
                }
            }
            several => {
                let name = |i: &usize| self.files.migrations[*i].name.filename().to_owned();
                self.objections.push(Objection::Ambiguous {
                    tool: self.tool,
                    name: row.filename.clone(),
                    filenames: several.iter().map(name).collect(),
                });
            }
        }
    }

    fn take_through(&mut self, number: &str, row: &'a ForeignRow) {
        if !is_number(number) {
            return self.objections.push(Objection::BadVersion {
                tool: self.tool,
                version: number.to_owned(),
            });
        }
        for (i, migration) in self.files.migrations.iter().enumerate() {
            let below = Name::number_cmp(migration.name.version(), number).is_le();
            if below && self.claimed.insert(i) {
                self.record(row, i);
            }
        }
        // A baseline is no file.
        let is_of_file = matches!(self.tool, Tool::GolangMigrate | Tool::Tern);
        if is_of_file && self.index.of_number(number).is_empty() {
            self.take_without_file(row);
        }
    }

    fn take_without_file(&mut self, row: &'a ForeignRow) {
        let filename = match &row.identity {
            Identity::Script { parts, words, .. } => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.origins.widths.name(&parts, words)
            }
            _ => row.filename.clone(),
        };
        if !self.names.insert(filename.clone()) {
            return;
        }
        self.objections.push(Objection::NoFile {
            tool: self.tool,
            name: row.filename.clone(),
        });
        self.rows.push(Adopted {
            filename,
            row,
            migration: None,
        });
    }

    fn compare(&mut self, row: &ForeignRow, i: usize) {
        let Some(stored) = &row.stored else {
            return;
        };
        let original = &self.origins.originals[i];
        let (tool, filename) = (self.tool, original.name.clone());
        self.objections
            .extend(match stored.fit(original, &self.running[i]) {
                Fit::Same => None,
                Fit::Differs => Some(Objection::Differs { tool, filename }),
                Fit::Unknown => Some(Objection::Unverified { tool, filename }),
            });
    }

    fn record(&mut self, row: &'a ForeignRow, i: usize) {
        let migration = &self.files.migrations[i];
        self.rows.push(Adopted {
            filename: migration.name.filename().to_owned(),
            row,
            migration: Some(migration),
        });
    }
}

impl Objection {
    /// Whether the history can be taken over all the same.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Objection::NoFile { .. }
            | Objection::Repeatable { .. }
            | Objection::Unverified { .. } => Severity::Warning,
            Objection::Differs { .. }
            | Objection::Partial { .. }
            | Objection::UnclearState { .. }
            | Objection::Distrusted { .. }
            | Objection::BadTime { .. }
            | Objection::NoName { .. }
            | Objection::BadVersion { .. }
            | Objection::Ambiguous { .. }
            | Objection::BadName(_)
            | Objection::AtWork { .. }
            | Objection::HasHistory { .. }
            | Objection::NoTable { .. }
            | Objection::SeveralTables { .. }
            | Objection::NotFiles { .. }
            | Objection::InTheWay { .. }
            | Objection::NameTaken { .. } => Severity::Refusal,
        }
    }

    /// A word for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Objection::NoFile { .. } => "no_file",
            Objection::Repeatable { .. } => "repeatable",
            Objection::Unverified { .. } => "unverified",
            Objection::Differs { .. } => "differs",
            Objection::Partial { .. } => "partial",
            Objection::UnclearState { .. } => "unclear_state",
            Objection::Distrusted { .. } => "distrusted",
            Objection::BadTime { .. } => "bad_time",
            Objection::NoName { .. } => "no_name",
            Objection::BadVersion { .. } => "bad_version",
            Objection::Ambiguous { .. } => "ambiguous",
            Objection::BadName(_) => "bad_name",
            Objection::AtWork { .. } => "at_work",
            Objection::HasHistory { .. } => "has_history",
            Objection::NoTable { .. } => "no_foreign_history",
            Objection::SeveralTables { .. } => "several_foreign_histories",
            Objection::NotFiles { .. } => "not_files",
            Objection::InTheWay { .. } => "in_the_way",
            Objection::NameTaken { .. } => "name_taken",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Objection::NoFile { .. } => "the history gets it without a checksum, and up will call it missing; restore the \
                 file if it should be there"
                .to_owned(),
            Objection::Repeatable { .. } => {
                "onward runs a file once: whenever it changes, put its text into a new numbered file".to_owned()
            }
            Objection::Unverified { .. } => "make sure that the file is the one that was applied".to_owned(),
            Objection::Differs { tool, .. } => format!(
                "restore the file as it was applied (what changed belongs into a new file), or have {tool} accept the \
                 change; then: onward adopt"
            ),
            Objection::Partial { tool, table, .. } => partial_cure(*tool, table),
            Objection::UnclearState { table, unclear, .. } => {
                let column = identifier(&unclear.column);
                let (yes, no) = if unclear.of_words { ("applied", "failed") } else { ("1", "0") };
                format!(
                    "see whether it is applied, and say so: UPDATE {table} SET {column} = '{yes}' (or '{no}') for its row; \
                     then: onward adopt"
                )
            }
            Objection::Ambiguous { .. } => {
                "begin the names of those that were not applied with _ , adopt, then give them numbers of their own".to_owned()
            }
            Objection::BadName(_) => {
                "rename the files in version control; or have it done: onward adopt --rename-files".to_owned()
            }
            Objection::AtWork { .. } => "let it end, then: onward adopt".to_owned(),
            Objection::HasHistory { .. } => "see what it holds: onward status".to_owned(),
            Objection::NoTable { .. } => {
                let words: Vec<&str> = Tool::adoptable().collect();
                format!(
                    "looked in all schemas for the tables of {}; record what is applied already: onward baseline --through VERSION",
                    words.join(", ")
                )
            }
            Objection::SeveralTables { tables } => {
                let choices = tables
                    .iter()
                    .map(|(tool, table)| match tables.iter().filter(|(other, _)| other == tool).count() {
                        1 => format!("onward adopt --from {}", tool.word()),
                        _ => format!("onward adopt --from {}", Shell(table)),
                    });
                format!("choose one: {}", choices.collect::<Vec<_>>().join(", or "))
            }
            Objection::Distrusted { table, problems, .. } => {
                let statements: Vec<String> = problems
                    .split(", ")
                    .map(|problem| trusting(problem, table))
                    .collect();
                format!("as its owner: {}; then: onward adopt", statements.join("; "))
            }
            Objection::BadTime { table, .. } => {
                format!("give that row of {table} a time, or none (NULL); then: onward adopt")
            }
            Objection::NoName { table, .. } => {
                format!("give that row of {table} its name, or delete it; then: onward adopt")
            }
            Objection::NotFiles { .. } | Objection::BadVersion { .. } => {
                "record the files that the database contains already: onward baseline --through VERSION".to_owned()
            }
            Objection::InTheWay { .. } => {
                "keep onward's history in a table of another name, with --table [SCHEMA.]NAME or ONWARD_TABLE".to_owned()
            }
            Objection::NameTaken { name, .. } => format!("rename or drop {name}, then: onward adopt"),
        }
    }
}

/// The statement that takes away what speaks against reading a table.
fn trusting(problem: &str, table: &str) -> String {
    match problem {
        "has rules" => format!("DROP RULE NAME ON {table}"),
        "has row security" => format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
        "has child tables" => format!("ALTER TABLE CHILD NO INHERIT {table}"),
        // What else there is: a table that a crash would empty.
        _ => format!("ALTER TABLE {table} SET LOGGED"),
    }
}

/// How what a tool has begun is brought to an end there.
fn partial_cure(tool: Tool, table: &str) -> String {
    let then = match tool {
        Tool::GolangMigrate => "migrate force VERSION".to_owned(),
        Tool::Flyway => "flyway repair".to_owned(),
        Tool::Prisma => "prisma migrate resolve".to_owned(),
        Tool::Atlas => "atlas migrate set VERSION".to_owned(),
        Tool::HandMade => {
            format!("UPDATE {table} SET status = 'completed' (or 'failed') for its row")
        }
        _ => format!("UPDATE {table} SET success = true for its row, or DELETE that row"),
    };
    format!("finish its work or undo it by hand, and tell {tool}: {then}; then: onward adopt")
}

impl fmt::Display for Objection {
    #[expect(clippy::too_many_lines, reason = "one sentence for each objection")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::NoFile { tool, name } => {
                write!(
                    f,
                    "{tool} has applied {}, and there is no file of it",
                    Escaped(name)
                )
            }
            Objection::Repeatable { tool, name } => {
                write!(f, "{tool} runs {} again whenever it changes", Escaped(name))
            }
            Objection::Unverified { tool, filename } => write!(
                f,
                "{tool} keeps a checksum of {} that onward cannot compare",
                Escaped(filename)
            ),
            Objection::Differs { tool, filename } => write!(
                f,
                "{} is not what {tool} has applied: its checksum is another",
                Escaped(filename)
            ),
            Objection::Partial { tool, name, .. } => write!(
                f,
                "{tool} has not finished {}: it failed half-way, or is under way",
                Escaped(name)
            ),
            Objection::Distrusted {
                tool,
                table,
                problems,
            } => write!(
                f,
                "the history of {tool}, {}, cannot be trusted: it {}",
                Escaped(table),
                Escaped(problems)
            ),
            Objection::BadTime { table, reason } => {
                write!(
                    f,
                    "a time in {} cannot be read: {}",
                    Escaped(table),
                    Escaped(reason)
                )
            }
            Objection::NoName { tool, .. } => {
                write!(f, "{tool} has applied a migration that has no name")
            }
            Objection::BadVersion { tool, version } => write!(
                f,
                "{tool} has applied all up to {}, and that is no number of a file",
                Typed(version)
            ),
            Objection::UnclearState {
                tool,
                name,
                unclear,
                ..
            } => {
                let name = Escaped(name);
                if unclear.word.trim().is_empty() {
                    write!(f, "{tool} does not say whether {name} is applied")
                } else {
                    let word = Typed(&unclear.word);
                    write!(
                        f,
                        "{tool} calls {name} {word}, and onward cannot tell whether that is applied"
                    )
                }
            }
            Objection::Ambiguous {
                tool,
                name,
                filenames,
            } => write!(
                f,
                "{tool} has applied {}, and several files have this number: {}",
                Escaped(name),
                Names(filenames)
            ),
            Objection::BadName(Rename { from, to, kind }) => {
                let why = match kind {
                    Kind::Migration => "names are ordered byte by byte, so onward needs",
                    Kind::WayBack => "the way back stands beside its migration as",
                    Kind::Repeatable => "onward runs a file once, and ignores",
                };
                write!(
                    f,
                    "{} -> {}: {why} {}",
                    Escaped(from),
                    Escaped(to),
                    Escaped(to)
                )
            }
            Objection::AtWork { tool, sessions } => {
                write!(f, "{tool} is at work on this database ({sessions})")
            }
            Objection::HasHistory { table } => write!(
                f,
                "this database has a history already, in {}",
                Escaped(table)
            ),
            Objection::NoTable { asked: None } => f.write_str(
                "no other tool keeps a history in this database, as far as onward knows",
            ),
            Objection::NoTable { asked: Some(asked) } => {
                write!(
                    f,
                    "there is no history of {} in this database",
                    Typed(asked)
                )
            }
            Objection::SeveralTables { tables } => {
                let tables: Vec<String> = tables
                    .iter()
                    .map(|(tool, table)| format!("{tool} in {table}"))
                    .collect();
                write!(
                    f,
                    "several tools keep a history in this database: {}",
                    Names(&tables)
                )
            }
            Objection::NotFiles { tool, table } => write!(
                f,
                "the migrations of {tool} (in {}) are no SQL files that onward could match",
                Escaped(table)
            ),
            Objection::InTheWay { table } => {
                write!(
                    f,
                    "another {} stands where onward's history would be",
                    Escaped(table)
                )
            }
            Objection::NameTaken { table, name } => write!(
                f,
                "{} has the name of onward's history, and cannot be renamed: there is a {}",
                Escaped(table),
                Escaped(name)
            ),
        }
    }
}

#[cfg(test)]
mod tests;
