//! Every manifest in `tests/golden` is wrong; beside it is, to the letter, what is said about it.
//!
//! `UPDATE_GOLDEN=1 cargo test -p tiny-manifest --test golden` writes the texts anew: read the difference.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use camino::{Utf8Path, Utf8PathBuf};
use tiny_manifest::{LoadOptions, StageName, load};

fn manifests() -> Vec<Utf8PathBuf> {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = folder
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path());
    let mut manifests: Vec<_> = files
        .filter(|file| file.extension() == Some("toml"))
        .collect();
    manifests.sort();
    manifests
}

/// What is said about the manifest, plain and rendered.
fn complaint(manifest: &Utf8Path) -> String {
    let options = LoadOptions {
        stage: StageName::new("test").unwrap(),
        env: &|_| None,
    };
    let errors = load(manifest, &options).expect_err(manifest.as_str());
    format!("{errors}\n\n{}", errors.render(false)).replace(env!("CARGO_MANIFEST_DIR"), "[crate]")
}

#[test]
fn every_mistake_is_shown_with_its_line_and_a_cure() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let manifests = manifests();
    assert!(manifests.len() > 20, "the golden manifests are gone");
    for manifest in manifests {
        let expected = manifest.with_extension("txt");
        let complaint = complaint(&manifest);
        if update {
            std::fs::write(&expected, &complaint).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(
            complaint, expected,
            "{manifest}:\n{complaint}\nexpected:\n{expected}"
        );
    }
}

#[test]
fn no_text_is_left_without_its_manifest() {
    let manifests = manifests();
    let folder = manifests[0].parent().unwrap();
    let texts = folder
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path());
    for text in texts.filter(|file| file.extension() == Some("txt")) {
        assert!(
            manifests.contains(&text.with_extension("toml")),
            "{text} belongs to nothing"
        );
    }
}

#[test]
fn every_mistake_comes_with_help() {
    for manifest in manifests() {
        let options = LoadOptions {
            stage: StageName::new("test").unwrap(),
            env: &|_| None,
        };
        let errors = load(&manifest, &options).expect_err(manifest.as_str());
        let help = errors.to_string().matches("\n  help: ").count();
        assert_eq!(help, errors.count(), "{errors}");
    }
}
