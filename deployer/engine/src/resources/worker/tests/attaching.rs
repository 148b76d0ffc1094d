//! What is attached to a worker: only what differs is called, and nothing of somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use super::sample::{SCRIPT, account, address, desired, reading, references, web};
use crate::resources::worker::attachments::{self, Attaching, Change};
use crate::resources::worker::error::WorkerError;
use crate::resources::worker::facts::Reading;
use crate::{Goal, Kind, Spec, WorkerSpec};

fn changes_of(spec: Option<&WorkerSpec>, reading: &Reading) -> Result<Vec<Change>, WorkerError> {
    let references = references();
    let desired = desired(&web());
    let scripts = BTreeSet::from([SCRIPT, "shop-prod-watcher"]);
    attachments::changes(Attaching {
        id: "web",
        script: SCRIPT,
        spec,
        reading,
        references: &references,
        goal: Goal::Deploy(&desired),
        scripts: &scripts,
    })
}

fn kinds(changes: &[Change]) -> Vec<String> {
    let name = |change: &Change| {
        let text = format!("{change:?}");
        text.split([' ', '(', '{'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    changes.iter().map(name).collect()
}

#[test]
fn nothing_is_called_where_nothing_differs() {
    assert_eq!(changes_of(Some(&web()), &reading()).unwrap(), []);
}

#[test]
fn a_new_worker_gets_everything() {
    let mut around = account();
    around.routes.get_mut("zone-id").unwrap().remove(0);
    around.domains.as_mut().unwrap().remove(0);
    around.queues.as_mut().unwrap()[0].consumers.clear();
    let reading = Reading {
        name: SCRIPT.to_owned(),
        facts: None,
        around: std::sync::Arc::new(around),
    };
    let changes = changes_of(Some(&web()), &reading).unwrap();
    assert_eq!(
        kinds(&changes),
        [
            "Subdomain",
            "Crons",
            "CreateRoute",
            "PutDomain",
            "CreateConsumer"
        ]
    );
}

#[test]
fn what_the_manifest_dropped_is_removed() {
    let spec = WorkerSpec {
        url: false,
        crons: Vec::new(),
        routes: BTreeMap::new(),
        domains: BTreeSet::new(),
        consumers: BTreeMap::new(),
        ..web()
    };
    let changes = changes_of(Some(&spec), &reading()).unwrap();
    assert_eq!(
        kinds(&changes),
        [
            "Subdomain",
            "Crons",
            "DeleteRoute",
            "DeleteDomain",
            "DeleteConsumer"
        ]
    );
    assert!(changes.contains(&Change::Crons(Vec::new())));
}

#[test]
fn a_worker_that_goes_is_detached_first() {
    let changes = changes_of(None, &reading()).unwrap();
    assert_eq!(
        kinds(&changes),
        ["DeleteRoute", "DeleteDomain", "DeleteConsumer"]
    );
}

#[test]
fn what_belongs_to_somebody_else_is_refused() {
    let mut spec = web();
    spec.routes.insert("example.com/other/*".to_owned(), None);
    assert!(matches!(
        changes_of(Some(&spec), &reading()),
        Err(WorkerError::RouteTaken { script, .. }) if script == "somebody-elses"
    ));
    let mut spec = web();
    spec.domains.insert("www.example.com".to_owned());
    assert!(matches!(
        changes_of(Some(&spec), &reading()),
        Err(WorkerError::DomainTaken { .. })
    ));
    let mut around = account();
    around.queues.as_mut().unwrap()[0].consumers[0].script_name = Some("foreign".to_owned());
    let reading = Reading {
        around: std::sync::Arc::new(around),
        ..reading()
    };
    assert!(matches!(
        changes_of(Some(&web()), &reading),
        Err(WorkerError::QueueTaken { .. })
    ));
}

#[test]
fn a_route_in_no_zone_is_refused() {
    let mut spec = web();
    spec.routes.insert("example.org/*".to_owned(), None);
    let error = changes_of(Some(&spec), &reading()).unwrap_err();
    assert!(matches!(error, WorkerError::NoZone { .. }));
    // Nor is it put into a zone that the account does not have.
    let mut spec = web();
    let zone = Some("example.org".to_owned());
    spec.routes.insert("example.com/b/*".to_owned(), zone);
    let error = changes_of(Some(&spec), &reading()).unwrap_err();
    assert!(matches!(error, WorkerError::NoZone { .. }));
}

#[test]
fn what_another_worker_of_the_stage_has_moves() {
    let mut around = account();
    around.routes.get_mut("zone-id").unwrap()[0].script = Some("shop-prod-watcher".to_owned());
    around.domains.as_mut().unwrap()[0].service = "shop-prod-watcher".to_owned();
    around.queues.as_mut().unwrap()[0].consumers[0].script_name =
        Some("shop-prod-watcher".to_owned());
    let reading = Reading {
        around: std::sync::Arc::new(around),
        ..reading()
    };
    let changes = changes_of(Some(&web()), &reading).unwrap();
    assert_eq!(
        kinds(&changes),
        ["MoveRoute", "PutDomain", "UpdateConsumer"]
    );
}

#[test]
fn what_moves_to_another_worker_of_the_stage_is_not_removed_on_the_way() {
    let references = references();
    // Here the neighbour wants it all.
    let mut desired = desired(&web());
    let neighbour = desired.resources.get_mut(&address(Kind::Worker, "watcher"));
    neighbour.unwrap().spec = Spec::Worker(Box::new(web()));
    let scripts = BTreeSet::from([SCRIPT, "shop-prod-watcher"]);
    let spec = WorkerSpec {
        routes: BTreeMap::new(),
        domains: BTreeSet::new(),
        consumers: BTreeMap::new(),
        ..web()
    };
    let reading = reading();
    let changes = attachments::changes(Attaching {
        id: "web",
        script: SCRIPT,
        spec: Some(&spec),
        reading: &reading,
        references: &references,
        goal: Goal::Deploy(&desired),
        scripts: &scripts,
    });
    assert_eq!(changes.unwrap(), []);
}

#[test]
fn a_changed_consumer_is_changed_in_place() {
    let mut spec = web();
    let consumer = spec.consumers.get_mut("jobs").unwrap();
    consumer.settings.batch_size = Some(50);
    let changes = changes_of(Some(&spec), &reading()).unwrap();
    assert_eq!(kinds(&changes), ["UpdateConsumer"]);
}
