//! Who is asking: a user id from the query, a bearer token, the session cookie, or a new
//! anonymous session, in that order.

use std::fmt;

use crate::signature::Signer;

/// The longest user id, in characters.
pub const LONGEST_USER: usize = 128;

/// A session lives for a day after its last page.
pub const SESSION_SECONDS: u32 = 86_400;

/// Where credentials are read from; asked only for what is needed, because each question crosses
/// from WebAssembly into JavaScript.
pub trait Credentials {
    fn query(&self) -> Option<&str>;
    fn authorization(&self) -> Option<String>;
    fn cookie(&self) -> Option<String>;
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
    pub source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Empty,
    TooLong,
    ControlCharacter,
    NotUtf8,
    /// The token's signature is missing or wrong.
    Unsigned,
}

impl Refusal {
    pub fn status(self) -> u16 {
        match self {
            Self::Unsigned => 401,
            _ => 400,
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
            Self::Unsigned => "Bad token: its signature is missing or wrong.",
        })
    }
}

/// Finds the user, or says why what was given can't be one.
///
/// With a `signer` the query is not a credential, a token has to be signed, and a cookie that
/// isn't is as good as none.
pub fn identify(
    credentials: &dyn Credentials,
    signer: Option<&Signer>,
) -> Result<Identity, Refusal> {
    if signer.is_none()
        && let Some(user) = credentials.query().and_then(|q| query_value(q, "userId"))
    {
        return accept(user?, Source::Query);
    }
    if let Some(token) = credentials.authorization().as_deref().and_then(bearer) {
        let user = match signer {
            Some(signer) => signer.verify(token).ok_or(Refusal::Unsigned)?,
            None => token,
        };
        return accept(user.to_owned(), Source::Token);
    }
    if let Some(session) = credentials.cookie().as_deref().and_then(session) {
        let user = match signer {
            Some(signer) => signer.verify(session),
            None => Some(session),
        };
        if let Some(user) = user {
            return accept(user.to_owned(), Source::Cookie);
        }
    }
    accept(credentials.mint(), Source::New)
}

fn accept(user: String, source: Source) -> Result<Identity, Refusal> {
    if user.is_empty() {
        return Err(Refusal::Empty);
    }
    if user.chars().count() > LONGEST_USER {
        return Err(Refusal::TooLong);
    }
    if user.chars().any(char::is_control) {
        return Err(Refusal::ControlCharacter);
    }
    Ok(Identity { user, source })
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

/// The `Set-Cookie` value that keeps `session` for a day.
pub fn session_cookie(session: &str) -> String {
    format!("session={session}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly")
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

    #[derive(Default)]
    struct Visitor {
        query: Option<&'static str>,
        authorization: Option<&'static str>,
        cookie: Option<&'static str>,
    }

    impl Credentials for Visitor {
        fn query(&self) -> Option<&str> {
            self.query
        }
        fn authorization(&self) -> Option<String> {
            self.authorization.map(str::to_owned)
        }
        fn cookie(&self) -> Option<String> {
            self.cookie.map(str::to_owned)
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
            authorization: Some("Bearer bob"),
            cookie: Some("theme=dark; session=carol"),
        };
        assert_eq!(who(&visitor), ("alice".into(), Source::Query));
        visitor.query = Some("filter=all");
        assert_eq!(who(&visitor), ("bob".into(), Source::Token));
        visitor.authorization = Some("Basic Ym9i");
        assert_eq!(who(&visitor), ("carol".into(), Source::Cookie));
        visitor.cookie = Some("mysession=eve; session=");
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
        assert_eq!(
            session_cookie("anon-1-abc"),
            "session=anon-1-abc; Path=/; Max-Age=86400; HttpOnly"
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

    #[test]
    fn with_a_secret_only_signed_names_count() {
        let signer = Signer::new("hush");
        let token: &'static str = Box::leak(format!("Bearer {}", signer.sign("bob")).into());
        let cookie: &'static str = Box::leak(format!("session={}", signer.sign("carol")).into());
        let who = |visitor: Visitor| identify(&visitor, Some(&signer)).map(|found| found.user);

        let query = Some("userId=alice");
        assert_eq!(
            who(Visitor {
                query,
                authorization: Some(token),
                cookie: None
            })
            .unwrap(),
            "bob"
        );
        assert_eq!(
            who(Visitor {
                query,
                authorization: None,
                cookie: Some(cookie)
            })
            .unwrap(),
            "carol"
        );
        let forged = Visitor {
            authorization: Some("Bearer bob.forged"),
            ..Visitor::default()
        };
        assert_eq!(identify(&forged, Some(&signer)), Err(Refusal::Unsigned));
        let plain = Visitor {
            query,
            cookie: Some("session=carol"),
            ..Visitor::default()
        };
        assert_eq!(identify(&plain, Some(&signer)).unwrap().source, Source::New);
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
