//! Looking up one resource by whatever a person calls it.

use tiny_cloudflare::CloudflareError;

use super::Lists;
use crate::Kind;

/// A resource that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct There {
    /// Its name; of a KV namespace, the title.
    pub(crate) name: String,
    /// Cloudflare's id of it; of a bucket, the name.
    pub(crate) id: String,
}

impl There {
    fn new(name: &str, id: &str) -> Self {
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
        }
    }
}

/// The resource with this id or name; of a bucket, in this jurisdiction. None: there is no such
/// thing.
pub(crate) async fn find(
    kind: Kind,
    lists: &Lists<'_>,
    name_or_id: &str,
    jurisdiction: Option<&str>,
) -> Result<Option<There>, CloudflareError> {
    let is = |name: &str| name == name_or_id;
    Ok(match kind {
        Kind::Worker => {
            let script = lists.scripts().await?.get(name_or_id);
            script.map(|script| There::new(&script.id, script.tag.as_deref().unwrap_or(&script.id)))
        }
        Kind::Kv => {
            let all = lists.kv_namespaces().await?;
            let by_id = all.iter().find(|namespace| is(&namespace.id));
            by_id
                .or_else(|| all.iter().find(|namespace| is(&namespace.title)))
                .map(|namespace| There::new(&namespace.title, &namespace.id))
        }
        Kind::Queue => {
            let all = lists.queues().await?;
            all.iter()
                .find(|queue| is(&queue.queue_id) || is(&queue.queue_name))
                .map(|queue| There::new(&queue.queue_name, &queue.queue_id))
        }
        Kind::R2 => {
            let bucket = lists.cloud.r2_bucket(name_or_id, jurisdiction).await?;
            bucket.map(|bucket| There::new(&bucket.name, &bucket.name))
        }
        Kind::D1 => {
            let by_id = match uuid::Uuid::try_parse(name_or_id) {
                Ok(_) => lists.cloud.d1_database(name_or_id).await?,
                Err(_) => None,
            };
            let database = match by_id {
                Some(database) => Some(database),
                None => lists.cloud.d1_database_named(name_or_id).await?,
            };
            database.map(|database| There::new(&database.name, &database.uuid))
        }
    })
}
