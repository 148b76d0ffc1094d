//! Which names Cloudflare takes.

/// Of a worker. Its name is a label of its workers.dev host, hence the length.
pub(crate) fn is_worker_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Of a class. JavaScript has more letters than these, and nobody's classes have.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '$'))
        && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_named_like_a_host() {
        assert!(is_worker_name("tiny-prod-worker"));
        assert!(is_worker_name(&"a".repeat(63)));
        for bad in ["", "Big", "-a", "a.b", "ä", &"a".repeat(64)] {
            assert!(!is_worker_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_class_is_named_like_javascript_names_it() {
        assert!(is_identifier("Room_2") && is_identifier("$") && is_identifier("Übung"));
        assert!(!is_identifier("2Room") && !is_identifier("a-b") && !is_identifier(""));
    }
}
