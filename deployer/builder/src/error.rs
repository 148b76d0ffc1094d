//! What can go wrong in a build, each with its cure.

use camino::Utf8PathBuf;

use crate::entry::EntryError;
use crate::imports::UnsatisfiedImport;
use crate::inputs::Inputs;

/// A build failed; nothing that was built before is touched.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BuildError {
    /// The compiler refused the code.
    #[error("`{package}` does not compile")]
    Compile {
        package: String,
        /// rustc's messages as it prints them, with ANSI colours.
        rendered: String,
    },

    /// cargo ended without compiling: a broken manifest, an unknown feature, no network.
    #[error("cargo failed for `{package}`{}", indented(output))]
    #[diagnostic(help("run `cargo build` in {folder} to see it alone"))]
    Cargo {
        package: String,
        folder: Utf8PathBuf,
        output: String,
    },

    /// The command that makes what is not Rust failed.
    #[error("the build step `{command}` failed ({status})")]
    #[diagnostic(help("run it in {cwd} to see it alone; it is `command` in the worker's `build`"))]
    Step {
        /// On one line.
        command: String,
        cwd: Utf8PathBuf,
        status: String,
        /// Its last lines, which the reporter was told as well.
        output: String,
    },

    /// The flags that cargo would take from its configuration cannot be told.
    #[error("cannot add `rustflags` to those of cargo's configuration: {why}")]
    #[diagnostic(help(
        "check .cargo/config.toml, or set the flags there and take `rustflags` out of the manifest"
    ))]
    Rustflags { why: String },

    /// A folder whose Cargo.toml describes a workspace only.
    #[error("the Cargo.toml in {folder} is a workspace without a package of its own")]
    #[diagnostic(help("{}", choice(members)))]
    NoPackage {
        folder: Utf8PathBuf,
        /// Folders of members that are compiled to a module.
        members: Vec<String>,
    },

    /// cargo could not be started.
    #[error("cannot run `{program}`: {source}")]
    #[diagnostic(help("run `tiny doctor` to see what is missing"))]
    Start {
        program: Utf8PathBuf,
        #[source]
        source: std::io::Error,
    },

    /// There is nothing that could become a worker.
    #[error("`{package}` builds no WebAssembly module")]
    #[diagnostic(help("add `[lib]` with `crate-type = [\"cdylib\"]` to {manifest}"))]
    NoModule {
        package: String,
        manifest: Utf8PathBuf,
    },

    /// The crate has no entry that Cloudflare could call.
    #[error("`{package}` does not use wasm-bindgen")]
    #[diagnostic(help("depend on the `worker` crate and mark a function with `#[event(fetch)]`"))]
    NoBindgen { package: String },

    /// The `worker` crate is of a time before the handlers and classes that the shim calls.
    #[error("`{package}` uses `worker` {version}, and 0.5 is the oldest that can be built")]
    #[diagnostic(help(
        "write `worker = \"0.8\"` in {manifest}, run `cargo update worker`, and write `#[durable_object]` on each struct alone, with methods that take `&self`"
    ))]
    OldWorker {
        package: String,
        version: String,
        manifest: Utf8PathBuf,
    },

    /// wasm-bindgen is of a time before the glue that the builder reads.
    #[error("`{package}` uses wasm-bindgen {version}, and 0.2.92 is the oldest that can be built")]
    #[diagnostic(help("run `cargo update {packages}` in {folder}"))]
    OldBindgen {
        package: String,
        version: String,
        folder: Utf8PathBuf,
        packages: String,
    },

    /// The module wants functions that neither workerd nor wasm-bindgen has.
    #[error("`{package}` needs what no worker has:{}", listed(imports))]
    #[diagnostic(help(
        "these crates were made for another platform: turn off the feature that pulls them in, or find one that works on wasm32-unknown-unknown"
    ))]
    Imports {
        package: String,
        imports: Vec<UnsatisfiedImport>,
    },

    /// The module imports JavaScript packages by name, which would need a bundler.
    #[error("`{package}` imports the npm package `{module}`")]
    #[diagnostic(help(
        "put the JavaScript beside the crate and import it with `#[wasm_bindgen(module = \"/file.js\")]`"
    ))]
    NpmImport { package: String, module: String },

    /// A piece of JavaScript that a crate brings along imports a package.
    #[error("JavaScript of `{package}` imports the npm package `{module}` ({file})")]
    #[diagnostic(help(
        "tiny has no bundler: write what the code needs of `{module}` into the crate's own JavaScript, or import it in \
         the worker's `entry`"
    ))]
    SnippetImport {
        package: String,
        /// Where wasm-bindgen put it.
        file: String,
        module: String,
    },

    /// Or a file, of which wasm-bindgen takes only those that Rust names.
    #[error(
        "JavaScript of `{package}` imports `{module}`, which wasm-bindgen left behind ({file})"
    )]
    #[diagnostic(help(
        "put both into one file: `#[wasm_bindgen(module = …)]` takes the file that it names alone"
    ))]
    SnippetFile {
        package: String,
        file: String,
        module: String,
    },

    /// JavaScript around the Rust module does not fit together.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Entry(Box<EntryError>),

    /// wasm-bindgen refused the module.
    #[error("wasm-bindgen {version} failed: {why}")]
    #[diagnostic(help(
        "check that all crates agree on one wasm-bindgen version: `cargo tree -i wasm-bindgen`"
    ))]
    Bindgen { version: String, why: String },

    /// A program or library that builds need could not be provided.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provision(#[from] tiny_provision::ProvisionError),

    /// The file system said no.
    #[error(transparent)]
    #[diagnostic(help("check that path and that its disk is not full"))]
    Io(std::io::Error),
}

impl BuildError {
    /// Files that decide whether the next build fails in the same way, where they are known.
    pub fn inputs(&self) -> Option<Inputs> {
        match self {
            Self::Entry(error) => Some(Inputs {
                paths: error.read.clone(),
            }),
            _ => None,
        }
    }

    /// The text of the compiler, or of the build step, where there is one.
    pub fn rendered(&self) -> Option<&str> {
        match self {
            Self::Compile { rendered, .. } => Some(rendered),
            Self::Step { output, .. } => Some(output),
            _ => None,
        }
    }

    /// Whether that text was handed to the reporter already, line by line.
    pub fn was_told(&self) -> bool {
        matches!(self, Self::Step { .. })
    }
}

fn choice(members: &[String]) -> String {
    if members.is_empty() {
        "no member has `crate-type = [\"cdylib\"]`; add it to the one that is the worker".to_owned()
    } else {
        format!("set `crate` to a member: {}", members.join(", "))
    }
}

fn indented(output: &str) -> String {
    output
        .lines()
        .fold(String::new(), |text, line| text + "\n    " + line)
}

fn listed(imports: &[UnsatisfiedImport]) -> String {
    imports.iter().fold(String::new(), |text, import| {
        format!("{text}\n    {import}")
    })
}
