//! R2: buckets, and emptying them.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct R2Bucket {
    pub name: String,
    pub creation_date: Option<String>,
    pub location: Option<String>,
    pub jurisdiction: Option<String>,
    pub storage_class: Option<String>,
}

/// An object of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct R2Object {
    pub key: String,
    /// Bytes.
    pub size: Option<u64>,
}

/// A bucket to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NewR2Bucket {
    pub name: String,
    /// Such as `weur`.
    #[serde(rename = "locationHint", skip_serializing_if = "Option::is_none")]
    pub location_hint: Option<String>,
    /// `Standard` or `InfrequentAccess`.
    #[serde(rename = "storageClass", skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
}

impl Account {
    /// Buckets of other jurisdictions than the default are in lists and have names of their own.
    fn r2(&self, call: Call, jurisdiction: Option<&str>) -> Call {
        let call = call.at(&["accounts", self.id(), "r2", "buckets"]);
        match jurisdiction {
            Some(jurisdiction) => call.header("cf-r2-jurisdiction", jurisdiction),
            None => call,
        }
    }

    pub async fn r2_buckets(
        &self,
        jurisdiction: Option<&str>,
    ) -> Result<Vec<R2Bucket>, CloudflareError> {
        let call = self
            .r2(Call::get(Product::R2, "list R2 buckets"), jurisdiction)
            .query("per_page", "1000");
        self.transport.cursor(call, Some("buckets")).await
    }

    pub async fn r2_bucket(
        &self,
        name: &str,
        jurisdiction: Option<&str>,
    ) -> Result<Option<R2Bucket>, CloudflareError> {
        let call = Call::get(Product::R2, format!("read R2 bucket `{name}`"));
        self.transport
            .find(self.r2(call, jurisdiction).at(&[name]))
            .await
    }

    pub async fn create_r2_bucket(
        &self,
        bucket: &NewR2Bucket,
        jurisdiction: Option<&str>,
    ) -> Result<R2Bucket, CloudflareError> {
        let call = Call::post(Product::R2, format!("create R2 bucket `{}`", bucket.name));
        self.transport
            .result(self.r2(call, jurisdiction).json(bucket))
            .await
    }

    /// The first objects of a bucket, as many as there are in a page: 1000.
    pub async fn first_r2_objects(
        &self,
        bucket: &str,
        jurisdiction: Option<&str>,
    ) -> Result<Vec<R2Object>, CloudflareError> {
        let call = Call::get(Product::R2, format!("list objects of R2 bucket `{bucket}`"));
        let call = self
            .r2(call, jurisdiction)
            .at(&[bucket, "objects"])
            .query("per_page", "1000");
        self.transport.list(call, None).await
    }

    /// Deletes objects by their keys; those that are not there count as deleted.
    pub async fn delete_r2_objects(
        &self,
        bucket: &str,
        keys: &[String],
        jurisdiction: Option<&str>,
    ) -> Result<(), CloudflareError> {
        let operation = format!("delete {} objects of R2 bucket `{bucket}`", keys.len());
        let call = self.r2(Call::delete(Product::R2, operation), jurisdiction);
        self.transport
            .done(call.at(&[bucket, "objects"]).json(&keys))
            .await
    }

    /// Refused while objects are in it. `false`: it was not there.
    pub async fn delete_r2_bucket(
        &self,
        name: &str,
        jurisdiction: Option<&str>,
    ) -> Result<bool, CloudflareError> {
        let call = Call::delete(Product::R2, format!("delete R2 bucket `{name}`"));
        self.transport
            .delete(self.r2(call, jurisdiction).at(&[name]))
            .await
    }
}
