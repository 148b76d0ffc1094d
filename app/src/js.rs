//! The few JavaScript functions that `worker` has no wrapper for, or none that is lean enough for
//! what runs on every request.

use wasm_bindgen::prelude::*;
use worker::js_sys::{Promise, Uint8Array};

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

    pub type Limiter;

    #[wasm_bindgen(method, catch)]
    pub fn limit(this: &Limiter, options: &JsValue) -> Result<Promise, JsValue>;

    pub type Outcome;

    #[wasm_bindgen(method, getter)]
    pub fn success(this: &Outcome) -> bool;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_randomness(bytes: &Uint8Array) -> Uint8Array;
}

/// Sixty-four random bits from the platform's secure source.
pub fn random() -> u64 {
    let filled = fill_with_randomness(&Uint8Array::new_with_length(8));
    let mut bytes = [0; 8];
    filled.copy_to(&mut bytes);
    u64::from_le_bytes(bytes)
}
