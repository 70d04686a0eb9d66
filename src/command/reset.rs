//! `onward reset`.

use crate::cli::Switch;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(
    settings: &Settings,
    database: &str,
    force: Switch,
    report: &Report,
) -> Result<u8> {
    let _ = (settings, database, force, report);
    Err(Error::Usage {
        message: "reset is not built yet".to_owned(),
        hint: String::new(),
    })
}
