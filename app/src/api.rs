//! `/api/{org}/…`: what programs ask an organisation's object, on behalf of its members.

use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{Headers, Request, RequestInit, Response};

use crate::answer;
use crate::archive_page::{self, View};
use crate::call::{self, Call};
use crate::identity::query_value;
use crate::js::Stub;
use crate::org::{About, Api, Caller};
use crate::worker::{FORM, body};

/// Days whose counts are told at most.
const DAYS: u32 = 366;

/// A question that may be asked, once the request's body is read.
pub struct Question {
    pub stub: Stub,
    pub caller: Caller,
    pub api: Api,
    pub method: String,
    /// How many days are to be told of, where that matters.
    pub days: u32,
}

impl Question {
    /// The object's answer, or why the question makes no sense.
    pub async fn ask(
        self,
        request: Request,
        headers: &Headers,
    ) -> Result<Result<Promise, Response>, JsValue> {
        if self.api.about == About::Analytics {
            let days = self.days.clamp(1, DAYS);
            return call(&self.stub, &Call::Counts { days }).map(Ok);
        }
        let body = if matches!(&*self.method, "POST" | "PUT") {
            match body(request, headers, "application/json").await? {
                Ok(body) => body,
                Err(refusal) => return Ok(Err(refusal)),
            }
        } else {
            String::new()
        };
        let errand = match self.api.errand(&self.method, &body) {
            Ok(errand) => errand,
            Err(why) => return refuse(400, &why).map(Err),
        };
        let caller = self.caller;
        call(&self.stub, &Call::Org { caller, errand }).map(Ok)
    }
}

/// What somebody wants of what their list has archived.
pub struct Wish {
    pub stub: Stub,
    pub view: View,
    pub posts: bool,
    /// Whether it is a person's, who is to see a page.
    pub on_page: bool,
}

impl Wish {
    /// The object's answer, or one that is made of it here, or why the wish makes no sense.
    pub async fn ask(
        self,
        request: Request,
        headers: &Headers,
    ) -> Result<Result<Promise, Response>, JsValue> {
        let wish = if self.posts {
            let form = match body(request, headers, FORM).await? {
                Ok(form) => form,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let value = |name| query_value(&form, name).and_then(Result::ok);
            match (value("action").as_deref(), value("id")) {
                (Some("restore"), Some(id)) => Call::Restore(id),
                (Some("restore-some"), None) => Call::RestoreSome,
                _ => {
                    let why = "The form says neither action=restore with an id nor restore-some.";
                    return refuse(400, why).map(Err);
                }
            }
        } else {
            Call::Search {
                written: self.view.written.clone(),
                from: self.view.from,
            }
        };
        match (self.on_page, self.posts) {
            (false, _) => call(&self.stub, &wish).map(Ok),
            (true, false) => {
                let found = answer_of(&self.stub, &wish).await?;
                answer::page(200, &archive_page::render(&self.view, &found)).map(Err)
            }
            (true, true) => {
                // One that is back already is what was wished for, too.
                JsFuture::from(call(&self.stub, &wish)?).await?;
                let there = self.view.address(self.view.from);
                answer::text(303, "Done.", &[("location", &there)]).map(Err)
            }
        }
    }
}

/// Asks an object for something besides its lists.
pub fn call(stub: &Stub, call: &Call) -> Result<Promise, JsValue> {
    let json = serde_json::to_string(call).map_err(|error| error.to_string())?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&json));
    stub.send(&Request::new_with_str_and_init(call::URL, &init)?)
}

/// What an object answers to a call, read.
pub async fn answer_of<T: DeserializeOwned>(stub: &Stub, asked: &Call) -> Result<T, JsValue> {
    match told(stub, asked).await? {
        (200..300, text) => read(&text),
        (status, text) => Err(format!("an object answered with {status}: {text}").into()),
    }
}

/// The status and the text that an object answers to a call.
pub async fn told(stub: &Stub, asked: &Call) -> Result<(u16, String), JsValue> {
    let response = JsFuture::from(call(stub, asked)?).await?;
    let response: Response = response.unchecked_into();
    let text = JsFuture::from(response.text()?).await?.as_string();
    Ok((response.status(), text.unwrap_or_default()))
}

/// The JSON that an object answered.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, JsValue> {
    serde_json::from_str(json).map_err(|error| error.to_string().into())
}

/// As programs read it.
pub fn refuse(status: u16, why: &str) -> Result<Response, JsValue> {
    answer::json(status, &serde_json::json!({ "error": why }))
}
