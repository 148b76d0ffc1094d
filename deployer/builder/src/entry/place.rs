//! Where in a JavaScript file something is.

use std::fmt;

/// A place in a file, with the line that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From the project's folder.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    text: String,
}

impl Place {
    /// `offset` in bytes; one beyond the end is the end.
    pub(super) fn new(file: &str, text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[start..offset].chars().count() + 1,
            text: text[start..].lines().next().unwrap_or_default().to_owned(),
        }
    }

    /// The line with a mark below the place.
    pub(super) fn excerpt(&self) -> String {
        // What is minified helps nobody.
        if self.text.len() > 200 {
            return String::new();
        }
        let number = self.line.to_string();
        let indent = " ".repeat(number.len());
        let before: String = self
            .text
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        format!("\n\n  {number} | {}\n  {indent} | {before}^", self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_in_characters_from_one() {
        let place = Place::new("a.js", "let é = 1;\n\tif (x\n", 18);
        assert_eq!(place.to_string(), "a.js:2:7");
        assert_eq!(place.excerpt(), "\n\n  2 | \tif (x\n    | \t     ^");
        assert_eq!(Place::new("a.js", "", 7).to_string(), "a.js:1:1");
    }
}
