//! Source lines for places in a module: read from its debug sections, which never go to a runtime.

use std::collections::BTreeMap;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use bytes::Bytes;
use wasmparser::{Parser, Payload};

const PREFIX: &str = ".debug_";
const NAMES: &str = "name";

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// The module without debug sections, and without the names of its functions unless those shall
/// stay. They come after the code, so that every place in it stays.
pub(crate) fn strip(wasm: &Bytes, keep_names: bool) -> Bytes {
    let mut kept = Vec::with_capacity(wasm.len());
    let mut end = 0;
    for payload in Parser::new(0).parse_all(wasm).flatten() {
        let Some((_, range)) = payload.as_section() else {
            continue;
        };
        let goes = matches!(&payload, Payload::CustomSection(section)
            if section.name().starts_with(PREFIX) || (section.name() == NAMES && !keep_names));
        // From the end of the last section, for the range is without this one's head.
        if !goes {
            kept.extend_from_slice(&wasm[end..range.end]);
        }
        end = range.end;
    }
    if end == 0 { wasm.clone() } else { kept.into() }
}

/// The line tables of one module.
pub(crate) struct Lines<'a> {
    context: Context<Reader<'a>>,
    /// Where the code begins; the tables count from there.
    code: u64,
}

impl<'a> Lines<'a> {
    /// Nothing where the module was compiled without them.
    pub(crate) fn of(wasm: &'a [u8]) -> Option<Self> {
        let mut sections: BTreeMap<&str, &'a [u8]> = BTreeMap::new();
        let mut code = None;
        for payload in Parser::new(0).parse_all(wasm).flatten() {
            match payload {
                Payload::CodeSectionStart { range, .. } => code = u64::try_from(range.start).ok(),
                Payload::CustomSection(section) if section.name().starts_with(PREFIX) => {
                    sections.insert(section.name(), section.data());
                }
                _ => {}
            }
        }
        let code = code.filter(|_| sections.contains_key(".debug_line"))?;
        let section = |id: SectionId| {
            let bytes = sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, addr2line::gimli::Error>(Reader::new(bytes, LittleEndian))
        };
        let context = Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
        Some(Self { context, code })
    }

    /// `/app/src/page.rs:12` for a distance from the module's beginning.
    pub(crate) fn at(&self, offset: u64) -> Option<String> {
        let place = offset.checked_sub(self.code)?;
        let location = self.context.find_location(place).ok()??;
        Some(format!("{}:{}", location.file?, location.line?))
    }
}
