//! The account, of which there is one, and the user, who is nobody.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use camino::Utf8Path;
use rusqlite::OptionalExtension as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::envelope::{Answer, Reply};
use crate::error::CloudError;
use crate::store::{Schema, Store};
use crate::strict::{NoQuery, Order, PageRule, Query};
use crate::time;

pub(crate) const SCHEMA: Schema = Schema {
    product: "accounts",
    steps: &["create table account (
            id text primary key,
            created_on text not null
        ) strict"],
};

const NAME: &str = "Local Cloudflare";
const USER: &str = "00000000000000000000000000000001";
const PAGES: PageRule = PageRule::new(20, 5, 50);

/// The one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// 32 hex digits, the same for good.
    pub(crate) id: String,
    pub(crate) created_on: String,
}

impl Account {
    /// The account of this folder, made when there is none. Two folders have two ids.
    pub(crate) fn open(store: &Store, dir: &Utf8Path) -> Result<Self, CloudError> {
        store
            .write(|tx| {
                let found = tx
                    .query_row("select id, created_on from account", [], |row| {
                        Ok(Self {
                            id: row.get(0)?,
                            created_on: row.get(1)?,
                        })
                    })
                    .optional()?;
                if let Some(account) = found {
                    return Ok(account);
                }
                let place = dir.canonicalize_utf8().unwrap_or_else(|_| dir.to_owned());
                let hash = blake3::hash(format!("account in {place}").as_bytes());
                let account = Self {
                    id: hash.to_hex()[..32].to_owned(),
                    created_on: time::now(),
                };
                tx.execute(
                    "insert into account (id, created_on) values (?1, ?2)",
                    (&account.id, &account.created_on),
                )?;
                Ok(account)
            })
            .map_err(|error: rusqlite::Error| CloudError::Store {
                path: dir.to_owned(),
                why: error.to_string(),
            })
    }

    pub(crate) fn brief(&self) -> Value {
        json!({ "id": self.id, "name": NAME })
    }

    fn whole(&self) -> Value {
        json!({
            "id": self.id,
            "name": NAME,
            "type": "standard",
            "created_on": self.created_on,
            "settings": { "enforce_twofactor": false },
        })
    }
}

/// Outside of the account.
pub(crate) fn top_routes() -> Router<App> {
    Router::new()
        .route("/accounts", get(list))
        .route("/memberships", get(memberships))
        .route("/user", get(user))
        .route("/user/tokens/verify", get(verify))
}

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(one))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    name: Option<String>,
    direction: Option<Order>,
    page: Option<u32>,
    per_page: Option<u32>,
}

async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    // One entry is in order whatever the direction.
    let _ = query.direction;
    let is_wanted = query.name.is_none_or(|name| name == NAME);
    Ok(page.of(if is_wanted {
        vec![app.account.whole()]
    } else {
        Vec::new()
    }))
}

async fn one(State(app): State<App>, _: NoQuery) -> Reply {
    Ok(Answer::new(app.account.whole()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipsQuery {
    page: Option<u32>,
    per_page: Option<u32>,
}

async fn memberships(
    State(app): State<App>,
    Query(query): Query<MembershipsQuery>,
) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    Ok(page.of(vec![json!({
        "id": USER,
        "status": "accepted",
        "account": app.account.whole(),
        "roles": ["Super Administrator - All Privileges"],
    })]))
}

async fn user(_: NoQuery) -> Reply {
    Ok(Answer::new(json!({
        "id": USER,
        "email": "nobody@localhost",
        "first_name": null,
        "last_name": null,
        "username": USER,
        "two_factor_authentication_enabled": false,
        "suspended": false,
    })))
}

async fn verify(_: NoQuery) -> Reply {
    Ok(Answer::new(json!({ "id": USER, "status": "active" }))
        .with_message("This API Token is valid and active"))
}
