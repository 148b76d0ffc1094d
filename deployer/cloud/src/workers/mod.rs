//! Workers: scripts and all that belongs to them.
//!
//! An upload is read by `upload`, started once by `probing`, and made a version by `publish`, where
//! `classes` decides what becomes of Durable Objects. `records` is the store, `live` what has to
//! run. All other files are routes.

mod assets;
mod beta;
mod classes;
mod code;
mod content;
mod deployments;
mod domains;
mod durable_objects;
mod live;
mod names;
mod probing;
mod publish;
mod records;
mod references;
mod refusal;
mod rehearsal;
mod schedules;
mod scripts;
mod secrets;
mod services;
mod settings;
mod shown;
mod source;
mod subdomain;
mod tails;
mod upload;
mod uploads;
mod versions;
mod zone_routes;

use axum::Router;
use axum::routing::{get, patch, post, put};
use rusqlite::Transaction;

use crate::app::App;
use crate::envelope::ApiError;

pub(crate) use classes::Storage;
pub(crate) use code::{ClassKind, Code, Format, ModuleKind, ProbeError, Probed};
pub(crate) use live::{LiveAssets, LiveVersion, LiveWorker, live, object_namespaces, subdomain};
pub(crate) use records::SCHEMA;
pub use rehearsal::Rehearsal;
pub(crate) use tails::{Tail, TailFilter, TailOutcome, tail};
pub(crate) use upload::{
    Binding, BindingKind, Compatibility, HtmlHandling, NotFoundHandling, RunWorkerFirst,
};
pub(crate) use uploads::{SentUpload, SentUploads};

/// Below `/accounts/{account_id}`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(script_routes())
        .nest("/workers/services/{service}", service_routes())
        .route("/workers/assets/upload", post(assets::upload_bucket))
        .route("/workers/assets/upload/{hash}", post(assets::upload_file))
        .route("/workers/domains", get(domains::list).put(domains::put))
        .route("/workers/domains/records", get(domains::list_records))
        .route("/workers/domains/records/{id}", get(domains::get))
        .route(
            "/workers/domains/{id}",
            get(domains::get).delete(domains::delete),
        )
        .route(
            "/workers/durable_objects/namespaces",
            get(durable_objects::list),
        )
        .route(
            "/workers/subdomain",
            get(subdomain::get_account)
                .put(subdomain::set_account)
                .delete(subdomain::unset_account),
        )
        .route("/workers/subdomains/{name}", get(subdomain::available))
        .route(
            "/workers/tails/by-consumer/{script}",
            get(references::by_consumer),
        )
        .route("/workers/workers/{worker}", get(beta::get))
        .route(
            "/workers/workers/{worker}/versions/latest",
            patch(beta::patch_latest),
        )
        .route("/containers/applications", get(beta::no_containers))
        .route(
            "/workflows/{name}",
            get(beta::no_workflow).delete(beta::no_workflow),
        )
}

fn script_routes() -> Router<App> {
    let one = Router::new()
        .route(
            "/",
            get(scripts::get).put(scripts::put).delete(scripts::delete),
        )
        .route("/assets-upload-session", post(assets::begin))
        .route("/content/v2", get(content::get))
        .route(
            "/deployments",
            get(deployments::list).post(deployments::create),
        )
        .route(
            "/deployments/{id}",
            get(deployments::get).delete(deployments::delete),
        )
        .route("/domains/changeset", post(domains::changeset))
        .route("/domains/records", put(domains::put_records))
        .route("/references", get(references::get))
        .route("/routes", put(zone_routes::replace))
        .route("/schedules", get(schedules::get).put(schedules::put))
        .route(
            "/script-settings",
            get(settings::get_script).patch(settings::patch_script),
        )
        .route("/secrets", get(secrets::list).put(secrets::put))
        .route(
            "/secrets/{secret}",
            get(secrets::get).delete(secrets::delete),
        )
        .route("/secrets-bulk", patch(secrets::bulk))
        .route("/settings", get(settings::get).patch(settings::patch))
        .route(
            "/subdomain",
            get(subdomain::get)
                .post(subdomain::set)
                .delete(subdomain::unset),
        )
        .route("/tails", get(tails::list).post(tails::create))
        .route("/tails/{id}", axum::routing::delete(tails::delete))
        .route(
            "/usage-model",
            get(settings::get_usage).put(settings::put_usage),
        )
        .route("/versions", get(versions::list).post(versions::upload))
        .route("/versions/{id}", get(versions::get));
    Router::new()
        .route("/workers/scripts", get(scripts::list))
        .nest("/workers/scripts/{script}", one)
}

fn service_routes() -> Router<App> {
    Router::new()
        .route("/", get(services::get).delete(services::delete))
        .route(
            "/environments/{environment}",
            get(services::get_environment),
        )
        .route(
            "/environments/{environment}/bindings",
            get(services::bindings),
        )
        .route("/environments/{environment}/routes", get(services::routes))
        .route(
            "/environments/{environment}/subdomain",
            get(services::subdomain),
        )
}

/// Below `/zones/{zone_id}`.
pub(crate) fn zone_routes() -> Router<App> {
    Router::new()
        .route(
            "/workers/routes",
            get(zone_routes::list).post(zone_routes::create),
        )
        .route(
            "/workers/routes/{route}",
            get(zone_routes::get)
                .put(zone_routes::update)
                .delete(zone_routes::delete),
        )
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if names::is_worker_name(name) {
        Ok(())
    } else {
        Err(refusal::bad_worker_name(name))
    }
}

/// As Cloudflare counts days.
fn today() -> chrono::NaiveDate {
    chrono::Utc::now().date_naive()
}

/// The handlers that a script's code has (`fetch`, `queue`, …), or none where there is no such
/// script. What a queue asks before it takes the script as a consumer.
pub(crate) fn handlers_of(
    tx: &Transaction<'_>,
    script: &str,
) -> Result<Option<Vec<String>>, ApiError> {
    if records::Worker::with_name(tx, script)?.is_none() {
        return Ok(None);
    }
    let handlers = records::live_version(tx, script)?
        .map(|version| version.content.probed.handlers.into_iter().collect())
        .unwrap_or_default();
    Ok(Some(handlers))
}

/// The scripts that are bound to a queue, in their order. A queue with such cannot be deleted.
pub(crate) fn producers_of(tx: &Transaction<'_>, queue: &str) -> Result<Vec<String>, ApiError> {
    let mut producers = Vec::new();
    for worker in records::Worker::all(tx)? {
        let is_bound = records::deployed_versions(tx, &worker.name)?
            .iter()
            .flat_map(|version| &version.content.bindings)
            .any(|binding| {
                matches!(&binding.kind, BindingKind::Queue { queue_name, .. } if queue_name == queue)
            });
        if is_bound {
            producers.push(worker.name);
        }
    }
    Ok(producers)
}
