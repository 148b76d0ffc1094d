//! Crons.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::error::CloudflareError;
use crate::transport::call::{Call, Product};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Cloudflare's five fields, UTC.
    pub cron: String,
}

impl Account {
    pub async fn schedules(&self, script: &str) -> Result<Vec<Schedule>, CloudflareError> {
        let call = Call::get(Product::Scripts, format!("list crons of worker `{script}`"));
        let call = self.script(call, script, &["schedules"]);
        self.transport.list(call, Some("schedules")).await
    }

    /// Replaces them all; an empty list stops them.
    pub async fn put_schedules(
        &self,
        script: &str,
        schedules: &[Schedule],
    ) -> Result<(), CloudflareError> {
        let call = Call::put(Product::Scripts, format!("set crons of worker `{script}`"));
        let call = self.script(call, script, &["schedules"]).json(&schedules);
        self.transport.done(call).await
    }
}
