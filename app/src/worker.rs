//! The worker: who is asking, may they, and which object has the answer.

use std::cell::RefCell;

use futures_util::StreamExt as _;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::js_sys::JsString;
use worker::web_sys::{Headers, Request, RequestInit, RequestRedirect, Response, ResponseInit};
use worker::{Context, Env, event};

use crate::address::{Address, from_own_page};
use crate::answer::{self, TEXT, text};
use crate::api::{self, Question};
use crate::filter::Filter;
use crate::hop::{Ask, Hop, Visit};
use crate::identity::{
    Credentials, Identity, Source, anonymous, identify, query_value, session_cookie,
};
use crate::js::{self, Bindings, Stub, now, random};
use crate::limit;
use crate::org::{self, Api, Caller};
use crate::route::Route;
use crate::shard::{self, Place, Sharding, Wanted};
use crate::signature::Signer;

#[event(fetch)]
pub async fn fetch(request: Request, env: Env, _context: Context) -> worker::Result<Response> {
    answer(request, env.unchecked_ref())
        .await
        .map_err(Into::into)
}

/// What is left to do once the visitor is known not to ask too often.
enum Next {
    /// Nothing but to say this.
    Answer(Response),
    /// To ask this object for this URL.
    Read(Stub, String),
    Form(Stub, String),
    Socket(Stub, String),
    Api(Question),
}

async fn answer(request: Request, bindings: &Bindings) -> Result<Response, JsValue> {
    let headers = request.headers();
    let next = next(&request, &headers, bindings)?;
    let limiter = bindings.limiter();
    // Promises are handed on as they are: whoever asked waits for them anyway, and waiting in here
    // as well would cost as much as all the rest.
    let promise = match (next, limiter) {
        (Next::Read(stub, url), Some(limiter)) => {
            let (text, init) = refusal()?;
            js::read_if_admitted(&limiter, &headers, &stub, &url, &text, &init)
        }
        (Next::Read(stub, url), None) => stub.read(&url)?,
        (next, limiter) => {
            if let Some(limiter) = limiter
                && !js::is_admitted(&limiter, &headers).await?
            {
                let (text, init) = refusal()?;
                return Response::new_with_opt_str_and_init(text.as_string().as_deref(), &init);
            }
            match next {
                Next::Answer(response) => return Ok(response),
                Next::Read(stub, url) => stub.read(&url)?,
                Next::Socket(stub, url) => {
                    // With the headers that ask for an upgrade.
                    let init = request.unchecked_ref();
                    stub.send(&Request::new_with_str_and_init(&url, init)?)?
                }
                Next::Api(question) => match question.ask(request, &headers).await? {
                    Ok(promise) => promise,
                    Err(refusal) => return Ok(refusal),
                },
                Next::Form(stub, url) => match body(request, &headers, FORM).await? {
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
            }
        }
    };
    Ok(promise.unchecked_into())
}

fn next(request: &Request, headers: &Headers, bindings: &Bindings) -> Result<Next, JsValue> {
    let url = request.url();
    let address = Address::of(&url);
    let Some(route) = Route::at(address.path) else {
        if let Some(api) = Api::at(address.path) {
            return next_api(api, request, headers, bindings);
        }
        let why = "Not found: there are /, /todos, /sync, /usage and /export.";
        return text(404, why, &[]).map(Next::Answer);
    };
    let method = request.method();
    if !route.allows(&method) {
        let methods = route.methods();
        let why = format!("Not allowed: use {methods}.");
        return text(405, &why, &[("allow", methods)]).map(Next::Answer);
    }
    let ask = match route {
        Route::Page => Ask::Page,
        Route::Usage => Ask::Usage,
        Route::Export => Ask::Export,
        Route::Todos if method == "POST" => Ask::Form,
        Route::Todos if method == "GET" && js::is_upgrade(headers) => Ask::Plain,
        Route::Todos => Ask::Json,
        Route::Sync if js::is_upgrade(headers) => Ask::Sync,
        Route::Sync => {
            let why = "Upgrade to a WebSocket: this speaks TinyBase's synchronizer protocol.";
            return text(426, why, &[("upgrade", "websocket")]).map(Next::Answer);
        }
    };
    if matches!(ask, Ask::Form | Ask::Plain | Ask::Sync) {
        let (origin, site) = (headers.get("origin")?, headers.get("sec-fetch-site")?);
        if !from_own_page(address.authority, origin.as_deref(), site.as_deref()) {
            let why = "Refused: this comes from a page of another site.";
            return text(403, why, &[]).map(Next::Answer);
        }
    }

    let signer = bindings.session_secret().map(|secret| Signer::new(&secret));
    let asked = Asked {
        query: address.query,
        headers,
    };
    let identity = match identify(&asked, signer.as_ref()) {
        Ok(identity) => identity,
        Err(refusal) => {
            return text(refusal.status(), &refusal.to_string(), &[]).map(Next::Answer);
        }
    };
    let sharding = match sharding(bindings) {
        Ok(sharding) => sharding,
        Err(why) => return text(500, &why, &[]).map(Next::Answer),
    };
    let (place, org) = match place(sharding, &identity, address.query, signer.is_none()) {
        Ok(found) => found,
        Err(why) => return text(400, &why, &[]).map(Next::Answer),
    };
    let stores = bindings.stores().ok_or(NO_STORES)?;

    let cookie = cookie(ask, &identity, signer.as_ref());
    let filter = query_value(address.query, "filter").and_then(Result::ok);
    let from = query_value(address.query, "from").and_then(Result::ok);
    let visit = Visit {
        named: identity.source == Source::Query,
        user: identity.user,
        org,
        list: place.list,
        pass: place.pass,
        filter: filter.map_or(Filter::default(), |filter| Filter::named(&filter)),
        from: from.and_then(|from| from.parse().ok()).unwrap_or(0),
    };
    let (stub, url) = (
        stores.get_by_name(&place.object)?,
        Hop { ask, visit, cookie }.to_url(),
    );
    Ok(match ask {
        Ask::Form => Next::Form(stub, url),
        Ask::Plain | Ask::Sync => Next::Socket(stub, url),
        _ => Next::Read(stub, url),
    })
}

thread_local! {
    static REFUSAL: RefCell<Option<(JsString, ResponseInit)>> = const { RefCell::new(None) };
}

/// What those get who ask too often, made once.
fn refusal() -> Result<(JsString, ResponseInit), JsValue> {
    REFUSAL.with_borrow_mut(|kept| {
        if let Some(kept) = kept {
            return Ok(kept.clone());
        }
        let text = JsString::from("Rate limited. Please try again later.");
        let init = answer::init(429, TEXT.into_iter().chain([("retry-after", "60")]))?;
        Ok(kept.insert((text, init)).clone())
    })
}

const NO_STORES: &str = "TINYBASE_STORE is not bound: add it under durable_objects in tiny.toml";

fn sharding(bindings: &Bindings) -> Result<Sharding, String> {
    Sharding::named(bindings.sharding().as_deref()).ok_or_else(|| {
        let names = Sharding::NAMES;
        format!("The variable SHARDING is not one that this worker knows: {names}.")
    })
}

/// Where the list is that is asked for, and the organisation that it is about; or what is wrong.
/// `open`: what the query says is taken at its word.
fn place(
    sharding: Sharding,
    identity: &Identity,
    query: &str,
    open: bool,
) -> Result<(Place, Option<String>), String> {
    let mut wanted = Wanted {
        user: &identity.user,
        org: None,
        list: None,
        owner: false,
    };
    if sharding == Sharding::User {
        return Ok((sharding.place(wanted)?, None));
    }
    let org = if open {
        shard::named(query, "org")?
    } else {
        None
    };
    let list = match shard::named(query, "list")? {
        Some(list) => Some(org::list_name(list)?),
        None => None,
    };
    wanted.org = org.as_deref();
    wanted.list = list.as_deref();
    Ok((sharding.place(wanted)?, org))
}

/// What a program asks an organisation.
fn next_api(
    api: Api,
    request: &Request,
    headers: &Headers,
    bindings: &Bindings,
) -> Result<Next, JsValue> {
    let (url, method) = (request.url(), request.method());
    let address = Address::of(&url);
    let refuse = |status, why: &str| api::refuse(status, why).map(Next::Answer);
    let sharding = match sharding(bindings) {
        Ok(sharding) => sharding,
        Err(why) => return refuse(500, &why),
    };
    if sharding != Sharding::Org {
        return refuse(404, "Here are no organisations: SHARDING is not org.");
    }
    if !api.allows(&method) {
        let allow = ("allow", api.methods());
        let why = format!("Not allowed: use {}.", api.methods());
        return text(405, &why, &[allow]).map(Next::Answer);
    }
    if !matches!(&*method, "GET" | "HEAD") {
        let (origin, site) = (headers.get("origin")?, headers.get("sec-fetch-site")?);
        if !from_own_page(address.authority, origin.as_deref(), site.as_deref()) {
            return refuse(403, "Refused: this comes from a page of another site.");
        }
    }
    let signer = bindings.session_secret().map(|secret| Signer::new(&secret));
    let asked = Asked {
        query: address.query,
        headers,
    };
    let identity = match identify(&asked, signer.as_ref()) {
        Ok(identity) => identity,
        Err(refusal) => return refuse(refusal.status(), &refusal.to_string()),
    };
    if identity.source == Source::New {
        return refuse(401, "Say who you are: send a token.");
    }
    if signer.is_some() {
        return refuse(403, "Your token is not of this organisation.");
    }
    if let Err(why) = shard::check("org", api.org.clone()) {
        return refuse(400, &why);
    }
    let stores = bindings.stores().ok_or(NO_STORES)?;
    Ok(Next::Api(Question {
        stub: stores.get_by_name(&shard::org(&api.org))?,
        caller: Caller {
            user: identity.user,
            vouched: false,
        },
        api,
        method,
    }))
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

const FORM: &str = "application/x-www-form-urlencoded";

/// The request's body, which is to be of this kind, or why it is refused.
pub(crate) async fn body(
    request: Request,
    headers: &Headers,
    wanted: &str,
) -> Result<Result<String, Response>, JsValue> {
    let kind = headers.get("content-type")?.unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(wanted) {
        let why = match wanted {
            FORM => "Send a form: application/x-www-form-urlencoded.".to_owned(),
            _ => format!("Send {wanted}."),
        };
        return text(415, &why, &[]).map(Err);
    }
    let mut form = Vec::new();
    if request.body().is_some() {
        let mut chunks = worker::Request::from(request)
            .stream()
            .map_err(JsValue::from)?;
        while let Some(chunk) = chunks.next().await {
            form.extend(chunk.map_err(JsValue::from)?);
            if form.len() > limit::FORM {
                return text(413, "The body is over 64 KiB.", &[]).map(Err);
            }
        }
    }
    match String::from_utf8(form) {
        Ok(form) => Ok(Ok(form)),
        Err(_) => text(400, "The body is not UTF-8.", &[]).map(Err),
    }
}
