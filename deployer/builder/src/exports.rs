//! Finds in wasm-bindgen's module what the platform may call.

use std::collections::{BTreeMap, BTreeSet};

/// What a worker exports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    /// `fetch`, `scheduled`, `queue`, `email`, `tail`, `connect`: those that the crate handles.
    pub handlers: Vec<String>,
    /// Other exported functions: methods that service bindings can call.
    pub methods: Vec<String>,
    /// Durable Object classes.
    pub durable_objects: Vec<Class>,
    /// Other classes with a constructor for context and environment: named entrypoints.
    pub entrypoints: Vec<Class>,
    /// Classes for JavaScript, which the platform does not construct.
    pub others: Vec<String>,
    /// The default export is JavaScript that is not understood: it may handle other events as well.
    pub open: bool,
}

/// An exported class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    pub name: String,
    pub methods: Vec<String>,
}

impl Exports {
    /// Whether the event is handled, for all that is known.
    pub fn may_handle(&self, event: &str) -> bool {
        self.open || self.handlers.iter().any(|found| found == event)
    }

    /// Whether a Durable Object class of that name is there.
    pub fn has_durable_object(&self, class: &str) -> bool {
        self.durable_objects.iter().any(|found| found.name == class)
    }
}

/// Handlers of a worker; they take the event, the environment and the context.
pub(crate) const HANDLERS: [&str; 6] = ["fetch", "scheduled", "queue", "email", "tail", "connect"];

/// What the glue module exports, before it is known which classes are Durable Objects.
#[derive(Debug, Clone)]
pub(crate) struct Declarations {
    functions: Vec<String>,
    classes: Vec<(String, Members)>,
}

impl Declarations {
    /// Reads the glue module. wasm-bindgen writes each declaration and the head of each member on
    /// a line of its own, with more or less indentation.
    pub(crate) fn read(js: &str) -> Self {
        let mut names = Vec::new();
        let mut classes: BTreeMap<&str, Members> = BTreeMap::new();
        let mut inside = None;
        for line in js.lines() {
            if let Some((name, exported)) = class(line) {
                names.extend(exported.then_some((name, name)));
                classes.insert(name, Members::default());
                inside = Some(name);
            } else if let Some(name) = function(line) {
                names.push((name, name));
                inside = None;
            } else if let Some(alias) = alias(line) {
                names.push(alias);
            } else if line.starts_with("if (Symbol.dispose) ") {
                inside = None;
            } else if let Some(members) = inside.and_then(|name| classes.get_mut(name)) {
                members.read(line);
            }
        }
        let mut this = Self {
            functions: Vec::new(),
            classes: Vec::new(),
        };
        for (local, name) in names {
            match classes.remove(local) {
                Some(members) => this.classes.push((name.to_owned(), members)),
                None => this.functions.push(name.to_owned()),
            }
        }
        this
    }

    /// Sorts them by what the platform calls; `declared_objects` are classes that are Durable
    /// Objects because the manifest says so.
    pub(crate) fn exports(&self, declared_objects: &[String]) -> Exports {
        let mut exports = Exports::default();
        for name in &self.functions {
            if HANDLERS.contains(&name.as_str()) {
                exports.handlers.push(name.clone());
            } else if !name.starts_with("__") && !name.starts_with('$') && name != "start" {
                // `start` has run when the module was instantiated; the rest is wasm-bindgen's.
                exports.methods.push(name.clone());
            }
        }
        for (name, members) in &self.classes {
            members.sort_into(name, declared_objects, &mut exports);
        }
        exports
    }
}

/// `export class Counter {`, or without the first word where an alias exports it.
fn class(line: &str) -> Option<(&str, bool)> {
    let rest = line.strip_prefix("export ");
    let name = rest
        .unwrap_or(line)
        .strip_prefix("class ")?
        .strip_suffix(" {")?;
    Some((name, rest.is_some()))
}

fn function(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("export function ")
        .or_else(|| line.strip_prefix("export async function "))?;
    rest.split_once('(').map(|(name, _)| name.trim())
}

/// `export { Object2 as Object }`: how a name that JavaScript has already is exported.
fn alias(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_prefix("export {")?.trim_end_matches([';', ' ']);
    inner
        .strip_suffix('}')?
        .trim()
        .split_once(" as ")
        .map(|(local, name)| (local.trim(), name.trim()))
}

/// Words that stand before a bracket and name no member.
const STATEMENTS: [&str; 6] = ["if", "for", "while", "switch", "catch", "function"];

#[derive(Debug, Clone, Default)]
struct Members {
    constructor: Option<String>,
    methods: BTreeSet<String>,
}

impl Members {
    /// Takes a line of the class; those that are no member's head say nothing.
    fn read(&mut self, line: &str) {
        let Some((name, arguments)) = line
            .trim_start()
            .strip_suffix(") {")
            .and_then(|member| member.split_once('('))
        else {
            return;
        };
        let name = name.strip_prefix("async ").unwrap_or(name);
        let plain = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'));
        if name == "constructor" {
            self.constructor = Some(arguments.to_owned());
        } else if plain && !STATEMENTS.contains(&name) && !name.starts_with("__") && name != "free"
        {
            self.methods.insert(name.to_owned());
        }
    }

    fn sort_into(&self, name: &str, declared_objects: &[String], exports: &mut Exports) {
        let declared = declared_objects.iter().any(|class| class == name);
        let Some(arguments) = &self.constructor else {
            exports.others.push(name.to_owned());
            return;
        };
        // What `#[durable_object]` writes.
        let made_by_macro = arguments == "state, env" && self.methods.contains("fetch");
        let class = Class {
            name: name.to_owned(),
            methods: self.methods.iter().cloned().collect(),
        };
        if declared || made_by_macro {
            exports.durable_objects.push(class);
        } else if arguments.split(',').count() == 2 {
            exports.entrypoints.push(class);
        } else {
            exports.others.push(class.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "\
import wasmModule from \"./index_bg.wasm\";

export class Counter {
            free() {
                const ptr = this.__destroy_into_raw();
            }
            /**
 * @returns {Promise<any>}
 */
alarm() {
if (this.__wbg_inst !== undefined) {
throw new Error('Invalid stale object');
}
try {
ret = wasm.counter_alarm(this.__wbg_ptr);
} catch(e) {
}
}
fetch(req) {
}
constructor(state, env) {
}
static make(a) {
}
get size() {
}
}
if (Symbol.dispose) Counter.prototype[Symbol.dispose] = Counter.prototype.free;

export class Admin {
constructor(ctx, env) {
}
audit(day) {
}
}
if (Symbol.dispose) Admin.prototype[Symbol.dispose] = Admin.prototype.free;

class Object2 {
fetch(req) {
}
constructor(state, env) {
}
}
if (Symbol.dispose) Object2.prototype[Symbol.dispose] = Object2.prototype.free;
export { Object2 as Object }

export class R2Range {
get offset() {
}
}
if (Symbol.dispose) R2Range.prototype[Symbol.dispose] = R2Range.prototype.free;

export function __wbg_reset_state () {
}
export function add(a, b) {
}
export function fetch(req, env, ctx) {
}
export function start() {
}
";

    #[test]
    fn handlers_methods_objects_and_entrypoints_are_told_apart() {
        let exports = Declarations::read(GLUE).exports(&[]);
        assert_eq!(exports.handlers, ["fetch"]);
        assert_eq!(exports.methods, ["add"]);
        let class = |name: &str, methods: &[&str]| Class {
            name: name.to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            exports.durable_objects,
            [
                class("Counter", &["alarm", "fetch"]),
                class("Object", &["fetch"])
            ]
        );
        assert_eq!(exports.entrypoints[0].name, "Admin");
        assert_eq!(exports.entrypoints[0].methods, ["audit"]);
        assert_eq!(exports.entrypoints.len(), 1);
    }

    #[test]
    fn a_class_that_the_manifest_names_is_a_durable_object() {
        let exports = Declarations::read(GLUE).exports(&["Admin".to_owned()]);
        assert!(exports.has_durable_object("Admin"));
        assert!(exports.entrypoints.is_empty());
    }
}
