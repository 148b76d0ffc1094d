//! The few JavaScript functions that `worker` has no wrapper for, or none that is lean enough for
//! what runs on every request.

use wasm_bindgen::prelude::*;
use worker::js_sys::{JsString, Promise, Uint8Array};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{Headers, Request, ResponseInit};

#[wasm_bindgen]
extern "C" {
    /// The worker's bindings, read without the checks by name that `worker::Env` makes.
    pub type Bindings;

    #[wasm_bindgen(method, getter, js_name = LIMITER)]
    pub fn limiter(this: &Bindings) -> Option<Limiter>;

    #[wasm_bindgen(method, getter, js_name = SHARDING)]
    pub fn sharding(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = SESSION_SECRET)]
    pub fn session_secret(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = TINYBASE_STORE)]
    pub fn stores(this: &Bindings) -> Option<Namespace>;

    pub type Limiter;

    pub type Namespace;

    #[wasm_bindgen(method, catch, js_name = getByName)]
    pub fn get_by_name(this: &Namespace, name: &str) -> Result<Stub, JsValue>;

    pub type Stub;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    pub fn read(this: &Stub, url: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    pub fn send(this: &Stub, request: &Request) -> Result<Promise, JsValue>;

    /// A Durable Object's storage.
    pub type Storage;

    /// What `write` writes is kept entirely or, when it throws, not at all.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    pub fn transaction(
        this: &Storage,
        write: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<(), JsValue>;

    /// Has the object woken at that time, in milliseconds since 1970.
    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    pub fn set_alarm(this: &Storage, at: f64) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_randomness(bytes: &Uint8Array) -> Uint8Array;
}

// What would go back and forth several times: each string that crosses over, and each promise that
// wasm waits for, costs more than what is done with it.
#[wasm_bindgen(inline_js = r#"
    const address = (headers) =>
        headers.get("cf-connecting-ip") ?? headers.get("x-forwarded-for") ?? "unknown";

    export async function isAdmitted(limiter, headers) {
        const { success } = await limiter.limit({ key: address(headers) });
        return success;
    }

    export async function readIfAdmitted(limiter, headers, stub, url, refusal, init) {
        const { success } = await limiter.limit({ key: address(headers) });
        return success ? stub.fetch(url) : new Response(refusal, init);
    }

    export function isUpgrade(headers) {
        return headers.get("upgrade")?.toLowerCase() === "websocket";
    }
"#)]
extern "C" {
    #[wasm_bindgen(js_name = isAdmitted)]
    fn admitted(limiter: &Limiter, headers: &Headers) -> Promise;

    /// The object's answer, or one that says `refusal`. Requests are counted by IP address.
    #[wasm_bindgen(js_name = readIfAdmitted)]
    pub fn read_if_admitted(
        limiter: &Limiter,
        headers: &Headers,
        stub: &Stub,
        url: &str,
        refusal: &JsString,
        init: &ResponseInit,
    ) -> Promise;

    #[wasm_bindgen(js_name = isUpgrade)]
    pub fn is_upgrade(headers: &Headers) -> bool;
}

/// Whether the sender of these headers, by IP address, asks no more often than it may.
pub async fn is_admitted(limiter: &Limiter, headers: &Headers) -> Result<bool, JsValue> {
    let admitted = JsFuture::from(admitted(limiter, headers)).await?;
    Ok(admitted.is_truthy())
}

/// Sixty-four random bits from the platform's secure source.
pub fn random() -> u64 {
    let filled = fill_with_randomness(&Uint8Array::new_with_length(8));
    let mut bytes = [0; 8];
    filled.copy_to(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Milliseconds since 1970. Within one event the platform's clock stands still.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number of milliseconds after 1970"
)]
pub fn now() -> u64 {
    worker::js_sys::Date::now() as u64
}
