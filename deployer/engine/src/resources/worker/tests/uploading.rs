//! What goes up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use tiny_cloudflare::{BindingKind, Secret};

use super::sample::{SCRIPT, bare, desired, neighbours, reading, references, web};
use crate::resources::worker::error::WorkerError;
use crate::resources::worker::upload::{self, Assets, Circumstances};
use crate::{BindingSpec, SecretSpec, WorkerSpec, upload_metadata};

fn circumstances<'a>(
    references: &'a crate::resources::worker::references::References,
    without: &'a BTreeSet<&'a str>,
) -> Circumstances<'a> {
    Circumstances {
        stack: "shop",
        stage: "prod",
        worker: "web",
        script: SCRIPT,
        references,
        there: None,
        secrets: BTreeSet::new(),
        classes: None,
        assets: Assets::None,
        without,
    }
}

#[test]
fn the_metadata_says_everything_that_belongs_to_a_version() {
    let mut spec = web();
    spec.secrets = BTreeMap::from([(
        "API_KEY".to_owned(),
        SecretSpec::Value(Secret::new("hunter2")),
    )]);
    let ids: BTreeMap<_, _> = neighbours()
        .into_iter()
        .map(|(address, _, id)| (address, id.to_owned()))
        .collect();
    let metadata = upload_metadata(&desired(&spec), "web", &ids)
        .unwrap()
        .unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&metadata).unwrap());
}

#[test]
fn a_worker_that_wants_little_says_little() {
    let metadata = upload_metadata(&desired(&bare()), "web", &BTreeMap::new());
    insta::assert_snapshot!(json!(metadata.unwrap().unwrap()));
}

#[test]
fn what_the_manifest_dropped_is_turned_off() {
    let spec = WorkerSpec {
        secrets: BTreeMap::new(),
        observability: None,
        logpush: false,
        tail_consumers: Vec::new(),
        ..web()
    };
    let (references, reading, none) = (references(), reading(), BTreeSet::new());
    let with = Circumstances {
        there: reading.facts.as_ref(),
        ..circumstances(&references, &none)
    };
    let metadata = upload::upload(&spec, with).unwrap().metadata;
    assert_eq!(metadata.logpush, Some(false));
    assert_eq!(metadata.tail_consumers, Some(Vec::new()));
    assert!(!metadata.observability.unwrap().enabled);
}

#[test]
fn the_tags_of_others_stay_as_far_as_there_is_room() {
    let (references, mut reading, none) = (references(), reading(), BTreeSet::new());
    let facts = reading.facts.as_mut().unwrap();
    facts.tags = (0..9).map(|number| format!("team:{number}")).collect();
    facts.tags.push("tiny:stage=old".to_owned());
    let spec = WorkerSpec {
        secrets: BTreeMap::new(),
        ..web()
    };
    let with = Circumstances {
        there: reading.facts.as_ref(),
        ..circumstances(&references, &none)
    };
    let tags = upload::upload(&spec, with).unwrap().metadata.tags.unwrap();
    assert_eq!(tags.len(), 8);
    assert_eq!(
        tags[..4],
        [
            "tiny:id=web",
            "tiny:stack=shop",
            "tiny:stage=prod",
            "team:0"
        ]
    );
}

fn secrets_of(spec: &WorkerSpec, there: &[&str]) -> Result<Vec<(String, Secret)>, WorkerError> {
    let (references, none) = (references(), BTreeSet::new());
    let with = Circumstances {
        secrets: there.iter().copied().collect(),
        ..circumstances(&references, &none)
    };
    let metadata = upload::upload(spec, with)?.metadata;
    let secrets = metadata
        .bindings
        .into_iter()
        .filter_map(|binding| match binding.kind {
            BindingKind::SecretText { text } => Some((binding.name, text)),
            _ => None,
        });
    Ok(secrets.collect())
}

#[test]
fn a_secret_is_made_up_once_and_kept_from_then_on() {
    let mut spec = web();
    spec.secrets.remove("ELSEWHERE");
    spec.secrets.remove("API_KEY");
    let made_up = secrets_of(&spec, &[]).unwrap();
    let again = secrets_of(&spec, &[]).unwrap();
    assert_eq!(made_up[0].0, "SESSION");
    // 32 bytes in base64url.
    assert_eq!(made_up[0].1.reveal().len(), 43);
    assert_ne!(made_up[0].1, again[0].1);
    assert_eq!(secrets_of(&spec, &["SESSION"]).unwrap(), []);
}

#[test]
fn a_secret_that_nobody_has_stops_the_upload() {
    let error = secrets_of(&web(), &["SESSION"]).unwrap_err();
    assert!(matches!(error, WorkerError::NoSecret { secret, .. } if secret == "ELSEWHERE"));
    let kept = secrets_of(&web(), &["SESSION", "ELSEWHERE"]).unwrap();
    assert_eq!(kept, [("API_KEY".to_owned(), Secret::new("hunter2"))]);
}

#[test]
fn a_first_pass_leaves_out_what_cannot_be_bound_yet() {
    let (references, without) = (references(), BTreeSet::from(["watcher"]));
    let spec = WorkerSpec {
        secrets: BTreeMap::new(),
        ..web()
    };
    let metadata = upload::upload(&spec, circumstances(&references, &without))
        .unwrap()
        .metadata;
    assert!(
        metadata
            .bindings
            .iter()
            .all(|binding| binding.name != "WATCHER")
    );
    assert!(
        metadata
            .bindings
            .iter()
            .any(|binding| binding.name == "ROOMS")
    );
    assert_eq!(metadata.tail_consumers, Some(Vec::new()));
    assert!(matches!(
        spec.bindings["WATCHER"],
        BindingSpec::Service { .. }
    ));
}
