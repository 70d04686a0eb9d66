//! The tracking tables of other tools, recognised by name and columns. Pure.

/// A tool by the table that it keeps.
struct Tool {
    name: &'static str,
    table: &'static str,
    /// The schema of the table where the tool has one of its own.
    schema: Option<&'static str>,
    /// All of these columns are there.
    columns: &'static [&'static str],
    /// The number of columns, where only that tells two tools apart.
    count: Option<usize>,
}

const fn tool(name: &'static str, table: &'static str, columns: &'static [&'static str]) -> Tool {
    Tool {
        name,
        table,
        schema: None,
        columns,
        count: None,
    }
}

const fn exactly(
    name: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
) -> Tool {
    Tool {
        name,
        table,
        schema: None,
        columns,
        count: Some(columns.len()),
    }
}

const fn within(
    name: &'static str,
    schema: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
) -> Tool {
    Tool {
        name,
        table,
        schema: Some(schema),
        columns,
        count: None,
    }
}

/// The name by which a history of onward itself is recognised.
pub const ONWARD: &str = "onward";

/// The first that fits names the tool.
const TOOLS: &[Tool] = &[
    tool(
        ONWARD,
        "schema_migrations",
        &["filename", "sql_checksum", "statements_done"],
    ),
    exactly("golang-migrate", "schema_migrations", &["version", "dirty"]),
    exactly("Ecto", "schema_migrations", &["version", "inserted_at"]),
    exactly("geni", "schema_migrations", &["id"]),
    exactly("dbmate or Rails", "schema_migrations", &["version"]),
    exactly("Sequel", "schema_migrations", &["filename"]),
    within(
        "Supabase",
        "supabase_migrations",
        "schema_migrations",
        &["version"],
    ),
    tool(
        "a hand-made runner",
        "schema_migrations",
        &["filename", "applied_at", "success"],
    ),
    tool(
        "a hand-made runner",
        "schema_migrations",
        &["name", "applied_at"],
    ),
    tool(
        "a hand-made runner",
        "schema_migrations",
        &["version", "applied_at"],
    ),
    tool(
        "a hand-made runner",
        "migration_status",
        &["migration_name", "migration_type", "status"],
    ),
    tool("goose", "goose_db_version", &["version_id", "is_applied"]),
    exactly("tern", "schema_version", &["version"]),
    tool("Flyway", "schema_version", &["installed_rank", "script"]),
    tool(
        "Flyway",
        "flyway_schema_history",
        &["installed_rank", "script"],
    ),
    tool(
        "yandex-pgmigrate",
        "schema_version",
        &["version", "installed_by", "type"],
    ),
    tool(
        "sqlx",
        "_sqlx_migrations",
        &["version", "checksum", "success"],
    ),
    tool(
        "refinery",
        "refinery_schema_history",
        &["version", "checksum"],
    ),
    tool(
        "Diesel",
        "__diesel_schema_migrations",
        &["version", "run_on"],
    ),
    tool("node-pg-migrate", "pgmigrations", &["name", "run_on"]),
    within(
        "graphile-migrate",
        "graphile_migrate",
        "migrations",
        &["hash", "previous_hash"],
    ),
    tool(
        "postgres-migrations",
        "migrations",
        &["id", "name", "hash", "executed_at"],
    ),
    tool(
        "Liquibase",
        "databasechangelog",
        &["id", "author", "md5sum"],
    ),
    within("Sqitch", "sqitch", "changes", &["change_id", "script_hash"]),
    tool(
        "Prisma",
        "_prisma_migrations",
        &["migration_name", "checksum"],
    ),
    tool(
        "Atlas",
        "atlas_schema_revisions",
        &["version", "applied", "total"],
    ),
    tool("Django", "django_migrations", &["app", "name", "applied"]),
    tool("Alembic", "alembic_version", &["version_num"]),
    within(
        "Drizzle",
        "drizzle",
        "__drizzle_migrations",
        &["hash", "created_at"],
    ),
    tool("Kysely", "kysely_migration", &["name", "timestamp"]),
    tool("sql-migrate", "gorp_migrations", &["id", "applied_at"]),
    tool("SeaORM", "seaql_migrations", &["version", "applied_at"]),
];

/// The names of all tables worth a look.
pub fn tables<'a>() -> impl Iterator<Item = &'a str> {
    TOOLS.iter().map(|tool| tool.table)
}

/// The schemas that belong to a tool.
pub fn schemas<'a>() -> impl Iterator<Item = &'a str> {
    TOOLS.iter().filter_map(|tool| tool.schema)
}

/// Whether these are the columns of a history of onward itself.
#[must_use]
pub fn is_onward(columns: &[&str]) -> bool {
    let own = TOOLS
        .iter()
        .filter(|tool| tool.name == ONWARD)
        .flat_map(|tool| tool.columns);
    own.copied().all(|column| columns.contains(&column))
}

/// The tool that keeps this table, if it is a known one.
#[must_use]
pub fn recognise(schema: &str, table: &str, columns: &[&str]) -> Option<&'static str> {
    let fits = |tool: &&Tool| {
        tool.table == table
            && tool.schema.is_none_or(|own| own == schema)
            && tool.count.is_none_or(|count| count == columns.len())
            && tool.columns.iter().all(|column| columns.contains(column))
    };
    TOOLS.iter().find(fits).map(|tool| tool.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, table: &str, columns: &[&str], expected: Option<&str>) {
        assert_eq!(
            recognise(schema, table, columns),
            expected,
            "{schema}.{table} {columns:?}"
        );
    }

    #[test]
    fn tables_of_one_name_are_told_apart_by_their_columns() {
        check(
            "public",
            "schema_migrations",
            &["version", "dirty"],
            Some("golang-migrate"),
        );
        check(
            "public",
            "schema_migrations",
            &["version"],
            Some("dbmate or Rails"),
        );
        check(
            "public",
            "schema_migrations",
            &["version", "inserted_at"],
            Some("Ecto"),
        );
        check("public", "schema_migrations", &["id"], Some("geni"));
        check(
            "public",
            "schema_migrations",
            &["id", "name", "applied_at"],
            Some("a hand-made runner"),
        );
        check(
            "supabase_migrations",
            "schema_migrations",
            &["version", "statements", "name"],
            Some("Supabase"),
        );
        check("public", "schema_version", &["version"], Some("tern"));
        check(
            "public",
            "schema_version",
            &["installed_rank", "version", "script"],
            Some("Flyway"),
        );
        check("public", "schema_migrations", &["foo"], None);
        check("public", "users", &["version"], None);
    }
}
