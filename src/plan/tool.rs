//! The other tools that keep a history, by name.

use std::fmt;

/// A tool whose tracking table is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// onward itself, with a history elsewhere.
    Onward,
    HandMade,
    Dbmate,
    Rails,
    GolangMigrate,
    Goose,
    Sqlx,
    NodePgMigrate,
    Diesel,
    Refinery,
    Flyway,
    Prisma,
    Tern,
    Supabase,
    Atlas,
    SqlMigrate,
    GraphileMigrate,
    Geni,
    Ecto,
    Yandex,
    PostgresMigrations,
    Sequel,
    Liquibase,
    Sqitch,
    Django,
    Alembic,
    Drizzle,
    Kysely,
    SeaOrm,
}

/// What the migrations of a tool are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Numbered files of SQL, as onward's are.
    Files,
    /// Programs, change logs, or files that do not stand for one row each.
    Other,
}

impl Tool {
    const ALL: [(Tool, &str, &str, Source); 29] = [
        (Tool::Onward, "onward", "onward", Source::Other),
        (
            Tool::HandMade,
            "a hand-made runner",
            "hand-made",
            Source::Files,
        ),
        (Tool::Dbmate, "dbmate", "dbmate", Source::Files),
        (Tool::Rails, "Rails", "rails", Source::Files),
        (
            Tool::GolangMigrate,
            "golang-migrate",
            "golang-migrate",
            Source::Files,
        ),
        (Tool::Goose, "goose", "goose", Source::Files),
        (Tool::Sqlx, "sqlx", "sqlx", Source::Files),
        (
            Tool::NodePgMigrate,
            "node-pg-migrate",
            "node-pg-migrate",
            Source::Files,
        ),
        (Tool::Diesel, "Diesel", "diesel", Source::Files),
        (Tool::Refinery, "refinery", "refinery", Source::Files),
        (Tool::Flyway, "Flyway", "flyway", Source::Files),
        (Tool::Prisma, "Prisma", "prisma", Source::Files),
        (Tool::Tern, "tern", "tern", Source::Files),
        (Tool::Supabase, "Supabase", "supabase", Source::Files),
        (Tool::Atlas, "Atlas", "atlas", Source::Files),
        (
            Tool::SqlMigrate,
            "sql-migrate",
            "sql-migrate",
            Source::Files,
        ),
        (
            Tool::GraphileMigrate,
            "graphile-migrate",
            "graphile-migrate",
            Source::Files,
        ),
        (Tool::Geni, "geni", "geni", Source::Files),
        (Tool::Ecto, "Ecto", "ecto", Source::Files),
        (
            Tool::Yandex,
            "yandex-pgmigrate",
            "yandex-pgmigrate",
            Source::Files,
        ),
        (
            Tool::PostgresMigrations,
            "postgres-migrations",
            "postgres-migrations",
            Source::Files,
        ),
        (Tool::Sequel, "Sequel", "sequel", Source::Other),
        (Tool::Liquibase, "Liquibase", "liquibase", Source::Other),
        (Tool::Sqitch, "Sqitch", "sqitch", Source::Other),
        (Tool::Django, "Django", "django", Source::Other),
        (Tool::Alembic, "Alembic", "alembic", Source::Other),
        (Tool::Drizzle, "Drizzle", "drizzle", Source::Other),
        (Tool::Kysely, "Kysely", "kysely", Source::Other),
        (Tool::SeaOrm, "SeaORM", "seaorm", Source::Other),
    ];

    fn entry(self) -> (&'static str, &'static str, Source) {
        Self::ALL
            .into_iter()
            .find(|(tool, ..)| *tool == self)
            .map_or(("", "", Source::Other), |(_, name, word, source)| {
                (name, word, source)
            })
    }

    /// The word that `--from` takes.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.entry().1
    }

    /// Whether its rows stand for files that onward can run.
    #[must_use]
    pub fn keeps_files(self) -> bool {
        self.entry().2 == Source::Files
    }

    /// The names of the tools whose history can be taken over.
    pub fn adoptable() -> impl Iterator<Item = &'static str> {
        Self::ALL
            .into_iter()
            .filter(|(.., source)| *source == Source::Files)
            .map(|(_, _, word, _)| word)
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().0)
    }
}
