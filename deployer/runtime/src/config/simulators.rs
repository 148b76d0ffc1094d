//! Products that miniflare's scripts stand in for. Each is a folder of data, a worker with the
//! Durable Object class that keeps it, and an entry that takes the namespace's name along.

use super::capnp::{Value, fields, text, texts};
use super::{HOST, Writer, service};
use crate::error::RuntimeError;
use crate::stack::ClassStorage;

/// The compatibility date that the scripts are written for.
const DATE: &str = "2023-07-24";

/// A product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Product {
    Kv,
    R2,
    D1,
    Cache,
}

impl Product {
    /// The prefix of its services, and the name of its folder.
    fn name(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::R2 => "r2",
            Self::D1 => "d1",
            Self::Cache => "cache",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Kv => "kv/namespace",
            Self::R2 => "r2/bucket",
            Self::D1 => "d1/database",
            Self::Cache => "cache/cache",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Kv => "KVNamespaceObject",
            Self::R2 => "R2BucketObject",
            Self::D1 => "D1DatabaseObject",
            Self::Cache => "CacheObject",
        }
    }

    /// A binding to the objects that keep the data, named as the product.
    pub(super) fn objects(self) -> Value {
        fields! {
            "name": text(self.name()),
            "durableObjectNamespace": fields! {
                "className": text(self.class()),
                "serviceName": text(self.name()),
            },
        }
    }

    /// The service that is bound.
    pub(super) fn entry(self) -> String {
        format!("{}:entry", self.name())
    }
}

impl Writer<'_> {
    /// Adds the services of a product, once.
    pub(super) fn product(&mut self, product: Product) -> Result<(), RuntimeError> {
        if !self.products.insert(product) {
            return Ok(());
        }
        let (name, class) = (product.name(), product.class());
        let storage = format!("{name}:storage");
        self.disk(&storage, name);
        for module in ["index", "zod"] {
            let path = self.simulator(&format!("shared/{module}"))?;
            let as_imported = match module {
                "zod" => "miniflare:zod",
                _ => "miniflare:shared",
            };
            self.extensions.shared(as_imported, path);
        }
        let objects = fields! {
            "modules": self.one_module(product.script())?,
            "compatibilityDate": text(DATE),
            "compatibilityFlags": texts(["nodejs_compat", "experimental"]),
            "bindings": Value::List(vec![
                service::bound("MINIFLARE_BLOBS", &storage),
                service::bound("MINIFLARE_LOOPBACK", HOST),
            ]),
            "durableObjectNamespaces": Value::List(vec![
                // miniflare's own key: the data is shared with wrangler.
                service::namespace(
                    class,
                    &format!("miniflare-{class}"),
                    ClassStorage::Sqlite,
                ),
            ]),
            "durableObjectStorage": fields! { "localDisk": text(&storage) },
        };
        let (script, flags) = match product {
            Product::Cache => (
                "cache/cache-entry",
                texts(["nodejs_compat", "experimental"]),
            ),
            _ => ("shared/object-entry", texts(Vec::<String>::new())),
        };
        let entry = fields! {
            "modules": self.one_module(script)?,
            "compatibilityDate": text(DATE),
            "compatibilityFlags": flags,
            "bindings": Value::List(vec![fields! {
                "name": text("MINIFLARE_OBJECT"),
                "durableObjectNamespace": fields! {
                    "className": text(class),
                    "serviceName": text(name),
                },
            }]),
        };
        self.services
            .push(fields! { "name": text(name), "worker": objects });
        self.services
            .push(fields! { "name": text(product.entry()), "worker": entry });
        Ok(())
    }

    fn one_module(&mut self, script: &str) -> Result<Value, RuntimeError> {
        Ok(Value::List(vec![fields! {
            // Without a folder: imports are looked up from where the importer lies.
            "name": text(format!("{}.js", script.replace('/', "-"))),
            "esModule": Value::Embed(self.simulator(script)?),
        }]))
    }
}
