//! What comes in is a `tiny.toml` with the files it extends; what goes out is the [`Stack`] of one stage, typed,
//! checked and with absolute paths, or every mistake in it at once ([`Errors`]). `dev` and `cli` call it.
//!
//! The way through: each file becomes a tree that knows where every value was written (`tree`), the trees are
//! merged (`layers`), `${…}` is filled in (`interpolate`), the tree is read into the tables of the format
//! (`format`), and those are checked against each other and the disk (`resolve`).

mod allowed_hosts;
mod binding;
mod error;
mod format;
mod interpolate;
mod layers;
mod names;
mod private_folder;
mod reader;
mod report;
mod resolve;
mod schema;
mod secret_values;
mod stack;
mod suggest;
mod tree;
mod worker;

use camino::{Utf8Path, Utf8PathBuf};

pub use allowed_hosts::{AllowedHosts, HostPattern};
pub use binding::{Binding, DurableObject, Transfer};
pub use error::{Errors, Mistake};
pub use names::{InvalidStage, StageName, as_id, physical_name};
pub use private_folder::{PRIVATE_FOLDER, make_private_folder};
pub use schema::schema;
pub use secret_values::{SecretFileError, SecretValues};
pub use stack::{
    D1, D1Jurisdiction, Dev, External, ExternalResource, Kv, Lifecycle, Queue, R2, R2Jurisdiction,
    Stack, StateBackend,
};
pub use tiny_migrations::{DEFAULT_TABLE, Migrations, Pattern};
pub use worker::{
    Assets, BuildStep, ClassManagement, CodeUpdate, CodeUpdateMode, Consumer, Entry, HtmlHandling,
    Limits, ModuleRule, ModuleType, NotFoundHandling, Observability, ObservedLogs, ObservedTraces,
    Package, PackageFile, PanicStrategy, Placement, PlacementMode, Route, RunWorkerFirst, Secret,
    Worker,
};

/// The name of the file that describes a stack.
pub const FILE_NAME: &str = "tiny.toml";

/// What the manifest is read for, and the world it may look at.
pub struct LoadOptions<'a> {
    /// The stage whose layer is applied.
    pub stage: StageName,
    /// Where `${env:NAME}` gets its values.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// The nearest `tiny.toml` at `from` or in a folder above it.
pub fn find(from: &Utf8Path) -> Option<Utf8PathBuf> {
    let from = camino::absolute_utf8(from).ok()?;
    from.ancestors()
        .map(|folder| folder.join(FILE_NAME))
        .find(|file| file.is_file())
}

/// Reads the manifest at `path` and everything it extends, as `options.stage` sees it.
pub fn load(path: &Utf8Path, options: &LoadOptions) -> Result<Stack, Errors> {
    let mut report = report::Report::default();
    let stack = layers::read(path, &mut report).and_then(|layers| {
        let tree = layers.merge(&options.stage, &mut report);
        let tree = interpolate::interpolate(tree, options, &mut report);
        resolve::resolve(tree, options, &mut report)
    });
    report.finish(stack)
}
