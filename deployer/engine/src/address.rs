//! What a resource is called in a manifest, and so in a plan and in the state.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kinds of resources, in the order in which people read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Worker,
    D1,
    Kv,
    R2,
    Queue,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Worker, Self::D1, Self::Kv, Self::R2, Self::Queue];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::D1 => "d1",
            Self::Kv => "kv",
            Self::R2 => "r2",
            Self::Queue => "queue",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A resource of a stage: written `worker.web`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    pub kind: Kind,
    /// Its id in the manifest.
    pub id: String,
}

/// Text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{0}` names no resource")]
#[diagnostic(help(
    "write it as KIND.ID, such as `worker.web`; kinds are worker, d1, kv, r2, queue"
))]
pub struct InvalidAddress(pub String);

impl Address {
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self {
            kind,
            id: id.into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.id)
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let wrong = || InvalidAddress(text.to_owned());
        let (kind, id) = text.split_once('.').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
        match kind {
            Some(kind) if !id.is_empty() => Ok(Self::new(kind, id)),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
