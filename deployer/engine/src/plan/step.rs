//! What a plan is made of.

use std::collections::BTreeSet;
use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::{Address, Change, Kind, Properties};

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Update,
    /// Deleted and made anew, for what cannot be changed in place. No kind needs it today; it is
    /// among the words that scripts may meet.
    Replace,
    Delete,
    /// It is there and ours, and was in no record.
    Adopt,
    /// Data moves: SQL migrations of a database, Durable Object classes on their way to another
    /// worker.
    Migrate,
    None,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Adopt => "adopt",
            Self::Migrate => "migrate",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which part of a resource a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The first pass over a worker, so that others can go on: it adds and announces (classes
    /// that are to come from elsewhere are expected), deletes nothing, and leaves out what it binds
    /// of [`Step::without`].
    Groundwork,
    /// All of it.
    Whole,
    /// The SQL migrations of a database.
    Migrations,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub action: Action,
    pub address: Address,
    /// The physical name.
    pub name: String,
    pub part: Part,
    /// Completes "because": `its code changed`. Empty where there is nothing to say.
    pub reason: String,
    pub changes: Vec<Change>,
    /// Data that is gone afterwards.
    pub losses: Vec<Loss>,
    /// Steps that come before this one, by their places in [`super::Plan::steps`].
    pub after: BTreeSet<usize>,
    /// Workers that this pass cannot bind yet.
    pub without: BTreeSet<Address>,
    /// As the resource shall be afterwards.
    pub properties: Properties,
    /// What is recorded to have to be there as long as it is.
    pub depends_on: BTreeSet<Address>,
    /// It is to outlive its stage.
    pub keep: bool,
}

impl Step {
    /// Whether it changes the account.
    pub fn is_change(&self) -> bool {
        !matches!(self.action, Action::None)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Step", 8)?;
        out.serialize_field("action", &self.action)?;
        out.serialize_field("kind", &self.address.kind)?;
        out.serialize_field("id", &self.address.id)?;
        out.serialize_field("name", &self.name)?;
        out.serialize_field("reason", &self.reason)?;
        out.serialize_field("changes", &self.changes)?;
        out.serialize_field("losses", &self.losses)?;
        out.serialize_field("after", &self.after)?;
        out.end()
    }
}

/// Data that a step destroys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    pub what: LossKind,
    /// The resource that holds it.
    pub address: Address,
    /// The name of the class, the database, the bucket, ….
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// A Durable Object class, with all its objects.
    Class,
    D1,
    Kv,
    R2,
    Queue,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            address,
            name,
        } = self;
        match what {
            LossKind::Class => write!(
                f,
                "Durable Object class `{name}` of worker `{}`, with all its objects",
                address.id
            ),
            LossKind::D1 => write!(f, "D1 database `{name}`, with all its tables"),
            LossKind::Kv => write!(f, "KV namespace `{name}`, with all its values"),
            LossKind::R2 => write!(f, "R2 bucket `{name}`, with all its objects"),
            LossKind::Queue => write!(f, "queue `{name}`, with all its messages"),
        }
    }
}

impl Loss {
    /// All that a resource holds which is data by itself; none for a worker.
    pub(crate) fn of(address: &Address, name: &str) -> Option<Self> {
        let what = match address.kind {
            Kind::Worker => return None,
            Kind::D1 => LossKind::D1,
            Kind::Kv => LossKind::Kv,
            Kind::R2 => LossKind::R2,
            Kind::Queue => LossKind::Queue,
        };
        Some(Self {
            what,
            address: address.clone(),
            name: name.to_owned(),
        })
    }
}

/// What somebody else changed since the last deploy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    pub address: Address,
    pub name: String,
    /// It is there no more.
    pub gone: bool,
    /// From what was recorded to what is there.
    pub changes: Vec<Change>,
}

/// A recorded resource that the manifest does not want, and that stays in the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub address: Address,
    pub name: String,
    pub because: KeptBecause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeptBecause {
    /// Its table says, or said, `keep = true`. It stays in the record.
    Keep,
    /// The manifest names it under `[external]`. It is taken out of the record.
    External,
}

/// Something to know that nothing is done about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    pub address: Address,
    pub text: String,
}

/// How many of which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub adopt: usize,
    pub migrate: usize,
    pub none: usize,
}

impl Summary {
    pub(crate) fn count(&mut self, action: Action) {
        *match action {
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Replace => &mut self.replace,
            Action::Delete => &mut self.delete,
            Action::Adopt => &mut self.adopt,
            Action::Migrate => &mut self.migrate,
            Action::None => &mut self.none,
        } += 1;
    }
}
