//! npm packages that a manifest names: fetched once, kept, never taken for something else.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use miette::Diagnostic as _;
use support::Machine;
use tiny_provision::{NpmPackage, ProvisionError};

const INTEGRITY: &str = "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==";

fn is_number(integrity: Option<&str>) -> NpmPackage {
    NpmPackage {
        name: "is-number".to_owned(),
        version: "7.0.0".to_owned(),
        integrity: integrity.map(str::to_owned),
    }
}

fn help(error: &ProvisionError) -> String {
    error.help().unwrap().to_string()
}

#[tokio::test]
async fn a_package_is_fetched_once_and_then_needs_neither_npm_nor_network() {
    let machine = Machine::new().with_counted_npm();
    let wanted = is_number(Some(INTEGRITY));
    assert!(
        machine
            .provisioner()
            .diagnose_package(&wanted)
            .found
            .is_err()
    );
    let (one, two) = (machine.provisioner(), machine.provisioner());
    let (one, two) = tokio::join!(one.package(&wanted), two.package(&wanted));
    let folder = one.unwrap();
    assert_eq!(folder, two.unwrap());
    assert_eq!(machine.npm_starts(), 1);
    assert!(machine.heard.heard("task: is-number 7.0.0"));
    let script = std::fs::read_to_string(folder.join("index.js")).unwrap();
    assert!(script.contains("module.exports"), "{script}");
    assert!(folder.join("LICENSE").is_file());
    assert!(!folder.join("tiny-entry.json").exists());

    let machine = machine.with_only(&[]).with("TINY_OFFLINE", "1");
    assert_eq!(
        machine.provisioner().package(&wanted).await.unwrap(),
        folder
    );
    let found = machine.provisioner().diagnose_package(&wanted);
    assert_eq!(found.name, "is-number");
    assert!(found.found.unwrap().starts_with("7.0.0 at "));
    assert!(machine.half_made().is_empty());
}

#[tokio::test]
async fn one_with_another_hash_is_refused_and_not_kept() {
    let machine = Machine::new();
    let other = INTEGRITY.replace("41Cifkg6", "42Cifkg6");
    let error = machine
        .provisioner()
        .package(&is_number(Some(&other)))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("is-number 7.0.0 was refused: its sha512 is not the one in tiny.toml, {other}")
    );
    assert!(help(&error).contains(&format!("integrity = \"{INTEGRITY}\"")));
    assert!(machine.entries().is_empty());
    assert!(machine.half_made().is_empty());
}

#[tokio::test]
async fn one_without_a_hash_is_refused_with_the_line_to_write() {
    let machine = Machine::new();
    let error = machine.provisioner().package(&is_number(None)).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ProvisionError::NoHash { .. }), "{error}");
    assert_eq!(
        help(&error),
        format!("what came has this one: `integrity = \"{INTEGRITY}\"`")
    );
    assert!(machine.entries().is_empty());
}

#[tokio::test]
async fn what_cannot_be_fetched_is_named_with_what_to_do() {
    let wanted = is_number(Some(INTEGRITY));
    let offline = Machine::new().with("TINY_OFFLINE", "1");
    let error = offline.provisioner().package(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("is-number 7.0.0"), "{error}");
    assert!(help(&error).contains("tiny setup"), "{}", help(&error));

    let bare = Machine::new().with_only(&[]);
    let error = bare.provisioner().package(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("is-number 7.0.0"), "{error}");
    assert!(help(&error).contains("install npm"), "{}", help(&error));

    let cut_off = Machine::new().with_script("npm", "echo 'npm error code ENOTFOUND' >&2; exit 1");
    let error = cut_off.provisioner().package(&wanted).await.unwrap_err();
    assert!(error.to_string().contains("is-number@7.0.0"), "{error}");
    assert!(help(&error).contains("npm ping"), "{}", help(&error));
}

#[tokio::test]
async fn one_that_was_damaged_since_is_fetched_again() {
    let machine = Machine::new().with_counted_npm();
    let wanted = is_number(Some(INTEGRITY));
    let folder = machine.provisioner().package(&wanted).await.unwrap();
    std::fs::write(folder.join("index.js"), "something else").unwrap();
    let again = machine.provisioner().package(&wanted).await.unwrap();
    assert_eq!(machine.npm_starts(), 2);
    let script = std::fs::read_to_string(again.join("index.js")).unwrap();
    assert!(script.contains("module.exports"), "{script}");
}
