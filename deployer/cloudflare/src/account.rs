//! The client, and the client for one account.

use std::fmt;
use std::sync::Arc;

use crate::error::CloudflareError;
use crate::settings::Settings;
use crate::transport::Transport;

/// Cloudflare, with a token. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Cloudflare {
    pub(crate) transport: Arc<Transport>,
    account_id: Option<String>,
}

impl Cloudflare {
    /// Connects to nothing yet.
    pub fn new(settings: Settings) -> Result<Self, CloudflareError> {
        let (http, base) = settings.http_client()?;
        Ok(Self {
            transport: Arc::new(Transport::new(
                http,
                base,
                settings.token,
                settings.patience,
                settings.trace,
            )),
            account_id: settings.account_id,
        })
    }

    /// The account of the settings, else the only one that the token reaches. Nothing of it is
    /// remembered: a remembered account is how deploys end up in a wrong one.
    pub async fn account(&self) -> Result<Account, CloudflareError> {
        if let Some(id) = &self.account_id {
            return Ok(self.account_of(id));
        }
        let mut accounts = self.accounts().await?;
        match accounts.len() {
            0 => Err(CloudflareError::NoAccount),
            1 => Ok(self.account_of(&accounts.remove(0).id)),
            _ => Err(CloudflareError::SeveralAccounts { accounts }),
        }
    }

    /// The account with this id, unasked.
    pub fn account_of(&self, id: &str) -> Account {
        Account {
            transport: Arc::clone(&self.transport),
            id: id.to_owned(),
        }
    }
}

impl fmt::Debug for Cloudflare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloudflare")
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

/// One account. Its calls are in `products/`, one file per product.
#[derive(Clone)]
pub struct Account {
    pub(crate) transport: Arc<Transport>,
    id: String,
}

impl Account {
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
