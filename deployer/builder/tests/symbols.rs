//! Stack traces of real panics, in Rust's words.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use support::package::builder;
use support::{Host, Package, everything};
use tiny_builder::{Build, Profile};

/// What the log says of a panic, made readable.
async fn trace(build: &Build, path: &str) -> String {
    let mut host = Host::runs(build).await;
    host.get(path).await;
    // The last frame is the glue's.
    let said = host.says("    at real (index.js").await;
    build.symbols.symbolise(&said)
}

#[tokio::test]
async fn frames_have_rust_names_and_no_machinery() {
    let trace = trace(&everything().await, "/panic").await;
    assert!(trace.contains("the secret of this panic"), "{trace}");
    assert!(trace.contains("at everything::panics"), "{trace}");
    for noise in [
        "wasm-function[",
        "panicking",
        "__wbg_",
        "core::",
        "js_sys",
        "index.js",
    ] {
        assert!(!trace.contains(noise), "{noise} in {trace}");
    }
}

#[tokio::test]
async fn with_lines_frames_name_file_and_line() {
    let package = Package::everything("with-lines");
    let request = package.request(Profile::Dev);
    let build = builder().with_lines().build(&request).await.unwrap();
    let trace = trace(&build, "/panic").await;
    let source = std::fs::read_to_string(package.path("src/lib.rs")).unwrap();
    let line = 1 + source
        .lines()
        .position(|line| line.contains("the secret of this panic"))
        .unwrap();
    let place = format!("src/lib.rs:{line})");
    assert!(trace.contains(&place), "no {place} in {trace}");

    // Lines are for us; what runs is not larger for them.
    let wasm = build.bundle.wasm().unwrap();
    let section = b".debug_line";
    assert!(!wasm.windows(section.len()).any(|part| part == section));
}
