//! The Durable Object of one user: the todos in memory and on disk, and everybody connected.
//!
//! It sleeps whenever nothing happens; the WebSockets stay open meanwhile. What it needs when it
//! wakes up is in the database and in what is attached to each socket.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::js_sys::{JsString, Reflect, Uint8Array};
use worker::wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{self, Request, Response, ResponseInit};
use worker::{Env, State, WebSocket, WebSocketPair, console_error, worker_sys};

use crate::answer::{self, JSON, PAGE, text};
use crate::form;
use crate::hop::{Ask, Hop, Visit};
use crate::identity::{decode, encode};
use crate::js::{Socket, now};
use crate::limit;
use crate::message::{self, Rejection, close};
use crate::page;
use crate::room::{self, Dialect, MemberId, Plan, Room};
use crate::store::Store;
use crate::usage::Level;

/// The WebSocket subprotocol that asks for the patch dialect.
const PATCHES: &str = "patch.todos";

#[wasm_bindgen]
pub struct TinyBaseStore(Rc<Object>);

struct Object {
    state: State,
    awake: RefCell<Option<Awake>>,
}

/// What is kept in memory between events.
struct Awake {
    store: Store,
    room: Room,
    sockets: BTreeMap<MemberId, WebSocket>,
    kept: Kept,
}

/// What is attached to each socket, for after a sleep.
#[derive(Serialize, Deserialize)]
struct Attachment {
    member: MemberId,
    dialect: Dialect,
}

// Written out, not by `#[durable_object]`: that builds each response twice, and answers later what
// can be answered at once.
#[wasm_bindgen]
impl TinyBaseStore {
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "the platform's signature")]
    pub fn new(state: worker_sys::DurableObjectState, env: Env) -> Self {
        let _ = env;
        Self(Rc::new(Object {
            state: state.into(),
            awake: RefCell::default(),
        }))
    }

    /// A response, or the promise of one.
    pub fn fetch(&self, request: &Request) -> Result<JsValue, JsValue> {
        let url = request.url();
        let (key, cookie) = Hop::split_cookie(&url);
        if let Some(response) = self.0.awake()?.kept.answer(key, cookie)? {
            return Ok(response.into());
        }
        let Hop { ask, visit, cookie } =
            Hop::from_url(&url).ok_or("the worker and its object are of different versions")?;
        let cookie = cookie.as_deref();
        match ask {
            Ask::Page | Ask::Json => self.0.awake()?.read(ask, &visit, key, cookie),
            Ask::Usage => self.0.awake()?.usage(cookie),
            Ask::Export => self.0.awake()?.export(&visit, cookie),
            Ask::Plain | Ask::Sync => self.0.connect(request, cookie),
            Ask::Form => return self.post(request, visit, cookie.map(str::to_owned)),
        }
        .map(Into::into)
    }

    #[wasm_bindgen(js_name = webSocketMessage)]
    pub fn websocket_message(
        &self,
        socket: web_sys::WebSocket,
        message: &JsValue,
    ) -> Result<(), JsValue> {
        self.0.awake()?.hear(&socket.into(), message.as_string())
    }

    #[wasm_bindgen(js_name = webSocketClose)]
    pub fn websocket_close(
        &self,
        socket: web_sys::WebSocket,
        code: u16,
        reason: &str,
        _was_clean: bool,
    ) -> Result<(), JsValue> {
        let socket = WebSocket::from(socket);
        self.0.awake()?.part(&socket)?;
        // Answers the other side's goodbye, where the platform hasn't yet. 1005 and the like are
        // never sent.
        let code = if matches!(code, 1000 | 1001 | 3000..=4999) {
            code
        } else {
            1000
        };
        let _ = socket.close(Some(code), Some(reason));
        Ok(())
    }

    #[wasm_bindgen(js_name = webSocketError)]
    pub fn websocket_error(
        &self,
        socket: web_sys::WebSocket,
        _error: &JsValue,
    ) -> Result<(), JsValue> {
        self.0.awake()?.part(&socket.into())
    }
}

impl TinyBaseStore {
    fn post(
        &self,
        request: &Request,
        visit: Visit,
        cookie: Option<String>,
    ) -> Result<JsValue, JsValue> {
        let (object, form) = (Rc::clone(&self.0), request.text()?);
        let answer = async move {
            let form = JsFuture::from(form).await?.as_string().unwrap_or_default();
            let response = object.awake()?.post(&form, &visit, cookie.as_deref())?;
            Ok(response.into())
        };
        Ok(future_to_promise(AssertUnwindSafe(answer)).into())
    }
}

impl Object {
    fn awake(&self) -> worker::Result<RefMut<'_, Awake>> {
        if self.awake.borrow().is_none() {
            let awake = Awake::from_sleep(&self.state)?;
            self.awake.replace(Some(awake));
        }
        RefMut::filter_map(self.awake.borrow_mut(), Option::as_mut)
            .map_err(|_| "the object fell asleep while it woke up".into())
    }

    fn connect(&self, request: &Request, cookie: Option<&str>) -> Result<Response, JsValue> {
        let asked = request
            .headers()
            .get("sec-websocket-protocol")?
            .unwrap_or_default();
        let dialect = if asked.split(',').any(|protocol| protocol.trim() == PATCHES) {
            Dialect::Patch
        } else {
            Dialect::Plain
        };
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        self.state.accept_web_socket(&server);
        self.awake()?.welcome(server, dialect)?;

        let mut headers = Vec::new();
        if dialect == Dialect::Patch {
            headers.push(("sec-websocket-protocol", PATCHES));
        }
        headers.extend(cookie.map(|cookie| ("set-cookie", cookie)));
        let init = answer::init(101, headers)?;
        Reflect::set(&init, &"webSocket".into(), client.as_ref())?;
        Response::new_with_opt_str_and_init(None, &init)
    }
}

impl Awake {
    fn from_sleep(state: &State) -> worker::Result<Self> {
        let store = Store::open(state)?;
        let mut room = Room::new(store.load()?);
        let mut sockets = BTreeMap::new();
        for socket in state.get_websockets() {
            if let Some(Attachment { member, dialect }) = socket.deserialize_attachment()? {
                room.join(member, dialect, now());
                sockets.insert(member, socket);
            }
        }
        Ok(Self {
            store,
            room,
            sockets,
            kept: Kept::default(),
        })
    }

    /// The page or the store, to be kept until something changes.
    fn read(
        &mut self,
        ask: Ask,
        visit: &Visit,
        key: &str,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let (kind, body) = match ask {
            Ask::Page => (
                Kind::Page,
                page::render(visit, self.room.todos(), self.store.size()),
            ),
            _ => (Kind::Json, self.room.todos().to_json()),
        };
        let bytes = Uint8Array::from(body.as_bytes());
        self.kept.keep(key, kind, &bytes)?;
        kind.answer(&bytes, cookie)
    }

    fn usage(&self, cookie: Option<&str>) -> Result<Response, JsValue> {
        let (todos, bytes) = (self.room.todos(), self.store.size());
        let usage = serde_json::json!({
            "storage": {
                "bytes": bytes,
                "limit": limit::STORAGE,
                "level": Level::of(bytes).name(),
            },
            "todos": todos.len(),
            "active": todos.active(),
            "completed": todos.completed(),
            "connections": self.room.members(),
        });
        Kind::Json.answer(&Uint8Array::from(usage.to_string().as_bytes()), cookie)
    }

    fn export(&self, visit: &Visit, cookie: Option<&str>) -> Result<Response, JsValue> {
        let bytes = Uint8Array::from(page::pretty(self.room.todos()).as_bytes());
        let name = format!(
            "attachment; filename=\"todos.json\"; filename*=UTF-8''todos-{}.json",
            encode(&visit.user)
        );
        let response = Kind::Json.answer(&bytes, cookie)?;
        response.headers().set("content-disposition", &name)?;
        Ok(response)
    }

    fn post(
        &mut self,
        form: &str,
        visit: &Visit,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let changes = match form::changes(form, self.room.todos(), now()) {
            Ok(changes) => changes,
            Err(bad) => return text(400, &bad.to_string(), &[]),
        };
        match self.room.plan_changes(changes, self.store.size()) {
            Ok(plan) => self.carry_out(&plan)?,
            Err(Rejection { reason, .. }) => return text(400, &reason, &[]),
        }
        let back = page::back(visit);
        let mut headers = vec![("location", back.as_str())];
        headers.extend(cookie.map(|cookie| ("set-cookie", cookie)));
        text(303, "Done.", &headers)
    }

    /// Sends a new socket everything there is.
    fn welcome(&mut self, socket: WebSocket, dialect: Dialect) -> worker::Result<()> {
        let member = self.room.next_member();
        socket.serialize_attachment(Attachment { member, dialect })?;
        match dialect {
            Dialect::Plain => socket.send_with_str(self.room.todos().to_json())?,
            Dialect::Patch => {
                socket.send_with_str(room::welcome(self.room.todos(), self.store.size()))?;
            }
        }
        self.room.join(member, dialect, now());
        self.sockets.insert(member, socket);
        Ok(())
    }

    /// Takes a message; one that can't be taken ends its socket and changes nothing.
    fn hear(&mut self, socket: &WebSocket, text: Option<String>) -> Result<(), JsValue> {
        let Some(Attachment { member, .. }) = socket.deserialize_attachment()? else {
            return Ok(());
        };
        let size = self.store.size();
        let planned = match text {
            Some(text) => message::read(&text)
                .and_then(|message| self.room.plan_message(member, message, size, now())),
            None => Err(Rejection::new(
                close::UNSUPPORTED,
                "only text is spoken here",
            )),
        };
        let done = planned.and_then(|plan| {
            self.carry_out(&plan).map_err(|error| {
                console_error!("an edit was not stored: {:?}", error);
                Rejection::new(
                    close::FAILED,
                    "the edit could not be stored; nothing changed",
                )
            })
        });
        if let Err(Rejection { code, reason }) = done {
            self.part(socket)?;
            socket.close(Some(code), Some(reason))?;
        }
        Ok(())
    }

    fn part(&mut self, socket: &WebSocket) -> Result<(), JsValue> {
        if let Some(Attachment { member, .. }) = socket.deserialize_attachment()? {
            self.room.leave(member);
            self.sockets.remove(&member);
        }
        Ok(())
    }

    /// Writes what was planned, then tells everybody. The platform holds what is sent back until
    /// the disk has what was written.
    fn carry_out(&mut self, plan: &Plan) -> Result<(), JsValue> {
        self.store.save(&plan.effects)?;
        let news = self.room.commit(plan, now());
        if !plan.effects.is_empty() {
            self.kept.forget();
        }
        if !news.store.is_empty() {
            let text = JsString::from(self.room.todos().to_json());
            for member in news.store {
                self.send(member, &text);
            }
        }
        if !news.changes.is_empty() {
            let text = JsString::from(room::changes(&plan.effects, self.store.size(), None));
            for member in news.changes {
                self.send(member, &text);
            }
        }
        if let Some((member, number)) = news.acknowledged {
            let text = room::changes(&plan.effects, self.store.size(), Some(number));
            self.send(member, &JsString::from(text));
        }
        Ok(())
    }

    /// One whom nothing can be sent to any more is about to be gone.
    fn send(&mut self, member: MemberId, text: &JsString) {
        if let Some(socket) = self.sockets.get(&member)
            && AsRef::<web_sys::WebSocket>::as_ref(socket)
                .unchecked_ref::<Socket>()
                .send(text)
                .is_err()
        {
            self.sockets.remove(&member);
            self.room.leave(member);
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Page,
    Json,
}

impl Kind {
    fn init(self, cookie: Option<&str>) -> Result<ResponseInit, JsValue> {
        let headers = match self {
            Self::Page => &PAGE[..],
            Self::Json => &JSON[..],
        };
        let cookie = cookie.map(|cookie| ("set-cookie", cookie));
        answer::init(200, headers.iter().copied().chain(cookie))
    }

    fn answer(self, bytes: &Uint8Array, cookie: Option<&str>) -> Result<Response, JsValue> {
        answer::bytes(bytes, &self.init(cookie)?)
    }
}

/// Answers as JavaScript has them, by the URL they answer, until something changes.
#[derive(Default)]
struct Kept(HashMap<String, Answer>);

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

    fn keep(&mut self, key: &str, kind: Kind, bytes: &Uint8Array) -> Result<(), JsValue> {
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

    fn answer(&self, key: &str, cookie: Option<&str>) -> Result<Option<Response>, JsValue> {
        let Some(Answer { kind, bytes, init }) = self.0.get(key) else {
            return Ok(None);
        };
        match cookie {
            None => answer::bytes(bytes, init),
            Some(cookie) => kind.answer(bytes, decode(cookie).as_deref()),
        }
        .map(Some)
    }

    fn forget(&mut self) {
        self.0.clear();
    }
}
