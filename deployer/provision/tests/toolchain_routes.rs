//! Every route to a wasm toolchain that this machine can take, taken.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use support::{Machine, real};
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
}

#[tokio::test]
async fn rustup_or_the_active_toolchain_makes_wasm_where_it_can() {
    let machine = Machine::new();
    let toolchain = machine.provisioner().wasm_toolchain().await.unwrap();
    builds_wasm(&toolchain, machine.folder());
    // Known from now on: no program is started any more.
    let machine = machine.with("PATH", "/nowhere");
    let started = Instant::now();
    let again = machine.provisioner().wasm_toolchain().await;
    if let Ok(again) = again {
        assert_eq!(again, toolchain);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_rustup_that_hangs_is_given_up_and_the_next_route_taken() {
    let sleeper = real("sleep");
    let script = format!(
        "case \"$1 $2\" in 'target add') exec {sleeper} 600;; *) exec {} \"$@\";; esac",
        real("rustup")
    );
    let machine = Machine::new()
        .with_script("rustup", &script)
        .with("TINY_TOOLCHAIN", "rustup");
    let started = Instant::now();
    let outcome = machine.provisioner().wasm_toolchain().await;
    assert!(started.elapsed() < Duration::from_mins(1), "never given up");
    // Where the target is installed already, rustup need not be asked.
    if let Err(error) = outcome {
        assert!(error.to_string().contains("no progress"), "{error}");
    }
}
