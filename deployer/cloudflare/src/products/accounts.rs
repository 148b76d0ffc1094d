//! Accounts that the token reaches.

use serde::Deserialize;

use crate::account::Cloudflare;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountInfo {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

impl Cloudflare {
    /// Works with tokens of users and of accounts; `/memberships`, which wrangler asks too, does
    /// not.
    pub async fn accounts(&self) -> Result<Vec<AccountInfo>, CloudflareError> {
        let call = Call::get(Product::Accounts, "list the accounts of the token").at(&["accounts"]);
        self.transport.pages(call, Some(50), None).await
    }
}
