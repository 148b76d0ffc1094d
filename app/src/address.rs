//! Taking addresses apart: where a request goes and whether it came from our own pages. And making
//! those of our own.

use crate::identity::encode;

/// `path` with these fields as its query, in their order.
pub fn with_query<'f>(path: &str, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> String {
    let mut url = path.to_owned();
    for (name, value) in fields {
        url.push(if url.len() == path.len() { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        url.push_str(&encode(value));
    }
    url
}

/// The parts of an absolute `http` URL, as the platform writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'u> {
    /// It begins with `https:`.
    pub secure: bool,
    /// Host and, when it isn't the scheme's own, port.
    pub authority: &'u str,
    pub path: &'u str,
    /// Without the question mark; empty when there is none.
    pub query: &'u str,
}

impl<'u> Address<'u> {
    pub fn of(url: &'u str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let secure = scheme == "https";
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        match rest.find('/') {
            Some(slash) => Self {
                secure,
                authority: &rest[..slash],
                path: &rest[slash..],
                query,
            },
            None => Self {
                secure,
                authority: rest,
                path: "/",
                query,
            },
        }
    }

    /// Scheme and authority, as browsers name where a page is from.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

/// Whether a request that a browser marks with these headers was made by a page of `authority`,
/// or by no page at all.
///
/// Programs send neither header. A browser sends at least `Origin` with each WebSocket and with
/// each form of another site, so what a foreign page starts in its visitor's name is refused.
pub fn from_own_page(authority: &str, origin: Option<&str>, fetch_site: Option<&str>) -> bool {
    if let Some(site) = fetch_site
        && !matches!(site, "same-origin" | "none")
    {
        return false;
    }
    match origin {
        None => true,
        // A form of our own page after a redirect, or of a page without an origin: only the
        // browser's own word for it counts.
        Some("null") => fetch_site == Some("same-origin"),
        Some(origin) => Address::of(origin).authority == authority,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let whole = Address::of("http://localhost:1338/todos?userId=a%2Fb&x=/?#top");
        assert_eq!(
            whole,
            Address {
                secure: false,
                authority: "localhost:1338",
                path: "/todos",
                query: "userId=a%2Fb&x=/?"
            }
        );
        let bare = Address::of("https://example.com");
        assert_eq!(
            bare,
            Address {
                secure: true,
                authority: "example.com",
                path: "/",
                query: ""
            }
        );
        assert_eq!(Address::of("https://example.com?a=/").path, "/");
        assert_eq!(whole.origin(), "http://localhost:1338");
        assert_eq!(bare.origin(), "https://example.com");
    }

    #[test]
    fn programs_and_own_pages_may_but_foreign_pages_may_not() {
        let may = |origin, site| from_own_page("todo.example", origin, site);
        assert!(may(None, None));
        assert!(may(Some("https://todo.example"), None));
        assert!(may(Some("http://todo.example"), Some("same-origin")));
        assert!(may(Some("null"), Some("same-origin")));
        assert!(may(None, Some("none")));
        assert!(!may(Some("https://evil.example"), None));
        assert!(!may(Some("https://todo.example.evil.example"), None));
        assert!(!may(Some("https://todo.example:8443"), None));
        assert!(!may(Some("null"), None));
        assert!(!may(None, Some("cross-site")));
        assert!(!may(Some("https://todo.example"), Some("same-site")));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(url in ".*") {
            let _ = Address::of(&url);
        }
    }
}
