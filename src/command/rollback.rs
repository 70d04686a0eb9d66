//! `onward rollback`.

use crate::cli::{Extent, Rehearsal};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;

pub(super) fn run(
    settings: &Settings,
    extent: &Extent,
    rehearsal: Rehearsal,
    report: &Report,
) -> Result<u8> {
    let _ = (settings, extent, rehearsal, report);
    Err(Error::Usage {
        message: "rollback is not built yet".to_owned(),
        hint: String::new(),
    })
}
