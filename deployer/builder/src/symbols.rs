//! Turns wasm stack frames into Rust ones.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::dwarf::Lines;
use crate::imports;

/// The names of a module's functions, and its lines where it was compiled with them. Cheap to
/// clone; the module is read at the first question.
#[derive(Clone)]
pub struct Symbols {
    wasm: Bytes,
    names: Arc<OnceLock<BTreeMap<u32, String>>>,
}

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
            names: Arc::default(),
        }
    }

    /// Of a module that was kept from an earlier build: what [`Self::module`] gave.
    pub fn from_module(wasm: Bytes) -> Self {
        Self::of(wasm)
    }

    /// The module itself, to be kept for later.
    pub fn module(&self) -> &Bytes {
        &self.wasm
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
                None if is_glue(line) => {}
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

    fn readable(&self, frame: &Frame<'_>) -> String {
        let names = self.names.get_or_init(|| imports::names(&self.wasm));
        let symbol = names
            .get(&frame.function)
            .map_or_else(|| frame.name.unwrap_or("wasm function"), String::as_str);
        plain(&format!("{:#}", rustc_demangle::demangle(mangled(symbol))))
    }
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

/// A frame of the JavaScript around the module, which is not the user's.
fn is_glue(line: &str) -> bool {
    line.trim_start().starts_with("at ")
        && (line.contains("index.js:") || line.contains("worker.js:"))
}

/// ` (/app/src/page.rs:12)`, or nothing.
fn place(lines: Option<&Lines<'_>>, frame: &Frame<'_>) -> String {
    let place = lines.and_then(|lines| lines.at(frame.offset?));
    place.map_or_else(String::new, |place| format!(" ({place})"))
}

/// `    at todo::page (wasm://wasm/todo-0a1b:wasm-function[123]:0x4567)`
struct Frame<'a> {
    name: Option<&'a str>,
    function: u32,
    /// From the beginning of the module.
    offset: Option<u64>,
}

impl<'a> Frame<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let frame = line.trim_start().strip_prefix("at ")?;
        let (before, after) = frame.split_once("wasm-function[")?;
        let (function, after) = after.split_once(']')?;
        let offset = after
            .strip_prefix(":0x")
            .and_then(|digits| u64::from_str_radix(digits.trim_end_matches(')'), 16).ok());
        Some(Self {
            name: before.rsplit_once(" (").map(|(name, _)| name.trim()),
            function: function.parse().ok()?,
            offset,
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
}
