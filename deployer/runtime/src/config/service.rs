//! The pieces that workers of our own are made of.

use serde_json::Value as Json;

use super::capnp::{Value, fields, text, texts};
use crate::blobs::Blobs;
use crate::stack::ClassStorage;

/// A worker of one module that is part of this program.
pub(super) struct Script<'a> {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) date: &'a str,
    pub(super) flags: &'a [&'static str],
}

impl Script<'_> {
    pub(super) fn worker(&self, blobs: &mut Blobs, bindings: Vec<Value>) -> std::io::Result<Value> {
        let path = blobs.put(self.text.as_bytes())?;
        Ok(fields! {
            "modules": Value::List(vec![fields! {
                "name": text(self.name),
                "esModule": Value::Embed(path),
            }]),
            "compatibilityDate": text(self.date),
            "compatibilityFlags": texts(self.flags.iter().copied()),
            "bindings": Value::List(bindings),
        })
    }
}

/// A Durable Object class.
pub(super) fn namespace(class: &str, unique_key: &str, storage: ClassStorage) -> Value {
    fields! {
        "className": text(class),
        "uniqueKey": text(unique_key),
        "enableSql": Value::Flag(storage == ClassStorage::Sqlite),
    }
}

/// A binding to a class of the worker itself.
pub(super) fn own_namespace(name: &str, class: &str) -> Value {
    fields! {
        "name": text(name),
        "durableObjectNamespace": fields! { "className": text(class) },
    }
}

/// A binding to a service.
pub(super) fn bound(name: &str, service: &str) -> Value {
    fields! { "name": text(name), "service": fields! { "name": text(service) } }
}

/// A JSON binding.
pub(super) fn json(name: &str, value: &Json) -> Value {
    fields! { "name": text(name), "json": text(value.to_string()) }
}

/// A service that finds `props` in its context.
pub(super) fn with_props(service: &str, props: &Json) -> Value {
    fields! {
        "name": text(service),
        "props": fields! { "json": text(props.to_string()) },
    }
}
