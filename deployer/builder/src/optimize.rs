//! Makes the module of a release smaller with wasm-opt, as worker-build does.

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tiny_provision::{ProcessGroup, Provisioner, Reporter, WasmOpt};
use tokio::process::Command;

use crate::bundle::hex;
use crate::cargo::Workspace;

/// What rustc writes for wasm32-unknown-unknown, and what wasm-bindgen adds. Not all that wasm-opt
/// knows: it would write encodings that workerd does not read yet.
const FEATURES: [&str; 8] = [
    "mutable-globals",
    "sign-ext",
    "nontrapping-float-to-int",
    "bulk-memory",
    "multivalue",
    "reference-types",
    "exception-handling",
    "simd",
];

/// What a package asks for with `wasm-opt` in `[package.metadata.wasm-pack.profile.release]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Optimize {
    Switch(bool),
    Arguments(Vec<String>),
}

impl Optimize {
    /// Of a package's `metadata`; on where it says nothing that is understood.
    pub(crate) fn of(metadata: &Value) -> Self {
        metadata
            .pointer("/wasm-pack/profile/release/wasm-opt")
            .and_then(|written| Self::deserialize(written).ok())
            .unwrap_or(Self::Switch(true))
    }

    fn arguments(&self) -> Option<Vec<String>> {
        match self {
            Self::Switch(false) => None,
            Self::Switch(true) => Some(vec!["-O".to_owned()]),
            Self::Arguments(given) => Some(given.clone()),
        }
    }
}

/// The module, optimised; `None` where that is switched off or cannot be done, which is noted.
pub(crate) async fn release(
    module: &Bytes,
    workspace: &Workspace,
    provisioner: &Provisioner,
    reporter: &dyn Reporter,
) -> Option<Bytes> {
    let mut arguments = workspace.optimize.arguments()?;
    arguments.extend(FEATURES.map(|feature| format!("--enable-{feature}")));
    // Names make panics readable; they are taken out of what goes to the public afterwards.
    arguments.push("--debuginfo".to_owned());
    match optimized(module, &arguments, workspace, provisioner, reporter).await {
        Ok(optimized) => Some(optimized),
        Err(why) => {
            let package = &workspace.package;
            reporter.note(&format!("`{package}` is not optimised by wasm-opt: {why}"));
            None
        }
    }
}

async fn optimized(
    module: &Bytes,
    arguments: &[String],
    workspace: &Workspace,
    provisioner: &Provisioner,
    reporter: &dyn Reporter,
) -> Result<Bytes, String> {
    let wasm_opt = provisioner
        .wasm_opt()
        .await
        .map_err(|error| error.to_string())?;
    let kept = Kept::new(module, arguments, &wasm_opt, workspace);
    if let Ok(optimized) = fs_err::tokio::read(&kept.path).await {
        return Ok(optimized.into());
    }
    let mut task = reporter.task(&format!("optimising {}", workspace.package));
    task.say("wasm-opt");
    let optimized = run(&wasm_opt, module, arguments).await?;
    kept.put(&optimized);
    task.done(&format!("optimised {}", workspace.package));
    Ok(optimized)
}

async fn run(wasm_opt: &WasmOpt, module: &Bytes, arguments: &[String]) -> Result<Bytes, String> {
    let failed = |error: std::io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(failed)?;
    let (from, to) = (
        folder.path().join("in.wasm"),
        folder.path().join("out.wasm"),
    );
    fs_err::write(&from, module).map_err(failed)?;
    let child = Command::new(&wasm_opt.program)
        .args(&wasm_opt.args)
        .args(arguments)
        .arg(&from)
        .arg("-o")
        .arg(&to)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let mut group = ProcessGroup::of(&child);
    let output = child.wait_with_output().await.map_err(failed)?;
    group.ended();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().find(|line| !line.trim().is_empty());
        return Err(first.unwrap_or("it failed without a reason").to_owned());
    }
    Ok(fs_err::read(&to).map_err(failed)?.into())
}

/// The last result of a package, in cargo's target folder: a deploy that changes nothing must not
/// take the seconds again.
struct Kept {
    folder: Utf8PathBuf,
    path: Utf8PathBuf,
}

impl Kept {
    fn new(
        module: &Bytes,
        arguments: &[String],
        wasm_opt: &WasmOpt,
        workspace: &Workspace,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(wasm_opt.version.to_le_bytes());
        for argument in arguments {
            hash.update(argument);
            hash.update([0]);
        }
        hash.update(module);
        let folder = workspace.target.join("wasm-opt").join(&workspace.package);
        let path = folder.join(format!("{}.wasm", hex(&hash.finalize())));
        Self { folder, path }
    }

    /// Failing to keep it costs only the time.
    fn put(&self, optimized: &Bytes) {
        let write = || -> std::io::Result<()> {
            if self.folder.is_dir() {
                fs_err::remove_dir_all(&self.folder)?;
            }
            fs_err::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            std::io::Write::write_all(&mut file, optimized)?;
            file.persist(Utf8Path::new(&self.path))?;
            Ok(())
        };
        let _ = write();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_wasm_pack_is_told_is_heard() {
        let of = |written: Value| {
            Optimize::of(
                &json!({ "wasm-pack": { "profile": { "release": { "wasm-opt": written } } } }),
            )
            .arguments()
        };
        assert_eq!(of(json!(false)), None);
        assert_eq!(of(json!(["-Oz"])), Some(vec!["-Oz".to_owned()]));
        assert_eq!(
            Optimize::of(&Value::Null).arguments(),
            Some(vec!["-O".to_owned()])
        );
    }
}
