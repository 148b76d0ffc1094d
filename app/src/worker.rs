//! The worker: who is asking, may they, and which object has the answer.

use futures_util::StreamExt as _;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::js_sys::{Object, Reflect};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{Headers, Request, RequestInit, RequestRedirect, Response};
use worker::{Context, Env, event};

use crate::address::{Address, from_own_page};
use crate::answer::text;
use crate::filter::Filter;
use crate::hop::{Ask, Hop, Visit};
use crate::identity::{
    Credentials, Identity, Source, anonymous, identify, query_value, session_cookie,
};
use crate::js::{Bindings, Namespace, Outcome, now, random};
use crate::route::Route;
use crate::signature::Signer;
use crate::todos::limit;

#[event(fetch)]
pub async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    answer(request, env.unchecked_ref())
        .await
        .map_err(Into::into)
}

async fn answer(request: Request, bindings: &Bindings) -> Result<Response, JsValue> {
    let url = request.url();
    let address = Address::of(&url);
    let headers = request.headers();
    if is_limited(bindings, &headers).await? {
        return text(
            429,
            "Rate limited. Please try again later.",
            &[("retry-after", "60")],
        );
    }
    let Some(route) = Route::at(address.path) else {
        return text(
            404,
            "Not found: there are /, /todos, /usage and /export.",
            &[],
        );
    };
    let method = request.method();
    if !route.allows(&method) {
        let methods = route.methods();
        return text(
            405,
            &format!("Not allowed: use {methods}."),
            &[("allow", methods)],
        );
    }
    let ask = match route {
        Route::Page => Ask::Page,
        Route::Usage => Ask::Usage,
        Route::Export => Ask::Export,
        Route::Todos if method == "POST" => Ask::Form,
        Route::Todos if method == "GET" && is_upgrade(&headers)? => Ask::Socket,
        Route::Todos => Ask::Json,
    };
    if matches!(ask, Ask::Form | Ask::Socket) {
        let (origin, site) = (headers.get("origin")?, headers.get("sec-fetch-site")?);
        if !from_own_page(address.authority, origin.as_deref(), site.as_deref()) {
            return text(403, "Refused: this comes from a page of another site.", &[]);
        }
    }

    let signer = bindings.session_secret().map(|secret| Signer::new(&secret));
    let asked = Asked {
        query: address.query,
        headers: &headers,
    };
    let identity = match identify(&asked, signer.as_ref()) {
        Ok(identity) => identity,
        Err(refusal) => return text(refusal.status(), &refusal.to_string(), &[]),
    };
    let Some(name) = object_name(bindings.sharding().as_deref(), &identity.user) else {
        return text(
            500,
            "The variable SHARDING is not one that this worker knows: user.",
            &[],
        );
    };
    let stores: Namespace = bindings
        .stores()
        .ok_or("TINYBASE_STORE is not bound: add it under durable_objects in tiny.toml")?;

    let cookie = cookie(ask, &identity, signer.as_ref());
    let filter = query_value(address.query, "filter").and_then(Result::ok);
    let visit = Visit {
        named: identity.source == Source::Query,
        user: identity.user,
        filter: filter.map_or(Filter::default(), |filter| Filter::named(&filter)),
    };
    let url = Hop { ask, visit, cookie }.to_url();
    let stub = stores.get_by_name(&name)?;
    let response = match ask {
        Ask::Form => match form(request, &headers).await? {
            Ok(form) => {
                let init = RequestInit::new();
                init.set_method("POST");
                // The visitor is to be sent back to the page, not this worker.
                init.set_redirect(RequestRedirect::Manual);
                init.set_body(&JsValue::from_str(&form));
                stub.send(&Request::new_with_str_and_init(&url, &init)?)?
            }
            Err(refusal) => return Ok(refusal),
        },
        // With the headers that ask for an upgrade.
        Ask::Socket => stub.send(&Request::new_with_str_and_init(
            &url,
            request.unchecked_ref(),
        )?)?,
        _ => stub.get(&url)?,
    };
    // As the promise that it is: whoever asked waits for it anyway, and waiting in here as well
    // would cost as much as all of the above.
    Ok(response.unchecked_into())
}

async fn is_limited(bindings: &Bindings, headers: &Headers) -> Result<bool, JsValue> {
    let Some(limiter) = bindings.limiter() else {
        return Ok(false);
    };
    let key = match headers.get("cf-connecting-ip")? {
        Some(ip) => ip,
        None => headers
            .get("x-forwarded-for")?
            .unwrap_or_else(|| "unknown".to_owned()),
    };
    let options = Object::new();
    Reflect::set(
        &options,
        &JsValue::from_str("key"),
        &JsValue::from_str(&key),
    )?;
    let outcome = JsFuture::from(limiter.limit(&options)?).await?;
    Ok(!outcome.unchecked_ref::<Outcome>().success())
}

fn is_upgrade(headers: &Headers) -> Result<bool, JsValue> {
    let upgrade = headers.get("upgrade")?;
    Ok(upgrade.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")))
}

/// The name of the object that keeps `user`'s todos. `None`: nobody shards like that.
fn object_name(sharding: Option<&str>, user: &str) -> Option<String> {
    match sharding {
        None | Some("user") => Some(format!("user-{user}")),
        Some(_) => None,
    }
}

struct Asked<'r> {
    query: &'r str,
    headers: &'r Headers,
}

impl Credentials for Asked<'_> {
    fn query(&self) -> Option<&str> {
        Some(self.query)
    }

    fn authorization(&self) -> Option<String> {
        self.headers.get("authorization").ok()?
    }

    fn cookie(&self) -> Option<String> {
        self.headers.get("cookie").ok()?
    }

    fn mint(&self) -> String {
        anonymous(now(), random())
    }
}

/// The cookie to set: of a new session always, of an anonymous one again with each page.
fn cookie(ask: Ask, identity: &Identity, signer: Option<&Signer>) -> Option<String> {
    let Identity { user, source } = identity;
    let renewed = || {
        *source == Source::Cookie
            && ask == Ask::Page
            && user.starts_with("anon-")
            && user
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    (*source == Source::New || renewed()).then(|| match signer {
        Some(signer) => session_cookie(&signer.sign(user)),
        None => session_cookie(user),
    })
}

/// The posted form, or why it is refused.
async fn form(request: Request, headers: &Headers) -> Result<Result<String, Response>, JsValue> {
    let kind = headers.get("content-type")?.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let why = "Send a form: application/x-www-form-urlencoded.";
        return text(415, why, &[]).map(Err);
    }
    let mut form = Vec::new();
    if request.body().is_some() {
        let mut chunks = worker::Request::from(request)
            .stream()
            .map_err(JsValue::from)?;
        while let Some(chunk) = chunks.next().await {
            form.extend(chunk.map_err(JsValue::from)?);
            if form.len() > limit::FORM {
                return text(413, "The form is over 64 KiB.", &[]).map(Err);
            }
        }
    }
    match String::from_utf8(form) {
        Ok(form) => Ok(Ok(form)),
        Err(_) => text(400, "The form is not UTF-8.", &[]).map(Err),
    }
}
