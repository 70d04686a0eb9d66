//! `onward adopt`.

use crate::cli::Adopt;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, told: &Adopt, report: &Report) -> Result<u8> {
    let _ = (settings, told, report);
    Err(Error::Usage {
        message: "adopt is not built yet".to_owned(),
        hint: String::new(),
    })
}
