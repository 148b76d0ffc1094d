//! What can go wrong with a worker before Cloudflare has a say in it.

use tiny_cloudflare::CloudflareError;

use super::classes::ClassError;

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum WorkerError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cloudflare(#[from] CloudflareError),

    #[error(transparent)]
    #[diagnostic(transparent)]
    Classes(#[from] ClassError),

    /// A secret that the manifest names, without a value here and on Cloudflare.
    #[error("secret `{secret}` of worker `{worker}` has no value")]
    #[diagnostic(help(
        "set {secret} in the environment or in .env.<stage>, put it there with `tiny secret put {secret}`, or let the manifest say `{{ name = \"{secret}\", generate = true }}`"
    ))]
    NoSecret { worker: String, secret: String },

    /// Something that is bound has not been made.
    #[error("worker `{worker}` binds {what}, and nobody knows its id on Cloudflare")]
    #[diagnostic(help("`tiny refresh` reads it back; `tiny plan` then shows what is missing"))]
    Unresolved { worker: String, what: String },

    /// The account was never given a name on workers.dev.
    #[error(
        "worker `{worker}` wants a workers.dev URL, and the account has no workers.dev subdomain"
    )]
    #[diagnostic(
        code(cloudflare::no_subdomain),
        help(
            "open Workers in the dashboard once and choose a subdomain, or set `url = false` and give the worker a route or a domain"
        )
    )]
    NoSubdomain { worker: String },

    #[error("route `{pattern}` lies in no zone of the account")]
    #[diagnostic(help(
        "add the domain to the account, write `zone` where the pattern does not tell it, or give the token the permission `Zone / Zone / Read`"
    ))]
    NoZone { pattern: String },

    #[error("route `{pattern}` leads to worker `{script}`, which is not of this stage")]
    #[diagnostic(help("take the route off that worker first, or use another pattern"))]
    RouteTaken { pattern: String, script: String },

    #[error("domain `{hostname}` is attached to worker `{script}`, which is not of this stage")]
    #[diagnostic(help("detach it from that worker first, or use another host name"))]
    DomainTaken { hostname: String, script: String },

    #[error("queue `{queue}` is consumed by worker `{script}`, which is not of this stage")]
    #[diagnostic(help("a queue has one consumer: remove that one first, or use another queue"))]
    QueueTaken { queue: String, script: String },

    /// An asset that was there when the build listed it.
    #[error("cannot read asset `{path}`: {why}")]
    #[diagnostic(help("build again if it is gone or was changed in the meantime"))]
    Asset { path: String, why: String },

    /// Cloudflare took all files and did not hand out the token that they are bound with.
    #[error("the assets of worker `{worker}` were uploaded, and Cloudflare did not confirm it")]
    #[diagnostic(help("run it again: files that are there are not uploaded twice"))]
    AssetsUnconfirmed { worker: String },

    /// A class that holds data would go, and the one who asked was not told of it.
    #[error(
        "worker `{worker}` has the Durable Object class `{class}`, and deleting it was not agreed to"
    )]
    #[diagnostic(help(
        "it came to light after the plan was made: run `tiny plan` again and look at what it would delete"
    ))]
    NotAgreed { worker: String, class: String },

    #[error("the random number generator of this machine fails: {why}")]
    #[diagnostic(help("give the secret a value of your own"))]
    NoRandomness { why: String },
}
