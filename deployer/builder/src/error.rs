//! What can go wrong in a build, each with its cure.

use camino::Utf8PathBuf;

use crate::imports::UnsatisfiedImport;

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
    /// The compiler's own text, where there is one.
    pub fn rendered(&self) -> Option<&str> {
        match self {
            Self::Compile { rendered, .. } => Some(rendered),
            _ => None,
        }
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
