//! The names of things: stages, ids, bindings, classes, and the physical names on Cloudflare.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};

/// Longest name of a stage.
const LONGEST_STAGE: usize = 20;
/// Longest physical name: what a workers.dev host name leaves room for.
const LONGEST_PHYSICAL: usize = 54;
/// Hex digits that close a name which was cut.
const DIGEST: usize = 8;

/// The name of a stage: `[a-z][a-z0-9-]{0,19}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageName(String);

/// A stage's name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot name a stage: at most 20 of a-z, 0-9 and `-`, starting with a letter")]
pub struct InvalidStage(pub String);

impl StageName {
    /// Takes a name as it was given, or says why not.
    pub fn new(name: &str) -> Result<Self, InvalidStage> {
        if name.len() <= LONGEST_STAGE && is_id(name.trim_end_matches('-')) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidStage(name.to_owned()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The stage of whoever works on this machine: `dev-$USER`, with what a stage may not hold left out.
    pub fn default_for(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"]
            .into_iter()
            .find_map(env)
            .unwrap_or_default();
        let mut name = String::from("dev");
        for part in user
            .to_ascii_lowercase()
            .split(|c: char| !c.is_ascii_alphanumeric())
        {
            if !part.is_empty() {
                name.push('-');
                name.push_str(part);
            }
        }
        name.truncate(LONGEST_STAGE);
        name.truncate(name.trim_end_matches('-').len());
        Self(name)
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::str::FromStr for StageName {
    type Err = InvalidStage;

    fn from_str(name: &str) -> Result<Self, InvalidStage> {
        Self::new(name)
    }
}

/// The name of a resource on Cloudflare: `<stack>-<stage>-<id>`, at most 54 of `[a-z0-9-]`.
///
/// What is longer, or holds anything else, is made to fit and closed with 8 hex digits of the SHA-256 of the full
/// triple. It depends on nothing but its arguments, so a lost state file loses nothing.
pub fn physical_name(stack: &str, stage: &StageName, id: &str) -> String {
    let full = format!("{stack}-{stage}-{id}");
    if full.len() <= LONGEST_PHYSICAL && is_id(&full) {
        return full;
    }
    let mut fitting: String = full
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(LONGEST_PHYSICAL - DIGEST - 1)
        .collect();
    if !fitting.starts_with(|c: char| c.is_ascii_lowercase()) {
        fitting.insert(0, 'x');
        fitting.truncate(LONGEST_PHYSICAL - DIGEST - 1);
    }
    let digest = Sha256::digest(full.as_bytes());
    let mut name = fitting.trim_end_matches('-').to_owned();
    name.push('-');
    for byte in digest.iter().take(DIGEST / 2) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Whether a stack, stage, worker or resource can be called so: `[a-z][a-z0-9-]*`, not ending with a hyphen.
pub(crate) fn is_id(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether JavaScript can write `env.NAME`, or export a class by that name.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

/// `name` with everything an id cannot hold turned into what it can. None: nothing is left of it.
pub fn as_id(name: &str) -> Option<String> {
    let mut id = String::new();
    let mut last = ' ';
    for c in name.chars() {
        match c {
            'a'..='z' | '0'..='9' => id.push(c),
            'A'..='Z' => {
                // `myQueue` reads as `my-queue`, `KV` as `kv`.
                if last.is_ascii_lowercase() {
                    id.push('-');
                }
                id.push(c.to_ascii_lowercase());
            }
            _ if id.ends_with('-') => {}
            _ => id.push('-'),
        }
        last = c;
    }
    let id = id
        .trim_matches(|c: char| c == '-')
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
        .to_owned();
    Some(id).filter(|id| !id.is_empty())
}

/// `name` with everything a JavaScript identifier cannot hold turned into `_`, to be suggested.
pub(crate) fn as_identifier(name: &str) -> String {
    let mut identifier: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' || c == '$' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if !is_identifier(&identifier) {
        identifier.insert(0, '_');
    }
    identifier
}

/// `name` as a Rust type is called, to be suggested.
pub(crate) fn as_class(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let class: String = words
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect();
    if is_identifier(&class) {
        class
    } else {
        format!("Class{class}")
    }
}
