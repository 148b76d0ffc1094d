//! Chance that can be repeated: `TINY_SEED` is the seed of a run that failed.

use std::time::SystemTime;

pub(super) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    pub(super) fn new() -> Self {
        let seed = std::env::var("TINY_SEED").map_or_else(
            |_| {
                let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
                u64::from(since.subsec_nanos())
            },
            |seed| seed.parse().expect("TINY_SEED is a number"),
        );
        Self {
            seed,
            // Never zero, from where there is no way on.
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % limit as u64).unwrap()
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

impl Drop for Chance {
    #[expect(clippy::print_stderr, reason = "it is read together with the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to have it again: TINY_SEED={}", self.seed);
        }
    }
}
