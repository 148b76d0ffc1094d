//! The map `exports` of an upload, read and checked by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::report::{Detail, Scenario};
use super::state::Storage;
use crate::workers::names::is_identifier;

/// An entry as it was uploaded, with every field that any entry may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawExport {
    #[serde(rename = "type")]
    pub(crate) kind: ExportKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<RawState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    storage: Option<Storage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renamed_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transferred_to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache: Option<EntrypointCache>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportKind {
    DurableObject,
    Worker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawState {
    Created,
    Deleted,
    Renamed,
    Transferred,
    ExpectingTransfer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntrypointCache {
    enabled: bool,
}

impl RawExport {
    /// Whether it shows among a worker's live exports.
    pub(crate) fn is_live(&self) -> bool {
        matches!(
            self.state,
            None | Some(RawState::Created | RawState::ExpectingTransfer)
        )
    }
}

/// A Durable Object class that an upload speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) class: String,
    pub(crate) state: State,
}

/// What is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Live { storage: Storage },
    Deleted,
    Renamed { to: String },
    Transferred { to: String },
    Expecting { from: String, storage: Storage },
}

/// A named entrypoint that an upload speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkerExport(pub(crate) String);

/// Tells Durable Objects from entrypoints, and reports every entry that says what it must not.
pub(crate) fn parse(
    script: &str,
    exports: &BTreeMap<String, RawExport>,
) -> Result<(Vec<Entry>, Vec<WorkerExport>), Vec<Detail>> {
    let mut entries = Vec::new();
    let mut entrypoints = Vec::new();
    let mut details = Vec::new();
    for (name, export) in exports {
        match export.kind {
            ExportKind::Worker => match entrypoint(name, export) {
                Ok(()) => entrypoints.push(WorkerExport(name.clone())),
                Err(detail) => details.push(detail),
            },
            ExportKind::DurableObject => match durable_object(script, name, export) {
                Ok(state) => entries.push(Entry {
                    class: name.clone(),
                    state,
                }),
                Err(detail) => details.push(detail),
            },
        }
    }
    details.extend(rename_targets(&entries));
    if details.is_empty() {
        Ok((entries, entrypoints))
    } else {
        Err(details)
    }
}

fn invalid(class: &str, why: impl Into<String>) -> Detail {
    Detail::new(class, Scenario::InvalidExport, why)
}

fn entrypoint(name: &str, export: &RawExport) -> Result<(), Detail> {
    let bare = RawExport {
        kind: ExportKind::Worker,
        state: export.state,
        storage: None,
        renamed_to: None,
        transferred_to: None,
        transfer_from: None,
        container: None,
        cache: export.cache,
    };
    if *export != bare || !matches!(export.state, None | Some(RawState::Created)) {
        return Err(invalid(
            name,
            "an entry of type 'worker' may have only `cache`, and the state 'created'",
        ));
    }
    Ok(())
}

fn durable_object(script: &str, class: &str, export: &RawExport) -> Result<State, Detail> {
    if !is_identifier(class) {
        return Err(invalid(class, "it is not the name of a class"));
    }
    if export.cache.is_some() {
        return Err(invalid(
            class,
            "an entry of type 'durable-object' may not have `cache`",
        ));
    }
    if export.container.is_some() {
        return Err(Detail::new(
            class,
            Scenario::ContainerUndeclaredReference,
            "it names a container, and the upload declares none: the local Cloudflare has no containers",
        ));
    }
    let state = export.state.unwrap_or(RawState::Created);
    let fields = [
        ("storage", export.storage.is_some()),
        ("renamed_to", export.renamed_to.is_some()),
        ("transferred_to", export.transferred_to.is_some()),
        ("transfer_from", export.transfer_from.is_some()),
    ];
    let (name, required): (_, &[&str]) = match state {
        RawState::Created => ("created", &["storage"]),
        RawState::Deleted => ("deleted", &[]),
        RawState::Renamed => ("renamed", &["renamed_to"]),
        RawState::Transferred => ("transferred", &["transferred_to"]),
        RawState::ExpectingTransfer => ("expecting-transfer", &["storage", "transfer_from"]),
    };
    for (field, is_there) in fields {
        if required.contains(&field) && !is_there {
            return Err(invalid(class, format!("state '{name}' requires `{field}`")));
        }
        if !required.contains(&field) && is_there {
            return Err(invalid(class, format!("state '{name}' forbids `{field}`")));
        }
    }
    let storage = export.storage.unwrap_or(Storage::Sqlite);
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let state = match state {
        RawState::Created => State::Live { storage },
        RawState::Deleted => State::Deleted,
        RawState::Renamed => State::Renamed {
            to: text(&export.renamed_to),
        },
        RawState::Transferred => State::Transferred {
            to: text(&export.transferred_to),
        },
        RawState::ExpectingTransfer => State::Expecting {
            from: text(&export.transfer_from),
            storage,
        },
    };
    match &state {
        State::Renamed { to } if !is_identifier(to) => Err(invalid(
            class,
            format!("`renamed_to` is '{to}', which is not the name of a class"),
        )),
        State::Renamed { to } if to == class => {
            Err(invalid(class, "`renamed_to` is the class itself"))
        }
        State::Transferred { to } if to == script => Err(invalid(
            class,
            "`transferred_to` is the Worker itself: use state 'renamed' within one Worker",
        )),
        State::Expecting { from, .. } if from == script => {
            Err(invalid(class, "`transfer_from` is the Worker itself"))
        }
        _ => Ok(state),
    }
}

/// A rename needs a live entry to lead to, and no other rename to the same.
fn rename_targets(entries: &[Entry]) -> Vec<Detail> {
    let live: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| matches!(entry.state, State::Live { .. }))
        .map(|entry| entry.class.as_str())
        .collect();
    let mut targets = BTreeSet::new();
    let mut details = Vec::new();
    for Entry { class, state } in entries {
        let State::Renamed { to } = state else {
            continue;
        };
        if !live.contains(to.as_str()) {
            details.push(
                invalid(
                    class,
                    format!("`renamed_to` is '{to}', which has no live entry in `exports`"),
                )
                .suggest(format!(
                    "add a live entry for '{to}' with the storage that '{class}' has"
                )),
            );
        } else if !targets.insert(to.as_str()) {
            details.push(invalid(
                class,
                format!("another class is renamed to '{to}' as well"),
            ));
        }
    }
    details
}
