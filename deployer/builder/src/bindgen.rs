//! Runs wasm-bindgen: inside this process when the app is locked to the version that is built in,
//! else the program of the right version.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;

use bytes::Bytes;
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};
use tiny_provision::{ProcessGroup, Provisioner};
use tokio::process::Command;
use wasm_bindgen_cli_support::Bindgen;

use crate::cargo::Compiled;
use crate::{BuildError, Profile, dwarf, imports};

/// The version that is built in; see the workspace's Cargo.toml.
const BUILT_IN: &str = "0.2.130";
/// The name of the glue module, without its extension.
const STEM: &str = "index";
/// Where the wasm module lies beside it.
pub(crate) const WASM: &str = "index_bg.wasm";

/// Variables of the glue module that the shim has to see, and what it calls them.
const LIFE: [(&str, &str); 2] = [
    ("__wbg_instance_id", "$instance"),
    ("__wbg_called_abort", "$aborted"),
];

/// What wasm-bindgen makes of a module.
#[derive(Debug, Clone)]
pub(crate) struct Glue {
    /// The hash of what it was made from.
    pub(crate) source: [u8; 32],
    pub(crate) js: String,
    /// What runs: without debug sections, and in a release without names.
    pub(crate) wasm: Bytes,
    /// The same with all that there is of them.
    pub(crate) unstripped: Bytes,
    /// JavaScript that crates bring along, by its path from the glue module.
    pub(crate) snippets: BTreeMap<String, String>,
}

/// What is kept in the module beside the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    pub(crate) profile: Profile,
    /// Debug sections.
    pub(crate) lines: bool,
}

impl Keep {
    /// In what runs: function names, and the names of the tools that made it.
    fn names(self) -> bool {
        self.profile == Profile::Dev
    }

    /// What runs, of a module with everything.
    fn of(self, unstripped: &Bytes) -> Bytes {
        if self.names() && !self.lines {
            // Every edit comes this way, and there is nothing to take out.
            unstripped.clone()
        } else {
            dwarf::strip(unstripped, self.names())
        }
    }
}

/// Identifies an input.
pub(crate) fn hash(wasm: &[u8], profile: Profile) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(profile.folder());
    hash.update(wasm);
    hash.finalize().into()
}

/// Makes the glue for a compiled module.
pub(crate) async fn run(
    wasm: Vec<u8>,
    source: [u8; 32],
    compiled: &Compiled,
    keep: Keep,
    own_process: Option<&Utf8Path>,
    provisioner: &Provisioner,
) -> Result<Glue, BuildError> {
    let Some(version) = &compiled.bindgen else {
        return Err(BuildError::NoBindgen {
            package: compiled.package.clone(),
        });
    };
    let unsatisfied = imports::unsatisfied(&wasm);
    if !unsatisfied.is_empty() {
        return Err(BuildError::Imports {
            package: compiled.package.clone(),
            imports: unsatisfied,
        });
    }
    let mut glue = match own_process {
        _ if version != BUILT_IN => {
            let program = provisioner.wasm_bindgen(version).await?;
            let command = |out: &Utf8Path| published(&program, &compiled.wasm, out, keep);
            as_program(command, &program, version, source, keep).await?
        }
        Some(program) => {
            let command = |out: &Utf8Path| built_in(program, &compiled.wasm, out, keep);
            as_program(command, program, version, source, keep).await?
        }
        None => tokio::task::spawn_blocking(move || in_process(wasm, source, keep))
            .await
            .map_err(|panic| failed(&panic))??,
    };
    // workerd knows source phase imports only behind a flag; a plain import of a wasm module is
    // the compiled module all the same.
    glue.js = glue.js.replacen("import source ", "import ", 1);
    if !LIFE
        .iter()
        .all(|(variable, _)| glue.js.contains(&format!("let {variable} = ")))
    {
        return Err(BuildError::Bindgen {
            version: version.clone(),
            why: "its module does not say when an instance has ended".to_owned(),
        });
    }
    for (variable, name) in LIFE {
        let _ = write!(glue.js, "\nexport {{ {variable} as {name} }};");
    }
    if let Some(module) = npm_import(&glue.js) {
        return Err(BuildError::NpmImport {
            package: compiled.package.clone(),
            module,
        });
    }
    Ok(glue)
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

fn built_in(program: &Utf8Path, wasm: &Utf8Path, out: &Utf8Path, keep: Keep) -> Command {
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

fn failed(error: &dyn std::fmt::Debug) -> BuildError {
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

fn in_process(wasm: Vec<u8>, source: [u8; 32], keep: Keep) -> Result<Glue, BuildError> {
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
    let unstripped: Bytes = output.wasm_mut().emit_wasm().into();
    Ok(Glue {
        source,
        js: output.js().to_owned(),
        wasm: keep.of(&unstripped),
        unstripped,
        snippets,
    })
}

/// The program as wasm-bindgen publishes it.
fn published(program: &Utf8Path, wasm: &Utf8Path, out: &Utf8Path, keep: Keep) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--target", "module", "--no-typescript"])
        .args(["--out-name", STEM, "--out-dir", out.as_str()])
        .args(["--experimental-reset-state-function"])
        .args(["--force-enable-abort-handler"])
        .arg(wasm);
    if keep.lines {
        command.arg("--keep-debug");
    }
    if !keep.names() {
        command.arg("--remove-producers-section");
    }
    command
}

/// Runs what `command` gives for a folder, and reads what is in it afterwards.
async fn as_program(
    command: impl FnOnce(&Utf8Path) -> Command,
    program: &Utf8Path,
    version: &str,
    source: [u8; 32],
    keep: Keep,
) -> Result<Glue, BuildError> {
    let failed = |why: String| BuildError::Bindgen {
        version: version.to_owned(),
        why,
    };
    let folder = tempfile::tempdir().map_err(BuildError::Io)?;
    let out = Utf8Path::from_path(folder.path())
        .ok_or_else(|| failed("the folder for temporary files is not valid UTF-8".to_owned()))?;
    let mut command = command(out);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().map_err(|source| BuildError::Start {
        program: program.to_owned(),
        source,
    })?;
    let mut group = ProcessGroup::of(&child);
    let output = child.wait_with_output().await.map_err(BuildError::Io)?;
    group.ended();
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let mut snippets = BTreeMap::new();
    gather(&out.join("snippets"), "snippets", &mut snippets).map_err(BuildError::Io)?;
    let unstripped: Bytes = fs_err::read(out.join(WASM)).map_err(BuildError::Io)?.into();
    Ok(Glue {
        source,
        js: fs_err::read_to_string(out.join(format!("{STEM}.js"))).map_err(BuildError::Io)?,
        wasm: keep.of(&unstripped),
        unstripped,
        snippets,
    })
}

/// Reads all files below `folder`, named by their path from it.
fn gather(
    folder: &Utf8Path,
    name: &str,
    into: &mut BTreeMap<String, String>,
) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let name = format!("{name}/{}", entry.file_name());
        if entry.file_type()?.is_dir() {
            gather(entry.path(), &name, into)?;
        } else {
            into.insert(name, fs_err::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

/// The first import that neither the bundle nor the platform provides.
fn npm_import(js: &str) -> Option<String> {
    js.lines()
        .take_while(|line| line.is_empty() || line.starts_with("import "))
        .filter_map(|line| line.rsplit_once(" from "))
        .map(|(_, module)| module.trim_matches([';', '"', '\'', ' ']))
        .find(|module| {
            !["./", "../", "cloudflare:", "node:", "workerd:"]
                .iter()
                .any(|known| module.starts_with(known))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        let entry = format!("name = \"wasm-bindgen-cli-support\"\nversion = \"{BUILT_IN}\"");
        assert!(lock.contains(&entry), "update BUILT_IN");
    }

    #[test]
    fn packages_that_need_a_bundler_are_named() {
        let js = "import * as a from './snippets/x/inline0.js';\nimport { connect } from \"cloudflare:sockets\";\nimport wasmModule from \"./index_bg.wasm\";\n";
        assert_eq!(npm_import(js), None);
        let js = format!("import * as left from \"left-pad\";\n{js}");
        assert_eq!(npm_import(&js).as_deref(), Some("left-pad"));
    }
}
