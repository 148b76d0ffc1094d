//! The cookie `session`: how it is made, when it is renewed, and the form that enters and leaves.

use crate::identity::{Identity, decode};
use crate::jwt::{self, Claims, Signed};
use crate::signature::Key;

/// A signed session lives for 30 days after it was last renewed.
pub const SECONDS: u64 = 30 * 86_400;
/// An open one for a day after its last page.
pub const OPEN_SECONDS: u64 = 86_400;

/// The `Set-Cookie` value of a signed session that begins `now`, in seconds since 1970. `secure`:
/// the visitor came by https, so the cookie is never to travel in the open.
pub fn signed(identity: &Identity, key: &Key, now: u64, secure: bool) -> String {
    let claims = Claims {
        user: identity.user.clone(),
        org: identity.org.clone(),
        role: identity.role.clone(),
        issued: Some(now),
        expires: now + SECONDS,
    };
    cookie(&jwt::sign(&claims, key), SECONDS, secure)
}

/// The `Set-Cookie` value of a session where no secret is bound; it is the user's bare id. `None`
/// if that id can't stand in a cookie.
pub fn open(user: &str) -> Option<String> {
    let fits = |byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b',' | b';' | b'\\');
    user.bytes()
        .all(fits)
        .then(|| format!("session={user}; Path=/; Max-Age={OPEN_SECONDS}; HttpOnly"))
}

/// The `Set-Cookie` value that ends a session.
pub fn ended(secure: bool) -> String {
    cookie("", 0, secure)
}

fn cookie(session: &str, seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("session={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// Whether a session is to be renewed: half of its life is over, or its secret is.
pub fn is_stale(claims: &Claims, signed: Signed, now: u64) -> bool {
    signed == Signed::Before || claims.expires.saturating_sub(now) <= SECONDS / 2
}

/// What is posted to `/session`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To be the one whom this token names.
    Enter(String),
    Leave,
}

/// `None`: the form asks for nothing that is known here.
pub fn action(form: &str) -> Option<Action> {
    let value = |name: &str| {
        let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then(|| decode(value)).flatten())
    };
    match (value("action").as_deref(), value("token")) {
        (Some("leave"), _) => Some(Action::Leave),
        (None | Some("enter"), Some(token)) => Some(Action::Enter(token)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Source;

    const NOW: u64 = 1_764_000_000;

    fn alice() -> Identity {
        Identity {
            user: "alice; Domain=evil".into(),
            org: Some("acme".into()),
            role: Some("owner".into()),
            source: Source::Token,
            expires: Some(NOW + 60),
            stale: false,
        }
    }

    #[test]
    fn a_signed_session_says_who_and_until_when() {
        let key = Key::new(b"hush");
        let cookie = signed(&alice(), &key, NOW, true);
        let (session, rest) = cookie.split_once(';').unwrap();
        assert_eq!(
            rest,
            " Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure"
        );
        let token = session.strip_prefix("session=").unwrap();
        let (claims, _) = jwt::verify(token, &key, || None, NOW).unwrap();
        assert_eq!(claims.user, "alice; Domain=evil");
        assert_eq!(claims.org.as_deref(), Some("acme"));
        assert_eq!(claims.role.as_deref(), Some("owner"));
        assert_eq!(claims.expires, NOW + SECONDS);
    }

    #[test]
    fn a_local_session_needs_no_https() {
        assert!(signed(&alice(), &Key::new(b"hush"), NOW, false).ends_with("SameSite=Lax"));
        assert_eq!(
            ended(false),
            "session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn an_open_session_is_as_the_article_says_or_none() {
        assert_eq!(
            open("anon-1-abc").as_deref(),
            Some("session=anon-1-abc; Path=/; Max-Age=86400; HttpOnly")
        );
        for user in ["a;b", "a b", "a,b", "\"a\"", "é", "a\\b"] {
            assert_eq!(open(user), None, "{user}");
        }
    }

    #[test]
    fn it_is_renewed_when_half_its_life_is_over_or_its_secret_is_old() {
        let claims = Claims {
            user: "alice".into(),
            org: None,
            role: None,
            issued: Some(NOW),
            expires: NOW + SECONDS,
        };
        assert!(!is_stale(&claims, Signed::Now, NOW));
        assert!(!is_stale(&claims, Signed::Now, NOW + SECONDS / 2 - 1));
        assert!(is_stale(&claims, Signed::Now, NOW + SECONDS / 2));
        assert!(is_stale(&claims, Signed::Before, NOW));
    }

    #[test]
    fn a_form_enters_or_leaves() {
        let token = |token: &str| Some(Action::Enter(token.into()));
        assert_eq!(action("token=a.b.c"), token("a.b.c"));
        assert_eq!(action("action=enter&token=a%2Eb"), token("a.b"));
        assert_eq!(action("action=leave"), Some(Action::Leave));
        for form in [
            "",
            "action=enter",
            "action=fly&token=a",
            "token",
            "token=%ff",
        ] {
            assert_eq!(action(form), None, "{form}");
        }
    }

    proptest! {
        #[test]
        fn no_form_makes_it_panic(form in ".*") {
            let _ = action(&form);
        }
    }
}
