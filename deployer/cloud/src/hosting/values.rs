//! The values of KV and R2, for the API. They are in the simulators that workers are bound to, so
//! the runtime has to run.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, SecondsFormat};
use tiny_runtime::{Controller, KvEntry, R2Head, Reach};

use super::{Hosting, HostingError};
use crate::values::{KvKey, KvKeys, KvValue, R2Listed, R2Object, R2Objects};

impl Hosting {
    async fn kv(&self) -> Result<Controller, HostingError> {
        self.reaching(&self.0.wants_kv, |reach| reach.kv).await
    }

    async fn r2(&self) -> Result<Controller, HostingError> {
        self.reaching(&self.0.wants_r2, |reach| reach.r2).await
    }

    /// The first who asks for values pays for an exchange.
    async fn reaching(
        &self,
        wants: &AtomicBool,
        reaches: fn(&Reach) -> bool,
    ) -> Result<Controller, HostingError> {
        wants.store(true, Ordering::Release);
        loop {
            let visit = self.enter().await?;
            if reaches(&visit.reach) {
                return Ok(visit.controller.clone());
            }
            drop(visit);
            self.outdated();
        }
    }

    pub(crate) async fn kv_get(
        &self,
        namespace: &str,
        key: &str,
    ) -> Result<Option<KvValue>, HostingError> {
        let found = self.kv().await?.kv_get(namespace, key).await?;
        Ok(found.map(|entry| KvValue {
            value: entry.value,
            metadata: entry.metadata,
            expiration: entry.expiration,
        }))
    }

    pub(crate) async fn kv_put(
        &self,
        namespace: &str,
        key: &str,
        value: KvValue,
    ) -> Result<(), HostingError> {
        let entry = KvEntry {
            value: value.value,
            metadata: value.metadata,
            expiration: value.expiration,
        };
        Ok(self.kv().await?.kv_put(namespace, key, entry).await?)
    }

    pub(crate) async fn kv_delete(&self, namespace: &str, key: &str) -> Result<(), HostingError> {
        Ok(self.kv().await?.kv_delete(namespace, key).await?)
    }

    /// At most 1000 keys at once.
    pub(crate) async fn kv_keys(
        &self,
        namespace: &str,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<KvKeys, HostingError> {
        let page = self
            .kv()
            .await?
            .kv_list(namespace, prefix, limit, cursor)
            .await?;
        Ok(KvKeys {
            keys: page
                .keys
                .into_iter()
                .map(|key| KvKey {
                    name: key.name,
                    expiration: key.expiration,
                    metadata: key.metadata,
                })
                .collect(),
            cursor: page.cursor,
        })
    }

    /// Forgets a namespace's values, because the namespace was deleted. Its id never comes back, so
    /// nobody sees the names that stay in the simulator's index.
    pub(crate) async fn kv_forget(&self, namespace: &str) {
        // What cannot be deleted is only waste.
        let _ = fs_err::tokio::remove_dir_all(self.state().join("kv").join(namespace)).await;
    }

    pub(crate) async fn r2_get(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Option<R2Object>, HostingError> {
        let found = self.r2().await?.r2_get(bucket, key).await?;
        Ok(found.map(|(head, body)| R2Object {
            content_type: head.content_type().map(str::to_owned),
            etag: Some(quoted(&head)),
            body,
        }))
    }

    /// Answers the object's etag.
    pub(crate) async fn r2_put(
        &self,
        bucket: &str,
        key: &str,
        object: R2Object,
    ) -> Result<String, HostingError> {
        let head = self
            .r2()
            .await?
            .r2_put(bucket, key, object.content_type.as_deref(), &object.body)
            .await?;
        Ok(quoted(&head))
    }

    pub(crate) async fn r2_delete(&self, bucket: &str, key: &str) -> Result<(), HostingError> {
        Ok(self.r2().await?.r2_delete(bucket, key).await?)
    }

    /// At most 1000 objects at once.
    pub(crate) async fn r2_list(
        &self,
        bucket: &str,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<R2Objects, HostingError> {
        let page = self
            .r2()
            .await?
            .r2_list(bucket, prefix, limit, cursor)
            .await?;
        Ok(R2Objects {
            objects: page.objects.into_iter().map(listed).collect(),
            cursor: page.cursor,
        })
    }

    /// Whether no object is in it. True without starting anything where none can be.
    pub(crate) async fn r2_is_empty(&self, bucket: &str) -> Result<bool, HostingError> {
        // The first object makes the folder.
        if !self.state().join("r2").join(bucket).exists() {
            return Ok(true);
        }
        let controller = self.r2().await?;
        let page = controller.r2_list(bucket, "", 1, None).await?;
        Ok(page.objects.is_empty())
    }
}

fn quoted(head: &R2Head) -> String {
    format!("\"{}\"", head.etag)
}

fn listed(head: R2Head) -> R2Listed {
    let uploaded = i64::try_from(head.uploaded)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default();
    R2Listed {
        key: head.key,
        size: head.size,
        etag: head.etag,
        last_modified: uploaded.to_rfc3339_opts(SecondsFormat::Millis, true),
    }
}
