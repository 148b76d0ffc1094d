//! The command itself: help, completions, schema, usage errors.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::Tiny;

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn without_a_manifest_dev_says_where_it_looked_and_exits_2() {
    let tiny = Tiny::empty("no-manifest", &[]);
    let output = tiny.run(&["dev", "--manifest", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nowhere.toml"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("help:"), "{}", stderr(&output));
}

#[test]
fn an_unknown_option_exits_2() {
    let output = Tiny::empty("unknown-option", &[]).run(&["dev", "--prot", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--port"), "{}", stderr(&output));
}

#[test]
fn every_shell_gets_completions() {
    let tiny = Tiny::empty("completions", &[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = tiny.run(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        assert!(stdout(&output).contains("doctor"), "{shell}");
    }
}

#[test]
fn the_schema_is_a_json_schema_that_knows_workers() {
    let output = Tiny::empty("schema", &[]).run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(schema["properties"]["workers"].is_object(), "{schema}");
}

#[test]
fn it_starts_and_says_its_version() {
    let output = Tiny::empty("version", &[]).run(&["--version"]);
    assert!(output.status.success());
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(stdout(&output), format!("tiny {version}\n"));
}

#[test]
fn after_setup_the_doctor_finds_everything() {
    let tiny = Tiny::empty("setup", &[]);
    let output = tiny.run(&["setup"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in ["wasm32", "workerd", "simulators"] {
        assert!(text.contains(part), "{text}");
    }

    let output = tiny.run(&["doctor"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}");
    for part in ["rustc", "wasm32", "workerd", "npm", "everything is there"] {
        assert!(text.contains(part), "{text}");
    }
}

/// A stack that needs something of npm.
const WITH_A_PACKAGE: &str = r#"
name = "bare"
[workers.web]
crate = "app"
compatibility_date = "2026-11-01"
[workers.web.assets]
directory = "public"
packages.left-pad = { version = "1.3.0", files = { "index.js" = "left-pad.js" } }
"#;

#[test]
fn the_doctor_of_a_bare_machine_names_each_missing_part_and_its_cure() {
    let tiny = Tiny::empty(
        "bare",
        &[
            ("cache/README", "an empty cache\n"),
            ("app/Cargo.toml", ""),
            ("public/index.html", ""),
            ("tiny.toml", WITH_A_PACKAGE),
        ],
    );
    let bare = |args: &[&str]| {
        let mut command = tiny.command(args);
        command.env("PATH", "").env("TINY_CACHE", "cache");
        command
            .env_remove("TINY_WORKERD")
            .env_remove("RUSTC")
            .env_remove("CARGO");
        command.output().unwrap()
    };
    let output = bare(&["doctor"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "rust",
        "wasm32 std",
        "workerd",
        "simulators",
        "npm",
        "left-pad",
    ] {
        let line = format!("✘ {part}");
        assert!(
            text.lines()
                .any(|found| found.trim_start().starts_with(&line)),
            "{part}: {text}"
        );
    }
    assert_eq!(text.matches("cure:").count(), 6, "{text}");
    assert!(text.contains("6 things are missing"), "{text}");

    let output = bare(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let events: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let missing = events
        .iter()
        .filter(|event| event["ok"] == false && event["cure"] != "");
    assert_eq!(missing.filter(|event| event["event"] == "check").count(), 6);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["ok"], &last["code"]),
        (&"done".into(), &false.into(), &1.into())
    );
}

#[test]
fn a_release_built_twice_is_the_same_to_the_byte_and_its_size_is_told() {
    let tiny = Tiny::todo_app_to_edit("release");
    let output = tiny.run(&["build", "--release"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "worker.js",
        "index_bg.wasm",
        "total",
        "gzipped",
        "kB",
        "start-up",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let folder = tiny.root().join(".tiny/build/worker");
    let modules = |folder: &camino::Utf8Path| -> Vec<(String, Vec<u8>)> {
        let mut modules: Vec<_> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| {
                (
                    entry.file_name().to_owned(),
                    fs_err::read(entry.path()).unwrap(),
                )
            })
            .collect();
        modules.sort();
        modules
    };
    let first = modules(&folder);
    assert!(first.len() >= 3);

    // Newer files make cargo compile the crate once more.
    let source = tiny.root().join("app/src/lib.rs");
    let text = fs_err::read(&source).unwrap();
    fs_err::write(&source, text).unwrap();
    let output = tiny.run(&["build", "--release", "--out", "again", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let events: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let bundle = events
        .iter()
        .find(|event| event["event"] == "bundle")
        .unwrap();
    for figure in ["bytes", "gzip_bytes", "startup_ms"] {
        assert!(bundle[figure].is_u64(), "{bundle}");
    }
    assert_eq!(modules(&tiny.root().join("again/worker")), first);
}

#[test]
fn the_start_up_of_a_worker_that_uses_the_cache_api_is_measured() {
    let tiny = Tiny::bindings("measured");
    let output = tiny.run(&["build", "--worker", "first", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let bundle = text
        .lines()
        .find(|line| line.contains("\"bundle\""))
        .unwrap();
    let bundle: serde_json::Value = serde_json::from_str(bundle).unwrap();
    assert!(bundle["startup_ms"].is_u64(), "{bundle}");
}

#[test]
fn a_start_up_that_cannot_be_measured_fails_no_build() {
    let tiny = Tiny::bindings("not-measured");
    let workerd = tiny.root().join("workerd");
    fs_err::write(&workerd, "#!/bin/sh\necho workerd 2026-11-01\n").unwrap();
    fs_err::set_permissions(&workerd, std::fs::Permissions::from_mode(0o755)).unwrap();
    let tiny = tiny.env("TINY_WORKERD", workerd.as_str());
    let args = ["build", "--worker", "first"];
    let output = tiny.run(&args);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("    start-up not measured: "), "{text}");
    let output = tiny.run(&[&args[..], &["--json"]].concat());
    let text = stdout(&output);
    assert!(text.contains("\"startup_ms\":null"), "{text}");
    assert!(
        text.ends_with("{\"event\":\"done\",\"ok\":true}\n"),
        "{text}"
    );
}

#[test]
fn a_build_that_fails_shows_rustc_and_exits_1() {
    let tiny = Tiny::todo_app_to_edit("failing-build").with("app/src/lib.rs", |source| {
        format!("{source}\nfn broken( {{\n")
    });
    let output = tiny.run(&["build"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("unclosed delimiter") && text.contains("error:"),
        "{text}"
    );
}
