//! Finds imports of a compiled module that nothing will satisfy, and who wants them.

use std::collections::BTreeMap;
use std::fmt;

use crate::symbols;
use wasmparser::{KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// A function that a crate takes for granted and no worker has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsatisfiedImport {
    /// `env`, `wasi_snapshot_preview1`, …
    pub module: String,
    pub name: String,
    /// Crates with functions that call it, as far as names tell.
    pub crates: Vec<String>,
}

impl fmt::Display for UnsatisfiedImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from `{}`", self.name, self.module)?;
        if !self.crates.is_empty() {
            write!(f, ", wanted by {}", self.crates.join(", "))?;
        }
        Ok(())
    }
}

/// All such imports of a module straight from the compiler.
pub(crate) fn unsatisfied(wasm: &[u8]) -> Vec<UnsatisfiedImport> {
    let mut functions = 0;
    // By function index.
    let mut foreign = BTreeMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::ImportSection(section)) => {
                for import in section.into_imports().flatten() {
                    let is_function = matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                    if !import.module.starts_with("__wbindgen") {
                        let key = if is_function { functions } else { u32::MAX };
                        foreign.insert((key, import.name.to_owned()), import.module.to_owned());
                    }
                    functions += u32::from(is_function);
                }
            }
            Ok(Payload::CodeSectionStart { .. }) if foreign.is_empty() => return Vec::new(),
            _ => {}
        }
    }
    if foreign.is_empty() {
        return Vec::new();
    }
    let callers = callers(wasm, functions);
    let names = names(wasm);
    foreign
        .into_iter()
        .map(|((index, name), module)| {
            let mut crates: Vec<String> = callers
                .get(&index)
                .into_iter()
                .flatten()
                .filter_map(|caller| crate_of(names.get(caller)?))
                .collect();
            crates.sort();
            crates.dedup();
            UnsatisfiedImport {
                module,
                name,
                crates,
            }
        })
        .collect()
}

/// Which functions call each imported one.
fn callers(wasm: &[u8], imported: u32) -> BTreeMap<u32, Vec<u32>> {
    let mut callers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut index = imported;
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(Payload::CodeSectionEntry(body)) = payload else {
            continue;
        };
        if let Ok(operators) = body.get_operators_reader() {
            for operator in operators.into_iter().flatten() {
                if let Operator::Call { function_index } = operator
                    && function_index < imported
                {
                    callers.entry(function_index).or_default().push(index);
                }
            }
        }
        index += 1;
    }
    callers
}

/// The name of a module.
pub(crate) fn module_name(wasm: &[u8]) -> Option<String> {
    name_sections(wasm).find_map(|name| match name {
        Name::Module { name, .. } => Some(name.to_owned()),
        _ => None,
    })
}

/// The names of functions by index.
pub(crate) fn names(wasm: &[u8]) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for subsection in name_sections(wasm) {
        if let Name::Function(map) = subsection {
            for naming in map.into_iter().flatten() {
                names.insert(naming.index, naming.name.to_owned());
            }
        }
    }
    names
}

fn name_sections(wasm: &[u8]) -> impl Iterator<Item = Name<'_>> {
    Parser::new(0)
        .parse_all(wasm)
        .filter_map(|payload| match payload {
            Ok(Payload::CustomSection(section)) => match section.as_known() {
                KnownCustom::Name(section) => Some(section),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|section| section.into_iter().flatten())
}

/// `_RNvNtCs…_9getrandom3imp` and `<getrandom::Error as …>::fmt` → `getrandom`
fn crate_of(symbol: &str) -> Option<String> {
    let readable = symbols::plain(&format!("{:#}", rustc_demangle::demangle(symbol)));
    let (first, rest) = readable.split_once("::")?;
    let name = first.trim_start_matches(['<', '&', '*', '[', '(']);
    let name = name.rsplit(' ').next().unwrap_or(name);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (plain && !rest.is_empty()).then(|| name.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_is_the_first_word_of_a_symbol() {
        for symbol in [
            "zstd_sys::bindings::compress",
            "<zstd_sys::Context as core::ops::drop::Drop>::drop",
            "_ZN8zstd_sys8bindings8compress17h0123456789abcdefE",
            "zstd_sys[c5930c85a12de822]::bindings::compress",
        ] {
            assert_eq!(crate_of(symbol).as_deref(), Some("zstd-sys"), "{symbol}");
        }
        assert_eq!(crate_of("memcpy"), None);
    }
}
