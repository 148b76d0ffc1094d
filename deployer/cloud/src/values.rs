//! Values of KV and objects of R2, as they pass between the API and the simulators that the
//! workers' bindings lead to.

use bytes::Bytes;
use serde_json::Value;

/// A value of a KV namespace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KvValue {
    pub(crate) value: Bytes,
    pub(crate) metadata: Option<Value>,
    /// Seconds since 1970.
    pub(crate) expiration: Option<u64>,
}

/// A key in a list of keys.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct KvKey {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Value>,
}

/// Some of a namespace's keys, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KvKeys {
    pub(crate) keys: Vec<KvKey>,
    /// Where the list goes on.
    pub(crate) cursor: Option<String>,
}

/// An object of a bucket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct R2Object {
    pub(crate) body: Bytes,
    pub(crate) content_type: Option<String>,
    /// Quoted hash, as R2 gives it; not needed to put one.
    pub(crate) etag: Option<String>,
}

/// An object in a list of objects.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct R2Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    /// As `2026-01-31T12:00:00.000Z`.
    pub(crate) last_modified: String,
}

/// Some of a bucket's objects, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct R2Objects {
    pub(crate) objects: Vec<R2Listed>,
    /// Where the list goes on.
    pub(crate) cursor: Option<String>,
}
