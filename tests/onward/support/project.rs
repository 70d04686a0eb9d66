//! A folder with migrations and perhaps a schema file, as a user has it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Database, run::Run};

/// A folder that ends with the test.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A folder with an empty `migrations/`.
    pub(crate) fn new() -> Project {
        let project = Project::empty();
        fs::create_dir(project.path("migrations")).expect("a folder");
        project
    }

    /// An empty folder.
    pub(crate) fn empty() -> Project {
        Project {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// The example at the root of this repository.
    pub(crate) fn example() -> Project {
        let mut project = Project::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for entry in fs::read_dir(root.join("migrations")).expect("the example") {
            let entry = entry.expect("a file");
            let name = entry.file_name().into_string().expect("UTF-8");
            project = project.migration(&name, fs::read(entry.path()).expect("a file"));
        }
        project.schema(fs::read(root.join("schema.sql")).expect("a schema file"))
    }

    /// Adds or replaces a file in `migrations/`.
    pub(crate) fn migration(self, name: &str, text: impl AsRef<[u8]>) -> Project {
        self.file(&format!("migrations/{name}"), text)
    }

    /// Adds or replaces `schema.sql`.
    pub(crate) fn schema(self, text: impl AsRef<[u8]>) -> Project {
        self.file("schema.sql", text)
    }

    /// Adds or replaces a file; folders are made as needed.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Project {
        self.write(name, text);
        self
    }

    /// Writes a file; folders are made as needed.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("a file");
    }

    /// Renames a file.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("a file");
    }

    /// Where a file of the project is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The migrations in the order of their names.
    pub(crate) fn migrations(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("migrations")).expect("a folder");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        paths
    }

    /// A run of the program in this folder on a database; its arguments are separated by blanks.
    pub(crate) fn run(&self, database: &Database, arguments: &str) -> Run {
        self.run_alone(arguments).on(database)
    }

    /// A run of the program in this folder, without a database.
    pub(crate) fn run_alone(&self, arguments: &str) -> Run {
        Run::new(self.folder.path(), arguments)
    }
}
