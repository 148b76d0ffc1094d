mod accept;
mod bindings;
mod code;
mod command;
mod environments;
mod layer;
mod notes;
mod package;
mod render;
mod resources;
mod section;
mod source;
mod stack;
mod worker;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Map, Value};
use tiny_manifest::FILE_NAME;

use super::{Context, current_dir};
use crate::exit::Failure;
use accept::Refused;
use notes::Notes;
use source::is_placeholder;
use stack::Source;

/// Write a tiny.toml for the worker in this folder, converting wrangler's configuration if there is one
#[derive(Debug, Args)]
#[command(
    after_help = "Ids of what is deployed are kept: `tiny plan --stage prod` shows what it would take over. \
                  Environments become stages of the same name. Settings that tiny.toml has no key for are listed with \
                  what to do about them."
)]
pub(crate) struct InitArgs {
    /// The folder of the cargo package [default: the current one]
    #[arg(value_name = "PATH")]
    path: Option<Utf8PathBuf>,

    /// Convert every configuration at and below the folder into one stack
    #[arg(long)]
    all: bool,
}

/// What is to be converted, and what it is called.
struct Project {
    name: String,
    sources: Vec<Source>,
    files: Vec<Utf8PathBuf>,
}

impl InitArgs {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), Failure> {
        let folder = match &self.path {
            Some(path) => worker::clean(&current_dir()?.join(path)),
            None => current_dir()?,
        };
        let file = folder.join(FILE_NAME);
        if file.exists() {
            return Err(Failure::failed(format!("{file} already exists"))
                .with_help("delete it to convert again".to_owned()));
        }
        let mut notes = Notes::default();
        let project = if self.all {
            several(&folder, &mut notes)?
        } else {
            single(&folder)?
        };
        let stack = stack::stack(&project.name, &folder, &project.sources, &mut notes)?;
        let text = accept::accept(stack.manifest, &stack.stages, &folder, &mut notes);
        let text = text.map_err(|refused| match refused {
            Refused::Manifest(errors) => context.manifest_failure(&errors),
            Refused::Unwritable(error) => {
                Failure::failed(format!("cannot write the manifest: {error}"))
            }
        })?;
        fs_err::write(&file, &text)
            .map_err(|error| Failure::failed(format!("cannot write the manifest: {error}")))?;
        let takes_over = stack.stages.first().filter(|_| text.contains("import = "));
        if let Some(stage) = takes_over {
            notes.say(format!(
                "`import` in [stages.*] takes over what is deployed: `tiny plan --stage {stage}` shows it; remove those \
                 lines if it was never deployed"
            ));
        }
        tell(
            context,
            &file,
            &project.files,
            takes_over,
            &notes.into_lines(),
        );
        Ok(())
    }
}

fn tell(
    context: &Context<'_>,
    file: &Utf8Path,
    from: &[Utf8PathBuf],
    stage: Option<&String>,
    notes: &[String],
) {
    let printer = context.printer;
    printer.result(&format!("  {file}"));
    for path in from {
        printer.say(&format!("  converted from {path} (left unchanged)"));
    }
    for note in notes {
        printer.say(&format!("  · {note}"));
    }
    let plan = stage.map_or("tiny plan".to_owned(), |stage| {
        format!("tiny plan --stage {stage}")
    });
    printer.say(&format!("  next: `tiny dev`, `{plan}`"));
    printer.event(&serde_json::json!({
        "event": "done", "ok": true, "file": file, "notes": notes,
    }));
}

/// The worker of one folder.
fn single(folder: &Utf8Path) -> Result<Project, Failure> {
    let found = source::find(folder)?;
    let config = match &found {
        Some(path) => source::read(path)?,
        None => Map::new(),
    };
    let package = code::package(folder, &config)?;
    let script = config.get("name").and_then(Value::as_str);
    let script = script.filter(|script| !is_placeholder(script));
    let name = script
        .and_then(tiny_manifest::as_id)
        .or_else(|| tiny_manifest::as_id(&package.name))
        .unwrap_or_else(|| "app".to_owned());
    Ok(Project {
        name,
        sources: vec![Source {
            id: "worker".to_owned(),
            folder: folder.to_owned(),
            config,
        }],
        files: found.into_iter().collect(),
    })
}

/// All workers at and below a folder. Configurations of other things are named and left out.
fn several(root: &Utf8Path, notes: &mut Notes) -> Result<Project, Failure> {
    let mut project = Project {
        name: root
            .file_name()
            .and_then(tiny_manifest::as_id)
            .unwrap_or_else(|| "app".to_owned()),
        sources: Vec::new(),
        files: Vec::new(),
    };
    let mut taken = BTreeSet::new();
    let mut first = None;
    for folder in source::folders(root) {
        let read = || {
            let file = source::find(&folder)?;
            let config = file
                .as_deref()
                .map(source::read)
                .transpose()?
                .unwrap_or_default();
            let package = code::package(&folder, &config)?;
            Ok::<_, Failure>((file, config, package))
        };
        let (file, config, package) = match read() {
            Ok(read) => read,
            Err(failure) => {
                let shown = worker::relative(root, &folder);
                notes.say(format!("`{shown}` left out: {}", failure.message()));
                first = first.or(Some(failure));
                continue;
            }
        };
        let script = config.get("name").and_then(Value::as_str);
        let id = script
            .filter(|script| !is_placeholder(script))
            .and_then(tiny_manifest::as_id)
            .or_else(|| tiny_manifest::as_id(&package.name))
            .unwrap_or_else(|| "worker".to_owned());
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let id = std::iter::once(id.clone())
            .chain(numbered)
            .find(|id| !taken.contains(id))
            .unwrap_or(id);
        taken.insert(id.clone());
        project.files.extend(file);
        project.sources.push(Source { id, folder, config });
    }
    if project.sources.is_empty() {
        return Err(first.unwrap_or_else(|| {
            Failure::usage(format!(
                "there is no configuration of wrangler at or below {root}"
            ))
            .with_help("run `tiny init` in the folder of a cargo package".to_owned())
        }));
    }
    Ok(project)
}
