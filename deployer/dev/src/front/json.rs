//! JSON strings, for the few that are sent to pages.

use std::fmt::Write as _;

/// `text` as a JSON string. U+2028 and the like are escaped: it may stand in a script, too.
pub(crate) fn string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\u{0}'..='\u{1f}' | '<' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string does not fail.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_would_end_a_line_a_string_or_a_script_is_escaped() {
        assert_eq!(
            super::string("a\"b\\c\nd\r</script>\u{2028}é"),
            r#""a\"b\\c\nd\u000d\u003c/script>\u2028é""#
        );
    }
}
