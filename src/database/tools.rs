//! The tracking tables of other tools, recognised by name and columns. Pure.

use crate::plan::Tool;

/// A tool by the table that it keeps.
struct Shape {
    tool: Tool,
    table: &'static str,
    /// The schema of the table where the tool has one of its own.
    schema: Option<&'static str>,
    /// All of these columns are there.
    columns: &'static [&'static str],
    /// The number of columns, where only that tells two tools apart.
    count: Option<usize>,
}

const fn tool(tool: Tool, table: &'static str, columns: &'static [&'static str]) -> Shape {
    Shape {
        tool,
        table,
        schema: None,
        columns,
        count: None,
    }
}

const fn exactly(tool: Tool, table: &'static str, columns: &'static [&'static str]) -> Shape {
    Shape {
        tool,
        table,
        schema: None,
        columns,
        count: Some(columns.len()),
    }
}

const fn within(
    tool: Tool,
    schema: &'static str,
    table: &'static str,
    columns: &'static [&'static str],
) -> Shape {
    Shape {
        tool,
        table,
        schema: Some(schema),
        columns,
        count: None,
    }
}

/// The first that fits names the tool.
const SHAPES: &[Shape] = &[
    tool(
        Tool::Onward,
        "schema_migrations",
        &["filename", "sql_checksum", "statements_done"],
    ),
    exactly(
        Tool::GolangMigrate,
        "schema_migrations",
        &["version", "dirty"],
    ),
    exactly(Tool::Ecto, "schema_migrations", &["version", "inserted_at"]),
    exactly(Tool::Geni, "schema_migrations", &["id"]),
    exactly(Tool::Dbmate, "schema_migrations", &["version"]),
    exactly(Tool::Sequel, "schema_migrations", &["filename"]),
    within(
        Tool::Supabase,
        "supabase_migrations",
        "schema_migrations",
        &["version"],
    ),
    tool(
        Tool::HandMade,
        "schema_migrations",
        &["filename", "applied_at"],
    ),
    tool(Tool::HandMade, "schema_migrations", &["name", "applied_at"]),
    tool(
        Tool::HandMade,
        "schema_migrations",
        &["version", "applied_at"],
    ),
    tool(
        Tool::HandMade,
        "migration_status",
        &["migration_name", "migration_type", "status"],
    ),
    tool(
        Tool::Goose,
        "goose_db_version",
        &["version_id", "is_applied"],
    ),
    exactly(Tool::Tern, "schema_version", &["version"]),
    tool(
        Tool::Flyway,
        "schema_version",
        &["installed_rank", "script"],
    ),
    tool(
        Tool::Flyway,
        "flyway_schema_history",
        &["installed_rank", "script"],
    ),
    tool(
        Tool::Yandex,
        "schema_version",
        &["version", "installed_by", "type"],
    ),
    tool(
        Tool::Sqlx,
        "_sqlx_migrations",
        &["version", "checksum", "success"],
    ),
    tool(
        Tool::Refinery,
        "refinery_schema_history",
        &["version", "checksum"],
    ),
    tool(
        Tool::Diesel,
        "__diesel_schema_migrations",
        &["version", "run_on"],
    ),
    tool(Tool::NodePgMigrate, "pgmigrations", &["name", "run_on"]),
    within(
        Tool::GraphileMigrate,
        "graphile_migrate",
        "migrations",
        &["hash", "previous_hash"],
    ),
    tool(
        Tool::PostgresMigrations,
        "migrations",
        &["id", "name", "hash", "executed_at"],
    ),
    tool(
        Tool::Liquibase,
        "databasechangelog",
        &["id", "author", "md5sum"],
    ),
    within(
        Tool::Sqitch,
        "sqitch",
        "changes",
        &["change_id", "script_hash"],
    ),
    tool(
        Tool::Prisma,
        "_prisma_migrations",
        &["migration_name", "checksum"],
    ),
    within(
        Tool::Atlas,
        "atlas_schema_revisions",
        "atlas_schema_revisions",
        &["version", "applied", "total"],
    ),
    tool(
        Tool::Atlas,
        "atlas_schema_revisions",
        &["version", "applied", "total"],
    ),
    tool(
        Tool::Django,
        "django_migrations",
        &["app", "name", "applied"],
    ),
    tool(Tool::Alembic, "alembic_version", &["version_num"]),
    within(
        Tool::Drizzle,
        "drizzle",
        "__drizzle_migrations",
        &["hash", "created_at"],
    ),
    tool(Tool::Kysely, "kysely_migration", &["name", "timestamp"]),
    tool(Tool::SqlMigrate, "gorp_migrations", &["id", "applied_at"]),
    tool(Tool::SeaOrm, "seaql_migrations", &["version", "applied_at"]),
];

/// The names of all tables worth a look.
pub fn tables<'a>() -> impl Iterator<Item = &'a str> {
    SHAPES.iter().map(|shape| shape.table)
}

/// The schemas that belong to a tool.
pub fn schemas<'a>() -> impl Iterator<Item = &'a str> {
    SHAPES.iter().filter_map(|shape| shape.schema)
}

/// Whether these are the columns of a history of onward itself.
#[must_use]
pub fn is_onward(columns: &[&str]) -> bool {
    let own = SHAPES
        .iter()
        .filter(|shape| shape.tool == Tool::Onward)
        .flat_map(|shape| shape.columns);
    own.copied().all(|column| columns.contains(&column))
}

/// A table that may be a tool's.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    pub schema: &'a str,
    pub name: &'a str,
    pub columns: &'a [&'a str],
    /// The other table of Rails, `ar_internal_metadata`, stands beside it.
    pub beside_rails: bool,
}

/// The tool that keeps this table, if it is a known one.
#[must_use]
pub fn recognise(table: Table) -> Option<Tool> {
    let fits = |shape: &&Shape| {
        shape.table == table.name
            && shape.schema.is_none_or(|own| own == table.schema)
            && shape.count.is_none_or(|count| count == table.columns.len())
            && shape
                .columns
                .iter()
                .all(|column| table.columns.contains(column))
    };
    match SHAPES.iter().find(fits)?.tool {
        // One column tells the two apart as little as their users can.
        Tool::Dbmate if table.beside_rails => Some(Tool::Rails),
        tool => Some(tool),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, table: &str, columns: &[&str], expected: Option<Tool>) {
        let told = Table {
            schema,
            name: table,
            columns,
            beside_rails: false,
        };
        assert_eq!(recognise(told), expected, "{schema}.{table} {columns:?}");
    }

    #[test]
    fn tables_of_one_name_are_told_apart_by_their_columns() {
        check(
            "public",
            "schema_migrations",
            &["version", "dirty"],
            Some(Tool::GolangMigrate),
        );
        check(
            "public",
            "schema_migrations",
            &["version"],
            Some(Tool::Dbmate),
        );
        check(
            "public",
            "schema_migrations",
            &["version", "inserted_at"],
            Some(Tool::Ecto),
        );
        check("public", "schema_migrations", &["id"], Some(Tool::Geni));
        check(
            "public",
            "schema_migrations",
            &["id", "name", "applied_at"],
            Some(Tool::HandMade),
        );
        check(
            "supabase_migrations",
            "schema_migrations",
            &["version", "statements", "name"],
            Some(Tool::Supabase),
        );
        check("public", "schema_version", &["version"], Some(Tool::Tern));
        check(
            "public",
            "schema_version",
            &["installed_rank", "version", "script"],
            Some(Tool::Flyway),
        );
        check("public", "schema_migrations", &["foo"], None);
        check("public", "users", &["version"], None);
    }
}
