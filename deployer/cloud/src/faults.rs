//! Breaking chosen requests, to see what a client makes of it.
//!
//! `[METHOD ]PATH[#N|#N+]=ACTION`: which requests, and what becomes of them.
//! - `PATH` is a glob over the path below `/client/v4`; `*` stays within one segment, `**` does not.
//! - `#3` is the third request that matches, `#3+` that one and all after it; else every one.
//! - `ACTION`: a status from 400 to 599 (`429:5` asks to be left alone for five seconds),
//!   `error:CODE[:STATUS]` (refused with one of Cloudflare's numbers), or `drop-before`,
//!   `drop-after`, `hang-before` and `hang-after`: the connection is closed, or nothing is ever
//!   answered, before anything was done or after all of it was.
//!
//! `PUT /accounts/*/workers/scripts/*#1=drop-after`, `**#7=hang-before`, `**/d1/**=503`

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use globset::{GlobBuilder, GlobMatcher};
use http::Method;
use serde::Serialize;
use tokio::sync::watch;

/// One way to break requests.
#[derive(Debug, Clone)]
pub struct Fault {
    text: String,
    method: Option<Method>,
    path: GlobMatcher,
    which: Which,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Every,
    Only(u64),
    From(u64),
}

/// What becomes of a request that a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Refused with this status and no envelope of Cloudflare's, as by something on the way.
    Status {
        status: u16,
        /// Seconds.
        retry_after: Option<u32>,
    },
    /// Refused with one of Cloudflare's numbers.
    Code {
        code: u32,
        status: u16,
    },
    DropBefore,
    DropAfter,
    HangBefore,
    HangAfter,
}

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{text}` is no fault: {why}")]
#[diagnostic(help(
    "write `[METHOD ]PATH[#N|#N+]=ACTION`, such as `PUT /accounts/*/workers/scripts/*#1=drop-after`; \
     actions are a status, error:CODE, drop-before, drop-after, hang-before and hang-after"
))]
pub struct InvalidFault {
    text: String,
    why: String,
}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let invalid = |why: String| InvalidFault {
            text: text.to_owned(),
            why,
        };
        let (request, action) = text
            .rsplit_once('=')
            .ok_or_else(|| invalid("it has no `=ACTION`".to_owned()))?;
        let action = action.trim().parse().map_err(invalid)?;
        let (request, which) = match request.rsplit_once('#') {
            None => (request, Which::Every),
            Some((request, number)) => (request, which(number.trim()).map_err(invalid)?),
        };
        let (method, path) = match request.trim().split_once(' ') {
            None => (None, request.trim()),
            Some((method, path)) => (Some(known_method(method).map_err(invalid)?), path.trim()),
        };
        if path.is_empty() {
            return Err(invalid("it has no path".to_owned()));
        }
        let path = path.strip_prefix("/client/v4").unwrap_or(path);
        let path = GlobBuilder::new(path)
            .literal_separator(true)
            .build()
            .map_err(|error| invalid(format!("its path is no glob: {}", error.kind())))?
            .compile_matcher();
        Ok(Self {
            text: text.to_owned(),
            method,
            path,
            which,
            action,
        })
    }
}

fn which(number: &str) -> Result<Which, String> {
    let (digits, which): (&str, fn(u64) -> Which) = match number.strip_suffix('+') {
        Some(digits) => (digits, Which::From),
        None => (number, Which::Only),
    };
    match digits.parse() {
        Ok(0) | Err(_) => Err(format!(
            "`#{number}` must be a number from 1, or one with a `+`"
        )),
        Ok(number) => Ok(which(number)),
    }
}

/// Any word would do for a method, and a misspelt one would never match.
fn known_method(text: &str) -> Result<Method, String> {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ]
    .into_iter()
    .find(|method| method.as_str() == text)
    .ok_or_else(|| format!("`{text}` is no method"))
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, detail) = match text.split_once(':') {
            None => (text, None),
            Some((word, detail)) => (word, Some(detail)),
        };
        match (word, detail) {
            ("drop-before", None) => Ok(Self::DropBefore),
            ("drop-after", None) => Ok(Self::DropAfter),
            ("hang-before", None) => Ok(Self::HangBefore),
            ("hang-after", None) => Ok(Self::HangAfter),
            ("error", Some(detail)) => {
                let (code, status) = detail.split_once(':').unwrap_or((detail, "400"));
                Ok(Self::Code {
                    code: code
                        .parse()
                        .map_err(|_| format!("`{code}` is no number of an error"))?,
                    status: failure_status(status)?,
                })
            }
            (status, seconds) => Ok(Self::Status {
                status: failure_status(status)?,
                retry_after: seconds
                    .map(|seconds| {
                        seconds
                            .parse()
                            .map_err(|_| format!("`{seconds}` is no number of seconds"))
                    })
                    .transpose()?,
            }),
        }
    }
}

fn failure_status(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|status| (400..600).contains(status))
        .ok_or_else(|| format!("there is no action `{text}`, nor is it a status from 400 to 599"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "{status}"),
            Self::Code { code, .. } => write!(f, "error:{code}"),
            Self::DropBefore => f.write_str("drop-before"),
            Self::DropAfter => f.write_str("drop-after"),
            Self::HangBefore => f.write_str("hang-before"),
            Self::HangAfter => f.write_str("hang-after"),
        }
    }
}

/// Sets faults while requests come in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FaultControl(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    seen: watch::Sender<u64>,
    under_way: watch::Sender<u64>,
    struck: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Table {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    fault: Fault,
    matched: u64,
    struck: u64,
}

/// What has happened since the faults were set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultReport {
    /// Requests, broken or not.
    pub seen: u64,
    /// Requests that a fault has struck to the end: after the work, where it strikes after it.
    pub struck: u64,
    pub faults: Vec<Struck>,
}

/// What one fault has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Struck {
    pub fault: String,
    /// Requests that it is about, struck or not.
    pub matched: u64,
    pub struck: u64,
}

impl FaultControl {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        let control = Self(Arc::new(Shared {
            table: Mutex::default(),
            seen: watch::Sender::new(0),
            under_way: watch::Sender::new(0),
            struck: watch::Sender::new(0),
        }));
        control.set(faults);
        control
    }

    /// Puts these in place of those before. All counting begins anew.
    pub fn set(&self, faults: Vec<Fault>) {
        let mut table = self.table();
        self.0.seen.send_replace(0);
        table.entries = faults
            .into_iter()
            .map(|fault| Entry {
                fault,
                matched: 0,
                struck: 0,
            })
            .collect();
        self.0.struck.send_replace(0);
    }

    /// Lets every request be.
    pub fn clear(&self) {
        self.set(Vec::new());
    }

    /// Requests since the faults were set, answered or not.
    pub fn seen(&self) -> u64 {
        *self.0.seen.borrow()
    }

    /// Waits until so many requests have come in. What has come in is done, whatever becomes of
    /// whoever asked for it.
    pub async fn wait_for_requests(&self, count: u64) {
        reached(&self.0.seen, |seen| seen >= count).await;
    }

    /// Waits until no request is under way: the end of those whose client is gone was noticed, and
    /// what they had begun is done.
    pub async fn wait_until_idle(&self) {
        reached(&self.0.under_way, |under_way| under_way == 0).await;
    }

    /// Waits until so many requests were struck: before any work, or after all of it was
    /// committed, as the fault says.
    pub async fn wait_for_strikes(&self, count: u64) {
        reached(&self.0.struck, |struck| struck >= count).await;
    }

    pub fn report(&self) -> FaultReport {
        let table = self.table();
        FaultReport {
            seen: self.seen(),
            struck: *self.0.struck.borrow(),
            faults: table
                .entries
                .iter()
                .map(|entry| Struck {
                    fault: entry.fault.text.clone(),
                    matched: entry.matched,
                    struck: entry.struck,
                })
                .collect(),
        }
    }

    /// A request has come in; it is under way as long as what this gives lives.
    pub(crate) fn arrived(&self) -> UnderWay {
        self.0.seen.send_modify(|seen| *seen += 1);
        self.0.under_way.send_modify(|under_way| *under_way += 1);
        UnderWay(Arc::clone(&self.0))
    }

    /// What is to become of a request. `path` is below `/client/v4`.
    pub(crate) fn meets(&self, method: &Method, path: &str) -> Option<Strike> {
        let mut table = self.table();
        let mut found = None;
        for (index, entry) in table.entries.iter_mut().enumerate() {
            let fault = &entry.fault;
            if fault.method.as_ref().is_some_and(|wanted| wanted != method)
                || !fault.path.is_match(path)
            {
                continue;
            }
            entry.matched += 1;
            let strikes = match fault.which {
                Which::Every => true,
                Which::Only(number) => entry.matched == number,
                Which::From(number) => entry.matched >= number,
            };
            if strikes && found.is_none() {
                found = Some(Strike {
                    action: fault.action,
                    index,
                    text: fault.text.clone(),
                });
            }
        }
        found
    }

    /// A strike is over.
    pub(crate) fn struck(&self, strike: &Strike) {
        let mut table = self.table();
        // The faults may have been replaced meanwhile.
        let Some(entry) = table
            .entries
            .get_mut(strike.index)
            .filter(|entry| entry.fault.text == strike.text)
        else {
            return;
        };
        entry.struck += 1;
        drop(table);
        self.0.struck.send_modify(|struck| *struck += 1);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a count is what it is to be.
async fn reached(count: &watch::Sender<u64>, is_reached: impl Fn(u64) -> bool) {
    // The sender lives as long as this.
    let _ = count.subscribe().wait_for(|count| is_reached(*count)).await;
}

/// A request that came in and is not done yet.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|under_way| *under_way -= 1);
    }
}

/// A fault on its way to a request.
#[derive(Debug, Clone)]
pub(crate) struct Strike {
    pub(crate) action: Action,
    index: usize,
    text: String,
}
