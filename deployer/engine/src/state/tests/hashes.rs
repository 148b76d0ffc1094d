//! Hashes: what they tell apart, and what they do not tell.

use proptest::prelude::*;
use serde_json::json;
use tiny_cloudflare::Secret;

use super::sample;
use crate::state::{InputHash, SecretHasher, State};

#[test]
fn a_secret_shows_that_it_changed_and_nothing_else() {
    let state = State {
        salt: "5a".repeat(32),
        ..sample("prod")
    };
    let hasher = SecretHasher::new(&state);
    let hash = hasher.hash("SESSION_SECRET", &Secret::new("hunter2"));
    // HMAC-SHA-256, as Python's hmac and hashlib compute it.
    assert_eq!(hash, "f1195815aca05da95d0ac4c7e830125c");
    assert_eq!(
        hash,
        hasher.hash("SESSION_SECRET", &Secret::new("hunter2")),
        "the same on every run"
    );
    assert_ne!(hash, hasher.hash("SESSION_SECRET", &Secret::new("hunter3")));
    assert_ne!(hash, hasher.hash("OTHER", &Secret::new("hunter2")));
    assert_ne!(
        hasher.hash("A", &Secret::new("BC")),
        hasher.hash("AB", &Secret::new("C"))
    );
    let elsewhere = SecretHasher::new(&sample("prod"));
    assert_ne!(
        hash,
        elsewhere.hash("SESSION_SECRET", &Secret::new("hunter2"))
    );
}

#[test]
fn the_order_of_keys_is_no_difference() {
    let one: serde_json::Value =
        serde_json::from_str(r#"{"a": {"x": 1, "y": 2}, "b": []}"#).unwrap();
    let other: serde_json::Value =
        serde_json::from_str(r#"{"b": [], "a": {"y": 2, "x": 1}}"#).unwrap();
    assert_eq!(
        InputHash::new().json("p", &one).finish(),
        InputHash::new().json("p", &other).finish()
    );
    assert_eq!(
        InputHash::new()
            .properties(one.as_object().unwrap())
            .finish(),
        InputHash::new()
            .properties(other.as_object().unwrap())
            .finish()
    );
}

#[test]
fn values_that_look_alike_are_told_apart() {
    let hash = |value: serde_json::Value| InputHash::new().json("p", &value).finish();
    let values = [
        json!("1"),
        json!(1),
        json!([1]),
        json!({"1": null}),
        json!(null),
        json!("null"),
        json!([[], 1]),
        json!([[1]]),
        json!({"a": {"b": 1}}),
        json!({"a": {}, "b": 1}),
    ];
    let hashes: std::collections::BTreeSet<_> = values.iter().cloned().map(hash).collect();
    assert_eq!(hashes.len(), values.len());
}

proptest! {
    #[test]
    fn parts_end_where_they_end(
        one in prop::collection::vec(("[ab]{0,3}", "[ab]{0,3}"), 0..4),
        other in prop::collection::vec(("[ab]{0,3}", "[ab]{0,3}"), 0..4),
    ) {
        let hash = |parts: &[(String, String)]| {
            parts
                .iter()
                .fold(InputHash::new(), |hash, (name, value)| hash.text(name, value))
                .finish()
        };
        prop_assert_eq!(hash(&one) == hash(&other), one == other);
    }
}
