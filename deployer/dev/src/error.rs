//! What ends a session, each with its cure.

use camino::Utf8PathBuf;

use tiny_listen::ListenError;

/// The session could not start, or cannot go on.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum DevError {
    /// The manifest is wrong from the start.
    #[error("the manifest is not valid")]
    Manifest(tiny_manifest::Errors),

    /// The operating system does not let us watch files.
    #[error("cannot watch the project's files: {0}")]
    #[diagnostic(help(
        "on Linux the number of watches is limited: raise fs.inotify.max_user_watches"
    ))]
    Watch(notify::Error),

    /// The port, mostly.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Listen(#[from] ListenError),

    /// workerd, or a package, could not be found or fetched.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Provision(#[from] tiny_provision::ProvisionError),

    /// workerd could not be run at all.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Runtime(#[from] tiny_runtime::RuntimeError),

    /// Two sessions on one folder of data would lock each other out of it.
    #[error("another `tiny dev` uses {folder}{}", holder.as_ref().map_or(String::new(), |pid| format!(" (pid {pid})")))]
    #[diagnostic(help("stop it, or set `persist` in the manifest's `[dev]` to another folder"))]
    Busy {
        folder: Utf8PathBuf,
        holder: Option<String>,
    },

    /// A file of secrets that cannot be understood.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Secrets(#[from] tiny_manifest::SecretFileError),

    /// A worker's static files cannot be served.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Assets(#[from] tiny_assets::AssetsError),

    /// The file system said no.
    #[error(transparent)]
    #[diagnostic(help("check that path and that its disk is not full"))]
    Io(#[from] std::io::Error),
}
