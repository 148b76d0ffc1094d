//! An app that is locked to another wasm-bindgen than ours gets the program of its version.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use support::Package;
use tiny_builder::{Builder, Profile};
use tiny_provision::{Environment, Provisioner, Silent};

/// Stands in for the program: what it is asked for is what a real one has to be asked for.
const PROGRAM: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo "wasm-bindgen 0.2.129"; exit; fi
while [ $# -gt 1 ]; do
  [ "$1" = --out-dir ] && out=$2
  shift
done
mkdir -p "$out/snippets/a" && cp "$1" "$out/index_bg.wasm"
echo "export const one = 1;" > "$out/snippets/a/inline0.js"
cat > "$out/index.js" <<'GLUE'
import { one } from './snippets/a/inline0.js';
let wasm;
export function add(a, b) {
}
function initSync(module) {
    const instance = new WebAssembly.Instance(module, {});
    wasm = instance.exports;
}
export { initSync };
export default __wbg_init;
GLUE
"#;

#[tokio::test]
async fn a_program_of_the_right_version_on_the_path_is_used() {
    let package = Package::new("older", "wasm-bindgen = \"=0.2.129\"\n")
        .with_file(
            "src/lib.rs",
            "#[wasm_bindgen::prelude::wasm_bindgen]\npub fn add(a: u32, b: u32) -> u32 { a + b }\n",
        )
        .with_file("bin/wasm-bindgen", PROGRAM);
    let program = package.path("bin/wasm-bindgen");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let environment = Environment::current()
        .unwrap()
        .with("PATH", format!("{}:{path}", program.parent().unwrap()));
    let provisioner = Provisioner::new(environment, Arc::new(Silent)).unwrap();
    let builder = Builder::new(provisioner, Arc::new(Silent));

    let build = builder.build(&package.request(Profile::Dev)).await.unwrap();
    assert_eq!(build.exports.methods, ["add"]);
    let names: Vec<&str> = build
        .bundle
        .modules
        .iter()
        .map(|module| module.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "worker.js",
            "index.js",
            "index_bg.wasm",
            "snippets/a/inline0.js"
        ]
    );
    // Its instance can be replaced, which such glue cannot do by itself.
    let glue = std::str::from_utf8(&build.bundle.modules[1].body).unwrap();
    for part in [
        "import { one } from './snippets/a/inline0.js';",
        "export function __wbg_reset_state()",
        "export { $e0 as add };",
    ] {
        assert!(glue.contains(part), "{part} is not in {glue}");
    }
}
