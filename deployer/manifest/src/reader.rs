//! Reads trees into the tables of the format; what does not fit is reported, and the rest is read all the same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::report::Report;
use crate::suggest;
use crate::tree::{Node, Span, Table, Value};

/// Something that a value in the manifest can be.
pub(crate) trait Read: Sized {
    /// `None` when the value is something else, which has been reported.
    fn read(node: &Node, report: &mut Report) -> Option<Self>;
}

/// Something read, and where it was written.
#[derive(Debug, Clone, Default)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A table whose keys the user makes up, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Map<T>(pub(crate) Vec<(At<String>, T)>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Says that one kind of value was wanted and another one found.
pub(crate) fn refuse<T>(node: &Node, wanted: &str, report: &mut Report) -> Option<T> {
    let message = format!("expected {wanted}, found {}", node.kind());
    report.problem(node.span, message, format!("not {wanted}"), None);
    None
}

/// The table in `node`.
pub(crate) fn as_table<'a>(node: &'a Node, report: &mut Report) -> Option<&'a Table> {
    node.as_table().or_else(|| refuse(node, "a table", report))
}

/// Reports the keys that the format does not know.
pub(crate) fn refuse_unknown(table: &Table, known: &[&str], report: &mut Report) {
    for entry in &table.entries {
        if !known.contains(&entry.key.as_str()) {
            let help = suggest::help_for(&entry.key, known, "known here");
            report.problem(
                entry.key_span,
                format!("unknown key `{}`", entry.key),
                "not known here",
                help,
            );
        }
    }
}

/// Reports a key that has to be there and is not.
pub(crate) fn refuse_missing(node: &Node, key: &str, report: &mut Report) {
    if !report.partial {
        let help = format!("add `{key} = …` here");
        report.problem(
            node.span,
            format!("`{key}` is missing"),
            "in this table",
            help,
        );
    }
}

impl<T: Read> Read for At<T> {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        T::read(node, report).map(|value| Self {
            value,
            span: node.span,
        })
    }
}

impl<T: Read> Read for Box<T> {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        T::read(node, report).map(Self::new)
    }
}

impl Read for String {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(text.clone()),
            _ => refuse(node, "a string", report),
        }
    }
}

impl Read for bool {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => refuse(node, "`true` or `false`", report),
        }
    }
}

impl Read for u32 {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value {
            Value::Integer(number) => Self::try_from(number).ok().or_else(|| {
                let message = format!("{number} is out of range");
                report.problem(
                    node.span,
                    message,
                    "out of range",
                    format!("0 to {}", Self::MAX),
                );
                None
            }),
            _ => refuse(node, "an integer", report),
        }
    }
}

impl Read for f64 {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        match node.value {
            Value::Float(number) => Some(number),
            Value::Integer(number) => i32::try_from(number).ok().map(Self::from),
            _ => refuse(node, "a number", report),
        }
    }
}

impl Read for serde_json::Value {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(text.clone().into()),
            Value::Integer(number) => Some((*number).into()),
            Value::Bool(value) => Some((*value).into()),
            Value::Float(number) => serde_json::Number::from_f64(*number)
                .map(Self::Number)
                .or_else(|| {
                    report.problem(node.span, "JSON has no such number", "not JSON", None);
                    None
                }),
            Value::Datetime => {
                let help = "put it in quotes: the worker gets a string".to_owned();
                report.problem(node.span, "JSON has no dates", "not JSON", help);
                None
            }
            Value::Array(items) => {
                let read: Vec<_> = items.iter().map(|item| Self::read(item, report)).collect();
                read.into_iter()
                    .collect::<Option<Vec<_>>>()
                    .map(Self::Array)
            }
            Value::Table(table) => {
                let read: Vec<_> = table
                    .entries
                    .iter()
                    .map(|entry| Some((entry.key.clone(), Self::read(&entry.node, report)?)))
                    .collect();
                read.into_iter().collect::<Option<_>>().map(Self::Object)
            }
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|item| T::read(item, report))
                    .collect(),
            ),
            _ => refuse(node, "an array", report),
        }
    }
}

impl<T: Read> Read for Map<T> {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let table = as_table(node, report)?;
        let read = table.entries.iter().filter_map(|entry| {
            let key = At {
                value: entry.key.clone(),
                span: entry.key_span,
            };
            T::read(&entry.node, report).map(|value| (key, value))
        });
        Some(Self(read.collect()))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Map<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        BTreeMap::<String, T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }
}

/// A table of the format: its keys, once, for the reader and for the schema.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident { $($(#[$key_meta:meta])* $need:ident $field:ident $key:literal: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$key_meta])* #[schemars(rename = $key)] pub(crate) $field: Option<$type>,)*
        }

        impl $crate::reader::Read for $name {
            fn read(node: &$crate::tree::Node, report: &mut $crate::report::Report) -> Option<Self> {
                let table = $crate::reader::as_table(node, report)?;
                let read = Self {
                    $($field: match table.get($key) {
                        Some(value) => $crate::reader::Read::read(value, report),
                        None => $crate::reader::missing!($need node $key report),
                    },)*
                };
                $crate::reader::refuse_unknown(table, &[$($key),*], report);
                Some(read)
            }
        }
    };
}

/// What a missing key means.
macro_rules! missing {
    (required $node:ident $key:literal $report:ident) => {{
        $crate::reader::refuse_missing($node, $key, $report);
        None
    }};
    (optional $node:ident $key:literal $report:ident) => {
        None
    };
}

/// A string that is one of a few.
macro_rules! choices {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$choice_meta:meta])* $choice:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$choice_meta])* #[schemars(rename = $text)] $choice,)*
        }

        impl $name {
            /// As it is written in the manifest, and as Cloudflare's API wants it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$choice => $text,)*
                }
            }
        }

        impl $crate::reader::Read for $name {
            fn read(node: &$crate::tree::Node, report: &mut $crate::report::Report) -> Option<Self> {
                let text = <String as $crate::reader::Read>::read(node, report)?;
                match text.as_str() {
                    $($text => Some(Self::$choice),)*
                    _ => {
                        $crate::reader::refuse_choice(node, &text, &[$($text),*], report);
                        None
                    }
                }
            }
        }
    };
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

pub(crate) use {choices, missing, table};
