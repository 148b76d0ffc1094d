//! Makes the glue of versions that cannot replace their WebAssembly instance do so.
//!
//! All that such glue knows of its instance, from the memory to the closures that wait for a
//! promise, stands in variables of its module. So the whole of it becomes a function that is called
//! once for each instance: what is left of an old one still finds its own variables, never those
//! of the new one. Exports are variables that each call sets anew.

use std::fmt::Write as _;

use super::WASM;

/// The part that is the same for all; see there for what it does.
const LIFE: &str = include_str!("renewable.js");

/// Where wasm-bindgen's `web` glue has a new instance in its hands.
const INSTANTIATED: &str = "wasm = instance.exports;";

/// Turns the glue of the `web` target into a module with the exports of `js` and those of
/// [`LIFE`]. Fails with the reason where the glue is not written as expected.
pub(super) fn glue(js: &str) -> Result<String, String> {
    if js.matches(INSTANTIATED).count() != 1 || !js.contains("function initSync(") {
        return Err("its module is not written as that of any version that is known".to_owned());
    }
    let mut imports = format!("import $module from \"./{WASM}\";\n");
    let mut body = String::with_capacity(js.len());
    let mut exported = Vec::new();
    for line in js.lines() {
        if line.starts_with("import ") {
            let _ = writeln!(imports, "{line}");
        } else if let Some(rest) = line.strip_prefix("export ") {
            match Export::parse(rest).ok_or_else(|| format!("`{line}` is not understood"))? {
                Export::Declaration(name) => {
                    let _ = writeln!(body, "{rest}");
                    exported.push((name, name));
                }
                Export::List(names) => exported.extend(names),
                Export::Init => {}
            }
        } else {
            let _ = writeln!(
                body,
                "{}",
                line.replace(INSTANTIATED, "wasm = $guard(instance.exports);")
            );
        }
    }
    if exported.is_empty() {
        return Err("its module exports nothing".to_owned());
    }
    // An older one takes the module itself.
    let argument = if body.contains("({module} = module)") {
        "{ module: $module }"
    } else {
        "$module"
    };
    let (mut variables, mut names, mut aliases) = (String::new(), String::new(), String::new());
    for (index, (local, name)) in exported.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(variables, "{separator}$e{index}");
        let _ = write!(names, "{separator}{local}");
        let _ = write!(aliases, "{separator}$e{index} as {name}");
    }
    Ok(format!(
        "{imports}\n{LIFE}\n\
         function $glue() {{\n{body}\ninitSync({argument});\nreturn [{names}];\n}}\n\n\
         let {variables};\n\
         function $start() {{\n  [{variables}] = $glue();\n}}\n\
         $start();\n\
         export {{ {aliases} }};\n"
    ))
}

/// What follows the word `export`.
#[derive(Debug, PartialEq, Eq)]
enum Export<'a> {
    /// A function, class or constant under its own name.
    Declaration(&'a str),
    /// Local names with those that others see.
    List(Vec<(&'a str, &'a str)>),
    /// The functions that instantiate, which nobody calls but us.
    Init,
}

impl<'a> Export<'a> {
    fn parse(rest: &'a str) -> Option<Self> {
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.trim_end_matches([';', ' ']).strip_suffix('}')?;
            let names: Vec<_> = list
                .split(',')
                .map(str::trim)
                .map(|name| name.split_once(" as ").unwrap_or((name, name)))
                .filter(|(local, _)| !matches!(*local, "initSync" | "__wbg_init"))
                .collect();
            return Some(if names.is_empty() {
                Self::Init
            } else {
                Self::List(names)
            });
        }
        if rest.starts_with("default ") {
            return Some(Self::Init);
        }
        let rest = rest.strip_prefix("async ").unwrap_or(rest);
        let rest = ["function ", "class ", "const ", "let "]
            .iter()
            .find_map(|word| rest.strip_prefix(word))?;
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))?;
        (end > 0).then(|| Self::Declaration(&rest[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_every_shape_are_understood() {
        for (text, name) in [
            ("function fetch(req, env, ctx) {", "fetch"),
            ("async function later() {", "later"),
            ("class Counter {", "Counter"),
            ("const Kind = Object.freeze({ A: 0 });", "Kind"),
        ] {
            assert_eq!(
                Export::parse(text),
                Some(Export::Declaration(name)),
                "{text}"
            );
        }
        for text in [
            "{ initSync };",
            "default __wbg_init;",
            "{ initSync, __wbg_init as default };",
        ] {
            assert_eq!(Export::parse(text), Some(Export::Init), "{text}");
        }
        assert_eq!(
            Export::parse("{ Object2 as Object }"),
            Some(Export::List(vec![("Object2", "Object")]))
        );
        assert_eq!(Export::parse("* from './elsewhere.js';"), None);
    }

    #[test]
    fn glue_of_an_unknown_shape_is_refused() {
        assert!(glue("let wasm;\n").is_err());
        let twice = format!("function initSync(module) {{\n{INSTANTIATED}\n{INSTANTIATED}\n}}\n");
        assert!(glue(&twice).is_err());
    }
}
