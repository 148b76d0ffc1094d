//! How long answers take: only the worker can tell, as the object's clock stands still while it
//! works on one. Each isolate of the worker collects, and hands its collection over now and then.

use serde::{Deserialize, Serialize};

/// Upper ends of the buckets in milliseconds; a last one has what took longer. `times.js` has the
/// same.
pub const BOUNDS: [u32; 9] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];
const BUCKETS: usize = BOUNDS.len() + 1;

/// Answers that the worker got from an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    pub count: u64,
    /// Those that were errors: statuses from 500 on, and exceptions.
    pub failed: u64,
    /// Milliseconds of all together.
    pub sum: u64,
    /// Milliseconds of the slowest.
    pub max: u32,
    pub buckets: [u64; BUCKETS],
}

impl Times {
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
    }

    /// How many took no longer than each bound.
    pub fn cumulative(&self) -> impl Iterator<Item = (u32, u64)> {
        let mut sum = 0;
        BOUNDS
            .into_iter()
            .zip(self.buckets)
            .map(move |(bound, count)| {
                sum += count;
                (bound, sum)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_add_up() {
        let mut all = Times::default();
        for (ms, failed) in [(3, 0), (30, 1), (30, 0), (9_000, 0)] {
            let mut one = Times {
                count: 1,
                failed,
                sum: u64::from(ms),
                max: ms,
                ..Times::default()
            };
            let bucket = BOUNDS.iter().position(|bound| ms <= *bound);
            one.buckets[bucket.unwrap_or(BOUNDS.len())] = 1;
            all.add(&one);
        }
        assert_eq!(
            (all.count, all.failed, all.sum, all.max),
            (4, 1, 9_063, 9_000)
        );
        let cumulative: Vec<_> = all.cumulative().collect();
        assert_eq!(cumulative[0], (5, 1));
        assert_eq!(cumulative[3], (50, 3));
        assert_eq!(cumulative[8], (2_500, 3));
    }

    #[test]
    fn what_the_worker_sends_is_read() {
        let json = r#"{"count":1,"failed":0,"sum":3,"max":3,"buckets":[1,0,0,0,0,0,0,0,0,0]}"#;
        let times: Times = serde_json::from_str(json).unwrap();
        assert_eq!((times.count, times.buckets[0]), (1, 1));
    }
}
