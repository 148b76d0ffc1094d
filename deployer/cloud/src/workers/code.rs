//! Code that was uploaded, and what it turns out to be when it starts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::upload::Compatibility;
use crate::store::FileId;

/// The code of one version, with its files in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) format: Format,
    /// The module, or the script, that it begins with; one of `modules`.
    pub(crate) main: String,
    pub(crate) modules: Vec<Module>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    Modules,
    /// The older one, which registers its handlers by `addEventListener`.
    ServiceWorker,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Module {
    /// The path that imports say.
    pub(crate) name: String,
    pub(crate) kind: ModuleKind,
    pub(crate) file: FileId,
    /// Bytes.
    pub(crate) size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModuleKind {
    EsModule,
    CommonJs,
    Wasm,
    Text,
    Data,
    Json,
    /// Not for the runtime.
    SourceMap,
}

impl ModuleKind {
    pub(crate) fn of_content_type(content_type: &str) -> Option<Self> {
        Some(match content_type {
            "application/javascript+module" | "text/javascript+module" => Self::EsModule,
            "application/javascript" | "text/javascript" => Self::CommonJs,
            "application/wasm" => Self::Wasm,
            "text/plain" => Self::Text,
            "application/octet-stream" => Self::Data,
            "application/json" => Self::Json,
            "application/source-map" => Self::SourceMap,
            _ => return None,
        })
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::EsModule => "application/javascript+module",
            Self::CommonJs => "application/javascript",
            Self::Wasm => "application/wasm",
            Self::Text => "text/plain",
            Self::Data => "application/octet-stream",
            Self::Json => "application/json",
            Self::SourceMap => "application/source-map",
        }
    }
}

impl Code {
    /// What it depends on how it runs, in 64 hex digits: equal for equal code under equal rules.
    pub(crate) fn fingerprint(&self, compatibility: &Compatibility) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        add(&format!("{:?}", self.format));
        add(&self.main);
        add(compatibility.date.as_deref().unwrap_or_default());
        for flag in &compatibility.flags {
            add(flag);
        }
        for module in &self.modules {
            add(&module.name);
            add(module.kind.content_type());
            add(&module.file);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// 64 hex digits, of the code alone.
    pub(crate) fn etag(&self) -> String {
        let no_rules = Compatibility {
            date: None,
            flags: Vec::new(),
        };
        self.fingerprint(&no_rules)
    }
}

/// What code is, as found by starting it once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Probed {
    /// Of the default export: `fetch`, `scheduled`, `queue`, `tail`, `email`, ….
    pub(crate) handlers: BTreeSet<String>,
    /// Named exports that are classes, or objects with handlers.
    pub(crate) classes: BTreeMap<String, ClassKind>,
    pub(crate) startup_ms: u64,
}

/// What a named export may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClassKind {
    /// Extends `DurableObject`.
    DurableObject,
    /// Extends `WorkerEntrypoint`, or is an object with handlers.
    Entrypoint,
    /// Extends `WorkflowEntrypoint`.
    Workflow,
    /// A class that extends none of them; it may be a Durable Object of the older kind.
    Plain,
}

/// Why nothing is known of some code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    /// The code failed while it started; these are the runtime's words.
    #[error("{0}")]
    Startup(String),
    /// The runtime itself does not run.
    #[error("{0}")]
    NoRuntime(String),
}

impl Probed {
    /// Classes that may be Durable Objects.
    pub(crate) fn possible_objects(&self) -> BTreeSet<String> {
        self.of(&[ClassKind::DurableObject, ClassKind::Plain])
    }

    /// Classes that can be nothing else.
    pub(crate) fn certain_objects(&self) -> BTreeSet<String> {
        self.of(&[ClassKind::DurableObject])
    }

    pub(crate) fn has_entrypoint(&self, name: &str) -> bool {
        name == "default"
            || matches!(
                self.classes.get(name),
                Some(ClassKind::Entrypoint | ClassKind::Plain)
            )
    }

    fn of(&self, kinds: &[ClassKind]) -> BTreeSet<String> {
        self.classes
            .iter()
            .filter(|(_, kind)| kinds.contains(kind))
            .map(|(name, _)| name.clone())
            .collect()
    }
}
