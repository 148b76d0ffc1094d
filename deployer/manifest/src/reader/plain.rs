//! Values with nothing in them.

use std::borrow::Cow;

use super::Read;
use crate::report::Report;
use crate::tree::{Node, Value};

impl Read for String {
    fn wanted() -> Cow<'static, str> {
        "a string".into()
    }

    fn fits(value: &Value) -> bool {
        matches!(value, Value::String(_))
    }

    fn read_fitting(node: &Node, _: &mut Report) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Read for bool {
    fn wanted() -> Cow<'static, str> {
        "`true` or `false`".into()
    }

    fn fits(value: &Value) -> bool {
        matches!(value, Value::Bool(_))
    }

    fn read_fitting(node: &Node, _: &mut Report) -> Option<Self> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }
}

impl Read for u32 {
    fn wanted() -> Cow<'static, str> {
        "an integer".into()
    }

    fn fits(value: &Value) -> bool {
        matches!(value, Value::Integer(_))
    }

    fn read_fitting(node: &Node, report: &mut Report) -> Option<Self> {
        let Value::Integer(number) = node.value else {
            return None;
        };
        let read = Self::try_from(number).ok();
        if read.is_none() {
            let help = format!("0 to {}", Self::MAX);
            report.problem(
                node.span,
                format!("{number} is out of range"),
                "out of range",
                help,
            );
        }
        read
    }
}

impl Read for f64 {
    fn wanted() -> Cow<'static, str> {
        "a number".into()
    }

    fn fits(value: &Value) -> bool {
        matches!(value, Value::Float(_) | Value::Integer(_))
    }

    fn read_fitting(node: &Node, _: &mut Report) -> Option<Self> {
        match node.value {
            Value::Float(number) => Some(number),
            Value::Integer(number) => i32::try_from(number).ok().map(Self::from),
            _ => None,
        }
    }
}
