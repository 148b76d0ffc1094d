//! Workers: uploaded, listed, looked at, deleted.

use bytes::Bytes;
use serde::Deserialize;

use super::durable_objects::{ExportsReconciliation, LiveExports};
use super::metadata::{Classes, UploadMetadata};
use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Effect, Product, json_bytes};
use crate::transport::envelope::null_is_default;
use crate::transport::multipart::Multipart;

/// A file of a worker's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The path that imports say.
    pub name: String,
    pub kind: ModuleKind,
    pub content: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleKind {
    EsModule,
    CommonJs,
    Wasm,
    Text,
    Data,
    Json,
    SourceMap,
}

impl ModuleKind {
    fn content_type(self) -> &'static str {
        match self {
            Self::EsModule => "application/javascript+module",
            Self::CommonJs => "application/javascript",
            Self::Wasm => "application/wasm",
            Self::Text => "text/plain",
            Self::Data => "application/octet-stream",
            Self::Json => "application/json",
            Self::SourceMap => "application/source-map",
        }
    }
}

/// A whole version of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    pub metadata: UploadMetadata,
    pub modules: Vec<Module>,
}

impl Upload {
    /// Puts it into a call.
    pub(crate) fn put_into(&self, call: Call) -> Call {
        let form =
            Multipart::default().field("metadata", "application/json", json_bytes(&self.metadata));
        let form = self.modules.iter().fold(form, |form, module| {
            form.file(
                &module.name,
                module.kind.content_type(),
                module.content.clone(),
            )
        });
        // Without it, what inherits from nothing would vanish without a word.
        call.query("bindings_inherit", "strict")
            .hide(self.metadata.hidden())
            .multipart(form)
    }
}

/// What an upload made.
#[derive(Debug, Clone, Deserialize)]
pub struct Uploaded {
    /// The worker's name.
    pub id: Option<String>,
    /// Of the code.
    pub etag: Option<String>,
    /// The id of the version that now runs.
    pub deployment_id: Option<String>,
    pub startup_time_ms: Option<u64>,
    pub migration_tag: Option<String>,
    /// The immutable id of the worker.
    pub tag: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub exports: LiveExports,
    pub exports_reconciliation: Option<ExportsReconciliation>,
}

/// A worker of the account.
#[derive(Debug, Clone, Deserialize)]
pub struct ScriptInfo {
    /// Its name.
    pub id: String,
    pub etag: Option<String>,
    pub tag: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub tags: Vec<String>,
    pub migration_tag: Option<String>,
    /// `wrangler`, `dash`, `api`, ….
    pub last_deployed_from: Option<String>,
    pub created_on: Option<String>,
    pub modified_on: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub handlers: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub exports: LiveExports,
}

/// One worker as the dashboard's own paths tell it: the quickest way to its tags.
#[derive(Debug, Clone, Deserialize)]
pub struct ServiceScript {
    pub tag: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub tags: Vec<String>,
    pub migration_tag: Option<String>,
    pub last_deployed_from: Option<String>,
    pub etag: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    default_environment: ServiceEnvironment,
}

#[derive(Deserialize)]
struct ServiceEnvironment {
    script: ServiceScript,
}

impl Account {
    /// A path below the worker.
    pub(crate) fn script(&self, call: Call, name: &str, below: &[&str]) -> Call {
        call.at(&["accounts", self.id(), "workers", "scripts", name])
            .at(below)
    }

    /// Uploads a worker and makes it live. With migrations a lost answer is unclear, since their
    /// tag has moved on if the upload was carried out; otherwise the same upload leads to the same
    /// worker, however often it is made.
    pub async fn upload_script(
        &self,
        name: &str,
        upload: &Upload,
    ) -> Result<Uploaded, CloudflareError> {
        let effect = match upload.metadata.classes {
            Some(Classes::Migrations(_)) => Effect::Once,
            Some(Classes::Exports(_)) | None => Effect::Put,
        };
        let call = Call::put(Product::Scripts, format!("upload worker `{name}`")).effect(effect);
        // The code is not wanted back.
        let call = self.script(call, name, &[]).query("excludeScript", "true");
        self.transport.result(upload.put_into(call)).await
    }

    /// All workers of the account; this list has no pages.
    pub async fn scripts(&self) -> Result<Vec<ScriptInfo>, CloudflareError> {
        let call = Call::get(Product::Scripts, "list workers").at(&[
            "accounts",
            self.id(),
            "workers",
            "scripts",
        ]);
        self.transport.result(call).await
    }

    /// Tags of one worker, if it is there.
    pub async fn service_script(
        &self,
        name: &str,
    ) -> Result<Option<ServiceScript>, CloudflareError> {
        let call = Call::get(Product::Scripts, format!("read worker `{name}`")).at(&[
            "accounts",
            self.id(),
            "workers",
            "services",
            name,
        ]);
        let service: Option<Service> = self.transport.find(call).await?;
        Ok(service.map(|service| service.default_environment.script))
    }

    /// With its routes, crons and custom domains, and with the objects of its Durable Object
    /// classes. Refused while other workers bind it, unless `force`. `false`: it was not there.
    pub async fn delete_script(&self, name: &str, force: bool) -> Result<bool, CloudflareError> {
        let call = Call::delete(Product::Scripts, format!("delete worker `{name}`"));
        let mut call = self.script(call, name, &[]);
        if force {
            call = call.query("force", "true");
        }
        self.transport.delete(call).await
    }
}
