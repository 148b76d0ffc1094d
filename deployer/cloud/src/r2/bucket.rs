//! Buckets as they are kept and shown.

use axum::extract::FromRequestParts;
use http::request::Parts;
use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::code;
use crate::app::App;
use crate::envelope::ApiError;

/// Where a bucket's objects may be. Each has names of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Jurisdiction(pub(crate) &'static str);

const JURISDICTIONS: &[&str] = &["default", "eu", "fedramp", "fedramp-high", "us"];

impl Jurisdiction {
    pub(crate) fn named(name: &str) -> Option<Self> {
        JURISDICTIONS
            .iter()
            .find(|known| **known == name)
            .map(|known| Self(known))
    }
}

/// From the header `cf-r2-jurisdiction`.
impl<S: Send + Sync> FromRequestParts<S> for Jurisdiction {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(header) = parts.headers.get("cf-r2-jurisdiction") else {
            return Ok(Self("default"));
        };
        header.to_str().ok().and_then(Self::named).ok_or_else(|| {
            ApiError::bad(
                code::INVALID,
                format!(
                    "the header `cf-r2-jurisdiction` must be one of {}",
                    JURISDICTIONS.join(", ")
                ),
            )
        })
    }
}

/// What objects cost, and what reading them costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StorageClass {
    #[default]
    Standard,
    InfrequentAccess,
}

impl StorageClass {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::InfrequentAccess => "InfrequentAccess",
        }
    }
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(super) id: String,
    pub(crate) name: String,
    pub(super) jurisdiction: String,
    pub(super) location: String,
    pub(super) storage_class: String,
    pub(super) creation_date: String,
    pub(super) is_public: bool,
    /// JSON, where rules are set.
    pub(super) cors: Option<String>,
    pub(super) lifecycle: Option<String>,
}

const BUCKET: &str = "select id, name, jurisdiction, location, storage_class, creation_date, \
    is_public, cors, lifecycle from r2_bucket";

impl Bucket {
    /// Refuses what leads to none.
    pub(crate) fn find(
        tx: &Transaction<'_>,
        name: &str,
        jurisdiction: &Jurisdiction,
    ) -> Result<Self, ApiError> {
        Self::named(tx, name, jurisdiction)?.ok_or_else(|| {
            ApiError::not_found(code::NO_BUCKET, "The specified bucket does not exist.")
        })
    }

    pub(crate) fn named(
        tx: &Transaction<'_>,
        name: &str,
        jurisdiction: &Jurisdiction,
    ) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            &format!("{BUCKET} where name = ?1 and jurisdiction = ?2"),
            [name, jurisdiction.0],
            Self::read,
        )
        .optional()
    }

    pub(super) fn all(
        tx: &Transaction<'_>,
        jurisdiction: &Jurisdiction,
    ) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(&format!("{BUCKET} where jurisdiction = ?1 order by name"))?
            .query_map([jurisdiction.0], Self::read)?
            .collect()
    }

    /// What the simulator knows it by.
    pub(crate) fn storage_name(name: &str, jurisdiction: &str) -> String {
        if jurisdiction == "default" {
            name.to_owned()
        } else {
            // No name of a bucket has an underscore.
            format!("{jurisdiction}_{name}")
        }
    }

    pub(super) fn storage(&self) -> String {
        Self::storage_name(&self.name, &self.jurisdiction)
    }

    /// The bucket that a request is about.
    pub(super) fn asked_for(
        app: &App,
        name: &str,
        jurisdiction: &Jurisdiction,
    ) -> Result<Self, ApiError> {
        app.store.read(|tx| Self::find(tx, name, jurisdiction))
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            jurisdiction: row.get(2)?,
            location: row.get(3)?,
            storage_class: row.get(4)?,
            creation_date: row.get(5)?,
            is_public: row.get(6)?,
            cors: row.get(7)?,
            lifecycle: row.get(8)?,
        })
    }

    /// As answers show it.
    pub(super) fn whole(&self) -> Value {
        json!({
            "name": self.name,
            "creation_date": self.creation_date,
            "location": self.location,
            "storage_class": self.storage_class,
            "jurisdiction": self.jurisdiction,
        })
    }
}
