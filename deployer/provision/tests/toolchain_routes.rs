//! Every route to a wasm toolchain that this machine can take, taken.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::process::Command;

use camino::Utf8Path;
use miette::Diagnostic as _;
use support::Machine;
use tiny_provision::{Route, Toolchain, WASM_TARGET};

/// What the builder does: cargo, with the toolchain's variables, and nothing else.
fn builds_wasm(toolchain: &Toolchain, folder: &Utf8Path) {
    let package = folder.join("package");
    std::fs::create_dir_all(package.join("src")).unwrap();
    std::fs::write(
        package.join("Cargo.toml"),
        "[package]\nname = \"small\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n\
         [profile.release]\nlto = \"fat\"\nopt-level = \"s\"\n\n[workspace]\n",
    )
    .unwrap();
    std::fs::write(
        package.join("src/lib.rs"),
        "#[unsafe(no_mangle)]\npub extern \"C\" fn len(n: usize) -> usize { format!(\"{n}\").len() }\n",
    )
    .unwrap();
    for profile in [&[][..], &["--release"][..]] {
        let done = Command::new(&toolchain.cargo)
            .args(["build", "--offline", "--target", WASM_TARGET])
            .args(profile)
            .envs(toolchain.env.iter().cloned())
            .env("CARGO_TARGET_DIR", package.join("target"))
            .current_dir(&package)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success(),
            "{:?} {profile:?}: {said}",
            toolchain.route
        );
    }
    let built = package.join("target").join(WASM_TARGET);
    for profile in ["debug", "release"] {
        let wasm = std::fs::read(built.join(profile).join("small.wasm")).unwrap();
        assert_eq!(&wasm[..4], b"\0asm");
    }
}

#[tokio::test]
async fn debians_packages_make_wasm_where_rustup_cannot() {
    let machine = Machine::with_users_cache().with("TINY_TOOLCHAIN", "debian");
    let toolchain = machine.provisioner().wasm_toolchain().await.unwrap();
    assert_eq!(toolchain.route, Route::Debian);
    builds_wasm(&toolchain, machine.folder());
    // cargo is the active toolchain's. Unless they are told which one that is, rustup's proxies
    // choose again by the file of each dependency that is compiled.
    let told = toolchain
        .env
        .iter()
        .find(|(name, _)| name == "RUSTUP_TOOLCHAIN");
    let (_, name) = told.unwrap();
    assert!(
        toolchain.cargo.as_str().contains(name.as_str()),
        "{toolchain:?}"
    );
}

#[tokio::test]
async fn rustup_adds_the_target_and_from_then_on_the_toolchain_has_it() {
    let machine = Machine::new()
        .with_bare_rustup()
        .with("TINY_TOOLCHAIN", "native");
    let error = machine.provisioner().wasm_toolchain().await.unwrap_err();
    assert!(error.to_string().contains("no standard library"), "{error}");

    let machine = machine.with("TINY_TOOLCHAIN", "rustup");
    let toolchain = match machine.provisioner().wasm_toolchain().await {
        Ok(toolchain) => toolchain,
        // Not every machine's rustup can download; what matters then is that it is said.
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains("rustup: `rustup target add"), "{error}");
            return;
        }
    };
    assert_eq!(toolchain.route, Route::Rustup);
    builds_wasm(&toolchain, machine.folder());

    let machine = machine.with("TINY_TOOLCHAIN", "native");
    let toolchain = machine.provisioner().wasm_toolchain().await.unwrap();
    assert_eq!(toolchain.route, Route::Native);
    // Known from now on: no program is started any more.
    let machine = machine.with_start_programs_that_fail();
    let again = machine.provisioner().wasm_toolchain().await.unwrap();
    assert_eq!(again, toolchain);
}

#[tokio::test]
async fn a_rustup_that_hangs_is_given_up_and_the_next_route_taken() {
    let users = Machine::with_users_cache().with("TINY_TOOLCHAIN", "debian");
    let debian = users.provisioner().wasm_toolchain().await.unwrap();
    let machine = Machine::new()
        .with_bare_rustup()
        .with_rustup_that_hangs_at("target add")
        .with_cached("debian-toolchain");
    let toolchain = machine.provisioner().wasm_toolchain().await.unwrap();
    assert_eq!(toolchain.route, Route::Debian);
    assert_eq!(toolchain.rustc_version, debian.rustc_version);
    assert!(
        machine.heard.heard("no progress for 15 s"),
        "{:?}",
        machine.heard.all()
    );
}

#[tokio::test]
async fn a_machine_without_debian_or_rustup_is_told_what_to_do() {
    let machine = Machine::new()
        .with_bare_rustup()
        .with("TINY_OFFLINE", "1")
        .with_only(&["rustc", "cargo", "rustup"]);
    let error = machine.provisioner().wasm_toolchain().await.unwrap_err();
    let (text, help) = (error.to_string(), error.help().unwrap().to_string());
    for route in ["native: ", "rustup: ", "debian: this is not Debian"] {
        assert!(text.contains(route), "{text}");
    }
    assert!(help.contains("rustup target add"), "{help}");
}

#[tokio::test]
async fn a_route_that_does_not_exist_is_refused() {
    let machine = Machine::new().with("TINY_TOOLCHAIN", "redhat");
    let error = machine.refusal();
    assert!(error.contains("`redhat`"), "{error}");
}

#[tokio::test]
async fn a_pinned_toolchain_that_cannot_be_had_is_named_on_one_line() {
    let machine = Machine::new()
        .without("RUSTUP_TOOLCHAIN")
        .with("RUSTUP_AUTO_INSTALL", "0")
        .with("TINY_OFFLINE", "1")
        .with("RUST_BACKTRACE", "1");
    std::fs::write(machine.path("rust-toolchain"), "1.80.1\n").unwrap();
    let error = machine.provisioner().wasm_toolchain().await.unwrap_err();
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    let file = machine.path("rust-toolchain");
    assert!(
        text.starts_with(&format!(
            "cannot use the Rust toolchain that {file} asks for: "
        )),
        "{text}"
    );
    assert!(text.contains("1.80.1"), "{text}");
    let help = error.help().unwrap().to_string();
    assert!(help.contains("RUSTUP_TOOLCHAIN=stable"), "{help}");
}
