mod bindings;
mod convert;
mod wrangler;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use tiny_manifest::{FILE_NAME, LoadOptions, StageName};
use toml_edit::DocumentMut;

use super::{Context, current_dir};
use crate::exit::Failure;

/// What a worker that says no date gets: the newest that the pinned workerd knows in full.
const DATE: &str = "2026-11-01";

/// Write a tiny.toml for the worker in this folder, out of wrangler's configuration where there is one
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder of the cargo package [default: the current one]
    #[arg(value_name = "PATH")]
    path: Option<Utf8PathBuf>,
}

impl InitArgs {
    pub(crate) fn run(&self, context: &Context<'_>) -> Result<(), Failure> {
        let folder = match &self.path {
            Some(path) => current_dir()?.join(path),
            None => current_dir()?,
        };
        let file = folder.join(FILE_NAME);
        if file.exists() {
            return Err(Failure::failed(format!("{file} is there already"))
                .with_help("delete it to start anew".to_owned()));
        }
        let package = package(&folder)?;
        let found = wrangler::FILES
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file());
        let config = match &found {
            Some(path) => wrangler::Config::read(path)?,
            None => wrangler::Config::default(),
        };
        let name = config.name.as_deref().unwrap_or(&package);
        let stack = tiny_manifest::as_id(name).unwrap_or_else(|| "app".to_owned());
        let converted = convert::convert(&config, &stack, "worker", DATE);
        let text = converted.manifest.to_string();
        fs_err::write(&file, &text)
            .map_err(|error| Failure::failed(format!("cannot write the manifest: {error}")))?;

        let printer = context.printer;
        printer.result(&format!("  {file}"));
        if let Some(path) = &found {
            printer.say(&format!("  made from {path}, which stays as it is"));
        }
        for note in &converted.notes {
            printer.say(&format!("  · {note}"));
        }
        check(&file).map_err(|errors| context.manifest_failure(&errors))?;
        printer.say("  see what it is: tiny dev, tiny plan");
        printer.event(&serde_json::json!({
            "event": "done", "ok": true, "file": file, "notes": converted.notes,
        }));
        Ok(())
    }
}

/// The name of the cargo package in a folder.
fn package(folder: &Utf8Path) -> Result<String, Failure> {
    let file = folder.join("Cargo.toml");
    let text = fs_err::read_to_string(&file).map_err(|error| {
        Failure::usage(format!("there is no cargo package here: {error}")).with_help(
            "run it in the worker's folder, or start a new one with `tiny new`".to_owned(),
        )
    })?;
    let cargo: DocumentMut = text
        .parse()
        .map_err(|error| Failure::usage(format!("cannot read {file}: {error}")))?;
    let name = cargo.get("package").and_then(|package| package.get("name"));
    name.and_then(|name| name.as_str())
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::usage(format!("{file} describes no package"))
                .with_help("run it in the worker's own folder".to_owned())
        })
}

fn check(file: &Utf8Path) -> Result<(), tiny_manifest::Errors> {
    let env = |name: &str| std::env::var(name).ok();
    let options = LoadOptions {
        stage: StageName::default_for(&env),
        env: &env,
    };
    tiny_manifest::load(file, &options).map(drop)
}
