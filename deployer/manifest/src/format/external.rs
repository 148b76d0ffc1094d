//! `[external.*]`: what is on Cloudflare and belongs to somebody else.

use crate::reader::{At, Map, table};
use crate::stack::R2Jurisdiction;

table! {
    /// What the stack uses and does not own, by the ids that bindings name.
    ExternalTable {
        /// Workers KV namespaces, each with its `id` on Cloudflare.
        optional kv "kv": Map<ExternalIdTable>,
        /// R2 buckets, each with its `name`.
        optional r2 "r2": Map<ExternalBucketTable>,
        /// D1 databases, each with its `id` on Cloudflare.
        optional d1 "d1": Map<ExternalIdTable>,
        /// Queues, each with its `name`.
        optional queues "queues": Map<ExternalNameTable>,
        /// Workers deployed elsewhere, each with the `name` of its script.
        optional workers "workers": Map<ExternalNameTable>,
        /// Hyperdrive configurations, each with its `id` on Cloudflare.
        optional hyperdrive "hyperdrive": Map<HyperdriveTable>,
        /// Vectorize indexes, each with its `name`.
        optional vectorize "vectorize": Map<ExternalNameTable>,
    }
}

table! {
    /// Something that Cloudflare tells apart by an id.
    ExternalIdTable {
        /// Its id on Cloudflare.
        required id "id": At<String>,
    }
}

table! {
    /// Something that Cloudflare tells apart by its name.
    ExternalNameTable {
        /// Its name on Cloudflare.
        required name "name": At<String>,
    }
}

table! {
    /// An R2 bucket.
    ExternalBucketTable {
        /// Its name on Cloudflare.
        required name "name": At<String>,
        /// The jurisdiction that it is in.
        optional jurisdiction "jurisdiction": R2Jurisdiction,
    }
}

table! {
    /// A Hyperdrive configuration.
    HyperdriveTable {
        /// Its id on Cloudflare.
        required id "id": At<String>,
        /// The connection string that `tiny dev` uses in its place.
        optional local "local": At<String>,
    }
}
