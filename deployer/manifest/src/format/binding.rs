//! What stands behind a name in a worker's `env`.

use serde_json::Value;

use crate::reader::{At, Either, table};

table! {
    /// A Durable Object namespace.
    DurableObjectTable {
        /// The class that the worker exports.
        required class "class": At<String>,
        /// The worker that exports the class, by id, where it is another one: of the stack, or an external one.
        optional worker "worker": At<String>,
        /// The name the class had before; its objects are kept.
        optional renamed_from "renamed_from": At<String>,
        /// The worker and class whose objects this class takes over: `worker-id.Class`.
        optional transferred_from "transferred_from": At<String>,
    }
}

table! {
    /// One thing that a worker reaches: exactly one kind, and what belongs to that kind.
    BindingTable {
        /// A Workers KV namespace, by id.
        optional kv "kv": At<String>,
        /// An R2 bucket, by id.
        optional r2 "r2": At<String>,
        /// A D1 database, by id.
        optional d1 "d1": At<String>,
        /// A queue to send to, by id.
        optional queue "queue": At<String>,
        /// With `queue`: seconds that each message waits before it is delivered, 0 to 86400.
        optional delivery_delay "delivery_delay": At<u32>,
        /// A rate limit.
        optional ratelimit "ratelimit": At<RateLimitTable>,
        /// Another worker: of the stack or an external one, by id; or a table that names a script deployed elsewhere.
        optional service "service": Either<At<String>, At<ServiceTable>>,
        /// With `service`: the entrypoint class to call.
        optional entrypoint "entrypoint": At<String>,
        /// With `service`: what the other worker finds in `ctx.props`.
        optional props "props": At<Value>,
        /// A Workers Analytics Engine dataset.
        optional analytics_engine "analytics_engine": At<String>,
        /// `true`: the id and tag of the deployed version.
        optional version_metadata "version_metadata": At<bool>,
        /// `true`: Workers AI. Remote only.
        optional ai "ai": At<bool>,
        /// `true`: Browser Rendering. Remote only.
        optional browser "browser": At<bool>,
        /// `true`: Cloudflare Images. Remote only.
        optional images "images": At<bool>,
        /// A Vectorize index, by its name or the id of an external one. Remote only.
        optional vectorize "vectorize": At<String>,
        /// A Hyperdrive configuration, by its id on Cloudflare or the id of an external one.
        optional hyperdrive "hyperdrive": At<String>,
        /// With `hyperdrive`: the connection string that `tiny dev` uses.
        optional local "local": At<String>,
        /// Sends mail.
        optional send_email "send_email": At<SendEmailTable>,
        /// A secret in a Secrets Store. Remote only.
        optional secrets_store "secrets_store": At<SecretsStoreTable>,
        /// A client certificate, by its id on Cloudflare. Remote only.
        optional mtls_certificate "mtls_certificate": At<String>,
        /// A namespace of Workers for Platforms, by name. Remote only.
        optional dispatch_namespace "dispatch_namespace": At<String>,
        /// A pipeline, by name. Remote only.
        optional pipeline "pipeline": At<String>,
    }
}

table! {
    /// A worker that is deployed elsewhere.
    ServiceTable {
        /// The name of its script.
        required worker "worker": At<String>,
        /// Its environment; `production` if not given.
        optional environment "environment": At<String>,
        /// The entrypoint class to call.
        optional entrypoint "entrypoint": At<String>,
        /// What it finds in `ctx.props`.
        optional props "props": At<Value>,
    }
}

table! {
    /// A rate limit.
    RateLimitTable {
        /// Most calls with one key in a period.
        required limit "limit": At<u32>,
        /// The period in seconds: 10 or 60.
        required period "period": At<u32>,
    }
}

table! {
    /// Whom the worker may write to.
    SendEmailTable {
        /// The one address that mail goes to.
        optional destination_address "destination_address": At<String>,
        /// The addresses that mail may go to.
        optional allowed_destination_addresses "allowed_destination_addresses": Vec<String>,
        /// The addresses that mail may come from.
        optional allowed_sender_addresses "allowed_sender_addresses": Vec<String>,
    }
}

table! {
    /// A secret in a Secrets Store.
    SecretsStoreTable {
        /// The id of the store.
        required store "store": String,
        /// The name of the secret in it.
        required secret "secret": String,
    }
}
