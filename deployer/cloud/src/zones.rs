//! The account's zones: domains that workers can be reached at.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use camino::Utf8Path;
use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::error::CloudError;
use crate::id;
use crate::store::{Schema, Store};
use crate::strict::{At, NoQuery, Order, PageRule, Query};
use crate::time;

pub(crate) const SCHEMA: Schema = Schema {
    product: "zones",
    steps: &["create table zone (
            id text primary key,
            name text not null unique,
            created_on text not null
        ) strict"],
};

const PAGES: PageRule = PageRule::new(20, 5, 50);

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) id: String,
    pub(crate) name: String,
    created_on: String,
}

impl Zone {
    pub(crate) fn with_id(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            "select id, name, created_on from zone where id = ?1",
            [id],
            Self::read,
        )
        .optional()
    }

    /// The zone that this host is in: `a.b.example.com` is in `example.com`.
    pub(crate) fn of_host(tx: &Transaction<'_>, host: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            "select id, name, created_on from zone
             where ?1 = name or ?1 like '%.' || name
             order by length(name) desc limit 1",
            [host],
            Self::read,
        )
        .optional()
    }

    fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Self>> {
        tx.prepare("select id, name, created_on from zone order by name")?
            .query_map([], Self::read)?
            .collect()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            created_on: row.get(2)?,
        })
    }

    fn whole(&self, app: &App) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "status": "active",
            "paused": false,
            "type": "full",
            "development_mode": 0,
            "name_servers": ["a.ns.localhost", "b.ns.localhost"],
            "original_name_servers": null,
            "original_registrar": null,
            "original_dnshost": null,
            "created_on": self.created_on,
            "modified_on": self.created_on,
            "activated_on": self.created_on,
            "meta": { "step": 4, "page_rule_quota": 3, "phishing_detected": false },
            "owner": { "id": null, "type": "user", "email": null },
            "account": app.account.brief(),
            "permissions": [],
            "plan": { "id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": "Free Website", "legacy_id": "free" },
        })
    }
}

/// Adds the zones that are not there yet.
pub(crate) fn add(store: &Store, dir: &Utf8Path, names: &[String]) -> Result<(), CloudError> {
    for name in names {
        if !is_domain(name) {
            return Err(CloudError::ZoneName { name: name.clone() });
        }
    }
    store
        .write(|tx| {
            for name in names {
                tx.execute(
                    "insert into zone (id, name, created_on) values (?1, ?2, ?3)
                     on conflict (name) do nothing",
                    (id::hex(), name, time::now()),
                )?;
            }
            Ok(())
        })
        .map_err(|error: rusqlite::Error| CloudError::Store {
            path: dir.to_owned(),
            why: error.to_string(),
        })
}

fn is_domain(name: &str) -> bool {
    name.len() <= 253
        && name.contains('.')
        && name
            .split('.')
            .all(|label| crate::names::is_lower_kebab(label, 1..=63))
}

/// Outside of the account.
pub(crate) fn top_routes() -> Router<App> {
    Router::new().route("/zones", get(list))
}

/// Below `/zones/{zone_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(one))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    name: Option<String>,
    status: Option<String>,
    #[serde(rename = "account.id")]
    account_id: Option<String>,
    #[serde(rename = "account.name")]
    account_name: Option<String>,
    order: Option<String>,
    direction: Option<Order>,
    #[serde(rename = "match")]
    matching: Option<String>,
    page: Option<u32>,
    per_page: Option<u32>,
}

async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    if let Some(order) = query.order.as_deref()
        && !["name", "status", "account.id", "account.name", "plan.id"].contains(&order)
    {
        return Err(ApiError::bad(
            1111,
            format!("`order` cannot be `{order}`: lists of zones have no such order"),
        ));
    }
    if let Some(matching) = query.matching.as_deref()
        && matching != "all"
    {
        return Err(ApiError::bad(
            1111,
            format!("`match` must be `all` here, and is `{matching}`"),
        ));
    }
    let brief = app.account.brief();
    let mut zones: Vec<Zone> = app
        .store
        .read(Zone::all)
        .map_err(|error: rusqlite::Error| ApiError::from(error))?
        .into_iter()
        .filter(|zone| query.name.as_ref().is_none_or(|name| *name == zone.name))
        .filter(|_| {
            query
                .status
                .as_ref()
                .is_none_or(|status| status == "active")
        })
        .filter(|_| {
            query
                .account_id
                .as_ref()
                .is_none_or(|id| *id == app.account.id)
        })
        .filter(|_| {
            query
                .account_name
                .as_ref()
                .is_none_or(|name| brief["name"] == **name)
        })
        .collect();
    if query.direction == Some(Order::Desc) {
        zones.reverse();
    }
    Ok(page.of(zones.iter().map(|zone| zone.whole(&app)).collect()))
}

async fn one(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    let zone = app
        .store
        .read(|tx| Zone::with_id(tx, &id))?
        .ok_or_else(|| ApiError::not_found(1001, "Invalid zone identifier"))?;
    Ok(Answer::new(zone.whole(&app)))
}
