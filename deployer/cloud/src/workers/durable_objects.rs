//! Durable Object namespaces, listed.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::classes::{Namespace, Storage};
use super::records::load_namespaces;
use crate::app::App;
use crate::envelope::{ApiError, Reply};
use crate::strict::{PageRule, Query};

const PAGES: PageRule = PageRule::new(20, 1, 1000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    let namespaces = app
        .store
        .read(|tx| load_namespaces(tx).map_err(ApiError::from))?;
    Ok(page.of(namespaces.all.iter().map(shown).collect()))
}

fn shown(namespace: &Namespace) -> Value {
    json!({
        "id": namespace.id,
        "name": format!("{}_{}", namespace.script, namespace.class),
        "script": namespace.script,
        "class": namespace.class,
        "use_sqlite": namespace.storage == Storage::Sqlite,
    })
}
