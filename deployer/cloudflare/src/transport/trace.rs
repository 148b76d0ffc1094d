//! What `--trace-http` shows.

use std::time::Duration;

/// Is told of every request that goes out. Secrets are already taken out of what it gets.
pub trait Trace: Send + Sync {
    /// One attempt of a call ended.
    fn exchange(&self, exchange: &Exchange);

    /// A call will be tried again after a pause.
    fn waiting(&self, waiting: &Waiting<'_>);
}

/// One request and what came back.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What the call was for: `create KV namespace x`.
    pub operation: String,
    /// 1 for the first.
    pub attempt: u32,
    pub method: String,
    /// Below the base URL, with its query.
    pub path: String,
    pub request_headers: Vec<(String, String)>,
    /// Of modules and assets only type and size.
    pub request_body: String,
    pub duration: Duration,
    pub outcome: Outcome,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    Answered {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// No connection, or none that held until the end of the answer.
    Failed { why: String },
}

/// A pause between two attempts.
#[derive(Debug, Clone)]
pub struct Waiting<'a> {
    pub operation: &'a str,
    /// Of the attempt that just failed.
    pub attempt: u32,
    pub pause: Duration,
    pub why: &'a str,
}
