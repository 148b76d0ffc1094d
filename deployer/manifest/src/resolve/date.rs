//! Compatibility dates.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::reader::At;
use crate::report::Report;

const SECONDS_A_DAY: u64 = 86_400;
/// How far ahead of the clock a date may be before it is taken for a slip. What the runtime supports decides later.
const DAYS_AHEAD: i64 = 366;

/// Reports a text that is not a day, or one that is far ahead.
pub(super) fn check(date: &At<String>, report: &mut Report) {
    let Some(day) = parse(&date.value) else {
        let help = "write it as `YYYY-MM-DD`, such as `2026-11-01`".to_owned();
        report.problem(
            date.span,
            format!("`{}` is not a date", date.value),
            "not a date",
            help,
        );
        return;
    };
    if day > today() + DAYS_AHEAD {
        let help =
            "use the day on which you last tried the worker with the current runtime".to_owned();
        report.problem(
            date.span,
            format!("`{}` is far in the future", date.value),
            "too late",
            help,
        );
    }
}

fn today() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs() / SECONDS_A_DAY).unwrap_or(0)
}

/// Days since 1970-01-01, if the text is a day of the calendar.
fn parse(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let [year, month, day] = [
        number(parts.next()?, 4)?,
        number(parts.next()?, 2)?,
        number(parts.next()?, 2)?,
    ];
    let in_month = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    (parts.next().is_none() && in_month && year >= 1970).then(|| {
        let years: i64 = (1970..year)
            .map(|year| if is_leap(year) { 366 } else { 365 })
            .sum();
        let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
        years + months + day - 1
    })
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn days_of_the_calendar_are_counted_from_1970() {
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2000-03-01"), Some(11_017));
        assert_eq!(parse("2024-02-29"), Some(19_782));
    }

    #[test]
    fn what_is_not_a_day_is_no_date() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "26-01-01",
            "2026-01-01-01",
            "+026-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
