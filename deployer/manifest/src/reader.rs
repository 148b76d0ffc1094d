//! Reads trees into the tables of the format; what does not fit is reported, and the rest is read all the same.

use std::borrow::Cow;

use crate::report::Report;
use crate::suggest;
use crate::tree::{Entry, Node, Span, Table, Value};

mod json;
mod macros;
mod plain;

pub(crate) use macros::{choices, missing, table};

/// Something that a value in the manifest can be.
pub(crate) trait Read: Sized {
    /// What a person calls this kind of value.
    fn wanted() -> Cow<'static, str>;

    /// Whether the value is of this kind at all, be it right or wrong.
    fn fits(value: &Value) -> bool;

    /// `None` when the value cannot be read, which has been reported.
    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self>;

    /// `None` when the value is of another kind or cannot be read, which has been reported.
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        if Self::fits(&node.value) {
            return Self::read_fitting(node, report);
        }
        refuse(node, &Self::wanted(), report);
        None
    }
}

/// Something read, and where it was written.
#[derive(Debug, Clone, Default)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A table whose keys the user makes up, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Map<T> {
    /// Every key, also those whose values cannot be read.
    pub(crate) names: Vec<At<String>>,
    pub(crate) entries: Vec<(At<String>, T)>,
}

/// A value with a short form for the plain case and a long one that says it all.
#[derive(Debug, Clone, schemars::JsonSchema)]
#[schemars(untagged, inline)]
pub(crate) enum Either<Short, Long> {
    Short(Short),
    Long(Long),
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            entries: Vec::new(),
        }
    }
}

/// Says that one kind of value was wanted and another one found.
fn refuse(node: &Node, wanted: &str, report: &mut Report) {
    if matches!(node.value, Value::Broken) {
        return;
    }
    let message = format!("expected {wanted}, found {}", node.kind());
    let help = cure(node, wanted, report.text(node.span));
    report.problem(node.span, message, format!("this is {}", node.kind()), help);
}

/// How to make what was written into what is wanted.
fn cure(node: &Node, wanted: &str, written: &str) -> String {
    let plain = !matches!(node.value, Value::Array(_) | Value::Table(_)) && !written.contains('\n');
    match node.value {
        _ if plain && wanted.contains("an array") => format!("write a list: `[{written}]`"),
        Value::String(_) if wanted.starts_with("an integer") => {
            "write a number without quotes".to_owned()
        }
        Value::String(_) if wanted.starts_with("a number") => {
            "write a number without quotes".to_owned()
        }
        _ if plain && wanted.starts_with("a string") && !written.contains('"') => {
            format!("put it in quotes: `\"{written}\"`")
        }
        _ if wanted.starts_with("a table") => "write keys and values: `{ key = value }`".to_owned(),
        _ => format!("write {wanted}"),
    }
}

/// Reports the keys that the format does not know.
pub(crate) fn refuse_unknown(table: &Table, known: &[&str], report: &mut Report) {
    for entry in unknown(table, known) {
        let help = suggest::help_for(&entry.key, known, "known here")
            .unwrap_or_else(|| "take it out: this table has no keys".to_owned());
        let message = format!("unknown key `{}`", entry.key);
        report.problem(entry.key_span, message, "not known here", help);
    }
}

fn unknown<'a>(table: &'a Table, known: &[&str]) -> impl Iterator<Item = &'a Entry> {
    table
        .entries
        .iter()
        .filter(|entry| !known.contains(&entry.key.as_str()))
}

/// Reports a key that has to be there and is not, unless it is there misspelt: that is reported as such.
pub(crate) fn refuse_missing(node: &Node, key: &str, known: &[&str], report: &mut Report) {
    let Some(table) = node.as_table() else { return };
    let misspelt = unknown(table, known)
        .any(|entry| suggest::closest(&entry.key, known.iter().copied()) == Some(key));
    if !report.partial && !misspelt {
        let help = format!("add `{key} = …` to this table");
        report.problem(
            node.span,
            format!("`{key}` is missing"),
            "not in this table",
            help,
        );
    }
}

/// Reports a string that is none of those that are allowed.
pub(crate) fn refuse_choice(node: &Node, text: &str, choices: &[&str], report: &mut Report) {
    if report.partial && text.contains("${") {
        return;
    }
    let help = match suggest::closest(text, choices.iter().copied()) {
        Some(closest) => format!("did you mean `{closest}`?"),
        None => format!("one of {}", suggest::quoted(choices)),
    };
    report.problem(
        node.span,
        format!("`{text}` is not a choice here"),
        "not a choice",
        help,
    );
}

impl<T: Read> Read for At<T> {
    fn wanted() -> Cow<'static, str> {
        T::wanted()
    }

    fn fits(value: &Value) -> bool {
        T::fits(value)
    }

    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self> {
        T::read_fitting(node, report).map(|value| Self {
            value,
            span: node.span,
        })
    }
}

impl<T: Read> Read for Vec<T> {
    fn wanted() -> Cow<'static, str> {
        "an array".into()
    }

    fn fits(value: &Value) -> bool {
        matches!(value, Value::Array(_))
    }

    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self> {
        let Value::Array(items) = &node.value else {
            return None;
        };
        Some(
            items
                .iter()
                .filter_map(|item| T::read(item, report))
                .collect(),
        )
    }
}

impl<T: Read> Read for Map<T> {
    fn wanted() -> Cow<'static, str> {
        "a table".into()
    }

    fn fits(value: &Value) -> bool {
        matches!(value, Value::Table(_))
    }

    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self> {
        let mut map = Self::default();
        for entry in &node.as_table()?.entries {
            let name = At {
                value: entry.key.clone(),
                span: entry.key_span,
            };
            if let Some(value) = T::read(&entry.node, report) {
                map.entries.push((name.clone(), value));
            }
            map.names.push(name);
        }
        Some(map)
    }
}

impl<Short: Read, Long: Read> Read for Either<Short, Long> {
    fn wanted() -> Cow<'static, str> {
        format!("{} or {}", Short::wanted(), Long::wanted()).into()
    }

    fn fits(value: &Value) -> bool {
        Short::fits(value) || Long::fits(value)
    }

    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self> {
        if Short::fits(&node.value) {
            Short::read_fitting(node, report).map(Self::Short)
        } else {
            Long::read_fitting(node, report).map(Self::Long)
        }
    }
}
