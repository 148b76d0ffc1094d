//! The command itself: help, completions, schema, usage errors.

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
    assert!(stderr(&output).contains("nowhere.toml"), "{}", stderr(&output));
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
fn doctor_lists_what_it_found() {
    let output = Tiny::empty("doctor", &[]).run(&["doctor"]);
    let text = stdout(&output);
    for part in ["rustc", "wasm32", "workerd"] {
        assert!(text.contains(part), "{text}");
    }
}
