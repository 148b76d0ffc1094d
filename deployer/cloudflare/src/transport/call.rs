//! One call, described: what for, where to, with what, and whether it may be made twice.

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::multipart::Multipart;
use crate::secret::Secret;

/// Everything but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a call does when it is made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Changes nothing.
    Read,
    /// Leaves the same state when made twice: a whole value is put, a thing is deleted.
    Put,
    /// Made twice, it would do twice: it is not repeated while nobody knows what became of it.
    Once,
}

/// Who answers the call; API tokens are permitted by product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Accounts,
    Zones,
    Routes,
    Scripts,
    Tails,
    Kv,
    R2,
    D1,
    Queues,
    Hyperdrive,
    Vectorize,
}

impl Product {
    /// The permission as Cloudflare's page for API tokens names it.
    pub(crate) fn permission(self, effect: Effect) -> String {
        let (scope, name) = match self {
            Self::Accounts => ("Account", "Account Settings"),
            Self::Zones => ("Zone", "Zone"),
            Self::Routes => ("Zone", "Workers Routes"),
            Self::Scripts => ("Account", "Workers Scripts"),
            // A tail is made by a POST, and reading is what it is for.
            Self::Tails => return "Account / Workers Tail / Read".to_owned(),
            Self::Kv => ("Account", "Workers KV Storage"),
            Self::R2 => ("Account", "Workers R2 Storage"),
            Self::D1 => ("Account", "D1"),
            Self::Queues => ("Account", "Queues"),
            Self::Hyperdrive => ("Account", "Hyperdrive"),
            Self::Vectorize => ("Account", "Vectorize"),
        };
        let level = match effect {
            Effect::Read => "Read",
            Effect::Put | Effect::Once => "Edit",
        };
        format!("{scope} / {name} / {level}")
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Json(Bytes),
    Multipart(Multipart),
}

/// Made by the product files, carried out by [`super::Transport`].
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Follows "cannot": `create KV namespace x`.
    pub(crate) operation: String,
    pub(crate) product: Product,
    pub(crate) effect: Effect,
    pub(crate) method: Method,
    /// Below the base URL, with its query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    /// In place of the API token.
    pub(crate) bearer: Option<Secret>,
    /// Never shown in a trace, wherever they turn up.
    pub(crate) hidden: Vec<Secret>,
}

impl Call {
    fn new(method: Method, effect: Effect, product: Product, operation: String) -> Self {
        Self {
            operation,
            product,
            effect,
            method,
            path: String::new(),
            headers: Vec::new(),
            body: Body::Empty,
            bearer: None,
            hidden: Vec::new(),
        }
    }

    pub(crate) fn get(product: Product, operation: impl Into<String>) -> Self {
        Self::new(Method::GET, Effect::Read, product, operation.into())
    }

    /// A POST that makes something new each time.
    pub(crate) fn post(product: Product, operation: impl Into<String>) -> Self {
        Self::new(Method::POST, Effect::Once, product, operation.into())
    }

    pub(crate) fn put(product: Product, operation: impl Into<String>) -> Self {
        Self::new(Method::PUT, Effect::Put, product, operation.into())
    }

    /// A PATCH that names the values it wants, so that twice is as once.
    pub(crate) fn patch(product: Product, operation: impl Into<String>) -> Self {
        Self::new(Method::PATCH, Effect::Put, product, operation.into())
    }

    pub(crate) fn delete(product: Product, operation: impl Into<String>) -> Self {
        Self::new(Method::DELETE, Effect::Put, product, operation.into())
    }

    pub(crate) fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Each segment is encoded, so that no name can reach another path.
    pub(crate) fn at(mut self, segments: &[&str]) -> Self {
        for segment in segments {
            self.path.push('/');
            // Dots alone would be taken for steps in the tree.
            if matches!(*segment, "." | "..") {
                self.path.push_str(&segment.replace('.', "%2E"));
            } else {
                self.path.extend(utf8_percent_encode(segment, ENCODED));
            }
        }
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.path
            .push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        self.path.extend(utf8_percent_encode(value, ENCODED));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Body::Json(json_bytes(body));
        self
    }

    pub(crate) fn multipart(mut self, body: Multipart) -> Self {
        self.body = Body::Multipart(body);
        self
    }

    pub(crate) fn bearer(mut self, token: Secret) -> Self {
        self.hidden.push(token.clone());
        self.bearer = Some(token);
        self
    }

    pub(crate) fn hide(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.hidden.extend(secrets);
        self
    }
}

/// Our request types have string keys and no custom failures, so writing them to memory works.
pub(crate) fn json_bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_segment() {
        let call = Call::get(Product::Kv, "x")
            .at(&["accounts", "a/b?c", "..", "tiny-prod"])
            .query("name", "a&b=c")
            .query("page", "1");
        assert_eq!(
            call.path,
            "/accounts/a%2Fb%3Fc/%2E%2E/tiny-prod?name=a%26b%3Dc&page=1"
        );
    }
}
