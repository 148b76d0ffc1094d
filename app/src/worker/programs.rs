//! What is asked of organisations, and of what was archived.

use wasm_bindgen::JsValue;
use worker::web_sys::Request;

use super::{Asked, FOREIGN_PAGE, NO_STORES, Next, is_owner, posts, sharding};
use crate::answer::text;
use crate::api::{self, Question, Wish};
use crate::archive_page::View;
use crate::identity::{Source, identify, query_value};
use crate::org::{About, Api, Caller};
use crate::shard::{self, Sharding};

/// What somebody wants of the todos that left their list.
pub(super) fn next_archive(request: &Request, asked: &Asked<'_>) -> Result<Next, JsValue> {
    let Asked {
        address, bindings, ..
    } = asked;
    let refuse = |status, why: &str| api::refuse(status, why).map(Next::Answer);
    let sharding = match sharding(bindings) {
        Ok(sharding) => sharding,
        Err(why) => return refuse(500, &why),
    };
    if sharding != Sharding::Hybrid {
        return refuse(404, "Nothing is archived: SHARDING is not hybrid.");
    }
    let posts = match posts(request) {
        Ok(posts) => posts,
        Err(refusal) => return refusal.map(Next::Answer),
    };
    if posts && !asked.is_from_own_page()? {
        return refuse(403, FOREIGN_PAGE);
    }
    let identity = match identify(asked, asked.key().as_ref()) {
        Ok(identity) => identity,
        Err(refusal) => return refuse(refusal.status(), &refusal.to_string()),
    };
    let accept = asked.headers.get("accept")?.unwrap_or_default();
    let on_page = accept.contains("text/html");
    if identity.source == Source::New {
        return if on_page {
            text(303, "Begin with a list.", &[("location", "/")]).map(Next::Answer)
        } else {
            refuse(401, "Say who you are: send a token.")
        };
    }
    let place = sharding.own(&identity.user, None)?;
    let stores = bindings.stores().ok_or(NO_STORES)?;
    let value = |name| query_value(address.query, name).and_then(Result::ok);
    let from = value("from").and_then(|from| from.parse().ok());
    let view = View {
        user: (identity.source == Source::Query).then(|| identity.user.clone()),
        written: value("q").unwrap_or_default(),
        from: from.unwrap_or(0),
    };
    Ok(Next::Archive {
        user: identity.user,
        wish: Wish {
            stub: stores.get_by_name(&place.object)?,
            view,
            posts,
            on_page,
        },
    })
}

/// What a program asks an organisation.
pub(super) fn next_api(api: Api, request: &Request, asked: &Asked<'_>) -> Result<Next, JsValue> {
    let Asked {
        address, bindings, ..
    } = asked;
    let method = request.method();
    let refuse = |status, why: &str| api::refuse(status, why).map(Next::Answer);
    let sharding = match sharding(bindings) {
        Ok(sharding) => sharding,
        Err(why) => return refuse(500, &why),
    };
    let object = match (sharding, &api.about) {
        (Sharding::Feature(_), About::Analytics) => shard::analytics(Some(&api.org)),
        (Sharding::Org, About::Users | About::User(_) | About::Lists) => shard::org(&api.org),
        (_, About::Analytics) => {
            return refuse(404, "Nothing is counted: SHARDING is not feature.");
        }
        _ => return refuse(404, "Here are no organisations: SHARDING is not org."),
    };
    if !api.allows(&method) {
        let allow = ("allow", api.methods());
        let why = format!("Not allowed: use {}.", api.methods());
        return text(405, &why, &[allow]).map(Next::Answer);
    }
    if !matches!(&*method, "GET" | "HEAD") && !asked.is_from_own_page()? {
        return refuse(403, FOREIGN_PAGE);
    }
    let key = asked.key();
    let identity = match identify(asked, key.as_ref()) {
        Ok(identity) => identity,
        Err(refusal) => return refuse(refusal.status(), &refusal.to_string()),
    };
    if identity.source == Source::New {
        return refuse(401, "Say who you are: send a token.");
    }
    if key.is_some() && identity.org.as_ref() != Some(&api.org) {
        return refuse(403, "Your token is not of this organisation.");
    }
    if let Err(why) = shard::check("org", api.org.clone()) {
        return refuse(400, &why);
    }
    let stores = bindings.stores().ok_or(NO_STORES)?;
    let days = query_value(address.query, "days");
    Ok(Next::Api {
        user: identity.user.clone(),
        question: Question {
            stub: stores.get_by_name(&object)?,
            caller: Caller {
                vouched: is_owner(&identity),
                user: identity.user,
            },
            api,
            method,
            days: days.and_then(|days| days.ok()?.parse().ok()).unwrap_or(30),
        },
    })
}
