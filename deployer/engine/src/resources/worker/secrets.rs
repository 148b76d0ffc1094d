//! Secrets of an upload: which values go up, which stay, and which are made up.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tiny_cloudflare::{Binding, BindingKind, Secret};

use super::error::WorkerError;
use crate::{SecretSpec, WorkerSpec};

/// Bytes of a secret that is made up.
const RANDOM_BYTES: usize = 32;

/// What goes up; those that the worker has and nobody gives a value for stay by `keep_bindings`.
pub(super) fn to_upload(
    worker: &str,
    spec: &WorkerSpec,
    there: &BTreeSet<&str>,
) -> Result<Vec<Binding>, WorkerError> {
    let mut bindings = Vec::new();
    for (name, secret) in &spec.secrets {
        let value = match secret {
            SecretSpec::Value(value) => value.clone(),
            SecretSpec::Generate | SecretSpec::Keep if there.contains(name.as_str()) => continue,
            SecretSpec::Generate => generated()?,
            SecretSpec::Keep => {
                return Err(WorkerError::NoSecret {
                    worker: worker.to_owned(),
                    secret: name.clone(),
                });
            }
        };
        bindings.push(Binding {
            name: name.clone(),
            kind: BindingKind::SecretText { text: value },
        });
    }
    Ok(bindings)
}

/// 256 random bits.
fn generated() -> Result<Secret, WorkerError> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| WorkerError::NoRandomness {
        why: error.to_string(),
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}
