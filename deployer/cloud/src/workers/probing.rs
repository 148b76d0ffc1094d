//! Code that came in, started once to see what it is. Equal code is started once for good.

use crate::app::App;
use crate::envelope::ApiError;

use super::code::{Code, ProbeError, Probed};
use super::records;
use super::refusal;
use super::upload::{Compatibility, Metadata, Upload};

/// An upload that starts.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) metadata: Metadata,
    /// None for assets alone.
    pub(crate) code: Option<Code>,
    pub(crate) probed: Probed,
}

/// Keeps the modules and starts them.
pub(crate) async fn check(app: &App, upload: Upload) -> Result<Checked, ApiError> {
    let (metadata, code) = upload.keep(app.store.files())?;
    let probed = match &code {
        Some(code) => probe(app, code, &metadata.compatibility).await?,
        None => Probed::default(),
    };
    Ok(Checked {
        metadata,
        code,
        probed,
    })
}

/// What code is under these rules.
pub(crate) async fn probe(
    app: &App,
    code: &Code,
    compatibility: &Compatibility,
) -> Result<Probed, ApiError> {
    let fingerprint = code.fingerprint(compatibility);
    if let Some(found) = app.store.read(|tx| records::probed(tx, &fingerprint))? {
        return Ok(found);
    }
    let found = app
        .hosting
        .probe(app.store.files(), code, compatibility)
        .await
        .map_err(|error| match error {
            ProbeError::Startup(words) => refusal::invalid(words),
            ProbeError::NoRuntime(why) => ApiError::internal(&why),
        })?;
    if found.handlers.is_empty() && found.possible_objects().is_empty() {
        return Err(refusal::no_handlers());
    }
    app.store
        .write(|tx| records::remember_probe(tx, &fingerprint, &found))?;
    Ok(found)
}
