//! Beginning and ending sessions.

use wasm_bindgen::JsValue;
use worker::web_sys::{Request, Response};

use super::{Asked, FORM, body, refused};
use crate::answer::{self, text};
use crate::identity::{Identity, by_token};
use crate::session::{self, Action};

/// Sets the session's cookie, or takes it away.
pub(super) async fn enter_or_leave(
    request: Request,
    asked: &Asked<'_>,
    identity: Option<Identity>,
) -> Result<Response, JsValue> {
    let key = asked.key();
    let secure = asked.address.secure;
    let (status, cookie) = if let Some(identity) = identity {
        (204, asked.session(&identity, key.as_ref()))
    } else {
        let form = match body(request, asked.headers, FORM).await? {
            Ok(form) => form,
            Err(refusal) => return Ok(refusal),
        };
        match session::action(&form) {
            Some(Action::Leave) => (303, Some(session::ended(secure))),
            Some(Action::Enter(token)) => match by_token(&token, asked, key.as_ref()) {
                Ok(identity) => (303, asked.session(&identity, key.as_ref())),
                Err(refusal) => return refused(refusal),
            },
            None => {
                let why = "Send a bearer token, a form with a token, or one with action=leave.";
                return text(400, why, &[]);
            }
        }
    };
    let Some(cookie) = cookie else {
        return text(400, "This user id can't stand in a cookie.", &[]);
    };
    if status == 204 {
        let init = answer::init(204, [("set-cookie", cookie.as_str())])?;
        return Response::new_with_opt_str_and_init(None, &init);
    }
    text(
        303,
        "Done.",
        &[("location", "/"), ("set-cookie", cookie.as_str())],
    )
}
