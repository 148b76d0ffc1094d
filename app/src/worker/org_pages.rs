//! The page of an organisation, and the forms on it.

use serde::Deserialize;
use wasm_bindgen::JsValue;
use worker::web_sys::{Headers, Request, Response};

use super::{Asked, FOREIGN_PAGE, FORM, NO_STORES, Next, body, is_owner, posts, refused, sharding};
use crate::answer::{self, text};
use crate::api::{read, told};
use crate::call::Call;
use crate::identity::identify;
use crate::js::Stub;
use crate::org::{Caller, Errand};
use crate::org_page::{self, Refused, View};
use crate::shard::{self, Sharding};

/// What somebody wants of an organisation on its page.
pub(super) struct Wish {
    stub: Stub,
    view: View,
    /// Their token says that they own it.
    vouched: bool,
    posts: bool,
}

pub(super) fn next_org(request: &Request, asked: &Asked<'_>) -> Result<Next, JsValue> {
    let Asked {
        address, bindings, ..
    } = asked;
    let refuse = |status, why: &str| text(status, why, &[]).map(Next::Answer);
    let sharding = match sharding(bindings) {
        Ok(sharding) => sharding,
        Err(why) => return refuse(500, &why),
    };
    if sharding != Sharding::Org {
        return refuse(404, "Here are no organisations: SHARDING is not org.");
    }
    let posts = match posts(request) {
        Ok(posts) => posts,
        Err(refusal) => return refusal.map(Next::Answer),
    };
    if posts && !asked.is_from_own_page()? {
        return refuse(403, FOREIGN_PAGE);
    }
    let key = asked.key();
    let identity = match identify(asked, key.as_ref()) {
        Ok(identity) => identity,
        Err(refusal) => return refused(refusal).map(Next::Answer),
    };
    let view = match View::of(address.query, &identity, key.is_none()) {
        Ok(view) => view,
        Err(refused) => return not_shown(&refused).map(Next::Answer),
    };
    let stores = bindings.stores().ok_or(NO_STORES)?;
    Ok(Next::Org {
        wish: Wish {
            stub: stores.get_by_name(&shard::org(&view.org))?,
            vouched: is_owner(&identity),
            view,
            posts,
        },
        user: identity.user,
    })
}

impl Wish {
    pub(super) async fn answer(
        self,
        request: Request,
        headers: &Headers,
    ) -> Result<Response, JsValue> {
        let problem = if self.posts {
            let form = match body(request, headers, FORM).await? {
                Ok(form) => form,
                Err(refusal) => return Ok(refusal),
            };
            match self.carry_out(&form).await? {
                Ok(there) => return text(303, "Done.", &[("location", &there)]),
                Err(problem) => Some(problem),
            }
        } else {
            None
        };
        let sight = match self.ask(Errand::Look(self.view.from)).await? {
            Ok(json) => read(&json)?,
            Err((status, why)) => {
                let own_list = self.view.own_list();
                return not_shown(&Refused {
                    status,
                    why,
                    own_list,
                });
            }
        };
        let (status, why) = problem.unzip();
        let page = org_page::render(&self.view, &sight, why.as_deref());
        answer::page(status.unwrap_or(200), &page)
    }

    /// Where the visitor goes when all is done, or why it is not.
    async fn carry_out(&self, form: &str) -> Result<Result<String, Problem>, JsValue> {
        let errand = match org_page::errand(form) {
            Ok(errand) => errand,
            Err(why) => return Ok(Err((400, why))),
        };
        // Whoever leaves can't come back to the page.
        let there = match &errand {
            Errand::Remove(user) if *user == self.view.user => self.view.own_list(),
            _ => self.view.address(self.view.from),
        };
        Ok(self.ask(errand).await?.map(|_| there))
    }

    /// The JSON that the organisation answers, or why it refuses.
    async fn ask(&self, errand: Errand) -> Result<Result<String, Problem>, JsValue> {
        #[derive(Deserialize)]
        struct Refusal {
            error: String,
        }
        let caller = Caller {
            user: self.view.user.clone(),
            vouched: self.vouched,
        };
        Ok(
            match told(&self.stub, &Call::Org { caller, errand }).await? {
                (200..300, json) => Ok(json),
                (status, json) => Err((status, read::<Refusal>(&json)?.error)),
            },
        )
    }
}

/// A status, and what is wrong.
type Problem = (u16, String);

fn not_shown(refused: &Refused) -> Result<Response, JsValue> {
    answer::page(refused.status, &org_page::refusal(refused))
}
