//! How a worker's static files are served.

use camino::Utf8PathBuf;

use crate::Package;

/// The `assets` table of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder of the files.
    pub directory: Utf8PathBuf,
    /// What the site has beside them.
    pub packages: Vec<Package>,
    /// Which path a page has.
    pub html_handling: HtmlHandling,
    /// What answers a path without a file.
    pub not_found_handling: NotFoundHandling,
    /// Whether the worker is asked before the files are.
    pub run_worker_first: RunWorkerFirst,
    /// Whether there is a worker at all. Without one, its answer is given here.
    pub has_worker: bool,
}

/// Which path a page has; the others redirect there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HtmlHandling {
    /// `a.html` is `/a`, `b/index.html` is `/b/`.
    #[default]
    AutoTrailingSlash,
    /// Both end in a slash.
    ForceTrailingSlash,
    /// Neither does.
    DropTrailingSlash,
    /// Files have the paths that they have.
    None,
}

/// What answers a path without a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotFoundHandling {
    /// Nothing: it is the worker's, or not found.
    #[default]
    None,
    /// `/index.html`, as if it were found.
    SinglePageApplication,
    /// The nearest `404.html` upwards.
    NotFoundPage,
}

/// Whether the worker is asked before the files are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RunWorkerFirst {
    /// Files win.
    #[default]
    Never,
    /// The worker gets everything.
    Always,
    /// For these paths, with `*` for any characters; one that begins with `!` is an exception.
    Paths(Vec<String>),
}
