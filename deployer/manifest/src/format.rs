//! The format of `tiny.toml`: every table and its keys. The reader, the schema and the reference follow from here.

mod binding;
mod external;
mod worker;

pub(crate) use binding::{BindingTable, DurableObjectTable, ServiceTable};
pub(crate) use external::{
    ExternalBucketTable, ExternalIdTable, ExternalNameTable, ExternalTable, HyperdriveTable,
};
pub(crate) use worker::{
    AssetsTable, BuildTable, CodeUpdateTable, ConsumerTable, ModuleRuleTable, ObservabilityTable,
    PackageTable, PlacementTable, SecretTable, WorkerTable,
};

use crate::reader::{At, Either, Map, table};
use crate::stack::{D1Jurisdiction, R2Jurisdiction, StateBackend};

table! {
    /// A stack: workers, and the resources they are bound to.
    Manifest {
        /// A manifest that this one is laid over, relative to this file.
        #[expect(dead_code, reason = "`layers` takes it out of the tree before it is read")]
        optional extends "extends": At<String>,
        /// The name of the stack: the first part of every name on Cloudflare.
        required name "name": At<String>,
        /// Refuse to destroy this stack.
        optional protect "protect": bool,
        /// The workers, by id. `tiny dev` serves the first one.
        required workers "workers": Map<WorkerTable>,
        /// Workers KV namespaces, by id.
        optional kv "kv": Map<KvTable>,
        /// R2 buckets, by id.
        optional r2 "r2": Map<R2Table>,
        /// D1 databases, by id.
        optional d1 "d1": Map<D1Table>,
        /// Queues, by id.
        optional queues "queues": Map<QueueTable>,
        /// What the stack uses and does not own: it is never changed or deleted.
        optional external "external": ExternalTable,
        /// Where it is recorded what was deployed.
        optional state "state": StateTable,
        /// How `tiny dev` serves the stack.
        optional dev "dev": DevTable,
        /// What is different in a stage, by the name of the stage.
        #[expect(dead_code, reason = "`layers` takes it out of the tree before it is read")]
        optional stages "stages": Map<Layer>,
    }
}

table! {
    /// What one stage lays over the rest.
    #[expect(dead_code, reason = "read for its mistakes; what it holds is read as part of the merged tree")]
    Layer {
        /// The name of the stack in this stage.
        optional name "name": At<String>,
        /// Refuse to destroy this stage.
        optional protect "protect": bool,
        /// The workers, by id.
        optional workers "workers": Map<WorkerTable>,
        /// Workers KV namespaces, by id.
        optional kv "kv": Map<KvTable>,
        /// R2 buckets, by id.
        optional r2 "r2": Map<R2Table>,
        /// D1 databases, by id.
        optional d1 "d1": Map<D1Table>,
        /// Queues, by id.
        optional queues "queues": Map<QueueTable>,
        /// What the stack uses and does not own: it is never changed or deleted.
        optional external "external": ExternalTable,
        /// Where it is recorded what was deployed.
        optional state "state": StateTable,
        /// How `tiny dev` serves the stack.
        optional dev "dev": DevTable,
    }
}

table! {
    /// A Workers KV namespace.
    KvTable {
        /// The namespace that is there already and is taken over, by its id or title.
        optional import "import": At<String>,
        /// The id that it had in this manifest before; it keeps its values.
        optional was "was": At<String>,
        /// Leave it in the account when the stage is destroyed, or when this table is taken out.
        optional keep "keep": bool,
    }
}

table! {
    /// An R2 bucket.
    R2Table {
        /// The bucket that is there already and is taken over, by name.
        optional import "import": At<String>,
        /// The id that it had in this manifest before; it keeps its objects.
        optional was "was": At<String>,
        /// Leave it in the account when the stage is destroyed, or when this table is taken out.
        optional keep "keep": bool,
        /// Where its objects stay; it cannot be changed later.
        optional jurisdiction "jurisdiction": R2Jurisdiction,
    }
}

table! {
    /// A D1 database.
    D1Table {
        /// The folder of its `*.sql` migrations, relative to this file.
        optional migrations "migrations": At<String>,
        /// The database that is there already and is taken over, by its id or name.
        optional import "import": At<String>,
        /// The id that it had in this manifest before; it keeps its tables.
        optional was "was": At<String>,
        /// Leave it in the account when the stage is destroyed, or when this table is taken out.
        optional keep "keep": bool,
        /// Which files are migrations, as a glob that begins with the folder; `*.sql` files of the folder itself if
        /// not given.
        optional migrations_pattern "migrations_pattern": At<String>,
        /// The table of the database that records which were applied; `d1_migrations` if not given.
        optional migrations_table "migrations_table": At<String>,
        /// Where its data stays; it cannot be changed later.
        optional jurisdiction "jurisdiction": D1Jurisdiction,
    }
}

table! {
    /// A queue.
    QueueTable {
        /// The queue that is there already and is taken over, by its name or id.
        optional import "import": At<String>,
        /// The id that it had in this manifest before; it keeps its messages.
        optional was "was": At<String>,
        /// Leave it in the account when the stage is destroyed, or when this table is taken out.
        optional keep "keep": bool,
    }
}

table! {
    /// Where it is recorded what was deployed.
    StateTable {
        /// On this machine, or in the account for everybody who deploys.
        optional backend "backend": StateBackend,
    }
}

table! {
    /// How `tiny dev` serves the stack, where the command line does not say otherwise.
    DevTable {
        /// The address to listen on.
        optional host "host": At<String>,
        /// The port to listen on; 1338 if not given.
        optional port "port": At<u32>,
        /// The folder of the local data, relative to this file; `.wrangler/state/v3` shares it with wrangler.
        optional persist "persist": At<String>,
        /// Host names to answer to, besides `localhost`, IP addresses and the hosts of routes and domains: `.example.com`
        /// covers a domain with its subdomains, `*.example.com` its subdomains alone; `true` stands for every host.
        optional allowed_hosts "allowed_hosts": Either<bool, Vec<At<String>>>,
    }
}
