//! The worker: who is asking, may they, and which object has the answer.

use wasm_bindgen::{JsCast as _, JsValue};
use worker::web_sys::{Headers, Request, RequestInit, RequestRedirect, Response};
use worker::{Context, Env, event, worker_sys};

use crate::address::Address;
use crate::answer::{self, text};
use crate::api::{Question, Wish};
use crate::body;
use crate::filter::Filter;
use crate::home;
use crate::hop::{Ask, Hop, Pass, Visit};
use crate::identity::{Identity, Refusal, Source, identify, query_value};
use crate::js::{self, Bindings, Namespace, Stub};
use crate::limit;
use crate::message::close;
use crate::org::{self, Api};
use crate::region::Region;
use crate::route::Route;
use crate::shard::{self, Place, Sharding, Wanted};
use crate::share::{self, Token};
use crate::signature::Key;

use self::asked::{Asked, refusal};
use self::org_pages::next_org;
use self::programs::{next_api, next_archive};
use self::sessions::enter_or_leave;

mod asked;
mod org_pages;
mod programs;
mod sessions;

#[event(fetch)]
pub async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    answer(request, env.unchecked_ref(), context.as_ref())
        .await
        .map_err(Into::into)
}

/// What is left to do once the visitor is known not to ask too often.
enum Next {
    /// Nothing but to say this.
    Answer(Response),
    /// To begin or end a session; for one who came with a token, to begin it.
    Session(Option<Identity>),
    /// To ask the object of this name for this URL. Most of what is asked, so it has a way of its
    /// own.
    Read {
        user: Option<String>,
        name: String,
        url: String,
    },
    /// To ask this object, for a visitor who is counted as this user.
    Ask {
        user: Option<String>,
        ask: Ask,
        stub: Stub,
        url: String,
    },
    /// To ask the object of this user's, which is near to their home, for a visitor who is there
    /// now.
    Seek {
        user: String,
        /// Whether they are counted as this user.
        counts: bool,
        here: Region,
        ask: Ask,
        url: String,
    },
    /// To ask an organisation, for this user.
    Api { user: String, question: Question },
    /// To show an organisation to this user, or change it.
    Org { user: String, wish: org_pages::Wish },
    /// To look into what a list has archived, for this user.
    Archive { user: String, wish: Wish },
}

async fn answer(
    request: Request,
    bindings: &Bindings,
    context: &worker_sys::Context,
) -> Result<Response, JsValue> {
    let headers = request.headers();
    let url = request.url();
    let asked = Asked {
        address: Address::of(&url),
        headers: &headers,
        bindings,
        context,
    };
    match next(&request, &asked)? {
        Next::Read { user, name, url } => {
            let (text, init) = refusal()?;
            // The promise is handed on as it is: whoever asked waits for it anyway, and waiting in
            // here as well would cost as much as all the rest.
            let promise = js::read_if_admitted(
                context,
                bindings,
                &headers,
                user.as_deref(),
                &name,
                &url,
                &text,
                &init,
            )?;
            Ok(promise.unchecked_into())
        }
        Next::Answer(response) => Ok(asked.over_limit(None).await?.unwrap_or(response)),
        Next::Session(identity) => match asked.over_limit(None).await? {
            Some(refusal) => Ok(refusal),
            None => enter_or_leave(request, &asked, identity).await,
        },
        Next::Ask {
            user,
            ask,
            stub,
            url,
        } => match asked.over_limit(user.as_deref()).await? {
            Some(refusal) => Ok(refusal),
            None => forward(request, &asked, ask, &stub, &url).await,
        },
        Next::Seek {
            user,
            counts,
            here,
            ask,
            url,
        } => {
            if let Some(refusal) = asked.over_limit(counts.then_some(&*user)).await? {
                return Ok(refusal);
            }
            let stub = home::find(&user, here, bindings).await?;
            forward(request, &asked, ask, &stub, &url).await
        }
        Next::Archive { user, wish } => match asked.over_limit(Some(&user)).await? {
            Some(refusal) => Ok(refusal),
            None => match wish.ask(request, &headers).await? {
                Ok(promise) => Ok(promise.unchecked_into()),
                Err(refusal) => Ok(refusal),
            },
        },
        Next::Org { user, wish } => match asked.over_limit(Some(&user)).await? {
            Some(refusal) => Ok(refusal),
            None => wish.answer(request, &headers).await,
        },
        Next::Api { user, question } => match asked.over_limit(Some(&user)).await? {
            Some(refusal) => Ok(refusal),
            None => match question.ask(request, &headers).await? {
                Ok(promise) => Ok(promise.unchecked_into()),
                Err(refusal) => Ok(refusal),
            },
        },
    }
}

fn next(request: &Request, asked: &Asked<'_>) -> Result<Next, JsValue> {
    let Asked {
        address, headers, ..
    } = asked;
    let Some(route) = Route::at(address.path) else {
        if let Some(api) = Api::at(address.path) {
            return next_api(api, request, asked);
        }
        if address.path == "/archive" {
            return next_archive(request, asked);
        }
        if address.path == "/org" {
            return next_org(request, asked);
        }
        let why = "Not found: there are /, /todos, /sync, /usage, /metrics, /export, /import, \
                   /shares, /backups and /session.";
        return text(404, why, &[]).map(Next::Answer);
    };
    let method = request.method();
    if !route.allows(&method) {
        return not_allowed(route.methods()).map(Next::Answer);
    }
    if route == Route::Sync && !js::is_upgrade(headers) {
        let why = "Upgrade to a WebSocket: this speaks TinyBase's synchronizer protocol.";
        return text(426, why, &[("upgrade", "websocket")]).map(Next::Answer);
    }
    let ask = ask_at(route, &method, headers);
    if ask.is_none_or(Ask::is_guarded) && !asked.is_from_own_page()? {
        return text(403, FOREIGN_PAGE, &[]).map(Next::Answer);
    }

    let key = asked.key();
    let Some(ask) = ask else {
        // Whoever is somebody by a cookie alone has nothing to begin a session with.
        return match identify(asked, key.as_ref()) {
            Ok(identity) => Ok(Next::Session(
                (identity.source == Source::Token).then_some(identity),
            )),
            Err(refusal) => refused(refusal).map(Next::Answer),
        };
    };
    ask_object(request, asked, ask, key.as_ref())
}

/// What is asked of the object that has the list.
fn ask_object(
    request: &Request,
    asked: &Asked<'_>,
    ask: Ask,
    key: Option<&Key>,
) -> Result<Next, JsValue> {
    let Asked {
        address, bindings, ..
    } = asked;
    let identity = match identify(asked, key) {
        Ok(identity) => identity,
        Err(refusal) => return refused(refusal).map(Next::Answer),
    };
    let identity = match of_its_page(ask, asked, identity, key.is_none())? {
        Ok(identity) => identity,
        Err(refusal) => return Ok(Next::Answer(refusal)),
    };
    let stores = bindings.stores().ok_or(NO_STORES)?;
    let value = |name| query_value(address.query, name).and_then(Result::ok);
    let found = match found(ask, asked, &identity, key.is_none(), &stores)? {
        Ok(found) => found,
        Err(refusal) => return Ok(Next::Answer(refusal)),
    };
    let Found { place, org, stub } = found;
    let user = (identity.source != Source::New).then(|| identity.user.clone());
    let cookie = asked.cookie_to_set(ask, &identity, key);
    let (filter, from) = (value("filter"), value("from"));
    // Which object it is, the user's home knows.
    let seeks = (stub.is_none() && place.object.is_empty()).then(|| identity.user.clone());
    // A link lets in whoever has it, for as long as it does.
    let until = match (ask, &place.pass) {
        (Ask::Plain | Ask::Sync, Pass::Own | Pass::Member { .. }) => identity.expires,
        _ => None,
    };
    let visit = Visit {
        named: identity.source == Source::Query,
        open: key.is_none(),
        user: identity.user,
        org,
        list: place.list,
        pass: place.pass,
        filter: filter.map_or(Filter::default(), |filter| Filter::named(&filter)),
        from: from.and_then(|from| from.parse().ok()).unwrap_or(0),
    };
    let hop = Hop {
        ask,
        visit,
        until,
        cookie,
    };
    let url = hop.to_url();
    if let Some(sought) = seeks {
        return match home::region_of(request, bindings) {
            Ok(here) => Ok(Next::Seek {
                counts: user.is_some(),
                user: sought,
                here,
                ask,
                url,
            }),
            Err(why) => text(500, &why, &[]).map(Next::Answer),
        };
    }
    Ok(match (ask, stub) {
        (Ask::Page | Ask::Json | Ask::Usage | Ask::Export, None) => Next::Read {
            user,
            name: place.object,
            url,
        },
        (_, stub) => Next::Ask {
            user,
            ask,
            stub: match stub {
                Some(stub) => stub,
                None => stores.get_by_name(&place.object)?,
            },
            url,
        },
    })
}

/// Who asks, if a page says by `as` whose list it holds. By now somebody else may be signed in, or
/// nobody, and lists of two people are not to be mixed.
fn of_its_page(
    ask: Ask,
    asked: &Asked<'_>,
    identity: Identity,
    open: bool,
) -> Result<Result<Identity, Response>, JsValue> {
    let query = asked.address.query;
    // By a link everybody gets the same list.
    let whose = match query_value(query, "as") {
        Some(Ok(whose)) if ask == Ask::Sync && query_value(query, "share").is_none() => whose,
        _ => return Ok(Ok(identity)),
    };
    if whose == identity.user {
        return Ok(Ok(identity));
    }
    if open {
        return identity
            .renamed(whose)
            .map_or_else(|refusal| refused(refusal).map(Err), |it| Ok(Ok(it)));
    }
    let why = "somebody else is signed in here by now: load the page again";
    answer::closed(close::ANOTHER_USER, why).map(Err)
}

/// The list that is asked for.
struct Found {
    place: Place,
    org: Option<String>,
    /// Its object, where that is known by other means than its name.
    stub: Option<Stub>,
}

/// Finds the list that is asked for, by link or by user; or says why there is none.
fn found(
    ask: Ask,
    asked: &Asked<'_>,
    identity: &Identity,
    open: bool,
    stores: &Namespace,
) -> Result<Result<Found, Response>, JsValue> {
    let query = asked.address.query;
    if let Some(Ok(link)) = query_value(query, "share") {
        let Some((list, stub)) = shared(&link, stores)? else {
            return answer::not_let_in(ask, share::Refused::Link).map(Err);
        };
        let place = Place {
            object: String::new(),
            list,
            pass: Pass::Share(link),
        };
        return Ok(Ok(Found {
            place,
            org: None,
            stub: Some(stub),
        }));
    }
    let sharding = match sharding(asked.bindings) {
        Ok(sharding) => sharding,
        Err(why) => return text(500, &why, &[]).map(Err),
    };
    match place(sharding, identity, query, open) {
        Ok((place, org)) => Ok(Ok(Found {
            place,
            org,
            stub: None,
        })),
        Err(why) => text(400, &why, &[]).map(Err),
    }
}

/// Whether a program asks that would rather have JSON.
fn wants_json(headers: &Headers) -> bool {
    let accept = headers.get("accept").ok().flatten();
    accept.is_some_and(|accept| accept.contains("application/json"))
}

/// Whether something is posted, where one may look and post.
fn posts(request: &Request) -> Result<bool, Result<Response, JsValue>> {
    match &*request.method() {
        "POST" => Ok(true),
        "GET" | "HEAD" => Ok(false),
        _ => Err(not_allowed("GET, HEAD, POST")),
    }
}

fn not_allowed(methods: &str) -> Result<Response, JsValue> {
    let why = format!("Not allowed: use {methods}.");
    text(405, &why, &[("allow", methods)])
}

/// What is asked of an object. `None`: nothing, it is about the session.
fn ask_at(route: Route, method: &str, headers: &Headers) -> Option<Ask> {
    Some(match route {
        Route::Page => Ask::Page,
        Route::Usage => Ask::Usage,
        Route::Metrics if wants_json(headers) => Ask::MetricsAsJson,
        Route::Metrics => Ask::Metrics,
        Route::Export => Ask::Export,
        Route::Import => Ask::Import,
        Route::Session => return None,
        Route::Shares if method == "POST" => Ask::Share,
        Route::Shares => Ask::Shares,
        Route::Backups if method == "POST" => Ask::BackUp,
        Route::Backups => Ask::Backups,
        Route::Todos if method == "POST" => Ask::Form,
        Route::Todos if method == "GET" && js::is_upgrade(headers) => Ask::Plain,
        Route::Todos => Ask::Json,
        Route::Sync => Ask::Sync,
    })
}

/// The list that a link leads to, and its object. `None`: it leads nowhere. The platform knows its
/// own ids, so a link that is made up wakes no object.
fn shared(link: &str, stores: &Namespace) -> Result<Option<(String, Stub)>, JsValue> {
    let Some(Token { object, list, .. }) = Token::read(link) else {
        return Ok(None);
    };
    match stores.id_from_string(&object) {
        Ok(id) => Ok(Some((list, stores.get(&id)?))),
        Err(_) => Ok(None),
    }
}

/// Asks an object, and hands its promise on as it is.
async fn forward(
    request: Request,
    asked: &Asked<'_>,
    ask: Ask,
    stub: &Stub,
    url: &str,
) -> Result<Response, JsValue> {
    let request = match ask {
        Ask::Page
        | Ask::Json
        | Ask::Usage
        | Ask::Metrics
        | Ask::MetricsAsJson
        | Ask::Export
        | Ask::Backups => Request::new_with_str(url)?,
        // With the headers that ask for an upgrade, and with the body as it comes.
        Ask::Plain | Ask::Sync | Ask::Import => {
            Request::new_with_str_and_init(url, request.unchecked_ref())?
        }
        Ask::Shares => {
            let init = RequestInit::new();
            init.set_headers(&asked.for_shares()?.into());
            Request::new_with_str_and_init(url, &init)?
        }
        Ask::Form | Ask::Share | Ask::BackUp => {
            let init = RequestInit::new();
            init.set_method("POST");
            // The visitor is to be sent back to the page, not this worker.
            init.set_redirect(RequestRedirect::Manual);
            if ask == Ask::Share {
                init.set_headers(&asked.for_shares()?.into());
            }
            match body(request, asked.headers, FORM).await? {
                Ok(form) => init.set_body(&JsValue::from_str(&form)),
                Err(refusal) => return Ok(refusal),
            }
            Request::new_with_str_and_init(url, &init)?
        }
    };
    // So that what is told is not behind what the visitor knows.
    let tell_first = matches!(ask, Ask::Metrics | Ask::MetricsAsJson);
    let promise = js::forward(asked.context, stub, &request, tell_first);
    Ok(promise.unchecked_into())
}

/// What those get who are not who they say they are.
fn refused(refusal: Refusal) -> Result<Response, JsValue> {
    let challenge = refusal.challenge();
    let challenge = challenge.as_deref();
    let headers: Vec<_> = challenge
        .map(|challenge| ("www-authenticate", challenge))
        .into_iter()
        .collect();
    text(refusal.status(), &refusal.to_string(), &headers)
}

const FOREIGN_PAGE: &str = "Refused: this comes from a page of another site.";
const NO_STORES: &str = "TINYBASE_STORE is not bound: add it under durable_objects in tiny.toml";

fn sharding(bindings: &Bindings) -> Result<Sharding, String> {
    Sharding::read(bindings.sharding().as_deref(), || {
        js::text(&bindings.shards())
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
        owner: is_owner(identity),
    };
    if matches!(sharding, Sharding::User | Sharding::Hybrid | Sharding::Geo) {
        return Ok((sharding.place(wanted)?, None));
    }
    let org = if open {
        shard::named(query, "org")?
    } else {
        identity.org.clone()
    };
    if org.as_deref() == Some(shard::EVERYBODY) && matches!(sharding, Sharding::Feature(_)) {
        return Err("Bad org: all are called so who are in none.".into());
    }
    let list = match shard::named(query, "list")? {
        Some(list) => Some(org::list_name(list)?),
        None => None,
    };
    wanted.org = org.as_deref();
    wanted.list = list.as_deref();
    Ok((sharding.place(wanted)?, org))
}

/// Whether a token says that its user owns the organisation.
fn is_owner(identity: &Identity) -> bool {
    identity.role.as_deref() == Some("owner")
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

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
    let Some(body) = body::read(&request, limit::FORM).await? else {
        return text(413, "The body is over 64 KiB.", &[]).map(Err);
    };
    match String::from_utf8(body) {
        Ok(body) => Ok(Ok(body)),
        Err(_) => text(400, "The body is not UTF-8.", &[]).map(Err),
    }
}
