//! Tokens of asset uploads: JSON Web Tokens of the account's own key, as clients read their claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::envelope::ApiError;
use crate::workers::records::{self, Session};

/// What a token is for. A session's is no completion token, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    Upload,
    Completion,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) session: String,
    /// The worker.
    sub: String,
    purpose: Purpose,
    /// Seconds since 1970.
    exp: u64,
    iat: u64,
}

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

pub(super) fn expired() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        10000,
        "The token of the asset upload session is invalid or has expired: start a new session.",
    )
}

pub(super) fn issue(
    tx: &Transaction<'_>,
    session: &Session,
    purpose: Purpose,
) -> Result<String, ApiError> {
    let claims = Claims {
        session: session.id.clone(),
        sub: session.script.clone(),
        purpose,
        exp: session.expires,
        iat: super::now(),
    };
    let claims = serde_json::to_string(&claims).map_err(|error| ApiError::internal(&error))?;
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(HEADER),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = mac(tx, &signed)?.finalize().into_bytes();
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a token that this account issued for this purpose, and that has not expired.
pub(super) fn read(
    tx: &Transaction<'_>,
    token: &str,
    purpose: Purpose,
) -> Result<Claims, ApiError> {
    let (signed, signature) = token.rsplit_once('.').ok_or_else(expired)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| expired())?;
    mac(tx, signed)?
        .verify_slice(&signature)
        .map_err(|_| expired())?;
    let claims: Claims = signed
        .split_once('.')
        .and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok())
        .and_then(|claims| serde_json::from_slice(&claims).ok())
        .ok_or_else(expired)?;
    if claims.purpose != purpose || claims.exp < super::now() {
        return Err(expired());
    }
    Ok(claims)
}

fn mac(tx: &Transaction<'_>, signed: &str) -> Result<Hmac<Sha256>, ApiError> {
    let key = records::signing_key(tx)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|error| ApiError::internal(&error))?;
    mac.update(signed.as_bytes());
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::workers::SCHEMA;
    use crate::workers::records::Manifest;

    #[test]
    fn a_token_is_good_for_one_purpose_and_one_hour_of_one_account() {
        let account = || {
            let connection = Connection::open_in_memory().unwrap();
            for step in SCHEMA.steps {
                connection.execute_batch(step).unwrap();
            }
            connection
        };
        let (mut here, mut elsewhere) = (account(), account());
        let tx = here.transaction().unwrap();
        let session = |expires| Session::begin(&tx, "me", Manifest::new(), expires).unwrap();
        let live = session(super::super::now() + 60);
        let token = issue(&tx, &live, Purpose::Upload).unwrap();
        assert_eq!(read(&tx, &token, Purpose::Upload).unwrap().session, live.id);
        assert_eq!(read(&tx, &token, Purpose::Completion), Err(expired()));
        let old = issue(&tx, &session(1), Purpose::Upload).unwrap();
        assert_eq!(read(&tx, &old, Purpose::Upload), Err(expired()));
        assert_eq!(
            read(&tx, &format!("{token}x"), Purpose::Upload),
            Err(expired())
        );
        let tx = elsewhere.transaction().unwrap();
        assert_eq!(read(&tx, &token, Purpose::Upload), Err(expired()));
    }
}
