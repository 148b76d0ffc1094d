//! What a step may use while it is carried out.

use std::sync::Mutex;

use tiny_cloudflare::Account;

use crate::error::EngineError;
use crate::plan::Step;
use crate::progress::{Event, Progress};
use crate::{Actual, Address, Goal, Live, Record, State};

/// The surroundings of one step.
pub(crate) struct Work<'a> {
    pub(crate) cloud: &'a Account,
    pub(crate) goal: Goal<'a>,
    pub(crate) step: &'a Step,
    /// As it was when the plan was made.
    pub(crate) actual: &'a Actual,
    /// As it is now: steps that this one depends on have their outputs in it.
    pub(crate) state: &'a Mutex<State>,
    /// The record from before the run, where there was one.
    pub(crate) before: Option<&'a Record>,
    pub(crate) progress: &'a dyn Progress,
}

impl<'a> Work<'a> {
    /// What is recorded of a resource by now.
    pub(crate) fn record(&self, address: &Address) -> Option<Record> {
        self.with_state(|state| state.resources.get(address).cloned())
    }

    /// What was there when the plan was made.
    pub(crate) fn live(&self, address: &Address) -> Option<&'a Live> {
        self.actual.resources.get(address)
    }

    /// What Cloudflare answered when the resource was made: `id`, ….
    pub(crate) fn output(&self, address: &Address, output: &str) -> Result<String, EngineError> {
        self.record(address)
            .and_then(|mut record| record.outputs.remove(output))
            .or_else(|| self.live(address)?.outputs.get(output).cloned())
            .ok_or_else(|| EngineError::NoOutput {
                of: address.clone(),
                output: output.to_owned(),
                wanted_by: self.step.address.clone(),
            })
    }

    /// All that is recorded by now.
    pub(crate) fn state_now(&self) -> State {
        self.with_state(State::clone)
    }

    /// Tells people what is going on: `uploading 12 of 40 assets`.
    pub(crate) fn say(&self, text: &str) {
        self.progress.event(Event::Says {
            step: self.step,
            text,
        });
    }

    fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        // Nobody panics while holding it; a poisoned state is still a whole one.
        let state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        read(&state)
    }
}
