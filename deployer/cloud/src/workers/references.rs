//! Who uses a worker.

use axum::extract::State;
use rusqlite::Transaction;
use serde_json::{Value, json};

use super::records::{Worker, deployed_versions, load_namespaces, namespaces_of};
use super::upload::BindingKind;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::queues;
use crate::strict::{At, NoQuery};

/// A binding between two workers.
struct ServiceUse {
    from: String,
    to: String,
    binding: String,
}

fn service_uses(tx: &Transaction<'_>) -> rusqlite::Result<Vec<ServiceUse>> {
    let mut uses = Vec::new();
    for worker in Worker::all(tx)? {
        for version in deployed_versions(tx, &worker.name)? {
            for binding in version.content.bindings {
                if let BindingKind::Service { service, .. } = binding.kind {
                    uses.push(ServiceUse {
                        from: worker.name.clone(),
                        to: service,
                        binding: binding.name,
                    });
                }
            }
        }
    }
    Ok(uses)
}

/// Workers that send their events to this one.
fn tail_producers(tx: &Transaction<'_>, consumer: &str) -> rusqlite::Result<Vec<String>> {
    Ok(Worker::all(tx)?
        .into_iter()
        .filter(|worker| {
            worker
                .tail_consumers
                .iter()
                .any(|tail| tail.service == consumer)
        })
        .map(|worker| worker.name)
        .collect())
}

pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let shown = app.store.read(|tx| {
        Worker::find(tx, &name)?;
        let side = |service: &str, binding: &str| {
            json!({ "service": service, "environment": "production", "name": binding })
        };
        let uses = service_uses(tx)?;
        let incoming: Vec<Value> = uses
            .iter()
            .filter(|one| one.to == name)
            .map(|one| side(&one.from, &one.binding))
            .collect();
        let outgoing: Vec<Value> = uses
            .iter()
            .filter(|one| one.from == name)
            .map(|one| side(&one.to, &one.binding))
            .collect();
        Ok::<_, ApiError>(json!({
            "services": { "incoming": incoming, "outgoing": outgoing, "pages_function": false },
            "durable_objects": durable_objects(tx, &name)?,
            "dispatch_outbounds": [],
        }))
    })?;
    Ok(Answer::new(shown))
}

/// Bindings to classes of this worker, its own among them.
fn durable_objects(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Vec<Value>> {
    let own = namespaces_of(tx, name)?;
    Ok(load_namespaces(tx)?
        .bindings
        .iter()
        .filter_map(|binding| {
            let namespace = own
                .iter()
                .find(|namespace| namespace.id == binding.namespace)?;
            Some(json!({
                "service": binding.owner,
                "environment": "production",
                "durable_object_namespace_id": namespace.id,
                "durable_object_namespace_name": format!("{name}_{}", namespace.class),
            }))
        })
        .collect())
}

pub(super) async fn by_consumer(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply<Vec<Value>> {
    let producers = app
        .store
        .read(|tx| tail_producers(tx, &name).map_err(ApiError::from))?;
    Ok(Answer::new(
        producers
            .iter()
            .map(|producer| {
                json!({
                    "tag": producer,
                    "consumer": { "service": name, "environment": "production" },
                    "producer": { "service": producer, "environment": "production" },
                    "log_push": false,
                })
            })
            .collect(),
    ))
}

/// A worker that others lean on goes only by force.
pub(super) fn refuse_if_used(tx: &Transaction<'_>, worker: &Worker) -> Result<(), ApiError> {
    let name = &worker.name;
    let consumed: Vec<String> = queues::Consumer::of_script(tx, name)?
        .into_iter()
        .map(|consumer| consumer.queue)
        .collect();
    if !consumed.is_empty() {
        return Err(ApiError::bad(
            10064,
            format!(
                "Cannot delete this Worker as it is a consumer for a Queue. Remove it from the Queue's consumers first, then retry. ({})",
                consumed.join(", ")
            ),
        ));
    }
    let users: Vec<String> = service_uses(tx)?
        .into_iter()
        .filter(|one| one.to == *name && one.from != *name)
        .map(|one| one.from)
        .collect();
    if !users.is_empty() {
        return Err(ApiError::bad(
            10142,
            format!(
                "Cannot delete this Worker as other Workers bind it as a service: {}.",
                users.join(", ")
            ),
        ));
    }
    let namespaces = load_namespaces(tx)?;
    for namespace in namespaces_of(tx, name)? {
        let users = namespaces.bound_by_others(&namespace);
        if !users.is_empty() {
            return Err(ApiError::bad(
                10064,
                format!(
                    "Cannot delete this Worker as other Workers bind its Durable Object class '{}': {}.",
                    namespace.class,
                    users.join(", ")
                ),
            ));
        }
    }
    let producers: Vec<String> = tail_producers(tx, name)?
        .into_iter()
        .filter(|producer| producer != name)
        .collect();
    if !producers.is_empty() {
        return Err(ApiError::bad(
            10064,
            format!(
                "Cannot delete this Worker as it is a tail consumer of: {}.",
                producers.join(", ")
            ),
        ));
    }
    Ok(())
}
