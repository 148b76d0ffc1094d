//! Workers KV: namespaces.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KvNamespace {
    pub id: String,
    pub title: String,
}

#[derive(Serialize)]
struct Titled<'a> {
    title: &'a str,
}

impl Account {
    fn kv(&self, call: Call) -> Call {
        call.at(&["accounts", self.id(), "storage", "kv", "namespaces"])
    }

    pub async fn kv_namespaces(&self) -> Result<Vec<KvNamespace>, CloudflareError> {
        let call = self.kv(Call::get(Product::Kv, "list KV namespaces"));
        self.transport.pages(call, Some(1000), None).await
    }

    pub async fn kv_namespace(&self, id: &str) -> Result<Option<KvNamespace>, CloudflareError> {
        let call = self.kv(Call::get(Product::Kv, format!("read KV namespace `{id}`")));
        self.transport.find(call.at(&[id])).await
    }

    /// Refused with [`crate::code::KV_TITLE_TAKEN`] when there is one of that title.
    pub async fn create_kv_namespace(&self, title: &str) -> Result<KvNamespace, CloudflareError> {
        let call = self.kv(Call::post(
            Product::Kv,
            format!("create KV namespace `{title}`"),
        ));
        self.transport.result(call.json(&Titled { title })).await
    }

    /// With all its values. `false`: it was not there.
    pub async fn delete_kv_namespace(&self, id: &str) -> Result<bool, CloudflareError> {
        let call = self.kv(Call::delete(
            Product::Kv,
            format!("delete KV namespace `{id}`"),
        ));
        self.transport.delete(call.at(&[id])).await
    }
}
