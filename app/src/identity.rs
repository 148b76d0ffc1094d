//! Who is asking: a user id from the query, a bearer token, the session cookie, or a new
//! anonymous session, in that order.

use std::fmt;

use crate::jwt::{self, BadToken};
use crate::session;
use crate::signature::Key;

/// The longest user id, in characters.
pub const LONGEST_USER: usize = 128;

/// Where credentials are read from; asked only for what is needed, because each question crosses
/// from WebAssembly into JavaScript.
pub trait Credentials {
    fn query(&self) -> Option<&str>;
    fn authorization(&self) -> Option<String>;
    fn cookie(&self) -> Option<String>;
    /// The secret that was bound before the present one.
    fn key_before(&self) -> Option<Key>;
    /// Seconds since 1970.
    fn now(&self) -> u64;
    /// A fresh id, see [`anonymous`].
    fn mint(&self) -> String;
}

/// Where the id came from; it decides whether links carry it and whether a cookie is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Query,
    Token,
    Cookie,
    New,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    /// The organisation that a token speaks for.
    pub org: Option<String>,
    /// What the token says that the user is to the organisation.
    pub role: Option<String>,
    pub source: Source,
    /// When what says so expires, in seconds since 1970.
    pub expires: Option<u64>,
    /// The session's cookie is to be set anew.
    pub stale: bool,
}

impl Identity {
    /// The same visitor as somebody else, where names are taken at their word.
    pub fn renamed(self, user: String) -> Result<Self, Refusal> {
        accept(Self { user, ..self })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Empty,
    TooLong,
    ControlCharacter,
    NotUtf8,
    Token(BadToken),
}

impl Refusal {
    pub fn status(self) -> u16 {
        match self {
            Self::Token(_) => 401,
            _ => 400,
        }
    }

    /// The `WWW-Authenticate` header that a 401 has to have (RFC 6750).
    pub fn challenge(self) -> Option<String> {
        match self {
            Self::Token(bad) => Some(format!(
                "Bearer error=\"invalid_token\", error_description=\"{bad}\""
            )),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Bad user id: it is empty.",
            Self::TooLong => "Bad user id: it is longer than 128 characters.",
            Self::ControlCharacter => "Bad user id: it contains a control character.",
            Self::NotUtf8 => "Bad user id: it is not UTF-8.",
            Self::Token(bad) => return write!(f, "Bad token: {bad}."),
        })
    }
}

/// Finds the user, or says why what was given can't be one.
///
/// With a `key` the query is not a credential, a token has to be signed, and a cookie that isn't,
/// or no longer holds, is as good as none.
pub fn identify(credentials: &dyn Credentials, key: Option<&Key>) -> Result<Identity, Refusal> {
    if key.is_none()
        && let Some(user) = credentials.query().and_then(|q| query_value(q, "userId"))
    {
        return named(user?, Source::Query);
    }
    if let Some(token) = credentials.authorization().as_deref().and_then(bearer) {
        return by_token(token, credentials, key);
    }
    if let Some(session) = credentials.cookie().as_deref().and_then(session) {
        let Some(key) = key else {
            return named(session.to_owned(), Source::Cookie);
        };
        let now = credentials.now();
        if let Ok((claims, signed)) = jwt::verify(session, key, || credentials.key_before(), now) {
            let stale = session::is_stale(&claims, signed, now);
            return accept(Identity {
                user: claims.user,
                org: claims.org,
                role: claims.role,
                source: Source::Cookie,
                expires: Some(claims.expires),
                stale,
            });
        }
    }
    named(credentials.mint(), Source::New)
}

/// Finds the user whom a token names.
pub fn by_token(
    token: &str,
    credentials: &dyn Credentials,
    key: Option<&Key>,
) -> Result<Identity, Refusal> {
    let Some(key) = key else {
        return named(token.to_owned(), Source::Token);
    };
    let before = || credentials.key_before();
    let (claims, _) = jwt::verify(token, key, before, credentials.now()).map_err(Refusal::Token)?;
    accept(Identity {
        user: claims.user,
        org: claims.org,
        role: claims.role,
        source: Source::Token,
        expires: Some(claims.expires),
        stale: false,
    })
}

fn named(user: String, source: Source) -> Result<Identity, Refusal> {
    accept(Identity {
        user,
        org: None,
        role: None,
        source,
        expires: None,
        stale: false,
    })
}

fn accept(identity: Identity) -> Result<Identity, Refusal> {
    for name in [Some(&identity.user), identity.org.as_ref()]
        .into_iter()
        .flatten()
    {
        if name.is_empty() {
            return Err(Refusal::Empty);
        }
        if name.chars().count() > LONGEST_USER {
            return Err(Refusal::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(Refusal::ControlCharacter);
        }
    }
    Ok(identity)
}

/// `anon-<milliseconds>-<9 characters of base 36>`; `random` is any 64 bits.
pub fn anonymous(now_ms: u64, random: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = random;
    let tail: String = (0..9)
        .map(|_| {
            let digit = DIGITS[usize::try_from(rest % 36).unwrap_or(0)];
            rest /= 36;
            char::from(digit)
        })
        .collect();
    format!("anon-{now_ms}-{tail}")
}

/// Whether an id is one of [`anonymous`].
pub fn is_anonymous(user: &str) -> bool {
    user.starts_with("anon-")
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The cookie named exactly `session`; an empty one is none.
fn session(cookies: &str) -> Option<&str> {
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().strip_prefix("session="))
        .map(str::trim)
        .find(|value| !value.is_empty())
}

/// The first value of `name` in a query string, decoded as forms are.
pub fn query_value(query: &str, name: &str) -> Option<Result<String, Refusal>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key).as_deref() == Some(name)).then(|| decode(value).ok_or(Refusal::NotUtf8))
    })
}

/// Undoes form encoding: `+` is a space, `%41` is `A`. `None` when the result is not UTF-8.
pub fn decode(encoded: &str) -> Option<String> {
    if !encoded.contains(['%', '+']) {
        return Some(encoded.to_owned());
    }
    let bytes = encoded.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| {
            bytes
                .get(at + offset)
                .and_then(|b| char::from(*b).to_digit(16))
        };
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (b'+', ..) => {
                decoded.push(b' ');
                at += 1;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

/// Percent-encodes everything but unreserved characters, for paths and queries alike.
pub fn encode(plain: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(plain.len());
    for byte in plain.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::jwt::Claims;

    const NOW: u64 = 1_764_000_000;

    #[derive(Default)]
    struct Visitor {
        query: Option<&'static str>,
        authorization: Option<String>,
        cookie: Option<String>,
    }

    impl Credentials for Visitor {
        fn query(&self) -> Option<&str> {
            self.query
        }
        fn authorization(&self) -> Option<String> {
            self.authorization.clone()
        }
        fn cookie(&self) -> Option<String> {
            self.cookie.clone()
        }
        fn key_before(&self) -> Option<Key> {
            Some(Key::new(b"hushed"))
        }
        fn now(&self) -> u64 {
            NOW
        }
        fn mint(&self) -> String {
            anonymous(1_700_000_000_000, 42)
        }
    }

    fn who(visitor: &Visitor) -> (String, Source) {
        let found = identify(visitor, None).unwrap();
        (found.user, found.source)
    }

    #[test]
    fn the_query_wins_then_the_token_then_the_cookie() {
        let mut visitor = Visitor {
            query: Some("filter=all&userId=alice"),
            authorization: Some("Bearer bob".into()),
            cookie: Some("theme=dark; session=carol".into()),
        };
        assert_eq!(who(&visitor), ("alice".into(), Source::Query));
        visitor.query = Some("filter=all");
        assert_eq!(who(&visitor), ("bob".into(), Source::Token));
        visitor.authorization = Some("Basic Ym9i".into());
        assert_eq!(who(&visitor), ("carol".into(), Source::Cookie));
        visitor.cookie = Some("mysession=eve; session=".into());
        assert_eq!(who(&visitor).1, Source::New);
    }

    #[test]
    fn a_new_session_looks_like_the_article_says() {
        let id = anonymous(1_700_000_000_000, u64::MAX);
        let tail = id.strip_prefix("anon-1700000000000-").unwrap();
        assert_eq!(tail.len(), 9);
        assert!(
            tail.bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
        );
    }

    #[test]
    fn impossible_ids_are_refused() {
        let refusal = |query| {
            identify(
                &Visitor {
                    query: Some(query),
                    ..Visitor::default()
                },
                None,
            )
            .unwrap_err()
        };
        assert_eq!(refusal("userId="), Refusal::Empty);
        assert_eq!(refusal("userId"), Refusal::Empty);
        assert_eq!(refusal("userId=a%00b"), Refusal::ControlCharacter);
        assert_eq!(refusal("userId=%C2%85"), Refusal::ControlCharacter);
        assert_eq!(refusal("userId=%ff"), Refusal::NotUtf8);
        let long: &'static str = Box::leak(format!("userId={}", "é".repeat(129)).into());
        assert_eq!(refusal(long), Refusal::TooLong);
        let longest: &'static str = Box::leak(format!("userId={}", "é".repeat(128)).into());
        assert_eq!(
            who(&Visitor {
                query: Some(longest),
                ..Visitor::default()
            })
            .1,
            Source::Query
        );
    }

    fn token(user: &str, secret: &[u8], expires: u64) -> String {
        let claims = Claims {
            user: user.into(),
            org: Some("acme".into()),
            role: None,
            issued: None,
            expires,
        };
        jwt::sign(&claims, &Key::new(secret))
    }

    #[test]
    fn with_a_secret_only_signed_names_count() {
        let key = Key::new(b"hush");
        let who = |visitor: &Visitor| identify(visitor, Some(&key));
        let later = NOW + session::SECONDS;
        let mut visitor = Visitor {
            query: Some("userId=alice"),
            authorization: Some(format!("bearer {}", token("bob", b"hush", later))),
            cookie: Some(format!("session={}", token("carol", b"hush", later))),
        };
        let bob = who(&visitor).unwrap();
        assert_eq!((bob.user.as_str(), bob.source), ("bob", Source::Token));
        assert_eq!(bob.org.as_deref(), Some("acme"));

        visitor.authorization = Some("Bearer bob.forged".into());
        let refusal = who(&visitor).unwrap_err();
        assert_eq!(refusal, Refusal::Token(BadToken::NotAToken));
        assert_eq!(refusal.status(), 401);
        assert_eq!(
            refusal.challenge().unwrap(),
            "Bearer error=\"invalid_token\", error_description=\"it is not a JSON Web Token\""
        );

        visitor.authorization = None;
        let carol = who(&visitor).unwrap();
        assert_eq!(
            (carol.user.as_str(), carol.source),
            ("carol", Source::Cookie)
        );
        assert!(!carol.stale);

        for session in [
            "carol".to_owned(),
            token("carol", b"other", later),
            token("carol", b"hush", NOW),
        ] {
            visitor.cookie = Some(format!("session={session}"));
            assert_eq!(who(&visitor).unwrap().source, Source::New, "{session}");
        }
    }

    #[test]
    fn a_session_of_the_secret_before_is_good_and_signed_anew() {
        let key = Key::new(b"hush");
        let session = token("carol", b"hushed", NOW + session::SECONDS);
        let visitor = Visitor {
            cookie: Some(format!("session={session}")),
            ..Visitor::default()
        };
        let carol = identify(&visitor, Some(&key)).unwrap();
        assert_eq!((carol.user.as_str(), carol.stale), ("carol", true));
    }

    #[test]
    fn names_in_tokens_keep_to_the_same_rules() {
        let key = Key::new(b"hush");
        for (user, why) in [("", Refusal::Empty), ("a\0b", Refusal::ControlCharacter)] {
            let visitor = Visitor {
                authorization: Some(format!("Bearer {}", token(user, b"hush", NOW + 1))),
                ..Visitor::default()
            };
            assert_eq!(identify(&visitor, Some(&key)), Err(why));
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(plain in ".*") {
            prop_assert_eq!(decode(&encode(&plain)), Some(plain));
        }

        #[test]
        fn no_query_makes_it_panic(query in ".*") {
            let _ = query_value(&query, "userId");
        }
    }
}
