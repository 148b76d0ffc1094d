//! A secret between this process and the workers that serve it, so that no page in a browser can
//! call their ports.

use std::fmt;

/// The header that carries it.
pub(crate) const TOKEN_HEADER: &str = "x-tiny-token";

/// Random text, new with each process.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}
