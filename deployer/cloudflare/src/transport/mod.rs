//! Carries calls out: the one place that retries, and the one that knows which calls it may
//! repeat.

pub(crate) mod call;
pub(crate) mod envelope;
pub(crate) mod multipart;
pub(crate) mod pages;
pub(crate) mod patience;
mod redact;
mod send;
pub(crate) mod trace;
mod verdict;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::CloudflareError;
use crate::secret::Secret;
use call::{Call, Effect};
use envelope::Envelope;
use patience::Patience;
use trace::{Trace, Waiting};
use verdict::{Verdict, judge, reason};

/// Where calls go, as whom, and how patiently.
pub(crate) struct Transport {
    http: reqwest::Client,
    /// With no slash at its end.
    base: String,
    token: Secret,
    patience: Patience,
    trace: Option<Arc<dyn Trace>>,
}

impl Transport {
    pub(crate) fn new(
        http: reqwest::Client,
        base: String,
        token: Secret,
        patience: Patience,
        trace: Option<Arc<dyn Trace>>,
    ) -> Self {
        Self {
            http,
            base,
            token,
            patience,
            trace,
        }
    }

    /// For what is no call of the API.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The result of a call.
    pub(crate) async fn result<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<T, CloudflareError> {
        let answer = self.run(&call).await?;
        answer.into_result(&call, |envelope| serde_json::from_value(envelope.result))
    }

    /// The same, where there is such a thing.
    pub(crate) async fn find<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<Option<T>, CloudflareError> {
        match self.result(call).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A call whose result says nothing.
    pub(crate) async fn done(&self, call: Call) -> Result<(), CloudflareError> {
        self.run(&call).await.map(drop)
    }

    /// A deletion. `false`: the thing was not there (any more).
    pub(crate) async fn delete(&self, call: Call) -> Result<bool, CloudflareError> {
        match self.run(&call).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the call, again where that is right and helps.
    pub(crate) async fn run(&self, call: &Call) -> Result<Answer, CloudflareError> {
        let mut attempt = 1;
        // An earlier attempt of this call may have been carried out.
        let mut unsure = false;
        loop {
            let outcome = self.send(call, attempt).await;
            let (failure, asked, may_be_done) = match judge(call, outcome, attempt) {
                Verdict::Done(answer) => return Ok(answer),
                Verdict::Final(error) => return Err(error),
                Verdict::Again {
                    failure,
                    asked,
                    may_be_done,
                } => (failure, asked, may_be_done),
            };
            unsure |= may_be_done && call.effect != Effect::Read;
            let pause = match asked {
                Some(asked) => self.patience.asked(asked),
                None => Some(self.patience.pause(attempt)),
            };
            let pause = match pause {
                Some(pause) if attempt < self.patience.attempts => pause,
                _ if unsure => {
                    return Err(CloudflareError::Unclear {
                        operation: call.operation.clone(),
                        why: reason(&failure),
                        attempts: attempt,
                    });
                }
                _ => return Err(failure),
            };
            if let Some(trace) = &self.trace {
                trace.waiting(&Waiting {
                    operation: &call.operation,
                    attempt,
                    pause,
                    why: &reason(&failure),
                });
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

/// A success, still in its envelope.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) envelope: Envelope,
}

impl Answer {
    /// Takes the result out. A change that Cloudflare made and whose result cannot be read is
    /// unclear: what was made has to be looked up.
    pub(crate) fn into_result<T>(
        self,
        call: &Call,
        take: impl FnOnce(Envelope) -> Result<T, serde_json::Error>,
    ) -> Result<T, CloudflareError> {
        let status = self.status;
        take(self.envelope).map_err(|error| {
            let operation = call.operation.clone();
            let why = error.to_string();
            match call.effect {
                Effect::Once => CloudflareError::Unclear {
                    operation,
                    why: format!("its result cannot be read: {why}"),
                    attempts: 1,
                },
                Effect::Read | Effect::Put => CloudflareError::Garbled {
                    operation,
                    status,
                    why,
                },
            }
        })
    }
}

/// A list that stands in the result itself, or in a field of it.
pub(crate) fn list_in(result: Value, field: Option<&str>) -> Value {
    match (result, field) {
        // Where the field is missing the object is returned, and refused for being no list: a
        // list that cannot be found must not look like an empty one.
        (Value::Object(mut fields), Some(field)) if fields.contains_key(field) => {
            fields.remove(field).unwrap_or_default()
        }
        (result, _) => result,
    }
}
