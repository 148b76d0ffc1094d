//! Products that a stage binds and never owns: whether what it names is there.

use serde_json::Value;

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

impl Account {
    /// Whether there is a Hyperdrive configuration of this id.
    pub async fn has_hyperdrive_config(&self, id: &str) -> Result<bool, CloudflareError> {
        let operation = format!("read Hyperdrive configuration `{id}`");
        let call = Call::get(Product::Hyperdrive, operation);
        let path = ["accounts", self.id(), "hyperdrive", "configs", id];
        let found: Option<Value> = self.transport.find(call.at(&path)).await?;
        Ok(found.is_some())
    }

    /// Whether there is a Vectorize index of this name.
    pub async fn has_vectorize_index(&self, name: &str) -> Result<bool, CloudflareError> {
        let operation = format!("read Vectorize index `{name}`");
        let call = Call::get(Product::Vectorize, operation);
        let path = ["accounts", self.id(), "vectorize", "v2", "indexes", name];
        let found: Option<Value> = self.transport.find(call.at(&path)).await?;
        Ok(found.is_some())
    }
}
