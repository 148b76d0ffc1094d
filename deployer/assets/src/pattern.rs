//! Patterns of paths: `*` for anything, `:name` for a segment.

/// What the names of a pattern stood for; `splat` is the star's.
pub(crate) type Captures<'a> = Vec<(&'a str, &'a str)>;

/// A pattern of `_headers` or `_redirects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// Begins with `https://`: the host counts.
    pub(crate) has_host: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// `*`
    Splat,
    /// `:name`, up to the next slash or, in a host, dot.
    Name {
        name: String,
        in_host: bool,
    },
}

impl Part {
    /// What it stands for in the target; no two parts of a pattern have the same.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Splat => Some(SPLAT),
            Self::Name { name, .. } => Some(name),
        }
    }
}

const SCHEME: &str = "https://";
const SPLAT: &str = "splat";

impl Pattern {
    /// The star, and each name, can be there once; the star counts as the name `splat`.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let has_host = pattern.starts_with(SCHEME);
        let host_end = if has_host {
            let host = &pattern[SCHEME.len()..];
            SCHEME.len() + host.find('/').unwrap_or(host.len())
        } else {
            0
        };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(character) = pattern[at..].chars().next() {
            let after = at + character.len_utf8();
            let name = match character {
                ':' => name_at(&pattern[after..]),
                _ => "",
            };
            if character != '*' && name.is_empty() {
                literal.push(character);
                at = after;
                continue;
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            let part = if character == '*' {
                Part::Splat
            } else {
                Part::Name {
                    name: name.to_owned(),
                    in_host: at < host_end,
                }
            };
            if parts.iter().any(|other: &Part| other.name() == part.name()) {
                return Err(match part.name() {
                    Some(SPLAT) | None => {
                        "the star (which is also :splat) can be there once".to_owned()
                    }
                    Some(name) => format!(":{name} can be there once"),
                });
            }
            parts.push(part);
            at = after + name.len();
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts, has_host })
    }

    /// Whether there is nothing but text in it.
    pub(crate) fn is_literal(&self) -> bool {
        self.parts
            .iter()
            .all(|part| matches!(part, Part::Literal(_)))
    }

    /// What the names stand for if all of `text` matches. The first ones take what they can.
    pub(crate) fn captures<'a>(&'a self, text: &'a str) -> Option<Captures<'a>> {
        let mut captures = Vec::new();
        matches(&self.parts, text, &mut captures).then_some(captures)
    }
}

/// The name that `text` begins with; empty: none.
fn name_at(text: &str) -> &str {
    if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return "";
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

fn matches<'a>(parts: &'a [Part], text: &'a str, captures: &mut Captures<'a>) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return text.is_empty();
    };
    let (name, least, most) = match first {
        Part::Literal(literal) => {
            return text
                .strip_prefix(literal.as_str())
                .is_some_and(|text| matches(rest, text, captures));
        }
        Part::Splat => (SPLAT, 0, text.len()),
        Part::Name { name, in_host } => {
            let end = text.find(|c| c == '/' || (*in_host && c == '.'));
            (name.as_str(), 1, end.unwrap_or(text.len()))
        }
    };
    for end in (least..=most).rev() {
        let Some((taken, left)) = text.split_at_checked(end) else {
            continue;
        };
        captures.push((name, taken));
        if matches(rest, left, captures) {
            return true;
        }
        captures.pop();
    }
    false
}

/// `text` with each `:name` replaced by what it stands for.
pub(crate) fn fill(text: &str, captures: &Captures<'_>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in captures {
        filled = filled.replace(&format!(":{name}"), value);
    }
    filled
}

/// Whether all of `text` matches `glob`, where `*` stands for anything.
pub(crate) fn glob(glob: &str, text: &str) -> bool {
    let mut pieces = glob.split('*');
    // A split has one piece at least.
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, text: &str) -> Option<Vec<(String, String)>> {
        let pattern = Pattern::parse(pattern).unwrap();
        let captures = pattern.captures(text)?;
        Some(
            captures
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn names_take_a_segment_and_the_star_the_rest() {
        assert_eq!(
            captured("/blog/:year/*", "/blog/2026/a/b"),
            Some(vec![pair("year", "2026"), pair("splat", "a/b")])
        );
        assert_eq!(captured("/blog/:year/*", "/blog//a"), None);
        assert_eq!(captured("/a/*", "/a/"), Some(vec![pair("splat", "")]));
        assert_eq!(captured("/a", "/a/"), None);
        assert_eq!(
            captured("/*.html", "/a.html.html"),
            Some(vec![pair("splat", "a.html")])
        );
        assert_eq!(
            captured("/:a-:b", "/x-y-z"),
            Some(vec![pair("a", "x-y"), pair("b", "z")])
        );
    }

    #[test]
    fn hosts_end_at_dots() {
        assert_eq!(
            captured("https://:who.example/*", "https://me.example/x"),
            Some(vec![pair("who", "me"), pair("splat", "x")])
        );
        assert_eq!(
            captured("https://:who.example/*", "https://a.b.example/x"),
            None
        );
    }

    #[test]
    fn what_comes_twice_is_refused() {
        for twice in ["/*/*", "/:a/:a", "/:splat/*"] {
            assert!(Pattern::parse(twice).is_err(), "{twice}");
        }
        assert_eq!(
            Pattern::parse("/:a/b/:a").unwrap_err(),
            ":a can be there once"
        );
        assert!(Pattern::parse("/a:1/b").unwrap().is_literal());
    }

    #[test]
    fn globs_match_all_of_it() {
        for (pattern, text, expected) in [
            ("/api/*", "/api/a/b", true),
            ("/api/*", "/api", false),
            ("/api", "/api/", false),
            ("*", "/anything", true),
            ("/*/x/*.js", "/a/b/x/y/z.js", true),
            ("/a*a", "/a", false),
            ("/a.c", "/abc", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
