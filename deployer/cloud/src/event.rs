//! What a running local Cloudflare tells of.

/// Something that whoever watches wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloudEvent {
    /// A worker answers at this address, or answers with other code than before.
    Deployed { script: String, url: String },
    /// A worker said something, or the runtime did.
    Log {
        script: Option<String>,
        level: String,
        message: String,
    },
    /// Something went wrong that no request can be told of.
    Warning { message: String },
}
