//! `_redirects`: which paths lead elsewhere.

use std::collections::{HashMap, HashSet};

use http::StatusCode;

use crate::HtmlHandling;
use crate::path::collapse_slashes;
use crate::pattern::{Pattern, fill};
use crate::rules::{Problem, lines, path_only, target};

pub(crate) const FILE: &str = "_redirects";

const MOST_FIXED: usize = 2000;
const MOST_PATTERNS: usize = 100;

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
    /// `html` decides which rules would lead back to themselves.
    pub(crate) fn parse(text: &str, html: HtmlHandling) -> (Self, Vec<Problem>) {
        let mut redirects = Self::default();
        let mut problems = Vec::new();
        let mut seen = HashSet::new();
        for (line, text) in lines(text) {
            let rule = text.and_then(|text| parse_line(text, html));
            let outcome = rule.and_then(|(from, redirect)| {
                if !seen.insert(from.clone()) {
                    return Err(format!("{from} has a rule already"));
                }
                let pattern = Pattern::parse(&from)?;
                // Rules after the first pattern are tried in turn, so that the first one wins.
                if pattern.is_literal() && redirects.patterns.is_empty() {
                    if redirects.fixed.len() == MOST_FIXED {
                        return Err(format!(
                            "there are {MOST_FIXED} rules without patterns already"
                        ));
                    }
                    redirects.fixed.insert(from, redirect);
                } else {
                    redirects.patterns.push((pattern, redirect));
                }
                Ok(())
            });
            if let Err(problem) = outcome {
                problems.push((line, problem));
            }
            if redirects.patterns.len() > MOST_PATTERNS {
                redirects.patterns.truncate(MOST_PATTERNS);
                let problem = format!(
                    "there are {MOST_PATTERNS} rules already in and after the first one with a pattern; \
                     so are all lines below it"
                );
                problems.push((line, problem));
                break;
            }
        }
        (redirects, problems)
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

fn parse_line(line: &str, html: HtmlHandling) -> Result<(String, Redirect), String> {
    let words: Vec<_> = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .collect();
    let (from, to, status) = match words[..] {
        [from, to] => (from, to, "302"),
        [from, to, status] => (from, to, status),
        _ => return Err("it must be `FROM TO [STATUS]`".to_owned()),
    };
    let from = path_only(from)?;
    let to = target(to)?;
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
    let takes_all = from.ends_with("/*");
    let takes_folder = from.ends_with('/') && html != HtmlHandling::None;
    let to_index = to.ends_with("/index") || to.ends_with("/index.html");
    if (takes_all || takes_folder) && to_index && !has_host {
        return Err("it would lead to itself: pages are served without index.html".to_owned());
    }
    Ok((from, Redirect { status, to }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rules: &str, path: &str) -> Option<(u16, String)> {
        let (redirects, problems) = Redirects::parse(rules, HtmlHandling::default());
        assert_eq!(problems, []);
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
        let (_, problems) = Redirects::parse(text, HtmlHandling::default());
        let lines: Vec<_> = problems.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(problems[2].1, "/x has a rule already");
    }

    #[test]
    fn a_folder_may_lead_to_its_index_where_pages_keep_their_names() {
        let rules = "/a/ /a/index.html\n";
        let (_, problems) = Redirects::parse(rules, HtmlHandling::None);
        assert_eq!(problems, []);
        let (_, problems) = Redirects::parse(rules, HtmlHandling::DropTrailingSlash);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn remarks_may_end_a_line() {
        assert_eq!(
            found("/a /b#top 301 # moved in May\n", "/a"),
            Some((301, "/b#top".to_owned()))
        );
    }

    #[test]
    fn there_is_an_end_to_rules() {
        use std::fmt::Write as _;
        let mut text = String::new();
        for number in 0..MOST_FIXED + 2 {
            writeln!(text, "/{number} /x").unwrap();
        }
        for number in 0..MOST_PATTERNS + 2 {
            writeln!(text, "/{number}/* /x").unwrap();
        }
        let (redirects, problems) = Redirects::parse(&text, HtmlHandling::default());
        assert_eq!(redirects.fixed.len(), MOST_FIXED);
        assert_eq!(redirects.patterns.len(), MOST_PATTERNS);
        let lines: Vec<_> = problems.iter().map(|(line, _)| *line).collect();
        let most = MOST_FIXED + 2 + MOST_PATTERNS;
        assert_eq!(lines, [MOST_FIXED + 1, MOST_FIXED + 2, most + 1]);
    }
}
