//! JavaScript around the Rust module. In comes the entry module of a worker; it and all that it
//! imports by relative paths are collected, without a bundler: each file stays a module of its own,
//! named by its path. The crate's module is imported from where `worker-build` would write it.

mod error;
mod link;
mod place;
mod resolve;
mod rules;
mod shape;
mod snippets;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use crate::bindgen::WASM;
use crate::{Module, ModuleKind};
use place::Place;
use resolve::{Dialect, File, FileKind, Resolver, Target};
use rules::Rules;
use source::{Exported, How, Import, Source};

pub use error::{EntryError, EntryFault};
pub use rules::{ModuleRule, RuleKind};
pub(crate) use snippets::check as check_snippets;

/// The ES module that is a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file, absolute.
    pub path: Utf8PathBuf,
    /// The folder that holds it, the crate, and all that it can import, absolute.
    pub root: Utf8PathBuf,
    pub rules: Vec<ModuleRule>,
    /// The runtime has Node.js's modules.
    pub node_compat: bool,
}

/// The modules of an entry, without those that are made of the crate.
pub(crate) struct Graph {
    main: String,
    modules: Vec<Module>,
    /// What each JavaScript module exports, by its name.
    exports: BTreeMap<String, Links>,
    /// The name of the module around the crate's code.
    rust: String,
    /// Some module imports it, or the crate's wasm.
    uses_rust: bool,
    /// All files that were read, and those that were looked for.
    pub(crate) read: BTreeSet<Utf8PathBuf>,
    pub(crate) warnings: Vec<String>,
}

/// What a module exports, and what the specifiers in it lead to.
struct Links {
    exported: Exported,
    /// By the specifier as it is written, the module's name; none if the runtime has it.
    targets: BTreeMap<String, Option<String>>,
}

/// Collects the modules of an entry of the crate in `crate_dir`.
pub(crate) fn collect(entry: &Entry, crate_dir: &Utf8Path) -> Result<Graph, Box<EntryError>> {
    let resolver = Resolver {
        root: &entry.root,
        build: crate_dir.join("build"),
        rules: Rules::new(&entry.rules),
        node_compat: entry.node_compat,
    };
    let mut collector = Collector {
        graph: Graph {
            main: name_of(&entry.path, &entry.root),
            modules: Vec::new(),
            exports: BTreeMap::new(),
            rust: name_of(&resolver.build.join("index.js"), &entry.root),
            uses_rust: false,
            read: BTreeSet::from([entry.path.clone()]),
            warnings: Vec::new(),
        },
        resolver,
        known: BTreeSet::from([entry.path.clone()]),
        waiting: VecDeque::new(),
    };
    collector.run(entry)?;
    let mut graph = collector.graph;
    if !graph.uses_rust {
        graph.warnings.push(format!(
            "warning: {} does not import the Rust module: import it from `{}`\n",
            graph.main,
            resolve::relative(&graph.main, &graph.rust)
        ));
    }
    Ok(graph)
}

/// The path below the root.
fn name_of(path: &Utf8Path, root: &Utf8Path) -> String {
    path.strip_prefix(root).unwrap_or(path).as_str().to_owned()
}

struct Collector<'a> {
    resolver: Resolver<'a>,
    graph: Graph,
    /// By path: every file is read once, as what it was first imported as.
    known: BTreeSet<Utf8PathBuf>,
    waiting: VecDeque<Waiting>,
}

/// A file that some module imports.
struct Waiting {
    file: File,
    /// Where that is; not of the entry.
    by: Option<(Place, String)>,
}

impl Collector<'_> {
    fn run(&mut self, entry: &Entry) -> Result<(), Box<EntryError>> {
        if !entry.path.is_file() {
            let path = Utf8PathBuf::from(&self.graph.main);
            return Err(self.fail(None, EntryFault::NoEntry { path }));
        }
        self.waiting.push_back(Waiting {
            file: File {
                path: entry.path.clone(),
                kind: FileKind::JavaScript(Some(Dialect::Esm)),
            },
            by: None,
        });
        while let Some(next) = self.waiting.pop_front() {
            self.add(next)?;
        }
        Ok(())
    }

    fn fail(&self, place: Option<Place>, fault: EntryFault) -> Box<EntryError> {
        Box::new(EntryError::new(place, fault, self.graph.read.clone()))
    }

    /// Reads a file and makes a module of it.
    fn add(&mut self, Waiting { file, by }: Waiting) -> Result<(), Box<EntryError>> {
        let File { path, kind } = file;
        let (place, specifier) = match by {
            Some((place, specifier)) => (Some(place), specifier),
            None => (None, self.graph.main.clone()),
        };
        self.graph.read.insert(path.clone());
        let body = std::fs::read(&path).map_err(|error| {
            let fault = EntryFault::Unreadable {
                specifier: specifier.clone(),
                why: error.to_string(),
            };
            self.fail(place.clone(), fault)
        })?;
        let name = name_of(&path, self.resolver.root);
        let text = |body: Vec<u8>| {
            String::from_utf8(body).map_err(|_| {
                let specifier = specifier.clone();
                self.fail(place.clone(), EntryFault::NotUtf8 { specifier })
            })
        };
        let (kind, body): (_, Bytes) = match kind {
            FileKind::JavaScript(dialect) => {
                let text = text(body)?;
                return self.script(&path, name, &text, dialect);
            }
            FileKind::Json => {
                let text = text(body)?;
                let module = json(&text).map_err(|error| {
                    let why = error.to_string();
                    self.fail(
                        place.clone(),
                        EntryFault::NotJson {
                            specifier: specifier.clone(),
                            why,
                        },
                    )
                })?;
                (ModuleKind::Esm, module.into())
            }
            FileKind::Text => (ModuleKind::Text, text(body)?.into()),
            FileKind::Data => (ModuleKind::Data, body.into()),
            FileKind::Wasm if body.starts_with(b"\0asm") => (ModuleKind::Wasm, body.into()),
            FileKind::Wasm => return Err(self.fail(place, EntryFault::NotWasm { specifier })),
        };
        self.graph.modules.push(Module { name, kind, body });
        Ok(())
    }

    fn script(
        &mut self,
        path: &Utf8Path,
        name: String,
        text: &str,
        dialect: Option<Dialect>,
    ) -> Result<(), Box<EntryError>> {
        let source = source::parse(text).map_err(|error| {
            let place = Place::new(&name, text, error.offset);
            let (message, help) = (error.message, error.help);
            self.fail(Some(place), EntryFault::Syntax { message, help })
        })?;
        let kind = kind_of(&source, text, dialect);
        let is_main = name == self.graph.main;
        if is_main && !source.is_module {
            let place = Place::new(&name, text, 0);
            return Err(self.fail(Some(place), EntryFault::NotAModule));
        }
        for offset in &source.computed {
            let place = Place::new(&name, text, *offset);
            self.graph.warnings.push(format!(
                "warning: {place}: the name of this module is computed: it is not part of the bundle{}\n",
                place.excerpt()
            ));
        }
        let mut targets = BTreeMap::new();
        let mut edits = Vec::new();
        for import in &source.imports {
            // In an ES module `require` is whatever the module makes it.
            if import.how == How::Require && kind == ModuleKind::Esm {
                continue;
            }
            let place = Place::new(&name, text, import.at.start);
            let (module, specifier) = self.target(path, &name, import, place)?;
            if module.is_some() {
                // The runtime knows none for files.
                edits.extend(import.attributes.clone().map(|at| (at, String::new())));
            }
            if specifier != import.specifier {
                let literal = serde_json::Value::from(specifier).to_string();
                edits.push((import.at.clone(), literal));
            }
            targets.insert(import.specifier.clone(), module);
        }
        self.graph.exports.insert(
            name.clone(),
            Links {
                exported: source.exports,
                targets,
            },
        );
        self.graph.modules.push(Module {
            name,
            kind,
            body: edited(text, edits).into(),
        });
        Ok(())
    }

    /// The name of the module that is imported, if it is one of the bundle, and the specifier for it.
    fn target(
        &mut self,
        path: &Utf8Path,
        name: &str,
        import: &Import,
        place: Place,
    ) -> Result<(Option<String>, String), Box<EntryError>> {
        let specifier = &import.specifier;
        let folder = path.parent().unwrap_or(path);
        let mut looked = Vec::new();
        let target = self.resolver.resolve(folder, specifier, &mut looked);
        self.graph.read.extend(looked);
        let module = match target {
            Err(fault) => return Err(self.fail(Some(place), fault)),
            Ok(Target::Runtime(module)) => return Ok((None, module)),
            Ok(Target::Rust) => {
                self.graph.uses_rust = true;
                self.graph.rust.clone()
            }
            Ok(Target::RustWasm) => {
                self.graph.uses_rust = true;
                link::beside(&self.graph.rust, WASM)
            }
            Ok(Target::File(file)) => {
                let module = name_of(&file.path, self.resolver.root);
                if self.known.insert(file.path.clone()) {
                    let by = Some((place, specifier.clone()));
                    self.waiting.push_back(Waiting { file, by });
                }
                module
            }
        };
        let here = Utf8Path::new(name).parent().unwrap_or(Utf8Path::new(""));
        let leads_there =
            resolve::is_relative(specifier) && resolve::join(here, specifier) == *module;
        let specifier = if leads_there {
            specifier.clone()
        } else {
            resolve::relative(name, &module)
        };
        Ok((Some(module), specifier))
    }
}

/// An ES module has `import` or `export`; what has neither may be either.
fn kind_of(source: &Source, text: &str, dialect: Option<Dialect>) -> ModuleKind {
    let looks_like_commonjs = || {
        ["module.exports", "exports.", "require("]
            .iter()
            .any(|word| text.contains(word))
    };
    match dialect {
        Some(Dialect::CommonJs) if !source.is_module => ModuleKind::CommonJs,
        None if !source.is_module && looks_like_commonjs() => ModuleKind::CommonJs,
        _ => ModuleKind::Esm,
    }
}

/// The text with some ranges replaced.
fn edited(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(at, _)| at.start);
    let mut new = String::with_capacity(text.len());
    let mut end = 0;
    for (at, with) in edits {
        new.push_str(&text[end..at.start]);
        new.push_str(&with);
        end = at.end;
    }
    new.push_str(&text[end..]);
    new
}

/// A module with the value as its default export and, as bundlers have it, each member by its name.
fn json(text: &str) -> serde_json::Result<String> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    let literal = serde_json::Value::from(text).to_string();
    let mut module = format!("const value = JSON.parse({literal});\nexport default value;\n");
    let members = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name);
    let names = members
        .filter(|name| *name != "default" && oxc_syntax::identifier::is_identifier_name(name));
    for (index, name) in names.enumerate() {
        let _ = writeln!(
            module,
            "const ${index} = value.{name};\nexport {{ ${index} as {name} }};"
        );
    }
    Ok(module)
}
