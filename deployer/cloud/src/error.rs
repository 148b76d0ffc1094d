//! Why a local Cloudflare does not start.

use std::io;

use camino::Utf8PathBuf;

/// An error on the way up. Later ones are answers to requests.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CloudError {
    #[error("`{dir}` is in use by another local Cloudflare{}", ByPid(.pid))]
    #[diagnostic(help("use that one, stop it, or give this one a folder of its own with `--dir`"))]
    InUse { dir: Utf8PathBuf, pid: Option<u32> },
    #[error("cannot use `{path}`: {source}")]
    Folder {
        path: Utf8PathBuf,
        source: io::Error,
    },
    #[error("cannot read the account in `{path}`: {why}")]
    #[diagnostic(help("move the folder away to begin with an empty account"))]
    Store { path: Utf8PathBuf, why: String },
    #[error("`{path}` was written by a newer tiny")]
    #[diagnostic(help("use that one, or give this one a folder of its own with `--dir`"))]
    Newer { path: Utf8PathBuf },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Listen(#[from] tiny_listen::ListenError),
    #[error("`{name}` is no name of a zone")]
    #[diagnostic(help("a zone is a domain such as `example.com`"))]
    ZoneName { name: String },
}

struct ByPid<'a>(&'a Option<u32>);

impl std::fmt::Display for ByPid<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(out, " (pid {pid})"),
            None => Ok(()),
        }
    }
}
