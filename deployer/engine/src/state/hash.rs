//! Hashes: one that stands for a secret, and one over everything that goes into a resource.

use std::fmt::Write as _;

use hmac::digest::common::Key;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tiny_cloudflare::Secret;

use super::State;
use crate::Properties;

/// Bytes of a hash that are kept: enough that two values never share one by chance.
const KEPT: usize = 16;

/// Hashes secrets, so that a change shows without a value being kept.
///
/// The key is the state's salt, which lies beside the hashes. That is enough for what it is there
/// for: no table made beforehand fits, equal secrets of two stages look different, and a hash by
/// itself (in a plan, in a log) gives nothing away. It does not protect a guessable secret from
/// somebody who has the whole state: they can try values, as fast as they can compute HMACs. What
/// is random, as `{ generate = true }` makes it, cannot be guessed.
#[derive(Clone)]
pub struct SecretHasher {
    key: Hmac<Sha256>,
}

impl SecretHasher {
    pub fn new(state: &State) -> Self {
        // A key of HMAC's own length, filled up with zeros as HMAC itself does it.
        let mut key = Key::<Hmac<Sha256>>::default();
        let digest = Sha256::digest(state.salt.as_bytes());
        key[..digest.len()].copy_from_slice(&digest);
        Self {
            key: Hmac::new(&key),
        }
    }

    /// 32 hex digits. The secret's name goes in, so that two secrets of one value do not tell.
    pub fn hash(&self, name: &str, value: &Secret) -> String {
        let mut mac = self.key.clone();
        mac.update(&(name.len() as u64).to_le_bytes());
        mac.update(name.as_bytes());
        mac.update(value.reveal().as_bytes());
        shortened(&mac.finalize().into_bytes())
    }
}

/// The hash over everything that goes into a resource; each part has a name and ends where it
/// ends, so that no two inputs run into the same hash.
///
/// ```
/// # use tiny_engine::{InputHash, Properties};
/// let hash = InputHash::new().text("name", "tiny-prod-web").properties(&Properties::new());
/// assert_eq!(hash.finish().len(), 32);
/// ```
#[derive(Clone, Default)]
pub struct InputHash {
    digest: Sha256,
}

impl InputHash {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.part(name.as_bytes());
        self.part(value);
        self
    }

    #[must_use]
    pub fn text(self, name: &str, value: &str) -> Self {
        self.bytes(name, value.as_bytes())
    }

    /// Whatever the order of the keys.
    #[must_use]
    pub fn json(self, name: &str, value: &Value) -> Self {
        let mut text = String::new();
        canonical(value, &mut text);
        self.bytes(name, text.as_bytes())
    }

    #[must_use]
    pub fn properties(mut self, properties: &Properties) -> Self {
        let mut names: Vec<_> = properties.iter().collect();
        names.sort_by_key(|(name, _)| *name);
        for (name, value) in names {
            self = self.json(name, value);
        }
        self
    }

    /// 32 hex digits.
    pub fn finish(self) -> String {
        shortened(&self.digest.finalize())
    }

    fn part(&mut self, bytes: &[u8]) {
        self.digest.update((bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
    }
}

/// Somebody's feature may make JSON objects keep their order, and then equal ones differ.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in fields {
                // Writing to a String cannot fail.
                let _ = write!(text, "{}:", Value::from(name.as_str()));
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => {
            let _ = write!(text, "{plain}");
        }
    }
}

fn shortened(digest: &[u8]) -> String {
    digest
        .iter()
        .take(KEPT)
        .fold(String::with_capacity(2 * KEPT), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
