//! What can go wrong with a state, each with its cure.

use camino::Utf8PathBuf;
use tiny_cloudflare::CloudflareError;

use super::Holder;
use crate::Address;

/// A state could not be read, locked, changed or kept.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum StateError {
    /// Somebody else is at it. Exit code 5.
    #[error("stage `{stage}` is locked by {}", holder_or_other(holder.as_deref()))]
    #[diagnostic(code(tiny::locked), help("{}", locked_help(holder.as_deref())))]
    Locked {
        stage: String,
        /// None where the holder has not written down who it is.
        holder: Option<Box<Holder>>,
    },

    /// The lease ran out while nobody could renew it, or was removed. Nothing more is saved.
    #[error("the lock of stage `{stage}` was lost: {why}")]
    #[diagnostic(
        code(tiny::lock_lost),
        help("run the same command again: it looks at what is there before it goes on")
    )]
    LockLost { stage: String, why: String },

    /// Compare-and-swap failed.
    #[error(
        "the state of stage `{stage}` was changed meanwhile: {found}, where serial {expected} was read"
    )]
    #[diagnostic(
        code(tiny::state_changed),
        help("run the same command again: it starts from what is recorded now")
    )]
    Changed {
        stage: String,
        expected: u64,
        /// `serial 12 is there`.
        found: String,
    },

    /// It is not what tiny wrote, or only a part of it. It is left as it is.
    #[error("{place} cannot be read as the state of a stage: {why}")]
    #[diagnostic(code(tiny::state_unreadable), help("{cure}"))]
    Unreadable {
        /// A path, or where in the account.
        place: String,
        /// With line and column, where it is a matter of one.
        why: String,
        cure: String,
    },

    /// The state of something else.
    #[error("{place} is the state of stack `{stack}`, stage `{stage}`, not of {wanted}")]
    #[diagnostic(
        code(tiny::state_foreign),
        help("move it to where it belongs; `tiny refresh` rebuilds what belongs here")
    )]
    Foreign {
        place: String,
        stack: String,
        stage: String,
        /// `stack …, stage …`
        wanted: String,
    },

    #[error(
        "{place} was made by a newer tiny: its schema is {schema}, this one knows up to {known}"
    )]
    #[diagnostic(
        code(tiny::state_newer),
        help("update tiny, at least to the version that the others use")
    )]
    Newer {
        place: String,
        schema: u64,
        known: u32,
    },

    #[error("stage `{stage}` was deployed to account {recorded}, and this is account {given}")]
    #[diagnostic(
        code(tiny::other_account),
        help("set CLOUDFLARE_ACCOUNT_ID to {recorded}, or use another stage for this account")
    )]
    OtherAccount {
        stage: String,
        recorded: String,
        given: String,
    },

    #[error("the state at {path} cannot be written: {}", io_text(source))]
    #[diagnostic(
        code(tiny::state_unwritable),
        help("free some room on the disk, or make the folder writable, and run it again")
    )]
    Unwritable {
        path: Utf8PathBuf,
        source: std::io::Error,
    },

    #[error("the state at {path} cannot be read: {}", io_text(source))]
    #[diagnostic(
        code(tiny::state_no_access),
        help("look at who may read the file, and whether the disk is there")
    )]
    NoAccess {
        path: Utf8PathBuf,
        source: std::io::Error,
    },

    #[error(transparent)]
    #[diagnostic(transparent)]
    Cloudflare(#[from] CloudflareError),

    #[error("nothing is recorded at `{address}`{}", meant(suggestion.as_ref()))]
    #[diagnostic(
        code(tiny::not_recorded),
        help("`tiny state list` shows what is recorded")
    )]
    NotRecorded {
        address: Address,
        suggestion: Option<Address>,
    },

    #[error("`{address}` is recorded already, as {name}")]
    #[diagnostic(
        code(tiny::recorded_already),
        help("move that one away first, or let tiny forget it: `tiny state rm {address}`")
    )]
    Taken { address: Address, name: String },

    #[error("`{from}` cannot become `{to}`: the kind of a resource stays what it is")]
    #[diagnostic(
        code(tiny::other_kind),
        help("write `tiny state mv {from} {}.{}`", from.kind, to.id)
    )]
    OtherKind { from: Address, to: Address },

    /// Pushed over a history that it is no part of.
    #[error("this state has another history (lineage {given}) than what is recorded ({recorded})")]
    #[diagnostic(
        code(tiny::other_lineage),
        help(
            "`tiny state pull` shows what is recorded; `tiny state push --force` puts the other in its place"
        )
    )]
    OtherLineage { recorded: String, given: String },

    #[error("this state is older (serial {given}) than what is recorded (serial {recorded})")]
    #[diagnostic(
        code(tiny::older_state),
        help(
            "`tiny state pull` gives the present one to edit; `tiny state push --force` goes back to the old one"
        )
    )]
    Older { recorded: u64, given: u64 },

    /// A process of this machine, and so a lock that cannot be taken from it.
    #[error("stage `{stage}` is held by a process that is alive: {holder}")]
    #[diagnostic(
        code(tiny::held),
        help("wait for it, or end it (`kill {}`): the lock goes with the process", holder.pid)
    )]
    Held { stage: String, holder: Box<Holder> },
}

impl StateError {
    /// Somebody else works on the stage: exit code 5.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// The state is there and is no good: what `tiny refresh` may put another in place of.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

fn holder_or_other(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), ToString::to_string)
}

fn locked_help(holder: Option<&Holder>) -> &'static str {
    match holder {
        Some(Holder { token: Some(_), .. }) => {
            "wait until it is done; a lock whose holder died ends by itself within a minute, and `tiny state unlock` removes it at once"
        }
        _ => "wait until it is done; the lock goes with the process that holds it",
    }
}

/// Wrapped errors name the path and leave the cause to `source`.
fn io_text(error: &std::io::Error) -> String {
    let mut text = error.to_string();
    let mut source = error
        .get_ref()
        .and_then(|inner| std::error::Error::source(inner));
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn meant(suggestion: Option<&Address>) -> String {
    suggestion.map_or_else(String::new, |address| format!(", perhaps `{address}`"))
}
