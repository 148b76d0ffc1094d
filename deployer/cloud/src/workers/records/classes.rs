//! Durable Object namespaces and what is on its way between workers.

use std::collections::BTreeSet;

use rusqlite::{Row, Transaction};

use super::version::deployed_versions;
use super::worker::Worker;
use crate::workers::classes::{ClassBinding, Namespace, Namespaces, Pending, Plan, Storage};
use crate::workers::upload::{Binding, BindingKind};

/// All that an upload may meet.
pub(crate) fn load_namespaces(tx: &Transaction<'_>) -> rusqlite::Result<Namespaces> {
    let mut scripts = BTreeSet::new();
    let mut bindings = Vec::new();
    for worker in Worker::all(tx)? {
        for version in deployed_versions(tx, &worker.name)? {
            bindings.extend(class_bindings(&worker.name, &version.content.bindings));
        }
        scripts.insert(worker.name);
    }
    Ok(Namespaces {
        all: all(tx)?,
        pending: pending(tx)?,
        bindings,
        scripts,
        plan: Plan::Paid,
    })
}

fn class_bindings(owner: &str, bindings: &[Binding]) -> Vec<ClassBinding> {
    bindings
        .iter()
        .filter_map(|binding| match &binding.kind {
            BindingKind::DurableObjectNamespace {
                class_name,
                script_name,
                namespace_id: Some(namespace),
                ..
            } => Some(ClassBinding {
                owner: owner.to_owned(),
                script: script_name.clone().unwrap_or_else(|| owner.to_owned()),
                class: class_name.clone().unwrap_or_default(),
                namespace: namespace.clone(),
            }),
            _ => None,
        })
        .collect()
}

pub(crate) fn namespaces_of(
    tx: &Transaction<'_>,
    script: &str,
) -> rusqlite::Result<Vec<Namespace>> {
    Ok(all(tx)?
        .into_iter()
        .filter(|namespace| namespace.script == script)
        .collect())
}

fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Namespace>> {
    tx.prepare(
        "select id, script, class, storage, received_from from namespace order by script, class",
    )?
    .query_map([], read)?
    .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Namespace> {
    let storage: String = row.get(3)?;
    Ok(Namespace {
        id: row.get(0)?,
        script: row.get(1)?,
        class: row.get(2)?,
        storage: if storage == Storage::LegacyKv.name() {
            Storage::LegacyKv
        } else {
            Storage::Sqlite
        },
        received_from: row.get(4)?,
    })
}

fn pending(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Pending>> {
    tx.prepare("select target, class, source from pending_transfer")?
        .query_map([], |row| {
            Ok(Pending {
                target: row.get(0)?,
                class: row.get(1)?,
                source: row.get(2)?,
            })
        })?
        .collect()
}

/// Puts what came out of a change in place of what was there.
pub(crate) fn save_namespaces(tx: &Transaction<'_>, after: &Namespaces) -> rusqlite::Result<()> {
    tx.execute_batch("delete from namespace; delete from pending_transfer;")?;
    for namespace in &after.all {
        tx.execute(
            "insert into namespace (id, script, class, storage, received_from)
             values (?1, ?2, ?3, ?4, ?5)",
            (
                &namespace.id,
                &namespace.script,
                &namespace.class,
                namespace.storage.name(),
                &namespace.received_from,
            ),
        )?;
    }
    for pending in &after.pending {
        tx.execute(
            "insert into pending_transfer (target, class, source) values (?1, ?2, ?3)",
            (&pending.target, &pending.class, &pending.source),
        )?;
    }
    Ok(())
}
