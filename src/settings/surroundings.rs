//! The environment with the variables of `--env-file` behind its own.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::source::pick;
use super::{Environment, SmallFile, Source, env_file};
use crate::cli::Flags;
use crate::error::{Error, Escaped, Result};
use crate::program::Answer;

/// An environment in which a variable that is not set, or empty, may come from a file.
pub struct WithFiles<'a, E> {
    inner: &'a E,
    variables: Vec<FileVariable>,
}

/// A variable of a file, and its place there.
struct FileVariable {
    name: String,
    value: OsString,
    place: String,
}

impl<'a, E: Environment> WithFiles<'a, E> {
    /// Reads the files of `--env-file`, or else the one of `ONWARD_ENV_FILE`. Of several files the later one wins, and of
    /// several lines the later one.
    ///
    /// # Errors
    /// `Error::Usage` for a file that cannot be read, or a line that makes no sense.
    pub fn read(flags: &Flags, inner: &'a E) -> Result<WithFiles<'a, E>> {
        let mut surroundings = WithFiles {
            inner,
            variables: Vec::new(),
        };
        let named = pick(None::<&String>, "", inner, "ONWARD_ENV_FILE");
        let files: Vec<(PathBuf, Source)> = match (&flags.env_files[..], named) {
            ([], named) => named
                .into_iter()
                .map(|(path, source)| (path.into(), source))
                .collect(),
            (files, _) => files
                .iter()
                .map(|path| (path.into(), Source::Flag("--env-file")))
                .collect(),
        };
        for (path, source) in files {
            surroundings.add(&path, &source)?;
        }
        Ok(surroundings)
    }

    fn add(&mut self, path: &Path, source: &Source) -> Result<()> {
        let shown = Escaped(&path.display().to_string()).to_string();
        let file = self.inner.file(path).map_err(|error| Error::Usage {
            message: format!("{source}: cannot read {shown}: {error}"),
            hint: "name a file with lines like DATABASE_URL=postgres://USER:PASSWORD@HOST/DATABASE"
                .to_owned(),
        })?;
        // As for the variables themselves: what is around first, then the later file.
        let choose = |name: &str, here: Option<&str>| {
            let own = self.inner.variable(name).filter(|own| !own.is_empty());
            let earlier = || Some(self.in_file(name)?.value.clone());
            let value = own.or_else(|| here.map(OsString::from)).or_else(earlier);
            value?.into_string().ok()
        };
        let variables =
            env_file::parse(&file.bytes, &choose, &is_ours).map_err(|fault| Error::Usage {
                message: format!("{shown}:{}: {}", fault.line, fault.message),
                hint: fault.hint.to_owned(),
            })?;
        self.variables
            .extend(variables.into_iter().map(|variable| FileVariable {
                name: variable.name,
                value: variable.value.into(),
                place: format!("{shown}:{}", variable.line),
            }));
        Ok(())
    }

    fn in_file(&self, name: &str) -> Option<&FileVariable> {
        self.variables
            .iter()
            .rev()
            .find(|variable| variable.name == name)
    }
}

/// Whether a variable may be a setting of this program.
fn is_ours(name: &str) -> bool {
    let starts = ["ONWARD_", "PG", "POSTGRES_"];
    name == "DATABASE_URL" || starts.iter().any(|start| name.starts_with(start))
}

impl<E: Environment> Environment for WithFiles<'_, E> {
    fn variable(&self, name: &str) -> Option<OsString> {
        let own = self.inner.variable(name).filter(|own| !own.is_empty());
        own.or_else(|| Some(self.in_file(name)?.value.clone()))
    }

    fn origin(&self, name: &str) -> Option<String> {
        match self.inner.variable(name) {
            Some(own) if !own.is_empty() => self.inner.origin(name),
            _ => Some(self.in_file(name)?.place.clone()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<SmallFile> {
        self.inner.file(path)
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> io::Result<Answer> {
        self.inner.ask(program, arguments)
    }

    fn user_id(&self) -> Option<u32> {
        self.inner.user_id()
    }
}
