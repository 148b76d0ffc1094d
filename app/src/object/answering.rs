//! What the object answers about a list, and edits that come by request.

use wasm_bindgen::JsValue;
use worker::js_sys::Uint8Array;
use worker::web_sys::Response;

use super::kept::Kind;
use super::{Awake, Posted};
use crate::answer::{self, text};
use crate::attic::Attic;
use crate::hop::{Ask, Visit};
use crate::identity::encode;
use crate::js::{now, random};
use crate::list::Edit;
use crate::message::Rejection;
use crate::sheet::{Right, Sheet};
use crate::usage::Level;
use crate::{form, import, page};

impl Awake {
    /// The page or the todos, to be kept until something changes.
    pub(super) fn read(
        &mut self,
        ask: Ask,
        visit: &Visit,
        right: Right,
        key: &str,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let (kind, body) = match ask {
            Ask::Page => (Kind::Page, self.page(visit, right)?),
            _ => (Kind::Json, self.room(&visit.list)?.list().todos().to_json()),
        };
        let bytes = Uint8Array::from(body.as_bytes());
        self.kept.keep(key, kind, &bytes)?;
        kind.answer(&bytes, cookie)
    }

    fn page(&mut self, visit: &Visit, right: Right) -> Result<String, JsValue> {
        let size = self.disk.size();
        let archived = match &self.attic {
            Some(attic) if right == Right::Own => Some(attic.count()?),
            _ => None,
        };
        let front = if visit.is_front() {
            self.front(&visit.list)?
        } else {
            None
        };
        let sheet = if let Some(front) = front {
            front.sheet(right, size, archived)
        } else {
            let list = self.room(&visit.list)?.list();
            Sheet::of(list, visit, right, size, archived)
        };
        Ok(page::render(visit, &sheet))
    }

    /// `object`: the name of this one, to be told.
    pub(super) fn usage(
        &mut self,
        visit: &Visit,
        object: &str,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let (bytes, limit) = (self.disk.size(), self.limits.storage);
        self.room(&visit.list)?;
        let warnings = self.warnings();
        let room = self.room(&visit.list)?;
        let (counts, connections) = (room.list().counts(), room.members());
        let usage = serde_json::json!({
            "storage": {
                "bytes": bytes,
                "limit": limit,
                "level": Level::of(bytes).name(),
            },
            "todos": counts.all,
            "active": counts.active(),
            "completed": counts.completed,
            "connections": connections,
            "warnings": warnings,
            "object": object,
            "archived": self.attic.as_ref().map(Attic::count).transpose()?,
        });
        Kind::Json.answer(&Uint8Array::from(usage.to_string().as_bytes()), cookie)
    }

    pub(super) fn export(
        &mut self,
        visit: &Visit,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let json = self.room(&visit.list)?.list().export();
        let name = format!(
            "attachment; filename=\"todos.json\"; filename*=UTF-8''todos-{}.json",
            encode(&visit.user)
        );
        let response = Kind::Json.answer(&Uint8Array::from(json.as_bytes()), cookie)?;
        response.headers().set("content-disposition", &name)?;
        Ok(response)
    }

    pub(super) fn post(&mut self, form: &str, posted: &Posted) -> Result<Response, JsValue> {
        let (visit, cookie) = (&posted.visit, posted.cookie.as_deref());
        if posted.ask == Ask::Share {
            let headers = posted.request.headers();
            let (response, revoked) = self.shares.post(form, visit, &headers)?;
            if let Some(share) = revoked {
                self.kept.forget();
                let turn = self.room(&visit.list)?.revoke(&share);
                self.carry_out(&visit.list, turn)?;
            }
            return answer::with_cookie(response, cookie);
        }
        let now = now();
        let list = self.room(&visit.list)?.list();
        match form::edits(form, list, visit.filter, now, random()) {
            Ok(edits) => match self.edit(edits, visit, now)? {
                None => back(visit, cookie),
                Some(refusal) => Ok(refusal),
            },
            Err(bad) => text(400, &bad.to_string(), &[]),
        }
    }

    pub(super) fn import(&mut self, body: Vec<u8>, posted: &Posted) -> Result<Response, JsValue> {
        let (visit, cookie) = (&posted.visit, posted.cookie.as_deref());
        let kind = posted.request.headers().get("content-type")?;
        let kind = kind.unwrap_or_default();
        let edits = import::json_in(&kind, &body).and_then(import::edits);
        // Room for what the list becomes.
        drop(body);
        let edits = match edits {
            Ok(edits) => edits,
            Err(bad) => return text(400, &bad.to_string(), &[]),
        };
        let imported = edits.len();
        match self.edit(edits, visit, now())? {
            Some(refusal) => Ok(refusal),
            None if import::is_upload(&kind) => back(visit, cookie),
            None => {
                let imported = serde_json::json!({ "imported": imported }).to_string();
                Kind::Json.answer(&Uint8Array::from(imported.as_bytes()), cookie)
            }
        }
    }

    /// Makes changes that came by request, or says why not.
    pub(super) fn edit(
        &mut self,
        edits: Vec<Edit>,
        visit: &Visit,
        now: u64,
    ) -> Result<Option<Response>, JsValue> {
        let size = self.disk.size();
        match self.room(&visit.list)?.edit(edits, size, now) {
            Ok(turn) => self.carry_out(&visit.list, turn).map(|()| None),
            Err(Rejection { reason, .. }) => text(400, &reason, &[]).map(Some),
        }
    }
}

/// Sends somebody back to the page that they posted from.
fn back(visit: &Visit, cookie: Option<&str>) -> Result<Response, JsValue> {
    let back = page::back(visit);
    let mut headers = vec![("location", back.as_str())];
    headers.extend(cookie.map(|cookie| ("set-cookie", cookie)));
    text(303, "Done.", &headers)
}
