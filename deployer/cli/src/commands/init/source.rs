//! Finding and reading wrangler's configuration.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};
use toml_edit::DocumentMut;

use crate::exit::Failure;

/// The files that wrangler looks for, in its order.
const FILES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// Configuration that is code, which only a JavaScript runtime can read.
const CODE: [&str; 8] = [
    "cloudflare.config.ts",
    "cloudflare.config.mts",
    "cloudflare.config.js",
    "cloudflare.config.mjs",
    "wrangler.config.ts",
    "wrangler.config.js",
    "wrangler.ts",
    "wrangler.js",
];

/// Folders that hold no project of their own.
const SKIPPED: [&str; 5] = ["target", "node_modules", "build", "dist", "pkg"];
const DEEPEST: usize = 6;

/// The configuration file of a folder, if it has one. One that is code is refused.
pub(super) fn find(folder: &Utf8Path) -> Result<Option<Utf8PathBuf>, Failure> {
    let here = |names: &[&str]| {
        let paths = names.iter().map(|name| folder.join(name));
        paths.into_iter().find(|path| path.is_file())
    };
    match (here(&FILES), here(&CODE)) {
        (Some(file), _) => Ok(Some(file)),
        (None, Some(code)) => Err(Failure::usage(format!(
            "{code} is code, which tiny does not run"
        ))
        .with_help(
            "write its settings as wrangler.jsonc beside it, then run `tiny init` again".to_owned(),
        )),
        (None, None) => Ok(None),
    }
}

/// The folders at and below one that have a configuration file, in the order of their paths.
pub(super) fn folders(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    walk(root, 0, &mut found);
    found.sort();
    found
}

fn walk(folder: &Utf8Path, depth: usize, found: &mut Vec<Utf8PathBuf>) {
    let files = FILES.iter().chain(&CODE);
    if files.into_iter().any(|name| folder.join(name).is_file()) {
        found.push(folder.to_owned());
    }
    let Ok(entries) = folder.read_dir_utf8() else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < DEEPEST && !name.starts_with('.') && !SKIPPED.contains(&name) {
            walk(entry.path(), depth + 1, found);
        }
    }
}

/// Reads a file, and refuses what is no configuration of a Worker.
pub(super) fn read(path: &Utf8Path) -> Result<Map<String, Value>, Failure> {
    let text = fs_err::read_to_string(path)
        .map_err(|error| Failure::failed(format!("cannot read the configuration: {error}")))?;
    let text = text.trim_start_matches('\u{feff}');
    let value = if path.extension() == Some("toml") {
        toml(text).map_err(|error| invalid(path, error.trim_end()))?
    } else {
        jsonc_parser::parse_to_serde_value::<Value>(text, &jsonc_parser::ParseOptions::default())
            .map_err(|error| invalid(path, &error.to_string()))?
    };
    let Value::Object(config) = value else {
        return Err(invalid(path, "it is not an object of settings"));
    };
    refuse_others(path, &config)?;
    Ok(config)
}

fn invalid(path: &Utf8Path, why: &str) -> Failure {
    Failure::usage(format!("{path} is not valid: {why}"))
        .with_help("correct that line, then run `tiny init` again".to_owned())
}

fn refuse_others(path: &Utf8Path, config: &Map<String, Value>) -> Result<(), Failure> {
    if let Some(kind) = config.get("type").and_then(Value::as_str)
        && matches!(kind, "rust" | "webpack" | "javascript")
    {
        return Err(Failure::usage(format!(
            "{path} is a wrangler 1 configuration (`type = \"{kind}\"`), and tiny builds crates that use `worker` 0.5 or newer"
        ))
        .with_help(
            "set `worker = \"0.8\"` in Cargo.toml, replace `type` by `main = \"build/index.js\"` and \
             `compatibility_date`, then run `tiny init` again"
                .to_owned(),
        ));
    }
    if config.contains_key("pages_build_output_dir") {
        return Err(Failure::usage(format!(
            "{path} belongs to a Pages project (`pages_build_output_dir`), and tiny deploys Workers"
        ))
        .with_help(
            "replace `pages_build_output_dir = \"DIR\"` by `assets = { directory = \"DIR\" }` and move functions into \
             a Worker, then run `tiny init` again"
                .to_owned(),
        ));
    }
    Ok(())
}

/// TOML, also that of a template whose placeholders stand without quotes.
fn toml(text: &str) -> Result<Value, String> {
    let parse = |text: &str| text.parse::<DocumentMut>();
    let document = match parse(text) {
        Ok(document) => document,
        Err(error) if text.contains("{{") || text.contains("{%") => {
            parse(&quoted(text)).map_err(|_| error.to_string())?
        }
        Err(error) => return Err(error.to_string()),
    };
    let table = document
        .as_table()
        .iter()
        .map(|(key, item)| (key.to_owned(), item_json(item)));
    Ok(Value::Object(table.collect()))
}

/// Placeholders that stand for a value, as strings; lines that are only for the template, as comments.
fn quoted(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_end();
        if line.trim_start().starts_with("{%") {
            return format!("# {line}");
        }
        match line.split_once('=') {
            Some((key, value)) if value.trim_start().starts_with("{{") => {
                format!("{key} = '{}'", value.trim().replace('\'', ""))
            }
            _ => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn item_json(item: &toml_edit::Item) -> Value {
    match item {
        toml_edit::Item::None => Value::Null,
        toml_edit::Item::Value(value) => value_json(value),
        toml_edit::Item::Table(table) => {
            let entries = table.iter();
            Value::Object(
                entries
                    .map(|(key, item)| (key.to_owned(), item_json(item)))
                    .collect(),
            )
        }
        toml_edit::Item::ArrayOfTables(tables) => {
            let tables = tables.iter().map(|table| {
                let entries = table.iter();
                Value::Object(
                    entries
                        .map(|(key, item)| (key.to_owned(), item_json(item)))
                        .collect(),
                )
            });
            Value::Array(tables.collect())
        }
    }
}

fn value_json(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => (*number.value()).into(),
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        // `compatibility_date = 2026-11-01` is a date in TOML.
        toml_edit::Value::Datetime(date) => date.value().to_string().into(),
        toml_edit::Value::Array(items) => items.iter().map(value_json).collect(),
        toml_edit::Value::InlineTable(table) => {
            let entries = table.iter();
            Value::Object(
                entries
                    .map(|(key, value)| (key.to_owned(), value_json(value)))
                    .collect(),
            )
        }
    }
}

/// Whether a value is one that somebody has yet to fill in: `<ID>`, `${DB_ID}`, `{{ name }}`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let enclosed = text.starts_with('<') && text.ends_with('>');
    let words = [
        "your-",
        "your_",
        "replace",
        "placeholder",
        "changeme",
        "change-me",
        "xxxx",
    ];
    text.is_empty()
        || matches!(lower.as_str(), "todo" | "tbd")
        || enclosed
        || ["${", "{{", "{%"].iter().any(|start| text.contains(start))
        || words.iter().any(|word| lower.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_is_read_with_its_placeholders() {
        let text = "{% if d1 %}\nname = \"{{project-name}}\"\ncompatibility_date = {{ date }}\n{% endif %}\n[vars]\nA = 1.5\n";
        assert_eq!(
            toml(text).unwrap(),
            json!({ "name": "{{project-name}}", "compatibility_date": "{{ date }}", "vars": { "A": 1.5 } })
        );
    }

    #[test]
    fn a_date_is_text() {
        let value = toml("compatibility_date = 2026-11-01").unwrap();
        assert_eq!(value, json!({ "compatibility_date": "2026-11-01" }));
    }

    #[test]
    fn what_is_to_be_filled_in_is_told_from_what_is_filled_in() {
        for text in [
            "<ID>",
            "${DB_ID}",
            "<TBD>",
            "{{ id }}",
            "",
            "YOUR_KV_ID",
            "TODO",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["0f2ac74b498b48028cb68387c421e279", "todos-db", "my-queue"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
