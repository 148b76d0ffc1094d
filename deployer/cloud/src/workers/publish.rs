//! A version made, and deployed: everything that an upload, a secret or a setting changes goes
//! through here, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;

use super::classes::{
    self, Detail, ExportKind, Migrations, Namespaces, RawExport, Reconciliation, Scenario, Wanted,
    Wish,
};
use super::code::Probed;
use super::records::{self, Content, Deployment, Version, Worker};
use super::refusal;
use super::upload::{Annotations, Binding, BindingKind, Resolver};
use crate::envelope::ApiError;
use crate::id;
use crate::queues;
use crate::time;

/// A version to be; its bindings have nothing to inherit and lead anywhere.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) content: Content,
    pub(crate) migrations: Option<Migrations>,
    pub(crate) annotations: Annotations,
    /// `wrangler`, `api`, ….
    pub(crate) source: String,
}

/// What was made of it.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) worker: Worker,
    pub(crate) version: Version,
    pub(crate) reconciliation: Option<Reconciliation>,
}

/// Makes a version, and gives it all the traffic.
pub(crate) fn deploy(
    tx: &Transaction<'_>,
    worker: Worker,
    draft: Draft,
) -> Result<Published, ApiError> {
    let mut worker = worker;
    let mut before = records::load_namespaces(tx)?;
    before.scripts.insert(worker.name.clone());
    let advanced = advance(
        &before,
        &worker,
        &Step {
            exports: draft.content.exports.as_ref(),
            migrations: draft.migrations.as_ref(),
            probed: &draft.content.probed,
            bindings: &draft.content.bindings,
        },
    )?;
    if let Some(tag) = draft
        .migrations
        .as_ref()
        .and_then(|migrations| migrations.new_tag.clone())
    {
        worker.migration_tag = Some(tag);
    }
    advanced.note(&mut worker, draft.content.exports.as_ref());
    check_triggers(tx, &worker.name, &draft.content)?;
    let annotations = Annotations {
        tag: None,
        alias: None,
        ..draft.annotations.clone()
    };
    let source = draft.source.clone();
    let version = insert(tx, &mut worker, draft, &advanced.namespaces, None)?;
    records::save_namespaces(tx, &advanced.namespaces)?;
    Deployment::whole(&worker.name, &source, annotations, &version.id).insert(tx)?;
    Ok(Published {
        worker,
        version,
        reconciliation: advanced.reconciliation,
    })
}

/// Makes a version that gets no traffic yet.
pub(crate) fn add_version(
    tx: &Transaction<'_>,
    worker: Worker,
    draft: Draft,
) -> Result<Published, ApiError> {
    if draft.migrations.is_some() {
        return Err(refusal::migration_in_version());
    }
    let mut worker = worker;
    let namespaces = records::load_namespaces(tx)?;
    let exports = draft.content.exports.clone();
    if let Some(exports) = &exports {
        classes::parse(&worker.name, exports)
            .map_err(|details| refusal::exports_refused(&details))?;
    }
    let version = insert(tx, &mut worker, draft, &namespaces, exports.as_ref())?;
    Ok(Published {
        worker,
        version,
        reconciliation: None,
    })
}

/// Gives versions that are there shares of the traffic. What their classes ask for is done now.
pub(crate) fn deploy_versions(
    tx: &Transaction<'_>,
    worker: Worker,
    versions: &[Version],
    deployment: &Deployment,
) -> Result<(), ApiError> {
    let mut worker = worker;
    let Some(first) = versions.first() else {
        return Err(refusal::invalid("a deployment must have a version"));
    };
    if versions
        .iter()
        .any(|version| !same_exports(&version.content, &first.content))
    {
        return Err(refusal::versions_disagree());
    }
    for version in versions {
        let before = records::load_namespaces(tx)?;
        let advanced = advance(
            &before,
            &worker,
            &Step {
                exports: version.content.exports.as_ref(),
                migrations: None,
                probed: &version.content.probed,
                bindings: &version.content.bindings,
            },
        )?;
        still_bound(&version.content.bindings, &advanced.namespaces)?;
        check_triggers(tx, &worker.name, &version.content)?;
        advanced.note(&mut worker, version.content.exports.as_ref());
        records::save_namespaces(tx, &advanced.namespaces)?;
    }
    worker.modified_on = time::now();
    worker.last_deployed_from.clone_from(&deployment.source);
    worker.save(tx)?;
    Ok(deployment.insert(tx)?)
}

fn same_exports(one: &Content, other: &Content) -> bool {
    let of = |content: &Content| content.exports.clone().unwrap_or_default();
    of(one) == of(other)
}

/// A version may be older than the end of a class that it binds.
fn still_bound(bindings: &[Binding], namespaces: &Namespaces) -> Result<(), ApiError> {
    for binding in bindings {
        let BindingKind::DurableObjectNamespace {
            class_name,
            namespace_id: Some(id),
            ..
        } = &binding.kind
        else {
            continue;
        };
        if !namespaces.all.iter().any(|namespace| namespace.id == *id) {
            return Err(refusal::class_not_bindable(format!(
                "Cannot deploy the version: its binding '{}' is of class '{}', whose namespace was deleted since.",
                binding.name,
                class_name.as_deref().unwrap_or_default()
            )));
        }
    }
    Ok(())
}

/// What one version does to classes.
pub(super) struct Step<'a> {
    pub(super) exports: Option<&'a BTreeMap<String, RawExport>>,
    pub(super) migrations: Option<&'a Migrations>,
    pub(super) probed: &'a Probed,
    pub(super) bindings: &'a [Binding],
}

pub(super) struct Advanced {
    pub(super) namespaces: Namespaces,
    /// None where nothing is declared.
    reconciliation: Option<Reconciliation>,
}

impl Advanced {
    /// A worker that declared its classes once goes on doing so.
    pub(super) fn note(&self, worker: &mut Worker, exports: Option<&BTreeMap<String, RawExport>>) {
        if self.reconciliation.is_some() {
            worker.exports = Some(exports.cloned().unwrap_or_default());
            worker.migration_tag = None;
        }
    }
}

pub(super) fn advance(
    before: &Namespaces,
    worker: &Worker,
    step: &Step<'_>,
) -> Result<Advanced, ApiError> {
    let code = step.probed.possible_objects();
    let declares = step
        .exports
        .into_iter()
        .flatten()
        .any(|(_, export)| export.kind == ExportKind::DurableObject);
    if !declares && worker.exports.is_none() {
        let namespaces = classes::migrate(
            before,
            &Wanted {
                script: &worker.name,
                tag: worker.migration_tag.as_deref(),
                migrations: step.migrations,
                code: &code,
                bound: &own_classes(&worker.name, step.bindings),
            },
            &mut id::hex,
        )?;
        return Ok(Advanced {
            namespaces,
            reconciliation: None,
        });
    }
    let empty = BTreeMap::new();
    let (entries, entrypoints) = classes::parse(&worker.name, step.exports.unwrap_or(&empty))
        .map_err(|details| refusal::exports_refused(&details))?;
    let mut details: Vec<Detail> = entrypoints
        .iter()
        .filter(|entrypoint| !step.probed.has_entrypoint(&entrypoint.0))
        .map(|entrypoint| {
            let name = &entrypoint.0;
            Detail::new(
                name,
                Scenario::ConfigExportNotInCode,
                format!("entrypoint '{name}' is declared and the code does not export it"),
            )
        })
        .collect();
    let outcome = classes::reconcile(
        before,
        &Wish {
            script: &worker.name,
            entries: &entries,
            code: &code,
            certain: &step.probed.certain_objects(),
        },
        &mut id::hex,
    );
    match outcome {
        Ok((namespaces, reconciliation)) if details.is_empty() => {
            if step.migrations.is_some() {
                return Err(refusal::invalid(
                    "this Worker declares its Durable Object classes in `exports`, and cannot return to `migrations`",
                ));
            }
            Ok(Advanced {
                namespaces,
                reconciliation: Some(reconciliation),
            })
        }
        Ok(_) => Err(refusal::exports_refused(&details)),
        Err(more) => {
            details.extend(more);
            Err(refusal::exports_refused(&details))
        }
    }
}

fn own_classes(script: &str, bindings: &[Binding]) -> BTreeSet<String> {
    bindings
        .iter()
        .filter_map(|binding| match &binding.kind {
            BindingKind::DurableObjectNamespace {
                class_name: Some(class),
                script_name,
                ..
            } if script_name.as_deref().is_none_or(|name| name == script) => Some(class.clone()),
            _ => None,
        })
        .collect()
}

/// A worker that consumes queues must be able to.
fn check_triggers(tx: &Transaction<'_>, script: &str, content: &Content) -> Result<(), ApiError> {
    let consumes: Vec<String> = queues::Consumer::of_script(tx, script)?
        .into_iter()
        .map(|consumer| consumer.queue)
        .collect();
    if !consumes.is_empty() && !content.probed.handlers.contains("queue") {
        return Err(ApiError::bad(
            11001,
            format!(
                "Queue handler is missing: Worker '{script}' is a consumer of queue '{}' and exports no `queue` handler.",
                consumes.join("', '")
            ),
        ));
    }
    Ok(())
}

/// The last steps of every new version.
fn insert(
    tx: &Transaction<'_>,
    worker: &mut Worker,
    draft: Draft,
    namespaces: &Namespaces,
    declared: Option<&BTreeMap<String, RawExport>>,
) -> Result<Version, ApiError> {
    let Draft {
        mut content,
        annotations,
        source,
        ..
    } = draft;
    let resolver = Resolver {
        tx,
        script: &worker.name,
        namespaces,
        probed: &content.probed,
        declared,
        has_assets: content.assets.is_some(),
    };
    content.bindings = std::mem::take(&mut content.bindings)
        .into_iter()
        .map(|binding| resolver.resolve(binding))
        .collect::<Result<_, _>>()?;
    content.migration_tag.clone_from(&worker.migration_tag);
    let version = Version {
        id: id::uuid(),
        script: worker.name.clone(),
        number: worker.next_number,
        created_on: time::now(),
        source: source.clone(),
        annotations,
        content,
    };
    worker.next_number += 1;
    worker.modified_on.clone_from(&version.created_on);
    worker.last_deployed_from = source;
    worker.save(tx)?;
    version.insert(tx)?;
    Ok(version)
}
