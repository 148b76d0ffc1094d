//! The few JavaScript functions that `worker` has no wrapper for, or none that is lean enough for
//! what runs on every request.

use wasm_bindgen::prelude::*;
use worker::js_sys::{Date, JsString, Object, Promise, Uint8Array};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{Headers, Request, ResponseInit};

use crate::database::Database;
use worker::worker_sys::Context;

#[wasm_bindgen]
extern "C" {
    /// The worker's bindings, read without the checks by name that `worker::Env` makes.
    pub type Bindings;

    #[wasm_bindgen(method, getter, js_name = SHARDING)]
    pub fn sharding(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = SHARDS)]
    pub fn shards(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = SHARDS_BEFORE)]
    pub fn shards_before(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = SHARDING_BEFORE)]
    pub fn sharding_before(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = REPORT_EVERY)]
    pub fn report_every(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = ARCHIVE)]
    pub fn archive(this: &Bindings) -> Option<Database>;

    #[wasm_bindgen(method, getter, js_name = ARCHIVE_AFTER)]
    pub fn archive_after(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = ARCHIVE_COMPLETED_AFTER)]
    pub fn archive_completed_after(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = ARCHIVE_EVERY)]
    pub fn archive_every(this: &Bindings) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = REGION)]
    pub fn region(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = JURISDICTION)]
    pub fn jurisdiction(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = STOP_AFTER)]
    pub fn stop_after(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = SESSION_SECRET)]
    pub fn session_secret(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = SESSION_SECRET_PREVIOUS)]
    pub fn session_secret_before(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = MIGRATE_FROM)]
    pub fn migrate_from(this: &Bindings) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = TINYBASE_STORE)]
    pub fn stores(this: &Bindings) -> Option<Namespace>;

    pub type Namespace;

    #[wasm_bindgen(method, catch, js_name = getByName)]
    pub fn get_by_name(this: &Namespace, name: &str) -> Result<Stub, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getByName)]
    pub fn get_by_name_with(
        this: &Namespace,
        name: &str,
        options: &Object,
    ) -> Result<Stub, JsValue>;

    #[wasm_bindgen(method, catch, js_name = jurisdiction)]
    pub fn within(this: &Namespace, jurisdiction: &str) -> Result<Namespace, JsValue>;

    #[wasm_bindgen(method, catch, js_name = idFromString)]
    pub fn id_from_string(this: &Namespace, hex: &str) -> Result<ObjectId, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &Namespace, id: &ObjectId) -> Result<Stub, JsValue>;

    pub type ObjectId;

    pub type Stub;

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

    /// What is kept by keys beside the database.
    #[wasm_bindgen(method, getter)]
    pub fn kv(this: &Storage) -> Keys;

    pub type Keys;

    #[wasm_bindgen(method, catch)]
    pub fn get(this: &Keys, key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn fill_with_randomness(bytes: &Uint8Array) -> Uint8Array;
}

// What would go back and forth several times: each string that crosses over, and each promise that
// wasm waits for, costs more than what is done with it.
#[wasm_bindgen(inline_js = r#"
    const address = (headers) =>
        headers.get("cf-connecting-ip") ?? headers.get("x-forwarded-for") ?? "unknown";

    // Whether, or a promise of it where there is somebody to ask.
    function admission({ LIMITER, USER_LIMITER }, headers, user) {
        const byAddress = LIMITER?.limit({ key: address(headers) });
        const byUser = user && USER_LIMITER?.limit({ key: `user:${user}` });
        if (byAddress && byUser) {
            return Promise.all([byAddress, byUser]).then(([one, two]) => one.success && two.success);
        }
        return (byAddress ?? byUser)?.then(({ success }) => success) ?? true;
    }

    export async function isAdmitted(bindings, headers, user) {
        return admission(bindings, headers, user);
    }

    // How long the answers of objects took, by their names, until they are told: see `times.rs`.
    const BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];
    const MOST_ANSWERS = 100;
    const LONGEST_WAIT = 300_000;
    const MOST_OBJECTS = 1_000;
    const times = new Map();

    // Whether they are now to be told.
    function note(name, took, failed) {
        let noted = times.get(name);
        if (!noted) {
            // Of more objects than that, those heard of first are forgotten.
            if (times.size >= MOST_OBJECTS) times.delete(times.keys().next().value);
            const buckets = BOUNDS.map(() => 0).concat(0);
            noted = { since: Date.now(), count: 0, failed: 0, sum: 0, max: 0, buckets };
            times.set(name, noted);
        }
        noted.count += 1;
        noted.failed += failed ? 1 : 0;
        noted.sum += took;
        noted.max = Math.max(noted.max, took);
        const bucket = BOUNDS.findIndex((bound) => took <= bound);
        noted.buckets[bucket < 0 ? BOUNDS.length : bucket] += 1;
        const full = failed || noted.count >= MOST_ANSWERS;
        return full || Date.now() - noted.since >= LONGEST_WAIT;
    }

    async function tell(stub, name) {
        const noted = times.get(name);
        if (!noted) return;
        times.delete(name);
        const body = JSON.stringify({ times: noted });
        try {
            const answer = await stub.fetch("https://object/call", { method: "POST", body });
            await answer.arrayBuffer();
        } catch (error) {
            console.error(`${name} was not told of ${noted.count} answers: ${error}`);
        }
    }

    export async function forward(context, stub, request, tellFirst) {
        const name = stub.name ?? `${stub.id}`;
        if (tellFirst) await tell(stub, name);
        const start = Date.now();
        let failed = true;
        try {
            const response = await stub.fetch(request);
            failed = response.status >= 500;
            return response;
        } finally {
            if (note(name, Date.now() - start, failed)) context.waitUntil(tell(stub, name));
        }
    }

    export function readIfAdmitted(
        context, bindings, headers, user, name, url, refusal, init,
    ) {
        const answer = (admitted) => admitted
            ? forward(context, bindings.TINYBASE_STORE.getByName(name), url, false)
            : new Response(refusal, init);
        const admitted = admission(bindings, headers, user);
        return admitted === true ? answer(true) : admitted.then(answer);
    }

    export function isUpgrade(headers) {
        return headers.get("upgrade")?.toLowerCase() === "websocket";
    }
"#)]
extern "C" {
    #[wasm_bindgen(js_name = isAdmitted)]
    fn admitted(bindings: &Bindings, headers: &Headers, user: Option<&str>) -> Promise;

    /// The object's answer. How long it took is noted, and what was noted told to the object now
    /// and then, or with `tell_first` before it is asked.
    pub fn forward(context: &Context, stub: &Stub, request: &Request, tell_first: bool) -> Promise;

    /// The answer of the object of this name, or one that says `refusal`. Requests are counted by
    /// IP address and by user.
    #[wasm_bindgen(catch, js_name = readIfAdmitted)]
    #[expect(
        clippy::too_many_arguments,
        reason = "all that it takes to cross over but once"
    )]
    pub fn read_if_admitted(
        context: &Context,
        bindings: &Bindings,
        headers: &Headers,
        user: Option<&str>,
        name: &str,
        url: &str,
        refusal: &JsString,
        init: &ResponseInit,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = isUpgrade)]
    pub fn is_upgrade(headers: &Headers) -> bool;
}

/// Whether the sender of these headers, by IP address and as this user, asks no more often than it
/// may.
pub async fn is_admitted(
    bindings: &Bindings,
    headers: &Headers,
    user: Option<&str>,
) -> Result<bool, JsValue> {
    let admitted = JsFuture::from(admitted(bindings, headers, user)).await?;
    Ok(admitted.is_truthy())
}

/// A variable as text: numbers may be written either way.
pub fn text(variable: &JsValue) -> Option<String> {
    let number = || variable.as_f64().map(|number| number.to_string());
    variable.as_string().or_else(number)
}

/// Random bytes from the platform's secure source.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let length = u32::try_from(N).unwrap_or(u32::MAX);
    fill_with_randomness(&Uint8Array::new_with_length(length)).copy_to(&mut bytes);
    bytes
}

/// Sixty-four random bits.
pub fn random() -> u64 {
    u64::from_le_bytes(random_bytes())
}

/// A time in milliseconds since 1970 as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
#[expect(clippy::cast_precision_loss, reason = "times are below 2^53")]
pub fn iso(ms: u64) -> String {
    Date::new(&JsValue::from(ms as f64)).to_iso_string().into()
}

/// Milliseconds since 1970. Within one event the platform's clock stands still.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number of milliseconds after 1970"
)]
pub fn now() -> u64 {
    Date::now() as u64
}
