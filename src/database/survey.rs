//! What stands in the database: two messages tell all that a plan needs.

use std::collections::BTreeSet;

use postgres::SimpleQueryRow;

use super::history::{self, HistoryTable, MissingSchema, ReadError};
use super::session::Session;
use super::tools::{self, Table};
use super::trust::distrust;
use crate::error::{Error, Result, Trouble};
use crate::plan::{
    Finding, History, NoHistory, Observed, PresentHistory, Recorded, Standing, Tool,
};
use crate::sql::name::{QualifiedName, TableName};
use crate::sql::quote::{identifier, literal, text_array};

/// Facts about the server and the session.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `server_version_num`: 150018 for 15.18.
    pub version_num: u32,
    pub version: String,
    pub database: String,
    pub current_user: String,
    /// Why the database takes no writes, if so.
    pub read_only: Option<&'static str>,
    /// The schemas of the `search_path` that exist.
    pub search_path: Vec<String>,
    /// Where a new table would go.
    pub first_schema: Option<String>,
    pub standard_conforming_strings: bool,
    /// The server can notice that a client is gone while it works (`client_connection_check_interval`).
    pub checks_connection: bool,
}

/// All that was seen.
#[derive(Debug)]
pub struct Survey {
    pub facts: Facts,
    /// Where the history is, or would be created; none when the `search_path` names no schema that exists.
    pub table: Option<HistoryTable>,
    pub missing_schema: MissingSchema,
    pub observed: Observed,
}

/// Waiting for somebody who has locked the history ends. A message is a transaction of its own, or part of the one that
/// holds the run lock, where a savepoint bounds the setting.
const WITH_PATIENCE: &str = "SET LOCAL lock_timeout = 10000; ";

/// Looks at the database: in two round trips, and in a third one if the history has rows such that it will be written.
///
/// `schemas` are those that the schema file names: what stands in them counts as the database's own.
///
/// # Errors
/// The connection is lost, or the server refuses to show its catalogs.
pub fn survey(
    session: &mut Session,
    name: &TableName,
    schemas: &BTreeSet<String>,
    will_write: &dyn Fn(&[Recorded]) -> bool,
) -> Result<Survey> {
    let look = format!(
        "{WITH_PATIENCE}{FACTS};\n{};\n{}",
        candidates_sql(name),
        schema_sql(name)
    );
    let mut answers = session
        .ask(&look)
        .map_err(failed("cannot look at the database"))?
        .into_iter();
    let facts = answers
        .next()
        .unwrap_or_default()
        .first()
        .map(facts)
        .ok_or_else(|| Error::Database {
            doing: "cannot look at the database".to_owned(),
            trouble: Trouble::Connection("the server gave no answer to a query".to_owned()),
        })?;
    let candidates: Vec<Candidate> = answers
        .next()
        .unwrap_or_default()
        .iter()
        .map(candidate)
        .collect();
    let schema_exists = name.schema.is_none() || !answers.next().unwrap_or_default().is_empty();
    let read_only = facts.read_only.map(str::to_owned);
    let (table, history) = match choose(&candidates, name, &facts) {
        Choice::Unusable(finding) => (None, History::Unusable(finding)),
        Choice::History(table) => {
            let mut history = read(session, &table)?;
            if let History::Present(present) = &mut history
                && will_write(&present.rows)
            {
                present.distrust =
                    distrust(session, &table).map_err(failed("cannot look at the history"))?;
            }
            (Some(table), history)
        }
        Choice::None => match look_around(session, name, &facts, schemas)? {
            Some(around) => (None, History::Absent(around)),
            // Between the two messages another runner, or the server process of one that died, has committed.
            None => return survey(session, name, schemas, will_write),
        },
    };
    let created_in = name.schema.clone().or_else(|| facts.first_schema.clone());
    let table = table.or_else(|| {
        created_in.map(|schema| {
            HistoryTable(QualifiedName {
                schema,
                name: name.name.clone(),
            })
        })
    });
    let missing_schema = if schema_exists {
        MissingSchema::Leave
    } else {
        MissingSchema::Create
    };
    let observed = Observed {
        read_only,
        table: table.as_ref().map(|table| table.0.clone()),
        history,
    };
    Ok(Survey {
        facts,
        table,
        missing_schema,
        observed,
    })
}

fn failed(doing: &'static str) -> impl Fn(Trouble) -> Error {
    move |trouble| Error::Database {
        doing: doing.to_owned(),
        trouble,
    }
}

const FACTS: &str = "SELECT pg_catalog.current_setting('server_version_num'), \
     pg_catalog.current_setting('server_version'), pg_catalog.current_database(), current_user, \
     pg_catalog.current_setting('transaction_read_only'), pg_catalog.pg_is_in_recovery(), \
     pg_catalog.array_to_string(pg_catalog.current_schemas(false), E'\\n'), \
     (SELECT s.name FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s(name, place) \
     WHERE NOT pg_catalog.starts_with(CAST(s.name AS pg_catalog.text), 'pg_') ORDER BY s.place LIMIT 1), \
     pg_catalog.current_setting('standard_conforming_strings'), pg_catalog.strpos(pg_catalog.version(), 'linux')";

/// One row if the schema exists that `--table` names.
fn schema_sql(name: &TableName) -> String {
    format!(
        "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) {}",
        literal(name.schema.as_deref().unwrap_or_default())
    )
}

fn facts(row: &SimpleQueryRow) -> Facts {
    let text = |index: usize| row.try_get(index).ok().flatten().unwrap_or("");
    let version_num = text(0).parse().unwrap_or(0);
    Facts {
        version_num,
        version: text(1).to_owned(),
        database: text(2).to_owned(),
        current_user: text(3).to_owned(),
        read_only: match (text(4), text(5)) {
            (_, "t") => Some("the server is a standby, which takes no writes"),
            ("on", _) => Some(
                "the database takes no writes from this session (default_transaction_read_only)",
            ),
            _ => None,
        },
        search_path: text(6).lines().map(str::to_owned).collect(),
        first_schema: row.try_get(7).ok().flatten().map(str::to_owned),
        standard_conforming_strings: text(8) == "on",
        checks_connection: version_num >= 140_000 && text(9) != "0",
    }
}

/// A table that has the name of the history.
struct Candidate {
    schema: String,
    name: String,
    on_path: bool,
    /// What speaks against reading it; empty for nothing.
    read_problems: String,
    /// Name and type of each column, types of other schemas than `pg_catalog` as `?`.
    columns: Vec<(String, String)>,
    /// The role may look into the schema; it may read the table.
    usable: (bool, bool),
    /// Whether Rails' other table stands beside it.
    beside_rails: bool,
    /// Whether it is an ordinary table: tools keep nothing in a view.
    is_table: bool,
}

/// The tables of that name, those on the `search_path` first and in its order, each with what speaks against reading it:
/// a rule or a policy would run somebody else's code with our rights.
fn candidates_sql(name: &TableName) -> String {
    let within = name.schema.as_ref().map_or_else(String::new, |schema| {
        format!(" AND n.nspname OPERATOR(pg_catalog.=) {}", literal(schema))
    });
    format!(
        "SELECT n.nspname, c.relname, pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname),
  pg_catalog.concat_ws(', ', {READ_PROBLEMS}),
  (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attname, ' ', CASE WHEN t.typnamespace OPERATOR(pg_catalog.=)
      CAST(CAST('pg_catalog' AS pg_catalog.regnamespace) AS pg_catalog.oid) THEN CAST(t.typname AS pg_catalog.text) ELSE '?' END), E'\\n' ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
    WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped),
  pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.has_table_privilege(c.oid, 'SELECT'), {BESIDE_RAILS}, c.relkind OPERATOR(pg_catalog.=) 'r'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.=) {} AND c.relkind OPERATOR(pg_catalog.=) ANY (CAST(ARRAY['r', 'v', 'm', 'f', 'p', 'S', 'i', 'I', 'c'] AS pg_catalog.\"char\"[]))
  AND NOT pg_catalog.starts_with(CAST(n.nspname AS pg_catalog.text), 'pg_'){within}
ORDER BY 3, 1",
        literal(&name.name)
    )
}

/// Whether the table of Rails that no other tool has stands in the same schema.
pub(super) const BESIDE_RAILS: &str = "EXISTS (SELECT 1 FROM pg_catalog.pg_class r WHERE r.relnamespace OPERATOR(pg_catalog.=) n.oid \
     AND r.relname OPERATOR(pg_catalog.=) 'ar_internal_metadata')";

pub(super) const READ_PROBLEMS: &str = "
    CASE WHEN c.relkind OPERATOR(pg_catalog.<>) 'r' THEN 'is not an ordinary table' END,
    CASE WHEN c.relpersistence OPERATOR(pg_catalog.<>) 'p' THEN 'is not permanent: a crash of the server would empty it' END,
    CASE WHEN c.relhasrules AND EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid) THEN 'has rules' END,
    CASE WHEN c.relrowsecurity THEN 'has row security' END,
    CASE WHEN c.relhassubclass AND EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE i.inhparent OPERATOR(pg_catalog.=) c.oid) THEN 'has child tables' END";

fn candidate(row: &SimpleQueryRow) -> Candidate {
    let text = |index: usize| row.try_get(index).ok().flatten().unwrap_or("");
    let column = |line: &str| {
        let (name, kind) = line.rsplit_once(' ').unwrap_or((line, "?"));
        (name.to_owned(), kind.to_owned())
    };
    Candidate {
        schema: text(0).to_owned(),
        name: text(1).to_owned(),
        on_path: row.try_get(2).ok().flatten().is_some(),
        read_problems: text(3).to_owned(),
        columns: text(4).lines().map(column).collect(),
        usable: (text(5) == "t", text(6) == "t"),
        beside_rails: text(7) == "t",
        is_table: text(8) == "t",
    }
}

impl Candidate {
    fn is_ours(&self) -> bool {
        let has = |name: &str, kind: &str| self.columns.iter().any(|(n, k)| n == name && k == kind);
        history::COLUMNS.iter().all(|(name, kind)| has(name, kind))
    }

    /// Its columns, for a message.
    fn description(&self) -> String {
        let columns = self
            .columns
            .iter()
            .map(|(name, kind)| format!("{name} {kind}"));
        columns.collect::<Vec<_>>().join(", ")
    }

    fn table(&self) -> HistoryTable {
        HistoryTable(QualifiedName {
            schema: self.schema.clone(),
            name: self.name.clone(),
        })
    }
}

/// Which table is the history.
enum Choice {
    None,
    History(HistoryTable),
    Unusable(Finding),
}

fn choose(candidates: &[Candidate], name: &TableName, facts: &Facts) -> Choice {
    let ours = |candidate: &&Candidate| candidate.is_ours();
    let in_place = |candidate: &&Candidate| name.schema.is_some() || candidate.on_path;
    let chosen = candidates.iter().filter(in_place).find(ours);
    if let Some(elsewhere) = candidates.iter().find(ours).filter(|_| chosen.is_none()) {
        let searched = facts.search_path.join(", ");
        return Choice::Unusable(Finding::Elsewhere {
            table: elsewhere.table().to_string(),
            searched,
        });
    }
    let Some(candidate) = chosen else {
        return match candidates.iter().find(in_place) {
            Some(stranger) => Choice::Unusable(not_ours(stranger)),
            None => Choice::None,
        };
    };
    let table = candidate.table();
    if !candidate.read_problems.is_empty() {
        let problems = candidate.read_problems.clone();
        return Choice::Unusable(Finding::Distrusted {
            table: table.to_string(),
            problems,
        });
    }
    if candidate.usable != (true, true) {
        return Choice::Unusable(Finding::NotReadable {
            table: table.qualified(),
            schema: (!candidate.usable.0).then(|| identifier(&table.0.schema)),
            role: identifier(&facts.current_user),
        });
    }
    Choice::History(table)
}

fn not_ours(stranger: &Candidate) -> Finding {
    let table = stranger.table().to_string();
    let columns: Vec<&str> = stranger
        .columns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let told = Table {
        schema: &stranger.schema,
        name: &stranger.name,
        columns: &columns,
        beside_rails: stranger.beside_rails,
    };
    match tools::recognise(told).filter(|_| stranger.is_table) {
        Some(tool) if tool != Tool::Onward => Finding::Foreign {
            tool,
            table,
            standing: Standing::InTheWay,
        },
        _ => Finding::NotOurs {
            table,
            columns: stranger.description(),
        },
    }
}

fn read(session: &mut Session, table: &HistoryTable) -> Result<History> {
    match table.read(session) {
        Ok(rows) => Ok(History::Present(PresentHistory {
            table: table.to_string(),
            rows,
            distrust: None,
        })),
        Err(ReadError::Trouble(trouble)) => Err(failed("cannot read the history")(trouble)),
        Err(ReadError::Unknown(problem)) => Ok(History::Unusable(Finding::Unreadable {
            table: table.to_string(),
            problem,
        })),
    }
}

/// What a database without history holds; none if it has a history by now.
fn look_around(
    session: &mut Session,
    name: &TableName,
    facts: &Facts,
    schemas: &BTreeSet<String>,
) -> Result<Option<NoHistory>> {
    let look = format!(
        "{};\n{}",
        objects_sql(schemas),
        foreign_sql(name, facts, schemas)
    );
    let mut answers = session
        .ask(&look)
        .map_err(failed("cannot look at the database"))?
        .into_iter();
    let text = |row: &SimpleQueryRow, index: usize| {
        row.try_get(index).ok().flatten().unwrap_or("").to_owned()
    };
    let objects = answers
        .next()
        .unwrap_or_default()
        .iter()
        .map(|row| text(row, 0))
        .collect();
    let mut foreign = None;
    for row in answers.next().unwrap_or_default() {
        let (schema, table, columns) = (text(&row, 0), text(&row, 1), text(&row, 2));
        let columns: Vec<&str> = columns.lines().collect();
        let in_place = table == name.name && name.schema.as_ref().is_none_or(|own| *own == schema);
        if in_place && tools::is_onward(&columns) {
            return Ok(None);
        }
        let told = Table {
            schema: &schema,
            name: &table,
            columns: &columns,
            beside_rails: text(&row, 3) == "t",
        };
        if let (Some(tool), None) = (tools::recognise(told), &foreign) {
            foreign = Some((
                tool,
                QualifiedName {
                    schema,
                    name: table,
                }
                .to_string(),
            ));
        }
    }
    Ok(Some(NoHistory { objects, foreign }))
}

/// Up to three relations, types or functions that belong to no extension, in the schemas of the `search_path` and in
/// those that the schema file names.
fn objects_sql(schemas: &BTreeSet<String>) -> String {
    let own = |catalog: &str, object: &str, namespace: &str, name: &str, condition: &str| {
        format!(
            "(SELECT pg_catalog.format('%I.%I', n.nspname, {object}.{name}) FROM pg_catalog.{catalog} {object} \
             JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) {object}.{namespace} WHERE {condition} \
             AND (n.nspname OPERATOR(pg_catalog.=) ANY (pg_catalog.current_schemas(false)) OR \
             CAST(n.nspname AS pg_catalog.text) OPERATOR(pg_catalog.=) ANY ({})) \
             AND NOT pg_catalog.starts_with(CAST(n.nspname AS pg_catalog.text), 'pg_') \
             AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema' \
             AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) \
             CAST(CAST('pg_catalog.{catalog}' AS pg_catalog.regclass) AS pg_catalog.oid) AND d.objid \
             OPERATOR(pg_catalog.=) {object}.oid AND d.deptype OPERATOR(pg_catalog.=) 'e') \
             ORDER BY {object}.oid LIMIT 3)",
            text_array(&schemas.iter().map(String::as_str).collect::<Vec<_>>())
        )
    };
    let kinds = |column: &str, kinds: &str| {
        format!(
            "{column} OPERATOR(pg_catalog.=) ANY (CAST(ARRAY[{kinds}] AS pg_catalog.\"char\"[]))"
        )
    };
    format!(
        "{} UNION ALL {} UNION ALL {} LIMIT 3",
        own(
            "pg_class",
            "c",
            "relnamespace",
            "relname",
            &kinds("c.relkind", "'r', 'p', 'v', 'm', 'f', 'S', 'c'")
        ),
        own(
            "pg_type",
            "t",
            "typnamespace",
            "typname",
            &kinds("t.typtype", "'e', 'd', 'r'")
        ),
        own("pg_proc", "f", "pronamespace", "proname", "true"),
    )
}

/// The tables that have the name of another tool's, where that tool would keep them, or the name of the history.
fn foreign_sql(name: &TableName, facts: &Facts, schemas: &BTreeSet<String>) -> String {
    let mut tables: Vec<&str> = tools::tables().collect();
    tables.push(&name.name);
    let mut places: Vec<&str> = facts.search_path.iter().map(String::as_str).collect();
    places.extend(tools::schemas());
    places.extend(schemas.iter().map(String::as_str));
    format!(
        "SELECT n.nspname, c.relname, (SELECT pg_catalog.string_agg(CAST(a.attname AS pg_catalog.text), E'\\n') FROM \
         pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 \
         AND NOT a.attisdropped), {BESIDE_RAILS} FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid \
         OPERATOR(pg_catalog.=) c.relnamespace WHERE c.relkind OPERATOR(pg_catalog.=) 'r' AND \
         CAST(c.relname AS pg_catalog.text) OPERATOR(pg_catalog.=) ANY ({}) AND CAST(n.nspname AS pg_catalog.text) \
         OPERATOR(pg_catalog.=) ANY ({}) ORDER BY c.oid",
        text_array(&tables),
        text_array(&places)
    )
}
