//! Which files of a folder are migrations.

use std::fmt;

use camino::Utf8Path;
use globset::{GlobBuilder, GlobMatcher};

/// A glob over paths in the folder of the migrations. `*` and `?` stay within one part of a path, `**` does not, and
/// none of them matches a dot at the beginning of a part.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    /// None: the default, which needs no matcher.
    matcher: Option<GlobMatcher>,
}

/// A glob that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern: {why}")]
pub struct InvalidPattern {
    pub pattern: String,
    pub why: String,
}

const DEFAULT: &str = "*.sql";

/// What minimatch has beyond the globs that everybody knows.
const EXTENDED: [&str; 5] = ["+(", "@(", "?(", "*(", "!("];

impl Pattern {
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = |why: String| InvalidPattern {
            pattern: text.to_owned(),
            why,
        };
        if let Some(extended) = EXTENDED.iter().find(|start| text.contains(**start)) {
            return Err(invalid(format!(
                "`{extended}…)` is not supported; use `*`, `?`, `**`, `[…]` and `{{a,b}}`"
            )));
        }
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .empty_alternates(true)
            .build()
            .map_err(|error| invalid(error.kind().to_string()))?;
        Ok(Self {
            text: text.to_owned(),
            matcher: Some(glob.compile_matcher()),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let hidden = |text: &str| text.split('/').any(|part| part.starts_with('.'));
        let is_match = match &self.matcher {
            Some(matcher) => matcher.is_match(name),
            None => Utf8Path::new(name).extension() == Some("sql") && !name.contains('/'),
        };
        is_match && (!hidden(name) || hidden(&self.text))
    }

    /// Whether it can match anything in a folder within the folder.
    pub(crate) fn is_nested(&self) -> bool {
        self.text.contains('/') || self.text.contains("**")
    }
}

impl Default for Pattern {
    /// The `*.sql` files of the folder itself.
    fn default() -> Self {
        Self {
            text: DEFAULT.to_owned(),
            matcher: None,
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_glob_is_rejected_with_its_reason() {
        for (text, why) in [
            ("a/[b", "unclosed character class"),
            ("{a", "unclosed alternate group"),
            ("@(a|b).sql", "is not supported"),
        ] {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_default_is_what_it_says() {
        assert_eq!(Pattern::default(), Pattern::new("*.sql").unwrap());
        assert!(Pattern::default().matches("0001.sql"));
        assert!(!Pattern::default().matches("a/0001.sql"));
    }

    #[test]
    fn hidden_files_have_to_be_meant() {
        assert!(!Pattern::new("**/*.sql").unwrap().matches("a/.old/1.sql"));
        assert!(Pattern::new(".old/*.sql").unwrap().matches(".old/1.sql"));
    }
}
