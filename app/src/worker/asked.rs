//! Who asks what, and whether they ask too often.

use std::cell::RefCell;

use wasm_bindgen::JsValue;
use worker::js_sys::JsString;
use worker::web_sys::{Headers, Response, ResponseInit};
use worker::worker_sys;

use crate::address::{Address, from_own_page};
use crate::answer::{self, TEXT};
use crate::hop::Ask;
use crate::identity::{Credentials, Identity, Source, anonymous, is_anonymous};
use crate::js::{self, Bindings, now, random};
use crate::session;
use crate::signature::Key;

/// A request, as far as everybody needs it.
pub(super) struct Asked<'r> {
    pub(super) address: Address<'r>,
    pub(super) headers: &'r Headers,
    pub(super) bindings: &'r Bindings,
    pub(super) context: &'r worker_sys::Context,
}

impl Credentials for Asked<'_> {
    fn query(&self) -> Option<&str> {
        Some(self.address.query)
    }

    fn authorization(&self) -> Option<String> {
        self.headers.get("authorization").ok()?
    }

    fn cookie(&self) -> Option<String> {
        self.headers.get("cookie").ok()?
    }

    fn key_before(&self) -> Option<Key> {
        self.bindings.session_secret_before().map(key_of)
    }

    fn now(&self) -> u64 {
        now() / 1000
    }

    fn mint(&self) -> String {
        anonymous(now(), random())
    }
}

impl Asked<'_> {
    /// The answer for somebody who asks too often, by IP address or as this user.
    pub(super) async fn over_limit(&self, user: Option<&str>) -> Result<Option<Response>, JsValue> {
        if js::is_admitted(self.bindings, self.headers, user).await? {
            return Ok(None);
        }
        let (text, init) = refusal()?;
        Response::new_with_opt_str_and_init(text.as_string().as_deref(), &init).map(Some)
    }

    /// Whether no other site's page asks.
    pub(super) fn is_from_own_page(&self) -> Result<bool, JsValue> {
        let origin = self.headers.get("origin")?;
        let site = self.headers.get("sec-fetch-site")?;
        let authority = self.address.authority;
        Ok(from_own_page(authority, origin.as_deref(), site.as_deref()))
    }

    /// The key that sessions are signed with, where a secret is bound.
    pub(super) fn key(&self) -> Option<Key> {
        self.bindings.session_secret().map(key_of)
    }

    /// The cookie of a session; see [`session::open`] for when there can't be one.
    pub(super) fn session(&self, identity: &Identity, key: Option<&Key>) -> Option<String> {
        match key {
            Some(key) => Some(session::signed(
                identity,
                key,
                self.now(),
                self.address.secure,
            )),
            None => session::open(&identity.user),
        }
    }

    /// The cookie to set: of a new session always, of a signed one when it is time, of an open
    /// anonymous one again with each page.
    pub(super) fn cookie_to_set(
        &self,
        ask: Ask,
        identity: &Identity,
        key: Option<&Key>,
    ) -> Option<String> {
        let Identity {
            user,
            source,
            stale,
            ..
        } = identity;
        let renewed =
            || key.is_none() && *source == Source::Cookie && ask == Ask::Page && is_anonymous(user);
        if *source == Source::New || *stale || renewed() {
            self.session(identity, key)
        } else {
            None
        }
    }

    /// What an object has to know of a request about share links.
    pub(super) fn for_shares(&self) -> Result<Headers, JsValue> {
        let headers = Headers::new()?;
        headers.set("origin", &self.address.origin())?;
        if let Some(accept) = self.headers.get("accept")? {
            headers.set("accept", &accept)?;
        }
        Ok(headers)
    }
}

thread_local! {
    static REFUSAL: RefCell<Option<(JsString, ResponseInit)>> = const { RefCell::new(None) };
    static KEYS: RefCell<Vec<(String, Key)>> = const { RefCell::new(Vec::new()) };
}

/// What those get who ask too often, made once.
pub(super) fn refusal() -> Result<(JsString, ResponseInit), JsValue> {
    REFUSAL.with_borrow_mut(|kept| {
        if let Some(kept) = kept {
            return Ok(kept.clone());
        }
        let text = JsString::from("Rate limited. Please try again later.");
        let init = answer::init(429, TEXT.into_iter().chain([("retry-after", "60")]))?;
        Ok(kept.insert((text, init)).clone())
    })
}

/// The key of a secret, made once.
fn key_of(secret: String) -> Key {
    KEYS.with_borrow_mut(|keys| {
        if let Some((_, key)) = keys.iter().find(|(of, _)| *of == secret) {
            return key.clone();
        }
        let key = Key::new(secret.as_bytes());
        keys.push((secret, key.clone()));
        key
    })
}
