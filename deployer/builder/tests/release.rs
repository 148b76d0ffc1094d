//! What goes out to the public.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use support::package::builder;
use support::{Host, Package};
use tiny_builder::{BuildError, Profile};

#[tokio::test]
async fn the_same_input_gives_the_same_bytes_in_any_folder() {
    let one = Package::everything("released");
    let first = one.release().await;
    let two = Package::everything("released");
    assert_ne!(one.path(""), two.path(""));
    let second = two.release().await;
    assert_eq!(first.bundle.hash, second.bundle.hash);
    assert_eq!(first.bundle, second.bundle);

    // Another machine has other folders: none of this one's may be in it.
    let wasm = first.bundle.wasm().unwrap();
    let home = std::env::var("HOME").unwrap();
    for folder in [one.path("").as_str(), home.as_str(), "registry/src"] {
        let bytes = folder.as_bytes();
        assert!(
            !wasm.windows(bytes.len()).any(|part| part == bytes),
            "{folder} is in it"
        );
    }

    // Names of functions are for us: they make panics readable, and do not go out.
    let has_names = |module: &[u8]| module.windows(15).any(|part| part == b"4core9panicking");
    assert!(has_names(first.symbols.module()));
    assert!(!has_names(wasm));

    // What a panic says is for the log, not for the client.
    let mut host = Host::runs(&first).await;
    for path in ["/panic", "/panic-later", "/object/panic", "/trap"] {
        let answer = host.get(path).await;
        assert_eq!(answer.status, 500, "{path}");
        for part in ["secret", "panic", "src/lib.rs", "unreachable"] {
            assert!(!answer.body.contains(part), "{path}: {}", answer.body);
        }
        assert_eq!(host.get("/").await.body, "hello", "after {path}");
    }
    host.says("the secret of this panic").await;
}

#[tokio::test]
async fn flags_of_the_users_stay_in_force() {
    for key in [
        "build",
        "target.wasm32-unknown-unknown",
        "target.'cfg(all())'",
    ] {
        // Small, for all that it depends on is compiled anew for other flags.
        let package = Package::new("flagged", "").with_file(
            "src/lib.rs",
            "#[cfg(not(told))]\ncompile_error!(\"the flags are lost\");\n",
        );
        let config = std::fs::read_to_string(package.path(".cargo/config.toml")).unwrap();
        let flags = "rustflags = [\"--cfg\", \"told\"]\n";
        let config = if key == "build" {
            format!("{config}{flags}")
        } else {
            format!("{config}[{key}]\n{flags}")
        };
        package.write(".cargo/config.toml", &config);
        let request = package.request(Profile::Release);
        let error = builder().build(&request).await.unwrap_err();
        assert!(
            matches!(error, BuildError::NoBindgen { .. }),
            "{key}: {error} {:?}",
            error.rendered()
        );
    }
}
