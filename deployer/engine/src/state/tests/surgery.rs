//! Mending a record by hand.

use serde_json::json;

use super::{Folder, address, sample, save, told};
use crate::state::{State, StateError};

#[test]
fn a_renamed_resource_keeps_all_and_what_depends_on_it_follows() {
    let mut state = sample("prod");
    let before = state.resources[&address("d1.archive")].clone();
    state
        .rename(&address("d1.archive"), &address("d1.attic"))
        .unwrap();
    assert_eq!(state.resources[&address("d1.attic")], before);
    assert_eq!(
        state.resources[&address("worker.web")].depends_on,
        [address("d1.attic")].into()
    );
}

#[test]
fn what_a_worker_says_of_a_renamed_resource_follows_too() {
    let mut state = sample("prod");
    let web = state.resources.get_mut(&address("worker.web")).unwrap();
    let properties = json!({
        "bindings": { "DB": { "d1": "archive" }, "KV": { "kv": "archive" } },
        "consumers": { "jobs": { "dead_letter_queue": "jobs" } },
        "vars": { "archive": "archive" },
    });
    web.properties = properties.as_object().unwrap().clone();
    for (from, to) in [("d1.archive", "d1.attic"), ("queue.jobs", "queue.work")] {
        if from == "queue.jobs" {
            let jobs = state.resources[&address("d1.attic")].clone();
            state.resources.insert(address(from), jobs);
        }
        state.rename(&address(from), &address(to)).unwrap();
    }
    let web = &state.resources[&address("worker.web")];
    let expected = json!({
        "bindings": { "DB": { "d1": "attic" }, "KV": { "kv": "archive" } },
        "consumers": { "work": { "dead_letter_queue": "work" } },
        "vars": { "archive": "archive" },
    });
    assert_eq!(json!(web.properties), expected);
}

#[test]
fn what_cannot_be_renamed_or_forgotten_is_told_of() {
    let mut state = sample("prod");
    state
        .rename(&address("worker.web"), &address("worker.site"))
        .unwrap();
    let before = state.clone();
    let mut told_of =
        |from: &str, to: &str| told(&state.rename(&address(from), &address(to)).unwrap_err());
    insta::assert_snapshot!(told_of("worker.site", "worker.site"), @r"
    `worker.site` is recorded already, as todo-prod-web
      help: move that one away first, or let tiny forget it: `tiny state rm worker.site`
    ");
    insta::assert_snapshot!(told_of("d1.archive", "kv.archive"), @r"
    `d1.archive` cannot become `kv.archive`: the kind of a resource stays what it is
      help: write `tiny state mv d1.archive d1.archive`
    ");
    insta::assert_snapshot!(told_of("d1.archives", "d1.attic"), @r"
    nothing is recorded at `d1.archives`, perhaps `d1.archive`
      help: `tiny state list` shows what is recorded
    ");
    insta::assert_snapshot!(told(&state.forget(&address("kv.archive")).unwrap_err()), @r"
    nothing is recorded at `kv.archive`, perhaps `d1.archive`
      help: `tiny state list` shows what is recorded
    ");
    insta::assert_snapshot!(told(&state.record(&address("queue.jobs")).unwrap_err()), @r"
    nothing is recorded at `queue.jobs`
      help: `tiny state list` shows what is recorded
    ");
    assert_eq!(state, before);
}

#[tokio::test]
async fn what_was_pulled_and_edited_comes_back() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();

    let text = state.to_json().replace("todo-prod-web", "todo-prod-site");
    let edited = State::from_json(&text, "`edited.json`").unwrap();
    let guard = store.lock("state push").await.unwrap();
    let saved = guard.push(edited, false).await.unwrap();
    assert_eq!(saved.serial, 2);
    assert_eq!(store.load().await.unwrap(), Some(saved));

    // Somebody who pulled at the same time comes too late.
    let late = guard.push(state.clone(), false).await.unwrap_err();
    insta::assert_snapshot!(told(&late), @r"
    this state is older (serial 1) than what is recorded (serial 2)
      help: `tiny state pull` gives the present one to edit; `tiny state push --force` goes back to the old one
    ");
    let forced = guard.push(state.clone(), true).await.unwrap();
    assert_eq!((forced.serial, &forced.resources), (3, &state.resources));
}

#[tokio::test]
async fn another_history_is_pushed_by_force_alone() {
    let folder = Folder::new();
    let store = folder.store("prod");
    save(&store, &mut sample("prod")).await.unwrap();
    let guard = store.lock("state push").await.unwrap();
    let other = State {
        serial: 40,
        lineage: "other".to_owned(),
        ..sample("prod")
    };
    let refused = guard.push(other.clone(), false).await.unwrap_err();
    assert!(
        matches!(&refused, StateError::OtherLineage { given, .. } if given == "other"),
        "{refused}"
    );
    let saved = guard.push(other.clone(), true).await.unwrap();
    assert_eq!(saved.serial, 41, "above both");
    assert_eq!(saved.lineage, "other");

    // Never into another stage's place.
    let foreign = guard.push(sample("dev"), true).await.unwrap_err();
    assert!(matches!(foreign, StateError::Foreign { .. }), "{foreign}");
}

#[tokio::test]
async fn a_broken_file_is_put_aside_by_force_and_never_written_over() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    fs_err::write(folder.file("prod.json"), "half a fi").unwrap();

    let guard = store.lock("refresh").await.unwrap();
    let refused = guard.push(state.clone(), false).await.unwrap_err();
    assert!(refused.is_unreadable(), "{refused}");
    let saved = guard.push(state, true).await.unwrap();
    assert_eq!(store.load().await.unwrap(), Some(saved));

    let aside: Vec<_> = folder
        .private()
        .join("state")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.as_str().contains(".unreadable-"))
        .collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(fs_err::read_to_string(&aside[0]).unwrap(), "half a fi");
    assert_eq!(store.list().await.unwrap().len(), 1, "it is no stage");
}
