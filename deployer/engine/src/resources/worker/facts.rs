//! What Cloudflare tells of a worker and of the account around it, in its own words.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tiny_cloudflare::{
    BindingKind, ConsumerSettings, Domain, DurableObjectNamespace, Limits, LiveBinding,
    Observability, Queue, ScriptInfo, ScriptSubdomain, WorkerSettings, Zone, ZoneRoute,
};

use super::classes::LiveClasses;

/// One look at a worker. It is there, or it is not; the account around it is there anyway.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The worker's physical name.
    pub(crate) name: String,
    pub(crate) facts: Option<Facts>,
    pub(crate) around: Arc<Surroundings>,
}

/// A worker that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    /// The immutable id of the script.
    pub(crate) tag: Option<String>,
    /// Of the code.
    pub(crate) etag: Option<String>,
    /// All of them, whoever set them.
    pub(crate) tags: Vec<String>,
    /// The tag of the last migration.
    pub(crate) migration_tag: Option<String>,
    pub(crate) classes: LiveClasses,
    pub(crate) bindings: Vec<LiveBinding>,
    pub(crate) compatibility_date: Option<String>,
    pub(crate) compatibility_flags: Vec<String>,
    pub(crate) tail_consumers: Vec<String>,
    pub(crate) logpush: bool,
    pub(crate) observability: Option<Observability>,
    pub(crate) limits: Limits,
    /// As it was told: it has more forms than can be asked for.
    pub(crate) placement: Value,
    /// Here and below, none means that nobody asked.
    pub(crate) subdomain: Option<ScriptSubdomain>,
    pub(crate) crons: Option<Vec<String>>,
}

/// What of the account is looked at for all workers at once, and only when one of them needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Surroundings {
    /// The account's name on workers.dev.
    pub(crate) subdomain: Subdomain,
    /// Here and below, none means that nobody asked.
    pub(crate) namespaces: Option<Vec<DurableObjectNamespace>>,
    pub(crate) zones: Option<Vec<Zone>>,
    /// By the id of the zone.
    pub(crate) routes: BTreeMap<String, Vec<ZoneRoute>>,
    pub(crate) domains: Option<Vec<Domain>>,
    pub(crate) queues: Option<Vec<Queue>>,
}

/// `example` of `worker.example.workers.dev`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Subdomain {
    #[default]
    NotAsked,
    /// The account never chose one.
    Missing,
    Named(String),
}

/// A route that leads to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttachedRoute<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) route: &'a ZoneRoute,
}

/// A queue that a worker consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttachedConsumer<'a> {
    pub(crate) queue: &'a Queue,
    pub(crate) consumer_id: &'a str,
    pub(crate) settings: &'a ConsumerSettings,
    pub(crate) dead_letter_queue: Option<&'a str>,
}

impl Facts {
    pub(super) fn new(
        script: ScriptInfo,
        settings: WorkerSettings,
        classes: LiveClasses,
        subdomain: Option<ScriptSubdomain>,
        crons: Option<Vec<String>>,
    ) -> Self {
        Self {
            tag: script.tag,
            etag: script.etag,
            tags: if script.tags.is_empty() {
                settings.tags
            } else {
                script.tags
            },
            migration_tag: script.migration_tag,
            classes,
            bindings: settings.bindings,
            compatibility_date: settings.compatibility_date,
            compatibility_flags: settings.compatibility_flags,
            tail_consumers: settings
                .tail_consumers
                .into_iter()
                .map(|consumer| consumer.service)
                .collect(),
            logpush: settings.logpush,
            observability: settings.observability,
            limits: settings.limits,
            placement: settings.placement,
            subdomain,
            crons,
        }
    }

    /// The names of the secrets that it has; their values are never told.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.bindings
            .iter()
            .filter(|binding| is_secret(binding))
            .map(|binding| binding.name.as_str())
    }

    /// The classes of another worker that it binds.
    pub(crate) fn binds_classes_of<'a>(&'a self, script: &'a str) -> impl Iterator<Item = &'a str> {
        self.bindings.iter().filter_map(move |binding| {
            let of_that_script = binding.kind == "durable_object_namespace"
                && text(binding, "script_name") == Some(script);
            of_that_script
                .then(|| text(binding, "class_name"))
                .flatten()
        })
    }

    /// Whether it has this binding to a worker, or to a class of one, already.
    pub(super) fn binds(&self, name: &str, kind: &BindingKind) -> bool {
        let Some(live) = self.bindings.iter().find(|live| live.name == name) else {
            return false;
        };
        let is = |field, wanted: Option<&str>| text(live, field) == wanted;
        match kind {
            BindingKind::Service {
                service,
                entrypoint,
                ..
            } => {
                live.kind == "service"
                    && is("service", Some(service))
                    && is("entrypoint", entrypoint.as_deref())
            }
            BindingKind::DurableObjectNamespace {
                class_name,
                script_name,
            } => {
                live.kind == "durable_object_namespace"
                    && is("class_name", Some(class_name))
                    && is("script_name", script_name.as_deref())
            }
            _ => false,
        }
    }

    /// Whether it has a binding, or sends its logs, to another worker.
    pub(crate) fn refers_to(&self, script: &str) -> bool {
        self.tail_consumers.iter().any(|name| name == script)
            || self.bindings.iter().any(|binding| {
                text(binding, "script_name") == Some(script)
                    || (binding.kind == "service" && text(binding, "service") == Some(script))
            })
    }
}

/// Neither kind is ever told with its value.
pub(super) fn is_secret(binding: &LiveBinding) -> bool {
    matches!(binding.kind.as_str(), "secret_text" | "secret_key")
}

pub(super) fn text<'a>(binding: &'a LiveBinding, field: &str) -> Option<&'a str> {
    binding.fields.get(field).and_then(Value::as_str)
}

impl Surroundings {
    /// The zone that a pattern or host name lies in: the longest of those that it ends with.
    pub(crate) fn zone_of(&self, pattern: &str) -> Option<&Zone> {
        let host = host_of(pattern);
        self.zones
            .iter()
            .flatten()
            .filter(|zone| lies_in(host, &zone.name))
            .max_by_key(|zone| zone.name.len())
    }

    pub(crate) fn zone_named(&self, name: &str) -> Option<&Zone> {
        self.zones.iter().flatten().find(|zone| zone.name == name)
    }

    /// The routes that lead to a worker.
    pub(crate) fn routes_of<'a>(
        &'a self,
        script: &'a str,
    ) -> impl Iterator<Item = AttachedRoute<'a>> {
        self.routes.iter().flat_map(move |(zone_id, routes)| {
            let zone = self.zones.iter().flatten().find(|zone| zone.id == *zone_id);
            routes
                .iter()
                .filter(move |route| route.script.as_deref() == Some(script))
                .filter_map(move |route| zone.map(|zone| AttachedRoute { zone, route }))
        })
    }

    /// The custom domains of a worker.
    pub(crate) fn domains_of<'a>(&'a self, script: &'a str) -> impl Iterator<Item = &'a Domain> {
        self.domains
            .iter()
            .flatten()
            .filter(move |domain| domain.service == script)
    }

    /// The queues that a worker consumes.
    pub(crate) fn consumers_of<'a>(
        &'a self,
        script: &'a str,
    ) -> impl Iterator<Item = AttachedConsumer<'a>> {
        self.queues.iter().flatten().flat_map(move |queue| {
            queue
                .consumers
                .iter()
                .filter(move |consumer| consumer.script_name.as_deref() == Some(script))
                .map(move |consumer| AttachedConsumer {
                    queue,
                    consumer_id: &consumer.consumer_id,
                    settings: &consumer.settings,
                    dead_letter_queue: consumer.dead_letter_queue.as_deref(),
                })
        })
    }
}

/// `*.example.com/api/*` is about `example.com` and what is below it.
fn host_of(pattern: &str) -> &str {
    let pattern = pattern.split_once("://").map_or(pattern, |(_, rest)| rest);
    let host = pattern.split('/').next().unwrap_or(pattern);
    host.trim_start_matches('*').trim_start_matches('.')
}

fn lies_in(host: &str, zone: &str) -> bool {
    host.strip_suffix(zone)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account_with(zones: &[&str]) -> Surroundings {
        Surroundings {
            zones: Some(
                zones
                    .iter()
                    .map(|name| Zone {
                        id: format!("id of {name}"),
                        name: (*name).to_owned(),
                    })
                    .collect(),
            ),
            ..Surroundings::default()
        }
    }

    #[test]
    fn a_pattern_lies_in_the_longest_zone_that_it_ends_with() {
        let account = account_with(&["example.com", "dev.example.com", "ample.com"]);
        for (pattern, zone) in [
            ("example.com/*", Some("example.com")),
            ("*example.com/api/*", Some("example.com")),
            ("*.example.com/*", Some("example.com")),
            ("https://todo.dev.example.com/*", Some("dev.example.com")),
            ("dev.example.com", Some("dev.example.com")),
            ("evildev.example.com/*", Some("example.com")),
            ("notexample.com/*", None),
            ("example.org/*", None),
        ] {
            let found = account.zone_of(pattern).map(|zone| zone.name.as_str());
            assert_eq!(found, zone, "{pattern}");
        }
    }
}
