//! One manifest out of several: a file over the one it extends, and the layer of a stage over it all.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::StageName;
use crate::format::Layer;
use crate::names;
use crate::reader::{Map, Read};
use crate::report::{self, Report};
use crate::suggest;
use crate::tree::{self, Node, Span, Table, Value};

/// The files of a manifest laid over each other, and not yet the layer of a stage.
pub(crate) struct Layers {
    tree: Table,
}

/// Reads the file and those that it extends. `None` when one of them cannot be read, which has been reported.
pub(crate) fn read(path: &Utf8Path, report: &mut Report) -> Option<Layers> {
    let path = match path.canonicalize_utf8() {
        Ok(path) => path,
        Err(error) => {
            let help = "check the path";
            report.problem_outside(format!("cannot read `{path}`: {error}"), help);
            return None;
        }
    };
    let mut tables: Vec<Table> = Vec::new();
    let mut next = Some((path, None));
    while let Some((path, extended_at)) = next.take() {
        let mut table = read_file(&path, extended_at, report)?;
        next = extended(&mut table, report);
        tables.push(table);
    }
    // A file that is not TOML was read up to a guess: nothing more can be said about it.
    if !report.is_clean() {
        return None;
    }
    tables
        .into_iter()
        .rev()
        .reduce(lay_over)
        .map(|tree| Layers { tree })
}

fn read_file(path: &Utf8Path, extended_at: Option<Span>, report: &mut Report) -> Option<Table> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let file = report.add_file(path.to_owned(), text.as_str().into());
            Some(tree::parse(file, &text, report))
        }
        Err(error) => {
            let message = format!("cannot read `{path}`: {error}");
            match extended_at {
                Some(span) => {
                    let help = "a manifest is a file of UTF-8 text".to_owned();
                    report.problem(span, message, "extended here", help);
                }
                None => report.problem_outside(message, "a manifest is a file of UTF-8 text"),
            }
            None
        }
    }
}

/// The file that the table says it extends, and where it says so.
fn extended(table: &mut Table, report: &mut Report) -> Option<(Utf8PathBuf, Option<Span>)> {
    let node = table.remove("extends")?;
    let written = String::read(&node, report)?;
    let path = resolve(report.folder(node.span), &written);
    let Ok(path) = path.canonicalize_utf8() else {
        let shown = report::shown(&path);
        let help =
            format!("paths start from the folder of the file they are written in: `{shown}`");
        report.problem(
            node.span,
            format!("`{written}` does not exist"),
            "no such file",
            help,
        );
        return None;
    };
    let chain = report.sources();
    if let Some(start) = chain.iter().position(|earlier| *earlier == path) {
        let names: Vec<&str> = chain[start..]
            .iter()
            .chain([&path])
            .filter_map(|path| path.file_name())
            .collect();
        let message = format!(
            "manifests extend each other in a circle: {}",
            names.join(" → ")
        );
        let help = "take out one `extends`: a manifest cannot be laid over itself".to_owned();
        report.problem(node.span, message, "leads back here", help);
        return None;
    }
    Some((path, Some(node.span)))
}

impl Layers {
    /// Lays the stage's layer over the rest. The other stages' layers are only looked over for mistakes.
    pub(crate) fn merge(self, stage: &StageName, report: &mut Report) -> Table {
        let mut tree = self.tree;
        let Some(stages) = tree.remove("stages") else {
            return tree;
        };
        report.partial = true;
        // What it holds is read again as part of the merged tree: only what is wrong with it counts here.
        let _ = Map::<Layer>::read(&stages, report);
        report.partial = false;
        let Some(stages) = stages.as_table() else {
            return tree;
        };
        for entry in &stages.entries {
            check_stage(&entry.key, entry.key_span, report);
        }
        match stages.get(stage.as_str()) {
            Some(Node {
                value: Value::Table(layer),
                ..
            }) => lay_over(tree, layer.clone()),
            _ => tree,
        }
    }
}

fn check_stage(name: &str, span: Span, report: &mut Report) {
    if StageName::new(name).is_err() {
        let suggestion = names::as_id(name).unwrap_or_default();
        let suggestion = suggest::fallback(&suggestion, "prod");
        let help = format!(
            "at most 20 of a-z, 0-9 and `-`, starting with a letter, such as `{suggestion}`"
        );
        report.problem(
            span,
            format!("`{name}` cannot name a stage"),
            "not a stage",
            help,
        );
    }
}

/// Tables are merged key by key; everything else is replaced.
fn lay_over(mut base: Table, over: Table) -> Table {
    for entry in over.entries {
        match base.entries.iter_mut().find(|under| under.key == entry.key) {
            None => base.entries.push(entry),
            Some(under) => match (&mut under.node.value, entry.node.value) {
                (Value::Table(below), Value::Table(above)) => {
                    *below = lay_over(std::mem::take(below), above);
                }
                (_, value) => {
                    under.node = Node {
                        value,
                        span: entry.node.span,
                    };
                    under.key_span = entry.key_span;
                }
            },
        }
    }
    base
}

/// The absolute path that `written` means in `folder`, without `.` and `..`.
pub(crate) fn resolve(folder: &Utf8Path, written: &str) -> Utf8PathBuf {
    let mut path = Utf8PathBuf::new();
    for component in folder.join(written).components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}
