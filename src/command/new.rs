//! `onward new`.

use crate::cli::New;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, told: &New, report: &Report) -> Result<u8> {
    let _ = (settings, told, report);
    Err(Error::Usage {
        message: "new is not built yet".to_owned(),
        hint: String::new(),
    })
}
