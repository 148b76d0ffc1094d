//! How work that takes a while is told to whoever watches.

/// Receives what provisioning is doing. The command line draws bars from it, `--json` writes
/// events, tests collect it.
pub trait Reporter: Send + Sync {
    /// A piece of work begins. `label` says what, in a few words: `workerd 1.20261117.1`.
    fn task(&self, label: &str) -> Box<dyn Task>;
    /// Something worth a line of its own that belongs to no task.
    fn note(&self, text: &str);
}

/// One piece of work under way. Dropped without [`Task::done`], it was abandoned or failed.
pub trait Task: Send {
    /// The size of the work, as far as it is known now; may be corrected later. Bytes for
    /// downloads, crates for builds.
    fn total(&mut self, units: u64);
    /// How much of it is done.
    fn at(&mut self, units: u64);
    /// What is happening at the moment.
    fn say(&mut self, text: &str);
    /// The work is finished; `text` is what came of it.
    fn done(self: Box<Self>, text: &str);
}

/// A reporter for callers who do not want to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn task(&self, _label: &str) -> Box<dyn Task> {
        Box::new(Self)
    }

    fn note(&self, _text: &str) {}
}

impl Task for Silent {
    fn total(&mut self, _units: u64) {}
    fn at(&mut self, _units: u64) {}
    fn say(&mut self, _text: &str) {}
    fn done(self: Box<Self>, _text: &str) {}
}
