//! Finds in wasm-bindgen's module what the platform may call.

use std::collections::BTreeSet;

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
}

/// An exported class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    pub name: String,
    pub methods: Vec<String>,
}

impl Exports {
    /// Whether a Durable Object class of that name is there.
    pub fn has_durable_object(&self, class: &str) -> bool {
        self.durable_objects.iter().any(|found| found.name == class)
    }
}

/// Handlers of a worker; they take the event, the environment and the context.
const HANDLERS: [&str; 6] = ["fetch", "scheduled", "queue", "email", "tail", "connect"];

/// Reads the glue module. wasm-bindgen writes one declaration per line, members indented by four.
pub(crate) fn find(js: &str, declared_objects: &[String]) -> Exports {
    let mut exports = Exports::default();
    let mut lines = js.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line
            .strip_prefix("export class ")
            .and_then(|rest| rest.strip_suffix(" {"))
        {
            let class = Members::read(&mut lines);
            class.sort_into(name, declared_objects, &mut exports);
        } else if let Some(name) = function(line).filter(|name| !name.starts_with("__"))
            // It has run when the module was instantiated.
            && name != "start"
        {
            if HANDLERS.contains(&name) {
                exports.handlers.push(name.to_owned());
            } else {
                exports.methods.push(name.to_owned());
            }
        }
    }
    exports
}

fn function(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("export function ")
        .or_else(|| line.strip_prefix("export async function "))?;
    rest.split_once('(').map(|(name, _)| name.trim())
}

#[derive(Default)]
struct Members {
    constructor: Option<String>,
    methods: BTreeSet<String>,
}

impl Members {
    fn read<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Self {
        let mut members = Self::default();
        for line in lines.take_while(|line| *line != "}") {
            let Some((name, arguments)) = line
                .strip_prefix("    ")
                .filter(|member| !member.starts_with([' ', '*', '/', '}']))
                .and_then(|member| member.strip_suffix(" {"))
                .and_then(|member| member.split_once('('))
            else {
                continue;
            };
            let name = name.strip_prefix("async ").unwrap_or(name);
            if name == "constructor" {
                members.constructor = Some(arguments.trim_end_matches(')').to_owned());
            } else if !name.contains(' ') && !name.starts_with("__") && name != "free" {
                members.methods.insert(name.to_owned());
            }
        }
        members
    }

    fn sort_into(self, name: &str, declared_objects: &[String], exports: &mut Exports) {
        let declared = declared_objects.iter().any(|class| class == name);
        let Some(arguments) = self.constructor else {
            return;
        };
        // What `#[durable_object]` writes.
        let made_by_macro = arguments == "state, env" && self.methods.contains("fetch");
        let class = Class {
            name: name.to_owned(),
            methods: self.methods.into_iter().collect(),
        };
        if declared || made_by_macro {
            exports.durable_objects.push(class);
        } else if arguments.split(',').count() == 2 {
            exports.entrypoints.push(class);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "\
export class Counter {
    free() {
    }
    /**
     * @returns {Promise<any>}
     */
    alarm() {
        if (x) {
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
export class Admin {
    constructor(ctx, env) {
    }
    audit(day) {
    }
}
export class R2Range {
    get offset() {
    }
}
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
        let exports = find(GLUE, &[]);
        assert_eq!(exports.handlers, ["fetch"]);
        assert_eq!(exports.methods, ["add"]);
        assert_eq!(
            exports.durable_objects,
            [Class {
                name: "Counter".to_owned(),
                methods: vec!["alarm".to_owned(), "fetch".to_owned()],
            }]
        );
        assert_eq!(exports.entrypoints[0].name, "Admin");
        assert_eq!(exports.entrypoints[0].methods, ["audit"]);
        assert_eq!(exports.entrypoints.len(), 1);
    }

    #[test]
    fn a_class_that_the_manifest_names_is_a_durable_object() {
        let exports = find(GLUE, &["Admin".to_owned()]);
        assert!(exports.has_durable_object("Admin"));
        assert!(exports.entrypoints.is_empty());
    }
}
