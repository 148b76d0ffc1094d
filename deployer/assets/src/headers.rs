//! `_headers`: what answers carry in addition.

use std::collections::HashSet;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::pattern::{Pattern, fill};
use crate::rules::{Complaint, LONGEST_LINE, lines, url};

pub(crate) const FILE: &str = "_headers";

const MOST_RULES: usize = 100;

/// The rules of a `_headers` file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    rules: Vec<Rule>,
}

#[derive(Debug, PartialEq, Eq)]
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

impl Headers {
    pub(crate) fn parse(text: &str) -> (Self, Vec<Complaint>) {
        let mut headers = Self::default();
        let mut complaints = Vec::new();
        // The rule that lines belong to; its line, for the case that it stays empty.
        let mut open: Option<(usize, Rule)> = None;
        for (line, text) in lines(text) {
            let outcome = if text.len() > LONGEST_LINE {
                Err(format!("it is longer than {LONGEST_LINE} bytes"))
            } else if text.starts_with('/') || text.contains("://") && !text.contains(' ') {
                complaints.extend(headers.close(open.take()));
                headers.open(text).map(|rule| open = Some((line, rule)))
            } else {
                match &mut open {
                    Some((_, rule)) => add(rule, text),
                    None => Err("a path must come before it".to_owned()),
                }
            };
            if let Err(problem) = outcome {
                complaints.push(complaint(line, problem));
            }
        }
        complaints.extend(headers.close(open));
        (headers, complaints)
    }

    fn open(&self, text: &str) -> Result<Rule, String> {
        if self.rules.len() == MOST_RULES {
            return Err(format!("there are more than {MOST_RULES} rules"));
        }
        let pattern = Pattern::parse(&url(text, false)?)
            .ok_or("the star, and each name, can be there once only")?;
        Ok(Rule {
            pattern,
            set: Vec::new(),
            unset: Vec::new(),
        })
    }

    fn close(&mut self, rule: Option<(usize, Rule)>) -> Option<Complaint> {
        let (line, rule) = rule?;
        if rule.is_empty() {
            return Some(complaint(line, "no headers follow".to_owned()));
        }
        self.rules.push(rule);
        None
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

fn add(rule: &mut Rule, line: &str) -> Result<(), String> {
    let Some((name, value)) = line.split_once(':') else {
        let name = line
            .strip_prefix('!')
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

fn complaint(line: usize, problem: String) -> Complaint {
    Complaint {
        file: FILE,
        line,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(rules: &str, host: &str, path: &str) -> Vec<String> {
        let (rules, complaints) = Headers::parse(rules);
        assert_eq!(complaints, []);
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

    #[test]
    fn lines_that_mean_nothing_are_named() {
        let (_, complaints) =
            Headers::parse("X-Early: 1\n/empty\n/a\n  nonsense\n  X-None:\n  a b: c\n  X: y\n");
        let lines: Vec<_> = complaints.iter().map(|complaint| complaint.line).collect();
        assert_eq!(lines, [1, 2, 4, 5, 6]);
    }
}
