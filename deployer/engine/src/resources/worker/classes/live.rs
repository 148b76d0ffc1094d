//! The Durable Object classes that a worker has on Cloudflare.

use std::collections::BTreeMap;

use serde_json::Value;
use tiny_cloudflare::{DurableObjectNamespace, ScriptInfo, StorageKind};

use crate::Properties;

/// How Cloudflare says that a class is one of Durable Objects.
const DURABLE_OBJECT: &str = "durable-object";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LiveClasses {
    /// Those with a namespace, and so with objects.
    pub(crate) classes: BTreeMap<String, StorageKind>,
    /// Those that the worker has announced to take over, by the script that has or had them. One
    /// that is among `classes` too has arrived, and only the announcement is left to be taken back.
    pub(crate) expecting: BTreeMap<String, String>,
    pub(crate) management: Management,
}

/// How Cloudflare was told of a worker's classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Management {
    /// Not at all so far.
    #[default]
    Untold,
    /// Declared with the upload.
    Exports,
    /// By migrations; the tag is that of the last one.
    Tags(String),
}

impl LiveClasses {
    /// What a script's entry tells by itself is not all there is to know: it has classes by
    /// migrations, or one that it expects may have come.
    pub(crate) fn need_namespaces(script: &ScriptInfo) -> bool {
        let mut declared = script
            .exports
            .values()
            .filter(|export| export.kind == DURABLE_OBJECT)
            .peekable();
        (script.migration_tag.is_some() && declared.peek().is_none())
            || declared.any(|export| export.state.as_deref() == Some("expecting-transfer"))
    }

    pub(crate) fn of(script: &ScriptInfo, namespaces: Option<&[DurableObjectNamespace]>) -> Self {
        let declared = || {
            script
                .exports
                .iter()
                .filter(|(_, export)| export.kind == DURABLE_OBJECT)
        };
        let classes = match namespaces {
            Some(namespaces) => namespaces
                .iter()
                .filter(|namespace| namespace.script.as_deref() == Some(script.id.as_str()))
                .filter_map(|namespace| {
                    let storage = if namespace.use_sqlite {
                        StorageKind::Sqlite
                    } else {
                        StorageKind::LegacyKv
                    };
                    Some((namespace.class.clone()?, storage))
                })
                .collect(),
            None => declared()
                .filter(|(_, export)| matches!(export.state.as_deref(), None | Some("created")))
                .map(|(class, export)| {
                    let storage = export.storage.unwrap_or(StorageKind::Sqlite);
                    (class.clone(), storage)
                })
                .collect(),
        };
        let expecting = declared()
            .filter(|(_, export)| export.state.as_deref() == Some("expecting-transfer"))
            .filter_map(|(class, export)| Some((class.clone(), export.transfer_from.clone()?)))
            .collect();
        let management = if declared().next().is_some() {
            Management::Exports
        } else if let Some(tag) = &script.migration_tag {
            Management::Tags(tag.clone())
        } else {
            Management::Untold
        };
        Self {
            classes,
            expecting,
            management,
        }
    }

    /// As they were when the worker was last deployed, for a plan that does not ask Cloudflare.
    pub(crate) fn recorded(properties: &Properties) -> Self {
        let classes = properties
            .get("classes")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(class, storage)| {
                Some((class.clone(), storage_called(storage.as_str()?)?))
            })
            .collect();
        let management = match properties.get("migrations").and_then(Value::as_str) {
            Some("exports") => Management::Exports,
            Some(tag) => Management::Tags(tag.to_owned()),
            None => Management::Untold,
        };
        Self {
            classes,
            expecting: BTreeMap::new(),
            management,
        }
    }
}

/// For people and for the record.
pub(in super::super) fn storage_name(storage: StorageKind) -> &'static str {
    match storage {
        StorageKind::Sqlite => "sqlite",
        StorageKind::LegacyKv => "legacy-kv",
    }
}

fn storage_called(name: &str) -> Option<StorageKind> {
    [StorageKind::Sqlite, StorageKind::LegacyKv]
        .into_iter()
        .find(|storage| storage_name(*storage) == name)
}
