//! Tags of migrations.

/// The first one of a worker.
pub(super) const FIRST: &str = "v1";

/// A tag to follow another: `v4` after `v3`, `0010` after `0009`, `initial-2` after `initial`.
/// Never the same again, since Cloudflare would take the migration for one that was made.
pub(super) fn after(tag: &str) -> String {
    let digits = tag.len() - tag.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = tag.split_at(tag.len() - digits);
    match number.parse::<u64>().ok().and_then(|n| n.checked_add(1)) {
        Some(next) => format!("{stem}{next:0digits$}"),
        // No number, or one that is more of a name.
        None if stem.is_empty() && number.is_empty() => FIRST.to_owned(),
        None => format!("{tag}-2"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_is_followed_by_a_sensible_one() {
        for (tag, next) in [
            ("v1", "v2"),
            ("v9", "v10"),
            ("0009", "0010"),
            ("99", "100"),
            ("2026-11-24", "2026-11-25"),
            ("initial", "initial-2"),
            ("initial-2", "initial-3"),
            ("alchemy:v5", "alchemy:v6"),
            ("", "v1"),
            ("99999999999999999999", "99999999999999999999-2"),
        ] {
            assert_eq!(after(tag), next);
        }
    }

    proptest! {
        #[test]
        fn no_tag_follows_itself(tag in ".{0,30}") {
            prop_assert_ne!(after(&tag), tag);
        }
    }
}
