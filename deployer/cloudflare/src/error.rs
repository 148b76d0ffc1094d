//! What can go wrong between us and Cloudflare, each with its cure.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::code;
use crate::help;
use crate::products::accounts::AccountInfo;
use crate::transport::call::{Effect, Product};
use crate::transport::envelope::null_is_default;

/// A call, or what comes before the first one, failed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CloudflareError {
    /// Nobody to act as.
    #[error("there is no API token for Cloudflare")]
    #[diagnostic(help(
        "set CLOUDFLARE_API_TOKEN to a token from the dashboard (My Profile, API Tokens), or try it without an account: `--cloud local`"
    ))]
    NoToken,

    /// A line break or the like, often from a file read whole. The token itself is not quoted.
    #[error("CLOUDFLARE_API_TOKEN holds a character that no token has")]
    #[diagnostic(help("copy the token again, without spaces, quotes and line breaks"))]
    BadToken,

    #[error("CLOUDFLARE_API_BASE_URL is `{value}`: {why}")]
    #[diagnostic(help(
        "set it to a URL such as http://127.0.0.1:8788/client/v4, or unset it for Cloudflare's own"
    ))]
    BadBaseUrl { value: String, why: String },

    #[error("the HTTP client cannot start: {why}")]
    #[diagnostic(help(
        "this machine needs root certificates (Debian: `apt-get install ca-certificates`)"
    ))]
    NoClient { why: String },

    /// The token is good, but for nothing.
    #[error("the API token reaches no account")]
    #[diagnostic(help(
        "give the token the permission `Account / Account Settings / Read`, or set CLOUDFLARE_ACCOUNT_ID"
    ))]
    NoAccount,

    /// Guessing would deploy to the wrong one some day.
    #[error("the API token reaches {} accounts:{}", accounts.len(), listed(accounts))]
    #[diagnostic(help("set CLOUDFLARE_ACCOUNT_ID to the id of the one to use"))]
    SeveralAccounts { accounts: Vec<AccountInfo> },

    /// Cloudflare said no: nothing of the call took effect.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Refused(#[from] Refusal),

    /// A change was sent and nobody knows whether it was made. Read back before doing it again.
    #[error("asked Cloudflare to {operation}, and cannot tell whether it did: {why}")]
    #[diagnostic(help("run the same command again: it looks at what is there before it goes on"))]
    Unclear {
        operation: String,
        why: String,
        attempts: u32,
    },

    /// Nothing was changed: the call did not get through, or it only reads.
    #[error("cannot {operation}: {why} ({})", times(*attempts))]
    #[diagnostic(help(
        "check the network and any proxy (HTTPS_PROXY); Cloudflare's own state is at https://www.cloudflarestatus.com"
    ))]
    Unreachable {
        operation: String,
        why: String,
        attempts: u32,
    },

    /// An answer that is not the API's.
    #[error(
        "cannot {operation}: the answer (HTTP {status}) is not what Cloudflare's API says: {why}"
    )]
    #[diagnostic(help(
        "something on the way may have answered (a proxy, a captive portal), or CLOUDFLARE_API_BASE_URL is not an API; `--trace-http` shows the answer"
    ))]
    Garbled {
        operation: String,
        status: u16,
        why: String,
    },
}

impl CloudflareError {
    /// Cloudflare's no, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether Cloudflare gave this code; see [`crate::code`].
    pub fn has_code(&self, code: u32) -> bool {
        self.refusal().is_some_and(|refusal| refusal.has_code(code))
    }

    /// The thing asked for does not exist. A wrong account or zone is something else.
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_not_found)
    }

    /// The change may have been made all the same.
    pub fn is_unclear(&self) -> bool {
        matches!(self, Self::Unclear { .. })
    }
}

/// What Cloudflare answered in place of a result.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Follows "cannot": `create KV namespace x`.
    pub operation: String,
    pub status: u16,
    /// At least one.
    pub problems: Vec<Problem>,
    /// How long Cloudflare wants to be left alone.
    pub retry_after: Option<Duration>,
    pub(crate) product: Product,
    pub(crate) effect: Effect,
}

impl Refusal {
    pub fn has_code(&self, code: u32) -> bool {
        self.problems.iter().any(|problem| problem.has_code(code))
    }

    /// Cloudflare's own text of the first problem; of a worker that does not start, its last words.
    pub fn text(&self) -> &str {
        self.problems
            .first()
            .map_or("", |problem| problem.message.trim())
    }

    /// `HTTP 400, code 10021`.
    pub(crate) fn numbers(&self) -> String {
        match self.problems.first().and_then(|problem| problem.code) {
            Some(code) => format!("HTTP {}, code {code}", self.status),
            None => format!("HTTP {}", self.status),
        }
    }

    /// The permission that the token needs for this call.
    pub fn permission(&self) -> String {
        self.product.permission(self.effect)
    }

    /// Answers without a code come from somebody on the way.
    pub(crate) fn is_cloudflares(&self) -> bool {
        self.problems.iter().any(|problem| problem.code.is_some())
    }

    fn is_not_found(&self) -> bool {
        self.status == 404
            && self.is_cloudflares()
            && !self.has_code(code::CANNOT_ROUTE)
            && !self.has_code(code::BAD_IDENTIFIER)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            problems,
            ..
        } = self;
        write!(
            f,
            "cannot {operation} ({}): {}",
            self.numbers(),
            self.text()
        )?;
        for (index, problem) in problems.iter().enumerate() {
            if index > 0 {
                write!(f, "\n  also")?;
                if let Some(code) = problem.code {
                    write!(f, " (code {code})")?;
                }
                write!(f, ": {}", problem.message.trim())?;
            }
            for cause in &problem.error_chain {
                write!(f, "\n  because: {}", cause.message.trim())?;
            }
            for detail in &problem.meta.details {
                write!(f, "\n  {detail}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl miette::Diagnostic for Refusal {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        help::of(self).map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

/// One entry of an answer's `errors`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Problem {
    #[serde(default)]
    pub code: Option<u32>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub message: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub error_chain: Vec<Problem>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub meta: ProblemMeta,
}

impl Problem {
    fn has_code(&self, code: u32) -> bool {
        self.code == Some(code) || self.error_chain.iter().any(|cause| cause.has_code(code))
    }
}

/// What some problems carry beside their text.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ProblemMeta {
    #[serde(default, deserialize_with = "null_is_default")]
    pub details: Vec<ClassProblem>,
}

/// What is wrong with one Durable Object class of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ClassProblem {
    #[serde(default, deserialize_with = "null_is_default")]
    pub class: String,
    /// Such as `storage_type_mismatch`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub scenario: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub message: String,
    pub suggestion: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub referencing_scripts: Vec<String>,
}

impl fmt::Display for ClassProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.class, self.message, self.scenario)?;
        if !self.referencing_scripts.is_empty() {
            write!(f, ", used by {}", self.referencing_scripts.join(", "))?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(f, "\n    {suggestion}")?;
        }
        Ok(())
    }
}

fn listed(accounts: &[AccountInfo]) -> String {
    accounts.iter().fold(String::new(), |text, account| {
        text + "\n  " + &account.id + "  " + &account.name
    })
}

fn times(attempts: u32) -> String {
    match attempts {
        1 => "tried once".to_owned(),
        _ => format!("tried {attempts} times"),
    }
}
