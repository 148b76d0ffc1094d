//! The problems found so far, and the files they are in.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Errors, Problem};
use crate::tree::Span;

/// Collects problems, so that all of them can be shown at once.
#[derive(Default)]
pub(crate) struct Report {
    files: Vec<File>,
    problems: Vec<Found>,
    /// Set while a layer that is not the chosen one is looked at: it may leave out what the rest gives, and its
    /// strings are not filled in.
    pub(crate) partial: bool,
}

struct File {
    path: Utf8PathBuf,
    text: Arc<str>,
}

#[derive(PartialEq)]
struct Found {
    span: Option<Span>,
    message: String,
    label: String,
    help: Option<String>,
    /// Another place that belongs to it, and what is there.
    also: Option<(Span, String)>,
}

impl Report {
    /// Takes in a file that was read; the number stands for it in spans.
    pub(crate) fn add_file(&mut self, path: Utf8PathBuf, text: Arc<str>) -> usize {
        self.files.push(File { path, text });
        self.files.len() - 1
    }

    pub(crate) fn sources(&self) -> Vec<Utf8PathBuf> {
        self.files.iter().map(|file| file.path.clone()).collect()
    }

    /// The folder that a path written at `span` starts from.
    pub(crate) fn folder(&self, span: Span) -> &Utf8Path {
        self.files
            .get(span.file)
            .and_then(|file| file.path.parent())
            .unwrap_or(Utf8Path::new("/"))
    }

    /// The text at `span` as it was written.
    pub(crate) fn text(&self, span: Span) -> &str {
        self.files
            .get(span.file)
            .and_then(|file| file.text.get(span.start..span.end))
            .unwrap_or_default()
    }

    /// Notes a problem at a place in a file.
    pub(crate) fn problem(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.add(Found {
            span: Some(span),
            message: message.into(),
            label: label.into(),
            help: help.into(),
            also: None,
        });
    }

    /// Notes a problem between two places.
    pub(crate) fn problem_and(
        &mut self,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: String,
        also: (Span, String),
    ) {
        let (message, label) = (message.into(), label.into());
        self.add(Found {
            span: Some(span),
            message,
            label,
            help: Some(help),
            also: Some(also),
        });
    }

    /// Notes a problem that is in no file, such as a manifest that cannot be read.
    pub(crate) fn problem_outside(&mut self, message: String, help: &str) {
        self.add(Found {
            span: None,
            message,
            label: String::new(),
            help: Some(help.to_owned()),
            also: None,
        });
    }

    fn add(&mut self, found: Found) {
        // The same line can be read twice, on its own and as part of the whole.
        if !self.problems.contains(&found) {
            self.problems.push(found);
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was read, or all that is wrong with it in the order of the files.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, Errors> {
        if let (Some(value), true) = (value, self.problems.is_empty()) {
            return Ok(value);
        }
        self.problems
            .sort_by_key(|found| found.span.map(|span| (span.file, span.start, span.end)));
        let here = here();
        let problems = self
            .problems
            .iter()
            .map(|found| self.show(found, here.as_deref()))
            .collect();
        Err(Errors::new(self.sources(), problems))
    }

    fn show(&self, found: &Found, here: Option<&Utf8Path>) -> Problem {
        let locate = |span: Span| {
            let file = self.files.get(span.file)?;
            let shown = here.and_then(|here| file.path.strip_prefix(here).ok());
            Some((span, shown.unwrap_or(&file.path), &file.text))
        };
        let problem = Problem::new(found.message.clone(), found.help.clone());
        let Some((span, path, text)) = found.span.and_then(locate) else {
            return problem;
        };
        let problem = problem.at(path, text, span.start..span.end, &found.label);
        match &found.also {
            Some((also, label)) if also.file == span.file => {
                problem.and_at(also.start..also.end, label)
            }
            Some((also, label)) => match locate(*also) {
                Some((also, path, text)) => problem.and_elsewhere(path, text, also.start, label),
                None => problem,
            },
            None => problem,
        }
    }
}

/// A path as it is shown: from the current folder, where it lies below that.
pub(crate) fn shown(path: &Utf8Path) -> &Utf8Path {
    here()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}

fn here() -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(std::env::current_dir().ok()?).ok()
}
