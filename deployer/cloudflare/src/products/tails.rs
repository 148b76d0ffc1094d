//! Tails: a worker's logs as they come, over a WebSocket.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::secret::Secret;
use crate::transport::call::{Call, Effect, Product};

/// An open tail.
#[derive(Debug, Clone, Deserialize)]
pub struct Tail {
    pub id: String,
    /// Where the WebSocket is (subprotocol `trace-v1`). Whoever has it can read the logs.
    pub url: Secret,
    pub expires_at: Option<String>,
}

/// Which events to send; those of several filters must match all.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TailFilter {
    /// A share between 0 and 1.
    SamplingRate {
        sampling_rate: f64,
    },
    /// `ok`, `canceled`, `exception`, `exceededCpu`, `exceededMemory`, `unknown`.
    Outcome {
        outcome: Vec<String>,
    },
    Method {
        method: Vec<String>,
    },
    Header {
        header: TailHeader,
    },
    ClientIp {
        client_ip: Vec<String>,
    },
    /// Text in a log line.
    Query {
        query: String,
    },
    ScriptVersion {
        #[serde(rename = "scriptVersion")]
        script_version: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TailHeader {
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

#[derive(Serialize)]
struct Filters<'a> {
    filters: &'a [TailFilter],
}

impl Account {
    /// A tail whose answer is lost ends by itself, so this is repeated like a read.
    pub async fn create_tail(
        &self,
        script: &str,
        filters: &[TailFilter],
    ) -> Result<Tail, CloudflareError> {
        let call = Call::post(
            Product::Tails,
            format!("follow the logs of worker `{script}`"),
        );
        let call = self
            .script(call.effect(Effect::Read), script, &["tails"])
            .json(&Filters { filters });
        self.transport.result(call).await
    }

    /// `false`: it was not there.
    pub async fn delete_tail(&self, script: &str, id: &str) -> Result<bool, CloudflareError> {
        let operation = format!("stop following the logs of worker `{script}`");
        let call = Call::delete(Product::Tails, operation);
        self.transport
            .delete(self.script(call, script, &["tails", id]))
            .await
    }
}
