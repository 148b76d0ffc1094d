//! Durable Object classes: which namespaces an account has, and how an upload changes them. All of
//! it is pure: an upload's wishes and the account's namespaces go in, the new namespaces or the
//! reasons why not come out.

mod entries;
mod exports;
#[cfg(test)]
mod exports_tests;
mod migrations;
mod report;
mod state;

pub(crate) use entries::{ExportKind, RawExport, parse};
pub(crate) use exports::{Wish, reconcile};
pub(crate) use migrations::{Migrations, Wanted, migrate};
pub(crate) use report::{Detail, Reconciliation, Scenario};
pub(crate) use state::{ClassBinding, Namespace, Namespaces, Pending, Plan, Storage};
