//! Disks that are full, and folders that cannot be written.

use std::io::Write as _;
use std::process::Command;

use camino::Utf8Path;

use super::{Folder, given_folder, process, sample, save, store_in, told};
use crate::state::StateError;

/// Runs a test in a mount namespace of its own, where it may mount what it likes.
fn alone(test: &str, folder: &Folder) {
    let child = process(test, &folder.private());
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "--"])
        .arg(child.get_program())
        .args(child.get_args())
        .env("TINY_TEST_STATE", folder.private());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn mount(args: &[&str], at: &Utf8Path) {
    let status = Command::new("mount").args(args).arg(at).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_full_disk_is_told_of_and_costs_nothing_that_was_there() {
    alone("disks::on_a_full_disk", &Folder::new());
}

#[tokio::test]
#[ignore = "a process of a_full_disk_is_told_of_and_costs_nothing_that_was_there"]
async fn on_a_full_disk() {
    let private = given_folder();
    fs_err::create_dir_all(&private).unwrap();
    mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], &private);
    let store = store_in(&private, "prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    let guard = store.lock("deploy").await.unwrap();
    guard.prove(&state).await.unwrap();

    let filler = private.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 1024]).is_ok() {}
    let before = state.clone();
    for error in [
        guard.prove(&state).await.unwrap_err(),
        guard.save(&mut state).await.unwrap_err(),
        // Who holds it cannot be written down either.
        folder_lock(&private).await,
    ] {
        assert!(matches!(error, StateError::Unwritable { .. }), "{error}");
        let told = told(&error);
        assert!(told.contains("No space left on device"), "{told}");
        assert!(told.contains(private.join("state").as_str()), "{told}");
    }
    assert_eq!(state, before, "what failed did not count");
    assert_eq!(store.load().await.unwrap(), Some(before));
    assert!(!private.join("state/prod.json.new").exists(), "no litter");

    drop(file);
    fs_err::remove_file(filler).unwrap();
    guard.save(&mut state).await.unwrap();
    assert_eq!(state.serial, 2);
}

async fn folder_lock(private: &Utf8Path) -> StateError {
    store_in(private, "dev").lock("deploy").await.unwrap_err()
}

#[test]
fn a_folder_that_cannot_be_written_is_told_of_before_anything_is_done() {
    alone("disks::in_a_folder_that_cannot_be_written", &Folder::new());
}

#[tokio::test]
#[ignore = "a process of a_folder_that_cannot_be_written_is_told_of_before_anything_is_done"]
async fn in_a_folder_that_cannot_be_written() {
    let private = given_folder();
    fs_err::create_dir_all(&private).unwrap();
    mount(&["-t", "tmpfs", "tmpfs"], &private);
    let store = store_in(&private, "prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    mount(&["-o", "remount,ro"], &private);

    for name in ["prod", "dev"] {
        let error = store_in(&private, name).lock("deploy").await.unwrap_err();
        assert!(matches!(error, StateError::Unwritable { .. }), "{error}");
        let told = told(&error);
        assert!(told.contains("Read-only file system"), "{told}");
        assert!(told.contains(private.as_str()), "{told}");
    }
    assert_eq!(store.load().await.unwrap(), Some(state));
    assert_eq!(store.list().await.unwrap().len(), 1);
}
