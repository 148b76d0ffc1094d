//! The modules that run, and a hash over all of them.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::bindgen::{Glue, WASM};
use crate::{Exports, Profile, shim};

/// The name of the main module.
const MAIN: &str = "worker.js";
/// The name of wasm-bindgen's module.
const GLUE: &str = "index.js";

/// A worker's code. The same input gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The name of the module whose exports are the worker.
    pub main: String,
    /// The main module first, the others by name.
    pub modules: Vec<Module>,
    /// SHA-256 over names, kinds and bodies, in hex.
    pub hash: String,
}

/// One module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its path in the bundle, as imports name it.
    pub name: String,
    pub kind: ModuleKind,
    pub body: Bytes,
}

/// What a module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleKind {
    /// An ECMAScript module.
    Esm,
    /// A compiled WebAssembly module.
    Wasm,
}

impl ModuleKind {
    /// The media type that Cloudflare's upload takes it under.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Esm => "application/javascript+module",
            Self::Wasm => "application/wasm",
        }
    }
}

impl Bundle {
    /// The size of all modules, in bytes.
    pub fn size(&self) -> usize {
        self.modules.iter().map(|module| module.body.len()).sum()
    }

    /// The wasm module.
    pub fn wasm(&self) -> Option<&Bytes> {
        self.modules
            .iter()
            .find(|module| module.kind == ModuleKind::Wasm)
            .map(|module| &module.body)
    }
}

/// Puts the modules together.
pub(crate) fn assemble(glue: &Glue, exports: &Exports, profile: Profile) -> Bundle {
    let esm = |name: &str, text: String| Module {
        name: name.to_owned(),
        kind: ModuleKind::Esm,
        body: text.into(),
    };
    let mut modules = vec![
        esm(MAIN, shim::write(exports, profile)),
        esm(GLUE, glue.js.clone()),
        Module {
            name: WASM.to_owned(),
            kind: ModuleKind::Wasm,
            body: glue.wasm.clone(),
        },
    ];
    for (name, text) in &glue.snippets {
        modules.push(esm(name, text.clone()));
    }
    modules[1..].sort_by(|one, other| one.name.cmp(&other.name));
    let mut hash = Sha256::new();
    for module in &modules {
        hash.update((module.name.len() as u64).to_le_bytes());
        hash.update(&module.name);
        hash.update(module.kind.media_type());
        hash.update((module.body.len() as u64).to_le_bytes());
        hash.update(&module.body);
    }
    Bundle {
        main: MAIN.to_owned(),
        modules,
        hash: hex(&hash.finalize()),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
