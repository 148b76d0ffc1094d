//! Values that are handed to the worker as they are.

use std::borrow::Cow;

use serde_json::{Number, Value as Json};

use super::Read;
use crate::report::Report;
use crate::tree::{Node, Value};

impl Read for Json {
    fn wanted() -> Cow<'static, str> {
        "a value".into()
    }

    fn fits(value: &Value) -> bool {
        !matches!(value, Value::Broken)
    }

    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(text.clone().into()),
            Value::Integer(number) => Some((*number).into()),
            Value::Bool(value) => Some((*value).into()),
            Value::Float(number) => {
                let number = Number::from_f64(*number).map(Self::Number);
                if number.is_none() {
                    let help = "put it in quotes: the worker gets a string".to_owned();
                    report.problem(node.span, "JSON has no such number", "not JSON", help);
                }
                number
            }
            Value::Datetime => {
                let help = "put it in quotes: the worker gets a string".to_owned();
                report.problem(node.span, "JSON has no dates", "not JSON", help);
                None
            }
            Value::Array(items) => {
                // All of them are read before the first that is wrong ends it, so that each is reported.
                let read: Vec<_> = items.iter().map(|item| Self::read(item, report)).collect();
                read.into_iter().collect::<Option<_>>().map(Self::Array)
            }
            Value::Table(table) => {
                let entries = table.entries.iter();
                let read: Vec<_> = entries
                    .map(|entry| Some((entry.key.clone(), Self::read(&entry.node, report)?)))
                    .collect();
                read.into_iter().collect::<Option<_>>().map(Self::Object)
            }
            Value::Broken => None,
        }
    }
}
