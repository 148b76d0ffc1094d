//! Zones: the domains that Cloudflare serves.

use serde::Deserialize;

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Zone {
    pub id: String,
    pub name: String,
}

impl Account {
    /// The account's zones that the token reaches.
    pub async fn zones(&self) -> Result<Vec<Zone>, CloudflareError> {
        let call = Call::get(Product::Zones, "list zones")
            .at(&["zones"])
            .query("account.id", self.id());
        self.transport.pages(call, Some(50), None).await
    }

    /// The zone with exactly this name.
    pub async fn zone(&self, name: &str) -> Result<Option<Zone>, CloudflareError> {
        let call = Call::get(Product::Zones, format!("look for zone `{name}`"))
            .at(&["zones"])
            .query("account.id", self.id())
            .query("name", name);
        let zones: Vec<Zone> = self.transport.pages(call, Some(50), None).await?;
        Ok(zones.into_iter().find(|zone| zone.name == name))
    }
}
