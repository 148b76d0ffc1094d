//! The text of a state: JSON, one property a line, sorted, so that two of them compare well.

use serde::Deserialize;
use serde_json::Value;

use super::upgrade::{self, SCHEMA};
use super::{State, StateError};

/// What tells whether and how the rest is read.
#[derive(Deserialize)]
struct Head {
    schema: u64,
}

/// Why a text is no state that this tiny reads.
#[derive(Debug)]
pub(super) enum Flaw {
    Newer(u64),
    Broken(String),
}

/// Reads a state of this or an older schema.
pub(super) fn parse(text: &str) -> Result<State, Flaw> {
    let broken = |error: serde_json::Error| Flaw::Broken(error.to_string());
    if text.trim().is_empty() {
        return Err(Flaw::Broken("there is nothing in it".to_owned()));
    }
    let head: Head = serde_json::from_str(text).map_err(broken)?;
    let schema = u32::try_from(head.schema)
        .ok()
        .filter(|schema| *schema <= SCHEMA)
        .ok_or(Flaw::Newer(head.schema))?;
    let state = if schema == SCHEMA {
        // Straight from the text, so that a mistake has a line and a column.
        serde_json::from_str(text).map_err(broken)?
    } else {
        let mut document: Value = serde_json::from_str(text).map_err(broken)?;
        upgrade::upgrade(&mut document, schema).map_err(Flaw::Broken)?;
        serde_json::from_value(document).map_err(broken)?
    };
    check(&state).map_err(Flaw::Broken)?;
    Ok(state)
}

/// What the types do not say.
fn check(state: &State) -> Result<(), String> {
    if state.lineage.trim().is_empty() {
        return Err("`lineage` is empty".to_owned());
    }
    if state.salt.len() < 32 || !state.salt.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("`salt` is no salt: at least 32 hex digits".to_owned());
    }
    if let Some((address, _)) = state
        .resources
        .iter()
        .find(|(_, record)| record.name.is_empty())
    {
        return Err(format!("`{address}` has no name"));
    }
    Ok(())
}

/// Ends with a line break.
pub(super) fn write(state: &State) -> String {
    let mut text = serde_json::to_string_pretty(state).unwrap_or_else(|error| {
        // Maps with text for keys, and no types of others: there is nothing that could fail.
        unreachable!("a state is always JSON: {error}")
    });
    text.push('\n');
    text
}

impl Flaw {
    /// As an error about what is at `place`, to be helped by `cure`.
    pub(super) fn at(self, place: &str, cure: impl FnOnce() -> String) -> StateError {
        match self {
            Self::Newer(schema) => StateError::Newer {
                place: place.to_owned(),
                schema,
                known: SCHEMA,
            },
            Self::Broken(why) => StateError::Unreadable {
                place: place.to_owned(),
                why,
                cure: cure(),
            },
        }
    }
}

impl State {
    /// Reads what [`State::to_json`] wrote, or a tiny before this one. `origin` names it in errors.
    pub fn from_json(text: &str, origin: &str) -> Result<Self, StateError> {
        parse(text).map_err(|flaw| {
            flaw.at(origin, || {
                "`tiny state pull` shows what a state looks like".to_owned()
            })
        })
    }

    /// As it is kept and exported: indented, sorted, with a line break at the end.
    pub fn to_json(&self) -> String {
        write(self)
    }

    /// Whether it is about this stage.
    pub(super) fn check_place(
        &self,
        place: &str,
        stack: &str,
        stage: &str,
    ) -> Result<(), StateError> {
        if self.stack == stack && self.stage == stage {
            return Ok(());
        }
        Err(StateError::Foreign {
            place: place.to_owned(),
            stack: self.stack.clone(),
            stage: self.stage.clone(),
            wanted: format!("stack `{stack}`, stage `{stage}`"),
        })
    }
}
