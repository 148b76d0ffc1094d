//! What is wrong with a manifest, and how it is shown.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

/// Columns that a rendered message is wrapped at.
const WIDTH: usize = 100;

/// Everything that is wrong with a manifest, in the order of its files.
///
/// `Display` is plain text, `path:line:column: message` and a line of help each; [`Errors::render`] shows the lines
/// themselves.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
pub struct Errors {
    sources: Vec<Utf8PathBuf>,
    #[related]
    problems: Vec<Problem>,
}

/// One mistake and its place.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub(crate) struct Problem {
    message: String,
    #[help]
    help: Option<String>,
    line_column: Option<(usize, usize)>,
    #[source_code]
    source_code: Option<NamedSource<Arc<str>>>,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where it is in its file, in bytes.
    pub offset: Option<usize>,
}

impl Problem {
    pub(crate) fn new(message: String, help: Option<String>) -> Self {
        Self {
            message,
            help,
            line_column: None,
            source_code: None,
            labels: Vec::new(),
        }
    }

    /// The place of the mistake.
    pub(crate) fn at(
        mut self,
        path: &Utf8Path,
        text: &Arc<str>,
        range: Range<usize>,
        label: &str,
    ) -> Self {
        self.line_column = Some(line_column(text, range.start));
        self.source_code = Some(NamedSource::new(path, text.clone()));
        self.labels.push(LabeledSpan::new_primary_with_span(
            Some(label.to_owned()),
            range,
        ));
        self
    }

    /// Another place in the same file that belongs to it.
    pub(crate) fn and_at(mut self, range: Range<usize>, label: &str) -> Self {
        self.labels
            .push(LabeledSpan::new_with_span(Some(label.to_owned()), range));
        self
    }

    /// A place in another file that belongs to it: said in the help, since one file is shown.
    pub(crate) fn and_elsewhere(
        mut self,
        path: &Utf8Path,
        text: &str,
        offset: usize,
        label: &str,
    ) -> Self {
        let (line, column) = line_column(text, offset);
        let elsewhere = format!("{label}: {path}:{line}:{column}");
        self.help = Some(match self.help {
            Some(help) => format!("{help} ({elsewhere})"),
            None => elsewhere,
        });
        self
    }
}

/// Counted from 1, columns in characters.
fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

impl Errors {
    pub(crate) fn new(sources: Vec<Utf8PathBuf>, problems: Vec<Problem>) -> Self {
        Self { sources, problems }
    }

    /// Every manifest file that was read, absolute: what to watch until it is mended.
    pub fn sources(&self) -> &[Utf8PathBuf] {
        &self.sources
    }

    /// How many mistakes there are.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// The first mistake, for who means to correct it.
    pub fn first(&self) -> Option<Mistake> {
        let problem = self.problems.first()?;
        Some(Mistake {
            message: problem.message.clone(),
            help: problem.help.clone(),
            offset: problem.labels.first().map(LabeledSpan::offset),
        })
    }

    /// Each mistake with its line, a caret and help.
    pub fn render(&self, color: bool) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(WIDTH)
            .with_links(false);
        let mut rendered = String::new();
        for problem in &self.problems {
            if handler.render_report(&mut rendered, problem).is_err() {
                rendered.push_str(&problem.to_string());
            }
            rendered.push('\n');
        }
        rendered.truncate(rendered.trim_end().len());
        rendered.push('\n');
        rendered
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            if let (Some(source), Some((line, column))) =
                (&problem.source_code, problem.line_column)
            {
                write!(
                    formatter,
                    "{}:{line}:{column}: ",
                    Utf8Path::new(source.name())
                )?;
            }
            write!(formatter, "{}", problem.message)?;
            if let Some(help) = &problem.help {
                write!(formatter, "\n  help: {help}")?;
            }
        }
        Ok(())
    }
}
