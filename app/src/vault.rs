//! Where the backups of a list are kept: a folder of the bucket `BACKUPS`.

use worker::{Bucket, Env, HttpMetadata, Include, Object};

use crate::backup::{self, Backup, Packed};

pub struct Vault {
    bucket: Bucket,
    folder: String,
}

/// Keys of what is told with a backup.
const TODOS: &str = "todos";
const STATE: &str = "state";
/// Backups that can be deleted at once.
const DELETE: usize = 1_000;

impl Vault {
    /// `folder` as [`backup::folder`] gives it.
    pub fn open(env: &Env, folder: String) -> worker::Result<Self> {
        let bucket = env.bucket("BACKUPS")?;
        Ok(Self { bucket, folder })
    }

    /// All backups of the list, the oldest first.
    pub async fn all(&self) -> worker::Result<Vec<Backup>> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.bucket.list().prefix(&self.folder);
            let page = page.include(vec![Include::CustomMetadata]);
            let page = match cursor.take() {
                Some(cursor) => page.cursor(cursor),
                None => page,
            };
            let page = page.execute().await?;
            for object in page.objects() {
                all.extend(self.backup(&object)?);
            }
            cursor = page.cursor();
            if !page.truncated() || cursor.is_none() {
                return Ok(all);
            }
        }
    }

    fn backup(&self, object: &Object) -> worker::Result<Option<Backup>> {
        let key = object.key();
        let Some(at) = key.strip_prefix(&self.folder).and_then(backup::time_of) else {
            return Ok(None);
        };
        let mut told = object.custom_metadata()?;
        let todos = told.get(TODOS).and_then(|todos| todos.parse().ok());
        Ok(Some(Backup {
            at: at.to_owned(),
            bytes: object.size(),
            todos: todos.unwrap_or(0),
            state: told.remove(STATE).unwrap_or_default(),
        }))
    }

    pub async fn put(&self, packed: Packed, at: String) -> worker::Result<Backup> {
        let Packed {
            bytes,
            todos,
            state,
        } = packed;
        let backup = Backup {
            bytes: bytes.len() as u64,
            todos,
            state,
            at,
        };
        let told = [
            (TODOS.to_owned(), todos.to_string()),
            (STATE.to_owned(), backup.state.clone()),
        ];
        let put = self.bucket.put(self.key(&backup.at), bytes);
        let put = put.custom_metadata(told).http_metadata(HttpMetadata {
            content_type: Some("application/gzip".to_owned()),
            ..HttpMetadata::default()
        });
        put.execute().await?;
        Ok(backup)
    }

    /// The contents of a backup; none when it was deleted meanwhile.
    pub async fn get(&self, backup: &Backup) -> worker::Result<Option<Vec<u8>>> {
        let object = self.bucket.get(self.key(&backup.at)).execute().await?;
        match object.as_ref().and_then(Object::body) {
            Some(body) => body.bytes().await.map(Some),
            None => Ok(None),
        }
    }

    pub async fn delete(&self, backups: &[&Backup]) -> worker::Result<()> {
        for some in backups.chunks(DELETE) {
            let keys: Vec<String> = some.iter().map(|backup| self.key(&backup.at)).collect();
            self.bucket.delete_multiple(keys).await?;
        }
        Ok(())
    }

    fn key(&self, at: &str) -> String {
        self.folder.clone() + &backup::name(at)
    }
}
