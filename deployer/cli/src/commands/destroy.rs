use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::Account;
use tiny_engine::{Depth, Goal, Guard, Kept, Scope, StateStore, verify};

use super::{Context, until_interrupted};
use crate::exit::Failure;
use crate::figures::counted;
use crate::plan_view::left_alone;
use crate::planning::planned;
use crate::recorded::state_failure;

/// Take a stage down completely, with all its data, and prove that nothing is left
#[derive(Debug, Args)]
#[command(
    after_help = "Builds nothing, and needs neither a record nor the stage's resources in the manifest: names and tags tell what is there. Interrupted or failed, it goes on when it is run again."
)]
pub(crate) struct DestroyArgs {
    /// Steps at once, at most
    #[arg(long, value_name = "N", default_value_t = 10)]
    parallel: usize,
}

/// What a destroy came to.
struct Destroyed {
    /// How many resources.
    deleted: usize,
    kept: Vec<Kept>,
}

impl DestroyArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let account = until_interrupted(context.account()).await?;
        let store = context.state_store_with(&stack, &account)?;
        let scope = Scope::of(&stack);
        let guard = until_interrupted(async {
            store
                .lock("destroy")
                .await
                .map_err(|error| state_failure(&error))
        })
        .await?;
        let outcome = self.locked(context, &account, &store, &scope, &guard).await;
        let released = guard.release().await;
        let Destroyed { deleted, kept } = outcome?;
        released.map_err(|error| state_failure(&error))?;
        for kept in &kept {
            context.printer.result(&format!("  {}", left_alone(kept)));
        }
        let but = if kept.is_empty() {
            ""
        } else {
            " but what is kept"
        };
        let text = format!("nothing of stage {} remains{but}", scope.stage);
        context.printer.result(&format!("  {} {text}", "✔".green()));
        context.printer.event(&json!({
            "event": "done",
            "ok": true,
            "stage": scope.stage.as_str(),
            "deleted": deleted,
            "kept": kept,
        }));
        Ok(())
    }

    async fn locked(
        &self,
        context: &Context<'_>,
        account: &Account,
        store: &StateStore,
        scope: &Scope,
        guard: &Guard,
    ) -> Result<Destroyed, Failure> {
        let goal = Goal::Destroy(scope);
        let mut planned = until_interrupted(planned(account, store, goal, Depth::Full)).await?;
        context.show_plan(&planned.plan);
        let count = planned.plan.changes().count();
        if count > 0 {
            let question = format!(
                "Destroys {}, for good. Type the name of the stage",
                counted(count, "resource")
            );
            until_interrupted(context.confirm_by_word(&question, scope.stage.as_str())).await?;
        }
        let before = planned.state.clone();
        context
            .carry_out(account, goal, &mut planned, guard, self.parallel)
            .await
            .map_err(|error| Failure::from_engine(&error))?;
        until_interrupted(async {
            verify(account, scope, &before)
                .await
                .map_err(|error| Failure::from_engine(&error))
        })
        .await?;
        // What is kept stays recorded: the next deploy knows it again.
        if planned.state.resources.is_empty() {
            guard
                .delete()
                .await
                .map_err(|error| state_failure(&error))?;
        }
        Ok(Destroyed {
            deleted: count,
            kept: planned.plan.kept,
        })
    }
}
