//! `${stage}`, `${name}` and `${env:NAME}` in strings; `$${` stands for `${`.

use crate::LoadOptions;
use crate::report::Report;
use crate::suggest;
use crate::tree::{Node, Span, Table, Value};

/// What a placeholder can be filled with.
struct Values<'a> {
    options: &'a LoadOptions<'a>,
    /// Unknown while the name itself is filled in.
    name: Option<String>,
}

/// Fills in every string of the tree. What cannot be filled in is reported.
pub(crate) fn interpolate(mut tree: Table, options: &LoadOptions, report: &mut Report) -> Table {
    let mut values = Values {
        options,
        name: None,
    };
    if let Some(entry) = tree.entries.iter_mut().find(|entry| entry.key == "name") {
        fill_node(&mut entry.node, &values, report);
        if let Value::String(name) = &entry.node.value {
            values.name = Some(name.clone());
        }
    }
    for entry in tree.entries.iter_mut().filter(|entry| entry.key != "name") {
        fill_node(&mut entry.node, &values, report);
    }
    tree
}

fn fill_node(node: &mut Node, values: &Values, report: &mut Report) {
    match &mut node.value {
        Value::String(text) if text.contains("${") => {
            node.value = fill(text, node.span, values, report).map_or(Value::Broken, Value::String);
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| fill_node(item, values, report)),
        Value::Table(table) => {
            for entry in &mut table.entries {
                fill_node(&mut entry.node, values, report);
            }
        }
        _ => {}
    }
}

/// `None` when something in it cannot be filled in, which has been reported.
fn fill(text: &str, span: Span, values: &Values, report: &mut Report) -> Option<String> {
    let mut complete = true;
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, placeholder) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = &placeholder[2..];
            continue;
        }
        filled.push_str(before);
        let Some(end) = placeholder.find('}') else {
            let help = "close it with `}`, or write `$${` for a plain `${`".to_owned();
            report.problem(
                narrow(placeholder, span, report),
                "a `${` that is never closed",
                "opened here",
                help,
            );
            return None;
        };
        let (placeholder, after) = placeholder.split_at(end + 1);
        match values.get(&placeholder[2..end]) {
            Ok(value) => filled.push_str(&value),
            Err((message, label, help)) => {
                report.problem(narrow(placeholder, span, report), message, label, help);
                complete = false;
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    complete.then_some(filled)
}

impl Values<'_> {
    fn get(&self, variable: &str) -> Result<String, (String, &'static str, String)> {
        match variable {
            "stage" => Ok(self.options.stage.to_string()),
            "name" => self.name.clone().ok_or_else(|| {
                (
                    "`name` cannot hold itself".to_owned(),
                    "not known yet",
                    "use `${stage}` or `${env:…}` here".to_owned(),
                )
            }),
            _ => match variable.strip_prefix("env:") {
                Some(name) => (self.options.env)(name).ok_or_else(|| {
                    let message = format!("the environment variable `{name}` is not set");
                    (
                        message,
                        "not set",
                        format!("set it, as in `{name}=… tiny …`"),
                    )
                }),
                None => Err(unknown(variable)),
            },
        }
    }
}

fn unknown(variable: &str) -> (String, &'static str, String) {
    let message = format!("nothing is called `${{{variable}}}`");
    let is_env = !variable.is_empty()
        && variable
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let help = match suggest::closest(variable, ["stage", "name"]) {
        _ if is_env => {
            format!("did you mean `${{env:{variable}}}`? A plain `${{` is written `$${{`")
        }
        Some(closest) => format!("did you mean `${{{closest}}}`? A plain `${{` is written `$${{`"),
        None => "there are `${stage}`, `${name}` and `${env:NAME}`; a plain `${` is written `$${`"
            .to_owned(),
    };
    (message, "unknown", help)
}

/// The place of the placeholder itself, where the string was written without escapes.
fn narrow(placeholder: &str, span: Span, report: &Report) -> Span {
    match report.text(span).find(placeholder) {
        Some(offset) => {
            let start = span.start + offset;
            Span {
                start,
                end: start + placeholder.len(),
                ..span
            }
        }
        None => span,
    }
}
