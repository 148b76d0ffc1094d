//! Reading workers, in as few round trips as can be: what is recorded is asked about beside the
//! list of all workers, and what nobody wants, and nobody recorded, is not asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{try_join, try_join_all};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tiny_cloudflare::{
    Account, CloudflareError, Domain, DurableObjectNamespace, ScriptInfo, ScriptSubdomain,
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

/// What is asked about a worker beside its settings.
#[derive(Debug, Clone, Copy, Default)]
struct Interest {
    subdomain: bool,
    crons: bool,
    routes: bool,
    domains: bool,
    consumers: bool,
}

impl Target<'_> {
    fn interest(&self) -> Interest {
        let recorded = |name: &str| {
            let property = self.record.and_then(|record| record.properties.get(name));
            property.is_some_and(is_something)
        };
        // Half a record, or none: nobody knows what is attached.
        let unknown = self
            .record
            .is_none_or(|record| record.properties.is_empty());
        let wants = |test: fn(&WorkerSpec) -> bool| self.want.is_some_and(test);
        Interest {
            subdomain: unknown || recorded("url") || wants(|spec| spec.url),
            crons: unknown || recorded("crons") || wants(|spec| !spec.crons.is_empty()),
            routes: recorded("routes") || wants(|spec| !spec.routes.is_empty()),
            domains: recorded("domains") || wants(|spec| !spec.domains.is_empty()),
            consumers: recorded("consumers") || wants(|spec| !spec.consumers.is_empty()),
        }
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

/// Reads all at once. With `everything`, what exists and is recorded nowhere is read too, as if it
/// was a target: `strays` says which of the account's workers those are.
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
    let unread: Vec<Target<'_>> = targets
        .iter()
        .filter(|target| target.record.is_none() && scripts.contains_key(target.name))
        .copied()
        .collect();
    let (more, ((), ())) = try_join(
        self::details(lists.cloud, &unread),
        try_join(
            namespaces(lists.cloud, &targets, scripts, &mut around.namespaces),
            routes(lists.cloud, &targets, &around.zones, &mut around.routes),
        ),
    )
    .await?;
    details.extend(more);

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
            let interest = target.interest();
            let subdomain = async {
                if interest.subdomain {
                    cloud.script_subdomain(target.name).await
                } else {
                    Ok(None)
                }
            };
            let crons = async {
                if interest.crons {
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
    let any = |test: fn(&Interest) -> bool| targets.iter().any(|target| test(&target.interest()));
    let subdomain = async {
        if !targets.iter().any(Target::needs_account_subdomain) {
            return Ok(Subdomain::NotAsked);
        }
        let named = lists.cloud.workers_subdomain().await?;
        Ok(named.map_or(Subdomain::Missing, Subdomain::Named))
    };
    let zones = async {
        if !any(|interest| interest.routes) {
            return Ok(None);
        }
        lists.zones().await.map(|zones| Some(zones.to_vec()))
    };
    let domains = async {
        if !any(|interest| interest.domains) {
            return Ok(None);
        }
        lists.cloud.domains().await.map(Some)
    };
    let queues = async {
        if !any(|interest| interest.consumers) {
            return Ok(None);
        }
        lists.queues().await.map(|queues| Some(queues.to_vec()))
    };
    let (subdomain, (zones, (domains, queues))): (_, (_, (Option<Vec<Domain>>, _))) =
        try_join(subdomain, try_join(zones, try_join(domains, queues))).await?;
    Ok(Surroundings {
        subdomain,
        zones,
        domains,
        queues,
        ..Surroundings::default()
    })
}

async fn namespaces(
    cloud: &Account,
    targets: &[Target<'_>],
    scripts: &BTreeMap<String, ScriptInfo>,
    namespaces: &mut Option<Vec<DurableObjectNamespace>>,
) -> Result<(), CloudflareError> {
    let needed = targets.iter().any(|target| {
        scripts
            .get(target.name)
            .is_some_and(|script| LiveClasses::need_namespaces(script))
            && (target.may_have_classes() || target.record.is_none())
    });
    if needed {
        *namespaces = Some(cloud.durable_object_namespaces().await?);
    }
    Ok(())
}

/// The routes of those zones that somebody's patterns lie in.
async fn routes(
    cloud: &Account,
    targets: &[Target<'_>],
    zones: &Option<Vec<tiny_cloudflare::Zone>>,
    routes: &mut BTreeMap<String, Vec<ZoneRoute>>,
) -> Result<(), CloudflareError> {
    let all = Surroundings {
        zones: zones.clone(),
        ..Surroundings::default()
    };
    let wanted: BTreeSet<&str> = targets
        .iter()
        .flat_map(Target::patterns)
        .filter_map(|(pattern, zone)| {
            let zone = match zone {
                Some(name) => all.zone_named(name),
                None => all.zone_of(pattern),
            };
            zone.map(|zone| zone.id.as_str())
        })
        .collect();
    let read = wanted.into_iter().map(|zone| async move {
        let found = cloud.routes(zone).await?;
        Ok::<_, CloudflareError>((zone.to_owned(), found))
    });
    routes.extend(try_join_all(read).await?);
    Ok(())
}
