//! Hashes of the past: whoever still has one of them lacks exactly what changed since.

use std::collections::VecDeque;

/// How many batches back a peer may be and still be known: 8 kB a table. More would make it
/// likelier that an unrelated content has the hash of one (now 1 in 4 million).
const KEPT: usize = 1024;

/// The hashes that one map had after its last batches.
#[derive(Clone, Default)]
pub(crate) struct Marks(VecDeque<Mark>);

#[derive(Clone, Copy)]
struct Mark {
    hash: u32,
    revision: u32,
}

impl Marks {
    pub(crate) fn add(&mut self, hash: u32, revision: u32) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Mark { hash, revision });
    }

    /// Takes in a mark that was persisted, wherever it belongs.
    pub(crate) fn restore(&mut self, hash: u32, revision: u32) {
        let at = self.0.partition_point(|mark| mark.revision <= revision);
        self.0.insert(at, Mark { hash, revision });
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The last revision at which the map had this hash.
    pub(crate) fn find(&self, hash: u32) -> Option<u32> {
        if hash == 0 {
            // What all began with.
            return Some(0);
        }
        let mark = self.0.iter().rev().find(|mark| mark.hash == hash)?;
        Some(mark.revision)
    }
}
