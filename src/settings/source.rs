//! Where a value came from.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::Environment;
use crate::error::Escaped;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag(&'static str),
    Variable(&'static str),
    /// In words: a line of a file, a container.
    Place(String),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) | Source::Variable(name) => f.write_str(name),
            Source::Place(place) => write!(f, "{}", Escaped(place)),
            Source::Default => f.write_str("the default"),
        }
    }
}

/// What a variable holds, unless it is empty, with its source.
pub(super) fn variable(
    environment: &impl Environment,
    name: &'static str,
) -> Option<(OsString, Source)> {
    let value = environment
        .variable(name)
        .filter(|value| !value.is_empty())?;
    let source = match environment.origin(name) {
        Some(place) => Source::Place(format!("{name} ({place})")),
        None => Source::Variable(name),
    };
    Some((value, source))
}

/// A flag's value, else a variable's that is not empty, with its source.
pub(super) fn pick<T: Clone + AsRef<OsStr>>(
    flag: Option<&T>,
    flag_name: &'static str,
    environment: &impl Environment,
    name: &'static str,
) -> Option<(OsString, Source)> {
    match flag {
        Some(value) => Some((value.as_ref().to_owned(), Source::Flag(flag_name))),
        None => variable(environment, name),
    }
}
