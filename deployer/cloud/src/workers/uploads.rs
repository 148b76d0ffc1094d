//! What was last uploaded for each script, as it came: tests compare what different clients send.
//! In memory only, and with no secret in it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::strict::Form;

/// The form of an upload, without the code.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SentUpload {
    metadata: Value,
    /// Names and content types of the parts beside it, by name.
    parts: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Default)]
pub(crate) struct SentUploads(Mutex<BTreeMap<String, SentUpload>>);

impl SentUploads {
    /// Forms that cannot be read are refused elsewhere.
    pub(super) fn note(&self, script: &str, form: &Form) {
        let mut parts: BTreeMap<_, _> = form
            .0
            .iter()
            .map(|part| (part.name.clone(), part.content_type.clone()))
            .collect();
        parts.remove("metadata");
        let metadata = form.0.iter().find(|part| part.name == "metadata");
        let Some(Ok(mut metadata)) = metadata.map(|part| serde_json::from_slice(&part.body)) else {
            return;
        };
        hide_secrets(&mut metadata);
        let sent = SentUpload { metadata, parts };
        self.uploads().insert(script.to_owned(), sent);
    }

    pub(crate) fn last(&self, script: &str) -> Option<SentUpload> {
        self.uploads().get(script).cloned()
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, SentUpload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hide_secrets(metadata: &mut Value) {
    let bindings = metadata.get_mut("bindings").and_then(Value::as_array_mut);
    for binding in bindings.into_iter().flatten() {
        let is_secret = binding["type"]
            .as_str()
            .is_some_and(|kind| kind.starts_with("secret_"));
        for hidden in ["text", "key_base64", "key_jwk"] {
            if is_secret && let Some(value) = binding.get_mut(hidden) {
                *value = Value::from("…");
            }
        }
    }
}
