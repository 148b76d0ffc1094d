//! Namespaces.

use axum::extract::State;
use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::{Deserialize, Serialize};

use super::code;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::id;
use crate::strict::{At, Json, NoQuery, Order, PageRule, Query};
use crate::time;

const PAGES: PageRule = PageRule::new(20, 1, 1000);
const LONGEST_TITLE: usize = 512;

/// A namespace, as answers show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Namespace {
    pub(crate) id: String,
    pub(crate) title: String,
    supports_url_encoding: bool,
}

impl Namespace {
    /// Refuses an id that leads to none.
    pub(crate) fn find(tx: &Transaction<'_>, id: &str) -> Result<Self, ApiError> {
        Self::with_id(tx, id)?.ok_or_else(|| {
            ApiError::not_found(
                code::NO_NAMESPACE,
                format!("get namespace: namespace '{id}' not found"),
            )
        })
    }

    pub(crate) fn with_id(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            "select id, title from kv_namespace where id = ?1",
            [id],
            Self::read,
        )
        .optional()
    }

    fn all(tx: &Transaction<'_>, order: By) -> rusqlite::Result<Vec<Self>> {
        let sql = match order {
            By::Id => "select id, title from kv_namespace order by id",
            By::Title => "select id, title from kv_namespace order by title",
        };
        tx.prepare(sql)?.query_map([], Self::read)?.collect()
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            title: row.get(1)?,
            supports_url_encoding: true,
        })
    }
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    #[default]
    Id,
    Title,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    order: Option<By>,
    direction: Option<Order>,
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Namespace>> {
    let page = PAGES.page(query.page, query.per_page)?;
    let mut all = app
        .store
        .read(|tx| Namespace::all(tx, query.order.unwrap_or_default()))?;
    if query.direction == Some(Order::Desc) {
        all.reverse();
    }
    Ok(page.of(all))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Titled {
    title: String,
}

impl Titled {
    fn checked(self) -> Result<String, ApiError> {
        if self.title.is_empty() {
            return Err(ApiError::bad(code::TITLE, "a namespace needs a title"));
        }
        if self.title.len() > LONGEST_TITLE {
            return Err(ApiError::bad(
                code::TITLE,
                format!("a title has at most {LONGEST_TITLE} bytes"),
            ));
        }
        Ok(self.title)
    }
}

fn title_is_free(tx: &Transaction<'_>, title: &str, except: &str) -> Result<(), ApiError> {
    let is_taken = tx
        .prepare("select 1 from kv_namespace where title = ?1 and id <> ?2")?
        .exists([title, except])?;
    if is_taken {
        return Err(ApiError::bad(
            code::TITLE_TAKEN,
            "a namespace with this account ID and title already exists",
        ));
    }
    Ok(())
}

pub(super) async fn create(
    State(app): State<App>,
    _: NoQuery,
    Json(body): Json<Titled>,
) -> Reply<Namespace> {
    let title = body.checked()?;
    let namespace = app.store.write(|tx| {
        title_is_free(tx, &title, "")?;
        let id = id::hex();
        tx.execute(
            "insert into kv_namespace (id, title, created_on) values (?1, ?2, ?3)",
            (&id, &title, time::now()),
        )?;
        Namespace::find(tx, &id)
    })?;
    Ok(Answer::new(namespace))
}

pub(super) async fn read(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply<Namespace> {
    Ok(Answer::new(app.store.read(|tx| Namespace::find(tx, &id))?))
}

pub(super) async fn rename(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Titled>,
) -> Reply<Namespace> {
    let title = body.checked()?;
    let namespace = app.store.write(|tx| {
        Namespace::find(tx, &id)?;
        title_is_free(tx, &title, &id)?;
        tx.execute(
            "update kv_namespace set title = ?2 where id = ?1",
            (&id, &title),
        )?;
        Namespace::find(tx, &id)
    })?;
    Ok(Answer::new(namespace))
}

pub(super) async fn delete(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    app.store.write(|tx| {
        Namespace::find(tx, &id)?;
        tx.execute("delete from kv_namespace where id = ?1", [&id])?;
        Ok::<_, ApiError>(())
    })?;
    app.hosting.kv_forget(&id).await;
    Ok(Answer::null())
}
