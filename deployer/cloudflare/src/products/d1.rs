//! D1: databases, and SQL in them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Effect, Product};
use crate::transport::envelope::null_is_default;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct D1Database {
    pub uuid: String,
    pub name: String,
    pub created_at: Option<String>,
    pub jurisdiction: Option<String>,
    /// Bytes; not in lists.
    pub file_size: Option<u64>,
    /// Not in lists.
    pub num_tables: Option<u64>,
}

/// A database to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewD1Database {
    pub name: String,
    /// `eu`, `fedramp` or `us`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Such as `weur`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_location_hint: Option<String>,
}

/// SQL with what stands for its `?`s. Without parameters it may hold several statements.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct D1Statement {
    pub sql: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
}

#[derive(Serialize)]
struct Batch<'a> {
    batch: &'a [D1Statement],
}

/// What one statement gave; `Row` is an object by column name.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "Row: DeserializeOwned")]
pub struct D1Result<Row> {
    #[serde(default, deserialize_with = "null_is_default")]
    pub results: Vec<Row>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub meta: D1Meta,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct D1Meta {
    /// Rows inserted, updated and deleted: what tells whether a compare-and-swap hit.
    #[serde(default)]
    pub changes: u64,
    #[serde(default)]
    pub rows_read: u64,
    #[serde(default)]
    pub rows_written: u64,
    pub last_row_id: Option<i64>,
}

impl Account {
    fn d1(&self, call: Call) -> Call {
        call.at(&["accounts", self.id(), "d1", "database"])
    }

    pub async fn d1_databases(&self) -> Result<Vec<D1Database>, CloudflareError> {
        let call = self.d1(Call::get(Product::D1, "list D1 databases"));
        self.transport.pages(call, Some(100), None).await
    }

    /// The database with exactly this name; Cloudflare's filter takes parts of names too.
    pub async fn d1_database_named(
        &self,
        name: &str,
    ) -> Result<Option<D1Database>, CloudflareError> {
        let call = self
            .d1(Call::get(
                Product::D1,
                format!("look for D1 database `{name}`"),
            ))
            .query("name", name);
        let found: Vec<D1Database> = self.transport.pages(call, Some(100), None).await?;
        Ok(found.into_iter().find(|database| database.name == name))
    }

    pub async fn d1_database(&self, uuid: &str) -> Result<Option<D1Database>, CloudflareError> {
        let call = self.d1(Call::get(Product::D1, format!("read D1 database `{uuid}`")));
        self.transport.find(call.at(&[uuid])).await
    }

    pub async fn create_d1_database(
        &self,
        database: &NewD1Database,
    ) -> Result<D1Database, CloudflareError> {
        let operation = format!("create D1 database `{}`", database.name);
        let call = self.d1(Call::post(Product::D1, operation));
        self.transport.result(call.json(database)).await
    }

    /// With all its tables. `false`: it was not there.
    pub async fn delete_d1_database(&self, uuid: &str) -> Result<bool, CloudflareError> {
        let operation = format!("delete D1 database `{uuid}`");
        let call = self.d1(Call::delete(Product::D1, operation));
        self.transport.delete(call.at(&[uuid])).await
    }

    /// Runs one piece of SQL that changes something. A lost answer is unclear.
    pub async fn run_d1<Row: DeserializeOwned>(
        &self,
        uuid: &str,
        statement: &D1Statement,
    ) -> Result<Vec<D1Result<Row>>, CloudflareError> {
        let call = Call::post(Product::D1, format!("run SQL in D1 database `{uuid}`"));
        self.sql(call, uuid, statement).await
    }

    /// Runs several statements in one transaction. A lost answer is unclear.
    pub async fn run_d1_batch<Row: DeserializeOwned>(
        &self,
        uuid: &str,
        batch: &[D1Statement],
    ) -> Result<Vec<D1Result<Row>>, CloudflareError> {
        let call = Call::post(Product::D1, format!("run SQL in D1 database `{uuid}`"));
        self.sql(call, uuid, &Batch { batch }).await
    }

    /// Runs SQL of which the caller knows that it changes nothing; it may be run several times.
    pub async fn read_d1<Row: DeserializeOwned>(
        &self,
        uuid: &str,
        statement: &D1Statement,
    ) -> Result<Vec<D1Result<Row>>, CloudflareError> {
        let call = Call::post(Product::D1, format!("read from D1 database `{uuid}`"));
        self.sql(call.effect(Effect::Read), uuid, statement).await
    }

    async fn sql<Row: DeserializeOwned>(
        &self,
        call: Call,
        uuid: &str,
        body: &impl Serialize,
    ) -> Result<Vec<D1Result<Row>>, CloudflareError> {
        let call = self.d1(call).at(&[uuid, "query"]).json(body);
        self.transport.result(call).await
    }
}
