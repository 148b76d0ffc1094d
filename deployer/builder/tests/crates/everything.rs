//! A worker with every kind of export, and every way to fail.

use std::cell::RefCell;
use std::time::Duration;

use wasm_bindgen::prelude::*;
use worker::*;

thread_local! {
    static EVENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn happened(what: impl Into<String>) {
    EVENTS.with_borrow_mut(|events| events.push(what.into()));
}

#[wasm_bindgen(inline_js = "export function shout(text) { return text.toUpperCase(); }")]
extern "C" {
    fn shout(text: &str) -> String;
}

#[wasm_bindgen(module = "/src/own.js")]
extern "C" {
    fn greet(name: &str) -> String;

    /// Runs out of JavaScript's own stack.
    fn dive(depth: u32) -> u32;

    /// Not declared with `catch`, so Rust does not hear of it.
    #[wasm_bindgen(js_name = throw_)]
    fn throw() -> String;
}

#[event(start)]
fn start() {
    happened("start");
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _ctx: Context) -> Result<Response> {
    let url = request.url()?;
    match url.path() {
        "/events" => Response::from_json(&EVENTS.with_borrow(Clone::clone)),
        "/snippets" => Response::ok(format!("{} {}", shout("loud"), greet("you"))),
        "/socket" => socket(&url).await,
        "/panic" => panics(),
        "/panic-later" => {
            Delay::from(Duration::from_millis(50)).await;
            panics()
        }
        "/wait" => {
            happened("wait");
            Delay::from(Duration::from_secs(600)).await;
            Response::ok("waited")
        }
        "/trap" => core::arch::wasm32::unreachable(),
        "/trap-later" => {
            Delay::from(Duration::from_millis(50)).await;
            core::arch::wasm32::unreachable()
        }
        "/dive" => Response::ok(dive(0).to_string()),
        "/throw" => Response::ok(throw()),
        "/throw-later" => {
            Delay::from(Duration::from_millis(50)).await;
            Response::ok(throw())
        }
        "/overflow" => Response::ok(deeper(0).to_string()),
        "/error" => Err(Error::RustError("an ordinary error".to_owned())),
        path if path.starts_with("/object/") => {
            let stub = env.durable_object("OBJECT")?.get_by_name("one")?;
            stub.fetch_with_request(request).await
        }
        _ => Response::ok("hello"),
    }
}

fn panics() -> Result<Response> {
    let nothing: Option<u32> = None;
    let found = nothing.expect("the secret of this panic");
    Response::ok(found.to_string())
}

#[expect(unconditional_recursion)]
fn deeper(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    deeper(depth + 1) + here[1]
}

async fn socket(url: &Url) -> Result<Response> {
    let port = url.query().and_then(|port| port.parse().ok()).unwrap_or(0);
    let socket = Socket::builder().connect("127.0.0.1", port)?;
    let info = socket.opened().await?;
    Response::ok(format!("connected to {:?}", info.remote_address))
}

#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, _env: Env, _ctx: ScheduleContext) {
    happened(format!("scheduled {}", event.cron()));
}

#[event(queue)]
async fn queue(batch: MessageBatch<String>, _env: Env, _ctx: Context) -> Result<()> {
    for message in batch.messages()? {
        happened(format!("queue {} {}", batch.queue(), message.body()));
    }
    Ok(())
}

#[event(email)]
async fn email(message: ForwardableEmailMessage, _env: Env, _ctx: Context) -> Result<()> {
    happened(format!("email {}", message.raw_size()));
    Ok(())
}

// The worker crate has no macro for it; the export is what the platform calls.
#[wasm_bindgen]
pub async fn tail(events: js_sys::Array, _env: Env, _ctx: JsValue) {
    happened(format!("tail {}", events.length()));
}

#[wasm_bindgen]
pub fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[wasm_bindgen]
pub fn fail() {
    panic!("the secret of this method");
}

#[wasm_bindgen]
pub struct Admin {
    env: Env,
}

#[wasm_bindgen]
impl Admin {
    #[wasm_bindgen(constructor)]
    pub fn new(_ctx: JsValue, env: Env) -> Self {
        Self { env }
    }

    pub fn audit(&self, day: &str) -> String {
        let name = self.env.var("NAME").map(|name| name.to_string());
        format!("{} on {day}", name.unwrap_or_default())
    }

    pub fn fail(&self) {
        panic!("the secret of this entrypoint");
    }
}

/// JavaScript has a class of that name.
#[durable_object]
pub struct Object {
    state: State,
    woken: RefCell<u32>,
}

impl Object {
    async fn count(&self, name: &str) -> Result<u32> {
        let storage = self.state.storage();
        let count = storage.get::<u32>(name).await?.unwrap_or_default() + 1;
        storage.put(name, count).await?;
        Ok(count)
    }
}

impl DurableObject for Object {
    fn new(state: State, _env: Env) -> Self {
        Self {
            state,
            woken: RefCell::new(0),
        }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let path = request.path();
        match path.as_str() {
            "/object/count" => {
                *self.woken.borrow_mut() += 1;
                let count = self.count("calls").await?;
                Response::ok(format!("{count} stored, {} in memory", self.woken.borrow()))
            }
            "/object/panic" => panic!("the secret of this object"),
            "/object/panic-borrowed" => {
                let _held = self.woken.borrow_mut();
                panic!("the secret of this borrow");
            }
            "/object/wait" => {
                happened("wait in the object");
                Delay::from(Duration::from_secs(600)).await;
                Response::ok("waited")
            }
            "/object/alarm" => {
                self.state.storage().set_alarm(1).await?;
                Response::ok("set")
            }
            "/object/alarms" => {
                let storage = self.state.storage();
                let count = storage.get::<u32>("alarms").await?.unwrap_or_default();
                Response::ok(count.to_string())
            }
            "/object/closes" => {
                let storage = self.state.storage();
                let closes = storage.get::<String>("closes").await?.unwrap_or_default();
                Response::ok(closes)
            }
            _ => {
                let pair = WebSocketPair::new()?;
                self.state.accept_web_socket(&pair.server);
                Response::from_websocket(pair.client)
            }
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.count("alarms").await?;
        Response::empty()
    }

    async fn websocket_message(
        &self,
        socket: WebSocket,
        message: WebSocketIncomingMessage,
    ) -> Result<()> {
        match message {
            WebSocketIncomingMessage::String(text) if text == "panic" => {
                panic!("the secret of this message")
            }
            WebSocketIncomingMessage::String(text) => socket.send_with_str(format!("got {text}")),
            WebSocketIncomingMessage::Binary(bytes) => socket.send_with_bytes(bytes),
        }
    }

    async fn websocket_close(
        &self,
        _socket: WebSocket,
        code: usize,
        reason: String,
        _was_clean: bool,
    ) -> Result<()> {
        let storage = self.state.storage();
        storage.put("closes", format!("{code} {reason}")).await
    }

    async fn websocket_error(&self, _socket: WebSocket, error: Error) -> Result<()> {
        let storage = self.state.storage();
        storage.put("closes", format!("error {error}")).await
    }
}
