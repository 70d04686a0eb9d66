//! `onward new`: creates the next file, numbered in the style of the folder.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::{New, Switch};
use crate::error::{Error, Escaped, FileFault, Result, exit};
use crate::migration::folder::{Location, neighbours, schema_through, write_new};
use crate::migration::next::{WayBack, next};
use crate::plan::Finding;
use crate::report::Report;
use crate::time::Time;

/// Writes the file, and prints its path.
///
/// # Errors
/// `Error::Usage` for a name that cannot be, and for a folder that cannot be read or written.
pub fn run(location: &Location, told: &New, report: &Report) -> Result<u8> {
    write(location, told, report).map_err(|error| match error {
        // That nothing was run goes without saying.
        Error::Files(faults) => told_alone(faults),
        error => error,
    })
}

/// What is wrong with a file, and what helps.
fn told_alone(faults: Vec<FileFault>) -> Error {
    let hints: Vec<String> = faults.iter().map(|fault| fault.hint.clone()).collect();
    let bare = |fault| FileFault {
        hint: String::new(),
        ..fault
    };
    let places = faults.into_iter().map(|fault| bare(fault).to_string());
    Error::Usage {
        message: places.collect::<Vec<_>>().join("\n"),
        hint: hints.join("\n"),
    }
}

fn write(location: &Location, told: &New, report: &Report) -> Result<u8> {
    let dir = &location.dir;
    let found = neighbours(dir)?;
    let way_back = match told.way_back {
        Switch::Given => WayBack::Beside,
        Switch::Absent => WayBack::Absent,
    };
    let next = next(
        found.as_deref().unwrap_or_default(),
        schema_through(&location.schema)?.as_deref(),
        &told.words,
        way_back,
        now(),
    )?;
    let paths = write_new(dir, &next.files())?;
    if found.is_none() {
        report.notice(&format!(
            "created the folder {}",
            Escaped(&dir.to_string_lossy())
        ));
    }
    if let Some(last) = &next.runs_before {
        report.warning(&Finding::NumberOrder {
            first: next.name.filename().to_owned(),
            second: last.clone(),
        });
    }
    for path in paths {
        report.document(&format!("{path}\n"));
    }
    Ok(exit::DONE)
}

fn now() -> Time {
    // A clock that is set before 1970 is as good as none.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time(since.map_or(0, |since| since.as_secs().try_into().unwrap_or(0)))
}
