//! Every route to a wasm toolchain that this machine can take, taken.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use support::{Machine, real, write_program};
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
