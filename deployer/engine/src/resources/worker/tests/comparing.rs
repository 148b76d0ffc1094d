//! A plan of a worker: nothing where nothing differs, and by name what does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::sample::{
    SCRIPT, account, address, desired, reading, reading_of, references, state, told, web,
};
use crate::plan::{Action, Plan, PlanOptions, Step, plan};
use crate::resources::worker::actual::{self, Context};
use crate::resources::worker::facts::Reading;
use crate::{
    Actual, BindingSpec, Goal, Kind, Live, Owner, PlanError, Properties, SecretSpec, State,
    WorkerSpec,
};

/// What is there, and around it what is fine.
fn actual(reading: Reading, state: &State) -> Actual {
    let web = address(Kind::Worker, "web");
    let record = state.resources.get(&web);
    let references = references();
    let context = Context {
        stack: "shop",
        stage: "prod",
        references: &references,
        record,
    };
    let mut actual = Actual::default();
    for (other, record) in &state.resources {
        let live = Live {
            name: record.name.clone(),
            owner: Owner::Ours,
            outputs: record.outputs.clone(),
            properties: Properties::new(),
        };
        actual.resources.insert(other.clone(), live);
    }
    actual.resources.remove(&web);
    if let Some(live) = actual::live(&reading, &context) {
        actual.resources.insert(web.clone(), live);
    }
    actual.workers.insert(web, reading);
    actual
}

fn planned(spec: &WorkerSpec, reading: Reading, state: &State) -> Result<Plan, PlanError> {
    let desired = desired(spec);
    let actual = actual(reading, state);
    plan(
        Goal::Deploy(&desired),
        state,
        &actual,
        &PlanOptions::default(),
    )
}

fn step(plan: &Plan) -> &Step {
    let web = address(Kind::Worker, "web");
    plan.steps.iter().find(|step| step.address == web).unwrap()
}

fn notes(plan: &Plan) -> Vec<&str> {
    let web = address(Kind::Worker, "web");
    let notes = plan.notes.iter().filter(|note| note.address == web);
    notes.map(|note| note.text.as_str()).collect()
}

/// As it is recorded after a first deploy, with the secret that was put there otherwise.
fn deployed() -> State {
    let mut first = web();
    first.secrets.remove("ELSEWHERE");
    let nothing = Reading {
        name: SCRIPT.to_owned(),
        facts: None,
        around: std::sync::Arc::new(account()),
    };
    let plan = planned(&first, nothing, &state(None)).unwrap();
    let step = step(&plan);
    assert_eq!(step.action, Action::Create);
    state(Some(&step.properties))
}

fn changes(plan: &Plan) -> Vec<String> {
    let shown = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
    step(plan)
        .changes
        .iter()
        .map(|change| {
            format!(
                "{}: {} -> {}",
                change.path,
                shown(&change.before),
                shown(&change.after)
            )
        })
        .collect()
}

#[test]
fn people_read_what_a_worker_shall_be_like() {
    let properties = deployed().resources[&address(Kind::Worker, "web")]
        .properties
        .clone();
    insta::assert_snapshot!(serde_json::to_string_pretty(&properties).unwrap());
}

#[test]
fn a_worker_as_it_was_deployed_is_left_alone() {
    let plan = planned(&web(), reading(), &deployed()).unwrap();
    assert_eq!(changes(&plan), [""; 0]);
    assert_eq!(step(&plan).action, Action::None);
    assert!(plan.drift.iter().all(|drift| drift.changes.iter().all(
        // It was put there by `tiny secret put`, and is in no record.
        |change| change.path == "secrets.ELSEWHERE"
    )));
}

#[test]
fn each_change_of_the_manifest_is_named() {
    let mut spec = web();
    spec.code.hash = "new".to_owned();
    spec.vars.insert("GREETING".to_owned(), json!("hi"));
    spec.vars.remove("LIMITS");
    spec.bindings.remove("CACHE");
    spec.bindings.insert(
        "FILES".to_owned(),
        BindingSpec::Kv {
            id: "cache".to_owned(),
        },
    );
    spec.crons.clear();
    spec.routes.clear();
    spec.domains.insert("new.example.com".to_owned());
    spec.consumers.clear();
    spec.observability = None;
    spec.limits = None;
    spec.placement = None;
    spec.logpush = false;
    spec.tail_consumers.clear();
    let plan = planned(&spec, reading(), &deployed()).unwrap();
    assert_eq!(step(&plan).action, Action::Update);
    insta::assert_snapshot!(changes(&plan).join("\n"));
}

#[test]
fn a_secret_with_another_value_is_a_change_without_a_value() {
    let mut spec = web();
    let other = SecretSpec::Value(tiny_cloudflare::Secret::new("hunter3"));
    spec.secrets.insert("API_KEY".to_owned(), other);
    let plan = planned(&spec, reading(), &deployed()).unwrap();
    let changes = changes(&plan);
    assert_eq!(changes.len(), 1);
    assert!(
        changes[0].starts_with("secrets.API_KEY: \"#"),
        "{changes:?}"
    );
    assert!(!changes[0].contains("hunter"));
}

#[test]
fn a_secret_whose_value_is_not_at_hand_this_time_is_kept() {
    let mut spec = web();
    spec.secrets.insert("API_KEY".to_owned(), SecretSpec::Keep);
    let plan = planned(&spec, reading(), &deployed()).unwrap();
    assert_eq!(step(&plan).action, Action::None);
}

#[test]
fn a_secret_without_a_value_anywhere_stops_the_plan() {
    let (script, mut settings) = told();
    let bindings = settings["bindings"].as_array_mut().unwrap();
    bindings.retain(|binding| binding["name"] != "ELSEWHERE");
    let reading = reading_of(script, settings, account());
    let error = planned(&web(), reading, &deployed()).unwrap_err();
    assert!(matches!(error, PlanError::SecretMissing { name, .. } if name == "ELSEWHERE"));
}

#[test]
fn what_the_dashboard_added_is_named_before_it_goes_and_secrets_stay() {
    let (script, mut settings) = told();
    let bindings = settings["bindings"].as_array_mut().unwrap();
    bindings.push(json!({ "name": "DEBUG", "type": "plain_text", "text": "1" }));
    bindings.push(json!({ "name": "TOKEN", "type": "secret_text" }));
    bindings.push(json!({ "name": "FLOW", "type": "workflow", "workflow_name": "w" }));
    let reading = reading_of(script, settings, account());
    let plan = planned(&web(), reading, &deployed()).unwrap();
    insta::assert_snapshot!(changes(&plan).join("\n"), @r#"
    bindings.FLOW: {"workflow":{"workflow_name":"w"}} -> -
    vars.DEBUG: "1" -> -
    "#);
    insta::assert_snapshot!(notes(&plan).join("\n"), @"
    var `DEBUG` was set outside of tiny, and goes: put it into the manifest to keep it
    binding `FLOW` was set outside of tiny, and goes: put it into the manifest to keep it
    secret `TOKEN` was set outside of tiny, and stays: delete it with `tiny secret delete TOKEN` if nobody needs it
    ");
}

#[test]
fn code_that_somebody_else_uploaded_is_drift() {
    let (mut script, settings) = told();
    script["etag"] = json!("etag-2");
    let reading = reading_of(script, settings, account());
    let plan = planned(&web(), reading, &deployed()).unwrap();
    assert_eq!(
        changes(&plan),
        [r#"code: "changed outside of tiny (etag-2)" -> "c0de""#]
    );
    assert!(step(&plan).reason.contains("outside of tiny"));
}

#[test]
fn a_worker_of_another_stage_is_not_touched() {
    let (mut script, settings) = told();
    script["tags"] = json!(["tiny:stack=shop", "tiny:stage=dev", "tiny:id=web"]);
    let reading = reading_of(script, settings, account());
    let error = planned(&web(), reading, &state(None)).unwrap_err();
    assert!(matches!(error, PlanError::NotOurs { .. }), "{error}");
}

#[test]
fn a_worker_without_our_tags_is_not_taken_over_unasked() {
    let (mut script, mut settings) = told();
    script["tags"] = json!([]);
    settings["tags"] = json!([]);
    let reading = reading_of(script, settings, account());
    let error = planned(&web(), reading, &state(None)).unwrap_err();
    assert!(matches!(error, PlanError::Unproven { .. }), "{error}");
    // Our record of this very script is proof enough.
    let (mut script, mut settings) = told();
    script["tags"] = json!([]);
    settings["tags"] = json!([]);
    let reading = reading_of(script, settings, account());
    let plan = planned(&web(), reading, &deployed()).unwrap();
    assert_eq!(step(&plan).action, Action::None);
}

#[test]
fn a_lost_state_takes_the_worker_up_by_its_tags() {
    let plan = planned(&web(), reading(), &state(None)).unwrap();
    assert_eq!(step(&plan).action, Action::Adopt);
}

#[test]
fn a_class_that_goes_is_a_loss_and_a_new_one_is_told() {
    let mut spec = web();
    spec.bindings.remove("ROOMS");
    spec.classes = BTreeMap::from([("Hall".to_owned(), crate::ClassSpec::default())]);
    let plan = planned(&spec, reading(), &deployed()).unwrap();
    let losses: Vec<String> = step(&plan).losses.iter().map(ToString::to_string).collect();
    assert_eq!(
        losses,
        ["Durable Object class `Room` of worker `web`, with all its objects"]
    );
    assert!(notes(&plan).contains(&"Durable Object class `Hall` is created"));
}

#[test]
fn a_worker_of_wranglers_leaves_its_tags_and_the_plan_says_so() {
    let (mut script, settings) = told();
    script["exports"] = json!({});
    script["migration_tag"] = json!("v3");
    let namespaces = json!([
        { "id": "ns", "script": SCRIPT, "class": "Room", "use_sqlite": false },
    ]);
    let account = crate::resources::worker::facts::Surroundings {
        namespaces: serde_json::from_value(namespaces).unwrap(),
        ..account()
    };
    let reading = reading_of(script, settings, account);
    let plan = planned(&web(), reading, &state(None)).unwrap();
    assert!(
        changes(&plan).contains(&r#"migrations: "v3" -> "exports""#.to_owned()),
        "{:?}",
        changes(&plan)
    );
    assert!(notes(&plan)[0].contains("leave tagged migrations (now at `v3`)"));
    // Its storage is what it was.
    assert!(
        !changes(&plan)
            .iter()
            .any(|change| change.starts_with("classes"))
    );
    assert!(step(&plan).losses.is_empty());
}

#[test]
fn a_url_needs_a_subdomain_of_the_account() {
    let mut account = account();
    account.subdomain = crate::resources::worker::facts::Subdomain::Missing;
    let nothing = Reading {
        name: SCRIPT.to_owned(),
        facts: None,
        around: std::sync::Arc::new(account),
    };
    let mut spec = web();
    spec.secrets.clear();
    let error = planned(&spec, nothing, &state(None)).unwrap_err();
    insta::assert_snapshot!(error, @"worker.web: worker `web` wants a workers.dev URL, and the account has no workers.dev subdomain");
}
