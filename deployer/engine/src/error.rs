//! What can go wrong, each with its cure.

use std::fmt;

use tiny_cloudflare::CloudflareError;

use crate::plan::{Loss, Step};
use crate::resources::WorkerError;
use crate::state::StateError;
use crate::{Address, External, Kind};

/// What an error means for whoever started the run: one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The work failed.
    Failed,
    /// The manifest or the arguments are wrong.
    Usage,
    /// Refused for safety.
    Unsafe,
    /// Locked by somebody else.
    Locked,
    Interrupted,
}

/// No plan can be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PlanError {
    /// It has our name, and nothing proves that it is ours.
    #[error("{kind} `{name}` exists already, and nothing tells that it belongs to this stage")]
    #[diagnostic(
        code(tiny::not_ours),
        help("take it over with `tiny import {address} {name}`, or delete it if nobody needs it", address = address)
    )]
    Unproven {
        kind: Kind,
        address: Address,
        name: String,
    },

    #[error("{kind} `{name}` belongs to stack `{stack}`, stage `{stage}`")]
    #[diagnostic(
        code(tiny::not_ours),
        help("give this stack, stage or resource another name")
    )]
    NotOurs {
        kind: Kind,
        name: String,
        stack: String,
        stage: String,
    },

    #[error("cannot import `{import}` as {address}: the account has no such {}", address.kind)]
    #[diagnostic(
        code(tiny::import_missing),
        help(
            "write its name or id as the dashboard shows it; to create a new one instead, remove `import`"
        )
    )]
    ImportMissing { address: Address, import: String },

    /// A resource belongs to one stage.
    #[error("cannot import {kind} `{name}`: it belongs to {owner}")]
    #[diagnostic(
        code(tiny::not_ours),
        help(
            "write `import` under the `[stages.S]` that owns it, and name it under `[external]` in the others"
        )
    )]
    ImportOwned {
        kind: Kind,
        name: String,
        owner: String,
    },

    /// Imports happen once.
    #[error("cannot import `{import}` as {address}: `{recorded}` is recorded there already")]
    #[diagnostic(
        code(tiny::import_differs),
        help(
            "remove `import`, or run `tiny state rm {address}` first: `{recorded}` stays in the account"
        )
    )]
    ImportDiffers {
        address: Address,
        recorded: String,
        import: String,
    },

    #[error("{to} was {from}, and both are recorded")]
    #[diagnostic(
        code(tiny::moved_onto),
        help(
            "remove `was` from the table of {to}, or run `tiny state rm {to}` first: what it is now stays in the account"
        )
    )]
    MovedOnto { from: Address, to: Address },

    #[error("missing from the account:{}", external_lines(missing))]
    #[diagnostic(
        code(tiny::external_missing),
        help(
            "compare id or name with the dashboard; to have this stack create it, use a table without `external`"
        )
    )]
    ExternalMissing { missing: Vec<External> },

    #[error("{address} belongs to this stage, and {external} names the same resource")]
    #[diagnostic(
        code(tiny::external_owned),
        help(
            "bind it as `{}` and remove the external table, or remove the table of {address} to let go of it: it stays in the account",
            address.id
        )
    )]
    ExternalOwned {
        address: Address,
        external: Box<External>,
    },

    /// What is kept would be broken.
    #[error("{kept} is kept, but needs what this plan deletes: {}", listed(needed))]
    #[diagnostic(
        code(tiny::kept_needs),
        help("set `keep = true` in their tables as well, or remove it from the table of {kept}")
    )]
    KeptNeeds { kept: Address, needed: Vec<Address> },

    #[error("stage `{stage}` is protected")]
    #[diagnostic(
        code(tiny::protected),
        help("to destroy it, first set `protect = false` in [stages.{stage}] of tiny.toml")
    )]
    Protected { stage: String },

    /// Such as a stage that was deployed to another account.
    #[error(transparent)]
    #[diagnostic(transparent)]
    State(#[from] StateError),

    #[error(
        "worker `{worker}` needs the secret `{name}`, which is neither at hand nor on Cloudflare"
    )]
    #[diagnostic(
        code(tiny::secret_missing),
        help(
            "set {name} in the environment or in .env.{stage}, or run `tiny secret put {name} --stage {stage}`"
        )
    )]
    SecretMissing {
        worker: String,
        name: String,
        stage: String,
    },

    /// Each waits for another.
    #[error("these wait for each other: {}", listed(steps))]
    #[diagnostic(
        code(tiny::cycle),
        help("deploy a part of the change first, such as the new class without what uses it")
    )]
    Cycle { steps: Vec<Address> },

    /// A rule of one kind, such as a class whose storage cannot be changed.
    #[error("{address}: {why}")]
    #[diagnostic(code(tiny::impossible), help("{help}"))]
    Impossible {
        address: Address,
        why: String,
        help: String,
    },
}

impl PlanError {
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Unproven { .. }
            | Self::NotOurs { .. }
            | Self::ImportOwned { .. }
            | Self::KeptNeeds { .. }
            | Self::Protected { .. } => FailureClass::Unsafe,
            Self::State(error) => of_state(error),
            Self::ImportMissing { .. }
            | Self::ImportDiffers { .. }
            | Self::MovedOnto { .. }
            | Self::ExternalMissing { .. }
            | Self::ExternalOwned { .. }
            | Self::SecretMissing { .. }
            | Self::Cycle { .. }
            | Self::Impossible { .. } => FailureClass::Usage,
        }
    }
}

/// Reading the account, or carrying a plan out, failed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum EngineError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cloudflare(#[from] CloudflareError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    State(#[from] StateError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Worker(WorkerError),

    /// Several steps that were under way at once.
    #[error("{} steps failed", failures.len())]
    #[diagnostic(help("what was done is recorded; run the same command again to go on"))]
    Several {
        #[related]
        failures: Vec<Failure>,
    },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Step(Box<Failure>),

    /// Somebody pressed Ctrl-C.
    #[error("interrupted, with {left} of {all} steps left")]
    #[diagnostic(
        code(tiny::interrupted),
        help("what was done is recorded; run the same command again to go on")
    )]
    Interrupted { left: usize, all: usize },

    #[error("R2 bucket `{bucket}` cannot be emptied, and Cloudflare deletes only empty ones")]
    #[diagnostic(
        code(tiny::bucket_not_empty),
        help(
            "look for lock rules and unfinished uploads (dashboard: R2, {bucket}), take them away, then run the same command again: it goes on from here"
        )
    )]
    BucketNotEmpty { bucket: String },

    /// The file is not applied, none of it.
    #[error("migration `{file}` of D1 database `{database}` failed: {why}")]
    #[diagnostic(
        code(tiny::migration_failed),
        help(
            "nothing of this file was applied, and those before it stay applied; mend its SQL and run the same command again"
        )
    )]
    SqlMigration {
        database: String,
        file: String,
        /// SQLite's own text.
        why: String,
    },

    /// Something that was to be there by now is not.
    #[error("{wanted_by} needs `{output}` of {of}, which nobody knows")]
    #[diagnostic(
        code(tiny::no_output),
        help("run `tiny refresh`: it reads again what the account has")
    )]
    NoOutput {
        of: Address,
        output: String,
        wanted_by: Address,
    },

    /// The plan and what is there do not belong together any more.
    #[error("{address}: {why}")]
    #[diagnostic(help("run the same command again: it reads the account and plans anew"))]
    Unexpected { address: Address, why: String },

    /// Everything was deleted, and yet something is there.
    #[error("of the destroyed stage there remains:{}", lines(remaining))]
    #[diagnostic(
        code(tiny::remains),
        help("run `tiny destroy` again; what remains then, delete in the dashboard")
    )]
    Remains { remaining: Vec<(Address, String)> },

    #[error("cannot read {path}: {why}")]
    #[diagnostic(help("look at who may read it, and whether it is there"))]
    Unreadable {
        path: camino::Utf8PathBuf,
        why: String,
    },

    /// Static files that cannot be served.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Assets(#[from] tiny_assets::AssetsError),
}

/// What Cloudflare said is one variant, whoever asked.
impl From<WorkerError> for EngineError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Cloudflare(error) => Self::Cloudflare(error),
            error => Self::Worker(error),
        }
    }
}

impl EngineError {
    pub fn class(&self) -> FailureClass {
        match self {
            Self::State(error) => of_state(error),
            Self::Plan(error) => error.class(),
            Self::Interrupted { .. } => FailureClass::Interrupted,
            Self::Unreadable { .. } | Self::Assets(_) => FailureClass::Usage,
            Self::Step(failure) => failure.error.class(),
            _ => FailureClass::Failed,
        }
    }

    /// Cloudflare said no, so nothing of the call took effect.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Cloudflare(error) if error.refusal().is_some())
    }
}

fn of_state(error: &StateError) -> FailureClass {
    if error.is_locked() {
        FailureClass::Locked
    } else if matches!(error, StateError::OtherAccount { .. }) {
        FailureClass::Unsafe
    } else {
        FailureClass::Failed
    }
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    pub step: Box<Step>,
    pub error: EngineError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step {
            action, address, ..
        } = &*self.step;
        write!(f, "{action} {address}: {}", self.error)
    }
}

impl std::error::Error for Failure {}

impl miette::Diagnostic for Failure {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.help()
    }
}

fn listed(addresses: &[Address]) -> String {
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn external_lines(externals: &[External]) -> String {
    externals.iter().fold(String::new(), |text, external| {
        format!("{text}\n  {external}")
    })
}

fn lines(remaining: &[(Address, String)]) -> String {
    remaining
        .iter()
        .fold(String::new(), |text, (address, name)| {
            format!("{text}\n  {address}  {name}")
        })
}

/// Data would go without consent.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("this would destroy data:{}", loss_lines(losses))]
#[diagnostic(
    code(tiny::data_loss),
    help("if that is meant, run it again with `--allow-data-loss`")
)]
pub struct DataLoss {
    pub losses: Vec<Loss>,
}

fn loss_lines(losses: &[Loss]) -> String {
    losses
        .iter()
        .fold(String::new(), |text, loss| format!("{text}\n  {loss}"))
}
