//! The version that is linked into this program. Its glue can replace its instance by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::Utf8Path;
use tokio::process::Command;
use wasm_bindgen_cli_support::Bindgen;

use super::{BUILT_IN, Files, Keep, STEM};
use crate::{BuildError, Profile};

/// Variables of the glue module that the shim has to see, and what it calls them.
const LIFE: [(&str, &str); 2] = [
    ("__wbg_instance_id", "$instance"),
    ("__wbg_called_abort", "$aborted"),
];

/// The glue module, with what the shim has to see of it exported.
pub(super) fn with_life(js: &str) -> Result<String, BuildError> {
    // workerd knows source phase imports only behind a flag; a plain import of a wasm module is
    // the compiled module all the same.
    let mut js = js.replacen("import source ", "import ", 1);
    for (variable, name) in LIFE {
        if !js.contains(&format!("let {variable} = ")) {
            return Err(failed(
                &"its module does not say when an instance has ended",
            ));
        }
        let _ = write!(js, "\nexport {{ {variable} as {name} }};");
    }
    Ok(js)
}

/// The name under which a program passes its arguments on to [`bindgen_main`].
const OWN_COMMAND: &str = "__wasm-bindgen";

/// What [`Builder::with_own_process`](crate::Builder::with_own_process) starts: reads the wasm
/// file that the first argument names and writes the module into the folder of the second.
pub fn bindgen_main(args: impl Iterator<Item = std::ffi::OsString>) -> Result<(), BuildError> {
    let args: Vec<_> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let [wasm, out, profile, lines] = args.as_slice() else {
        return Err(failed(&"it takes four arguments"));
    };
    let keep = Keep {
        profile: if profile == Profile::Release.folder() {
            Profile::Release
        } else {
            Profile::Dev
        },
        lines: lines == LINES,
    };
    let wasm = fs_err::read(wasm).map_err(BuildError::Io)?;
    let mut bindgen = configured(wasm, keep)?;
    bindgen.generate(out).map_err(|error| failed(&error))
}

/// The argument that asks for debug sections.
const LINES: &str = "lines";

/// The call of a program that ends in [`bindgen_main`].
pub(super) fn command(program: &Utf8Path, wasm: &Utf8Path, out: &Utf8Path, keep: Keep) -> Command {
    let mut command = Command::new(program);
    command.args([
        OWN_COMMAND,
        wasm.as_str(),
        out.as_str(),
        keep.profile.folder(),
    ]);
    command.arg(if keep.lines { LINES } else { "" });
    command
}

pub(super) fn failed(error: &dyn std::fmt::Debug) -> BuildError {
    BuildError::Bindgen {
        version: BUILT_IN.to_owned(),
        why: format!("{error:?}"),
    }
}

fn configured(wasm: Vec<u8>, keep: Keep) -> Result<Bindgen, BuildError> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_bytes(STEM, wasm)
        .typescript(false)
        // Done for the few names that are shown, when they are.
        .demangle(false)
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .keep_debug(keep.lines)
        .remove_producers_section(!keep.names());
    bindgen.module(true).map_err(|error| failed(&error))?;
    Ok(bindgen)
}

pub(super) fn in_process(wasm: Vec<u8>, keep: Keep) -> Result<Files, BuildError> {
    let mut bindgen = configured(wasm, keep)?;
    let mut output = bindgen.generate_output().map_err(|error| failed(&error))?;
    let mut snippets = BTreeMap::new();
    for (crate_name, files) in output.snippets() {
        for (index, text) in files.iter().enumerate() {
            snippets.insert(
                format!("snippets/{crate_name}/inline{index}.js"),
                text.clone(),
            );
        }
    }
    for (path, text) in output.local_modules() {
        snippets.insert(format!("snippets/{path}"), text.clone());
    }
    Ok(Files {
        js: output.js().to_owned(),
        wasm: output.wasm_mut().emit_wasm().into(),
        snippets,
    })
}
