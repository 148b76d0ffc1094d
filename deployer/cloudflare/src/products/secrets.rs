//! Secrets of a worker that is there; each change makes and deploys a version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::secret::{Secret, on_the_wire};
use crate::transport::call::{Call, Product};

/// That there is a secret; its value is never told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SecretInfo {
    pub name: String,
    /// `secret_text` or `secret_key`.
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Serialize)]
struct SecretText<'a> {
    name: &'a str,
    #[serde(serialize_with = "on_the_wire")]
    text: &'a Secret,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> SecretText<'a> {
    fn new(name: &'a str, text: &'a Secret) -> Self {
        Self {
            name,
            text,
            kind: "secret_text",
        }
    }
}

#[derive(Serialize)]
struct Bulk<'a> {
    secrets: BTreeMap<&'a str, Option<SecretText<'a>>>,
}

impl Account {
    pub async fn secrets(&self, script: &str) -> Result<Vec<SecretInfo>, CloudflareError> {
        let call = Call::get(
            Product::Scripts,
            format!("list secrets of worker `{script}`"),
        );
        self.transport
            .result(self.script(call, script, &["secrets"]))
            .await
    }

    pub async fn put_secret(
        &self,
        script: &str,
        name: &str,
        value: &Secret,
    ) -> Result<SecretInfo, CloudflareError> {
        let operation = format!("set secret `{name}` of worker `{script}`");
        let call = Call::put(Product::Scripts, operation);
        let call = self
            .script(call, script, &["secrets"])
            .json(&SecretText::new(name, value))
            .hide([value.clone()]);
        self.transport.result(call).await
    }

    /// Sets and, where the value is none, deletes several at once, in one version.
    pub async fn change_secrets(
        &self,
        script: &str,
        changes: &BTreeMap<String, Option<Secret>>,
    ) -> Result<(), CloudflareError> {
        let operation = format!("change {} secrets of worker `{script}`", changes.len());
        let secrets = changes
            .iter()
            .map(|(name, value)| {
                let text = value.as_ref().map(|value| SecretText::new(name, value));
                (name.as_str(), text)
            })
            .collect();
        let call = Call::patch(Product::Scripts, operation);
        let call = self
            .script(call, script, &["secrets-bulk"])
            .json(&Bulk { secrets })
            .hide(changes.values().flatten().cloned());
        self.transport.done(call).await
    }

    /// `false`: it was not there.
    pub async fn delete_secret(&self, script: &str, name: &str) -> Result<bool, CloudflareError> {
        let operation = format!("delete secret `{name}` of worker `{script}`");
        let call = Call::delete(Product::Scripts, operation);
        let call = self
            .script(call, script, &["secrets", name])
            .query("url_encoded", "true");
        self.transport.delete(call).await
    }
}
