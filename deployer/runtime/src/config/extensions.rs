//! Modules that bindings are made of, inside the worker's own isolate.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::capnp::{Value, fields, text};
use crate::blobs::Blobs;

/// A binding's module that is part of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrapper {
    RateLimit,
    Analytics,
    SendEmail,
    RemoteOnly,
    Missing,
}

impl Wrapper {
    pub(super) fn module(self) -> &'static str {
        match self {
            Self::RateLimit => "tiny-internal:rate-limit",
            Self::Analytics => "tiny-internal:analytics",
            Self::SendEmail => "tiny-internal:send-email",
            Self::RemoteOnly => "tiny-internal:remote-only",
            Self::Missing => "tiny-internal:missing",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::RateLimit => include_str!("../scripts/rate_limit.js"),
            Self::Analytics => include_str!("../scripts/analytics.js"),
            Self::SendEmail => include_str!("../scripts/send_email.js"),
            Self::RemoteOnly => include_str!("../scripts/remote_only.js"),
            Self::Missing => include_str!("../scripts/missing.js"),
        }
    }
}

/// `cloudflare:email` is made of this; workerd has no such module of its own.
const EMAIL_MESSAGE: (&str, &str) = (
    "cloudflare-internal:email",
    include_str!("../scripts/email_message.js"),
);

/// The modules in use.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    shared: BTreeMap<&'static str, Utf8PathBuf>,
    internal: BTreeMap<&'static str, &'static str>,
}

impl Extensions {
    /// A module of miniflare's that its scripts import.
    pub(super) fn shared(&mut self, name: &'static str, path: Utf8PathBuf) {
        self.shared.insert(name, path);
    }

    pub(super) fn wrapper(&mut self, wrapper: Wrapper) {
        self.internal.insert(wrapper.module(), wrapper.script());
    }

    /// Lets code import `cloudflare:email`.
    pub(super) fn email_message(&mut self) {
        self.internal.insert(EMAIL_MESSAGE.0, EMAIL_MESSAGE.1);
    }

    pub(super) fn finish(self, blobs: &mut Blobs) -> std::io::Result<Value> {
        let mut modules: Vec<_> = self
            .shared
            .into_iter()
            .map(|(name, path)| fields! { "name": text(name), "esModule": Value::Embed(path) })
            .collect();
        for (name, script) in self.internal {
            modules.push(fields! {
                "name": text(name),
                "esModule": Value::Embed(blobs.put(script.as_bytes())?),
                "internal": Value::Flag(true),
            });
        }
        Ok(if modules.is_empty() {
            Value::List(Vec::new())
        } else {
            Value::List(vec![fields! { "modules": Value::List(modules) }])
        })
    }
}
