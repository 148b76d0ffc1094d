//! The lists of an account, each asked for at most once in a run, by whoever needs it first.

use std::collections::BTreeMap;

use tiny_cloudflare::{
    Account, CloudflareError, D1Database, KvNamespace, Queue, R2Bucket, ScriptInfo, Zone,
};
use tokio::sync::OnceCell;

use super::r2::JURISDICTIONS;

/// Kinds share these: consumers of workers stand in the list of queues.
pub(crate) struct Lists<'a> {
    pub(crate) cloud: &'a Account,
    scripts: OnceCell<BTreeMap<String, ScriptInfo>>,
    kv: OnceCell<Vec<KvNamespace>>,
    d1: OnceCell<Vec<D1Database>>,
    /// By jurisdiction.
    r2: [(Option<&'static str>, OnceCell<Vec<R2Bucket>>); JURISDICTIONS.len()],
    queues: OnceCell<Vec<Queue>>,
    zones: OnceCell<Vec<Zone>>,
}

impl<'a> Lists<'a> {
    pub(crate) fn new(cloud: &'a Account) -> Self {
        Self {
            cloud,
            scripts: OnceCell::new(),
            kv: OnceCell::new(),
            d1: OnceCell::new(),
            r2: JURISDICTIONS.map(|place| (place, OnceCell::new())),
            queues: OnceCell::new(),
            zones: OnceCell::new(),
        }
    }

    /// By name.
    pub(crate) async fn scripts(&self) -> Result<&BTreeMap<String, ScriptInfo>, CloudflareError> {
        let ask = async || {
            let scripts = self.cloud.scripts().await?;
            Ok(scripts
                .into_iter()
                .map(|script| (script.id.clone(), script))
                .collect())
        };
        self.scripts.get_or_try_init(ask).await
    }

    pub(crate) async fn kv_namespaces(&self) -> Result<&[KvNamespace], CloudflareError> {
        let list = self.kv.get_or_try_init(|| self.cloud.kv_namespaces());
        list.await.map(Vec::as_slice)
    }

    pub(crate) async fn d1_databases(&self) -> Result<&[D1Database], CloudflareError> {
        let list = self.d1.get_or_try_init(|| self.cloud.d1_databases());
        list.await.map(Vec::as_slice)
    }

    /// Those in a jurisdiction, none of which is the default one.
    pub(crate) async fn r2_buckets(
        &self,
        jurisdiction: Option<&str>,
    ) -> Result<&[R2Bucket], CloudflareError> {
        let list = self.r2.iter().find(|(place, _)| *place == jurisdiction);
        let Some((_, cell)) = list else {
            return Ok(&[]);
        };
        let list = cell.get_or_try_init(|| self.cloud.r2_buckets(jurisdiction));
        list.await.map(Vec::as_slice)
    }

    /// With their consumers.
    pub(crate) async fn queues(&self) -> Result<&[Queue], CloudflareError> {
        let list = self.queues.get_or_try_init(|| self.cloud.queues());
        list.await.map(Vec::as_slice)
    }

    pub(crate) async fn zones(&self) -> Result<&[Zone], CloudflareError> {
        let list = self.zones.get_or_try_init(|| self.cloud.zones());
        list.await.map(Vec::as_slice)
    }
}
