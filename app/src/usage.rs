//! How full a user's storage is.

use crate::limit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Ok,
    High,
    Critical,
}

impl Level {
    pub fn of(bytes: u64) -> Self {
        match bytes {
            limit::STORAGE_CRITICAL.. => Self::Critical,
            limit::STORAGE_HIGH.. => Self::High,
            _ => Self::Ok,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The line beside the meter. The client writes the same.
pub fn sentence(bytes: u64) -> String {
    let level = match Level::of(bytes) {
        Level::Ok => "",
        Level::High => ", high",
        Level::Critical => ", critical",
    };
    let most = limit::STORAGE / limit::MEGABYTE;
    format!(
        "Storage: {} bytes / {most} MB DO limit{level}",
        grouped(bytes)
    )
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_is_yellow_from_50_and_red_from_100_megabytes() {
        assert_eq!(Level::of(0), Level::Ok);
        assert_eq!(Level::of(50 * limit::MEGABYTE - 1), Level::Ok);
        assert_eq!(Level::of(50 * limit::MEGABYTE), Level::High);
        assert_eq!(Level::of(100 * limit::MEGABYTE - 1), Level::High);
        assert_eq!(Level::of(100 * limit::MEGABYTE), Level::Critical);
    }

    #[test]
    fn numbers_are_grouped_and_the_level_is_said() {
        assert_eq!(sentence(999), "Storage: 999 bytes / 128 MB DO limit");
        assert_eq!(sentence(12_288), "Storage: 12,288 bytes / 128 MB DO limit");
        assert_eq!(
            sentence(104_857_600),
            "Storage: 104,857,600 bytes / 128 MB DO limit, critical"
        );
    }
}
