//! The tables of other tools: finding, reading and locking them. What their rows mean is decided here, by tool; what
//! becomes of them is not.

use std::fmt::Write as _;

use postgres::SimpleQueryRow;

use super::apply::{Conditions, begin, settings};
use super::run_lock::Locked;
use super::session::{LEAVE_NO_TRACE, Session};
use super::survey::{BESIDE_RAILS, READ_PROBLEMS};
use super::tools::{self, Table};
use crate::error::Trouble;
use crate::migration::rename::version_parts;
use crate::migration::tool_checksum::{Stored, crc32};
use crate::plan::Tool;
use crate::plan::adopt::{ForeignRow, ForeignState, Identity, Unclear};
use crate::sql::name::{QualifiedName, TableName};
use crate::sql::quote::{identifier, literal, text_array};

/// The table in which a tool keeps its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    pub tool: Tool,
    pub table: QualifiedName,
    /// Its schema is on the `search_path`, is that of `--table`, or belongs to a tool.
    pub is_near: bool,
    /// What speaks against reading it; empty for nothing.
    pub read_problems: String,
    /// Name and type of each column.
    columns: Vec<(String, String)>,
    /// The keys of the advisory lock that the tool holds while it works, from the first to the last that it may be.
    lock_keys: Option<(i64, i64)>,
}

/// All tables of other tools in the database, the near ones first.
///
/// # Errors
/// What the server or the connection said.
pub fn find(session: &mut Session, history: &TableName) -> Result<Vec<Tracking>, Trouble> {
    let names: Vec<&str> = tools::tables().collect();
    let look = format!(
        "SELECT n.nspname, c.relname, (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attname, ' ', t.typname), E'\\n' ORDER BY a.attnum) \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid WHERE a.attrelid \
         OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped), {BESIDE_RAILS}, \
         pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname), pg_catalog.concat_ws(', ', {READ_PROBLEMS}), \
         pg_catalog.current_database() \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND CAST(c.relname AS pg_catalog.text) OPERATOR(pg_catalog.=) ANY ({}) \
         AND NOT pg_catalog.starts_with(CAST(n.nspname AS pg_catalog.text), 'pg_') ORDER BY 5, 1, 2",
        text_array(&names)
    );
    let rows = session.ask(&look)?.pop().unwrap_or_default();
    let found = rows
        .iter()
        .filter_map(|row| tracking(row, history.schema.as_deref()));
    Ok(found.collect())
}

fn tracking(row: &SimpleQueryRow, own_schema: Option<&str>) -> Option<Tracking> {
    let text = |index: usize| row.try_get(index).ok().flatten().unwrap_or("");
    let columns: Vec<(String, String)> = text(2)
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let (schema, name) = (text(0), text(1));
    let tool = tools::recognise(Table {
        schema,
        name,
        columns: &names,
        beside_rails: text(3) == "t",
    })?;
    let table = QualifiedName {
        schema: schema.to_owned(),
        name: name.to_owned(),
    };
    let is_near = !text(4).is_empty()
        || own_schema == Some(schema)
        || tools::schemas().any(|own| own == schema);
    // A history of onward's own, under another name, is nothing to take over.
    (tool != Tool::Onward && !tools::is_onward(&names)).then(|| Tracking {
        tool,
        is_near,
        read_problems: text(5).to_owned(),
        lock_keys: lock_keys(tool, &table, text(6)),
        table,
        columns,
    })
}

/// The advisory lock of a tool, as its sources compute it.
fn lock_keys(tool: Tool, table: &QualifiedName, database: &str) -> Option<(i64, i64)> {
    let of_database = || i64::from(crc32(database.bytes()));
    let one = |key: i64| Some((key, key));
    match tool {
        Tool::GolangMigrate => {
            let name = format!("{}\0{}\0{database}", table.schema, table.name);
            one(crc32(name.bytes()).wrapping_mul(1_486_364_155).into())
        }
        Tool::Tern => one(9_628_173_550_095_224),
        Tool::Sqlx => one(0x3D32_AD9E * of_database()),
        Tool::GraphileMigrate => one(4_727_445_306_447_283),
        Tool::NodePgMigrate => one(7_241_865_325_823_964),
        Tool::Prisma => one(72_707_369),
        Tool::Goose => one(4_097_083_626),
        Tool::Rails => one(2_053_462_845 * of_database()),
        Tool::Flyway => {
            // The letters "Flyway", and the 32-bit hash of Java over the table's name.
            let base = 0x466C_7977_6179;
            Some((base + i64::from(i32::MIN), base + i64::from(i32::MAX)))
        }
        _ => None,
    }
}

impl Tracking {
    /// What its rows say, as the tool means them.
    ///
    /// # Errors
    /// What the server or the connection said.
    pub fn read(&self, session: &mut Session) -> Result<Vec<ForeignRow>, Trouble> {
        let answer = session.ask(&self.reading())?.pop().unwrap_or_default();
        Ok(self.rows(&answer))
    }

    /// The sessions that hold the tool's own lock; none if it is not at work.
    ///
    /// # Errors
    /// What the server or the connection said.
    pub fn sessions_at_work(&self, session: &mut Session) -> Result<Option<String>, Trouble> {
        let Some((first, last)) = self.lock_keys else {
            return Ok(None);
        };
        // A 64-bit key stands in two halves: <https://www.postgresql.org/docs/current/view-pg-locks.html>.
        let key = "((CAST(k.classid AS pg_catalog.int8) OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.|) \
                   CAST(k.objid AS pg_catalog.int8))";
        let rows = session.ask(&format!(
            "SELECT pg_catalog.concat('pid ', k.pid) FROM pg_catalog.pg_locks k JOIN pg_catalog.pg_database d ON d.oid \
             OPERATOR(pg_catalog.=) k.database WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND \
             k.locktype OPERATOR(pg_catalog.=) 'advisory' AND k.objsubid OPERATOR(pg_catalog.=) 1 AND k.granted AND k.pid \
             OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND {key} OPERATOR(pg_catalog.>=) {first} AND {key} \
             OPERATOR(pg_catalog.<=) {last} ORDER BY k.pid"
        ))?;
        let pids: Vec<&str> = rows
            .iter()
            .flatten()
            .filter_map(|row| row.try_get(0).ok().flatten())
            .collect();
        Ok((!pids.is_empty()).then(|| pids.join(", ")))
    }

    /// Where the table goes that has the name of the history.
    #[must_use]
    pub fn new_name(&self) -> QualifiedName {
        let word = self.tool.word().replace('-', "_");
        // A name has at most 63 bytes: NAMEDATALEN - 1.
        let room = self.table.name.floor_char_boundary(62 - word.len());
        QualifiedName {
            schema: self.table.schema.clone(),
            name: format!("{}_{word}", &self.table.name[..room]),
        }
    }

    /// Whether a relation of this name exists.
    ///
    /// # Errors
    /// What the server or the connection said.
    pub fn is_taken(session: &mut Session, name: &QualifiedName) -> Result<bool, Trouble> {
        let rows = session.ask(&format!(
            "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) \
             c.relnamespace WHERE n.nspname OPERATOR(pg_catalog.=) {} AND c.relname OPERATOR(pg_catalog.=) {}",
            literal(&name.schema),
            literal(&name.name)
        ))?;
        Ok(rows.first().is_some_and(|rows| !rows.is_empty()))
    }
}

/// The columns of the answer to `reading`.
struct Cells<'r>(&'r SimpleQueryRow);

impl Cells<'_> {
    fn text(&self, index: usize) -> String {
        self.0
            .try_get(index)
            .ok()
            .flatten()
            .unwrap_or("")
            .to_owned()
    }

    fn optional(&self, index: usize) -> Option<String> {
        Some(self.text(index)).filter(|text| !text.is_empty())
    }
}

/// What a tool calls its columns; of several names the first that the table has.
struct Layout {
    key: &'static [&'static str],
    name: &'static [&'static str],
    applied_at: &'static [&'static str],
    started_at: &'static [&'static str],
    applied_by: &'static [&'static str],
    /// With what its unit is divided by to be milliseconds.
    duration: (&'static [&'static str], u64),
    checksum: &'static [&'static str],
    state: &'static [&'static str],
    /// How many parts it has, where the state is the number of those that are done.
    total: &'static [&'static str],
    /// What kind of row it is.
    kind: &'static [&'static str],
}

const NOTHING: Layout = Layout {
    key: &["version"],
    name: &[],
    applied_at: &[],
    started_at: &[],
    applied_by: &[],
    duration: (&[], 1),
    checksum: &[],
    state: &[],
    total: &[],
    kind: &[],
};

/// The columns of each tool that mean something here.
#[expect(clippy::too_many_lines, reason = "one entry for each tool")]
fn layout(tool: Tool) -> Layout {
    match tool {
        Tool::HandMade => Layout {
            key: &["filename", "migration_name", "version", "name"],
            name: &["description", "name"],
            applied_at: &["completed_at", "applied_at", "executed_at"],
            started_at: &["started_at"],
            applied_by: &["applied_by", "installed_by"],
            duration: (&["execution_time_ms", "duration_ms"], 1),
            checksum: &["checksum", "hash"],
            state: &["success", "status"],
            ..NOTHING
        },
        Tool::GolangMigrate => Layout {
            state: &["dirty"],
            ..NOTHING
        },
        Tool::Goose => Layout {
            key: &["version_id"],
            applied_at: &["tstamp"],
            state: &["is_applied"],
            ..NOTHING
        },
        Tool::Sqlx => Layout {
            name: &["description"],
            applied_at: &["installed_on"],
            duration: (&["execution_time"], 1_000_000),
            checksum: &["checksum"],
            state: &["success"],
            ..NOTHING
        },
        Tool::NodePgMigrate => Layout {
            key: &["name"],
            applied_at: &["run_on"],
            ..NOTHING
        },
        Tool::Diesel => Layout {
            applied_at: &["run_on"],
            ..NOTHING
        },
        Tool::Refinery => Layout {
            name: &["name"],
            applied_at: &["applied_on"],
            checksum: &["checksum"],
            ..NOTHING
        },
        Tool::Flyway => Layout {
            key: &["script"],
            name: &["version"],
            applied_at: &["installed_on"],
            applied_by: &["installed_by"],
            duration: (&["execution_time"], 1),
            checksum: &["checksum"],
            state: &["success"],
            kind: &["type"],
            ..NOTHING
        },
        Tool::Prisma => Layout {
            key: &["migration_name"],
            applied_at: &["finished_at"],
            started_at: &["started_at"],
            checksum: &["checksum"],
            state: &["rolled_back_at"],
            ..NOTHING
        },
        Tool::Supabase => Layout {
            name: &["name"],
            ..NOTHING
        },
        Tool::Atlas => Layout {
            name: &["description"],
            applied_at: &["executed_at"],
            duration: (&["execution_time"], 1_000_000),
            checksum: &["hash"],
            state: &["applied"],
            total: &["total"],
            kind: &["type"],
            ..NOTHING
        },
        Tool::SqlMigrate => Layout {
            key: &["id"],
            applied_at: &["applied_at"],
            checksum: &["checksum"],
            ..NOTHING
        },
        Tool::GraphileMigrate => Layout {
            key: &["filename"],
            name: &["previous_hash"],
            applied_at: &["date"],
            checksum: &["hash"],
            ..NOTHING
        },
        Tool::Geni => Layout {
            key: &["id"],
            ..NOTHING
        },
        Tool::Ecto => Layout {
            applied_at: &["inserted_at"],
            ..NOTHING
        },
        Tool::Yandex => Layout {
            name: &["description"],
            applied_at: &["installed_on"],
            applied_by: &["installed_by"],
            kind: &["type"],
            ..NOTHING
        },
        Tool::PostgresMigrations => Layout {
            key: &["id"],
            name: &["name"],
            applied_at: &["executed_at"],
            checksum: &["hash"],
            ..NOTHING
        },
        _ => NOTHING,
    }
}

const KEY: usize = 0;
const NAME: usize = 1;
const APPLIED_AT: usize = 2;
const STARTED_AT: usize = 3;
const APPLIED_BY: usize = 4;
const DURATION: usize = 5;
const CHECKSUM: usize = 6;
const STATE: usize = 7;
const TOTAL: usize = 8;
const KIND: usize = 9;

impl Tracking {
    fn column(&self, names: &[&str]) -> Option<&(String, String)> {
        names
            .iter()
            .find_map(|name| self.columns.iter().find(|(column, _)| column == name))
    }

    /// One query for all rows, in the order in which they came. Values become text by their types' own output
    /// functions: a cast could be somebody's.
    fn reading(&self) -> String {
        let layout = layout(self.tool);
        let text = |names: &[&str]| match self.column(names) {
            Some((column, kind)) if kind == "bytea" => {
                format!("pg_catalog.encode({}, 'hex')", identifier(column))
            }
            Some((column, _)) => format!("pg_catalog.concat({})", identifier(column)),
            None => "''".to_owned(),
        };
        let time = |names: &[&str]| {
            self.column(names)
                .map_or_else(|| "''".to_owned(), |(column, kind)| time(column, kind))
        };
        let order = ["installed_rank", "id"]
            .into_iter()
            .filter(|name| {
                self.column(&[name])
                    .is_some_and(|(_, kind)| kind.starts_with("int"))
            })
            .map(identifier);
        let order: Vec<String> = order.chain(["3", "1"].map(str::to_owned)).collect();
        format!(
            "SELECT {}, {}, {}, {}, {}, {}, {}, {}, {}, {} FROM ONLY {} ORDER BY {}",
            text(layout.key),
            text(layout.name),
            time(layout.applied_at),
            time(layout.started_at),
            text(layout.applied_by),
            text(layout.duration.0),
            text(layout.checksum),
            text(layout.state),
            text(layout.total),
            text(layout.kind),
            self.table.quoted(),
            order.join(", ")
        )
    }

    fn rows(&self, answer: &[SimpleQueryRow]) -> Vec<ForeignRow> {
        let mut rows: Vec<ForeignRow> = Vec::new();
        for row in answer {
            let cells = Cells(row);
            let (tool, key) = (self.tool, cells.text(KEY));
            let undoes = tool == Tool::Flyway
                && (cells.text(KIND) == "DELETE" || cells.text(KIND).starts_with("UNDO"));
            if undoes || tool == Tool::Goose {
                forget(&mut rows, &self.identity(&cells), |_| true);
            }
            if undoes || is_internal(tool, &key, &cells) {
                continue;
            }
            let row = self.row(&cells);
            if tool == Tool::HandMade {
                // A try that failed, or is under way, undoes nothing that was applied before it.
                let decides = row.state == ForeignState::Applied || is_undone(&cells.text(STATE));
                forget(&mut rows, &row.identity, |earlier| {
                    decides || *earlier != ForeignState::Applied
                });
            }
            rows.push(row);
        }
        rows
    }

    fn row(&self, cells: &Cells) -> ForeignRow {
        let divisor = layout(self.tool).duration.1;
        let duration = cells.text(DURATION).parse::<i64>().ok();
        ForeignRow {
            identity: self.identity(cells),
            filename: self.filename(cells),
            description: self.description(cells),
            state: self.state(cells),
            stored: stored(self.tool, cells),
            started_at: cells.optional(STARTED_AT),
            applied_at: cells.optional(APPLIED_AT),
            // sqlx writes -1 until it is done.
            execution_time_ms: duration
                .and_then(|duration| duration.try_into().ok())
                .map(|duration: u64| duration / divisor),
            applied_by: cells.optional(APPLIED_BY),
        }
    }

    fn identity(&self, cells: &Cells) -> Identity {
        let key = cells.text(KEY);
        match self.tool {
            // Some keep the path.
            Tool::HandMade => {
                Identity::Loose(key.rsplit('/').next().unwrap_or_default().to_owned())
            }
            Tool::GolangMigrate | Tool::Tern => Identity::Through(key),
            Tool::Yandex if cells.text(KIND) == "manual" => Identity::Through(key),
            Tool::Goose | Tool::Sqlx | Tool::Geni | Tool::Ecto | Tool::PostgresMigrations => {
                Identity::Number(key)
            }
            Tool::NodePgMigrate | Tool::Prisma => Identity::Stem(key),
            Tool::SqlMigrate => Identity::Filename(key),
            // The table has `000002.sql` for a file `000002-email.sql`.
            Tool::GraphileMigrate => {
                Identity::Digits(key.strip_suffix(".sql").unwrap_or(&key).to_owned())
            }
            Tool::Refinery | Tool::Yandex => script(&key, &cells.text(NAME)),
            // The type is a set of bits, of which the first is that of a baseline.
            Tool::Atlas
                if cells
                    .text(KIND)
                    .parse::<u32>()
                    .is_ok_and(|bits| bits & 1 == 1) =>
            {
                Identity::Through(key)
            }
            Tool::Flyway if cells.text(KIND).ends_with("BASELINE") => {
                Identity::Through(cells.text(NAME))
            }
            Tool::Flyway => {
                let words = key
                    .rsplit_once("__")
                    .map_or(key.as_str(), |(_, words)| words);
                let words = words.strip_suffix(".sql").unwrap_or(words);
                match script(&cells.text(NAME), words) {
                    Identity::Script { parts, words, .. } => Identity::Script {
                        // Flyway's scripts may lie in folders.
                        script: key.rsplit('/').next().unwrap_or_default().to_owned(),
                        parts,
                        words,
                    },
                    other => other,
                }
            }
            _ => Identity::Digits(key),
        }
    }

    fn filename(&self, cells: &Cells) -> String {
        let (key, name) = (cells.text(KEY), cells.text(NAME).replace(' ', "_"));
        match self.tool {
            Tool::Refinery | Tool::Yandex => format!("V{key}__{name}.sql"),
            Tool::Sqlx | Tool::Supabase | Tool::Atlas | Tool::PostgresMigrations
                if !name.is_empty() =>
            {
                format!("{key}_{name}.sql")
            }
            Tool::HandMade => key.rsplit('/').next().unwrap_or_default().to_owned(),
            _ => key,
        }
    }

    fn description(&self, cells: &Cells) -> String {
        let (key, name) = (cells.text(KEY), cells.text(NAME));
        let words = match self.tool {
            Tool::GraphileMigrate | Tool::Flyway => key,
            _ if name.is_empty() => key,
            _ => name,
        };
        words.replace(['_', '-'], " ")
    }
}

/// What earlier rows of a migration say does not hold any more, where their state is such.
fn forget(rows: &mut [ForeignRow], identity: &Identity, is_such: impl Fn(&ForeignState) -> bool) {
    let same = |row: &&mut ForeignRow| match (&row.identity, identity) {
        (Identity::Script { parts, .. }, Identity::Script { parts: others, .. }) => parts == others,
        (one, other) => one == other,
    };
    for row in rows.iter_mut().filter(same) {
        if is_such(&row.state) {
            row.state = ForeignState::NotApplied;
        }
    }
}

fn script(version: &str, words: &str) -> Identity {
    match version_parts(version) {
        Some(parts) => Identity::Script {
            script: format!("V{version}__{words}.sql"),
            parts: parts.into_iter().map(str::to_owned).collect(),
            words: words.replace(' ', "_"),
        },
        None => Identity::Filename(version.to_owned()),
    }
}

/// Rows that stand for no migration.
fn is_internal(tool: Tool, key: &str, cells: &Cells) -> bool {
    match tool {
        // The row with which the table begins, and the tool's own first migration.
        Tool::Goose | Tool::PostgresMigrations | Tool::Tern => key == "0",
        Tool::Atlas => key.starts_with('.'),
        Tool::Flyway => cells.text(KIND) == "SCHEMA",
        _ => false,
    }
}

impl Tracking {
    fn state(&self, cells: &Cells) -> ForeignState {
        match (self.tool, self.column(layout(self.tool).state)) {
            (Tool::HandMade, Some((column, kind))) => {
                let word = cells.text(STATE);
                spoken_state(&word).unwrap_or_else(|| {
                    ForeignState::Unclear(Unclear {
                        word,
                        column: column.clone(),
                        of_words: kind != "bool" && !kind.starts_with("int"),
                    })
                })
            }
            (tool, _) => state(tool, cells),
        }
    }
}

fn plain(word: &str) -> String {
    word.trim().to_lowercase().replace('-', "_")
}

/// Whether it was applied once, and is no more.
fn is_undone(word: &str) -> bool {
    matches!(plain(word).as_str(), "reverted" | "rolled_back")
}

/// What the words of hand-made runners mean. None of any other word: to take a file for pending that was applied would
/// run it twice.
fn spoken_state(word: &str) -> Option<ForeignState> {
    Some(
        match word.trim().to_lowercase().replace('-', "_").as_str() {
            "t" | "true" | "1" | "y" | "yes" | "ok" | "applied" | "complete" | "completed"
            | "done" | "executed" | "finished" | "succeeded" | "success" | "successful" => {
                ForeignState::Applied
            }
            "f" | "false" | "0" | "n" | "no" | "error" | "failed" | "failure" | "pending"
            | "reverted" | "rolled_back" | "skipped" => ForeignState::NotApplied,
            "in_progress" | "running" | "started" => ForeignState::Partial,
            _ => return None,
        },
    )
}

fn state(tool: Tool, cells: &Cells) -> ForeignState {
    let state = cells.text(STATE);
    match (tool, state.as_str()) {
        (Tool::GolangMigrate, "t") | (Tool::Sqlx | Tool::Flyway, "f") => ForeignState::Partial,
        (Tool::Goose, "f") => ForeignState::NotApplied,
        (Tool::Flyway, _) if cells.text(NAME).is_empty() => ForeignState::Repeatable,
        (Tool::Prisma, "") if cells.optional(APPLIED_AT).is_none() => ForeignState::Partial,
        (Tool::Prisma, rolled_back) if !rolled_back.is_empty() => ForeignState::NotApplied,
        (Tool::Atlas, applied) if applied != cells.text(TOTAL) => ForeignState::Partial,
        _ => ForeignState::Applied,
    }
}

fn stored(tool: Tool, cells: &Cells) -> Option<Stored> {
    let text = cells.optional(CHECKSUM)?;
    Some(match tool {
        Tool::Sqlx => Stored::Sha384(text),
        Tool::Prisma => Stored::Prisma(text),
        Tool::Flyway => Stored::Flyway(text),
        Tool::Refinery => Stored::Refinery {
            name: cells.text(NAME),
            version: cells.text(KEY).parse().ok()?,
            value: text,
        },
        Tool::GraphileMigrate => Stored::Graphile {
            previous: cells.text(NAME),
            value: text,
        },
        Tool::PostgresMigrations => Stored::Named(text),
        Tool::Atlas => Stored::Atlas(text),
        _ => Stored::Digest(text),
    })
}

/// A time as text in UTC. One without a zone is taken as UTC; refinery keeps RFC 3339.
fn time(column: &str, kind: &str) -> String {
    let column = identifier(column);
    let utc = match kind {
        "timestamp" => column,
        "timestamptz" => format!("pg_catalog.timezone('UTC', {column})"),
        "text" | "varchar" => {
            format!(
                "CASE WHEN pg_catalog.btrim({column}) OPERATOR(pg_catalog.<>) '' THEN \
                 pg_catalog.timezone('UTC', CAST({column} AS pg_catalog.timestamptz)) END"
            )
        }
        _ => return "''".to_owned(),
    };
    format!("pg_catalog.concat(pg_catalog.to_char({utc}, 'YYYY-MM-DD HH24:MI:SS.US\"+00\"'))")
}

/// What stands in the old table while nobody else can write to it.
#[derive(Debug)]
pub struct Held {
    pub rows: Vec<ForeignRow>,
    /// The sessions of the tool, if it is at work all the same.
    pub at_work: Option<String>,
    /// Indexes and sequences of the old table that have names which ours would get.
    clashes: Vec<Clash>,
}

#[derive(Debug)]
struct Clash {
    kind: &'static str,
    name: String,
}

impl Locked<'_> {
    /// Begins a transaction, locks the old table against its own runner, and reads it. `let_go` or `take_over` ends it.
    ///
    /// # Errors
    /// What the server or the connection said; then nothing is open any more.
    pub fn hold(&mut self, tracking: &Tracking, conditions: Conditions) -> Result<Held, Trouble> {
        self.hold_open(tracking, conditions).or_else(|trouble| {
            if trouble.lost_connection() {
                Err(trouble)
            } else {
                self.clean().and(Err(trouble))
            }
        })
    }

    fn hold_open(&mut self, tracking: &Tracking, conditions: Conditions) -> Result<Held, Trouble> {
        // To rename it later would need the stronger lock, and two runners that both ask for more wait for each other.
        let mode = if tracking.table == conditions.table.0 {
            "ACCESS EXCLUSIVE"
        } else {
            "SHARE ROW EXCLUSIVE"
        };
        self.work.run(&format!(
            "{}LOCK TABLE ONLY {} IN {mode} MODE",
            begin(&[], &settings(conditions, None, "")),
            tracking.table.quoted()
        ))?;
        let mut at_work = tracking.sessions_at_work(&mut self.work)?;
        if let (None, Some((key, last))) = (&at_work, tracking.lock_keys)
            && key == last
        {
            // Held until the end of the transaction, it keeps the tool from beginning.
            let answer = self.work.ask(&format!(
                "SELECT pg_catalog.pg_try_advisory_xact_lock({key})"
            ))?;
            let won = answer
                .first()
                .and_then(|rows| rows.first()?.try_get(0).ok().flatten());
            at_work = (won != Some("t")).then(|| "another session".to_owned());
        }
        Ok(Held {
            at_work,
            rows: tracking.read(&mut self.work)?,
            clashes: self.clashes(&tracking.table)?,
        })
    }

    fn clashes(&mut self, table: &QualifiedName) -> Result<Vec<Clash>, Trouble> {
        let oid = format!(
            "CAST(CAST({} AS pg_catalog.regclass) AS pg_catalog.oid)",
            literal(&table.quoted())
        );
        let name = &table.name;
        let names = [
            format!("{name}_pkey"),
            format!("{name}_id_seq"),
            format!("{name}_filename_idx"),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = self.work.ask(&format!(
            "SELECT c.relkind, c.relname FROM pg_catalog.pg_class c WHERE (EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE \
             i.indexrelid OPERATOR(pg_catalog.=) c.oid AND i.indrelid OPERATOR(pg_catalog.=) {oid}) OR \
             (c.relkind OPERATOR(pg_catalog.=) 'S' AND EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid \
             OPERATOR(pg_catalog.=) c.oid AND d.refobjid OPERATOR(pg_catalog.=) {oid}))) AND \
             CAST(c.relname AS pg_catalog.text) OPERATOR(pg_catalog.=) ANY ({}) ORDER BY c.relname",
            text_array(&names)
        ))?;
        let text = |row: &SimpleQueryRow, index: usize| {
            row.try_get(index).ok().flatten().unwrap_or("").to_owned()
        };
        let clash = |row: &SimpleQueryRow| Clash {
            kind: if text(row, 0) == "S" {
                "SEQUENCE"
            } else {
                "INDEX"
            },
            name: text(row, 1),
        };
        Ok(rows.iter().flatten().map(clash).collect())
    }

    /// Writes what is taken over, and commits.
    ///
    /// # Errors
    /// What the server or the connection said; then nothing is written, unless the connection was lost.
    pub fn take_over(&mut self, statements: &str) -> Result<(), Trouble> {
        let sql = format!("{statements}{LEAVE_NO_TRACE} COMMIT;");
        self.work.run(&sql).or_else(|trouble| {
            if trouble.lost_connection() {
                Err(trouble)
            } else {
                self.clean().and(Err(trouble))
            }
        })
    }

    /// Ends the transaction without having written anything.
    ///
    /// # Errors
    /// The connection is lost; then the server has done the same.
    pub fn let_go(&mut self) -> Result<(), Trouble> {
        self.clean()
    }
}

impl Held {
    /// Statements that give the old table, and what of it has a name that ours needs, the new name.
    #[must_use]
    pub fn displace(&self, table: &QualifiedName, new_name: &QualifiedName) -> String {
        let mut sql = format!(
            "ALTER TABLE {} RENAME TO {};\n",
            table.quoted(),
            identifier(&new_name.name)
        );
        for Clash { kind, name } in &self.clashes {
            let ending = name.strip_prefix(&table.name).unwrap_or(name);
            let old = QualifiedName {
                schema: table.schema.clone(),
                name: name.clone(),
            };
            let new = identifier(&format!("{}{ending}", new_name.name));
            // Writing to a String cannot fail.
            let _ = writeln!(sql, "ALTER {kind} {} RENAME TO {new};", old.quoted());
        }
        sql
    }
}
