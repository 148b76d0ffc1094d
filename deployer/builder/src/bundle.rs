//! The modules that run, and a hash over all of them.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::bindgen::{Glue, WASM};
use crate::{Exports, Profile, shim};

/// The name of the main module.
pub(crate) const MAIN: &str = "worker.js";
/// The name of wasm-bindgen's module.
pub(crate) const GLUE: &str = "index.js";

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
    /// A CommonJS module.
    CommonJs,
    /// A compiled WebAssembly module.
    Wasm,
    /// A string.
    Text,
    /// An `ArrayBuffer`.
    Data,
}

impl ModuleKind {
    /// The media type that Cloudflare's upload takes it under.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Esm => "application/javascript+module",
            Self::CommonJs => "application/javascript",
            Self::Wasm => "application/wasm",
            Self::Text => "text/plain",
            Self::Data => "application/octet-stream",
        }
    }
}

impl Bundle {
    /// Of modules that have different names, `main` among them.
    pub(crate) fn new(main: String, mut modules: Vec<Module>) -> Self {
        modules.sort_by(|one, other| {
            let key = |module: &Module| (module.name != main, module.name.clone());
            key(one).cmp(&key(other))
        });
        let mut hash = Sha256::new();
        for module in &modules {
            hash.update((module.name.len() as u64).to_le_bytes());
            hash.update(&module.name);
            hash.update(module.kind.media_type());
            hash.update((module.body.len() as u64).to_le_bytes());
            hash.update(&module.body);
        }
        Self {
            hash: hex(&hash.finalize()),
            main,
            modules,
        }
    }

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
    let mut modules = glue_modules(glue, GLUE, "");
    modules.push(esm(MAIN, shim::write(exports, profile)));
    Bundle::new(MAIN.to_owned(), modules)
}

pub(crate) fn esm(name: impl Into<String>, text: impl Into<Bytes>) -> Module {
    Module {
        name: name.into(),
        kind: ModuleKind::Esm,
        body: text.into(),
    }
}

/// What wasm-bindgen made, in a folder: its own module as `name`, the others as it calls them.
pub(crate) fn glue_modules(glue: &Glue, name: &str, folder: &str) -> Vec<Module> {
    let mut modules = vec![
        esm(format!("{folder}{name}"), glue.js.clone()),
        Module {
            name: format!("{folder}{WASM}"),
            kind: ModuleKind::Wasm,
            body: glue.wasm.clone(),
        },
    ];
    let snippets = glue.snippets.iter();
    modules.extend(snippets.map(|(name, text)| esm(format!("{folder}{name}"), text.clone())));
    modules
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
