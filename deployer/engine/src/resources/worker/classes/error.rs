//! What Cloudflare would refuse, or what would lose objects, told before anything is uploaded.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum ClassError {
    #[error("worker `{worker}` has both `{from}` and `{to}`: a rename cannot join their objects")]
    #[diagnostic(help(
        "take `renamed_from = \"{from}\"` out; then `{from}` is deleted with its objects, if you agree to that"
    ))]
    RenameOccupied {
        worker: String,
        from: String,
        to: String,
    },

    #[error(
        "class `{from}` of worker `{worker}` is to be called `{to}`, and is still used as `{from}`"
    )]
    #[diagnostic(help("take `renamed_from` out, or the binding of the old class"))]
    RenameStillWanted {
        worker: String,
        from: String,
        to: String,
    },

    #[error("class `{from}` of worker `{worker}` cannot become both `{to}` and `{also}`")]
    #[diagnostic(help("leave one `renamed_from`, or one `transferred_from`"))]
    TakenTwice {
        worker: String,
        from: String,
        to: String,
        also: String,
    },

    #[error(
        "worker `{target}` takes over `{class}`, but has a class of that name with objects of its own"
    )]
    #[diagnostic(help(
        "two sets of objects cannot be joined: take `transferred_from` out to keep those of `{target}`; those of `{source_worker}` are then deleted, if you agree to that"
    ))]
    TransferOccupied {
        target: String,
        source_worker: String,
        class: String,
    },

    #[error("worker `{target}` takes `{class}` over from `{source_worker}`, which still uses it")]
    #[diagnostic(help(
        "in `{source_worker}`, bind the class of the other worker: {{ class = \"{class}\", worker = \"{target}\" }}; or take `transferred_from` out"
    ))]
    TransferStillWanted {
        target: String,
        source_worker: String,
        class: String,
    },

    #[error(
        "worker `{target}` takes `{class}` over from `{source_worker}`, which the manifest no longer has"
    )]
    #[diagnostic(help(
        "leave `[workers.{source_worker}]` in the manifest until the class has moved: its next upload hands the objects over"
    ))]
    TransferSourceGone {
        target: String,
        source_worker: String,
        class: String,
    },

    #[error(
        "class `{from}` of worker `{source_worker}` cannot become `{to}` of `{target}` at once"
    )]
    #[diagnostic(help(
        "Cloudflare transfers a class under its name: transfer it as `{from}`, deploy, then rename it"
    ))]
    TransferRenames {
        target: String,
        source_worker: String,
        from: String,
        to: String,
    },

    #[error(
        "class `{class}` cannot move from `{source_worker}` to `{target}`: only one of them is on tagged migrations"
    )]
    #[diagnostic(help("set `durable_object_migrations` to the same in both"))]
    TransferMixed {
        target: String,
        source_worker: String,
        class: String,
    },

    #[error(
        "worker `{worker}` shall be on tagged migrations, but its classes are declared without"
    )]
    #[diagnostic(help(
        "there is no way back from declared classes: take `durable_object_migrations` out of the manifest"
    ))]
    NoWayBackToTags { worker: String },

    #[error("worker `{worker}` takes over a class and hands over `{class}` at once")]
    #[diagnostic(help("deploy one of the two transfers first, then the other"))]
    TransferChain { worker: String, class: String },
}
