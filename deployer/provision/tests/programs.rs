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
async fn without_npm_it_says_what_to_install() {
    let machine = Machine::new().with_only(&["rustc"]);
    let error = machine.provisioner().simulators().await.unwrap_err();
    assert!(error.to_string().contains("miniflare"), "{error}");
    assert!(error.help().unwrap().to_string().contains("install npm"));
    assert!(machine.half_made().is_empty());
}

#[tokio::test]
async fn a_package_with_other_bytes_is_refused() {
    let machine = Machine::new().with_script("npm", "echo 'not it' > miniflare.tgz");
    let error = machine.provisioner().simulators().await.unwrap_err();
    assert!(matches!(error, ProvisionError::WrongHash { .. }), "{error}");
    assert!(machine.half_made().is_empty());
    assert!(machine.entries().is_empty());
}

#[tokio::test]
async fn a_full_disk_is_called_that() {
    let machine = Machine::new().with_script(
        "npm",
        "echo 'npm error nospc ENOSPC: no space left on device, write' >&2; exit 228",
    );
    let error = machine.provisioner().simulators().await.unwrap_err();
    let help = error.help().unwrap().to_string();
    assert!(help.contains("make room"), "{help}");
    assert!(machine.half_made().is_empty());
}

#[tokio::test]
async fn a_registry_without_the_version_is_shown_as_npm_shows_it() {
    let machine = Machine::new().with_script("npm", "echo 'npm error code ETARGET' >&2; exit 1");
    let error = machine.provisioner().simulators().await.unwrap_err();
    assert!(error.to_string().contains("ETARGET"), "{error}");
    assert!(error.help().unwrap().to_string().contains("npm ping"));
}

#[tokio::test]
async fn giving_up_stops_the_fetch_and_leaves_nothing() {
    let machine = Machine::new().with_npm_that_hangs();
    let provisioner = machine.provisioner();
    let fetch = provisioner.simulators();
    tokio::select! {
        done = fetch => panic!("ended: {done:?}"),
        () = machine.npm_has_started() => {}
    }
    assert!(machine.half_made().is_empty());
    machine.npm_is_gone().await;
}

/// Not a test: what the tests below run as a process of its own.
#[tokio::test]
#[ignore = "run by other tests"]
async fn fetch_simulators() {
    let environment = tiny_provision::Environment::current().unwrap();
    let reporter = std::sync::Arc::new(tiny_provision::Silent);
    let provisioner = tiny_provision::Provisioner::new(environment, reporter).unwrap();
    provisioner.simulators().await.unwrap();
}

#[tokio::test]
async fn processes_that_need_the_same_fetch_it_once() {
    let machine = Machine::new().with_counted_npm();
    let mut processes: Vec<_> = (0..3)
        .map(|_| machine.runs_test("fetch_simulators").spawn().unwrap())
        .collect();
    for process in &mut processes {
        assert!(process.wait().await.unwrap().success());
    }
    assert_eq!(machine.npm_starts(), 1);
    assert!(machine.half_made().is_empty());
}

#[tokio::test]
async fn what_a_killed_process_left_is_cleared_by_the_next() {
    let hanging = Machine::new().with_npm_that_hangs();
    let mut process = hanging.runs_test("fetch_simulators").spawn().unwrap();
    hanging.npm_has_started().await;
    process.kill().await.unwrap();
    assert_eq!(hanging.half_made().len(), 1);
    hanging.stop_npm();

    let machine = Machine::new().with("TINY_CACHE", hanging.cache().as_str());
    let scripts = machine.provisioner().simulators().await.unwrap();
    assert!(scripts.join("kv/namespace.worker.js").is_file());
    assert!(hanging.half_made().is_empty());
}

#[tokio::test]
async fn the_doctor_says_what_it_found() {
    let machine = Machine::with_users_cache();
    let provisioner = machine.provisioner();
    provisioner.wasm_toolchain().await.unwrap();
    provisioner.workerd(machine.folder()).await.unwrap();
    provisioner.simulators().await.unwrap();
    let checks = provisioner.diagnose(machine.folder()).await;
    let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "rust",
            "wasm32 std",
            "workerd",
            "simulators",
            "npm",
            "cache"
        ]
    );
    for check in checks {
        let found = check.found.unwrap_or_else(|missing| {
            panic!(
                "{} is missing: {}; {}",
                check.name, missing.why, missing.cure
            )
        });
        assert!(!found.is_empty(), "{}", check.name);
    }
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
