//! Declarative exports: what the code has, what `exports` says and which namespaces there are, made
//! to agree. The rules are those of Cloudflare's page "Durable Object class exports".

use std::collections::BTreeSet;

use super::entries::{Entry, State};
use super::report::{
    Detail, Note, Reconciliation, Renamed, Scenario, TransferPending, Transferred,
};
use super::state::{Namespace, Namespaces, Pending, Plan, Storage};

/// What one upload of a worker declares.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) script: &'a str,
    pub(crate) entries: &'a [Entry],
    /// Classes that the code exports and that may be Durable Objects.
    pub(crate) code: &'a BTreeSet<String>,
    /// Those of them that can be nothing else.
    pub(crate) certain: &'a BTreeSet<String>,
}

/// The namespaces as they are to be, with what was done; or every class's reason why not, with the
/// namespaces as they were.
pub(crate) fn reconcile(
    before: &Namespaces,
    wish: &Wish<'_>,
    new_id: &mut dyn FnMut() -> String,
) -> Result<(Namespaces, Reconciliation), Vec<Detail>> {
    let mut work = Work {
        before,
        wish,
        after: before.clone(),
        done: Reconciliation::default(),
        details: Vec::new(),
    };
    work.forget_cancelled();
    // Tombstones come first: a rename frees its old name and fills its new one.
    for entry in wish.entries {
        match &entry.state {
            State::Deleted => work.delete(&entry.class),
            State::Renamed { to } => work.rename(&entry.class, to),
            State::Transferred { to } => work.hand_over(&entry.class, to),
            State::Live { .. } | State::Expecting { .. } => {}
        }
    }
    for entry in wish.entries {
        match &entry.state {
            State::Live { storage } => work.keep_or_create(&entry.class, *storage, new_id),
            State::Expecting { from, storage } => work.expect(&entry.class, from, *storage),
            State::Deleted | State::Renamed { .. } | State::Transferred { .. } => {}
        }
    }
    work.undeclared();
    if work.details.is_empty() {
        Ok((work.after, work.done))
    } else {
        work.details
            .sort_by(|one, other| one.class.cmp(&other.class));
        Err(work.details)
    }
}

struct Work<'a> {
    before: &'a Namespaces,
    wish: &'a Wish<'a>,
    after: Namespaces,
    done: Reconciliation,
    details: Vec<Detail>,
}

impl Work<'_> {
    /// What a worker no longer expects is not on its way any more.
    fn forget_cancelled(&mut self) {
        let wish = self.wish;
        self.after.pending.retain(|pending| {
            pending.target != wish.script
                || wish.entries.iter().any(|entry| {
                    entry.class == pending.class && matches!(entry.state, State::Expecting { .. })
                })
        });
    }

    fn has_code(&self, class: &str) -> bool {
        self.wish.code.contains(class)
    }

    fn own(&self, class: &str) -> Option<&Namespace> {
        self.before.of(self.wish.script, class)
    }

    fn refuse(&mut self, detail: Detail) {
        self.details.push(detail);
    }

    fn note(&mut self, class: &str, scenario: Scenario, message: String, namespace: Option<&str>) {
        self.done.info.push(Note {
            class: class.to_owned(),
            scenario,
            message,
            namespace_id: namespace.map(str::to_owned),
            referencing_scripts: Vec::new(),
        });
    }

    /// A tombstone without a grave.
    fn stale(&mut self, class: &str, kind: &str, referencing: Vec<String>) {
        if referencing.is_empty() {
            self.done.removable_entries.push(class.to_owned());
        }
        self.done.info.push(Note {
            class: class.to_owned(),
            scenario: Scenario::StaleTombstone,
            message: format!(
                "Tombstone of type '{kind}' for class '{class}' has no effect (no namespace exists with this class name). Safe to remove from `exports`{}.",
                if referencing.is_empty() { "" } else { " once no other Worker binds the class" }
            ),
            namespace_id: None,
            referencing_scripts: referencing,
        });
    }

    fn still_in_code(&mut self, class: &str, kind: &str, namespace: &str) {
        if self.has_code(class) {
            let message = format!(
                "Tombstone of type '{kind}' applied. Class '{class}' is still exported in code; this is the supported pattern for zero-downtime rollouts."
            );
            self.note(
                class,
                Scenario::TombstoneClassStillInCode,
                message,
                Some(namespace),
            );
        }
    }

    fn delete(&mut self, class: &str) {
        if self.has_code(class) {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::TombstoneDeleteClassStillInCode,
                    format!("class '{class}' has a `deleted` tombstone and is still exported by the code"),
                )
                .suggest(format!("remove '{class}' from the code")),
            );
        }
        let Some(namespace) = self.own(class).cloned() else {
            return self.stale(class, "deleted", Vec::new());
        };
        let others = self.before.bound_by_others(&namespace);
        if !others.is_empty() {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::TombstoneDeleteBlockedByExternalBindings,
                    format!(
                        "the namespace of class '{class}' ({}) is bound by other Workers",
                        namespace.id
                    ),
                )
                .suggest("deploy those Workers without the binding, then deploy this one again")
                .referenced_by(others),
            );
        }
        self.after.all.retain(|other| other.id != namespace.id);
        // Whoever expects it will not get it.
        self.after
            .pending
            .retain(|pending| pending.source != namespace.script || pending.class != class);
        self.done.deleted.push(class.to_owned());
    }

    fn rename(&mut self, class: &str, to: &str) {
        let script = self.wish.script;
        let Some(namespace) = self.own(class).cloned() else {
            let referencing = self.before.named_by_others(script, class);
            return self.stale(class, "renamed", referencing);
        };
        if let Some(occupant) = self.own(to) {
            let message = format!(
                "class '{class}' cannot be renamed to '{to}': a namespace of that name exists already ({})",
                occupant.id
            );
            return self.refuse(
                Detail::new(class, Scenario::TombstoneRenamedToOccupied, message).suggest(format!(
                    "delete the namespace of '{to}' by a `deleted` tombstone in a deploy of its own"
                )),
            );
        }
        if let Some(renamed) = self.after.of_mut(script, class) {
            to.clone_into(&mut renamed.class);
        }
        self.done.renamed.push(Renamed {
            from: class.to_owned(),
            to: to.to_owned(),
        });
        self.still_in_code(class, "renamed", &namespace.id);
    }

    fn hand_over(&mut self, class: &str, to: &str) {
        let script = self.wish.script;
        let Some(namespace) = self.own(class).cloned() else {
            let referencing = self.before.named_by_others(script, class);
            return self.stale(class, "transferred", referencing);
        };
        if !self.before.scripts.contains(to) {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::TransferredTargetMissing,
                    format!("class '{class}' is to go to Worker '{to}', which does not exist"),
                )
                .suggest("correct `transferred_to`, or remove the tombstone"),
            );
        }
        let expecting: Vec<&str> = self
            .before
            .pending
            .iter()
            .filter(|pending| pending.source == script && pending.class == class)
            .map(|pending| pending.target.as_str())
            .collect();
        if expecting.is_empty() {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::TransferredPendingNotFound,
                    format!("Worker '{to}' does not expect class '{class}' from '{script}'"),
                )
                .suggest(format!(
                    "deploy '{to}' first, with an `expecting-transfer` entry for '{class}' whose `transfer_from` is '{script}'"
                )),
            );
        }
        if !expecting.contains(&to) {
            let detail = Detail::new(
                class,
                Scenario::TransferredTargetMismatch,
                format!(
                    "class '{class}' is to go to '{to}', and it is '{}' that expects it",
                    expecting.join("', '")
                ),
            )
            .suggest(format!("set `transferred_to` to '{}'", expecting[0]));
            return self.refuse(detail);
        }
        if let Some(handed) = self.after.of_mut(script, class) {
            to.clone_into(&mut handed.script);
            handed.received_from = Some(script.to_owned());
        }
        self.after
            .pending
            .retain(|pending| pending.source != script || pending.class != class);
        self.done.transferred.push(Transferred {
            class: class.to_owned(),
            to: to.to_owned(),
            phase: "committed",
        });
        self.still_in_code(class, "transferred", &namespace.id);
    }

    fn keep_or_create(
        &mut self,
        class: &str,
        storage: Storage,
        new_id: &mut dyn FnMut() -> String,
    ) {
        let script = self.wish.script;
        // By its name after the tombstones: what was renamed to it is it.
        if let Some(namespace) = self.after.of(script, class).cloned() {
            if namespace.storage != storage {
                return self.refuse(wrong_storage(class, storage, &namespace));
            }
            if !self.has_code(class) {
                return self.refuse(not_in_code(class));
            }
            if let Some(source) = &namespace.received_from {
                let message = format!(
                    "The transfer of class '{class}' from '{source}' is complete; the class is a live one of this Worker."
                );
                self.note(
                    class,
                    Scenario::TransferReceiveCleanupComplete,
                    message,
                    Some(&namespace.id),
                );
                if let Some(received) = self.after.of_mut(script, class) {
                    received.received_from = None;
                }
            }
            return;
        }
        if !self.has_code(class) {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::ConfigReferencesNonexistentClass,
                    format!("class '{class}' is neither exported by the code nor provisioned"),
                )
                .suggest(format!(
                    "export '{class}' from the code, or remove the entry"
                )),
            );
        }
        if storage == Storage::LegacyKv {
            let (scenario, message) = match self.before.plan {
                Plan::Free => (
                    Scenario::FreeTierRequiresSqlite,
                    "the account's plan has only namespaces with SQLite storage",
                ),
                Plan::Paid => (
                    Scenario::InvalidExport,
                    "`legacy-kv` is only for namespaces that have it already; a new one must have `sqlite`",
                ),
            };
            return self.refuse(
                Detail::new(class, scenario, message).suggest("set `storage` to \"sqlite\""),
            );
        }
        self.after.all.push(Namespace {
            id: new_id(),
            script: script.to_owned(),
            class: class.to_owned(),
            storage,
            received_from: None,
        });
        self.done.created.push(class.to_owned());
    }

    fn expect(&mut self, class: &str, from: &str, storage: Storage) {
        let script = self.wish.script;
        if let Some(namespace) = self.own(class).cloned() {
            return self.expect_what_is_there(class, from, storage, &namespace);
        }
        if !self.has_code(class) {
            return self.refuse(not_in_code(class));
        }
        if !self.before.scripts.contains(from) {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::PhaseOneTransferSourceMissing,
                    format!(
                        "class '{class}' is to come from Worker '{from}', which does not exist"
                    ),
                )
                .suggest("correct `transfer_from`"),
            );
        }
        let Some(source) = self.before.of(from, class).cloned() else {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::PhaseOneTransferSourceNamespaceMissing,
                    format!("Worker '{from}' has no namespace for class '{class}'"),
                )
                .suggest(format!("deploy '{from}' with the class first")),
            );
        };
        let in_flight = self
            .before
            .pending
            .iter()
            .find(|pending| {
                pending.class == class && ((pending.target == script) != (pending.source == from))
            })
            .cloned();
        if let Some(other) = in_flight {
            return self.refuse(
                Detail::new(
                    class,
                    Scenario::PhaseOneTransferDuplicate,
                    format!(
                        "a transfer of class '{class}' from '{}' to '{}' is pending already",
                        other.source, other.target
                    ),
                )
                .suggest("cancel that one first, by deploying its target without the entry"),
            );
        }
        if source.storage != storage {
            return self.refuse(wrong_storage(class, storage, &source));
        }
        let pending = Pending {
            target: script.to_owned(),
            class: class.to_owned(),
            source: from.to_owned(),
        };
        if !self.after.pending.contains(&pending) {
            self.after.pending.push(pending);
        }
        self.done.transfer_pending.push(TransferPending {
            class: class.to_owned(),
            from: from.to_owned(),
        });
    }

    /// The handover is over, or there was none.
    fn expect_what_is_there(
        &mut self,
        class: &str,
        from: &str,
        storage: Storage,
        namespace: &Namespace,
    ) {
        match namespace.received_from.as_deref() {
            Some(source) if source == from => {
                if namespace.storage != storage {
                    return self.refuse(wrong_storage(class, storage, namespace));
                }
                if !self.has_code(class) {
                    return self.refuse(not_in_code(class));
                }
                let message = format!(
                    "The transfer of class '{class}' from '{from}' has been committed. Replace the entry with a live one."
                );
                self.note(
                    class,
                    Scenario::TransferReceiveAlreadyApplied,
                    message,
                    Some(&namespace.id),
                );
            }
            Some(source) => self.refuse(
                Detail::new(
                    class,
                    Scenario::PhaseOneTransferAfterCommitMismatch,
                    format!("class '{class}' came from '{source}' and not from '{from}'"),
                )
                .suggest("replace the `expecting-transfer` entry with a live one"),
            ),
            None => self.refuse(
                Detail::new(
                    class,
                    Scenario::PhaseOneTransferTargetClassProvisioned,
                    format!(
                        "this Worker has a namespace for class '{class}' already ({})",
                        namespace.id
                    ),
                )
                .suggest("replace the `expecting-transfer` entry with a live one, or delete the namespace first"),
            ),
        }
    }

    /// Nothing is dropped by forgetting it, and nothing is made by exporting it.
    fn undeclared(&mut self) {
        let wish = self.wish;
        let is_declared = |class: &str| wish.entries.iter().any(|entry| entry.class == class);
        let forgotten: Vec<Namespace> = self
            .before
            .all
            .iter()
            .filter(|namespace| namespace.script == wish.script && !is_declared(&namespace.class))
            .cloned()
            .collect();
        for namespace in forgotten {
            let class = &namespace.class;
            let storage = namespace.storage.name();
            let referencing = self.before.bound_by_others(&namespace);
            let detail = if self.has_code(class) {
                Detail::new(
                    class,
                    Scenario::ProvisionedClassMissingFromConfig,
                    format!(
                        "class '{class}' has a provisioned Durable Object namespace ({}) but is not declared in `exports`. Every provisioned class must be declared in `exports` (live or tombstone); silent drift is not permitted.",
                        namespace.id
                    ),
                )
                .suggest(format!(
                    "add '{class}' to `exports` as {{\"type\": \"durable-object\", \"storage\": \"{storage}\"}}, or as a `deleted`, `renamed` or `transferred` tombstone"
                ))
            } else {
                Detail::new(
                    class,
                    Scenario::OrphanedProvisionedNamespace,
                    format!("A namespace exists for '{class}' ({}) but no `exports` entry declares it.", namespace.id),
                )
                .suggest(format!(
                    "add an `exports` entry for '{class}' and the class to the code, or add a `deleted` tombstone to remove the namespace"
                ))
            };
            self.refuse(detail.referenced_by(referencing));
        }
        for class in wish.certain {
            if !is_declared(class) && self.own(class).is_none() {
                let message = format!(
                    "Class '{class}' is exported by the code and not declared in `exports`; no namespace is provisioned for it."
                );
                self.note(class, Scenario::CodeClassNotInExports, message, None);
            }
        }
    }
}

fn not_in_code(class: &str) -> Detail {
    Detail::new(
        class,
        Scenario::ConfigExportNotInCode,
        format!("class '{class}' is declared live and the code does not export it"),
    )
    .suggest(format!(
        "export '{class}' from the code, or replace the entry with a tombstone"
    ))
}

fn wrong_storage(class: &str, storage: Storage, namespace: &Namespace) -> Detail {
    Detail::new(
        class,
        Scenario::StorageTypeMismatch,
        format!(
            "class '{class}' is declared with storage '{}' and its namespace ({}) has '{}'",
            storage.name(),
            namespace.id,
            namespace.storage.name()
        ),
    )
    .suggest(format!(
        "set `storage` to \"{}\": it cannot change in place",
        namespace.storage.name()
    ))
}
