//! Settings of a worker that is there: those of its live version, and those of the script.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bindings::LiveBinding;
use super::metadata::{Limits, Observability, TailConsumer};
use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};
use crate::transport::envelope::null_is_default;

/// The settings of the live version.
#[derive(Debug, Clone, Deserialize)]
pub struct WorkerSettings {
    #[serde(default, deserialize_with = "null_is_default")]
    pub bindings: Vec<LiveBinding>,
    pub compatibility_date: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub compatibility_flags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub tail_consumers: Vec<TailConsumer>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub logpush: bool,
    pub observability: Option<Observability>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub limits: Limits,
    /// Has more forms than can be asked for.
    #[serde(default)]
    pub placement: Value,
}

/// What belongs to the script and not to a version.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScriptSettings {
    /// Here and below: none leaves it as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logpush: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<Observability>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_consumers: Option<Vec<TailConsumer>>,
}

impl Account {
    /// None where there is no such worker.
    pub async fn worker_settings(
        &self,
        script: &str,
    ) -> Result<Option<WorkerSettings>, CloudflareError> {
        let operation = format!("read settings of worker `{script}`");
        let call = Call::get(Product::Scripts, operation);
        self.transport
            .find(self.script(call, script, &["settings"]))
            .await
    }

    pub async fn script_settings(
        &self,
        script: &str,
    ) -> Result<Option<ScriptSettings>, CloudflareError> {
        let operation = format!("read script settings of worker `{script}`");
        let call = Call::get(Product::Scripts, operation);
        self.transport
            .find(self.script(call, script, &["script-settings"]))
            .await
    }

    pub async fn change_script_settings(
        &self,
        script: &str,
        settings: &ScriptSettings,
    ) -> Result<ScriptSettings, CloudflareError> {
        let operation = format!("change script settings of worker `{script}`");
        let call = Call::patch(Product::Scripts, operation);
        let call = self
            .script(call, script, &["script-settings"])
            .json(settings);
        self.transport.result(call).await
    }
}
