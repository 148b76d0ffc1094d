//! What a reconciliation of exports tells: what it did, or why it did nothing.

use serde::{Serialize, Serializer};

/// Cloudflare's tags, on which programs may branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    CodeClassNotInExports,
    ProvisionedClassMissingFromConfig,
    ConfigExportNotInCode,
    ConfigReferencesNonexistentClass,
    OrphanedProvisionedNamespace,
    StorageTypeMismatch,
    FreeTierRequiresSqlite,
    InvalidExport,
    TombstoneDeleteClassStillInCode,
    TombstoneDeleteBlockedByExternalBindings,
    TombstoneRenamedToOccupied,
    TransferredPendingNotFound,
    TransferredTargetMissing,
    TransferredTargetMismatch,
    PhaseOneTransferSourceMissing,
    PhaseOneTransferSourceNamespaceMissing,
    PhaseOneTransferTargetClassProvisioned,
    PhaseOneTransferAfterCommitMismatch,
    PhaseOneTransferDuplicate,
    ContainerUndeclaredReference,
    TombstoneClassStillInCode,
    StaleTombstone,
    TransferReceiveAlreadyApplied,
    TransferReceiveCleanupComplete,
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CodeClassNotInExports => "code_class_not_in_exports",
            Self::ProvisionedClassMissingFromConfig => "provisioned_class_missing_from_config",
            Self::ConfigExportNotInCode => "config_export_not_in_code",
            Self::ConfigReferencesNonexistentClass => "config_references_nonexistent_class",
            Self::OrphanedProvisionedNamespace => "orphaned_provisioned_namespace",
            Self::StorageTypeMismatch => "storage_type_mismatch",
            Self::FreeTierRequiresSqlite => "free_tier_requires_sqlite",
            Self::InvalidExport => "invalid_export",
            Self::TombstoneDeleteClassStillInCode => "tombstone_delete_class_still_in_code",
            Self::TombstoneDeleteBlockedByExternalBindings => {
                "tombstone_delete_blocked_by_external_bindings"
            }
            Self::TombstoneRenamedToOccupied => "tombstone_renamed_to_occupied",
            Self::TransferredPendingNotFound => "transferred_pending_not_found",
            Self::TransferredTargetMissing => "transferred_target_missing",
            Self::TransferredTargetMismatch => "transferred_target_mismatch",
            Self::PhaseOneTransferSourceMissing => "phase_one_transfer_source_missing",
            Self::PhaseOneTransferSourceNamespaceMissing => {
                "phase_one_transfer_source_namespace_missing"
            }
            Self::PhaseOneTransferTargetClassProvisioned => {
                "phase_one_transfer_target_class_provisioned"
            }
            Self::PhaseOneTransferAfterCommitMismatch => "phase_one_transfer_after_commit_mismatch",
            Self::PhaseOneTransferDuplicate => "phase_one_transfer_duplicate",
            Self::ContainerUndeclaredReference => "container_undeclared_reference",
            Self::TombstoneClassStillInCode => "tombstone_class_still_in_code",
            Self::StaleTombstone => "stale_tombstone",
            Self::TransferReceiveAlreadyApplied => "transfer_receive_already_applied",
            Self::TransferReceiveCleanupComplete => "transfer_receive_cleanup_complete",
        }
    }
}

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why one class cannot become what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Detail {
    pub(crate) class: String,
    pub(crate) scenario: Scenario,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggestion: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) referencing_scripts: Vec<String>,
}

impl Detail {
    pub(crate) fn new(class: &str, scenario: Scenario, message: impl Into<String>) -> Self {
        Self {
            class: class.to_owned(),
            scenario,
            message: message.into(),
            suggestion: None,
            referencing_scripts: Vec::new(),
        }
    }

    pub(crate) fn suggest(self, what: impl Into<String>) -> Self {
        Self {
            suggestion: Some(what.into()),
            ..self
        }
    }

    pub(crate) fn referenced_by(self, referencing_scripts: Vec<String>) -> Self {
        Self {
            referencing_scripts,
            ..self
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Reconciliation {
    pub(crate) created: Vec<String>,
    /// Only containers change a namespace in place, of which there are none here.
    pub(crate) updated: Vec<String>,
    pub(crate) deleted: Vec<String>,
    pub(crate) renamed: Vec<Renamed>,
    pub(crate) transferred: Vec<Transferred>,
    pub(crate) transfer_pending: Vec<TransferPending>,
    /// Cloudflare has none yet.
    pub(crate) warnings: Vec<Note>,
    pub(crate) info: Vec<Note>,
    /// Tombstones that have nothing left to do and that nobody refers to.
    pub(crate) removable_entries: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Renamed {
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Transferred {
    pub(crate) class: String,
    pub(crate) to: String,
    pub(crate) phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TransferPending {
    pub(crate) class: String,
    pub(crate) from: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Note {
    pub(crate) class: String,
    pub(crate) scenario: Scenario,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) referencing_scripts: Vec<String>,
}
