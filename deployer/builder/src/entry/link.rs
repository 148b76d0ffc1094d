//! Joins the modules of an entry with those that are made of the crate.

use std::collections::BTreeSet;

use super::{Graph, Links};
use crate::bindgen::Glue;
use crate::exports::{Class, Exports, HANDLERS};
use crate::{Bundle, Profile, bundle, shim};

/// The name of wasm-bindgen's module.
const GLUE: &str = "index_bg.js";

/// A file in the folder of a module.
pub(super) fn beside(module: &str, file: &str) -> String {
    match module.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{file}"),
        None => file.to_owned(),
    }
}

impl Graph {
    /// The bundle, and what its main module exports. `declared` are the classes that the manifest
    /// takes for Durable Objects of this worker.
    pub(crate) fn link(
        self,
        glue: &Glue,
        rust: &Exports,
        declared: &[String],
        profile: Profile,
    ) -> (Bundle, Exports) {
        let exports = self.exports(rust, declared);
        let mut modules = self.modules;
        if self.uses_rust {
            let folder = beside(&self.rust, "");
            modules.extend(bundle::glue_modules(glue, GLUE, &folder));
            let text = shim::write_library(rust, profile, GLUE);
            modules.push(bundle::esm(self.rust, text));
        }
        (Bundle::new(self.main, modules), exports)
    }

    /// The names of modules that are made and not written.
    pub(crate) fn made(&self) -> Vec<String> {
        vec![self.rust.clone(), beside(&self.rust, GLUE)]
    }

    pub(super) fn exports(&self, rust: &Exports, declared: &[String]) -> Exports {
        let names = self.names(&self.main, rust, &mut BTreeSet::new());
        let exported = |class: &&Class| names.contains(&class.name);
        let mut durable_objects: Vec<Class> = rust
            .durable_objects
            .iter()
            .filter(exported)
            .cloned()
            .collect();
        for class in declared {
            let known = durable_objects.iter().any(|found| found.name == *class);
            if names.contains(class) && !known {
                durable_objects.push(Class {
                    name: class.clone(),
                    methods: Vec::new(),
                });
            }
        }
        let mut found = Exports {
            durable_objects,
            entrypoints: rust.entrypoints.iter().filter(exported).cloned().collect(),
            ..Exports::default()
        };
        self.members(&self.main, rust, &mut BTreeSet::new(), &mut found);
        found
    }

    /// All that a module exports.
    fn names(&self, module: &str, rust: &Exports, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
        if *module == self.rust {
            return rust.names();
        }
        let Some(Links { exported, targets }) = self.exports.get(module) else {
            return BTreeSet::new();
        };
        let mut names = exported.names.clone();
        if seen.insert(module.to_owned()) {
            for star in &exported.stars {
                if let Some(Some(target)) = targets.get(star) {
                    let mut theirs = self.names(target, rust, seen);
                    theirs.remove("default");
                    names.extend(theirs);
                }
            }
        }
        names
    }

    /// Adds the members of a module's default export.
    fn members(
        &self,
        module: &str,
        rust: &Exports,
        seen: &mut BTreeSet<String>,
        found: &mut Exports,
    ) {
        if *module == self.rust {
            found.add(rust.handlers.iter().chain(&rust.methods));
            return;
        }
        let Some(Links { exported, targets }) = self.exports.get(module) else {
            // Text and data have members, but none that handles an event.
            return;
        };
        if !seen.insert(module.to_owned()) {
            return;
        }
        let shape = &exported.default;
        found.add(&shape.members);
        found.open |= shape.open;
        for (specifier, name) in &shape.from {
            match targets.get(specifier) {
                Some(Some(target)) if name == "default" => {
                    self.members(target, rust, seen, found);
                }
                Some(Some(_)) => found.open = true,
                // A class of the runtime's own.
                Some(None) | None => {}
            }
        }
    }
}

impl Exports {
    fn add<'a>(&mut self, members: impl IntoIterator<Item = &'a String>) {
        for member in members {
            let list = if HANDLERS.contains(&member.as_str()) {
                &mut self.handlers
            } else {
                &mut self.methods
            };
            if member != "constructor" && !list.contains(member) {
                list.push(member.clone());
            }
        }
    }

    /// What the module around the crate's code exports.
    fn names(&self) -> BTreeSet<String> {
        let classes = self.durable_objects.iter().chain(&self.entrypoints);
        let names = self
            .handlers
            .iter()
            .chain(&self.methods)
            .chain(&self.others);
        names
            .cloned()
            .chain(classes.map(|class| class.name.clone()))
            .chain(["default".to_owned()])
            .collect()
    }
}
