//! Routes: patterns of a zone that a worker answers.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ZoneRoute {
    pub id: String,
    pub pattern: String,
    /// None: requests go past all workers.
    pub script: Option<String>,
}

#[derive(Serialize)]
struct WireRoute<'a> {
    pattern: &'a str,
    script: &'a str,
}

impl Account {
    fn route(call: Call, zone_id: &str, below: &[&str]) -> Call {
        call.at(&["zones", zone_id, "workers", "routes"]).at(below)
    }

    /// All of a zone, whichever worker they lead to.
    pub async fn routes(&self, zone_id: &str) -> Result<Vec<ZoneRoute>, CloudflareError> {
        let call = Call::get(Product::Routes, format!("list routes of zone `{zone_id}`"));
        self.transport.result(Self::route(call, zone_id, &[])).await
    }

    pub async fn create_route(
        &self,
        zone_id: &str,
        pattern: &str,
        script: &str,
    ) -> Result<ZoneRoute, CloudflareError> {
        let call = Call::post(Product::Routes, format!("create route `{pattern}`"));
        let call = Self::route(call, zone_id, &[]).json(&WireRoute { pattern, script });
        self.transport.result(call).await
    }

    pub async fn update_route(
        &self,
        zone_id: &str,
        route_id: &str,
        pattern: &str,
        script: &str,
    ) -> Result<ZoneRoute, CloudflareError> {
        let call = Call::put(Product::Routes, format!("change route `{pattern}`"));
        let call = Self::route(call, zone_id, &[route_id]).json(&WireRoute { pattern, script });
        self.transport.result(call).await
    }

    /// `false`: it was not there.
    pub async fn delete_route(
        &self,
        zone_id: &str,
        route_id: &str,
    ) -> Result<bool, CloudflareError> {
        let call = Call::delete(Product::Routes, format!("delete route `{route_id}`"));
        self.transport
            .delete(Self::route(call, zone_id, &[route_id]))
            .await
    }
}
