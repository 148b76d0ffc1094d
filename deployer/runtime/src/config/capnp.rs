//! Values in the text form of Cap'n Proto, which workerd reads its configuration in.

use std::fmt;

use camino::Utf8PathBuf;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    /// The content of a file, as text or data. The path is relative: an absolute one is looked up
    /// in the schemas that workerd brings along.
    Embed(Utf8PathBuf),
    List(Vec<Value>),
    Struct(Vec<(&'static str, Value)>),
}

pub(crate) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

pub(crate) fn texts<T: Into<String>>(all: impl IntoIterator<Item = T>) -> Value {
    Value::List(all.into_iter().map(text).collect())
}

/// A struct of the fields given.
macro_rules! fields {
    ($($name:literal : $value:expr),* $(,)?) => {
        $crate::config::capnp::Value::Struct(vec![$(($name, $value)),*])
    };
}
pub(crate) use fields;

impl Value {
    /// Adds a field to a struct.
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        if let Self::Struct(fields) = &mut self {
            fields.push((name, value));
        }
        self
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quote(text, f),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Embed(path) => {
                f.write_str("embed ")?;
                quote(path.as_str(), f)
            }
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "\n{item}")?;
                }
                f.write_str("]")
            }
            Self::Struct(fields) => {
                f.write_str("( ")?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{name} = {value}")?;
                }
                f.write_str(" )")
            }
        }
    }
}

/// Strings are C's: what is not plain is an escape.
fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if u32::from(c) < 0x20 || c == '\x7f' => write!(f, "\\x{:02x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_and_structs_nest() {
        let value = fields! {
            "name": text("a \"b\"\n\\\u{1}é"),
            "list": Value::List(vec![texts(["x"]), Value::Flag(true)]),
        };
        assert_eq!(
            value.to_string(),
            "( name = \"a \\\"b\\\"\\n\\\\\\x01é\", list = [\n[\n\"x\"],\ntrue] )"
        );
    }
}
