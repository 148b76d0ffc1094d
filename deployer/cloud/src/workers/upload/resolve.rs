//! Bindings against the account: what they inherit, and whether what they lead to is there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;

use super::bindings::Binding;
use super::kinds::{BindingKind, Jurisdiction};
use crate::envelope::ApiError;
use crate::workers::classes::{Namespaces, RawExport};
use crate::workers::code::Probed;
use crate::workers::records::{Worker, live_version};
use crate::workers::refusal;
use crate::{d1, id, kv, queues, r2};

/// Where bindings that an upload does not spell out come from.
#[derive(Debug)]
pub(crate) struct Inheritance<'a> {
    /// The bindings of the version that was uploaded last.
    pub(crate) previous: &'a [Binding],
    /// Kinds that stay without being named.
    pub(crate) keep: &'a BTreeSet<String>,
    /// Whether what inherits from nothing is refused, and does not vanish.
    pub(crate) strict: bool,
}

/// The bindings that a version is to have.
pub(crate) fn settle(
    uploaded: Vec<Binding>,
    from: &Inheritance<'_>,
) -> Result<Vec<Binding>, ApiError> {
    let mut settled: Vec<Binding> = Vec::new();
    for binding in uploaded {
        match inherited(&binding, from)? {
            Inherited::NotMeant => settled.push(binding),
            Inherited::Found(kind) => settled.push(Binding {
                name: binding.name,
                kind,
            }),
            Inherited::Nothing if from.strict => {
                return Err(refusal::inherits_nothing(&binding.name));
            }
            Inherited::Nothing => {}
        }
    }
    for kept in from.previous {
        let is_named = settled.iter().any(|binding| binding.name == kept.name);
        if !is_named && from.keep.contains(kept.type_name()) {
            settled.push(kept.clone());
        }
    }
    super::check_values(&settled)?;
    Ok(settled)
}

/// What a binding takes over.
enum Inherited {
    /// It is spelt out.
    NotMeant,
    Found(BindingKind),
    Nothing,
}

fn inherited(binding: &Binding, from: &Inheritance<'_>) -> Result<Inherited, ApiError> {
    let BindingKind::Inherit {
        old_name,
        version_id,
    } = &binding.kind
    else {
        return Ok(Inherited::NotMeant);
    };
    if let Some(version) = version_id
        && version != "latest"
    {
        return Err(refusal::inherits_from_elsewhere(&binding.name, version));
    }
    let name = old_name.as_ref().unwrap_or(&binding.name);
    let found = from
        .previous
        .iter()
        .find(|previous| previous.name == *name)
        .map(|previous| previous.kind.clone());
    Ok(found.map_or(Inherited::Nothing, Inherited::Found))
}

/// Knows what a version may lead to.
pub(crate) struct Resolver<'a> {
    pub(crate) tx: &'a Transaction<'a>,
    pub(crate) script: &'a str,
    /// As they are once the version is deployed, or as they are where it is only uploaded.
    pub(crate) namespaces: &'a Namespaces,
    pub(crate) probed: &'a Probed,
    /// What the version declares and nobody has made yet.
    pub(crate) declared: Option<&'a BTreeMap<String, RawExport>>,
    pub(crate) has_assets: bool,
}

impl Resolver<'_> {
    /// Refuses a binding that leads to nothing, and writes down which namespace a class is.
    pub(crate) fn resolve(&self, binding: Binding) -> Result<Binding, ApiError> {
        let Binding { name, kind } = binding;
        let kind = match kind {
            BindingKind::DurableObjectNamespace { .. } => self.class(&name, kind)?,
            other => {
                self.check(&name, &other)?;
                other
            }
        };
        Ok(Binding { name, kind })
    }

    fn check(&self, name: &str, kind: &BindingKind) -> Result<(), ApiError> {
        match kind {
            BindingKind::KvNamespace { namespace_id } => {
                if !id::is_hex(namespace_id) {
                    return Err(refusal::bad_kv_namespace(namespace_id));
                }
                kv::Namespace::with_id(self.tx, namespace_id)?
                    .map(|_| ())
                    .ok_or_else(|| refusal::no_kv_namespace(namespace_id))
            }
            BindingKind::R2Bucket {
                bucket_name,
                jurisdiction,
            } => {
                let jurisdiction = jurisdiction.map_or("default", Jurisdiction::name);
                r2::Bucket::named(self.tx, bucket_name, &r2::Jurisdiction(jurisdiction))?
                    .map(|_| ())
                    .ok_or_else(|| refusal::no_bucket(bucket_name))
            }
            BindingKind::D1 { .. } => {
                let id = kind.database().unwrap_or_default();
                d1::Database::with_id(self.tx, id)?
                    .map(|_| ())
                    .ok_or_else(|| refusal::no_database(name, id))
            }
            BindingKind::Queue { queue_name, .. } => queues::Queue::named(self.tx, queue_name)?
                .map(|_| ())
                .ok_or_else(|| refusal::no_queue(name, queue_name)),
            BindingKind::Service {
                service,
                environment,
                entrypoint,
                ..
            } => self.service(name, service, environment.as_deref(), entrypoint.as_deref()),
            BindingKind::Assets {} if !self.has_assets => Err(refusal::invalid(format!(
                "binding {name} of type assets: the Worker has no assets"
            ))),
            _ => Ok(()),
        }
    }

    fn service(
        &self,
        name: &str,
        service: &str,
        environment: Option<&str>,
        entrypoint: Option<&str>,
    ) -> Result<(), ApiError> {
        if let Some(environment) = environment
            && environment != "production"
        {
            return Err(refusal::no_service_environment(name, service, environment));
        }
        let there = if service == self.script {
            Some(self.probed.clone())
        } else {
            self.live_code(service)?
        };
        let Some(there) = there else {
            return Err(refusal::no_service_target(name, service));
        };
        match entrypoint {
            Some(entrypoint) if !there.has_entrypoint(entrypoint) => {
                Err(refusal::no_service_entrypoint(name, service, entrypoint))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What another worker's live code is; nothing where there is no such worker.
    fn live_code(&self, script: &str) -> Result<Option<Probed>, ApiError> {
        if Worker::with_name(self.tx, script)?.is_none() {
            return Ok(None);
        }
        let version = live_version(self.tx, script)?;
        Ok(Some(version.map_or_else(Probed::default, |version| {
            version.content.probed
        })))
    }

    fn class(&self, name: &str, kind: BindingKind) -> Result<BindingKind, ApiError> {
        let BindingKind::DurableObjectNamespace {
            class_name,
            script_name,
            environment,
            namespace_id,
        } = kind
        else {
            return Ok(kind);
        };
        if let Some(environment) = &environment
            && environment != "production"
        {
            return Err(refusal::class_not_bindable(format!(
                "Cannot create binding '{name}' for class in environment '{environment}' that does not exist."
            )));
        }
        let Some(class) = class_name.clone() else {
            let id = namespace_id.unwrap_or_default();
            let found = self
                .namespaces
                .all
                .iter()
                .find(|namespace| namespace.id == id)
                .ok_or_else(|| {
                    refusal::class_not_bindable(format!(
                        "Cannot create binding '{name}' for namespace '{id}' that does not exist."
                    ))
                })?;
            return Ok(BindingKind::DurableObjectNamespace {
                class_name: Some(found.class.clone()),
                script_name: (found.script != self.script).then(|| found.script.clone()),
                environment,
                namespace_id: Some(id),
            });
        };
        let script = script_name.as_deref().unwrap_or(self.script);
        let namespace = self
            .namespaces
            .bindable(script, &class)
            .ok_or_else(|| self.no_class(name, script, &class))?;
        Ok(BindingKind::DurableObjectNamespace {
            class_name,
            script_name,
            environment,
            namespace_id: Some(namespace.id.clone()),
        })
    }

    fn no_class(&self, name: &str, script: &str, class: &str) -> ApiError {
        if script != self.script {
            return refusal::class_not_bindable(if self.namespaces.scripts.contains(script) {
                format!(
                    "Cannot create binding for class '{class}' that is not implemented by script '{script}'."
                )
            } else {
                format!("Cannot create binding for class in script '{script}' that does not exist.")
            });
        }
        let is_declared = self
            .declared
            .and_then(|exports| exports.get(class))
            .is_some_and(RawExport::is_live);
        if is_declared {
            refusal::export_not_deployed(name, class)
        } else if self.probed.possible_objects().contains(class) {
            refusal::class_not_bindable(format!(
                "Cannot create binding for class '{class}' because it is not currently configured to implement Durable Objects. Did you forget to apply a --new-class migration to it?"
            ))
        } else {
            refusal::class_not_bindable(format!(
                "Cannot create binding for class '{class}' that is not exported by the script."
            ))
        }
    }
}
