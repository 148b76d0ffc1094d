//! Consistent hashing: which of some shards a key belongs to. With one shard more, about that
//! shard's own part of the keys moves, all of them to it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// Shards that there may be.
pub const MOST: u32 = 1_024;
/// Places that each shard has on the ring: the more, the more evenly keys are spread.
const PLACES: u32 = 128;

thread_local! {
    /// By the number of shards: making one takes longer than anything else a request does.
    static RINGS: RefCell<BTreeMap<u32, Ring>> = const { RefCell::new(BTreeMap::new()) };
}

/// The shard of a key among `shards` many, counted from 0.
pub fn shard_of(key: &str, shards: u32) -> u32 {
    RINGS.with_borrow_mut(|rings| {
        let ring = rings.entry(shards).or_insert_with(|| Ring::of(shards));
        ring.shard_of(key)
    })
}

struct Ring {
    /// Where on the ring whose places are, in order.
    places: Vec<(u64, u32)>,
}

impl Ring {
    fn of(shards: u32) -> Self {
        let places = (0..shards).flat_map(|shard| {
            (0..PLACES).map(move |place| (position(&format!("shard {shard} {place}")), shard))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        Self { places }
    }

    /// Whose place comes next on the ring.
    fn shard_of(&self, key: &str) -> u32 {
        let position = position(&format!("key {key}"));
        let next = self.places.partition_point(|(place, _)| *place < position);
        let next = self.places.get(next).or(self.places.first());
        next.map_or(0, |(_, shard)| *shard)
    }
}

fn position(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    let (first, _) = digest.split_at(8);
    first
        .iter()
        .fold(0, |position, byte| position << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEYS: u32 = 10_000;

    fn shards(count: u32) -> Vec<u32> {
        let keys = (0..KEYS).map(|key| format!("user-{key}"));
        keys.map(|key| shard_of(&key, count)).collect()
    }

    #[test]
    fn a_shard_more_takes_its_part_from_all_and_nothing_else_moves() {
        for count in [1, 2, 8, 31] {
            let (before, after) = (shards(count), shards(count + 1));
            let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
            assert!(moved.iter().all(|(_, to)| **to == count));
            let part = f64::from(KEYS) / f64::from(count + 1);
            let moved = f64::from(u32::try_from(moved.len()).unwrap());
            assert!((0.6..1.5).contains(&(moved / part)), "{count}: {moved}");
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let shards = shards(8);
        for shard in 0..8 {
            let held = shards.iter().filter(|of| **of == shard).count();
            assert!((850..1_700).contains(&held), "shard {shard} has {held}");
        }
    }

    #[test]
    fn where_keys_are_never_changes() {
        // Lists would be looked for in the wrong place after an update of this worker.
        let of = |key| shard_of(key, 8);
        let shards: Vec<u32> = ["alice", "bob", "carol", "dave", "erin"].map(of).into();
        assert_eq!(shards, [6, 2, 0, 3, 3]);
    }

    proptest! {
        #[test]
        fn every_key_has_a_shard(key in ".*", shards in 1_u32..40) {
            prop_assert!(shard_of(&key, shards) < shards);
        }
    }
}
