//! Static assets: a session says which files the account lacks, they come in, and a token says that
//! all are there. The token goes into the metadata of an upload.

mod session;
mod token;
mod upload;

use rusqlite::Transaction;

use self::token::{Claims, Purpose};
use super::records::{Manifest, Session};
use super::refusal;
use crate::envelope::ApiError;

pub(super) use session::begin;
pub(super) use upload::{upload_bucket, upload_file};

/// How long a session, and its token, are good for, in seconds.
const LIFETIME: u64 = 3600;

/// The files that a completion token stands for.
pub(super) fn complete(
    tx: &Transaction<'_>,
    script: &str,
    jwt: &str,
) -> Result<Manifest, ApiError> {
    // The token of the account is another one, and is good.
    let bad = |error: ApiError| refusal::invalid(format!("`assets.jwt`: {}", error.message));
    let Claims { session, .. } = token::read(tx, jwt, Purpose::Completion).map_err(bad)?;
    let session = live_session(tx, &session).map_err(bad)?;
    if session.script != script {
        return Err(refusal::invalid(format!(
            "the assets of `assets.jwt` were uploaded for Worker '{}'",
            session.script
        )));
    }
    let missing = session.missing(tx)?;
    if !missing.is_empty() {
        return Err(refusal::invalid(format!(
            "{} assets of `assets.jwt` are not there",
            missing.len()
        )));
    }
    Ok(session.manifest)
}

fn live_session(tx: &Transaction<'_>, id: &str) -> Result<Session, ApiError> {
    Session::with_id(tx, id)?
        .filter(|session| session.expires >= now())
        .ok_or_else(token::expired)
}

/// Seconds since 1970.
fn now() -> u64 {
    u64::try_from(chrono::Utc::now().timestamp()).unwrap_or_default()
}
