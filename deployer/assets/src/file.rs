//! One static file and what it says.

use std::fs::Metadata;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};

use crate::content_type::content_type;

/// Files larger than this are read each time, instead of being kept in memory.
const KEPT: usize = 256 * 1024;

/// When a file was last written, as far as one can tell without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

/// A file of the folder.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it is, links followed.
    path: Utf8PathBuf,
    /// When the folder was read.
    stamp: Stamp,
    content_type: Option<HeaderValue>,
    /// What was read of it last.
    last: Mutex<Option<Arc<Read>>>,
}

/// What a file said when it was read.
#[derive(Debug)]
pub(crate) struct Read {
    stamp: Stamp,
    /// Quoted.
    pub(crate) etag: HeaderValue,
    /// `None` when there are too many of them to be kept.
    bytes: Option<Bytes>,
}

impl Read {
    /// In bytes.
    pub(crate) fn length(&self) -> u64 {
        self.stamp.size
    }
}

impl File {
    /// `name` is the one that it is served under.
    pub(crate) fn new(path: Utf8PathBuf, name: &Utf8Path, metadata: &Metadata) -> Self {
        Self {
            content_type: content_type(name),
            path,
            stamp: metadata.into(),
            last: Mutex::default(),
        }
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Bytes, when the folder was read.
    pub(crate) fn size(&self) -> u64 {
        self.stamp.size
    }

    pub(crate) fn content_type(&self) -> Option<&HeaderValue> {
        self.content_type.as_ref()
    }

    /// What the file says now; it is read only if it was written since the last time.
    pub(crate) async fn read(&self) -> io::Result<Arc<Read>> {
        // A call of two microseconds; handing it to another thread would take longer.
        let stamp = Stamp::from(&fs_err::metadata(&self.path)?);
        let last = self.last().clone();
        if let Some(last) = last.filter(|last| last.stamp == stamp) {
            return Ok(last);
        }
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read(&path))
            .await
            .map_err(io::Error::other)??;
        let read = Arc::new(read);
        *self.last() = Some(Arc::clone(&read));
        Ok(read)
    }

    /// The bytes of what was read.
    pub(crate) async fn bytes(&self, read: &Read) -> io::Result<Bytes> {
        match &read.bytes {
            Some(bytes) => Ok(bytes.clone()),
            None => Ok(fs_err::tokio::read(&self.path).await?.into()),
        }
    }

    /// Whether it says something else than `before`, its state when the folder was read last.
    ///
    /// Build tools write files anew without a change. One that was served as it was then is
    /// compared; one that was served since says nothing about what pages were made with.
    pub(crate) fn differs_from(&self, before: &Self) -> bool {
        if self.path == before.path && self.stamp == before.stamp {
            return false;
        }
        let last = before.last().clone();
        let Some(last) = last.filter(|last| last.stamp == before.stamp) else {
            return true;
        };
        read(&self.path).map_or(true, |read| read.etag != last.etag)
    }

    /// Keeps what was read of `before`, from which it does not differ.
    pub(crate) fn inherit(&self, before: &Self) {
        if self.path != before.path {
            return;
        }
        let last = before.last().clone().map(|last| {
            if last.stamp != before.stamp || last.stamp == self.stamp {
                return last;
            }
            Arc::new(Read {
                stamp: self.stamp.clone(),
                etag: last.etag.clone(),
                bytes: last.bytes.clone(),
            })
        });
        *self.last() = last;
    }

    fn last(&self) -> MutexGuard<'_, Option<Arc<Read>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file. One that is being written has the stamp of before, so that it is read again.
fn read(path: &Utf8Path) -> io::Result<Read> {
    let stamp = Stamp::from(&fs_err::metadata(path)?);
    let bytes = Bytes::from(fs_err::read(path)?);
    Ok(Read {
        stamp: Stamp {
            size: bytes.len() as u64,
            ..stamp
        },
        etag: etag(&bytes),
        bytes: Some(bytes).filter(|bytes| bytes.len() <= KEPT),
    })
}

fn etag(bytes: &[u8]) -> HeaderValue {
    use std::fmt::Write as _;
    const LENGTH: usize = 16;
    let mut etag = String::with_capacity(2 * LENGTH + 2);
    etag.push('"');
    for byte in Sha256::digest(bytes).iter().take(LENGTH) {
        // Writing to a string does not fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag.push('"');
    HeaderValue::try_from(etag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}
