//! Custom domains: whole hostnames of a zone. One by one, or, as wrangler does it, all of a worker.

use axum::extract::State;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Domain, Worker};
use super::refusal;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::names::is_lower_kebab;
use crate::strict::{At, Json, NoQuery, PageRule, Query};
use crate::zones::Zone;

const PAGES: PageRule = PageRule::new(20, 1, 1000);

fn shown(domain: &Domain) -> Value {
    json!({
        "id": domain.id,
        "hostname": domain.hostname,
        "service": domain.script,
        "environment": "production",
        "zone_id": domain.zone,
        "zone_name": domain.zone_name,
        "cert_id": domain.cert_id,
        "enabled": true,
        "previews_enabled": false,
    })
}

fn no_domain() -> ApiError {
    ApiError::not_found(100_114, "workers.api.error.domain_not_found")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    environment: Option<String>,
    hostname: Option<String>,
    service: Option<String>,
    zone_id: Option<String>,
    zone_name: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|text| text == is);
    let domains = app
        .store
        .read(|tx| Domain::all(tx).map_err(ApiError::from))?;
    Ok(Answer::new(
        domains
            .iter()
            .filter(|domain| {
                fits(&query.environment, "production")
                    && fits(&query.hostname, &domain.hostname)
                    && fits(&query.service, &domain.script)
                    && fits(&query.zone_id, &domain.zone)
                    && fits(&query.zone_name, &domain.zone_name)
            })
            .map(shown)
            .collect(),
    ))
}

pub(super) async fn get(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    let domain = app
        .store
        .read(|tx| Domain::with_id(tx, &id)?.ok_or_else(no_domain))?;
    Ok(Answer::new(shown(&domain)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attach {
    hostname: String,
    service: String,
    environment: Option<String>,
    zone_id: Option<String>,
    zone_name: Option<String>,
}

/// Refused where another worker has the hostname.
pub(super) async fn put(State(app): State<App>, _: NoQuery, Json(wanted): Json<Attach>) -> Reply {
    if let Some(environment) = &wanted.environment
        && environment != "production"
    {
        return Err(refusal::invalid(format!(
            "Worker '{}' has no environment '{environment}'",
            wanted.service
        )));
    }
    let origin = Origin {
        hostname: wanted.hostname,
        zone_id: wanted.zone_id,
        zone_name: wanted.zone_name,
        enabled: None,
        previews_enabled: None,
    };
    let domain = app
        .store
        .write(|tx| attach(tx, &wanted.service, &origin, false))?;
    app.hosting.changed().await;
    Ok(Answer::new(shown(&domain)))
}

pub(super) async fn delete(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    app.store.write(|tx| {
        Domain::with_id(tx, &id)?
            .ok_or_else(no_domain)?
            .delete(tx)
            .map_err(ApiError::from)
    })?;
    app.hosting.changed().await;
    Ok(Answer::null())
}

/// A hostname that a worker is to have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    hostname: String,
    zone_id: Option<String>,
    zone_name: Option<String>,
    enabled: Option<bool>,
    previews_enabled: Option<bool>,
}

fn attach(
    tx: &Transaction<'_>,
    script: &str,
    origin: &Origin,
    overrides: bool,
) -> Result<Domain, ApiError> {
    let hostname = &origin.hostname;
    if origin.enabled == Some(false) || origin.previews_enabled == Some(true) {
        return Err(refusal::invalid(format!(
            "'{hostname}': the local Cloudflare serves custom domains always, and no previews there"
        )));
    }
    Worker::find(tx, script)?;
    if !hostname
        .split('.')
        .all(|label| is_lower_kebab(label, 1..=63))
    {
        return Err(refusal::invalid(format!("'{hostname}' is not a hostname")));
    }
    let zone = Zone::of_host(tx, hostname)?
        .filter(|zone| origin.zone_id.as_ref().is_none_or(|id| *id == zone.id))
        .filter(|zone| {
            origin
                .zone_name
                .as_ref()
                .is_none_or(|name| *name == zone.name)
        })
        .ok_or_else(|| {
            ApiError::bad(
                100_117,
                format!("'{hostname}' is in no zone of the account, or not in the one named"),
            )
        })?;
    let domain = match Domain::with_hostname(tx, hostname)? {
        None => Domain::new(hostname, &zone.id, &zone.name, script),
        Some(known) if known.script == script || overrides => Domain {
            script: script.to_owned(),
            ..known
        },
        Some(taken) => {
            return Err(ApiError::conflict(
                100_116,
                format!(
                    "Hostname '{hostname}' already has a custom domain, of Worker '{}'.",
                    taken.script
                ),
            ));
        }
    };
    domain.save(tx)?;
    Ok(domain)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesetQuery {
    /// Whether all that is not named goes.
    replace_state: Option<bool>,
}

/// What putting these in place would do.
pub(super) async fn changeset(
    State(app): State<App>,
    At([script]): At<1>,
    Query(query): Query<ChangesetQuery>,
    Json(origins): Json<Vec<Origin>>,
) -> Reply {
    let domains = app.store.read(|tx| {
        Worker::find(tx, &script)?;
        Domain::all(tx).map_err(ApiError::from)
    })?;
    let mut added = Vec::new();
    let mut updated = Vec::new();
    for origin in &origins {
        match domains
            .iter()
            .find(|domain| domain.hostname == origin.hostname)
        {
            None => added.push(json!({
                "hostname": origin.hostname,
                "service": script,
                "environment": "production",
            })),
            Some(domain) => {
                let mut one = shown(domain);
                one["modified"] = json!(domain.script != script);
                updated.push(one);
            }
        }
    }
    let removed: Vec<Value> = domains
        .iter()
        .filter(|_| query.replace_state.unwrap_or(false))
        .filter(|domain| domain.script == script)
        .filter(|domain| {
            !origins
                .iter()
                .any(|origin| origin.hostname == domain.hostname)
        })
        .map(shown)
        .collect();
    Ok(Answer::new(json!({
        "added": added,
        "removed": removed,
        "updated": updated,
        "conflicting": [],
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Records {
    /// Whether all that is not named goes.
    override_scope: bool,
    override_existing_origin: bool,
    override_existing_dns_record: bool,
    origins: Vec<Origin>,
}

pub(super) async fn put_records(
    State(app): State<App>,
    At([script]): At<1>,
    _: NoQuery,
    Json(records): Json<Records>,
) -> Reply<Vec<Value>> {
    // No DNS record can be in the way here.
    let _ = records.override_existing_dns_record;
    let domains = app.store.write(|tx| {
        Worker::find(tx, &script)?;
        if records.override_scope {
            for domain in Domain::all(tx)? {
                let is_named = records
                    .origins
                    .iter()
                    .any(|origin| origin.hostname == domain.hostname);
                if domain.script == script && !is_named {
                    domain.delete(tx)?;
                }
            }
        }
        records
            .origins
            .iter()
            .map(|origin| attach(tx, &script, origin, records.override_existing_origin))
            .collect::<Result<Vec<_>, ApiError>>()
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(domains.iter().map(shown).collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordsQuery {
    service: Option<String>,
    environment: Option<String>,
    /// wrangler counts from 0 here.
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list_records(
    State(app): State<App>,
    Query(query): Query<RecordsQuery>,
) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page.map(|page| page.max(1)), query.per_page)?;
    let domains = app
        .store
        .read(|tx| Domain::all(tx).map_err(ApiError::from))?;
    let shown: Vec<Value> = domains
        .iter()
        .filter(|domain| {
            query
                .service
                .as_ref()
                .is_none_or(|name| *name == domain.script)
        })
        .filter(|_| {
            query
                .environment
                .as_ref()
                .is_none_or(|name| name == "production")
        })
        .map(shown)
        .collect();
    Ok(page.of(shown))
}
