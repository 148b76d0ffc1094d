//! Plans as the commands make them: record and account read, and compared with the goal.

use tiny_cloudflare::Account;
use tiny_engine::{
    Actual, Apply, ApplyOptions, Depth, EngineError, Goal, Guard, Plan, PlanOptions, State,
    StateStore, plan, refresh,
};

use crate::apply_view::ApplyView;
use crate::commands::{Context, interrupted};
use crate::exit::Failure;
use crate::plan_view;
use crate::recorded::state_failure;

/// A plan and what it was made of.
pub(crate) struct Planned {
    pub(crate) state: State,
    pub(crate) actual: Actual,
    pub(crate) plan: Plan,
}

/// Reads what is recorded and what is there, and plans.
pub(crate) async fn planned(
    account: &Account,
    store: &StateStore,
    goal: Goal<'_>,
    depth: Depth,
) -> Result<Planned, Failure> {
    let state = store.load().await.map_err(|error| state_failure(&error))?;
    let state = match state {
        Some(state) => state,
        None => State::new(goal.stack(), goal.stage(), Some(account.id())),
    };
    state
        .check_account(account.id())
        .map_err(|error| state_failure(&error))?;
    let actual = refresh(account, goal, &state, depth)
        .await
        .map_err(|error| Failure::from_engine(&error))?;
    let others = if actual.arrivals.claims.is_empty() {
        Vec::new()
    } else {
        let others = store.others().await;
        others.map_err(|error| state_failure(&error))?
    };
    let options = PlanOptions {
        account_id: Some(account.id().to_owned()),
        others,
    };
    let plan = plan(goal, &state, &actual, &options)
        .map_err(|error| Failure::from_engine(&EngineError::Plan(error)))?;
    Ok(Planned {
        state,
        actual,
        plan,
    })
}

impl Context<'_> {
    pub(crate) fn show_plan(&self, plan: &Plan) {
        let verbose = self.globals.verbose;
        // A file or a pipe takes lines of any length.
        let room = dialoguer::console::Term::stdout()
            .size_checked()
            .map_or(usize::MAX, |(_, columns)| usize::from(columns));
        for line in plan_view::lines(plan, verbose, room) {
            self.printer.result(&line);
        }
        self.printer.event(&PlanEvent {
            event: "plan",
            plan,
        });
    }

    /// Carries a plan out. The first Ctrl-C lets what is under way finish, the second one does not.
    pub(crate) async fn carry_out(
        &self,
        account: &Account,
        goal: Goal<'_>,
        planned: &mut Planned,
        guard: &Guard,
        parallel: usize,
    ) -> Result<(), EngineError> {
        let view = ApplyView::new(self.printer, &planned.plan);
        let options = ApplyOptions {
            parallel,
            ..ApplyOptions::default()
        };
        let (stop, abandon) = (options.stop.clone(), options.abandon.clone());
        let apply = Apply {
            cloud: account,
            goal,
            actual: &planned.actual,
            plan: &planned.plan,
            guard,
            progress: &view,
            options,
        };
        let run = apply.run(&mut planned.state);
        tokio::pin!(run);
        loop {
            tokio::select! {
                outcome = &mut run => return outcome,
                () = interrupted() => {
                    if stop.is_cancelled() {
                        abandon.cancel();
                    } else {
                        stop.cancel();
                        self.printer.warning(
                            "what is under way is finished and recorded; Ctrl-C again ends at once",
                        );
                    }
                }
            }
        }
    }
}

#[derive(serde::Serialize)]
struct PlanEvent<'a> {
    event: &'static str,
    #[serde(flatten)]
    plan: &'a Plan,
}
