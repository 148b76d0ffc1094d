//! What a stage uses and does not own: nothing here is ever changed or deleted.

use std::fmt;

use futures_util::future::try_join_all;
use serde::Serialize;
use tiny_cloudflare::{CloudflareError, code};
use tiny_manifest::{Binding, ExternalResource, Stack};

use crate::resources::{Lists, find};
use crate::{Address, Kind};

/// The status of a token that lacks a permission.
const FORBIDDEN: u16 = 403;

/// A resource of somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct External {
    pub kind: ExternalKind,
    /// In the manifest. None: a service binding names the script itself.
    pub id: Option<String>,
    /// Its id or name on Cloudflare, whichever tells its kind apart.
    pub identifier: String,
    /// Of a bucket only.
    pub jurisdiction: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExternalKind {
    Worker,
    D1,
    Kv,
    R2,
    Queue,
    Hyperdrive,
    Vectorize,
}

impl ExternalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hyperdrive => "hyperdrive",
            Self::Vectorize => "vectorize",
            Self::Worker => Kind::Worker.as_str(),
            Self::D1 => Kind::D1.as_str(),
            Self::Kv => Kind::Kv.as_str(),
            Self::R2 => Kind::R2.as_str(),
            Self::Queue => Kind::Queue.as_str(),
        }
    }

    /// The same kind among those that a stage can own.
    fn owned(self) -> Option<Kind> {
        match self {
            Self::Worker => Some(Kind::Worker),
            Self::D1 => Some(Kind::D1),
            Self::Kv => Some(Kind::Kv),
            Self::R2 => Some(Kind::R2),
            Self::Queue => Some(Kind::Queue),
            Self::Hyperdrive | Self::Vectorize => None,
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Worker => "workers",
            Self::Queue => "queues",
            other => other.as_str(),
        }
    }
}

impl External {
    /// All that a manifest names.
    pub fn all_of(stack: &Stack) -> Vec<Self> {
        let external = &stack.external;
        let kinds: [(ExternalKind, &[ExternalResource]); 7] = [
            (ExternalKind::Worker, &external.workers),
            (ExternalKind::D1, &external.d1),
            (ExternalKind::Kv, &external.kv),
            (ExternalKind::R2, &external.r2),
            (ExternalKind::Queue, &external.queues),
            (ExternalKind::Hyperdrive, &external.hyperdrive),
            (ExternalKind::Vectorize, &external.vectorize),
        ];
        let named = kinds.into_iter().flat_map(|(kind, resources)| {
            resources.iter().map(move |resource| Self {
                kind,
                id: Some(resource.id.clone()),
                identifier: resource.identifier.clone(),
                jurisdiction: resource.jurisdiction.map(|place| place.as_str().to_owned()),
            })
        });
        let bindings = stack.workers.iter().flat_map(|worker| &worker.bindings);
        let services = bindings.filter_map(|(_, binding)| match binding {
            Binding::DeployedService { script, .. } => Some(Self {
                kind: ExternalKind::Worker,
                id: None,
                identifier: script.clone(),
                jurisdiction: None,
            }),
            _ => None,
        });
        let mut all: Vec<Self> = named.chain(services).collect();
        all.sort();
        all.dedup();
        all
    }

    /// What bindings name it by, where it is of a kind that a stage can own.
    pub(crate) fn address(&self) -> Option<Address> {
        Some(Address::new(self.kind.owned()?, self.id.as_deref()?))
    }

    /// Cloudflare's id of it, where that is not its name.
    pub(crate) fn cloudflare_id(&self) -> Option<&str> {
        matches!(self.kind, ExternalKind::Kv | ExternalKind::D1).then_some(&*self.identifier)
    }

    /// Whether this is the resource of that name and id.
    pub(crate) fn is(&self, kind: Kind, name: &str, id: Option<&str>) -> bool {
        if self.kind.owned() != Some(kind) {
            return false;
        }
        match self.cloudflare_id() {
            Some(own) => id == Some(own),
            None => self.identifier == name,
        }
    }
}

impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            id,
            identifier,
            ..
        } = self;
        match id {
            Some(id) => write!(f, "[external.{}.{id}] `{identifier}`", kind.table()),
            None => write!(f, "service `{identifier}`"),
        }
    }
}

/// Those that are not in the account. What the token may not read is taken for there: the upload
/// that binds it tells.
pub(crate) async fn missing(
    lists: &Lists<'_>,
    externals: &[External],
) -> Result<Vec<External>, CloudflareError> {
    let looks = externals.iter().map(async |external| {
        let is_there = match is_there(lists, external).await {
            Err(error) if cannot_be_told(&error) => true,
            other => other?,
        };
        Ok::<_, CloudflareError>((!is_there).then(|| external.clone()))
    });
    let found = try_join_all(looks).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn is_there(lists: &Lists<'_>, external: &External) -> Result<bool, CloudflareError> {
    let identifier = &external.identifier;
    match external.kind.owned() {
        Some(kind) => {
            let found = find(kind, lists, identifier, external.jurisdiction.as_deref()).await?;
            Ok(found.is_some_and(|found| external.is(kind, &found.name, Some(&found.id))))
        }
        None if external.kind == ExternalKind::Hyperdrive => {
            lists.cloud.has_hyperdrive_config(identifier).await
        }
        None => lists.cloud.has_vectorize_index(identifier).await,
    }
}

/// A token without the permission, or a Cloudflare without the product (`tiny cloud`).
fn cannot_be_told(error: &CloudflareError) -> bool {
    let is_forbidden = |refusal: &tiny_cloudflare::Refusal| refusal.status == FORBIDDEN;
    error.has_code(code::CANNOT_ROUTE) || error.refusal().is_some_and(is_forbidden)
}
