//! JSON Web Tokens (RFC 7519) signed with HMAC-SHA256: what proves who somebody is, as a bearer
//! token and as the session cookie.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::signature::Key;

/// The longest token, in bytes.
pub const LONGEST: usize = 4_096;

/// Clocks of others may be wrong by that many seconds.
const LEEWAY: u64 = 60;

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Claims {
    #[serde(rename = "sub")]
    pub user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// What the user is to the organisation: `owner`, or nothing in particular.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Seconds since 1970, as all times here.
    #[serde(rename = "iat", skip_serializing_if = "Option::is_none")]
    pub issued: Option<u64>,
    #[serde(rename = "exp")]
    pub expires: u64,
}

/// Which secret a token was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Now,
    /// With the one before it, which is still good.
    Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadToken {
    TooLong,
    NotAToken,
    Algorithm,
    Critical,
    Signature,
    Claims,
    NoSubject,
    NoExpiry,
    Expired,
    TooEarly,
    Audience,
}

impl fmt::Display for BadToken {
    /// ASCII without quotes and backslashes, for `error_description`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it is longer than 4096 bytes",
            Self::NotAToken => "it is not a JSON Web Token",
            Self::Algorithm => "it is not signed with HS256",
            Self::Critical => "it needs an extension that is not known here",
            Self::Signature => "its signature is wrong",
            Self::Claims => "its claims are not what they have to be",
            Self::NoSubject => "it lacks the claim sub, the user",
            Self::NoExpiry => "it lacks the claim exp, when it expires",
            Self::Expired => "it has expired",
            Self::TooEarly => "it is from the future",
            Self::Audience => "it is for an audience, the claim aud, and none is known here",
        })
    }
}

/// The token that says `claims`.
pub fn sign(claims: &Claims, key: &Key) -> String {
    // Text and numbers can always be written.
    let claims = serde_json::to_vec(claims).unwrap_or_default();
    let mut token = format!("{HEADER}.{}", base64url::encode(&claims));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&base64url::encode(&signature));
    token
}

/// What `token` says, if it was signed with `key`, or with the key that was used `before`, and is
/// good `now`.
pub fn verify(
    token: &str,
    key: &Key,
    before: impl FnOnce() -> Option<Key>,
    now: u64,
) -> Result<(Claims, Signed), BadToken> {
    let (claims, signed) = open(token, key, before)?;
    Ok((check(&claims, now)?, signed))
}

/// The claims as they were signed, not yet looked at.
fn open(
    token: &str,
    key: &Key,
    before: impl FnOnce() -> Option<Key>,
) -> Result<(Vec<u8>, Signed), BadToken> {
    if token.len() > LONGEST {
        return Err(BadToken::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(BadToken::NotAToken)?;
    let (header, claims) = message.split_once('.').ok_or(BadToken::NotAToken)?;
    let part = |text| base64url::decode(text).ok_or(BadToken::NotAToken);
    if header != HEADER {
        check_header(&part(header)?)?;
    }
    let (claims, signature) = (part(claims)?, part(signature)?);
    let verifies = |key: &Key| key.verify(message.as_bytes(), &signature);
    if verifies(key) {
        Ok((claims, Signed::Now))
    } else if before().is_some_and(|key| verifies(&key)) {
        Ok((claims, Signed::Before))
    } else {
        Err(BadToken::Signature)
    }
}

fn check_header(header: &[u8]) -> Result<(), BadToken> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        crit: Option<IgnoredAny>,
    }
    let header: Header = serde_json::from_slice(header).map_err(|_| BadToken::NotAToken)?;
    if header.alg != "HS256" {
        return Err(BadToken::Algorithm);
    }
    if header.crit.is_some() {
        return Err(BadToken::Critical);
    }
    Ok(())
}

fn check(claims: &[u8], now: u64) -> Result<Claims, BadToken> {
    /// Times may have fractions.
    #[derive(Deserialize)]
    struct Given {
        sub: Option<String>,
        org: Option<String>,
        role: Option<String>,
        exp: Option<f64>,
        nbf: Option<f64>,
        iat: Option<f64>,
        aud: Option<IgnoredAny>,
    }
    let given: Given = serde_json::from_slice(claims).map_err(|_| BadToken::Claims)?;
    let expires = whole(given.exp.ok_or(BadToken::NoExpiry)?);
    if expires <= now {
        return Err(BadToken::Expired);
    }
    let latest = now + LEEWAY;
    if [given.nbf, given.iat]
        .into_iter()
        .flatten()
        .any(|time| whole(time) > latest)
    {
        return Err(BadToken::TooEarly);
    }
    if given.aud.is_some() {
        return Err(BadToken::Audience);
    }
    Ok(Claims {
        user: given.sub.ok_or(BadToken::NoSubject)?,
        org: given.org,
        role: given.role,
        issued: given.iat.map(whole),
        expires,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is before 1970 or after all time is as good as its end"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_764_000_000;

    fn key() -> Key {
        Key::new(b"hush")
    }

    fn claims() -> Claims {
        Claims {
            user: "alice".into(),
            org: None,
            role: None,
            issued: Some(NOW),
            expires: NOW + 60,
        }
    }

    /// A token as somebody else may write it.
    fn token(header: &str, claims: &str) -> String {
        let part = |json: &str| base64url::encode(json.as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = base64url::encode(&key().sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn read(token: &str) -> Result<Claims, BadToken> {
        verify(token, &key(), || None, NOW).map(|(claims, _)| claims)
    }

    fn says(claims: &str) -> Result<Claims, BadToken> {
        read(&token(r#"{"alg":"HS256"}"#, claims))
    }

    /// RFC 7515, appendix A.1.
    #[test]
    fn the_example_of_the_standard_verifies() {
        let key = base64url::decode(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        );
        let key = Key::new(&key.unwrap());
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
            .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
            .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let (claims, signed) = open(token, &key, || None).unwrap();
        let expected =
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        assert_eq!(claims, expected.as_bytes());
        assert_eq!(signed, Signed::Now);
        assert_eq!(check(&claims, 1_300_819_379), Err(BadToken::NoSubject));
        assert_eq!(check(&claims, 1_300_819_380), Err(BadToken::Expired));
        assert_eq!(
            open(&token.replace("Xk", "Xl"), &key, || None),
            Err(BadToken::NotAToken)
        );
        assert_eq!(
            open(&token.replace("dBj", "dBk"), &key, || None),
            Err(BadToken::Signature)
        );
    }

    #[test]
    fn a_token_of_ours_is_one_of_the_standard() {
        let token = sign(&claims(), &key());
        let header = base64url::decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"alg":"HS256","typ":"JWT"}"#);
        assert_eq!(read(&token), Ok(claims()));
    }

    #[test]
    fn only_hs256_counts() {
        let good = r#"{"sub":"alice","exp":1764000060}"#;
        for (header, why) in [
            (r#"{"alg":"none"}"#, BadToken::Algorithm),
            (r#"{"alg":"hs256"}"#, BadToken::Algorithm),
            (r#"{"alg":"RS256"}"#, BadToken::Algorithm),
            (
                r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
                BadToken::Critical,
            ),
            (r#"{"typ":"JWT"}"#, BadToken::NotAToken),
            (r#"{"alg":"HS256","alg":"none"}"#, BadToken::NotAToken),
            ("[]", BadToken::NotAToken),
        ] {
            assert_eq!(read(&token(header, good)), Err(why), "{header}");
        }
        let unsigned = token(r#"{"alg":"none"}"#, good);
        let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
        assert_eq!(read(unsigned), Err(BadToken::Algorithm));
        assert!(read(&token(r#"{"typ":"at+jwt","alg":"HS256"}"#, good)).is_ok());
    }

    #[test]
    fn a_token_has_a_user_and_its_time() {
        let good = says(r#"{"sub":"alice","org":"acme","exp":1764000060.5,"iss":"x"}"#).unwrap();
        assert_eq!(
            (good.user.as_str(), good.org.as_deref()),
            ("alice", Some("acme"))
        );
        for (claims, why) in [
            (r#"{"exp":1764000060}"#, BadToken::NoSubject),
            (r#"{"sub":"alice"}"#, BadToken::NoExpiry),
            (r#"{"sub":"alice","exp":1764000000}"#, BadToken::Expired),
            (r#"{"sub":"alice","exp":-1}"#, BadToken::Expired),
            (r#"{"sub":"alice","exp":"1764000060"}"#, BadToken::Claims),
            (r#"{"sub":7,"exp":1764000060}"#, BadToken::Claims),
            (
                r#"{"sub":"alice","org":7,"exp":1764000060}"#,
                BadToken::Claims,
            ),
            (
                r#"{"sub":"alice","sub":"bob","exp":1764000060}"#,
                BadToken::Claims,
            ),
            (
                r#"{"sub":"alice","exp":1764000060,"aud":"elsewhere"}"#,
                BadToken::Audience,
            ),
            (r#"["alice"]"#, BadToken::Claims),
            ("", BadToken::Claims),
        ] {
            assert_eq!(says(claims), Err(why), "{claims}");
        }
    }

    #[test]
    fn clocks_may_be_wrong_by_a_minute() {
        for claim in ["nbf", "iat"] {
            let at = |time: u64| says(&format!(r#"{{"sub":"a","exp":1e12,"{claim}":{time}}}"#));
            assert!(at(NOW + LEEWAY).is_ok());
            assert_eq!(at(NOW + LEEWAY + 1), Err(BadToken::TooEarly));
        }
    }

    #[test]
    fn the_secret_before_still_verifies() {
        let old = sign(&claims(), &Key::new(b"old"));
        let by = |before: Option<&'static [u8]>| {
            verify(&old, &key(), || before.map(Key::new), NOW).map(|(_, signed)| signed)
        };
        assert_eq!(by(Some(b"old")), Ok(Signed::Before));
        assert_eq!(by(Some(b"older")), Err(BadToken::Signature));
        assert_eq!(by(None), Err(BadToken::Signature));
        let new = sign(&claims(), &key());
        let verified = verify(&new, &key(), || panic!("asked without need"), NOW);
        assert_eq!(verified.unwrap().1, Signed::Now);
    }

    #[test]
    fn a_long_token_is_not_even_read() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(read(&long), Err(BadToken::TooLong));
        assert_eq!(read(&long[1..]), Err(BadToken::NotAToken));
    }

    proptest! {
        #[test]
        fn whatever_is_signed_is_read_back(
            user in ".{1,40}",
            org in prop::option::of(".{0,40}"),
            role in prop::option::of(".{0,40}"),
            issued in prop::option::of(0..=NOW),
            lives in 1_u64..1_000_000,
        ) {
            let claims = Claims { user, org, role, issued, expires: NOW + lives };
            prop_assert_eq!(read(&sign(&claims, &key())), Ok(claims));
        }

        #[test]
        fn a_token_with_one_character_changed_is_refused(at: prop::sample::Index, to in "[A-Za-z0-9_.-]") {
            let token = sign(&claims(), &key());
            let at = at.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            prop_assert!(read(&changed).is_err());
        }

        #[test]
        fn no_token_makes_it_panic(token in ".*", claims in ".*") {
            let _ = read(&token);
            let _ = says(&claims);
        }
    }
}
