//! The text of a state, of this and of older versions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::Value;

use super::{address, stage, told};
use crate::state::{Record, SCHEMA, State, StateError, Status};
use crate::{Address, Kind};

/// What the documents in `fixtures/` are about, whatever their schema.
fn recorded_by_every_tiny() -> State {
    let text = include_str!("../fixtures/schema-2.json");
    // Written out, so that a change of the format cannot go unnoticed.
    let state = State {
        schema: SCHEMA,
        stack: "todo".to_owned(),
        stage: "prod".to_owned(),
        lineage: "8a0d4d1e-6f0b-4e0e-9b52-0f6f3f1b7a11".to_owned(),
        serial: 12,
        account_id: Some("023e105f4ecef8ad9ca31a8372d0c353".to_owned()),
        salt: "5a".repeat(32),
        resources: [
            (
                address("worker.web"),
                Record {
                    name: "todo-prod-web".to_owned(),
                    status: Status::Ready,
                    input_hash: "9f86d081884c7d659a2feaa0c55ad015".to_owned(),
                    outputs: [(
                        "url".to_owned(),
                        "https://todo-prod-web.example.workers.dev".to_owned(),
                    )]
                    .into(),
                    properties: serde_json::json!({"vars": {"SHARDING": "user"}})
                        .as_object()
                        .unwrap()
                        .clone(),
                    depends_on: [address("d1.archive")].into(),
                    keep: false,
                },
            ),
            (
                address("d1.archive"),
                Record {
                    name: "todo-prod-archive".to_owned(),
                    status: Status::Deleting,
                    input_hash: String::new(),
                    outputs: [].into(),
                    properties: serde_json::Map::new(),
                    depends_on: [].into(),
                    keep: false,
                },
            ),
        ]
        .into(),
    };
    assert!(text.contains(&state.lineage));
    state
}

#[test]
fn a_document_of_every_schema_so_far_is_read() {
    let documents = [
        include_str!("../fixtures/schema-1.json"),
        include_str!("../fixtures/schema-2.json"),
    ];
    assert_eq!(documents.len(), SCHEMA as usize, "one for each schema");
    for (schema, document) in (1..=SCHEMA).zip(documents) {
        assert!(document.contains(&format!("\"schema\": {schema}")));
        assert_eq!(
            State::from_json(document, "the fixture").unwrap(),
            recorded_by_every_tiny(),
            "schema {schema}"
        );
    }
}

#[test]
fn what_is_pushed_must_be_a_state() {
    let state = recorded_by_every_tiny();
    let refused = |text: String| told(&State::from_json(&text, "`edited.json`").unwrap_err());
    insta::assert_snapshot!(refused(state.to_json().replace("\"name\"", "\"nmae\"")), @r"
    `edited.json` cannot be read as the state of a stage: unknown field `nmae`, expected one of `name`, `status`, `input_hash`, `outputs`, `properties`, `depends_on`, `keep` at line 11 column 12
      help: `tiny state pull` shows what a state looks like
    ");
    insta::assert_snapshot!(refused(state.to_json().replace("todo-prod-web\"", "\"")), @r"
    `edited.json` cannot be read as the state of a stage: `worker.web` has no name
      help: `tiny state pull` shows what a state looks like
    ");
    insta::assert_snapshot!(refused(state.to_json().replace(&"5a".repeat(32), "pepper")), @r"
    `edited.json` cannot be read as the state of a stage: `salt` is no salt: at least 32 hex digits
      help: `tiny state pull` shows what a state looks like
    ");
    insta::assert_snapshot!(refused(" \n".to_owned()), @r"
    `edited.json` cannot be read as the state of a stage: there is nothing in it
      help: `tiny state pull` shows what a state looks like
    ");
    insta::assert_snapshot!(refused(state.to_json().replace("\"schema\": 2", "\"schema\": 0")), @r"
    `edited.json` cannot be read as the state of a stage: there never was a schema 0
      help: `tiny state pull` shows what a state looks like
    ");
}

#[test]
fn new_states_have_nothing_in_common() {
    let (one, other) = (
        State::new("todo", &stage("prod"), None),
        State::new("todo", &stage("prod"), None),
    );
    assert_ne!(one.lineage, other.lineage);
    assert_ne!(one.salt, other.salt);
    assert_eq!(one.salt.len(), 64);
    State::from_json(&one.to_json(), "itself").unwrap();
}

fn addresses() -> impl Strategy<Value = Address> {
    (prop::sample::select(&Kind::ALL[..]), "[a-z][a-z0-9-]{0,8}")
        .prop_map(|(kind, id)| Address::new(kind, id))
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn records() -> impl Strategy<Value = Record> {
    (
        "[a-z][a-z0-9-]{0,30}",
        prop::sample::select(&[Status::Creating, Status::Ready, Status::Deleting][..]),
        "[0-9a-f]{0,32}",
        prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        prop::collection::btree_map(any::<String>(), values(), 0..4),
        prop::collection::btree_set(addresses(), 0..3),
        any::<bool>(),
    )
        .prop_map(
            |(name, status, input_hash, outputs, properties, depends_on, keep)| Record {
                name,
                status,
                input_hash,
                outputs,
                properties: properties.into_iter().collect(),
                depends_on,
                keep,
            },
        )
}

pub(super) fn states() -> impl Strategy<Value = State> {
    (
        prop::collection::btree_map(addresses(), records(), 0..6),
        any::<u64>(),
        prop::option::of("[0-9a-f]{32}"),
    )
        .prop_map(|(resources, serial, account_id)| State {
            serial,
            account_id,
            resources,
            ..State::new("todo", &stage("prod"), None)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_what_is_read(state in states()) {
        let text = state.to_json();
        let read = State::from_json(&text, "itself").unwrap();
        prop_assert_eq!(&read, &state);
        prop_assert_eq!(read.to_json(), text, "the same bytes each time");
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), at in any::<prop::sample::Index>()) {
        let _ = State::from_json(&text, "noise");
        // And what is nearly right is refused or read, as it may be.
        let mut near = recorded_by_every_tiny().to_json();
        let at = at.index(near.len());
        near.replace_range(at..=at, &text);
        match State::from_json(&near, "near") {
            Ok(state) => prop_assert!(!state.salt.is_empty()),
            Err(StateError::Unreadable { .. } | StateError::Newer { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn renaming_there_and_back_changes_nothing(state in states(), id in "[a-z]{9,12}") {
        for from in state.resources.keys() {
            let to = Address::new(from.kind, id.clone());
            let mut renamed = state.clone();
            // One that something depends on, though it is not recorded, is another one.
            prop_assume!(state.resources.values().all(|record| !record.depends_on.contains(&to)));
            renamed.rename(from, &to).unwrap();
            prop_assert_eq!(&renamed.resources[&to].name, &state.resources[from].name);
            let named: BTreeSet<_> = renamed
                .resources
                .values()
                .flat_map(|record| &record.depends_on)
                .collect();
            prop_assert!(!named.contains(from), "nothing depends on the old name");
            renamed.rename(&to, from).unwrap();
            prop_assert_eq!(&renamed, &state);
        }
    }

    #[test]
    fn forgetting_takes_one_and_every_mention_of_it(state in states()) {
        for address in state.resources.keys() {
            let mut rest = state.clone();
            let record = rest.forget(address).unwrap();
            prop_assert_eq!(&record, &state.resources[address]);
            let expected: BTreeMap<_, _> = state
                .resources
                .iter()
                .filter(|(other, _)| *other != address)
                .map(|(other, record)| {
                    let mut record = record.clone();
                    record.depends_on.remove(address);
                    (other.clone(), record)
                })
                .collect();
            prop_assert_eq!(rest.resources, expected);
        }
    }
}
