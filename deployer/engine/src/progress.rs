//! What is told of a run while it goes on.

use std::time::Duration;

use crate::error::EngineError;
use crate::plan::Step;

/// Is told of everything that happens, from one task.
pub trait Progress: Send + Sync {
    fn event(&self, event: Event<'_>);
}

/// What happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    Started {
        step: &'a Step,
    },
    /// What a step that is under way does now.
    Says {
        step: &'a Step,
        text: &'a str,
    },
    Done {
        step: &'a Step,
        took: Duration,
        /// For people: `312 kB gzipped`.
        note: Option<&'a str>,
    },
    Failed {
        step: &'a Step,
        took: Duration,
        error: &'a EngineError,
    },
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}
