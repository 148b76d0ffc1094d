//! `_redirects`: which paths lead elsewhere.

use std::collections::{HashMap, HashSet};

use http::StatusCode;

use crate::path::collapse_slashes;
use crate::pattern::{Pattern, fill};
use crate::rules::{Complaint, LONGEST_LINE, lines, url};

pub(crate) const FILE: &str = "_redirects";

const MOST_STATIC: usize = 2000;
const MOST_DYNAMIC: usize = 100;

/// Where a request is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// 200: serve what is there, without telling the browser.
    pub(crate) status: StatusCode,
    /// A path or an https URL.
    pub(crate) to: String,
}

/// The rules of a `_redirects` file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Redirects {
    fixed: HashMap<String, Redirect>,
    /// In the order of the file, from the first with a pattern on.
    patterns: Vec<(Pattern, Redirect)>,
}

impl Redirects {
    pub(crate) fn parse(text: &str) -> (Self, Vec<Complaint>) {
        let mut redirects = Self::default();
        let mut complaints = Vec::new();
        let mut seen = HashSet::new();
        for (line, text) in lines(text) {
            let outcome = parse_line(text).and_then(|(from, redirect)| {
                if seen.contains(&from) {
                    return Err(format!("{from} has a rule already"));
                }
                redirects.add(from.clone(), redirect)?;
                seen.insert(from);
                Ok(())
            });
            if let Err(problem) = outcome {
                complaints.push(Complaint {
                    file: FILE,
                    line,
                    problem,
                });
            }
        }
        (redirects, complaints)
    }

    fn add(&mut self, from: String, redirect: Redirect) -> Result<(), String> {
        let pattern = Pattern::parse(&from)
            .ok_or_else(|| "the star, and each name, can be there once only".to_owned())?;
        // Rules after the first pattern are tried in turn, so that the first one wins.
        if pattern.is_literal() && self.patterns.is_empty() {
            if self.fixed.len() == MOST_STATIC {
                return Err(format!(
                    "there are more than {MOST_STATIC} rules without patterns"
                ));
            }
            self.fixed.insert(from, redirect);
        } else {
            if self.patterns.len() == MOST_DYNAMIC {
                return Err(format!(
                    "there are more than {MOST_DYNAMIC} rules with patterns"
                ));
            }
            self.patterns.push((pattern, redirect));
        }
        Ok(())
    }

    /// Where `path` leads, if it leads elsewhere.
    pub(crate) fn find(&self, path: &str) -> Option<Redirect> {
        if let Some(redirect) = self.fixed.get(path) {
            return Some(redirect.clone());
        }
        self.patterns.iter().find_map(|(pattern, redirect)| {
            let captures = pattern.captures(path)?;
            let mut to = fill(&redirect.to, &captures).trim().to_owned();
            if !to.starts_with("https://") {
                // What a name stood for must not make a host of the path.
                collapse_slashes(&mut to);
            }
            Some(Redirect {
                status: redirect.status,
                to,
            })
        })
    }
}

fn parse_line(line: &str) -> Result<(String, Redirect), String> {
    if line.len() > LONGEST_LINE {
        return Err(format!("it is longer than {LONGEST_LINE} bytes"));
    }
    let words: Vec<_> = line.split_whitespace().collect();
    let (from, to, status) = match words[..] {
        [from, to] => (from, to, "302"),
        [from, to, status] => (from, to, status),
        _ => return Err("it must be `FROM TO [STATUS]`".to_owned()),
    };
    let from = url(from, true)?;
    // The query is none of the rule's business.
    let from = from.split(['?', '#']).next().unwrap_or(&from).to_owned();
    let to = url(to, false)?;
    let status = match status {
        "200" => StatusCode::OK,
        "301" => StatusCode::MOVED_PERMANENTLY,
        "302" => StatusCode::FOUND,
        "303" => StatusCode::SEE_OTHER,
        "307" => StatusCode::TEMPORARY_REDIRECT,
        "308" => StatusCode::PERMANENT_REDIRECT,
        other => {
            return Err(format!(
                "the status must be 200, 301, 302, 303, 307 or 308, not {other}"
            ));
        }
    };
    let has_host = to.starts_with("https://");
    if status == StatusCode::OK && has_host {
        return Err("with status 200 it must lead to a path, not to another host".to_owned());
    }
    let takes_all = from.ends_with('/') || from.ends_with("/*");
    let to_index = to.ends_with("/index") || to.ends_with("/index.html");
    if takes_all && to_index && !has_host {
        return Err("it would lead to itself: pages are served without index.html".to_owned());
    }
    Ok((from, Redirect { status, to }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rules: &str, path: &str) -> Option<(u16, String)> {
        let (redirects, complaints) = Redirects::parse(rules);
        assert_eq!(complaints, []);
        let redirect = redirects.find(path)?;
        Some((redirect.status.as_u16(), redirect.to))
    }

    #[test]
    fn the_first_rule_that_fits_wins() {
        let rules = "# old paths\n/a /b\n/b/* /c/:splat 301\n/b/x /never 308\n";
        assert_eq!(found(rules, "/a"), Some((302, "/b".to_owned())));
        assert_eq!(found(rules, "/b/x"), Some((301, "/c/x".to_owned())));
        assert_eq!(found(rules, "/c"), None);
    }

    #[test]
    fn other_hosts_are_reached_with_https() {
        let rules = "/docs/:page https://docs.example/:page?from=app#top 307";
        assert_eq!(
            found(rules, "/docs/x"),
            Some((307, "https://docs.example/x?from=app#top".to_owned()))
        );
    }

    #[test]
    fn a_path_stays_a_path() {
        assert_eq!(
            found("/go/* /:splat", "/go//evil.example"),
            Some((302, "/evil.example".to_owned()))
        );
    }

    #[test]
    fn lines_that_mean_nothing_are_named() {
        let text = "/a\n/a /b 404\n/x /y\n/x /z\nhttps://a.example/ /b\n/* /index.html 200\n\
                    /p https://b.example/ 200\n/*/* /q\n/h http://c.example/\n";
        let (_, complaints) = Redirects::parse(text);
        let lines: Vec<_> = complaints.iter().map(|complaint| complaint.line).collect();
        assert_eq!(lines, [1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(
            complaints[2].to_string(),
            "_redirects:4 is ignored: /x has a rule already"
        );
    }

    #[test]
    fn there_is_an_end_to_rules() {
        use std::fmt::Write as _;
        let mut text = String::new();
        for number in 0..=MOST_DYNAMIC {
            writeln!(text, "/{number}/* /x").unwrap();
        }
        let (redirects, complaints) = Redirects::parse(&text);
        assert_eq!(redirects.patterns.len(), MOST_DYNAMIC);
        assert_eq!(complaints.len(), 1);
    }
}
