use clap::Args;
use serde_json::json;
use tiny_engine::{Depth, Goal, Scope};

use super::Context;
use crate::exit::{Code, Failure};
use crate::planning::planned;
use crate::release::ProfileChoice;

/// Show what a deploy would do
#[derive(Debug, Args)]
#[command(after_help = "Nothing is changed, neither on Cloudflare nor in the record.")]
pub(crate) struct PlanArgs {
    /// Exit with 3 where there is something to do
    #[arg(long)]
    exit_code: bool,

    /// Believe the record, and do not read what Cloudflare has
    #[arg(long)]
    no_refresh: bool,

    /// Show what `tiny destroy` would do; builds nothing
    #[arg(long, conflicts_with = "no_refresh")]
    destroy: bool,

    /// How to compile
    #[arg(long, value_name = "PROFILE", default_value = "release")]
    profile: ProfileChoice,
}

impl PlanArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let account = context.account().await?;
        let store = context.state_store_with(&stack, &account)?;
        let planned = if self.destroy {
            let scope = Scope::of(&stack);
            planned(&account, &store, Goal::Destroy(&scope), Depth::Full).await?
        } else {
            let release = context.release(&stack, self.profile).await?;
            let depth = depth(self.no_refresh);
            planned(&account, &store, Goal::Deploy(&release.desired), depth).await?
        };
        context.show_plan(&planned.plan);
        let changes = !planned.plan.is_empty();
        if changes && self.exit_code {
            return Err(Failure::silent(Code::Changes));
        }
        context
            .printer
            .event(&json!({"event": "done", "ok": true, "changes": changes}));
        Ok(())
    }
}

pub(crate) fn depth(no_refresh: bool) -> Depth {
    if no_refresh {
        Depth::Unsettled
    } else {
        Depth::Full
    }
}
