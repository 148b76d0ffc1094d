//! Turns wasm stack frames into Rust ones.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{Bundle, imports};

/// The names of a bundle's functions. Cheap to clone; the module is read at the first question.
#[derive(Debug, Clone)]
pub struct Symbols {
    wasm: Bytes,
    names: Arc<OnceLock<BTreeMap<u32, String>>>,
}

impl Symbols {
    pub(crate) fn of(bundle: &Bundle) -> Self {
        Self {
            wasm: bundle.wasm().cloned().unwrap_or_default(),
            names: Arc::default(),
        }
    }

    /// The same text with Rust names in place of wasm frames, and without the frames that are
    /// about panicking and not about the app.
    pub fn symbolise(&self, text: &str) -> String {
        if !text.contains("wasm-function[") && !text.contains("wasm://") {
            return text.to_owned();
        }
        let mut lines = Vec::new();
        for line in text.lines() {
            match Frame::parse(line) {
                None => lines.push(line.to_owned()),
                Some(frame) => {
                    let name = self.readable(&frame);
                    if !is_machinery(&name) {
                        lines.push(format!("    at {name}"));
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
        format!("{:#}", rustc_demangle::demangle(symbol))
    }
}

/// `    at todo::page (wasm://wasm/todo-0a1b:wasm-function[123]:0x4567)`
struct Frame<'a> {
    name: Option<&'a str>,
    function: u32,
}

impl<'a> Frame<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let frame = line.trim_start().strip_prefix("at ")?;
        let (before, after) = frame.split_once("wasm-function[")?;
        let function = after.split_once(']')?.0.parse().ok()?;
        let name = before.rsplit_once(" (").map(|(name, _)| name.trim());
        Some(Self { name, function })
    }
}

/// Frames between a panic and the code that panicked, and of the glue around every call.
fn is_machinery(name: &str) -> bool {
    const PREFIXES: [&str; 11] = [
        "core::panicking::",
        "std::panicking::",
        "std::sys::",
        "std::panic::",
        "rust_panic",
        "__rust",
        "__wbg_",
        "__wbindgen",
        "js_sys::Error::new",
        "js_sys::Error",
        "wasm_bindgen::",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.starts_with("worker::init::")
        || name.contains("panicking::")
        || name.starts_with("<alloc::boxed::Box<F,A> as core::ops::function::Fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(names: &[(u32, &str)]) -> Symbols {
        let symbols = Symbols {
            wasm: Bytes::new(),
            names: Arc::default(),
        };
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
            (2, "core::panicking::panic_fmt"),
        ]);
        let text = "Error: Rust panic: boom\n    at wasm://wasm/todo.wasm-1:wasm-function[2]:0x10\n    at render (wasm://wasm/todo.wasm-1:wasm-function[1]:0x20)\n    at fetch (index.js:1:2)";
        assert_eq!(
            symbols.symbolise(text),
            "Error: Rust panic: boom\n    at todo::page::render\n    at fetch (index.js:1:2)"
        );
    }
}
