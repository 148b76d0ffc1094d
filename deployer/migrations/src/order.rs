//! The order in which migrations are applied.

use std::cmp::Ordering;

/// Compares two names part by part, each by the number that it begins with and then as text, so that `10_b.sql` comes
/// after `9_a.sql`; a part without a number comes after all that have one.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let parts = one.split('/').zip(other.split('/'));
    let first = parts.map(|(one, other)| compare_part(one, other));
    first
        .into_iter()
        .find(|order| order.is_ne())
        .unwrap_or_else(|| one.split('/').count().cmp(&other.split('/').count()))
}

fn compare_part(one: &str, other: &str) -> Ordering {
    let by_number = match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by_number.then_with(|| one.cmp(other))
}

/// The number before the first `_`, read as JavaScript's `parseInt` reads it.
fn number(part: &str) -> Option<f64> {
    let text = part.split('_').next()?.trim_start();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned
        .find(|c: char| !c.is_ascii_digit())
        .map_or(unsigned, |end| &unsigned[..end]);
    let number: f64 = digits.parse().ok()?;
    Some(if text.starts_with('-') {
        -number
    } else {
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers_and_names_decide_among_equals() {
        let mut names = [
            "seed.sql",
            "10_b.sql",
            "9_a.sql",
            "0009_b.sql",
            "20240101120000_x/a.sql",
            "20240101120000_x/b.sql",
            "20240101120000_x",
        ];
        names.sort_by(|one, other| compare(one, other));
        assert_eq!(
            names,
            [
                "0009_b.sql",
                "9_a.sql",
                "10_b.sql",
                "20240101120000_x",
                "20240101120000_x/a.sql",
                "20240101120000_x/b.sql",
                "seed.sql",
            ]
        );
    }
}
