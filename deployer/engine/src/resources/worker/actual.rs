//! What a worker is like, in the same terms as what it shall be like.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::classes::{Management, storage_name};
use super::facts::{self, Facts, Reading, Subdomain};
use super::properties::{DECLARED, OUTSIDE, compatibility, each, sorted};
use super::references::References;
use super::{bindings, defaults};
use crate::ownership::Tags;
use crate::{Kind, Live, Owner, Properties, Record};

/// Beside which record and names a reading is understood.
pub(super) struct Context<'a> {
    pub(super) stack: &'a str,
    pub(super) stage: &'a str,
    pub(super) references: &'a References,
    pub(super) record: Option<&'a Record>,
}

/// None where there is no such worker.
pub(super) fn live(reading: &Reading, context: &Context<'_>) -> Option<Live> {
    let facts = reading.facts.as_ref()?;
    let tags = Tags::read(&facts.tags).owner(context.stack, context.stage);
    let owner = match (tags, context.record) {
        // Somebody took the tags off, which does not make it somebody else's.
        (Owner::Unmarked, Some(record)) if is_recorded(record, facts) => Owner::Ours,
        (owner, _) => owner,
    };
    Some(Live {
        name: reading.name.clone(),
        owner,
        outputs: outputs(reading, facts, context.record),
        properties: properties(reading, facts, context),
    })
}

/// The record is about this very script, and not about one of the same name.
fn is_recorded(record: &Record, facts: &Facts) -> bool {
    record
        .outputs
        .get("id")
        .is_some_and(|id| Some(id) == facts.tag.as_ref())
}

fn outputs(reading: &Reading, facts: &Facts, record: Option<&Record>) -> BTreeMap<String, String> {
    let mut outputs = record.map_or_else(BTreeMap::new, |record| record.outputs.clone());
    let told = [("id", &facts.tag), ("etag", &facts.etag)];
    for (name, value) in told {
        if let Some(value) = value {
            outputs.insert(name.to_owned(), value.clone());
        }
    }
    match (&facts.subdomain, &reading.around.subdomain) {
        (Some(subdomain), _) if !subdomain.enabled => {
            outputs.remove("url");
        }
        (Some(_), Subdomain::Named(account)) => {
            outputs.insert("url".to_owned(), url(&reading.name, account));
        }
        _ => {}
    }
    outputs
}

/// Where workers.dev serves a worker.
pub(super) fn url(script: &str, account: &str) -> String {
    format!("https://{script}.{account}.workers.dev")
}

fn properties(reading: &Reading, facts: &Facts, context: &Context<'_>) -> Properties {
    let references = context.references;
    let recorded = |name: &str| {
        context
            .record
            .and_then(|record| record.properties.get(name))
    };
    let mut properties = Properties::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    if let Some(etag) = foreign_code(facts, context.record) {
        set("code", json!(format!("changed outside of tiny ({etag})")));
    }
    set(
        "compatibility",
        compatibility(
            facts.compatibility_date.as_deref().unwrap_or_default(),
            &facts.compatibility_flags,
        ),
    );
    set("vars", vars(facts));
    set("secrets", secrets(facts, recorded("secrets")));
    set(
        "bindings",
        bound(facts, &reading.name, references, recorded("bindings")),
    );
    let classes = &facts.classes;
    let stored = classes
        .classes
        .iter()
        .map(|(class, storage)| (class.clone(), json!(storage_name(*storage))));
    set("classes", Value::Object(stored.collect()));
    match &classes.management {
        Management::Exports => {
            set("migrations", json!(DECLARED));
        }
        // Cloudflare may leave the old tag on a worker whose classes are declared by now.
        Management::Tags(_) if recorded("migrations") == Some(&json!(DECLARED)) => {}
        Management::Tags(tag) => {
            set("migrations", json!(tag));
        }
        Management::Untold => {}
    }
    set(
        "observability",
        defaults::observability(facts.observability.as_ref()),
    );
    set("limits", defaults::limits(&facts.limits));
    set("placement", defaults::live_placement(&facts.placement));
    set("logpush", json!(facts.logpush));
    let tails: Vec<String> = facts
        .tail_consumers
        .iter()
        .map(|script| references.shown(Kind::Worker, script))
        .collect();
    set("tail_consumers", sorted(&tails));
    attached(reading, facts, context, &mut set);
    properties
}

/// The etag of code that is not what was recorded.
pub(super) fn foreign_code<'a>(facts: &'a Facts, record: Option<&Record>) -> Option<&'a str> {
    let recorded = record?.outputs.get("etag")?;
    facts
        .etag
        .as_deref()
        .filter(|etag| trimmed(etag) != trimmed(recorded))
}

/// Headers quote it, bodies do not.
fn trimmed(etag: &str) -> &str {
    etag.trim_matches('"')
}

fn vars(facts: &Facts) -> Value {
    let vars = facts.bindings.iter().filter_map(|binding| {
        let field = match binding.kind.as_str() {
            "plain_text" => "text",
            "json" => "json",
            _ => return None,
        };
        let value = binding.fields.get(field).cloned().unwrap_or_default();
        Some((binding.name.clone(), value))
    });
    Value::Object(vars.collect())
}

/// Their values are never told: what was recorded of one that is there still holds.
fn secrets(facts: &Facts, recorded: Option<&Value>) -> Value {
    let secrets = facts.secrets().map(|name| {
        let value = recorded.and_then(|recorded| recorded.get(name)).cloned();
        (name.to_owned(), value.unwrap_or_else(|| json!(OUTSIDE)))
    });
    Value::Object(secrets.collect())
}

fn bound(facts: &Facts, script: &str, references: &References, recorded: Option<&Value>) -> Value {
    let mut shown = Map::new();
    for binding in &facts.bindings {
        if facts::is_secret(binding) || matches!(binding.kind.as_str(), "plain_text" | "json") {
            continue;
        }
        let recorded = recorded.and_then(|recorded| recorded.get(&binding.name));
        shown.insert(
            binding.name.clone(),
            bindings::live(binding, script, references, recorded),
        );
    }
    Value::Object(shown)
}

/// What was asked for; the rest is as recorded.
fn attached(
    reading: &Reading,
    facts: &Facts,
    context: &Context<'_>,
    set: &mut impl FnMut(&str, Value) -> Option<Value>,
) {
    let around = &reading.around;
    let script = reading.name.as_str();
    if let Some(subdomain) = facts.subdomain {
        set("url", json!(subdomain.enabled));
    }
    if let Some(crons) = &facts.crons {
        set("crons", sorted(crons));
    }
    if around.zones.is_some() {
        let patterns: Vec<String> = around
            .routes_of(script)
            .map(|attached| attached.route.pattern.clone())
            .collect();
        set("routes", each(patterns.iter()));
    }
    if around.domains.is_some() {
        let hostnames: Vec<String> = around
            .domains_of(script)
            .map(|domain| domain.hostname.clone())
            .collect();
        set("domains", each(hostnames.iter()));
    }
    if around.queues.is_some() {
        let consumers = around.consumers_of(script).map(|attached| {
            let queue = &attached.queue.queue_name;
            let dead_letters = attached
                .dead_letter_queue
                .map(|name| context.references.shown(Kind::Queue, name));
            (
                context.references.shown(Kind::Queue, queue),
                defaults::consumer(attached.settings, dead_letters.as_deref()),
            )
        });
        set("consumers", Value::Object(consumers.collect()));
    }
}
