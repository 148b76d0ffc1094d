//! `/api/{org}/…`: what programs ask an organisation's object, on behalf of its members.

use wasm_bindgen::JsValue;
use worker::js_sys::Promise;
use worker::web_sys::{Headers, Request, RequestInit, Response};

use crate::answer;
use crate::call::{self, Call};
use crate::js::Stub;
use crate::org::{Api, Caller};
use crate::worker::body;

/// A question that may be asked, once the request's body is read.
pub struct Question {
    pub stub: Stub,
    pub caller: Caller,
    pub api: Api,
    pub method: String,
}

impl Question {
    /// The object's answer, or why the question makes no sense.
    pub async fn ask(
        self,
        request: Request,
        headers: &Headers,
    ) -> Result<Result<Promise, Response>, JsValue> {
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

/// Asks an object for something besides its lists.
pub fn call(stub: &Stub, call: &Call) -> Result<Promise, JsValue> {
    let json = serde_json::to_string(call).map_err(|error| error.to_string())?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&JsValue::from_str(&json));
    stub.send(&Request::new_with_str_and_init(call::URL, &init)?)
}

/// As programs read it.
pub fn refuse(status: u16, why: &str) -> Result<Response, JsValue> {
    answer::json(status, &serde_json::json!({ "error": why }))
}
