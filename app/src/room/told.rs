//! What all who sync were told last, and what they are still to be told.
//!
//! A message to a thousand sockets takes the platform tens of milliseconds, and meanwhile others wait
//! to be heard. So what is edited soon after such a broadcast is not told on by itself, but a moment
//! later together with what had waited behind it; unless the last moments brought nobody else.

use tinybase::Batch;

use super::MemberId;

/// Fewer sockets are told at once, whatever happens.
const MANY: usize = 100;
/// How many sockets are told in a millisecond at least, even by a slow machine.
const SOCKETS_A_MS: usize = 5;
/// How long edits are gathered, in milliseconds. Those that waited are heard in much less.
const GATHER_MS: u64 = 5;
/// After how many edits one is gathered again at the latest, though it was in vain before.
const MOST_AT_ONCE: u32 = 8;

#[derive(Default)]
pub(super) struct Told {
    at: u64,
    waiting: Option<Waiting>,
    /// How often in a row gathering brought nothing.
    in_vain: u32,
    /// How many edits were told at once since edits were gathered last.
    at_once: u32,
}

pub(super) struct Waiting {
    pub batch: Batch,
    /// The one who knows already, if all of it comes from one.
    pub from: Option<MemberId>,
    until: u64,
    alone: bool,
}

/// When something is told.
pub(super) enum When {
    Now(Batch),
    /// In milliseconds since 1970, by [`Told::take`].
    At(u64),
}

impl Told {
    /// Decides when to tell so many of a batch.
    pub(super) fn next(
        &mut self,
        batch: Batch,
        from: Option<MemberId>,
        listeners: usize,
        now: u64,
    ) -> When {
        if let Some(waiting) = &mut self.waiting {
            waiting.batch.absorb(batch);
            waiting.from = waiting.from.filter(|first| Some(*first) == from);
            waiting.alone = false;
            return When::At(waiting.until);
        }
        let telling = u64::try_from(listeners / SOCKETS_A_MS).unwrap_or(u64::MAX);
        let is_soon = listeners >= MANY && now < self.at.saturating_add(telling);
        if is_soon && self.at_once >= self.in_vain.min(MOST_AT_ONCE) {
            let until = now + GATHER_MS;
            self.at_once = 0;
            self.waiting = Some(Waiting {
                batch,
                from,
                until,
                alone: true,
            });
            return When::At(until);
        }
        self.at_once = self.at_once.saturating_add(1);
        self.at = now;
        When::Now(batch)
    }

    /// What is to be told now that it has waited.
    pub(super) fn take(&mut self, now: u64) -> Option<Waiting> {
        let waiting = self.waiting.take()?;
        self.at = now;
        self.in_vain = if waiting.alone {
            self.in_vain.saturating_add(1)
        } else {
            0
        };
        Some(waiting)
    }
}
