//! From what is written in an import to the module that it means.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::error::EntryFault;
use super::rules::{RuleKind, Rules, Verdict};

/// Modules that Node.js has, as far as workerd has them too.
const NODE: [&str; 48] = [
    "_http_agent",
    "_http_client",
    "_http_common",
    "_http_incoming",
    "_http_outgoing",
    "_http_server",
    "_tls_common",
    "_tls_wrap",
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "worker_threads",
    "zlib",
];

/// What an import means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The module around the crate's code.
    Rust,
    /// The crate's code, compiled.
    RustWasm,
    File(File),
    /// The runtime has it; under this name.
    Runtime(String),
}

/// A file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: Utf8PathBuf,
    pub(super) kind: FileKind,
}

/// What kind of module a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// JavaScript; its text decides of what kind unless a rule does.
    JavaScript(Option<Dialect>),
    Json,
    Text,
    Data,
    Wasm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Esm,
    CommonJs,
}

/// Knows where things lie.
pub(super) struct Resolver<'a> {
    /// The folder that holds all modules.
    pub(super) root: &'a Utf8Path,
    /// Where `worker-build` writes what it makes of the crate.
    pub(super) build: Utf8PathBuf,
    pub(super) rules: Rules,
    pub(super) node_compat: bool,
}

impl Resolver<'_> {
    /// What `specifier` means in a module of the folder `from`. Files that were looked for are added
    /// to `looked`.
    pub(super) fn resolve(
        &self,
        from: &Utf8Path,
        specifier: &str,
        looked: &mut Vec<Utf8PathBuf>,
    ) -> Result<Target, EntryFault> {
        let written = || specifier.to_owned();
        let verdict = self.rules.of(specifier);
        let plain = specifier.split('?').next().unwrap_or_default();
        if plain.starts_with('/') {
            return Err(EntryFault::AbsolutePath {
                specifier: written(),
            });
        }
        let path = join(from, plain);
        if !is_relative(plain) {
            // wrangler takes a bare name that a rule matches for a file.
            return match verdict {
                Verdict::Is(kind) if path.is_file() && path.starts_with(self.root) => {
                    looked.push(path.clone());
                    Ok(Target::File(File {
                        path,
                        kind: kind.into(),
                    }))
                }
                _ => self.bare(specifier),
            };
        }
        if let Some(made) = self.generated(&path) {
            return Ok(made);
        }
        if !path.starts_with(self.root) {
            return Err(EntryFault::Outside {
                specifier: written(),
                root: self.root.to_owned(),
            });
        }
        match verdict {
            Verdict::Shadowed => {
                return Err(EntryFault::Shadowed {
                    specifier: written(),
                });
            }
            Verdict::Is(kind) if !matches!(kind, RuleKind::Esm | RuleKind::CommonJs) => {
                looked.push(path.clone());
                return if path.is_file() {
                    Ok(Target::File(File {
                        path,
                        kind: kind.into(),
                    }))
                } else {
                    Err(EntryFault::Missing {
                        specifier: written(),
                    })
                };
            }
            _ => {}
        }
        self.script(path, verdict, specifier, looked)
    }

    /// A module that is known by the name of its file.
    fn script(
        &self,
        path: Utf8PathBuf,
        verdict: Verdict,
        specifier: &str,
        looked: &mut Vec<Utf8PathBuf>,
    ) -> Result<Target, EntryFault> {
        looked.push(path.clone());
        if path.is_file() {
            let dialect = match verdict {
                Verdict::Is(RuleKind::Esm) => Some(Dialect::Esm),
                Verdict::Is(RuleKind::CommonJs) => Some(Dialect::CommonJs),
                _ => None,
            };
            let kind = match path.extension() {
                Some("mjs") => FileKind::JavaScript(Some(Dialect::Esm)),
                Some("cjs") => FileKind::JavaScript(Some(Dialect::CommonJs)),
                Some("js") => FileKind::JavaScript(dialect),
                _ if dialect.is_some() => FileKind::JavaScript(dialect),
                Some("json") => FileKind::Json,
                Some("ts" | "tsx" | "jsx" | "mts" | "cts") => {
                    return Err(EntryFault::TypeScript {
                        specifier: specifier.to_owned(),
                    });
                }
                _ => {
                    return Err(EntryFault::NoRule {
                        specifier: specifier.to_owned(),
                    });
                }
            };
            return Ok(Target::File(File { path, kind }));
        }
        // As esbuild does, which wrangler bundles with.
        let folder = path.is_dir();
        let candidates = ["js", "mjs", "json"]
            .map(|extension| Utf8PathBuf::from(format!("{path}.{extension}")))
            .into_iter()
            .chain([path.join("index.js")]);
        for candidate in candidates {
            if let Some(made) = self.generated(&candidate) {
                return Ok(made);
            }
            if candidate.is_file() {
                return self.script(candidate, verdict, specifier, looked);
            }
            looked.push(candidate);
        }
        let typescript = ["ts", "tsx"].map(|extension| path.with_extension(extension));
        Err(if !folder && typescript.iter().any(|file| file.is_file()) {
            EntryFault::TypeScript {
                specifier: specifier.to_owned(),
            }
        } else {
            EntryFault::Missing {
                specifier: specifier.to_owned(),
            }
        })
    }

    /// What `worker-build` of any version writes, is there without being written.
    fn generated(&self, path: &Utf8Path) -> Option<Target> {
        match path.strip_prefix(&self.build).ok()?.as_str() {
            // wasm-bindgen's own module was written there by old versions; its name is taken.
            "index.js" | "worker/shim.mjs" | "index_bg.js" => Some(Target::Rust),
            "index_bg.wasm" | "worker/index.wasm" => Some(Target::RustWasm),
            _ => None,
        }
    }

    fn bare(&self, specifier: &str) -> Result<Target, EntryFault> {
        let written = || specifier.to_owned();
        if let Some(node) = node_module(specifier) {
            return if self.node_compat {
                Ok(Target::Runtime(node))
            } else {
                Err(EntryFault::Node {
                    specifier: written(),
                })
            };
        }
        match specifier.split_once(':') {
            Some(("cloudflare" | "workerd", _)) => Ok(Target::Runtime(written())),
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
                Err(EntryFault::Url {
                    specifier: written(),
                })
            }
            _ => Err(EntryFault::Npm {
                package: package(specifier).to_owned(),
            }),
        }
    }
}

impl From<RuleKind> for FileKind {
    fn from(kind: RuleKind) -> Self {
        match kind {
            RuleKind::Esm => Self::JavaScript(Some(Dialect::Esm)),
            RuleKind::CommonJs => Self::JavaScript(Some(Dialect::CommonJs)),
            RuleKind::Text => Self::Text,
            RuleKind::Data => Self::Data,
            RuleKind::Wasm => Self::Wasm,
        }
    }
}

pub(super) fn is_relative(specifier: &str) -> bool {
    matches!(specifier, "." | "..") || specifier.starts_with("./") || specifier.starts_with("../")
}

/// `node:fs` for itself, and for `fs`.
fn node_module(specifier: &str) -> Option<String> {
    if specifier.starts_with("node:") {
        return Some(specifier.to_owned());
    }
    let base = specifier.split('/').next().unwrap_or_default();
    NODE.contains(&base).then(|| format!("node:{specifier}"))
}

/// Whether a bare specifier names something that the runtime has, given that it has Node.js's modules.
pub(super) fn is_runtime(specifier: &str) -> bool {
    ["cloudflare:", "node:", "workerd:"]
        .iter()
        .any(|scheme| specifier.starts_with(scheme))
        || node_module(specifier).is_some()
}

/// `lodash` of `lodash/fp`, `@scope/name` of `@scope/name/file`.
pub(super) fn package(specifier: &str) -> &str {
    let slashes = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier
        .match_indices('/')
        .nth(slashes - 1)
        .map_or(specifier.len(), |(at, _)| at);
    &specifier[..end]
}

/// Paths are joined by their text, as URLs are: a link is followed when the file is read.
pub(super) fn join(folder: &Utf8Path, relative: &str) -> Utf8PathBuf {
    let mut path = Utf8PathBuf::new();
    for component in folder.join(relative).components() {
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

/// The specifier by which a module of one name imports one of another.
pub(super) fn relative(from: &str, to: &str) -> String {
    let folder: Vec<&str> = from.split('/').rev().skip(1).collect::<Vec<_>>();
    let folder: Vec<&str> = folder.into_iter().rev().collect();
    let target: Vec<&str> = to.split('/').collect();
    let shared = folder
        .iter()
        .zip(&target[..target.len() - 1])
        .take_while(|(one, other)| one == other)
        .count();
    let up = folder.len() - shared;
    let start = if up == 0 {
        "./".to_owned()
    } else {
        "../".repeat(up)
    };
    start + &target[shared..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_without_their_files() {
        assert_eq!(package("lodash"), "lodash");
        assert_eq!(package("lodash/fp"), "lodash");
        assert_eq!(package("@scope/name/deep/file.js"), "@scope/name");
        assert_eq!(package("@scope/name"), "@scope/name");
    }

    #[test]
    fn specifiers_lead_from_one_module_to_another() {
        assert_eq!(
            relative("src/entry.js", "build/index.js"),
            "../build/index.js"
        );
        assert_eq!(relative("entry.js", "build/index.js"), "./build/index.js");
        assert_eq!(relative("a/b/c.js", "a/b/d.js"), "./d.js");
        assert_eq!(relative("a/b/c.js", "a/d/e.js"), "../d/e.js");
        assert_eq!(relative("build/index.js", "entry.js"), "../entry.js");
    }

    #[test]
    fn modules_of_node_are_known_with_and_without_their_scheme() {
        assert_eq!(
            node_module("fs/promises").as_deref(),
            Some("node:fs/promises")
        );
        assert_eq!(node_module("node:test").as_deref(), Some("node:test"));
        assert_eq!(node_module("bufferutil"), None);
        assert!(is_runtime("cloudflare:workers") && !is_runtime("left-pad"));
    }
}
