//! workers.dev: the account's name there, and which workers are published under it.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::code;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Effect, Product};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSubdomain {
    pub enabled: bool,
    /// Whether each version gets a URL of its own.
    #[serde(default)]
    pub previews_enabled: bool,
}

#[derive(Deserialize)]
struct AccountSubdomain {
    subdomain: String,
}

impl Account {
    /// `example` of `worker.example.workers.dev`; none where it was never chosen.
    pub async fn workers_subdomain(&self) -> Result<Option<String>, CloudflareError> {
        let call = Call::get(Product::Scripts, "read the account's workers.dev subdomain").at(&[
            "accounts",
            self.id(),
            "workers",
            "subdomain",
        ]);
        match self.transport.find::<AccountSubdomain>(call).await {
            Ok(found) => Ok(found.map(|found| found.subdomain)),
            Err(error) if error.has_code(code::NO_SUBDOMAIN) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// None where there is no such worker.
    pub async fn script_subdomain(
        &self,
        script: &str,
    ) -> Result<Option<ScriptSubdomain>, CloudflareError> {
        let operation = format!("read whether worker `{script}` is on workers.dev");
        let call = Call::get(Product::Scripts, operation);
        self.transport
            .find(self.script(call, script, &["subdomain"]))
            .await
    }

    pub async fn set_script_subdomain(
        &self,
        script: &str,
        subdomain: ScriptSubdomain,
    ) -> Result<(), CloudflareError> {
        let what = if subdomain.enabled { "on" } else { "off" };
        let operation = format!("turn workers.dev {what} for worker `{script}`");
        let call = Call::post(Product::Scripts, operation).effect(Effect::Put);
        let call = self.script(call, script, &["subdomain"]).json(&subdomain);
        self.transport.done(call).await
    }
}
