//! Calls about buckets.

use axum::extract::State;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bucket::{Bucket, Jurisdiction, StorageClass};
use super::code;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply, ResultInfo};
use crate::strict::{At, Json, NoQuery, Order, PageRule, Query};
use crate::{id, names, time};

const PAGES: PageRule = PageRule::new(20, 1, 1000);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    name_contains: Option<String>,
    start_after: Option<String>,
    per_page: Option<u32>,
    /// There is one order only.
    #[allow(dead_code)]
    order: Option<OrderBy>,
    direction: Option<Order>,
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderBy {
    Name,
}

/// The cursor is the last name of the page before.
pub(super) async fn list(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    Query(query): Query<ListQuery>,
) -> Reply {
    let per_page = PAGES.per_page(query.per_page)? as usize;
    let descends = query.direction == Some(Order::Desc);
    let part = query.name_contains.unwrap_or_default();
    let after = query.cursor.or(query.start_after);
    let mut all = app.store.read(|tx| Bucket::all(tx, &jurisdiction))?;
    if descends {
        all.reverse();
    }
    let mut buckets: Vec<Bucket> = all
        .into_iter()
        .filter(|bucket| bucket.name.contains(&part))
        .filter(|bucket| {
            after.as_ref().is_none_or(|after| {
                if descends {
                    bucket.name < *after
                } else {
                    bucket.name > *after
                }
            })
        })
        .take(per_page + 1)
        .collect();
    let has_more = buckets.len() > per_page;
    buckets.truncate(per_page);
    let cursor = buckets
        .last()
        .filter(|_| has_more)
        .map(|last| last.name.clone());
    let whole: Vec<Value> = buckets.iter().map(Bucket::whole).collect();
    Ok(
        Answer::new(json!({ "buckets": whole })).with_info(ResultInfo {
            per_page: u32::try_from(per_page).ok(),
            cursor: Some(cursor.unwrap_or_default()),
            ..ResultInfo::default()
        }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBucket {
    name: String,
    #[serde(rename = "locationHint")]
    location_hint: Option<Location>,
    #[serde(default, rename = "storageClass")]
    storage_class: StorageClass,
}

/// R2 takes hints in either case.
#[derive(Clone, Copy, Deserialize)]
enum Location {
    #[serde(rename = "wnam", alias = "WNAM")]
    WestOfNorthAmerica,
    #[serde(rename = "enam", alias = "ENAM")]
    EastOfNorthAmerica,
    #[serde(rename = "weur", alias = "WEUR")]
    WestOfEurope,
    #[serde(rename = "eeur", alias = "EEUR")]
    EastOfEurope,
    #[serde(rename = "apac", alias = "APAC")]
    AsiaPacific,
    #[serde(rename = "oc", alias = "OC")]
    Oceania,
}

impl Location {
    fn word(self) -> &'static str {
        match self {
            Self::WestOfNorthAmerica => "WNAM",
            Self::EastOfNorthAmerica => "ENAM",
            Self::WestOfEurope => "WEUR",
            Self::EastOfEurope => "EEUR",
            Self::AsiaPacific => "APAC",
            Self::Oceania => "OC",
        }
    }
}

pub(super) async fn create(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    _: NoQuery,
    Json(body): Json<NewBucket>,
) -> Reply {
    if !names::is_lower_kebab(&body.name, 3..=63) {
        return Err(ApiError::bad(
            code::INVALID_NAME,
            format!(
                "The bucket name is not valid: `{}` must have 3 to 63 lower-case letters, digits \
                 and hyphens inside",
                body.name
            ),
        ));
    }
    let bucket = app.store.write(|tx| {
        if Bucket::named(tx, &body.name, &jurisdiction)?.is_some() {
            return Err(ApiError::conflict(
                code::NAME_TAKEN,
                "The bucket you tried to create already exists, and you own it.",
            ));
        }
        tx.execute(
            "insert into r2_bucket
             (id, name, jurisdiction, location, storage_class, creation_date)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                id::hex(),
                &body.name,
                jurisdiction.0,
                body.location_hint.map_or("WEUR", Location::word),
                body.storage_class.word(),
                time::now(),
            ),
        )?;
        Bucket::find(tx, &body.name, &jurisdiction)
    })?;
    Ok(Answer::new(bucket.whole()))
}

pub(super) async fn read(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    let bucket = Bucket::asked_for(&app, &name, &jurisdiction)?;
    Ok(Answer::new(bucket.whole()))
}

/// The storage class comes in a header.
pub(super) async fn patch(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
    headers: HeaderMap,
) -> Reply {
    let class = headers
        .get("cf-r2-storage-class")
        .and_then(|value| value.to_str().ok())
        .and_then(|word| serde_json::from_value::<StorageClass>(json!(word)).ok())
        .ok_or_else(|| {
            ApiError::bad(
                code::INVALID,
                "the header `cf-r2-storage-class` must be `Standard` or `InfrequentAccess`",
            )
        })?;
    let bucket = app.store.write(|tx| {
        let bucket = Bucket::find(tx, &name, &jurisdiction)?;
        tx.execute(
            "update r2_bucket set storage_class = ?2 where id = ?1",
            (&bucket.id, class.word()),
        )?;
        Bucket::find(tx, &name, &jurisdiction)
    })?;
    Ok(Answer::new(bucket.whole()))
}

pub(super) async fn delete(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    let bucket = Bucket::asked_for(&app, &name, &jurisdiction)?;
    let is_empty = app.hosting.r2_is_empty(&bucket.storage()).await?;
    if !is_empty {
        return Err(ApiError::conflict(
            code::NOT_EMPTY,
            format!("The bucket you tried to delete ({name}) is not empty"),
        ));
    }
    app.store.write(|tx| {
        Bucket::find(tx, &name, &jurisdiction)?;
        tx.execute("delete from r2_bucket where id = ?1", [&bucket.id])?;
        Ok::<_, ApiError>(())
    })?;
    Ok(Answer::empty())
}

pub(super) async fn read_managed(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    let bucket = Bucket::asked_for(&app, &name, &jurisdiction)?;
    Ok(Answer::new(managed(&bucket)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Managed {
    enabled: bool,
}

pub(super) async fn put_managed(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
    Json(body): Json<Managed>,
) -> Reply {
    let bucket = app.store.write(|tx| {
        let bucket = Bucket::find(tx, &name, &jurisdiction)?;
        tx.execute(
            "update r2_bucket set is_public = ?2 where id = ?1",
            (&bucket.id, body.enabled),
        )?;
        Bucket::find(tx, &name, &jurisdiction)
    })?;
    Ok(Answer::new(managed(&bucket)))
}

fn managed(bucket: &Bucket) -> Value {
    json!({
        "bucketId": bucket.id,
        "domain": format!("pub-{}.r2.dev", bucket.id),
        "enabled": bucket.is_public,
    })
}

/// Domains of one's own need certificates, which there are none of here.
pub(super) async fn list_custom(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    Bucket::asked_for(&app, &name, &jurisdiction)?;
    Ok(Answer::new(json!({ "domains": [] })))
}
