//! What a worker or an object asks of an object besides its lists: JSON, posted to [`URL`].

use serde::{Deserialize, Serialize};

use crate::analytics::Day;
use crate::handover::{Claim, Key};
use crate::org::{Caller, Errand};
use crate::region::Region;
use crate::times::Times;

/// Where calls go: a URL that only worker and objects ever see.
pub const URL: &str = "https://object/call";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Something for an organisation's own object.
    Org { caller: Caller, errand: Errand },
    /// All that the list of the object's one user has, for those who move to objects of their own.
    All,
    /// How long the object's answers took, as an isolate of the worker saw it.
    Times(Times),
    /// To hand a list over, from the start or after an entry; answered by a [`Load`].
    ///
    /// [`Load`]: crate::handover::Load
    Take(Claim, Option<Key>),
    /// That a list has arrived and is to be forgotten.
    Taken(Claim),
    /// What happened in a shard.
    Count { source: String, days: Vec<Day> },
    /// The counts of the last so many days; answered by JSON for people.
    Counts { days: u32 },
    /// That its user comes from there; answered by the [`Home`] that they have for good.
    ///
    /// [`Home`]: crate::home::Home
    Home(Region),
    /// What was archived and has these words, without the first so many; answered by JSON for
    /// people, as the next two are.
    Search { written: String, from: u32 },
    /// To put an archived todo back into its list.
    Restore(String),
    /// To put some back, whichever.
    RestoreSome,
}
