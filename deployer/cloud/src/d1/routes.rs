//! Calls about databases.

use axum::extract::State;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::code;
use super::databases::Database;
use super::engine::Extent;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery, PageRule, Query};
use crate::{id, time};

const PAGES: PageRule = PageRule::new(1000, 10, 10_000);
const LONGEST_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Parts of names count.
    name: Option<String>,
    page: Option<u32>,
    per_page: Option<u32>,
}

pub(super) async fn list(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Reply<Vec<Value>> {
    let page = PAGES.page(query.page, query.per_page)?;
    let part = query.name.unwrap_or_default();
    let databases = app.store.read(Database::all)?;
    Ok(page.of(databases
        .iter()
        .filter(|database| database.name.contains(&part))
        .map(Database::brief)
        .collect()))
}

impl Database {
    /// As lists show it.
    fn brief(&self) -> Value {
        json!({
            "uuid": self.id,
            "name": self.name,
            "version": "production",
            "created_at": self.created_at,
            "jurisdiction": self.jurisdiction,
        })
    }

    fn whole(&self, extent: Extent) -> Value {
        let mut whole = self.brief();
        whole["num_tables"] = json!(extent.tables);
        whole["file_size"] = json!(extent.size);
        whole["running_in_region"] = json!(
            self.location
                .as_deref()
                .unwrap_or("weur")
                .to_ascii_uppercase()
        );
        whole["read_replication"] = json!({ "mode": self.read_replication });
        whole
    }
}

async fn extent(app: &App, id: &str) -> Result<Extent, ApiError> {
    let (databases, id) = (app.d1.clone(), id.to_owned());
    tokio::task::spawn_blocking(move || databases.extent(&id))
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| ApiError::internal(&error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDatabase {
    name: String,
    jurisdiction: Option<Jurisdiction>,
    primary_location_hint: Option<Location>,
    read_replication: Option<ReadReplication>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Jurisdiction {
    Eu,
    Fedramp,
    Us,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Location {
    Wnam,
    Enam,
    Weur,
    Eeur,
    Apac,
    Oc,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadReplication {
    mode: ReplicationMode,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReplicationMode {
    Auto,
    Disabled,
}

impl Jurisdiction {
    fn word(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::Fedramp => "fedramp",
            Self::Us => "us",
        }
    }
}

impl Location {
    fn word(self) -> &'static str {
        match self {
            Self::Wnam => "wnam",
            Self::Enam => "enam",
            Self::Weur => "weur",
            Self::Eeur => "eeur",
            Self::Apac => "apac",
            Self::Oc => "oc",
        }
    }
}

impl ReplicationMode {
    fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Disabled => "disabled",
        }
    }
}

pub(super) async fn create(
    State(app): State<App>,
    _: NoQuery,
    Json(body): Json<NewDatabase>,
) -> Reply {
    check_name(&body.name)?;
    let database = app.store.write(|tx| {
        if Database::named(tx, &body.name)?.is_some() {
            return Err(ApiError::bad(
                code::NAME_TAKEN,
                format!("Database with name '{}' already exists", body.name),
            ));
        }
        let id = id::uuid();
        tx.execute(
            "insert into d1_database
             (id, name, created_at, jurisdiction, location, read_replication)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                &id,
                &body.name,
                time::now(),
                body.jurisdiction.map(Jurisdiction::word),
                body.primary_location_hint.map(Location::word),
                body.read_replication
                    .map_or("disabled", |replication| replication.mode.word()),
            ),
        )?;
        Database::find(tx, &id)
    })?;
    let extent = extent(&app, &database.id).await?;
    Ok(Answer::new(database.whole(extent)))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_word = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_word && begins_well && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err(ApiError::bad(
        code::INVALID,
        format!(
            "`name` must be of letters, digits, hyphens and underscores, begin with a letter or a \
             digit and have at most {LONGEST_NAME}, and is `{name}`"
        ),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadQuery {
    /// Names with commas between them.
    fields: Option<String>,
}

pub(super) async fn read(
    State(app): State<App>,
    At([database]): At<1>,
    Query(query): Query<ReadQuery>,
) -> Reply {
    let database = app.store.read(|tx| Database::find(tx, &database))?;
    let whole = database.whole(extent(&app, &database.id).await?);
    let Some(fields) = query.fields else {
        return Ok(Answer::new(whole));
    };
    let mut chosen = Map::new();
    for field in fields.split(',') {
        let value = whole.get(field).ok_or_else(|| {
            ApiError::bad(
                code::INVALID,
                format!("`fields`: there is no field `{field}`"),
            )
        })?;
        chosen.insert(field.to_owned(), value.clone());
    }
    Ok(Answer::new(Value::Object(chosen)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    read_replication: Option<ReadReplication>,
}

pub(super) async fn patch(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Patch>,
) -> Reply {
    change(&app, &id, body.read_replication).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    read_replication: ReadReplication,
}

pub(super) async fn put(
    State(app): State<App>,
    At([id]): At<1>,
    _: NoQuery,
    Json(body): Json<Put>,
) -> Reply {
    change(&app, &id, Some(body.read_replication)).await
}

async fn change(app: &App, id: &str, replication: Option<ReadReplication>) -> Reply {
    let database = app.store.write(|tx| {
        let database = by_id(tx, id)?;
        if let Some(replication) = replication {
            tx.execute(
                "update d1_database set read_replication = ?2 where id = ?1",
                (id, replication.mode.word()),
            )?;
        }
        Database::find(tx, &database.id)
    })?;
    let extent = extent(app, &database.id).await?;
    Ok(Answer::new(database.whole(extent)))
}

pub(super) async fn delete(State(app): State<App>, At([id]): At<1>, _: NoQuery) -> Reply {
    app.store.write(|tx| {
        by_id(tx, &id)?;
        tx.execute("delete from d1_database where id = ?1", [&id])?;
        Ok::<_, ApiError>(())
    })?;
    app.d1.remove(&id)?;
    Ok(Answer::null())
}

/// A name finds a database for reading only.
pub(super) fn by_id(tx: &Transaction<'_>, id: &str) -> Result<Database, ApiError> {
    Database::with_id(tx, id)?.ok_or_else(|| {
        ApiError::not_found(
            code::NOT_FOUND,
            format!("The database {id} could not be found"),
        )
    })
}
