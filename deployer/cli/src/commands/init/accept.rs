//! What the manifest's own reader refuses is taken out again, and named.

use camino::Utf8Path;
use tiny_manifest::{Errors, LoadOptions, StageName};
use toml_edit::{Document, DocumentMut, Item, TableLike, Value};

use super::notes::Notes;
use super::worker::DATE;

/// Longest value that is shown in a note.
const SHOWN: usize = 60;

/// One step from a table or list to what is in it.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Takes out of the manifest whatever keeps it from being read, in any of its stages.
pub(super) fn accept(
    manifest: DocumentMut,
    stages: &[String],
    root: &Utf8Path,
    notes: &mut Notes,
) -> Result<String, Refused> {
    let mut manifest = manifest;
    let mut rounds = manifest.to_string().len();
    loop {
        let text = manifest.to_string();
        let Some(errors) = check(&text, stages, root)? else {
            return Ok(text);
        };
        let problem = errors.first();
        let path = problem
            .as_ref()
            .and_then(|problem| Some((problem, locate(&text, problem.offset?)?)));
        let Some((problem, path)) = path.filter(|(_, path)| rounds > 0 && !is_needed(path)) else {
            return Err(Refused::Manifest(errors));
        };
        rounds -= 1;
        let mut name = String::new();
        for step in &path {
            match step {
                Step::Key(key) if name.is_empty() => name.push_str(key),
                Step::Key(key) => name = format!("{name}.{key}"),
                Step::Index(_) => {}
            }
        }
        let is_date = path.last() == Some(&Step::Key("compatibility_date".to_owned()));
        let removed = remove(manifest.as_item_mut(), &path, is_date).unwrap_or_default();
        let help = problem
            .help
            .as_deref()
            .unwrap_or("write it as docs/manifest.md has it");
        notes.say(format!(
            "`{name} = {}` left out, because tiny refuses it: {}; {help}",
            shown(removed.trim()),
            problem.message
        ));
    }
}

/// Why no manifest came of it.
pub(super) enum Refused {
    Manifest(Errors),
    Unwritable(std::io::Error),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Unwritable(error)
    }
}

/// The mistakes of the first stage that has some. Paths in a manifest start from its folder, so it is read from there.
fn check(text: &str, stages: &[String], root: &Utf8Path) -> std::io::Result<Option<Errors>> {
    let file = tempfile::Builder::new()
        .prefix(".tiny-init-")
        .suffix(".toml")
        .tempfile_in(root)?;
    fs_err::write(file.path(), text)?;
    let Some(path) = Utf8Path::from_path(file.path()) else {
        return Ok(None);
    };
    let env = |name: &str| std::env::var(name).ok();
    let named = stages.iter().filter_map(|stage| StageName::new(stage).ok());
    for stage in std::iter::once(StageName::default_for(&env)).chain(named) {
        let options = LoadOptions { stage, env: &env };
        if let Err(errors) = tiny_manifest::load(path, &options) {
            return Ok(Some(errors));
        }
    }
    Ok(None)
}

/// A manifest without these is none.
fn is_needed(path: &[Step]) -> bool {
    let keys: Vec<&str> = path
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.as_str(),
            Step::Index(_) => "",
        })
        .collect();
    matches!(
        keys[..],
        [] | ["name" | "workers"] | ["workers", _] | ["workers", _, "crate"]
    )
}

fn locate(text: &str, offset: usize) -> Option<Vec<Step>> {
    let document = Document::parse(text).ok()?;
    let mut path = Vec::new();
    within_table(document.as_table(), offset, &mut path);
    Some(path)
}

/// Goes down to the innermost value around the place. `false`: it is not in this table.
fn within_table(table: &dyn TableLike, offset: usize, path: &mut Vec<Step>) -> bool {
    for (key, item) in table.iter() {
        let has =
            |span: Option<std::ops::Range<usize>>| span.is_some_and(|span| span.contains(&offset));
        path.push(Step::Key(key.to_owned()));
        let at_key = table.key(key).is_some_and(|key| has(key.span()));
        if within_item(item, offset, path) || at_key || has(item.span()) {
            return true;
        }
        path.pop();
    }
    false
}

fn within_item(item: &Item, offset: usize, path: &mut Vec<Step>) -> bool {
    match item {
        Item::None => false,
        Item::Value(value) => within_value(value, offset, path),
        Item::Table(table) => within_table(table, offset, path),
        Item::ArrayOfTables(tables) => tables.iter().enumerate().any(|(index, table)| {
            path.push(Step::Index(index));
            let is_here = within_table(table, offset, path)
                || table.span().is_some_and(|span| span.contains(&offset));
            if !is_here {
                path.pop();
            }
            is_here
        }),
    }
}

fn within_value(value: &Value, offset: usize, path: &mut Vec<Step>) -> bool {
    match value {
        Value::InlineTable(table) => within_table(table, offset, path),
        Value::Array(items) => items.iter().enumerate().any(|(index, item)| {
            path.push(Step::Index(index));
            let is_here = within_value(item, offset, path)
                || item.span().is_some_and(|span| span.contains(&offset));
            if !is_here {
                path.pop();
            }
            is_here
        }),
        _ => false,
    }
}

/// Takes a value out and returns its text. A date is replaced instead.
fn remove(item: &mut Item, path: &[Step], is_date: bool) -> Option<String> {
    match path {
        [] => None,
        [Step::Key(key)] => {
            let table = item.as_table_like_mut()?;
            if is_date {
                let before = table.insert(key, toml_edit::value(DATE))?;
                return Some(format!("{}", before.as_value()?));
            }
            let removed = table.remove(key)?;
            Some(match removed.into_value() {
                Ok(value) => value.to_string(),
                Err(_) => "…".to_owned(),
            })
        }
        [Step::Index(index)] => match item {
            Item::Value(Value::Array(items)) if *index < items.len() => {
                Some(items.remove(*index).to_string())
            }
            Item::ArrayOfTables(tables) if *index < tables.len() => {
                tables.remove(*index);
                Some("…".to_owned())
            }
            _ => None,
        },
        [Step::Key(key), rest @ ..] => {
            remove(item.as_table_like_mut()?.get_mut(key)?, rest, is_date)
        }
        [Step::Index(index), rest @ ..] => match item {
            Item::ArrayOfTables(tables) => {
                let mut inner = Item::Table(std::mem::take(tables.get_mut(*index)?));
                let removed = remove(&mut inner, rest, is_date);
                if let (Item::Table(table), Some(at)) = (inner, tables.get_mut(*index)) {
                    *at = table;
                }
                removed
            }
            Item::Value(Value::Array(items)) => {
                let mut inner = Item::Value(items.get(*index)?.clone());
                let removed = remove(&mut inner, rest, is_date);
                if let (Ok(value), Some(at)) = (inner.into_value(), items.get_mut(*index)) {
                    *at = value;
                }
                removed
            }
            _ => None,
        },
    }
}

fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}
