//! What `_headers` and `_redirects` have in common.

use std::fmt;

use camino::Utf8PathBuf;

use crate::path;

/// The longest line that Cloudflare reads.
const LONGEST_LINE: usize = 2000;

/// Something in the folder that is not served as it may have been meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Below [`crate::Config::directory`], with that in front.
    pub file: Utf8PathBuf,
    /// Counted from 1; `None` when the file as a whole is meant.
    pub line: Option<usize>,
    /// Why it is ignored.
    pub problem: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        write!(out, " is ignored: {}", self.problem)
    }
}

/// A line that is ignored, and why.
pub(crate) type Problem = (usize, String);

/// The lines that say something, trimmed and numbered from 1; too long ones are an error.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, Result<&str, String>)> {
    const BYTE_ORDER_MARK: char = '\u{feff}';
    text.trim_start_matches(BYTE_ORDER_MARK)
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            if line.chars().count() > LONGEST_LINE {
                let problem = format!("it is longer than {LONGEST_LINE} characters");
                (number, Err(problem))
            } else {
                (number, Ok(line))
            }
        })
}

/// The path of a rule in its normal form, without query and fragment.
pub(crate) fn path_only(text: &str) -> Result<String, String> {
    if text.starts_with(HTTPS) {
        return Err("only paths can be redirected, not URLs with a host".to_owned());
    }
    if text.contains("://") {
        return Err("a path must begin with a slash".to_owned());
    }
    let slashed = if text.starts_with('/') {
        text.to_owned()
    } else {
        format!("/{text}")
    };
    Ok(path::normalize(until(&slashed, &['?', '#'])).into_owned())
}

/// The path of a rule in its normal form, perhaps with a host, without query and fragment.
pub(crate) fn place(text: &str) -> Result<String, String> {
    let target = target(text)?;
    if let Some((host, _)) = host_and_path(&target)
        && let Some((_, port)) = host.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err("hosts are matched without their ports".to_owned());
    }
    Ok(until(&target, &['?', '#']).to_owned())
}

/// Where a rule leads, in its normal form: a path, or `https://` with a host and a path.
pub(crate) fn target(text: &str) -> Result<String, String> {
    if let Some((host, path)) = host_and_path(text) {
        return Ok(format!("{HTTPS}{host}{}", resource(path)));
    }
    if text.starts_with('/') {
        Ok(resource(text))
    } else {
        Err("a URL must begin with a slash or with https://".to_owned())
    }
}

const HTTPS: &str = "https://";

/// Of an `https://` URL.
fn host_and_path(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix(HTTPS)?.trim_start_matches('/');
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (!host.is_empty()).then_some((host, path))
}

fn until<'a>(text: &'a str, ends: &[char]) -> &'a str {
    &text[..text.find(ends).unwrap_or(text.len())]
}

fn resource(text: &str) -> String {
    let path = until(text, &['?', '#']);
    format!("{}{}", path::normalize(path), &text[path.len()..])
}
