//! Large bodies as files, each named by the hash of what is in it.

use std::io::{self, Write as _};

use bytes::Bytes;
use camino::Utf8PathBuf;

use crate::error::CloudError;

/// A folder of files that never change.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: Utf8PathBuf,
}

/// Names a file by its content: equal bodies share one. 64 hex digits.
pub(crate) type FileId = String;

impl Files {
    pub(super) fn within(folder: Utf8PathBuf) -> Result<Self, CloudError> {
        fs_err::create_dir_all(&folder).map_err(|source| CloudError::Folder {
            path: folder.clone(),
            source,
        })?;
        Ok(Self { folder })
    }

    /// Keeps a body. Record the id in a transaction afterwards: a file that nobody names is only
    /// waste, a name without its file is a loss.
    pub(crate) fn put(&self, body: &[u8]) -> io::Result<FileId> {
        let id = blake3::hash(body).to_hex().to_string();
        let path = self.path(&id);
        if path.exists() {
            return Ok(id);
        }
        let unfinished = self
            .folder
            .join(format!("{}.unfinished", uuid::Uuid::new_v4()));
        let mut file = fs_err::File::create(&unfinished)?;
        file.write_all(body)?;
        drop(file);
        fs_err::rename(&unfinished, &path)?;
        Ok(id)
    }

    pub(crate) fn get(&self, id: &str) -> io::Result<Bytes> {
        fs_err::read(self.path(id)).map(Bytes::from)
    }

    /// Where the body is, for those who read it by themselves.
    pub(crate) fn path(&self, id: &str) -> Utf8PathBuf {
        self.folder.join(id)
    }
}
