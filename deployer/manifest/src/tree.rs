//! A file as a tree of values, each of which knows where it was written.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report::Report;

/// A place in one of the files that were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Index into [`Report::files`].
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Datetime,
    Array(Vec<Node>),
    Table(Table),
    /// Something that has been reported already: nothing more is said about it.
    Broken,
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Node> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index).node)
    }
}

impl Node {
    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// What a person calls this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Bool(_) => "a boolean",
            Value::Datetime => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
            Value::Broken => "nothing",
        }
    }
}

/// Parses the text of the file with this index; every syntax error in it is reported.
pub(crate) fn parse(file: usize, text: &str, report: &mut Report) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = locate(file, error.span().unwrap_or_default());
        let message = format!("not TOML: {}", error.message());
        report.problem(span, message, "here", cure(error.message()).to_owned());
    }
    read_table(file, table.get_ref(), report)
}

fn cure(message: &str) -> &'static str {
    match message {
        "duplicate key" => "a table has a key once: take one of them out",
        _ if message.contains("must be quoted") => {
            "put it in quotes: only numbers, dates, `true` and `false` go without"
        }
        _ if message.contains("string, expected") => "close the string on the line it starts on",
        _ => "TOML is explained at https://toml.io",
    }
}

fn locate(file: usize, range: Range<usize>) -> Span {
    Span {
        file,
        start: range.start,
        end: range.end,
    }
}

fn read_table(file: usize, table: &DeTable<'_>, report: &mut Report) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().clone().into_owned(),
            key_span: locate(file, key.span()),
            node: read_value(file, value, report),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn read_value(file: usize, value: &Spanned<DeValue<'_>>, report: &mut Report) -> Node {
    let span = locate(file, value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(_) => Value::Datetime,
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| read_value(file, item, report))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(read_table(file, table, report)),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            if parsed.is_err() {
                let help = format!("integers go up to {}", i64::MAX);
                report.problem(span, format!("`{number}` is too large"), "too large", help);
            }
            parsed.map_or(Value::Broken, Value::Integer)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
    };
    Node { value, span }
}
