//! The account's workers in the store: one file for each kind of row.

mod account;
mod assets;
mod classes;
mod deployment;
mod json;
mod probes;
mod schema;
mod triggers;
mod version;
mod worker;

pub(crate) use account::{
    account_subdomain, forget_account_subdomain, set_account_subdomain, signing_key,
};
pub(crate) use assets::{AssetFile, Manifest, Session, keep_asset};
pub(crate) use classes::{load_namespaces, namespaces_of, save_namespaces};
pub(crate) use deployment::{Deployment, Share};
pub(crate) use probes::{probed, remember_probe};
pub(crate) use schema::SCHEMA;
pub(crate) use triggers::{
    Cron, Domain, Route, crons, domain_hosts, replace_crons, route_patterns,
};
pub(crate) use version::{Content, Version, VersionAssets, deployed_versions, live_version};
pub(crate) use worker::Worker;
