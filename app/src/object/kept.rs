//! Answers that are kept until something changes.

use std::collections::HashMap;

use wasm_bindgen::JsValue;
use worker::js_sys::Uint8Array;
use worker::web_sys::{Response, ResponseInit};

use crate::answer::{self, JSON, PAGE};
use crate::hop::Ask;
use crate::identity::decode;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Page,
    Json,
}

impl Kind {
    /// What it answers.
    pub(super) fn ask(self) -> Ask {
        match self {
            Self::Page => Ask::Page,
            Self::Json => Ask::Json,
        }
    }

    pub(super) fn init(self, cookie: Option<&str>) -> Result<ResponseInit, JsValue> {
        let headers = match self {
            Self::Page => &PAGE[..],
            Self::Json => &JSON[..],
        };
        let cookie = cookie.map(|cookie| ("set-cookie", cookie));
        answer::init(200, headers.iter().copied().chain(cookie))
    }

    pub(super) fn answer(
        self,
        bytes: &Uint8Array,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        answer::bytes(bytes, &self.init(cookie)?)
    }
}

/// Answers as JavaScript has them, by the URL they answer, until something changes.
#[derive(Default)]
pub(super) struct Kept(HashMap<String, Answer>);

struct Answer {
    kind: Kind,
    bytes: Uint8Array,
    init: ResponseInit,
}

impl Kept {
    /// Enough for each filter's page, named or not, and the store.
    const MOST: usize = 8;
    /// Longer ones are made anew: memory is worth more.
    const LONGEST: u32 = 1_048_576;

    pub(super) fn keep(
        &mut self,
        key: &str,
        kind: Kind,
        bytes: &Uint8Array,
    ) -> Result<(), JsValue> {
        if bytes.length() <= Self::LONGEST {
            if self.0.len() >= Self::MOST {
                self.forget();
            }
            let answer = Answer {
                kind,
                bytes: bytes.clone(),
                init: kind.init(None)?,
            };
            self.0.insert(key.to_owned(), answer);
        }
        Ok(())
    }

    pub(super) fn answer(
        &self,
        key: &str,
        cookie: Option<&str>,
    ) -> Result<Option<(Kind, Response)>, JsValue> {
        let Some(Answer { kind, bytes, init }) = self.0.get(key) else {
            return Ok(None);
        };
        let response = match cookie {
            None => answer::bytes(bytes, init),
            Some(cookie) => kind.answer(bytes, decode(cookie).as_deref()),
        };
        response.map(|response| Some((*kind, response)))
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
