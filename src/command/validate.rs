//! `onward validate`.

use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, report: &Report) -> Result<u8> {
    let _ = (settings, report);
    Err(Error::Usage {
        message: "validate is not built yet".to_owned(),
        hint: String::new(),
    })
}
