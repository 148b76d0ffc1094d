//! How long to wait, how often to try, and when to stop.

use std::time::{Duration, SystemTime};

/// The limits of the retry layer.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How often one call is tried at most, the first time included.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each.
    pub first_pause: Duration,
    /// No pause of our own choosing is longer.
    pub longest_pause: Duration,
    /// When Cloudflare asks for a longer pause than this, the call fails at once. Its rate limit
    /// counts over five minutes.
    pub longest_asked: Duration,
    /// For a connection to be made.
    pub connect: Duration,
    /// For an answer to one attempt; what is uploaded gets time of its own.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(16),
            longest_asked: Duration::from_mins(5),
            connect: Duration::from_secs(10),
            answer: Duration::from_mins(1),
        }
    }
}

/// The slowest line that an upload is given time for.
const BYTES_PER_SECOND: u64 = 64 * 1024;

impl Patience {
    /// With this pause after the first failure, and all others in proportion.
    #[must_use]
    pub fn with_pauses_from(self, first_pause: Duration) -> Self {
        let times = self.longest_pause.div_duration_f64(self.first_pause);
        Self {
            longest_pause: first_pause.mul_f64(times),
            first_pause,
            ..self
        }
    }

    /// The pause after the given attempt: between half of the doubled pause and all of it, so that
    /// calls which failed together do not come back together.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let doubled = 1_u32.checked_shl(attempt.saturating_sub(1));
        let longest = doubled
            .and_then(|times| self.first_pause.checked_mul(times))
            .unwrap_or(self.longest_pause)
            .min(self.longest_pause);
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// What Cloudflare asked for, and a little more for the same reason; nothing when that is too
    /// long.
    pub(crate) fn asked(&self, pause: Duration) -> Option<Duration> {
        let spread = self.first_pause.mul_f64(fastrand::f64());
        (pause <= self.longest_asked).then(|| pause + spread)
    }

    pub(crate) fn answer_within(&self, body: usize) -> Duration {
        let body = u64::try_from(body).unwrap_or(u64::MAX);
        self.answer + Duration::from_secs(body / BYTES_PER_SECOND)
    }
}

/// Reads `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_spread() {
        let patience = Patience::default();
        for (attempt, longest) in [(1, 500), (2, 1000), (3, 2000), (6, 16_000), (40, 16_000)] {
            let longest = Duration::from_millis(longest);
            for _ in 0..50 {
                let pause = patience.pause(attempt);
                assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
            }
        }
    }

    #[test]
    fn the_asked_pause_is_kept_and_never_cut() {
        let patience = Patience::default();
        let asked = Duration::from_secs(7);
        assert!(patience.asked(asked).unwrap() >= asked);
        assert_eq!(patience.asked(Duration::from_secs(301)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let read = |value| retry_after(value, now);
        assert_eq!(read(" 12 "), Some(Duration::from_secs(12)));
        assert_eq!(
            read("Sun, 06 Nov 1994 08:50:07 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn a_large_upload_gets_more_time() {
        let patience = Patience::default();
        assert_eq!(patience.answer_within(0), patience.answer);
        assert_eq!(
            patience.answer_within(64 << 20),
            patience.answer + Duration::from_secs(1024)
        );
    }
}
