//! Deployments: which versions get which share of the traffic.

use serde::{Deserialize, Serialize, Serializer};

use super::metadata::Annotations;
use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};
use crate::transport::envelope::null_is_default;

#[derive(Debug, Clone, Deserialize)]
pub struct Deployment {
    pub id: String,
    pub created_on: Option<String>,
    pub source: Option<String>,
    pub author_email: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub versions: Vec<TrafficShare>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub annotations: Annotations,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficShare {
    pub version_id: String,
    /// Of 100.
    #[serde(serialize_with = "whole_if_it_is")]
    pub percentage: f64,
}

/// 100 and not 100.0, as everybody else writes it.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde's own signature
fn whole_if_it_is<S: Serializer>(share: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    for whole in 0..=100_u8 {
        if (share - f64::from(whole)).abs() < f64::EPSILON {
            return serializer.serialize_u8(whole);
        }
    }
    serializer.serialize_f64(*share)
}

/// When Durable Objects that run get the new code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum CodeUpdate {
    /// At once: those that run are restarted.
    Immediate,
    /// When they go idle, and after `max_delay` seconds (at most 300) at the latest. Cloudflare's
    /// choice when nothing is said.
    Deferred { max_delay: u32 },
}

/// A deployment to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDeployment {
    /// One, or two whose shares make 100.
    pub versions: Vec<TrafficShare>,
    pub message: Option<String>,
    pub code_update: Option<CodeUpdate>,
}

#[derive(Serialize)]
struct WireDeployment<'a> {
    strategy: &'static str,
    versions: &'a [TrafficShare],
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_update_strategy: Option<CodeUpdate>,
}

impl Account {
    /// The latest ones, the live one first.
    pub async fn latest_deployments(
        &self,
        script: &str,
    ) -> Result<Vec<Deployment>, CloudflareError> {
        let operation = format!("list deployments of worker `{script}`");
        let call = Call::get(Product::Scripts, operation);
        let call = self.script(call, script, &["deployments"]);
        self.transport.list(call, Some("deployments")).await
    }

    /// A lost answer is unclear.
    pub async fn create_deployment(
        &self,
        script: &str,
        deployment: &NewDeployment,
    ) -> Result<Deployment, CloudflareError> {
        let operation = format!("deploy a version of worker `{script}`");
        let call = Call::post(Product::Scripts, operation);
        let call = self
            .script(call, script, &["deployments"])
            .json(&WireDeployment {
                strategy: "percentage",
                versions: &deployment.versions,
                annotations: deployment.message.as_ref().map(|message| Annotations {
                    message: Some(message.clone()),
                    tag: None,
                }),
                code_update_strategy: deployment.code_update,
            });
        self.transport.result(call).await
    }
}
