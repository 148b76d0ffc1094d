//! What has to run: the account's workers as `hosting` needs them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;

use super::classes::Storage;
use super::code::{Code, Probed};
use super::records::{self, Worker};
use super::upload::{AssetsConfig, Binding, Compatibility};
use crate::store::FileId;

/// A worker with a deployment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveWorker {
    pub(crate) script: String,
    /// Those that get traffic.
    pub(crate) versions: Vec<LiveVersion>,
    /// Its own Durable Object classes. Objects hang on the id, whatever becomes of the names.
    pub(crate) classes: Vec<LiveClass>,
    /// Cron expressions, UTC.
    pub(crate) crons: Vec<String>,
    /// Whether it answers at `<script>.<subdomain>.localhost`.
    pub(crate) workers_dev: bool,
    /// Whether each version answers at `<first 8 of its id>-<script>.<subdomain>.localhost`.
    pub(crate) previews: bool,
    /// Patterns such as `example.com/api/*` that it answers.
    pub(crate) routes: Vec<String>,
    /// Custom domains: whole hosts.
    pub(crate) domains: Vec<String>,
    /// Workers that get its events.
    pub(crate) tail_consumers: Vec<String>,
}

/// One version of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveVersion {
    /// A uuid.
    pub(crate) id: String,
    pub(crate) tag: Option<String>,
    pub(crate) created_on: String,
    /// Of 100.
    pub(crate) percentage: f64,
    /// None for assets alone.
    pub(crate) code: Option<Code>,
    /// What that code exports.
    pub(crate) probed: Probed,
    pub(crate) compatibility: Compatibility,
    /// With nothing left to resolve: each Durable Object binding has the `namespace_id` that it
    /// leads to, whoever implements the class by now; see [`LiveWorker::classes`].
    pub(crate) bindings: Vec<Binding>,
    pub(crate) assets: Option<LiveAssets>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveClass {
    pub(crate) namespace: String,
    pub(crate) class: String,
    pub(crate) storage: Storage,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveAssets {
    pub(crate) config: AssetsConfig,
    /// By path with a leading slash.
    pub(crate) files: BTreeMap<String, LiveAsset>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveAsset {
    /// Of the store.
    pub(crate) file: FileId,
    /// 32 hex digits, as the uploader gave it; changes with the content.
    pub(crate) hash: String,
    pub(crate) content_type: Option<String>,
}

/// The account's `example` of `worker.example.workers.dev`, if it has one.
pub(crate) fn subdomain(tx: &Transaction<'_>) -> rusqlite::Result<Option<String>> {
    records::account_subdomain(tx)
}

/// Every worker that is deployed, by name.
pub(crate) fn live(tx: &Transaction<'_>) -> rusqlite::Result<Vec<LiveWorker>> {
    Worker::all(tx)?
        .into_iter()
        .map(|worker| of(tx, worker))
        .filter_map(Result::transpose)
        .collect()
}

/// The ids of all Durable Object namespaces: what is not among them has no data any more.
pub(crate) fn object_namespaces(tx: &Transaction<'_>) -> rusqlite::Result<BTreeSet<String>> {
    let namespaces = records::load_namespaces(tx)?;
    Ok(namespaces.all.into_iter().map(|one| one.id).collect())
}

fn of(tx: &Transaction<'_>, worker: Worker) -> rusqlite::Result<Option<LiveWorker>> {
    let Some(deployment) = records::Deployment::live(tx, &worker.name)? else {
        return Ok(None);
    };
    let mut versions = Vec::new();
    for share in deployment.versions {
        let Some(version) = records::Version::with_id(tx, &worker.name, &share.version_id)? else {
            continue;
        };
        let assets = version
            .content
            .assets
            .map(|assets| assets.live(tx))
            .transpose()?;
        versions.push(LiveVersion {
            tag: version.annotations.tag,
            id: version.id,
            created_on: version.created_on,
            percentage: share.percentage,
            code: version.content.code,
            probed: version.content.probed,
            compatibility: version.content.compatibility,
            bindings: version.content.bindings,
            assets,
        });
    }
    let classes = records::namespaces_of(tx, &worker.name)?
        .into_iter()
        .map(|namespace| LiveClass {
            namespace: namespace.id,
            class: namespace.class,
            storage: namespace.storage,
        })
        .collect();
    Ok(Some(LiveWorker {
        versions,
        classes,
        crons: records::crons(tx, &worker.name)?
            .into_iter()
            .map(|cron| cron.expression)
            .collect(),
        workers_dev: worker.workers_dev,
        previews: worker.previews,
        routes: records::route_patterns(tx, &worker.name)?,
        domains: records::domain_hosts(tx, &worker.name)?,
        tail_consumers: worker
            .tail_consumers
            .into_iter()
            .map(|consumer| consumer.service)
            .collect(),
        script: worker.name,
    }))
}
