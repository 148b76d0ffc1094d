use std::process::Stdio;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::{Context, current_dir};
use crate::exit::Failure;

const LIB: &str = include_str!("lib.rs.txt");
const MANIFEST: &str = include_str!("tiny.toml.txt");

/// The version that the template was tried with.
const WORKER: &str = "0.8";
/// `#[durable_object]` wants it beside itself.
const WASM_BINDGEN: &str = "0.2";

/// Start a new worker in a folder of its own
#[derive(Debug, Args)]
#[command(
    after_help = "The folder is made by `cargo new`: in a workspace it becomes a member, \
                        elsewhere a git repository."
)]
pub(crate) struct NewArgs {
    /// The folder to make
    #[arg(value_name = "PATH")]
    path: Utf8PathBuf,

    /// The name of the package and the stack [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl NewArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let folder = current_dir()?.join(&self.path);
        let name = match (&self.name, folder.file_name()) {
            (Some(name), _) => name.clone(),
            (None, Some(name)) => name.to_owned(),
            (None, None) => return Err(Failure::usage("the folder needs a name")),
        };
        let stack = tiny_manifest::as_id(&name).ok_or_else(|| {
            Failure::usage(format!("`{name}` cannot name a stack"))
                .with_help("give it a name of a-z, 0-9 and `-` with `--name`".to_owned())
        })?;
        cargo_new(&folder, &name).await?;
        write(&folder, &stack).map_err(|error| {
            Failure::failed(format!("cannot write the project: {error}"))
                .with_help("check that path and that its disk is not full".to_owned())
        })?;
        let printer = context.printer;
        printer.result(&format!("  {folder}"));
        printer.say(&format!(
            "  run it: cd {} && tiny dev",
            shell_words(&self.path)
        ));
        printer.event(
            &serde_json::json!({"event": "done", "ok": true, "folder": folder, "name": stack}),
        );
        Ok(())
    }
}

/// cargo knows about names, workspaces and repositories.
async fn cargo_new(folder: &Utf8Path, name: &str) -> Result<(), Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = tokio::process::Command::new(&cargo)
        .args(["new", "--lib", "--quiet", "--name", name, folder.as_str()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| {
            Failure::failed(format!("cannot run `{cargo}`: {error}"))
                .with_help("`tiny doctor` tells what is missing".to_owned())
        })?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.trim().trim_start_matches("error: ");
    Err(Failure::failed(format!("cannot make `{folder}`: {told}")))
}

fn write(folder: &Utf8Path, stack: &str) -> std::io::Result<()> {
    let package = folder.join("Cargo.toml");
    let mut cargo: DocumentMut = fs_err::read_to_string(&package)?
        .parse()
        .map_err(std::io::Error::other)?;
    let mut lib = Table::new();
    lib["crate-type"] = value(Array::from_iter(["cdylib", "rlib"]));
    cargo["lib"] = Item::Table(lib);
    cargo["dependencies"]["wasm-bindgen"] = value(WASM_BINDGEN);
    cargo["dependencies"]["worker"] = value(WORKER);
    fs_err::write(package, cargo.to_string())?;
    fs_err::write(folder.join("src/lib.rs"), LIB)?;
    fs_err::write(folder.join("tiny.toml"), MANIFEST.replace("{name}", stack))?;
    ignore(&folder.join(".gitignore"))
}

/// What is made by tools and what holds secrets stays out of the repository.
fn ignore(file: &Utf8Path) -> std::io::Result<()> {
    let mut text = fs_err::read_to_string(file).unwrap_or_default();
    for line in ["/target", ".tiny", ".env*", ".dev.vars"] {
        if !text.lines().any(|known| known.trim() == line) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(line);
            text.push('\n');
        }
    }
    fs_err::write(file, text)
}

/// As it is typed in a shell.
fn shell_words(path: &Utf8Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-~".contains(c);
    if path.as_str().chars().all(plain) {
        path.to_string()
    } else {
        format!("'{}'", path.as_str().replace('\'', r"'\''"))
    }
}
