//! workerd and the simulators: found where they should be, fetched once, never taken damaged.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use miette::Diagnostic as _;
use support::{Machine, write_program};
use tiny_provision::{ProvisionError, WorkerdSource};

#[tokio::test]
async fn workerd_is_looked_for_in_the_stated_order() {
    let users = Machine::with_users_cache();
    let program = users
        .provisioner()
        .workerd(users.folder())
        .await
        .unwrap()
        .path;
    let machine = Machine::new();
    let named = machine.path("my-workerd");
    write_program(&named, "echo workerd 2099-01-01");
    let on_path = machine.path("bin");
    std::fs::create_dir_all(&on_path).unwrap();
    std::os::unix::fs::symlink(&program, on_path.join("workerd")).unwrap();
    let machine = machine
        .with("PATH", on_path.as_str())
        .with("TINY_WORKERD", named.as_str());
    let near = machine.folder().to_owned();
    let found = machine.provisioner().workerd(&near).await.unwrap();
    assert_eq!((found.source, found.path), (WorkerdSource::Env, named));
    assert_eq!(found.version, "2099-01-01");
    let machine = machine.without("TINY_WORKERD");
    let found = machine.provisioner().workerd(&near).await.unwrap();
    assert_eq!(found.source, WorkerdSource::Path);
}

#[tokio::test]
async fn a_named_workerd_that_does_not_run_is_refused() {
    let machine = Machine::new();
    let broken = machine.path("broken");
    write_program(&broken, "exit 3");
    let machine = machine.with("TINY_WORKERD", broken.as_str());
    let error = machine
        .provisioner()
        .workerd(machine.folder())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProvisionError::BadOverride { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn many_who_need_workerd_at_once_fetch_it_once() {
    let machine = Machine::new().with_counted_npm();
    let near = machine.folder().to_owned();
    let (one, two) = (machine.provisioner(), machine.provisioner());
    let (one, two) = tokio::join!(one.workerd(&near), two.workerd(&near));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.path, two.path);
    assert_eq!(machine.npm_starts(), 1);
    assert!(machine.half_made().is_empty());

    // One that was damaged since is fetched again, not run.
    let bytes = std::fs::read(&one.path).unwrap();
    std::fs::remove_file(&one.path).unwrap();
    std::fs::write(&one.path, &bytes[..bytes.len() / 2]).unwrap();
    machine.provisioner().workerd(&near).await.unwrap();
    assert_eq!(machine.npm_starts(), 2);
}

#[tokio::test]
async fn offline_and_empty_says_how_to_get_it() {
    let machine = Machine::new().with("TINY_OFFLINE", "1");
    let error = machine.provisioner().simulators().await.unwrap_err();
    assert!(error.help().unwrap().to_string().contains("tiny setup"));
    assert!(machine.half_made().is_empty());
}

#[tokio::test]
async fn the_doctor_names_a_cure_for_whatever_is_missing() {
    let machine = Machine::new().with("TINY_OFFLINE", "1");
    let checks = machine.provisioner().diagnose(machine.folder()).await;
    let missing: Vec<_> = checks
        .iter()
        .filter_map(|check| check.found.as_ref().err())
        .collect();
    assert!(
        !missing.is_empty(),
        "an empty cache lacks something: {checks:?}"
    );
    assert!(
        missing.iter().all(|missing| !missing.cure.is_empty()),
        "{missing:?}"
    );
}
