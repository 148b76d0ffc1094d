//! Turns wasm stack frames into Rust ones.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use wasmparser::{Parser, Payload, TypeRef};

use crate::bundle::{GLUE, MAIN};
use crate::dwarf::Lines;
use crate::imports;

/// The names of a module's functions, and its lines where it was compiled with them. Cheap to
/// clone; the module is read at the first question.
#[derive(Clone)]
pub struct Symbols {
    wasm: Bytes,
    /// Of the module, if it has one.
    name: Arc<OnceLock<Option<String>>>,
    names: Arc<OnceLock<BTreeMap<u32, String>>>,
    bodies: Arc<OnceLock<Bodies>>,
    /// The names of modules that are not the user's.
    glue: Arc<[String]>,
}

/// The functions by where their bodies begin, counted from the beginning of the module, with where
/// they end.
type Bodies = BTreeMap<u64, (u64, u32)>;

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Symbols of {} bytes", self.wasm.len())
    }
}

impl Symbols {
    /// Of a module with its name section, and with its debug sections if it has any.
    pub(crate) fn of(wasm: Bytes) -> Self {
        Self {
            wasm,
            name: Arc::default(),
            names: Arc::default(),
            bodies: Arc::default(),
            glue: [MAIN, GLUE].map(str::to_owned).into(),
        }
    }

    /// Where other modules than usual are not the user's.
    #[must_use]
    pub(crate) fn with_glue(mut self, modules: Vec<String>) -> Self {
        self.glue = modules.into();
        self
    }

    /// Of a module that was kept from an earlier build: what [`Self::module`] gave.
    pub fn from_module(wasm: Bytes) -> Self {
        // Either way of building may have made it.
        let around_javascript = ["build/index.js", "build/index_bg.js"];
        let modules = [MAIN, GLUE].into_iter().chain(around_javascript);
        Self::of(wasm).with_glue(modules.map(str::to_owned).collect())
    }

    /// The module itself, to be kept for later.
    pub fn module(&self) -> &Bytes {
        &self.wasm
    }

    /// Whether a text has frames of this module, by the name that it bears.
    pub fn are_of(&self, text: &str) -> bool {
        let name = self.name.get_or_init(|| imports::module_name(&self.wasm));
        name.as_ref()
            .is_some_and(|name| text.contains(&format!("wasm://wasm/{name}-")))
    }

    /// The same text with Rust names in place of wasm frames, and without the frames that are
    /// about panicking and not about the app.
    pub fn symbolise(&self, text: &str) -> String {
        if !text.contains("wasm-function[") && !text.contains("wasm://") {
            return text.to_owned();
        }
        let tables = Lines::of(&self.wasm);
        let mut lines = Vec::new();
        for line in text.lines() {
            match Frame::parse(line) {
                None if self.is_glue(line) => {}
                None => lines.push(line.to_owned()),
                Some(frame) => {
                    let name = self.readable(&frame);
                    if !is_machinery(&name) {
                        lines.push(format!("    at {name}{}", place(tables.as_ref(), &frame)));
                    }
                }
            }
        }
        lines.join("\n")
    }

    /// A frame of the JavaScript around the module, which is not the user's:
    /// `    at Object.fetch (build/index.js:12:3)`.
    fn is_glue(&self, line: &str) -> bool {
        let Some(frame) = line.trim_start().strip_prefix("at ") else {
            return false;
        };
        let place = frame.rsplit_once('(').map_or(frame, |(_, place)| place);
        let place = place.strip_prefix("async ").unwrap_or(place);
        let place = place.strip_prefix("file:///bundle/").unwrap_or(place);
        self.glue
            .iter()
            .filter_map(|module| place.strip_prefix(module.as_str()))
            .any(|rest| rest.starts_with(':'))
    }

    fn function(&self, frame: &Frame<'_>) -> Option<u32> {
        if frame.function.is_some() {
            return frame.function;
        }
        let offset = frame.offset?;
        let bodies = self.bodies.get_or_init(|| bodies(&self.wasm));
        let (_, (end, function)) = bodies.range(..=offset).next_back()?;
        (offset < *end).then_some(*function)
    }

    fn readable(&self, frame: &Frame<'_>) -> String {
        let names = self.names.get_or_init(|| imports::names(&self.wasm));
        let symbol = self
            .function(frame)
            .and_then(|function| names.get(&function))
            .map_or_else(|| frame.name.unwrap_or("wasm function"), String::as_str);
        plain(&format!("{:#}", rustc_demangle::demangle(mangled(symbol))))
    }
}

/// Where each function of a module lies.
fn bodies(wasm: &[u8]) -> Bodies {
    let mut imported = 0;
    let mut bodies = Bodies::new();
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        match payload {
            Payload::ImportSection(section) => {
                let imports = section.into_imports().flatten();
                let functions = imports
                    .filter(|import| matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                imported = functions.count();
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let place = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
                let index = u32::try_from(imported + bodies.len()).unwrap_or(u32::MAX);
                bodies.insert(place(range.start), (place(range.end), index));
            }
            _ => {}
        }
    }
    bodies
}

/// Without what wasm-bindgen adds to the names of its wrappers: `… externref shim`.
fn mangled(symbol: &str) -> &str {
    match symbol.split_once(' ') {
        Some((name, _)) if name.starts_with("_ZN") || name.starts_with("_R") => name,
        _ => symbol,
    }
}

/// Without the hashes that the linker leaves in names: `std[a543996e6e7dbf1e]::fs` and
/// `todo::page::h0123456789abcdef`.
pub(crate) fn plain(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        short.push_str(before);
        rest = match after.split_once(']') {
            Some((hash, after)) if is_hash(hash) => after,
            _ => {
                short.push('[');
                after
            }
        };
    }
    short.push_str(rest);
    match short.rsplit_once("::h") {
        Some((name, hash)) if is_hash(hash) => name.to_owned(),
        _ => short,
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// ` (/app/src/page.rs:12)`, or nothing.
fn place(lines: Option<&Lines<'_>>, frame: &Frame<'_>) -> String {
    let place = lines.and_then(|lines| lines.at(frame.offset?));
    place.map_or_else(String::new, |place| format!(" ({place})"))
}

/// `    at todo::page (wasm://wasm/todo-0a1b:wasm-function[123]:0x4567)`, or as the runtime writes it
/// of code that does not start, `  at wasm://wasm/todo-0a1b:1:17767 in $todo::page`.
struct Frame<'a> {
    name: Option<&'a str>,
    /// Where it is told.
    function: Option<u32>,
    /// From the beginning of the module.
    offset: Option<u64>,
}

impl<'a> Frame<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let frame = line.trim_start().strip_prefix("at ")?;
        if let Some(frame) = Self::of_start(frame) {
            return Some(frame);
        }
        let (before, after) = frame.split_once("wasm-function[")?;
        let (function, after) = after.split_once(']')?;
        let offset = after
            .strip_prefix(":0x")
            .and_then(|digits| u64::from_str_radix(digits.trim_end_matches(')'), 16).ok());
        Some(Self {
            name: before.rsplit_once(" (").map(|(name, _)| name.trim()),
            function: Some(function.parse().ok()?),
            offset,
        })
    }

    fn of_start(frame: &'a str) -> Option<Self> {
        let (place, name) = match frame.split_once(" in ") {
            Some((place, name)) => (place, Some(name.trim_start_matches('$'))),
            None => (frame, None),
        };
        let (_, column) = place.strip_prefix("wasm://")?.rsplit_once(":1:")?;
        // Columns count from 1.
        let column: u64 = column.parse().ok()?;
        Some(Self {
            name,
            function: None,
            offset: Some(column.checked_sub(1)?),
        })
    }
}

/// Frames between a panic and the code that panicked, and of what runs futures.
fn is_machinery(name: &str) -> bool {
    const PREFIXES: [&str; 17] = [
        "core::panicking::",
        "std::panicking::",
        "std::sys::",
        "std::panic::",
        "core::option::",
        "core::result::",
        "core::ops::function::",
        "<core::panic::unwind_safe::",
        "<alloc::boxed::Box<F,A> as core::ops::function::Fn",
        "rust_panic",
        "__rust",
        "__wbg_",
        "__wbindgen",
        "js_sys::Error",
        "js_sys::futures::",
        "wasm_bindgen::",
        "worker::init::",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.contains("panicking::")
        || name.contains("::__wasm_bindgen_generated_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[(u32, &str)]) -> Symbols {
        let symbols = Symbols::of(Bytes::new());
        let names = names
            .iter()
            .map(|(index, name)| (*index, (*name).to_owned()))
            .collect();
        symbols.names.set(names).unwrap();
        symbols
    }

    #[test]
    fn wasm_frames_become_rust_names_and_panic_machinery_goes() {
        let symbols = symbols(&[
            (1, "_ZN4todo4page6render17h0123456789abcdefE"),
            (2, "core[c5930c85a12de822]::panicking::panic_fmt"),
            (3, "todo::Store<[u8]>::open::h0123456789abcdef"),
        ]);
        let text = "Error: Rust panic: boom\n    at wasm://wasm/todo.wasm-1:wasm-function[2]:0x10\n    at render (wasm://wasm/todo.wasm-1:wasm-function[1]:0x20)\n    at open (wasm://wasm/todo.wasm-1:wasm-function[3]:0x30)\n    at fetch (index.js:1:2)";
        assert_eq!(
            symbols.symbolise(text),
            "Error: Rust panic: boom\n    at todo::page::render\n    at todo::Store<[u8]>::open"
        );
    }

    #[test]
    fn frames_belong_to_the_module_that_they_name() {
        // A name section with the name of the module alone.
        let wasm = b"\0asm\x01\0\0\0\0\x0d\x04name\0\x06\x05shop1".as_slice();
        let symbols = Symbols::of(Bytes::from_static(wasm));
        let frame =
            |module: &str| format!("Error\n    at wasm://wasm/{module}-0a1b:wasm-function[1]:0x2");
        assert!(symbols.are_of(&frame("shop1")));
        assert!(!symbols.are_of(&frame("shop")));
        assert!(!Symbols::of(Bytes::new()).are_of(&frame("shop1")));
    }

    #[test]
    fn frames_of_the_users_javascript_stay() {
        let text = "Error: boom\n    at wasm://wasm/todo.wasm-1:wasm-function[1]:0x20\n    at run (build/index.js:9:1)\n    at async Object.fetch (src/index.js:1:2)\n    at worker.js:3:4";
        let symbols = symbols(&[(1, "todo::page")]);
        let names = ["build/index.js", "build/index_bg.js"];
        let symbols = symbols.with_glue(names.map(str::to_owned).to_vec());
        assert_eq!(
            symbols.symbolise(text),
            "Error: boom\n    at todo::page\n    at async Object.fetch (src/index.js:1:2)\n    at worker.js:3:4"
        );
    }

    #[test]
    fn frames_of_a_failed_start_are_found_by_their_places() {
        let symbols = symbols(&[
            (1, "_ZN4todo4page6render17h0123456789abcdefE"),
            (2, "core[c5930c85a12de822]::panicking::panic_fmt"),
        ]);
        let places = [(10, (20, 1)), (20, (40, 2))].into();
        symbols.bodies.set(places).unwrap();
        let text = "Uncaught RuntimeError: unreachable\n  at wasm://wasm/todo.wasm-1:1:31 in $core::panicking\n  at wasm://wasm/todo.wasm-1:1:15\n  at wasm://wasm/todo.wasm-1:1:99 in $elsewhere";
        assert_eq!(
            symbols.symbolise(text),
            "Uncaught RuntimeError: unreachable\n    at todo::page::render\n    at elsewhere"
        );
    }

    #[test]
    fn functions_of_a_module_are_where_its_code_is() {
        // One import, and two functions of two bytes and of three.
        let wasm = [
            b"\0asm\x01\0\0\0".as_slice(),
            b"\x01\x04\x01\x60\0\0",
            b"\x02\x07\x01\x01a\x01b\0\0",
            b"\x03\x03\x02\0\0",
            b"\x0a\x08\x02\x02\0\x0b\x03\0\x01\x0b",
        ]
        .concat();
        let found = bodies(&wasm);
        assert_eq!(
            found.values().map(|(_, index)| *index).collect::<Vec<_>>(),
            [1, 2]
        );
        let lengths: Vec<_> = found.iter().map(|(start, (end, _))| end - start).collect();
        assert_eq!(lengths, [2, 3]);
    }
}
