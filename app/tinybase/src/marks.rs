//! Hashes of the past: whoever still has one of them lacks exactly what changed since.

use std::collections::VecDeque;

/// How many batches back a peer may be and still be known: 8 kB a table. More would make it
/// likelier that an unrelated content has the hash of one (now 1 in 4 million).
const KEPT: usize = 1024;

/// The hashes that one map had after its last batches.
#[derive(Clone, Default)]
pub(crate) struct Marks {
    marks: VecDeque<Mark>,
    /// Of older ones it is not known any more what was deleted since.
    since: u32,
}

#[derive(Clone, Copy)]
struct Mark {
    hash: u32,
    revision: u32,
}

impl Marks {
    pub(crate) fn add(&mut self, hash: u32, revision: u32) {
        if self.marks.len() == KEPT {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { hash, revision });
    }

    /// Takes in a mark that was persisted, wherever it belongs.
    pub(crate) fn restore(&mut self, hash: u32, revision: u32) {
        if revision < self.since {
            return;
        }
        let at = self.marks.partition_point(|mark| mark.revision <= revision);
        self.marks.insert(at, Mark { hash, revision });
        if self.marks.len() > KEPT {
            self.marks.pop_front();
        }
    }

    /// Drops what is older than a revision, now and when it is restored.
    pub(crate) fn forget_before(&mut self, revision: u32) {
        self.since = self.since.max(revision);
        let old = self
            .marks
            .partition_point(|mark| mark.revision < self.since);
        self.marks.drain(..old);
    }

    pub(crate) fn since(&self) -> u32 {
        self.since
    }

    /// The newest hash and its revision.
    pub(crate) fn newest(&self) -> Option<(u32, u32)> {
        let newest = self.marks.back();
        newest.map(|mark| (mark.hash, mark.revision))
    }

    /// The last revision at which the map had this hash.
    pub(crate) fn find(&self, hash: u32) -> Option<u32> {
        if hash == 0 {
            // What all began with.
            return Some(0);
        }
        let mark = self.marks.iter().rev().find(|mark| mark.hash == hash)?;
        Some(mark.revision)
    }
}
