//! What `tiny dev` was asked for.

use std::net::{IpAddr, SocketAddr};

use camino::Utf8PathBuf;

/// The options of one session.
#[derive(Debug, Clone)]
pub struct DevOptions {
    /// The manifest to read and watch.
    pub manifest: Utf8PathBuf,
    /// The stage whose layer applies, and whose `.env.<stage>` is read.
    pub stage: tiny_manifest::StageName,
    /// Where the front proxy listens; `None` takes the manifest's, else localhost.
    pub host: Option<IpAddr>,
    /// Its port; `None` takes the manifest's, else 1338.
    pub port: Option<u16>,
    /// Reload pages after a swap and show failures in them.
    pub live_reload: bool,
    /// Start with empty local data.
    pub fresh: bool,
    /// A folder for what this session stores, in place of the project's own: neither its data nor
    /// another session is touched.
    pub folder: Option<Utf8PathBuf>,
    /// Where DevTools can attach.
    pub inspect: Option<SocketAddr>,
}
