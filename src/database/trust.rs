//! Whether a history table may be written to.
//!
//! A table that somebody else planted would run his code with our rights: in a trigger, a default, a check or an index.
//! (What makes reading it unsafe is asked with everything else, see `survey`.)

use super::history::HistoryTable;
use super::session::Session;
use crate::error::Trouble;
use crate::sql::quote::literal;

/// What speaks against writing to the table, if anything does.
///
/// # Errors
/// What the server or the connection said.
pub(super) fn distrust(
    session: &mut Session,
    table: &HistoryTable,
) -> Result<Option<String>, Trouble> {
    let answers = session.ask(&problems_sql(table))?;
    let row = answers.first().and_then(|rows| rows.first());
    let problems = row
        .and_then(|row| row.try_get(0).ok().flatten())
        .unwrap_or_default();
    Ok(Some(problems.to_owned()).filter(|problems| !problems.is_empty()))
}

/// Superusers are members of every role, so membership does not speak for a table's owner there.
fn problems_sql(table: &HistoryTable) -> String {
    format!(
        "SELECT pg_catalog.concat_ws(', ', {WRITE_PROBLEMS}, {}, {}, {})
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner
CROSS JOIN pg_catalog.pg_roles me CROSS JOIN pg_catalog.pg_database d
WHERE n.nspname OPERATOR(pg_catalog.=) {} AND c.relname OPERATOR(pg_catalog.=) {}
  AND me.rolname OPERATOR(pg_catalog.=) current_user AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()",
        calls_user_code("pg_attrdef", "adrelid", "default"),
        calls_user_code("pg_constraint", "conrelid", "constraint"),
        calls_user_code("pg_index", "indrelid", "index"),
        literal(&table.0.schema),
        literal(&table.0.name)
    )
}

const WRITE_PROBLEMS: &str = "
    CASE WHEN NOT (o.rolname OPERATOR(pg_catalog.=) current_user OR o.rolsuper OR o.oid OPERATOR(pg_catalog.=) d.datdba
      OR (NOT me.rolsuper AND pg_catalog.pg_has_role(me.oid, o.oid, 'MEMBER'))) THEN pg_catalog.concat('is owned by ', pg_catalog.quote_ident(o.rolname)) END,
    CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT t.tgisinternal) THEN 'has triggers' END,
    CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
      WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND t.typnamespace
      OPERATOR(pg_catalog.<>) CAST(CAST('pg_catalog' AS pg_catalog.regnamespace) AS pg_catalog.oid)) THEN 'has a column of a user type' END,
    CASE WHEN NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
      AND a.attname OPERATOR(pg_catalog.=) 'filename' WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisunique AND i.indisvalid
      AND i.indnatts OPERATOR(pg_catalog.=) 1 AND i.indkey[0] OPERATOR(pg_catalog.=) a.attnum) THEN 'has no unique index on filename' END,
    CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT (pg_catalog.has_table_privilege(c.oid, 'INSERT')
      AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') AND pg_catalog.has_table_privilege(c.oid, 'DELETE'))
      THEN pg_catalog.concat('does not let ', pg_catalog.quote_ident(current_user), ' INSERT, UPDATE and DELETE') END";

/// Whether something of the table (its defaults, say, in the catalog of those) uses a function, an operator or a type
/// that is not PostgreSQL's own: only those have entries in `pg_depend`.
fn calls_user_code(catalog: &str, of_table: &str, what: &str) -> String {
    let (oid, article) = match catalog {
        "pg_index" => ("indexrelid", "an"),
        _ => ("oid", "a"),
    };
    format!(
        "CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.{catalog} x JOIN pg_catalog.pg_depend p ON p.objid OPERATOR(pg_catalog.=) x.{oid}
      JOIN pg_catalog.pg_class k ON k.oid OPERATOR(pg_catalog.=) p.refclassid WHERE x.{of_table} OPERATOR(pg_catalog.=) c.oid
      AND p.classid OPERATOR(pg_catalog.=) CAST(CAST('pg_catalog.{}' AS pg_catalog.regclass) AS pg_catalog.oid)
      AND CAST(k.relname AS pg_catalog.text) OPERATOR(pg_catalog.=) ANY (CAST(ARRAY['pg_proc', 'pg_operator', 'pg_type', 'pg_opclass', 'pg_opfamily'] AS pg_catalog.text[])))
      THEN 'has {article} {what} that calls user code' END",
        if catalog == "pg_index" { "pg_class" } else { catalog },
    )
}
