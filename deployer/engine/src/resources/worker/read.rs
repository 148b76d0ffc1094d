//! Reading workers, in as few round trips as can be: what is recorded is asked about beside the
//! list of all workers, and what nobody wants, and nobody recorded, is not asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tiny_cloudflare::{
    Account, CloudflareError, Domain, DurableObjectNamespace, Queue, ScriptInfo, ScriptSubdomain,
    WorkerSettings, ZoneRoute,
};

use super::classes::LiveClasses;
use super::facts::{Facts, Reading, Subdomain, Surroundings};
use crate::resources::Lists;
use crate::{Record, WorkerSpec};

/// Requests under way for workers one by one.
const AT_ONCE: usize = 16;

/// A worker to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// Its physical name.
    pub(super) name: &'a str,
    pub(super) want: Option<&'a WorkerSpec>,
    pub(super) record: Option<&'a Record>,
}

/// What may be asked about a worker beside its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    Url,
    Crons,
    Routes,
    Domains,
    Consumers,
}

impl Matter {
    /// The property that tells it.
    fn property(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Crons => "crons",
            Self::Routes => "routes",
            Self::Domains => "domains",
            Self::Consumers => "consumers",
        }
    }

    fn is_wanted(self, spec: &WorkerSpec) -> bool {
        match self {
            Self::Url => spec.url,
            Self::Crons => !spec.crons.is_empty(),
            Self::Routes => !spec.routes.is_empty(),
            Self::Domains => !spec.domains.is_empty(),
            Self::Consumers => !spec.consumers.is_empty(),
        }
    }
}

impl Target<'_> {
    /// It is wanted so, or was when it was last deployed.
    fn cares_for(&self, matter: Matter) -> bool {
        let recorded = self
            .record
            .and_then(|record| record.properties.get(matter.property()));
        recorded.is_some_and(is_something) || self.want.is_some_and(|spec| matter.is_wanted(spec))
    }

    /// Half a record, or none: if it is there, nobody knows what is attached to it.
    fn is_unknown(&self) -> bool {
        self.record
            .is_none_or(|record| record.properties.is_empty())
    }

    /// Its URL has to be worked out.
    fn needs_account_subdomain(&self) -> bool {
        let recorded = self.record.and_then(|record| record.outputs.get("url"));
        recorded.is_none() && self.want.is_some_and(|spec| spec.url)
    }

    fn may_have_classes(&self) -> bool {
        let recorded = self
            .record
            .and_then(|record| record.properties.get("classes"));
        recorded.is_some_and(is_something) || self.want.is_some_and(|spec| !spec.classes.is_empty())
    }

    /// The patterns that are wanted or were deployed.
    fn patterns(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let wanted = self.want.into_iter().flat_map(|spec| &spec.routes);
        let wanted = wanted.map(|(pattern, zone)| (pattern.as_str(), zone.as_deref()));
        let recorded = self
            .record
            .and_then(|record| record.properties.get("routes"))
            .and_then(Value::as_object);
        let recorded = recorded.into_iter().flat_map(serde_json::Map::keys);
        wanted.chain(recorded.map(|pattern| (pattern.as_str(), None)))
    }
}

fn is_something(property: &Value) -> bool {
    match property {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Number(_) | Value::String(_) => true,
    }
}

/// What is asked of one worker.
struct Details {
    settings: Option<WorkerSettings>,
    subdomain: Option<ScriptSubdomain>,
    crons: Option<Vec<String>>,
}

/// Reads all at once, and of the account's other workers those that are `strays`, which come last.
pub(super) async fn read(
    lists: &Lists<'_>,
    targets: &[Target<'_>],
    strays: impl Fn(&ScriptInfo) -> bool,
) -> Result<Vec<Reading>, CloudflareError> {
    let recorded: Vec<Target<'_>> = targets
        .iter()
        .filter(|target| target.record.is_some())
        .copied()
        .collect();
    let (scripts, (mut details, mut around)) = try_join(
        lists.scripts(),
        try_join(
            details(lists.cloud, &recorded),
            first_surroundings(lists, targets),
        ),
    )
    .await?;

    let known: BTreeSet<&str> = targets.iter().map(|target| target.name).collect();
    let found_strays = scripts
        .values()
        .filter(|script| !known.contains(script.id.as_str()) && strays(script))
        .map(|script| Target {
            name: &script.id,
            want: None,
            record: None,
        });
    let targets: Vec<Target<'_>> = targets.iter().copied().chain(found_strays).collect();
    let unknown: Vec<Target<'_>> = targets
        .iter()
        .filter(|target| target.is_unknown() && scripts.contains_key(target.name))
        .copied()
        .collect();
    let unread: Vec<Target<'_>> = unknown
        .iter()
        .filter(|target| target.record.is_none())
        .copied()
        .collect();
    let (more, (namespaces, (routes, (domains, queues)))) = try_join(
        self::details(lists.cloud, &unread),
        try_join(
            namespaces(lists.cloud, &targets, scripts),
            try_join(
                routes(lists.cloud, &targets, &around),
                try_join(
                    domains(lists.cloud, around.domains.is_none() && !unknown.is_empty()),
                    queues(lists, around.queues.is_none() && !unknown.is_empty()),
                ),
            ),
        ),
    )
    .await?;
    details.extend(more);
    around.namespaces = namespaces;
    around.routes = routes;
    around.domains = around.domains.or(domains);
    around.queues = around.queues.or(queues);

    let around = Arc::new(around);
    Ok(targets
        .iter()
        .map(|target| Reading {
            name: target.name.to_owned(),
            facts: scripts
                .get(target.name)
                .zip(details.remove(target.name))
                .and_then(|(script, details)| facts(script, details, &around)),
            around: Arc::clone(&around),
        })
        .collect())
}

/// None where it vanished between two answers.
fn facts(script: &ScriptInfo, details: Details, around: &Surroundings) -> Option<Facts> {
    let classes = LiveClasses::of(script, around.namespaces.as_deref());
    let settings = details.settings?;
    Some(Facts::new(
        script.clone(),
        settings,
        classes,
        details.subdomain,
        details.crons,
    ))
}

async fn details<'a>(
    cloud: &Account,
    targets: &[Target<'a>],
) -> Result<BTreeMap<&'a str, Details>, CloudflareError> {
    stream::iter(targets)
        .map(|target| async {
            let asks = |matter| target.is_unknown() || target.cares_for(matter);
            let subdomain = async {
                if asks(Matter::Url) {
                    cloud.script_subdomain(target.name).await
                } else {
                    Ok(None)
                }
            };
            let crons = async {
                if asks(Matter::Crons) {
                    crons(cloud, target.name).await
                } else {
                    Ok(None)
                }
            };
            let settings = cloud.worker_settings(target.name);
            let (settings, (subdomain, crons)) =
                try_join(settings, try_join(subdomain, crons)).await?;
            let details = Details {
                settings,
                subdomain,
                crons,
            };
            Ok((target.name, details))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// None where there is no such worker.
async fn crons(cloud: &Account, script: &str) -> Result<Option<Vec<String>>, CloudflareError> {
    match cloud.schedules(script).await {
        Ok(schedules) => Ok(Some(
            schedules
                .into_iter()
                .map(|schedule| schedule.cron)
                .collect(),
        )),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What can be asked before anything is known.
async fn first_surroundings(
    lists: &Lists<'_>,
    targets: &[Target<'_>],
) -> Result<Surroundings, CloudflareError> {
    let any = |matter| targets.iter().any(|target| target.cares_for(matter));
    let subdomain = async {
        if !targets.iter().any(Target::needs_account_subdomain) {
            return Ok(Subdomain::NotAsked);
        }
        let named = lists.cloud.workers_subdomain().await?;
        Ok(named.map_or(Subdomain::Missing, Subdomain::Named))
    };
    let zones = async {
        if !any(Matter::Routes) {
            return Ok(None);
        }
        lists.zones().await.map(|zones| Some(zones.to_vec()))
    };
    let (subdomain, (zones, (domains, queues))) = try_join(
        subdomain,
        try_join(
            zones,
            try_join(
                domains(lists.cloud, any(Matter::Domains)),
                queues(lists, any(Matter::Consumers)),
            ),
        ),
    )
    .await?;
    Ok(Surroundings {
        subdomain,
        zones,
        domains,
        queues,
        ..Surroundings::default()
    })
}

async fn domains(cloud: &Account, is_needed: bool) -> Result<Option<Vec<Domain>>, CloudflareError> {
    if !is_needed {
        return Ok(None);
    }
    cloud.domains().await.map(Some)
}

async fn queues(lists: &Lists<'_>, is_needed: bool) -> Result<Option<Vec<Queue>>, CloudflareError> {
    if !is_needed {
        return Ok(None);
    }
    lists.queues().await.map(|queues| Some(queues.to_vec()))
}

async fn namespaces(
    cloud: &Account,
    targets: &[Target<'_>],
    scripts: &BTreeMap<String, ScriptInfo>,
) -> Result<Option<Vec<DurableObjectNamespace>>, CloudflareError> {
    let is_needed = targets.iter().any(|target| {
        let script = scripts.get(target.name);
        script.is_some_and(LiveClasses::need_namespaces)
            && (target.may_have_classes() || target.is_unknown())
    });
    if !is_needed {
        return Ok(None);
    }
    cloud.durable_object_namespaces().await.map(Some)
}

/// The routes of those zones that somebody's patterns lie in.
async fn routes(
    cloud: &Account,
    targets: &[Target<'_>],
    around: &Surroundings,
) -> Result<BTreeMap<String, Vec<ZoneRoute>>, CloudflareError> {
    let zones: BTreeSet<&str> = targets
        .iter()
        .flat_map(Target::patterns)
        .filter_map(|(pattern, zone)| {
            let zone = match zone {
                Some(name) => around.zone_named(name),
                None => around.zone_of(pattern),
            };
            zone.map(|zone| zone.id.as_str())
        })
        .collect();
    let read = zones.into_iter().map(|zone| async move {
        let found = cloud.routes(zone).await?;
        Ok::<_, CloudflareError>((zone.to_owned(), found))
    });
    try_join_all(read)
        .await
        .map(|routes| routes.into_iter().collect())
}
