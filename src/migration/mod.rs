//! Migrations and the schema file: from bytes on the disk to values whose names, text and statements are sound.
//!
//! Only `folder` reads the disk. Nothing here knows of databases, plans or printing.

pub mod checksum;
pub mod directive;
pub mod execution;
pub mod file;
pub mod folder;
pub mod name;
pub mod next;
mod psql;
pub mod rename;
pub mod sections;
mod text;
pub mod tool_checksum;

use std::borrow::Cow;
use std::collections::HashSet;

pub use file::SqlFile;
pub use folder::Files;
pub use name::Name;

use crate::sql::name::QualifiedName;
use crate::sql::target::{recorded_versions, targets};

/// Where a file leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the schema of the release.
    Forward,
    /// To what was there before the migration.
    Back,
}

/// A migration that can be run: its name has a number, its text is UTF-8, its statements are complete.
#[derive(Debug)]
pub struct Migration {
    pub name: Name,
    pub file: SqlFile,
}

impl Migration {
    /// What the history says of it: the `Description:` of its header, else its name in words.
    #[must_use]
    pub fn description(&self) -> Cow<'_, str> {
        match &self.file.header.description {
            Some(description) => Cow::Borrowed(description),
            None => Cow::Owned(self.name.words()),
        }
    }
}

/// The idempotent full schema, the baseline of a database without history.
#[derive(Debug)]
pub struct SchemaFile {
    pub file: SqlFile,
}

impl SchemaFile {
    /// The name under which the history records the schema file, wherever it lies on the disk.
    pub const FILENAME: &'static str = "schema.sql";

    /// The name under which the history records it.
    #[must_use]
    pub fn filename(&self) -> &'static str {
        Self::FILENAME
    }

    /// The version of the last migration that it contains, if it says so.
    #[must_use]
    pub fn through(&self) -> Option<&str> {
        self.file.header.baseline_through.as_deref()
    }

    /// The versions that a dump says it contains, by the rows for `table` at its end.
    #[must_use]
    pub fn recorded_versions(&self, table: &QualifiedName) -> HashSet<String> {
        let text = &self.file.text;
        let statements = self.file.statements.iter();
        let about = statements.filter(|statement| targets(text, statement, table));
        about
            .flat_map(|statement| recorded_versions(text, statement))
            .collect()
    }

    /// What the history says of it.
    #[must_use]
    pub fn description(&self) -> String {
        self.file
            .header
            .description
            .clone()
            .unwrap_or_else(|| "schema file".to_owned())
    }
}
