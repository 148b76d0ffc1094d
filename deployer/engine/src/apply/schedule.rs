//! Which step can begin.

use std::collections::BTreeSet;

use crate::plan::Step;

/// The steps of a plan, as they are carried out.
pub(super) struct Schedule {
    /// For each step, how many have to be done before it.
    blockers: Vec<usize>,
    followers: Vec<Vec<usize>>,
    /// Steps that change nothing: done as soon as nothing is before them.
    idle: Vec<bool>,
    ready: BTreeSet<usize>,
    left: usize,
}

impl Schedule {
    pub(super) fn new(steps: &[Step]) -> Self {
        let mut followers = vec![Vec::new(); steps.len()];
        for (place, step) in steps.iter().enumerate() {
            for before in &step.after {
                followers[*before].push(place);
            }
        }
        let idle: Vec<bool> = steps.iter().map(|step| !step.is_change()).collect();
        let mut schedule = Self {
            blockers: steps.iter().map(|step| step.after.len()).collect(),
            followers,
            left: idle.iter().filter(|idle| !**idle).count(),
            idle,
            ready: BTreeSet::new(),
        };
        let first = (0..steps.len()).filter(|place| steps[*place].after.is_empty());
        for place in first.collect::<Vec<_>>() {
            schedule.unblock(place);
        }
        schedule
    }

    /// Up to `most` steps that can begin now; they are not given out again.
    pub(super) fn take(&mut self, most: usize) -> Vec<usize> {
        let taken: Vec<usize> = self.ready.iter().copied().take(most).collect();
        for place in &taken {
            self.ready.remove(place);
        }
        taken
    }

    /// A step was carried out.
    pub(super) fn done(&mut self, place: usize) {
        self.left -= 1;
        self.release(place);
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Nothing is before this step any more.
    fn unblock(&mut self, place: usize) {
        let mut free = vec![place];
        while let Some(place) = free.pop() {
            if self.idle[place] {
                free.extend(self.loosen(place));
            } else {
                self.ready.insert(place);
            }
        }
    }

    fn release(&mut self, place: usize) {
        for free in self.loosen(place) {
            self.unblock(free);
        }
    }

    /// Those that waited for nothing but this step.
    fn loosen(&mut self, place: usize) -> Vec<usize> {
        let followers = std::mem::take(&mut self.followers[place]);
        followers
            .into_iter()
            .filter(|follower| {
                self.blockers[*follower] -= 1;
                self.blockers[*follower] == 0
            })
            .collect()
    }
}
