//! Manifests that are right, and what comes out of them.

#![allow(clippy::unwrap_used)]

use camino::Utf8Path;
use tiny_manifest::{Binding, LoadOptions, RunWorkerFirst, Stack, StageName, load};

fn repository() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .parent()
        .unwrap()
}

fn load_at(path: &Utf8Path, stage: &str) -> Stack {
    let options = LoadOptions {
        stage: StageName::new(stage).unwrap(),
        env: &|_| None,
    };
    load(path, &options).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

#[test]
fn the_todo_app_is_one_worker_with_an_object_per_user() {
    let stack = load_at(&repository().join("tiny.toml"), "prod");

    assert_eq!(stack.name, "tiny");
    assert_eq!(stack.root, repository());
    assert_eq!(stack.sources, [repository().join("tiny.toml")]);
    let [worker] = stack.workers.as_slice() else {
        panic!("one worker, found {}", stack.workers.len())
    };
    assert_eq!(worker.crate_dir, repository().join("app"));
    assert_eq!(worker.compatibility_date, "2026-11-01");
    assert_eq!(worker.vars["SHARDING"], "user");
    assert_eq!(worker.durable_objects[0].binding, "TINYBASE_STORE");
    assert_eq!(worker.durable_objects[0].class, "TinyBaseStore");
    assert_eq!(
        worker.bindings,
        [
            (
                "LIMITER".to_owned(),
                Binding::RateLimit {
                    limit: 100,
                    period: 60
                }
            ),
            ("ASSETS".to_owned(), Binding::Assets),
        ]
    );
    let assets = worker.assets.as_ref().unwrap();
    assert_eq!(assets.directory, repository().join("app/public"));
    assert_eq!(assets.run_worker_first, RunWorkerFirst::Never);
}

#[test]
fn a_stack_that_extends_it_keeps_the_paths_of_the_file_they_are_written_in() {
    let stack = load_at(&repository().join("stacks/user.toml"), "prod");

    assert_eq!(stack.name, "tiny-user");
    assert_eq!(stack.root, repository().join("stacks"));
    assert_eq!(
        stack.sources,
        [
            repository().join("stacks/user.toml"),
            repository().join("tiny.toml")
        ]
    );
    assert_eq!(stack.workers[0].crate_dir, repository().join("app"));
}
