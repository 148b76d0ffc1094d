//! Custom domains: a whole hostname, with DNS record and certificate.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Domain {
    pub id: String,
    pub hostname: String,
    /// The worker.
    pub service: String,
    pub zone_id: Option<String>,
    pub zone_name: Option<String>,
}

#[derive(Serialize)]
struct WireDomain<'a> {
    hostname: &'a str,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone_id: Option<&'a str>,
}

impl Account {
    fn domain(&self, call: Call, below: &[&str]) -> Call {
        call.at(&["accounts", self.id(), "workers", "domains"])
            .at(below)
    }

    /// All of the account.
    pub async fn domains(&self) -> Result<Vec<Domain>, CloudflareError> {
        let call = self.domain(Call::get(Product::Scripts, "list custom domains"), &[]);
        self.transport.result(call).await
    }

    /// Cloudflare finds the zone by the hostname where it is not given.
    pub async fn put_domain(
        &self,
        hostname: &str,
        script: &str,
        zone_id: Option<&str>,
    ) -> Result<Domain, CloudflareError> {
        let operation = format!("attach `{hostname}` to worker `{script}`");
        let call = self.domain(Call::put(Product::Scripts, operation), &[]);
        let call = call.json(&WireDomain {
            hostname,
            service: script,
            zone_id,
        });
        self.transport.result(call).await
    }

    /// `false`: it was not there.
    pub async fn delete_domain(&self, id: &str) -> Result<bool, CloudflareError> {
        let call = Call::delete(Product::Scripts, format!("detach custom domain `{id}`"));
        self.transport.delete(self.domain(call, &[id])).await
    }
}
