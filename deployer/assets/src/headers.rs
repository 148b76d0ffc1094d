//! `_headers`: what answers carry in addition.

use std::collections::HashSet;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::pattern::{Pattern, fill};
use crate::rules::{Problem, lines, place};

pub(crate) const FILE: &str = "_headers";

const MOST_RULES: usize = 100;

/// The rules of a `_headers` file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    set: Vec<(HeaderName, String)>,
    unset: Vec<HeaderName>,
}

impl Rule {
    fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}

/// What the lines of a file belong to.
enum Under {
    /// No path came yet.
    Nothing,
    /// The path of this line, which is no path: its headers are ignored with it.
    Refused,
    /// The last of the rules.
    Rule,
}

impl Headers {
    pub(crate) fn parse(text: &str) -> (Self, Vec<Problem>) {
        let mut rules: Vec<(usize, String, Rule)> = Vec::new();
        let mut problems = Vec::new();
        let mut under = Under::Nothing;
        for (line, text) in lines(text) {
            let outcome = match (text, &under) {
                (Err(problem), _) => Err(problem),
                (Ok(text), _) if is_place(text) => {
                    if rules.len() == MOST_RULES {
                        let problem =
                            format!("there are {MOST_RULES} rules already; so is all below it");
                        problems.push((line, problem));
                        break;
                    }
                    let rule = open(text).map(|(path, rule)| rules.push((line, path, rule)));
                    under = rule.as_ref().map_or(Under::Refused, |()| Under::Rule);
                    rule
                }
                (Ok(_), Under::Refused) => Ok(()),
                (Ok(_), Under::Nothing) => Err("a path must come before it".to_owned()),
                (Ok(text), Under::Rule) => match rules.last_mut() {
                    Some((_, _, rule)) => add(rule, text),
                    None => Ok(()),
                },
            };
            if let Err(problem) = outcome {
                problems.push((line, problem));
            }
        }
        let mut headers = Self::default();
        for (index, (line, path, rule)) in rules.iter().enumerate() {
            let again = rules[index + 1..]
                .iter()
                .find(|(_, other, _)| other == path);
            if rule.is_empty() {
                problems.push((*line, "no headers follow".to_owned()));
            } else if let Some((later, ..)) = again {
                problems.push((*line, format!("line {later} has the same path")));
            } else {
                headers.rules.push(rule.clone());
            }
        }
        problems.sort_by_key(|(line, _)| *line);
        (headers, problems)
    }

    /// Applies all rules that fit, one after the other.
    pub(crate) fn apply(&self, host: &str, path: &str, headers: &mut HeaderMap) {
        if self.rules.is_empty() {
            return;
        }
        let with_host = format!("https://{host}{path}");
        let mut set = HashSet::new();
        for rule in &self.rules {
            let text = if rule.pattern.has_host {
                &with_host
            } else {
                path
            };
            let Some(captures) = rule.pattern.captures(text) else {
                continue;
            };
            for name in &rule.unset {
                headers.remove(name);
            }
            for (name, value) in &rule.set {
                // A path's bytes are fit for a header: they are those of a URL.
                let Ok(value) = HeaderValue::try_from(fill(value, &captures)) else {
                    continue;
                };
                if set.insert(name) {
                    headers.insert(name, value);
                } else {
                    headers.append(name, value);
                }
            }
        }
    }
}

/// Whether a line begins a rule; a header's name has no such beginning.
fn is_place(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    line.starts_with('/') || word.find("://").is_some_and(|at| at > 0)
}

fn open(line: &str) -> Result<(String, Rule), String> {
    let path = place(line)?;
    let rule = Rule {
        pattern: Pattern::parse(&path)?,
        set: Vec::new(),
        unset: Vec::new(),
    };
    Ok((path, rule))
}

fn add(rule: &mut Rule, line: &str) -> Result<(), String> {
    let Some((name, value)) = line.split_once(':') else {
        let name = line
            .strip_prefix("! ")
            .ok_or("it must be `Name: value`, or `! Name` to take a header away")?;
        rule.unset.push(header_name(name)?);
        return Ok(());
    };
    let name = header_name(name)?;
    let value = value.trim();
    if value.is_empty() {
        return Err("the header has no value".to_owned());
    }
    if HeaderValue::try_from(value).is_err() {
        return Err("the value has characters that no header can have".to_owned());
    }
    match rule.set.iter_mut().find(|(other, _)| *other == name) {
        Some((_, values)) => *values = format!("{values}, {value}"),
        None => rule.set.push((name, value.to_owned())),
    }
    Ok(())
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    let name = name.trim();
    HeaderName::try_from(name).map_err(|_| format!("{name:?} is no name of a header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rules: &str, host: &str, path: &str) -> Vec<String> {
        let (rules, problems) = Headers::parse(rules);
        assert_eq!(problems, []);
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static("x"));
        rules.apply(host, path, &mut headers);
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn all_rules_that_fit_apply() {
        let rules = "\
/*
  X-Frame-Options: DENY
  X-Robots: a
/img/:name
  # a comment
  X-Name: :name
  X-Robots: b
  ETag: mine
";
        assert_eq!(
            applied(rules, "localhost", "/img/cat.png"),
            [
                "etag: mine",
                "x-frame-options: DENY",
                "x-name: cat.png",
                "x-robots: a",
                "x-robots: b"
            ]
        );
        assert_eq!(
            applied(rules, "localhost", "/"),
            ["etag: x", "x-frame-options: DENY", "x-robots: a"]
        );
    }

    #[test]
    fn headers_are_taken_away_and_hosts_count() {
        let rules = "/*\n  ! ETag\nhttps://app.example/*\n  X-Here: :splat\n";
        assert_eq!(applied(rules, "other.example", "/a"), Vec::<String>::new());
        assert_eq!(applied(rules, "app.example", "/a"), ["x-here: a"]);
    }

    #[test]
    fn a_csp_is_no_path() {
        let rules = "/*\n  Content-Security-Policy: img-src https://a.example\n  X: https://b\n";
        assert_eq!(
            applied(rules, "localhost", "/"),
            [
                "content-security-policy: img-src https://a.example",
                "etag: x",
                "x: https://b"
            ]
        );
    }

    fn ignored(rules: &str) -> Vec<usize> {
        let (_, problems) = Headers::parse(rules);
        problems.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn lines_that_mean_nothing_are_named() {
        let rules = "X-Early: 1\n/empty\n/a\n  nonsense\n  X-None:\n  a b: c\n  !X\n  X: y\n";
        assert_eq!(ignored(rules), [1, 2, 4, 5, 6, 7]);
    }

    #[test]
    fn headers_of_a_path_that_is_none_are_ignored_with_it() {
        let rules = "\
/*/*
  X-One: 1
http://a.example/
  X-Two: 2
https://a.example:8080/*
  X-Three: 3
X-Link:https://a.example
  X-Four: 4
/a
  X-Five: 5
";
        assert_eq!(ignored(rules), [1, 3, 5, 7]);
        assert_eq!(
            Headers::parse(rules).0,
            Headers::parse("/a\n  X-Five: 5\n").0
        );
    }

    #[test]
    fn of_two_rules_for_a_path_the_later_one_counts() {
        let rules = "/a\n  X: 1\n/b\n  X: 2\n/a?query\n  Y: 3\n";
        let (parsed, problems) = Headers::parse(rules);
        assert_eq!(problems, [(1, "line 5 has the same path".to_owned())]);
        assert_eq!(parsed, Headers::parse("/b\n  X: 2\n/a\n  Y: 3\n").0);
    }

    #[test]
    fn there_is_an_end_to_rules() {
        use std::fmt::Write as _;
        let mut text = String::new();
        for number in 0..MOST_RULES + 2 {
            writeln!(text, "/{number}\n  X: {number}").unwrap();
        }
        let (headers, problems) = Headers::parse(&text);
        assert_eq!(headers.rules.len(), MOST_RULES);
        let [(line, _)] = problems[..] else {
            panic!("{problems:?}");
        };
        assert_eq!(line, 2 * MOST_RULES + 1);
    }
}
