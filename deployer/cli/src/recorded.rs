//! The way to what is recorded of a stage.

use tiny_cloudflare::Account;
use tiny_engine::{State, StateError, StateStore};
use tiny_manifest::{Stack, StateBackend};

use crate::commands::Context;
use crate::exit::{Code, Failure};
use crate::options::CloudChoice;

impl Context<'_> {
    /// The store of a stage's state. What a local Cloudflare was given is recorded beside its data:
    /// it is gone with it, and never taken for what the real account has.
    pub(crate) async fn state_store(&self, stack: &Stack) -> Result<StateStore, Failure> {
        match stack.state {
            StateBackend::Local => self.local_state_store(stack),
            StateBackend::Cloudflare => {
                let account = self.account().await?;
                self.state_store_with(stack, &account)
            }
        }
    }

    /// The same, where the account is known already.
    pub(crate) fn state_store_with(
        &self,
        stack: &Stack,
        account: &Account,
    ) -> Result<StateStore, Failure> {
        match stack.state {
            StateBackend::Local => self.local_state_store(stack),
            StateBackend::Cloudflare => Ok(StateStore::remote(stack, account.clone())),
        }
    }

    fn local_state_store(&self, stack: &Stack) -> Result<StateStore, Failure> {
        match (self.globals.cloud, stack.sources.first()) {
            (CloudChoice::Local, Some(manifest)) => Ok(StateStore::local_in(
                &self.local_cloud_folder()?,
                manifest,
                &stack.name,
                &stack.stage,
            )),
            _ => Ok(StateStore::local(stack)),
        }
    }
}

/// What is recorded, or the failure that says that nothing is.
pub(crate) async fn recorded(store: &StateStore) -> Result<State, Failure> {
    let state = store.load().await.map_err(|error| state_failure(&error))?;
    state.ok_or_else(|| {
        Failure::failed(format!("nothing is recorded of stage `{}`", store.stage())).with_help(
            format!(
                "`tiny deploy --stage {stage}` makes it; where it is deployed and the record was lost, `tiny refresh --stage {stage}` rebuilds it",
                stage = store.stage()
            ),
        )
    })
}

pub(crate) fn state_failure(error: &StateError) -> Failure {
    let failure = Failure::from_diagnostic(error);
    if error.is_locked() {
        failure.with_code(Code::Locked)
    } else if matches!(
        error,
        StateError::OtherAccount { .. } | StateError::Held { .. }
    ) {
        failure.with_code(Code::Refused)
    } else {
        failure
    }
}
