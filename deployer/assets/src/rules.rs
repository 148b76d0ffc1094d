//! What `_headers` and `_redirects` have in common.

use std::fmt;

use crate::path;

/// The longest line that Cloudflare reads.
pub(crate) const LONGEST_LINE: usize = 2000;

/// A line of a rule file that Cloudflare ignores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// `_headers` or `_redirects`.
    pub file: &'static str,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}:{} is ignored: {}",
            self.file, self.line, self.problem
        )
    }
}

/// The lines that say something, trimmed and numbered.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The URL of a rule in its normal form: a path, or `https://` with a host and a path.
pub(crate) fn url(text: &str, only_path: bool) -> Result<String, &'static str> {
    if let Some(rest) = text.strip_prefix("https://") {
        if only_path {
            return Err("only paths can be redirected, not URLs with a host");
        }
        let rest = rest.trim_start_matches('/');
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        return Ok(format!("https://{host}{}", resource(path)));
    }
    if text.starts_with('/') {
        Ok(resource(text))
    } else if only_path && !text.contains("://") {
        Ok(resource(&format!("/{text}")))
    } else if only_path {
        Err("a path must begin with a slash")
    } else {
        Err("a URL must begin with a slash or with https://")
    }
}

fn resource(text: &str) -> String {
    let (path, rest) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
    format!("{}{rest}", path::normalize(path))
}
