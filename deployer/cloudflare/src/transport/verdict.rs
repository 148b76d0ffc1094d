//! What an attempt means for its call: done, over, or worth another.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::Answer;
use super::call::{Call, Effect};
use super::envelope::Envelope;
use super::redact;
use crate::code;
use crate::error::{CloudflareError, Problem, Refusal};

/// What became of one attempt.
pub(super) enum Sent {
    /// There was no connection.
    NotAtAll { why: String },
    /// It went out, and no whole answer came back.
    Lost { why: String },
    Answered {
        status: u16,
        headers: HeaderMap,
        retry_after: Option<Duration>,
        body: Bytes,
    },
}

pub(super) enum Verdict {
    Done(Answer),
    Final(CloudflareError),
    Again {
        /// The error to end with when there is no other attempt.
        failure: CloudflareError,
        /// The pause that Cloudflare asked for.
        asked: Option<Duration>,
        /// Cloudflare may have done it, whatever it says or does not say.
        may_be_done: bool,
    },
}

/// A refusal (4xx) has changed nothing, and 429 and a few codes are worth another attempt. After
/// a lost connection or a 5xx nobody knows: a call that must not be made twice ends there.
pub(super) fn judge(call: &Call, sent: Sent, attempt: u32) -> Verdict {
    let (status, retry_after, body) = match sent {
        Sent::NotAtAll { why } => {
            return Verdict::Again {
                failure: unreachable(call, why, attempt),
                asked: None,
                may_be_done: false,
            };
        }
        Sent::Lost { why } => return unknown(call, unreachable(call, why, attempt), None, attempt),
        Sent::Answered {
            status,
            retry_after,
            body,
            ..
        } => (status, retry_after, body),
    };
    let envelope = serde_json::from_slice::<Envelope>(&body);
    let is_success = (200..300).contains(&status);
    match envelope {
        Ok(envelope) if is_success && envelope.success => {
            Verdict::Done(Answer { status, envelope })
        }
        Ok(envelope) => refused(call, status, retry_after, envelope.errors, attempt),
        // Deletions may answer with nothing at all.
        Err(_) if is_success && body.is_empty() => Verdict::Done(Answer {
            status,
            envelope: Envelope {
                success: true,
                errors: Vec::new(),
                result: serde_json::Value::Null,
                result_info: super::envelope::ResultInfo::default(),
            },
        }),
        Err(error) if is_success => {
            let failure = CloudflareError::Garbled {
                operation: call.operation.clone(),
                status,
                why: error.to_string(),
            };
            unknown(call, failure, None, attempt)
        }
        // Something on the way answered, or Cloudflare's edge for it.
        Err(_) => {
            let problem = Problem {
                message: excerpt(call, &body),
                ..Problem::default()
            };
            refused(call, status, retry_after, vec![problem], attempt)
        }
    }
}

fn refused(
    call: &Call,
    status: u16,
    retry_after: Option<Duration>,
    mut problems: Vec<Problem>,
    attempt: u32,
) -> Verdict {
    if problems.is_empty() {
        problems.push(Problem {
            message: "Cloudflare gives no reason".to_owned(),
            ..Problem::default()
        });
    }
    for problem in &mut problems {
        problem.message = redact::scrub(&problem.message, &call.hidden);
    }
    let refusal = Refusal {
        operation: call.operation.clone(),
        status,
        problems,
        retry_after,
        product: call.product,
        effect: call.effect,
    };
    let passes = status == 429
        || refusal.has_code(code::CONCURRENT_CHANGE)
        || refusal.has_code(code::VERSION_NOT_READABLE_YET);
    if status >= 500 {
        unknown(call, refusal.into(), retry_after, attempt)
    } else if passes {
        Verdict::Again {
            failure: refusal.into(),
            asked: retry_after,
            may_be_done: false,
        }
    } else {
        Verdict::Final(refusal.into())
    }
}

/// Nobody knows whether it was done.
fn unknown(
    call: &Call,
    failure: CloudflareError,
    asked: Option<Duration>,
    attempt: u32,
) -> Verdict {
    if call.effect == Effect::Once {
        return Verdict::Final(CloudflareError::Unclear {
            operation: call.operation.clone(),
            why: reason(&failure),
            attempts: attempt,
        });
    }
    Verdict::Again {
        failure,
        asked,
        may_be_done: true,
    }
}

/// Why it failed, for a sentence that has said already what failed.
pub(super) fn reason(failure: &CloudflareError) -> String {
    match failure {
        CloudflareError::Unreachable { why, .. } => why.clone(),
        CloudflareError::Refused(refusal) => {
            format!("{} ({})", refusal.text(), refusal.numbers())
        }
        CloudflareError::Garbled { status, why, .. } => {
            format!("its answer (HTTP {status}) cannot be read: {why}")
        }
        other => other.to_string(),
    }
}

fn unreachable(call: &Call, why: String, attempts: u32) -> CloudflareError {
    CloudflareError::Unreachable {
        operation: call.operation.clone(),
        why,
        attempts,
    }
}

/// The beginning of a page, on one line. Broken JSON might hold a secret and is not quoted.
fn excerpt(call: &Call, body: &[u8]) -> String {
    let shown = redact::body(body, &call.hidden);
    if shown.is_empty() {
        return "an empty answer".to_owned();
    }
    let mut text = String::new();
    let mut in_tag = false;
    for character in shown.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(character),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(200).collect()
}
