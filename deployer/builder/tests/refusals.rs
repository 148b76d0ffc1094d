//! Crates that cannot become a worker are told why, before anything runs.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use miette::Diagnostic as _;
use support::Package;
use tiny_builder::BuildError;

#[tokio::test]
async fn a_function_that_no_worker_has_is_named_with_the_crate_that_wants_it() {
    // Its clock is a function of Emscripten's unless a feature says otherwise.
    let package = Package::handler(
        "wants-a-clock",
        "instant = \"0.1\"\n",
        "Response::ok(format!(\"{:?}\", instant::Instant::now()))",
    );
    let error = package.refusal().await;
    let BuildError::Imports { imports, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(imports.len(), 1, "{error}");
    assert_eq!(imports[0].module, "env");
    assert_eq!(imports[0].crates, ["instant"]);
    assert!(error.to_string().contains("wanted by instant"), "{error}");
}

#[tokio::test]
async fn wasi_is_named_with_the_crate_that_wants_it() {
    let package = Package::handler(
        "wants-wasi",
        "wasi = \"=0.11.1\"\n",
        "let mut bytes = [0_u8; 4];\n\
         unsafe { wasi::random_get(bytes.as_mut_ptr(), 4) }.unwrap();\n\
         Response::ok(format!(\"{bytes:?}\"))",
    );
    let error = package.refusal().await;
    let text = error.to_string();
    assert!(
        text.contains("`random_get` from `wasi_snapshot_preview1`, wanted by wasi"),
        "{text}"
    );
    assert!(error.help().is_some());
}

#[tokio::test]
async fn a_javascript_package_is_named() {
    let package = Package::handler("wants-npm", "", "left();\n    Response::ok(\"\")")
        .with_file("src/left.rs", "");
    let source = std::fs::read_to_string(package.path("src/lib.rs")).unwrap();
    package.write(
        "src/lib.rs",
        &format!(
            "{source}\n#[wasm_bindgen::prelude::wasm_bindgen(module = \"left-pad\")]\n\
             extern \"C\" {{ fn left(); }}\n"
        ),
    );
    let error = package.refusal().await;
    assert!(error.to_string().contains("`left-pad`"), "{error}");
}

#[tokio::test]
async fn what_the_compiler_says_is_passed_on_in_colour() {
    let package = Package::handler("does-not-compile", "", "Response::ok(nothing)");
    let error = package.refusal().await;
    let rendered = error.rendered().unwrap();
    assert!(rendered.contains("cannot find value `nothing`"));
    assert!(rendered.contains("src/lib.rs") && rendered.contains('\u{1b}'));
}

#[tokio::test]
async fn a_broken_manifest_is_shown_as_cargo_shows_it() {
    let package = Package::handler("broken-manifest", "", "Response::ok(\"\")");
    package.write("Cargo.toml", "[package]\nname = \"broken\"\nversion = 1\n");
    let error = package.refusal().await;
    assert!(matches!(error, BuildError::Cargo { .. }), "{error}");
    assert!(error.to_string().contains("version = 1"), "{error}");
}

#[tokio::test]
async fn a_library_for_rust_only_is_told_to_become_a_module() {
    let package = Package::new("no-module", "");
    let manifest = std::fs::read_to_string(package.path("Cargo.toml")).unwrap();
    let package = package
        .with_file(
            "Cargo.toml",
            &manifest.replace("[\"cdylib\"]", "[\"rlib\"]"),
        )
        .with_file("src/lib.rs", "");
    let error = package.refusal().await;
    assert!(matches!(error, BuildError::NoModule { .. }), "{error}");
    assert!(error.help().unwrap().to_string().contains("cdylib"));
}

#[tokio::test]
async fn a_crate_without_the_worker_crate_is_told_to_use_it() {
    let package = Package::new("no-worker", "").with_file("src/lib.rs", "");
    let error = package.refusal().await;
    assert!(matches!(error, BuildError::NoBindgen { .. }), "{error}");
    assert!(
        error
            .help()
            .unwrap()
            .to_string()
            .contains("#[event(fetch)]")
    );
}

#[tokio::test]
async fn a_worker_crate_that_is_too_old_is_named_with_the_line_to_change() {
    let package = Package::new("old-worker", "worker = \"0.4\"\n")
        .with_file("src/lib.rs", "")
        .with_file(
            "Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"worker\"\nversion = \"0.4.2\"\n",
        );
    let error = package.refusal().await;
    assert!(matches!(error, BuildError::OldWorker { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "`old-worker` uses `worker` 0.4.2, and 0.5 is the oldest that can be built"
    );
    let help = error.help().unwrap().to_string();
    assert!(help.contains("`worker = \"0.8\"`"), "{help}");
}

#[tokio::test]
async fn a_wasm_bindgen_that_is_too_old_is_named_with_the_command_to_run() {
    let locked = |name: &str, version: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
    };
    let lock = "version = 4\n\n".to_owned()
        + &locked("js-sys", "0.3.64")
        + &locked("wasm-bindgen", "0.2.87");
    let package = Package::new("old-bindgen", "wasm-bindgen = \"0.2\"\n")
        .with_file("src/lib.rs", "")
        .with_file("Cargo.lock", &lock);
    let error = package.refusal().await;
    assert!(matches!(error, BuildError::OldBindgen { .. }), "{error}");
    // cargo refuses to update one of them alone, because they ask for versions of each other.
    let help = error.help().unwrap().to_string();
    assert!(
        help.starts_with("run `cargo update wasm-bindgen js-sys` in "),
        "{help}"
    );
}

#[tokio::test]
async fn a_workspace_without_a_package_names_the_members_that_could_be_meant() {
    let package = Package::new("virtual", "");
    package.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"api\", \"shared\"]\n",
    );
    for (name, library) in [
        ("api", "[lib]\ncrate-type = [\"cdylib\"]\n"),
        ("shared", ""),
    ] {
        let text = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\n\n{library}");
        package.write(&format!("{name}/Cargo.toml"), &text);
        package.write(&format!("{name}/src/lib.rs"), "");
    }
    let error = package.refusal().await;
    assert!(matches!(error, BuildError::NoPackage { .. }), "{error}");
    let help = error.help().unwrap().to_string();
    assert_eq!(help, "set `crate` to a member: api");
}
