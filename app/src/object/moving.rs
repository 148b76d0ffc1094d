//! Users who come from a single object that kept everybody's todos. Named by the variable
//! `MIGRATE_FROM`, it is asked for them when a user's own list is first looked at; it is only read.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use wasm_bindgen::{JsCast as _, JsValue};
use worker::console_error;
use worker::wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{Request, RequestInit, Response};

use super::{Awake, Object, TinyBaseStore};
use crate::answer::text;
use crate::call::{self, Call};
use crate::disk::Disk;
use crate::hop::{Hop, Pass, Visit};
use crate::js::{Bindings, now, random};
use crate::{legacy, notes};

/// The note that says which object the user was moved from.
const MOVED: &str = "moved";

/// The object that this one's user is still to be moved from.
pub(super) fn is_due(disk: &Disk, bindings: &Bindings) -> worker::Result<Option<String>> {
    let Some(from) = bindings.migrate_from().filter(|from| !from.is_empty()) else {
        return Ok(None);
    };
    let was_moved = notes::read(disk, MOVED)?.is_some_and(|moved| moved == from);
    let due = !was_moved && !disk.has_entries("")?;
    Ok(due.then_some(from))
}

impl Awake {
    /// Whether the visitor's todos are still elsewhere.
    pub(super) fn are_elsewhere(&self, visit: &Visit) -> bool {
        self.moves_from.is_some() && visit.pass == Pass::Own && visit.list.is_empty()
    }
}

impl TinyBaseStore {
    /// Answers once the visitor's todos are here.
    pub(super) fn answer_after_move(&self, request: &Request, hop: Hop) -> JsValue {
        let (store, request) = (Self(Rc::clone(&self.0)), Clone::clone(request));
        let answer = async move {
            if let Err(error) = store.0.move_in(&hop.visit.user).await {
                console_error!("todos could not be moved here: {:?}", error);
                let why = "Your todos are being moved. Please try again in a moment.";
                return text(503, why, &[("retry-after", "5")]).map(Into::into);
            }
            let url = request.url();
            store.answer(&request, Hop::split_cookie(&url).0, hop)
        };
        future_to_promise(AssertUnwindSafe(answer)).into()
    }
}

impl Object {
    async fn move_in(&self, user: &str) -> Result<(), JsValue> {
        let Some(from) = self.awake()?.moves_from.clone() else {
            return Ok(());
        };
        let json = all_of(&from, self.env.unchecked_ref()).await?;
        let old = legacy::read(&json).map_err(|error| error.to_string())?;
        let theirs = legacy::of_user(old, user);
        let mut awake = self.awake()?;
        // Somebody else may have been quicker.
        if awake.moves_from.take().is_some() {
            awake.spoilt = true;
            legacy::take_over(&awake.disk, &theirs, now(), random(), || {
                notes::write(&awake.disk, MOVED, &from)
            })?;
        }
        Ok(())
    }
}

/// All that the old object has, as JSON.
async fn all_of(from: &str, bindings: &Bindings) -> Result<String, JsValue> {
    let stores = bindings.stores().ok_or("TINYBASE_STORE is not bound")?;
    let call = serde_json::to_string(&Call::All).map_err(|error| error.to_string())?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&call));
    let request = Request::new_with_str_and_init(call::URL, &init)?;
    let answer = JsFuture::from(stores.get_by_name(from)?.send(&request)?).await?;
    let answer: Response = answer.unchecked_into();
    if !answer.ok() {
        return Err(format!("`{from}` answered with status {}", answer.status()).into());
    }
    let text = JsFuture::from(answer.text()?).await?.as_string();
    text.ok_or_else(|| "the answer is no text".into())
}
