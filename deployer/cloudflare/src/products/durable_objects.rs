//! Durable Objects: how classes come, go and change names, and the namespaces that are there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};
use crate::transport::envelope::null_is_default;

/// What becomes of one class with an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportEntry {
    /// Made on the first upload, matched on all others.
    Live(StorageKind),
    Renamed {
        to: String,
    },
    /// With all its objects, for good.
    Deleted,
    /// Handed to another worker that expects it.
    Transferred {
        to: String,
    },
    /// To be taken over from another worker.
    ExpectingTransfer {
        from: String,
        storage: StorageKind,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    Sqlite,
    /// Only for classes that have it already.
    LegacyKv,
}

#[derive(Serialize)]
struct WireEntry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<StorageKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transferred_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_from: Option<&'a str>,
}

impl Serialize for ExportEntry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bare = WireEntry {
            kind: "durable-object",
            state: None,
            storage: None,
            renamed_to: None,
            transferred_to: None,
            transfer_from: None,
        };
        let entry = match self {
            Self::Live(storage) => WireEntry {
                storage: Some(*storage),
                ..bare
            },
            Self::Renamed { to } => WireEntry {
                state: Some("renamed"),
                renamed_to: Some(to),
                ..bare
            },
            Self::Deleted => WireEntry {
                state: Some("deleted"),
                ..bare
            },
            Self::Transferred { to } => WireEntry {
                state: Some("transferred"),
                transferred_to: Some(to),
                ..bare
            },
            Self::ExpectingTransfer { from, storage } => WireEntry {
                state: Some("expecting-transfer"),
                storage: Some(*storage),
                transfer_from: Some(from),
                ..bare
            },
        };
        entry.serialize(serializer)
    }
}

/// An entry that Cloudflare shows. Kinds and states are open.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LiveExport {
    /// `durable-object`, or `worker` for an entrypoint.
    #[serde(rename = "type")]
    pub kind: String,
    /// None means `created`.
    pub state: Option<String>,
    pub storage: Option<StorageKind>,
    pub transfer_from: Option<String>,
}

/// By class name.
pub type LiveExports = BTreeMap<String, LiveExport>;

/// What an upload with exports did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ExportsReconciliation {
    #[serde(deserialize_with = "null_is_default")]
    pub created: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub updated: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub deleted: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub renamed: Vec<RenamedClass>,
    #[serde(deserialize_with = "null_is_default")]
    pub transferred: Vec<TransferredOut>,
    #[serde(deserialize_with = "null_is_default")]
    pub transfer_pending: Vec<PendingTransfer>,
    #[serde(deserialize_with = "null_is_default")]
    pub warnings: Vec<ReconciliationNote>,
    #[serde(deserialize_with = "null_is_default")]
    pub info: Vec<ReconciliationNote>,
    /// Tombstones that have nothing left to do.
    #[serde(deserialize_with = "null_is_default")]
    pub removable_entries: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenamedClass {
    pub from: String,
    pub to: String,
}

/// A class that went to another worker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TransferredOut {
    pub class: String,
    pub to: String,
    pub phase: Option<String>,
}

/// A class that the other worker has not let go of yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PendingTransfer {
    pub class: String,
    pub from: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReconciliationNote {
    pub class: String,
    /// Such as `stale_tombstone`.
    pub scenario: String,
    pub message: String,
    pub namespace_id: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub referencing_scripts: Vec<String>,
}

/// Tagged steps from where the live worker is to where it shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Migrations {
    /// The tag that the live worker has; none when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_tag: Option<String>,
    pub new_tag: String,
    pub steps: Vec<MigrationStep>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MigrationStep {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_sqlite_classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renamed_classes: Vec<RenamedClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted_classes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transferred_classes: Vec<TransferredClass>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferredClass {
    pub from: String,
    pub from_script: String,
    pub to: String,
}

/// A class of a worker, with its objects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DurableObjectNamespace {
    pub id: String,
    pub name: Option<String>,
    pub script: Option<String>,
    pub class: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub use_sqlite: bool,
}

impl Account {
    /// All of the account.
    pub async fn durable_object_namespaces(
        &self,
    ) -> Result<Vec<DurableObjectNamespace>, CloudflareError> {
        let call = Call::get(Product::Scripts, "list Durable Object namespaces").at(&[
            "accounts",
            self.id(),
            "workers",
            "durable_objects",
            "namespaces",
        ]);
        self.transport.pages(call, Some(1000), None).await
    }
}
