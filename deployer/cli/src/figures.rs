//! Numbers as people read them, with their units.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tiny_builder::Bundle;

/// `38 ms`, `1.2 s`.
pub(crate) fn time(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// `812 B`, `43.1 kB`, `2.61 MB`
pub(crate) fn size(bytes: usize) -> String {
    #[allow(clippy::cast_precision_loss)] // for reading only
    let bytes = bytes as f64;
    if bytes < 1e3 {
        format!("{bytes} B")
    } else if bytes < 1e6 {
        format!("{:.1} kB", bytes / 1e3)
    } else {
        format!("{:.2} MB", bytes / 1e6)
    }
}

/// What a bundle weighs on its way to Cloudflare, in bytes.
pub(crate) fn gzipped_bundle(bundle: &Bundle) -> usize {
    let modules = bundle.modules.iter();
    modules.map(|module| gzipped(&module.body)).sum()
}

pub(crate) fn gzipped(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().map_or(bytes.len(), |packed| packed.len())
}

/// `5 minutes`, `1 hour`, `3 days`: in the largest unit of which there is at least one.
pub(crate) fn age(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let seconds = seconds.max(0);
    for (length, unit) in UNITS {
        let count = seconds / length;
        if count >= 1 {
            return counted(usize::try_from(count).unwrap_or(usize::MAX), unit);
        }
    }
    "a moment".to_owned()
}

/// `1 worker`, `3 workers`
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A moment that Cloudflare wrote down, and how long ago that was: `2026-11-24 18:02 (3 days ago)`.
pub(crate) fn moment(text: &str) -> String {
    let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) else {
        return text.to_owned();
    };
    let passed = chrono::Utc::now().signed_duration_since(at).num_seconds();
    format!(
        "{} ({} ago)",
        at.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M"),
        age(passed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_that_reads_best() {
        assert_eq!(size(812), "812 B");
        assert_eq!(size(43_100), "43.1 kB");
        assert_eq!(size(2_610_000), "2.61 MB");
        assert_eq!(time(Duration::from_millis(38)), "38 ms");
        assert_eq!(time(Duration::from_millis(1230)), "1.2 s");
        assert_eq!(age(0), "a moment");
        assert_eq!(age(61), "1 minute");
        assert_eq!(age(7300), "2 hours");
        assert_eq!(age(-5), "a moment");
        assert_eq!(counted(1, "worker"), "1 worker");
        assert_eq!(counted(0, "worker"), "0 workers");
    }
}
