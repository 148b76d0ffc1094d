//! Static files the way Cloudflare serves them: which file answers which path, with which headers.
//!
//! In comes a folder, perhaps with files of npm packages, and the head of a request, out goes the answer or the word that it is the
//! worker's. The front of `tiny dev` asks before it asks the worker; the ASSETS binding asks too. A
//! deploy takes the files themselves ([`Site`]).

mod assets;
mod config;
mod content_type;
mod error;
mod file;
mod headers;
mod lookup;
mod package;
mod path;
mod pattern;
mod redirects;
mod rules;
mod scan;
mod site;
#[cfg(test)]
mod tests;

pub use assets::Assets;
pub use config::{Config, HtmlHandling, NotFoundHandling, RunWorkerFirst};
pub use error::AssetsError;
pub use package::Package;
pub use rules::Complaint;
pub use site::{Site, SiteFile};
