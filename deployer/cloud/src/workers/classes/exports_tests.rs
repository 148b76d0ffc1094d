//! Every scenario of Cloudflare's page "Durable Object class exports", and what holds in all of
//! them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::entries::{RawExport, parse};
use super::exports::{Wish, reconcile};
use super::report::{Detail, Reconciliation};
use super::state::{ClassBinding, Namespace, Namespaces, Pending, Plan, Storage};

/// An account, and uploads to it one after the other.
struct Account {
    state: Namespaces,
    next: u32,
}

impl Account {
    fn new() -> Self {
        Self {
            state: Namespaces {
                all: Vec::new(),
                pending: Vec::new(),
                bindings: Vec::new(),
                scripts: BTreeSet::new(),
                plan: Plan::Paid,
            },
            next: 0,
        }
    }

    fn with(mut self, id: &str, script: &str, class: &str, storage: Storage) -> Self {
        self.state.scripts.insert(script.to_owned());
        self.state.all.push(Namespace {
            id: id.to_owned(),
            script: script.to_owned(),
            class: class.to_owned(),
            storage,
            received_from: None,
        });
        self
    }

    fn with_script(mut self, script: &str) -> Self {
        self.state.scripts.insert(script.to_owned());
        self
    }

    fn bound(mut self, owner: &str, script: &str, class: &str, namespace: &str) -> Self {
        self.state.scripts.insert(owner.to_owned());
        self.state.bindings.push(ClassBinding {
            owner: owner.to_owned(),
            script: script.to_owned(),
            class: class.to_owned(),
            namespace: namespace.to_owned(),
        });
        self
    }

    fn upload(
        &mut self,
        script: &str,
        code: &[&str],
        exports: Value,
    ) -> Result<Reconciliation, Vec<Detail>> {
        self.state.scripts.insert(script.to_owned());
        let exports: BTreeMap<String, RawExport> = serde_json::from_value(exports).unwrap();
        let (entries, _) = parse(script, &exports)?;
        let code: BTreeSet<String> = code.iter().map(|&class| class.to_owned()).collect();
        let next = &mut self.next;
        let (after, done) = reconcile(
            &self.state,
            &Wish {
                script,
                entries: &entries,
                code: &code,
                certain: &code,
            },
            &mut || {
                *next += 1;
                format!("new-{next}")
            },
        )?;
        self.state = after;
        Ok(done)
    }

    /// `scenario class (referencing)` of each problem, after which nothing has changed.
    fn refused(&mut self, script: &str, code: &[&str], exports: Value) -> Vec<String> {
        let before = self.state.all.clone();
        let pending = self.state.pending.clone();
        let details = self.upload(script, code, exports).unwrap_err();
        assert_eq!(self.state.all, before);
        assert_eq!(self.state.pending, pending);
        details
            .iter()
            .map(|detail| {
                let referencing = detail.referencing_scripts.join(",");
                format!("{} {} {referencing}", detail.scenario.name(), detail.class)
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }

    fn id(&self, script: &str, class: &str) -> Option<&str> {
        self.state
            .of(script, class)
            .map(|namespace| namespace.id.as_str())
    }
}

fn notes(done: &Reconciliation) -> Vec<String> {
    done.info
        .iter()
        .map(|note| format!("{} {}", note.scenario.name(), note.class))
        .collect()
}

fn live() -> Value {
    json!({"type": "durable-object", "storage": "sqlite"})
}

fn kv() -> Value {
    json!({"type": "durable-object", "storage": "legacy-kv"})
}

fn deleted() -> Value {
    json!({"type": "durable-object", "state": "deleted"})
}

fn renamed(to: &str) -> Value {
    json!({"type": "durable-object", "state": "renamed", "renamed_to": to})
}

fn transferred(to: &str) -> Value {
    json!({"type": "durable-object", "state": "transferred", "transferred_to": to})
}

fn expecting(from: &str) -> Value {
    json!({"type": "durable-object", "state": "expecting-transfer", "transfer_from": from, "storage": "sqlite"})
}

#[test]
fn a_class_is_created_once_and_matched_afterwards() {
    let mut account = Account::new();
    let done = account
        .upload("chat", &["Room"], json!({"Room": live()}))
        .unwrap();
    assert_eq!(done.created, ["Room"]);
    let id = account.id("chat", "Room").unwrap().to_owned();
    let again = account
        .upload("chat", &["Room"], json!({"Room": live()}))
        .unwrap();
    assert_eq!(again, Reconciliation::default());
    assert_eq!(account.id("chat", "Room"), Some(id.as_str()));
}

#[test]
fn code_class_not_in_exports() {
    let done = Account::new()
        .upload("chat", &["Room", "Other"], json!({"Room": live()}))
        .unwrap();
    assert_eq!(notes(&done), ["code_class_not_in_exports Other"]);
}

#[test]
fn provisioned_class_missing_from_config() {
    let mut account = Account::new().with("1", "chat", "Room", Storage::Sqlite);
    assert_eq!(
        account.refused("chat", &["Room"], json!({})),
        ["provisioned_class_missing_from_config Room"]
    );
}

#[test]
fn orphaned_provisioned_namespace() {
    let mut account = Account::new()
        .with("1", "chat", "Room", Storage::Sqlite)
        .bound("front", "chat", "Room", "1");
    assert_eq!(
        account.refused("chat", &[], json!({})),
        ["orphaned_provisioned_namespace Room front"]
    );
}

#[test]
fn config_export_not_in_code() {
    let mut account = Account::new().with("1", "chat", "Room", Storage::Sqlite);
    assert_eq!(
        account.refused("chat", &[], json!({"Room": live()})),
        ["config_export_not_in_code Room"]
    );
}

#[test]
fn config_references_nonexistent_class() {
    assert_eq!(
        Account::new().refused("chat", &[], json!({"Room": live()})),
        ["config_references_nonexistent_class Room"]
    );
}

#[test]
fn storage_type_mismatch() {
    let mut account = Account::new().with("1", "chat", "Room", Storage::LegacyKv);
    assert_eq!(
        account.refused("chat", &["Room"], json!({"Room": live()})),
        ["storage_type_mismatch Room"]
    );
    assert!(
        account
            .upload("chat", &["Room"], json!({"Room": kv()}))
            .is_ok()
    );
}

#[test]
fn a_rename_keeps_the_storage() {
    let mut account = Account::new().with("1", "chat", "Old", Storage::LegacyKv);
    assert_eq!(
        account.refused(
            "chat",
            &["New"],
            json!({"Old": renamed("New"), "New": live()})
        ),
        ["storage_type_mismatch New"]
    );
}

#[test]
fn free_tier_requires_sqlite() {
    let mut account = Account::new();
    account.state.plan = Plan::Free;
    assert_eq!(
        account.refused("chat", &["Room"], json!({"Room": kv()})),
        ["free_tier_requires_sqlite Room"]
    );
}

#[test]
fn invalid_export() {
    let mut account = Account::new().with("1", "chat", "Old", Storage::Sqlite);
    let with = |entry: Value, field: &str, value: Value| {
        let mut entry = entry;
        entry[field] = value;
        entry
    };
    for exports in [
        json!({"Room": kv()}),
        json!({"Room": {"type": "durable-object"}}),
        json!({"Room": with(deleted(), "storage", json!("sqlite"))}),
        json!({"Room": with(live(), "renamed_to", json!("A"))}),
        json!({"Room": {"type": "durable-object", "state": "renamed"}}),
        json!({"Room": {"type": "durable-object", "state": "transferred"}}),
        json!({"Room": {"type": "durable-object", "state": "expecting-transfer", "storage": "sqlite"}}),
        json!({"Room": with(live(), "cache", json!({"enabled": true}))}),
        json!({"Room": renamed("Room"), "Old": live()}),
        json!({"Room": renamed("not a name"), "Old": live()}),
        json!({"Room": renamed("Nobody"), "Old": live()}),
        json!({"Room": renamed("Gone"), "Gone": deleted(), "Old": live()}),
        json!({"Room": transferred("chat"), "Old": live()}),
        json!({"Room": expecting("chat"), "Old": live()}),
        json!({"not a name": live(), "Old": live()}),
        json!({"Room": {"type": "worker", "storage": "sqlite"}, "Old": live()}),
    ] {
        let refused = account.refused("chat", &["Room", "Old"], exports.clone());
        assert!(
            refused.iter().any(|one| one.starts_with("invalid_export")),
            "{exports}: {refused:?}"
        );
    }
    let twice = json!({"A": renamed("Old"), "B": renamed("Old"), "Old": live()});
    assert_eq!(
        account.refused("chat", &["Old"], twice),
        ["invalid_export B"]
    );
}

#[test]
fn tombstone_delete_class_still_in_code() {
    let mut account = Account::new().with("1", "chat", "Room", Storage::Sqlite);
    assert_eq!(
        account.refused("chat", &["Room"], json!({"Room": deleted()})),
        ["tombstone_delete_class_still_in_code Room"]
    );
}

#[test]
fn tombstone_delete_blocked_by_external_bindings() {
    let mut account = Account::new()
        .with("1", "chat", "Room", Storage::Sqlite)
        .bound("chat", "chat", "Room", "1")
        .bound("front", "chat", "Room", "1")
        .bound("admin", "chat", "Room", "1");
    assert_eq!(
        account.refused("chat", &[], json!({"Room": deleted()})),
        ["tombstone_delete_blocked_by_external_bindings Room admin,front"]
    );
}

#[test]
fn a_deleted_class_is_gone_and_its_tombstone_is_stale() {
    let mut account = Account::new().with("1", "chat", "Room", Storage::Sqlite);
    let done = account
        .upload("chat", &[], json!({"Room": deleted()}))
        .unwrap();
    assert_eq!(done.deleted, ["Room"]);
    assert!(account.state.all.is_empty());
    let again = account
        .upload("chat", &[], json!({"Room": deleted()}))
        .unwrap();
    assert!(again.deleted.is_empty());
    assert_eq!(notes(&again), ["stale_tombstone Room"]);
    assert_eq!(again.removable_entries, ["Room"]);
}

#[test]
fn tombstone_renamed_to_occupied() {
    let mut account = Account::new()
        .with("1", "chat", "Old", Storage::Sqlite)
        .with("2", "chat", "New", Storage::Sqlite);
    assert_eq!(
        account.refused(
            "chat",
            &["New"],
            json!({"Old": renamed("New"), "New": live()})
        ),
        ["tombstone_renamed_to_occupied Old"]
    );
}

#[test]
fn a_rename_keeps_the_objects_and_tells_who_still_says_the_old_name() {
    let mut account = Account::new()
        .with("1", "chat", "Old", Storage::Sqlite)
        .bound("front", "chat", "Old", "1");
    let exports = json!({"Old": renamed("New"), "New": live()});
    let done = account
        .upload("chat", &["Old", "New"], exports.clone())
        .unwrap();
    assert_eq!(
        (done.renamed[0].from.as_str(), done.renamed[0].to.as_str()),
        ("Old", "New")
    );
    assert!(done.created.is_empty());
    assert_eq!(notes(&done), ["tombstone_class_still_in_code Old"]);
    assert_eq!(account.id("chat", "New"), Some("1"));
    let again = account.upload("chat", &["New"], exports.clone()).unwrap();
    assert_eq!(notes(&again), ["stale_tombstone Old"]);
    assert_eq!(again.info[0].referencing_scripts, ["front"]);
    assert!(again.removable_entries.is_empty());
    account.state.bindings.clear();
    let last = account.upload("chat", &["New"], exports).unwrap();
    assert_eq!(last.removable_entries, ["Old"]);
}

#[test]
fn a_transfer_goes_through_its_phases_and_keeps_the_objects() {
    let mut account = Account::new().with("1", "from", "Room", Storage::Sqlite);
    let phase_one = account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    assert_eq!(phase_one.transfer_pending[0].from, "from");
    assert_eq!(account.state.bindable("to", "Room").unwrap().id, "1");
    assert_eq!(account.id("from", "Room"), Some("1"));
    let again = account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    assert_eq!(again.transfer_pending.len(), 1);
    assert_eq!(account.state.pending.len(), 1);

    let commit = account
        .upload("from", &["Room"], json!({"Room": transferred("to")}))
        .unwrap();
    assert_eq!(commit.transferred[0].phase, "committed");
    assert_eq!(notes(&commit), ["tombstone_class_still_in_code Room"]);
    assert_eq!(account.id("to", "Room"), Some("1"));
    assert!(account.state.pending.is_empty());

    let late = account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    assert_eq!(notes(&late), ["transfer_receive_already_applied Room"]);
    let cleanup = account
        .upload("to", &["Room"], json!({"Room": live()}))
        .unwrap();
    assert_eq!(notes(&cleanup), ["transfer_receive_cleanup_complete Room"]);
    assert_eq!(
        account
            .upload("to", &["Room"], json!({"Room": live()}))
            .unwrap()
            .info,
        []
    );
    let stale = account
        .upload("from", &[], json!({"Room": transferred("to")}))
        .unwrap();
    assert_eq!(notes(&stale), ["stale_tombstone Room"]);
    assert_eq!(stale.removable_entries, ["Room"]);
}

#[test]
fn a_pending_transfer_is_cancelled_by_leaving_it_out() {
    let mut account = Account::new().with("1", "from", "Room", Storage::Sqlite);
    account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    account
        .upload("to", &["Other"], json!({"Other": live()}))
        .unwrap();
    assert!(account.state.pending.is_empty());
    assert_eq!(
        account.refused("from", &[], json!({"Room": transferred("to")})),
        ["transferred_pending_not_found Room"]
    );
    assert_eq!(account.id("from", "Room"), Some("1"));
}

#[test]
fn transferred_pending_not_found() {
    let mut account = Account::new()
        .with("1", "from", "Room", Storage::Sqlite)
        .with_script("to");
    assert_eq!(
        account.refused("from", &[], json!({"Room": transferred("to")})),
        ["transferred_pending_not_found Room"]
    );
}

#[test]
fn transferred_target_missing() {
    let mut account = Account::new().with("1", "from", "Room", Storage::Sqlite);
    assert_eq!(
        account.refused("from", &[], json!({"Room": transferred("nobody")})),
        ["transferred_target_missing Room"]
    );
}

#[test]
fn transferred_target_mismatch() {
    let mut account = Account::new()
        .with("1", "from", "Room", Storage::Sqlite)
        .with_script("other");
    account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    assert_eq!(
        account.refused("from", &[], json!({"Room": transferred("other")})),
        ["transferred_target_mismatch Room"]
    );
}

#[test]
fn phase_one_transfer_source_missing() {
    assert_eq!(
        Account::new().refused("to", &["Room"], json!({"Room": expecting("nobody")})),
        ["phase_one_transfer_source_missing Room"]
    );
}

#[test]
fn phase_one_transfer_source_namespace_missing() {
    assert_eq!(
        Account::new().with_script("from").refused(
            "to",
            &["Room"],
            json!({"Room": expecting("from")})
        ),
        ["phase_one_transfer_source_namespace_missing Room"]
    );
}

#[test]
fn phase_one_transfer_target_class_provisioned() {
    let mut account = Account::new()
        .with("1", "from", "Room", Storage::Sqlite)
        .with("2", "to", "Room", Storage::Sqlite);
    assert_eq!(
        account.refused("to", &["Room"], json!({"Room": expecting("from")})),
        ["phase_one_transfer_target_class_provisioned Room"]
    );
}

#[test]
fn phase_one_transfer_after_commit_mismatch() {
    let mut account = Account::new().with("1", "from", "Room", Storage::Sqlite);
    account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    account
        .upload("from", &[], json!({"Room": transferred("to")}))
        .unwrap();
    assert_eq!(
        account.refused("to", &["Room"], json!({"Room": expecting("another")})),
        ["phase_one_transfer_after_commit_mismatch Room"]
    );
}

#[test]
fn phase_one_transfer_duplicate() {
    let mut account = Account::new()
        .with("1", "from", "Room", Storage::Sqlite)
        .with("2", "other", "Room", Storage::Sqlite);
    account
        .upload("to", &["Room"], json!({"Room": expecting("from")}))
        .unwrap();
    assert_eq!(
        account.refused("third", &["Room"], json!({"Room": expecting("from")})),
        ["phase_one_transfer_duplicate Room"]
    );
    assert_eq!(
        account.refused("to", &["Room"], json!({"Room": expecting("other")})),
        ["phase_one_transfer_duplicate Room"]
    );
}

#[test]
fn a_transfer_keeps_the_storage_and_needs_the_code() {
    let mut account = Account::new().with("1", "from", "Room", Storage::LegacyKv);
    assert_eq!(
        account.refused("to", &["Room"], json!({"Room": expecting("from")})),
        ["storage_type_mismatch Room"]
    );
    assert_eq!(
        account.refused("to", &[], json!({"Room": expecting("from")})),
        ["config_export_not_in_code Room"]
    );
}

#[test]
fn all_problems_of_an_upload_are_told_at_once() {
    let mut account = Account::new()
        .with("1", "chat", "A", Storage::Sqlite)
        .with("2", "chat", "B", Storage::Sqlite)
        .with("3", "chat", "C", Storage::Sqlite);
    let details = account
        .upload(
            "chat",
            &["A", "B"],
            json!({"A": deleted(), "C": live(), "D": live()}),
        )
        .unwrap_err();
    let told = serde_json::to_string_pretty(&details).unwrap();
    insta::assert_snapshot!(told, @r#"
[
  {
    "class": "A",
    "scenario": "tombstone_delete_class_still_in_code",
    "message": "class 'A' has a `deleted` tombstone and is still exported by the code",
    "suggestion": "remove 'A' from the code"
  },
  {
    "class": "B",
    "scenario": "provisioned_class_missing_from_config",
    "message": "class 'B' has a provisioned Durable Object namespace (2) but is not declared in `exports`. Every provisioned class must be declared in `exports` (live or tombstone); silent drift is not permitted.",
    "suggestion": "add 'B' to `exports` as {\"type\": \"durable-object\", \"storage\": \"sqlite\"}, or as a `deleted`, `renamed` or `transferred` tombstone"
  },
  {
    "class": "C",
    "scenario": "config_export_not_in_code",
    "message": "class 'C' is declared live and the code does not export it",
    "suggestion": "export 'C' from the code, or replace the entry with a tombstone"
  },
  {
    "class": "D",
    "scenario": "config_references_nonexistent_class",
    "message": "class 'D' is neither exported by the code nor provisioned",
    "suggestion": "export 'D' from the code, or remove the entry"
  }
]
"#);
}

const SCRIPTS: [&str; 3] = ["one", "two", "three"];
const CLASSES: [&str; 3] = ["A", "B", "C"];

/// An upload to be tried: which classes the code has, and what is said of each.
#[derive(Debug, Clone)]
struct Try {
    script: &'static str,
    code: Vec<&'static str>,
    exports: Value,
}

fn entry() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        3 => Just(Some(live())),
        1 => Just(Some(kv())),
        1 => Just(None),
        1 => Just(Some(deleted())),
        2 => prop::sample::select(&CLASSES[..]).prop_map(|to| Some(renamed(to))),
        2 => prop::sample::select(&SCRIPTS[..]).prop_map(|to| Some(transferred(to))),
        2 => prop::sample::select(&SCRIPTS[..]).prop_map(|from| Some(expecting(from))),
    ]
}

fn attempt() -> impl Strategy<Value = Try> {
    (
        prop::sample::select(&SCRIPTS[..]),
        prop::sample::subsequence(CLASSES.to_vec(), 0..=3),
        prop::array::uniform3(entry()),
    )
        .prop_map(|(script, code, entries)| {
            let exports: serde_json::Map<String, Value> = CLASSES
                .iter()
                .zip(entries)
                .filter_map(|(class, entry)| Some(((*class).to_owned(), entry?)))
                .collect();
            Try {
                script,
                code,
                exports: Value::Object(exports),
            }
        })
}

fn has_deleted(exports: &Value, class: &str) -> bool {
    exports[class]["state"] == "deleted"
}

proptest! {
    #[test]
    fn whatever_is_uploaded_nothing_is_lost_and_nothing_is_done_twice(
        attempts in prop::collection::vec(attempt(), 1..24)
    ) {
        let mut account = Account::new();
        for Try { script, code, exports } in attempts {
            let before: Vec<Namespace> = account.state.all.clone();
            let pending: Vec<Pending> = account.state.pending.clone();
            let Ok(_) = account.upload(script, &code, exports.clone()) else {
                prop_assert_eq!(&account.state.all, &before);
                prop_assert_eq!(&account.state.pending, &pending);
                continue;
            };
            for namespace in &before {
                let still = account.state.all.iter().find(|one| one.id == namespace.id);
                match still {
                    Some(still) => prop_assert_eq!(still.storage, namespace.storage),
                    None => prop_assert!(
                        namespace.script == script && has_deleted(&exports, &namespace.class)
                    ),
                }
            }
            let names: BTreeSet<(&str, &str)> = account
                .state
                .all
                .iter()
                .map(|one| (one.script.as_str(), one.class.as_str()))
                .collect();
            prop_assert_eq!(names.len(), account.state.all.len());

            // Deploying the same once more changes nothing.
            let after = account.state.clone();
            let again = account.upload(script, &code, exports.clone());
            prop_assert!(again.is_ok(), "{:?}", again);
            let again = again.unwrap();
            prop_assert!(again.created.is_empty() && again.deleted.is_empty());
            prop_assert!(again.renamed.is_empty() && again.transferred.is_empty());
            prop_assert_eq!(&account.state.all, &after.all);
            prop_assert_eq!(&account.state.pending, &after.pending);
        }
    }
}
