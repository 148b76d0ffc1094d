//! Rules that names of several products share.

/// Lower-case letters, digits and hyphens inside, of a length in this range.
pub(crate) fn is_lower_kebab(name: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&name.len())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !name.starts_with('-')
        && !name.ends_with('-')
}
