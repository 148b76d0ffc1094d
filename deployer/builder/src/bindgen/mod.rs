//! Runs wasm-bindgen: inside this process when the app is locked to the version that is built in,
//! else the program of the right version.

mod built_in;
mod program;
mod renewable;

use std::collections::BTreeMap;

use bytes::Bytes;
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use tiny_provision::{Provisioner, Toolchain};

use crate::cargo::Compiled;
use crate::exports::Declarations;
use crate::{BuildError, Profile, dwarf, imports};

pub use built_in::bindgen_main;

/// The version that is built in; see the workspace's Cargo.toml.
const BUILT_IN: &str = "0.2.130";
/// The name of the glue module, without its extension.
const STEM: &str = "index";
/// Where the wasm module lies beside it.
pub(crate) const WASM: &str = "index_bg.wasm";

/// What wasm-bindgen makes of a module.
#[derive(Debug, Clone)]
pub(crate) struct Glue {
    /// The hash of what it was made from.
    pub(crate) source: [u8; 32],
    pub(crate) js: String,
    /// What it exports.
    pub(crate) declared: Declarations,
    /// What runs: without debug sections, and in a release without names.
    pub(crate) wasm: Bytes,
    /// The same with all that there is of them.
    pub(crate) unstripped: Bytes,
    /// JavaScript that crates bring along, by its path from the glue module.
    pub(crate) snippets: BTreeMap<String, String>,
}

/// What wasm-bindgen wrote, whichever way it was run.
struct Files {
    js: String,
    wasm: Bytes,
    snippets: BTreeMap<String, String>,
}

impl Glue {
    /// `js` is what became of the glue module, whose instance can be replaced in it.
    fn new(source: [u8; 32], js: String, files: Files, keep: Keep) -> Self {
        Self {
            source,
            declared: Declarations::read(&files.js),
            js,
            wasm: keep.of(&files.wasm),
            unstripped: files.wasm,
            snippets: files.snippets,
        }
    }

    /// With a module in place of that which wasm-bindgen wrote.
    pub(crate) fn with_wasm(mut self, unstripped: Bytes, keep: Keep) -> Self {
        self.wasm = keep.of(&unstripped);
        self.unstripped = unstripped;
        self
    }
}

/// What is kept in the module beside the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    pub(crate) profile: Profile,
    /// Debug sections.
    pub(crate) lines: bool,
}

impl Keep {
    /// In what runs: function names, and the names of the tools that made it.
    fn names(self) -> bool {
        self.profile == Profile::Dev
    }

    /// What runs, of a module with everything.
    fn of(self, unstripped: &Bytes) -> Bytes {
        if self.names() && !self.lines {
            // Every edit comes this way, and there is nothing to take out.
            unstripped.clone()
        } else {
            dwarf::strip(unstripped, self.names())
        }
    }
}

/// Identifies an input.
pub(crate) fn hash(wasm: &[u8], profile: Profile) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(profile.folder());
    hash.update(wasm);
    hash.finalize().into()
}

/// Makes the glue for a compiled module.
pub(crate) async fn run(
    wasm: Vec<u8>,
    source: [u8; 32],
    compiled: &Compiled,
    keep: Keep,
    own_process: Option<&Utf8Path>,
    toolchain: &Toolchain,
    provisioner: &Provisioner,
) -> Result<Glue, BuildError> {
    let Some(version) = &compiled.bindgen else {
        return Err(BuildError::NoBindgen {
            package: compiled.package.clone(),
        });
    };
    let unsatisfied = imports::unsatisfied(&wasm);
    if !unsatisfied.is_empty() {
        return Err(BuildError::Imports {
            package: compiled.package.clone(),
            imports: unsatisfied,
        });
    }
    let glue = match own_process {
        _ if version != BUILT_IN => {
            let program = provisioner.wasm_bindgen(version, toolchain).await?;
            let command = |out: &Utf8Path| program::published(&program, &compiled.wasm, out, keep);
            let files = program::run(command, &program, version).await?;
            let renewable = renewable::glue(&files.js).map_err(|why| BuildError::Bindgen {
                version: version.clone(),
                why,
            })?;
            Glue::new(source, renewable, files, keep)
        }
        Some(program) => {
            let command = |out: &Utf8Path| built_in::command(program, &compiled.wasm, out, keep);
            let files = program::run(command, program, version).await?;
            Glue::new(source, built_in::with_life(&files.js)?, files, keep)
        }
        None => {
            let files = tokio::task::spawn_blocking(move || built_in::in_process(wasm, keep))
                .await
                .map_err(|panic| built_in::failed(&panic))??;
            Glue::new(source, built_in::with_life(&files.js)?, files, keep)
        }
    };
    if let Some(module) = npm_import(&glue.js) {
        return Err(BuildError::NpmImport {
            package: compiled.package.clone(),
            module,
        });
    }
    Ok(glue)
}

/// The first import that neither the bundle nor the platform provides.
fn npm_import(js: &str) -> Option<String> {
    js.lines()
        .take_while(|line| line.is_empty() || line.starts_with("import "))
        .filter_map(|line| line.rsplit_once(" from "))
        .map(|(_, module)| module.trim_matches([';', '"', '\'', ' ']))
        .find(|module| {
            !["./", "../", "cloudflare:", "node:", "workerd:"]
                .iter()
                .any(|known| module.starts_with(known))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../../Cargo.lock");
        let entry = format!("name = \"wasm-bindgen-cli-support\"\nversion = \"{BUILT_IN}\"");
        assert!(lock.contains(&entry), "update BUILT_IN");
    }

    #[test]
    fn packages_that_need_a_bundler_are_named() {
        let js = "import * as a from './snippets/x/inline0.js';\nimport { connect } from \"cloudflare:sockets\";\nimport wasmModule from \"./index_bg.wasm\";\n";
        assert_eq!(npm_import(js), None);
        let js = format!("import * as left from \"left-pad\";\n{js}");
        assert_eq!(npm_import(&js).as_deref(), Some("left-pad"));
    }
}
