//! The Durable Object: its lists in memory and on disk, and everybody connected.
//!
//! It sleeps whenever nothing happens; the WebSockets stay open meanwhile. What it needs when it
//! wakes up is in the database and in what is attached to each socket.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::js_sys::{JsString, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};
use worker::web_sys::{self, Request, Response, ResponseInit};
use worker::{Delay, Env, State, WebSocket, WebSocketPair, console_error, worker_sys};

use crate::analytics::Counts;
use crate::answer::{self, JSON, PAGE, text};
use crate::attic::Attic;
use crate::body;
use crate::call::{self, Call};
use crate::disk::Disk;
use crate::duties::{self, Duty};
use crate::form;
use crate::gate::Limits;
use crate::handover::Handovers;
use crate::home::Home;
use crate::hop::{Ask, Hop, Pass, Visit};
use crate::identity::{decode, encode};
use crate::import;
use crate::js::{now, random};
use crate::legacy;
use crate::limit;
use crate::list::{Edit, List};
use crate::members::Members;
use crate::message::{Rejection, close};
use crate::notes;
use crate::org::{Caller, Errand};
use crate::page;
use crate::presence::Who;
use crate::region::Region;
use crate::room::{Dialect, Guest, Mail, MemberId, Room, To, Turn};
use crate::share::{Admitted, Refused};
use crate::shares::Shares;
use crate::sheet::{Right, Sheet};
use crate::sockets::Sockets;
use crate::usage::Level;

use self::backups::Plan;
use self::measures::Measures;
use self::phases::Phases;

mod archiving;
mod backups;
mod bring;
mod counting;
mod measures;
mod moving;
mod phases;

#[wasm_bindgen]
pub struct TinyBaseStore(Rc<Object>);

struct Object {
    me: Weak<Object>,
    state: State,
    env: Env,
    limits: Limits,
    plan: Plan,
    phases: Phases,
    /// Lists that are being brought here.
    bringing: RefCell<BTreeMap<String, Promise>>,
    awake: RefCell<Option<Awake>>,
}

/// What is kept in memory between events.
struct Awake {
    disk: Disk,
    shares: Shares,
    limits: Limits,
    /// The object that the todos of this one's user are still to be copied from.
    moves_from: Option<String>,
    /// What is known of lists that move; nothing where none ever did.
    handovers: Option<Handovers>,
    /// How long after something that is counted a report is due; nothing where nothing is counted.
    counts: Option<u64>,
    /// How often something was counted.
    counted: u64,
    /// What is known of todos that left their list, where they do.
    attic: Option<Attic>,
    /// Milliseconds after which the todos are looked at, which of them are to leave.
    archives_every: Option<u64>,
    /// When that is going to happen, in milliseconds since 1970.
    archives_at: Option<u64>,
    /// What is being written to the archive.
    archiving: Option<String>,
    /// How often todos changed, where they may leave.
    changes: u64,
    rooms: BTreeMap<String, Room>,
    sockets: Sockets,
    /// Which list a socket has open.
    places: BTreeMap<MemberId, String>,
    kept: Kept,
    measures: Measures,
    plan: Plan,
    /// The lists whose changes since their last backup were taken note of.
    unsaved: BTreeSet<String>,
    /// Whether old deletions are to be forgotten some day.
    forgets: bool,
    /// The lists whose broadcasts wait for a timer.
    flushing: BTreeSet<String>,
    object: Weak<Object>,
    /// Memory has got ahead of the disk: it is to be read anew.
    spoilt: bool,
}

/// What is attached to each socket, for after a sleep.
#[derive(Serialize, Deserialize)]
struct Attachment {
    member: MemberId,
    list: String,
    guest: Guest,
}

// Written out, not by `#[durable_object]`: that builds each response twice, and answers later what
// can be answered at once.
#[wasm_bindgen]
impl TinyBaseStore {
    #[wasm_bindgen(constructor)]
    pub fn new(state: worker_sys::DurableObjectState, env: Env) -> Self {
        let state = state.into();
        Self(Rc::new_cyclic(|me| Object {
            me: Weak::clone(me),
            limits: limits(&env),
            plan: Plan::of(&env),
            phases: Phases::of(&state, &env),
            state,
            env,
            bringing: RefCell::default(),
            awake: RefCell::default(),
        }))
    }

    /// A response, or the promise of one.
    pub fn fetch(&self, request: &Request) -> Result<JsValue, JsValue> {
        let url = request.url();
        let (key, cookie) = Hop::split_cookie(&url);
        {
            let mut awake = self.0.awake()?;
            if let Some((kind, response)) = awake.kept.answer(key, cookie)? {
                awake.count_quick(kind.ask())?;
                return Ok(response.into());
            }
        }
        let Some(hop) = Hop::from_url(&url) else {
            return self.call(&url, request);
        };
        let away = self.0.awake()?.away(&self.0.phases, &hop.visit)?;
        if let Some(away) = away {
            return self.answer_elsewhere(request, hop, away);
        }
        if self.0.awake()?.are_elsewhere(&hop.visit) {
            return Ok(self.answer_after_move(request, hop));
        }
        self.answer(request, key, hop)
    }

    #[wasm_bindgen(js_name = webSocketMessage)]
    pub fn websocket_message(
        &self,
        socket: &web_sys::WebSocket,
        message: &JsValue,
    ) -> Result<(), JsValue> {
        self.0.awake()?.hear(socket, message.as_string())
    }

    #[wasm_bindgen(js_name = webSocketClose)]
    pub fn websocket_close(
        &self,
        socket: &web_sys::WebSocket,
        code: u16,
        reason: &str,
        _was_clean: bool,
    ) -> Result<(), JsValue> {
        self.0.awake()?.part(socket)?;
        // Answers the other side's goodbye, where the platform hasn't yet. 1005 and the like are
        // never sent.
        let code = if matches!(code, 1000 | 1001 | 3000..=4999) {
            code
        } else {
            1000
        };
        let _ = socket.close_with_code_and_reason(code, reason);
        Ok(())
    }

    #[wasm_bindgen(js_name = webSocketError)]
    pub fn websocket_error(
        &self,
        socket: &web_sys::WebSocket,
        _error: &JsValue,
    ) -> Result<(), JsValue> {
        self.0.awake()?.part(socket)
    }

    /// Does what is due: at once, or what is returned is the promise of it.
    pub fn alarm(&self) -> Result<JsValue, JsValue> {
        let mut others = Vec::new();
        let mut awake = self.0.awake()?;
        let now = now();
        for duty in duties::take_due(&awake.disk, now)? {
            match duty {
                Duty::AskAgain => awake.ask_again(now)?,
                Duty::Forget => awake.forget(now)?,
                // They need others.
                Duty::BackUp
                | Duty::TellArrivals
                | Duty::Report
                | Duty::Archive
                | Duty::Restore => others.push(duty),
            }
        }
        awake.keep_metrics(now)?;
        duties::wake_for_next(&awake.disk)?;
        drop(awake);
        if others.is_empty() {
            return Ok(JsValue::UNDEFINED);
        }
        let object = Rc::clone(&self.0);
        let doing = async move {
            let mut done = Ok(JsValue::UNDEFINED);
            for duty in others {
                if let Err(error) = object.do_with_others(duty).await {
                    console_error!("{:?} is to be tried again: {:?}", duty, error);
                    // Others have put themselves on the list again.
                    if duty == Duty::BackUp {
                        done = Err(error);
                    }
                }
            }
            done
        };
        Ok(future_to_promise(AssertUnwindSafe(doing)).into())
    }
}

impl TinyBaseStore {
    /// A response, or the promise of one; `key` is what answers of this kind are kept by.
    fn answer(&self, request: &Request, key: &str, hop: Hop) -> Result<JsValue, JsValue> {
        let Hop { ask, visit, cookie } = hop;
        let cookie = cookie.as_deref();
        self.0.awake()?.count(ask)?;
        let Admitted { right, share } = match self.0.awake()?.admit(ask, &visit)? {
            Ok(admitted) => admitted,
            Err(why) => return answer::not_let_in(ask, why).map(Into::into),
        };
        if self.0.phases.count() {
            self.0.awake()?.note_org(&visit)?;
        }
        match ask {
            Ask::Page | Ask::Json => self.0.awake()?.read(ask, &visit, right, key, cookie),
            Ask::Usage => self.0.awake()?.usage(&visit, &self.0.phases.name, cookie),
            Ask::Metrics | Ask::MetricsAsJson => self.0.awake()?.show_metrics(ask, &visit, cookie),
            Ask::Export => self.0.awake()?.export(&visit, cookie),
            Ask::Shares => {
                let response = self.0.awake()?.shares.show(&visit, &request.headers())?;
                answer::with_cookie(response, cookie)
            }
            Ask::Plain | Ask::Sync => {
                let guest = Guest {
                    right,
                    who: Who::of(&visit.user),
                    share,
                    dialect: dialect(ask, request)?,
                };
                self.0.connect(guest, &visit.list, cookie)
            }
            Ask::Backups => return Ok(self.0.answer_backups(visit, cookie)),
            Ask::Form | Ask::Share | Ask::BackUp | Ask::Import => {
                let posted = Posted {
                    ask,
                    visit,
                    cookie: cookie.map(str::to_owned),
                    request: Clone::clone(request),
                };
                return Ok(self.post(posted));
            }
        }
        .map(Into::into)
    }

    fn post(&self, posted: Posted) -> JsValue {
        let object = Rc::clone(&self.0);
        let answer = async move {
            let response = if posted.ask == Ask::Import {
                match body::read(&posted.request, limit::IMPORT).await? {
                    Some(body) => object.awake()?.import(body, &posted),
                    None => text(413, "An import may have 16 MiB.", &[]),
                }
            } else {
                // As short as the worker lets it be.
                let form = JsFuture::from(posted.request.text()?).await?;
                let form = form.as_string().unwrap_or_default();
                if posted.ask == Ask::Form {
                    object.restore_edited(&form).await?;
                }
                if posted.ask == Ask::BackUp {
                    object.do_with_backups(&form, &posted).await
                } else {
                    object.awake()?.post(&form, &posted)
                }
            };
            response.map(Into::into)
        };
        future_to_promise(AssertUnwindSafe(answer)).into()
    }

    /// Does what the worker or another object asks for.
    fn call(&self, url: &str, request: &Request) -> Result<JsValue, JsValue> {
        if url != call::URL {
            return Err("the worker and its object are of different versions".into());
        }
        let (object, call) = (Rc::clone(&self.0), request.text()?);
        let answer = async move {
            let call = JsFuture::from(call).await?.as_string().unwrap_or_default();
            let call = serde_json::from_str(&call).map_err(|error| error.to_string())?;
            let response = match call {
                Call::Org { caller, errand } => object.awake()?.organise(&caller, errand)?,
                Call::Times(times) => {
                    object.awake()?.measures.metrics.answers(&times, now());
                    text(200, "Noted.", &[])?
                }
                Call::All => {
                    let all = object.awake()?.room("")?.list().export();
                    Kind::Json.answer(&Uint8Array::from(all.as_bytes()), None)?
                }
                Call::Take(claim, after) => {
                    object.awake()?.hand_over(&object.phases, &claim, after)?
                }
                Call::Taken(claim) => object.awake()?.handed_over(&claim)?,
                Call::Count { source, days } => object.awake()?.hear_counts(&source, &days)?,
                Call::Counts { days } => object.awake()?.tell_counts(days)?,
                Call::Search { written, from } => {
                    answer::json(200, &object.search(&written, from).await?)?
                }
                Call::Home(region) => object.awake()?.home(region)?,
                Call::Restore(id) => object.restore_wanted(&id).await?,
                Call::RestoreSome => answer::json(200, &object.restore_some().await?)?,
            };
            Ok(response.into())
        };
        Ok(future_to_promise(AssertUnwindSafe(answer)).into())
    }
}

/// A request with a body that is still to be read.
struct Posted {
    ask: Ask,
    visit: Visit,
    cookie: Option<String>,
    request: Request,
}

/// How a new socket is spoken to.
fn dialect(ask: Ask, request: &Request) -> Result<Dialect, JsValue> {
    Ok(if ask == Ask::Sync {
        let key = request.headers().get("sec-websocket-key")?;
        Dialect::Sync(key.unwrap_or_default())
    } else {
        Dialect::Plain
    })
}

/// What a variable of the worker's says, if that is a number.
fn number(env: &Env, name: &str) -> Option<f64> {
    let value = Reflect::get(env, &name.into()).ok()?;
    let text = || value.as_string()?.parse().ok();
    value.as_f64().or_else(text)
}

/// The limits that the worker's variables set, else the usual ones.
fn limits(env: &Env) -> Limits {
    let number = |name| number(env, name).filter(|number| *number >= 1.0);
    let usual = Limits::default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "beyond what fits it is the greatest number that does"
    )]
    Limits {
        todos: number("LIMIT_TODOS").map_or(usual.todos, |number| number as usize),
        storage: number("LIMIT_STORAGE").map_or(usual.storage, |number| number as u64),
        horizon: usual.horizon,
    }
}

impl Object {
    fn awake(&self) -> worker::Result<RefMut<'_, Awake>> {
        if self
            .awake
            .borrow()
            .as_ref()
            .is_none_or(|awake| awake.spoilt)
        {
            let awake = Awake::from_sleep(self)?;
            self.awake.replace(Some(awake));
        }
        RefMut::filter_map(self.awake.borrow_mut(), Option::as_mut)
            .map_err(|_| "the object fell asleep while it woke up".into())
    }

    /// Does what is due and takes a while.
    async fn do_with_others(&self, duty: Duty) -> Result<(), JsValue> {
        match duty {
            Duty::BackUp => self.back_up_all().await,
            Duty::TellArrivals => self.tell_arrivals().await,
            Duty::Report => self.report().await,
            Duty::Archive => self.archive().await,
            Duty::Restore => self.restore_late().await,
            Duty::AskAgain | Duty::Forget => Ok(()),
        }
    }

    fn connect(&self, guest: Guest, list: &str, cookie: Option<&str>) -> Result<Response, JsValue> {
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        self.state.accept_web_socket(&server);
        self.awake()?.welcome(&server, list, guest)?;

        let init = answer::init(101, cookie.map(|cookie| ("set-cookie", cookie)))?;
        Reflect::set(&init, &"webSocket".into(), client.as_ref())?;
        Response::new_with_opt_str_and_init(None, &init)
    }
}

impl Awake {
    fn from_sleep(object: &Object) -> worker::Result<Self> {
        let Object {
            state,
            limits,
            plan,
            phases,
            ..
        } = object;
        let disk = Disk::open(state)?;
        duties::prepare(&disk)?;
        notes::prepare(&disk)?;
        legacy::upgrade(&disk, now(), random())?;
        let kept = notes::read(&disk, Measures::NOTE)?;
        let measures = Measures::open(state, &object.env, kept.as_deref());
        let moves_from = moving::is_due(&disk, object.env.unchecked_ref())?;
        let forgets = duties::is_scheduled(&disk, Duty::Forget)?;
        let moves = phases.fetch_lists() || Handovers::exist(disk.sql())?;
        let handovers = if moves {
            Some(Handovers::open(disk.sql())?)
        } else {
            None
        };
        if phases.count() {
            Counts::prepare(disk.sql())?;
        }
        let attic = match phases.archiving {
            Some(_) => Some(Attic::open(disk.sql())?),
            None => None,
        };
        let archives_at = match attic {
            Some(_) => duties::at(&disk, Duty::Archive)?,
            None => None,
        };
        let mut awake = Self {
            disk,
            shares: Shares::open(state)?,
            limits: *limits,
            moves_from,
            handovers,
            counts: phases.count().then_some(phases.report_every),
            counted: 0,
            attic,
            archives_every: phases.archiving.map(|plan| plan.every),
            archives_at,
            archiving: None,
            changes: 0,
            rooms: BTreeMap::new(),
            sockets: Sockets::new(),
            places: BTreeMap::new(),
            kept: Kept::default(),
            measures,
            plan: *plan,
            unsaved: BTreeSet::new(),
            forgets,
            flushing: BTreeSet::new(),
            object: Weak::clone(&object.me),
            spoilt: false,
        };
        awake.prepare_backups(now())?;
        if awake.archives_at.is_none() && awake.disk.has_entries("")? {
            awake.plan_archiving()?;
        }
        let mut guests: BTreeMap<String, Vec<(MemberId, Guest)>> = BTreeMap::new();
        for socket in state.get_websockets() {
            if let Some(Attachment {
                member,
                list,
                guest,
            }) = socket.deserialize_attachment()?
            {
                if awake.is_handed_over(&list)? {
                    // It is not closed entirely yet.
                    let _ = socket.close(Some(close::MOVED), None::<String>);
                    continue;
                }
                awake.sockets.add(member, socket.as_ref());
                awake.places.insert(member, list.clone());
                guests.entry(list).or_default().push((member, guest));
            }
        }
        for (list, guests) in guests {
            awake.room(&list)?.resume(guests, now());
        }
        Ok(awake)
    }

    /// The room of a list, which is read from disk when it is first asked for.
    fn room(&mut self, list: &str) -> worker::Result<&mut Room> {
        if !self.rooms.contains_key(list) {
            self.rooms.retain(|_, room| room.members() > 0);
            let mut room = Room::new(List::new(self.disk.load(list)?), self.limits);
            if let Some(attic) = &self.attic {
                room.list().watch(attic.noted(usize::MAX)?);
            }
            self.rooms.insert(list.to_owned(), room);
        }
        let room = self.rooms.get_mut(list);
        room.ok_or_else(|| "a list went as it came".into())
    }

    /// Whether this visitor may ask this of the list.
    fn admit(&self, ask: Ask, visit: &Visit) -> Result<Result<Admitted, Refused>, JsValue> {
        let admitted = match &visit.pass {
            Pass::Own => Ok(Admitted {
                right: Right::Own,
                share: None,
            }),
            Pass::Share(token) => self.shares.admit(&visit.list, token)?,
            Pass::Member { owner } => {
                let members = Members::open(self.disk.sql())?;
                let caller = Caller {
                    user: visit.user.clone(),
                    vouched: *owner,
                };
                match members.admit(&caller, now())?.right() {
                    None => Err(Refused::Removed),
                    Some(_) if !members.has_list(&visit.list)? => Err(Refused::NoList),
                    Some(right) => Ok(Admitted { right, share: None }),
                }
            }
        };
        Ok(admitted.and_then(|admitted| admitted.to(ask)))
    }

    /// Where the home is of the user whose home this object remembers: where they first came from.
    fn home(&self, here: Region) -> Result<Response, JsValue> {
        const HOME: &str = "home";
        let known = notes::read(&self.disk, HOME)?;
        let known = known.as_deref().and_then(Region::named);
        if known.is_none() {
            notes::write(&self.disk, HOME, here.name())?;
        }
        let region = known.unwrap_or(here);
        let home = serde_json::to_value(Home { region }).map_err(|error| error.to_string())?;
        answer::json(200, &home)
    }

    /// Answers a question about the organisation whose object this is.
    fn organise(&mut self, caller: &Caller, errand: Errand) -> Result<Response, JsValue> {
        let outcome = Members::open(self.disk.sql())?.run(caller, errand, now())?;
        if outcome.changed {
            self.kept.forget();
        }
        if let Some(removed) = &outcome.removed {
            let who = Who::of(removed);
            let lists: Vec<String> = self.rooms.keys().cloned().collect();
            for list in lists {
                let turn = self.room(&list)?.expel(&who);
                self.carry_out(&list, turn)?;
            }
        }
        answer::json(outcome.status, &outcome.body)
    }

    /// The page or the todos, to be kept until something changes.
    fn read(
        &mut self,
        ask: Ask,
        visit: &Visit,
        right: Right,
        key: &str,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let size = self.disk.size();
        let list = self.room(&visit.list)?.list();
        let (kind, body) = match ask {
            Ask::Page => (
                Kind::Page,
                page::render(visit, &Sheet::of(list, visit, right, size)),
            ),
            _ => (Kind::Json, list.todos().to_json()),
        };
        let bytes = Uint8Array::from(body.as_bytes());
        self.kept.keep(key, kind, &bytes)?;
        kind.answer(&bytes, cookie)
    }

    /// `object`: the name of this one, to be told.
    fn usage(
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

    fn export(&mut self, visit: &Visit, cookie: Option<&str>) -> Result<Response, JsValue> {
        let json = self.room(&visit.list)?.list().export();
        let name = format!(
            "attachment; filename=\"todos.json\"; filename*=UTF-8''todos-{}.json",
            encode(&visit.user)
        );
        let response = Kind::Json.answer(&Uint8Array::from(json.as_bytes()), cookie)?;
        response.headers().set("content-disposition", &name)?;
        Ok(response)
    }

    fn post(&mut self, form: &str, posted: &Posted) -> Result<Response, JsValue> {
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

    fn import(&mut self, body: Vec<u8>, posted: &Posted) -> Result<Response, JsValue> {
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
    fn edit(
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

    /// Lets a new socket in.
    fn welcome(&mut self, socket: &WebSocket, list: &str, guest: Guest) -> Result<(), JsValue> {
        let member = self.places.last_key_value().map_or(0, |(last, _)| last + 1);
        socket.serialize_attachment(Attachment {
            member,
            list: list.to_owned(),
            guest: guest.clone(),
        })?;
        self.sockets.add(member, socket.as_ref());
        self.places.insert(member, list.to_owned());
        self.measures.metrics.sockets(self.places.len());
        let turn = self.room(list)?.join(member, guest, now());
        self.carry_out(list, turn)
    }

    /// Takes a message; one that can't be taken ends its socket and changes nothing.
    fn hear(&mut self, socket: &web_sys::WebSocket, text: Option<String>) -> Result<(), JsValue> {
        let Some(member) = self.sockets.number_of(socket) else {
            return Ok(());
        };
        let Some(list) = self.places.get(&member).cloned() else {
            return Ok(());
        };
        let (size, now) = (self.disk.size(), now());
        let length = text.as_ref().map_or(0, String::len);
        let turn = match text {
            Some(text) => self.room(&list)?.hear(member, &text, size, now),
            None => Err(Rejection::new(
                close::UNSUPPORTED,
                "only text is spoken here",
            )),
        };
        let mut failed = false;
        match turn {
            Ok(turn) => {
                if let Err(error) = self.carry_out(&list, turn) {
                    console_error!("an edit was not stored: {:?}", error);
                    failed = true;
                    let reason = "the edit could not be stored; nothing changed";
                    self.dismiss(member, &Rejection::new(close::FAILED, reason))?;
                }
            }
            Err(rejection) => self.dismiss(member, &rejection)?,
        }
        self.measures.metrics.message_in(length, failed, now);
        self.keep_metrics(now)
    }

    /// Somebody's socket is closed.
    fn part(&mut self, socket: &web_sys::WebSocket) -> Result<(), JsValue> {
        match self.sockets.number_of(socket) {
            Some(member) => self.leave(member).map(drop),
            None => Ok(()),
        }
    }

    /// Closes a socket for a reason.
    fn dismiss(&mut self, member: MemberId, rejection: &Rejection) -> Result<(), JsValue> {
        if let Some(socket) = self.leave(member)? {
            // It may be closed already.
            let _ = socket.close_with_code_and_reason(rejection.code, &rejection.reason);
        }
        Ok(())
    }

    fn leave(&mut self, member: MemberId) -> Result<Option<web_sys::WebSocket>, JsValue> {
        let socket = self.sockets.remove(member);
        if let Some(list) = self.places.remove(&member)
            && !self.spoilt
        {
            let turn = self.room(&list)?.leave(member, now());
            self.carry_out(&list, turn)?;
        }
        Ok(socket)
    }

    fn forget(&mut self, now: u64) -> Result<(), JsValue> {
        self.forgets = false;
        for list in self.disk.lists()? {
            let turn = self.room(&list)?.forget(now);
            self.carry_out(&list, turn)?;
        }
        Ok(())
    }

    fn ask_again(&mut self, now: u64) -> Result<(), JsValue> {
        let lists: Vec<String> = self.rooms.keys().cloned().collect();
        for list in lists {
            let turn = self.room(&list)?.ask_again(now);
            self.carry_out(&list, turn)?;
        }
        Ok(())
    }

    /// Tells later what a list has to tell.
    fn flush_at(&mut self, list: &str, at: u64) {
        if !self.flushing.insert(list.to_owned()) {
            return;
        }
        let (object, list) = (Weak::clone(&self.object), list.to_owned());
        let pause = Delay::from(Duration::from_millis(at.saturating_sub(now())));
        spawn_local(async move {
            pause.await;
            let flushed = object.upgrade().map(|object| {
                let mut awake = object.awake()?;
                awake.flushing.remove(&list);
                let turn = awake.room(&list)?.flush(now());
                awake.carry_out(&list, turn)
            });
            if let Some(Err(error)) = flushed {
                console_error!("a list was not told: {:?}", error);
            }
        });
    }

    fn send(&mut self, to: &[MemberId], texts: Vec<String>) -> Result<(), JsValue> {
        for text in texts {
            self.measures.metrics.message_out(to.len(), text.len());
            for lost in self.sockets.send(to, &JsString::from(text)) {
                self.leave(lost)?;
            }
        }
        Ok(())
    }

    /// Writes what is to be written, then tells everybody. The platform holds what is sent back
    /// until the disk has what was written.
    fn carry_out(&mut self, list: &str, turn: Turn) -> Result<(), JsValue> {
        if let Some(every) = self.counts {
            self.counted += 1;
            self.count_events(list, &turn.entries, every)?;
        }
        let written = self.disk.save(list, &turn.entries, &turn.gone);
        if written.is_err() {
            self.spoilt = true;
            return written;
        }
        if !turn.late.is_empty() {
            self.note_late(&turn.late)?;
        }
        if turn.changed {
            self.kept.forget();
            self.plan_archiving()?;
            self.measures.metrics.edit();
            self.note_change(list)?;
            if !self.forgets {
                let at = now() + limit::FORGET_EVERY;
                duties::schedule(&self.disk, Duty::Forget, at)?;
                self.forgets = true;
            }
        }
        self.tell(list, turn)
    }

    /// Does what follows once a turn is written.
    fn tell(&mut self, list: &str, turn: Turn) -> Result<(), JsValue> {
        if let Some(at) = turn.ask_again {
            duties::schedule(&self.disk, Duty::AskAgain, at)?;
        }
        for Mail { to, texts } in turn.mail {
            let to = match to {
                To::Members(members) => members,
                To::Syncing { but } => self.room(list)?.syncing(but),
            };
            self.send(&to, texts)?;
        }
        if let Some(at) = turn.flush {
            self.flush_at(list, at);
        }
        for (member, rest) in turn.rest {
            let texts = self.room(list)?.rest(&rest, now());
            self.send(&[member], texts)?;
        }
        for (member, rejection) in turn.dismissed {
            self.dismiss(member, &rejection)?;
        }
        Ok(())
    }
}

/// Sends somebody back to the page that they posted from.
fn back(visit: &Visit, cookie: Option<&str>) -> Result<Response, JsValue> {
    let back = page::back(visit);
    let mut headers = vec![("location", back.as_str())];
    headers.extend(cookie.map(|cookie| ("set-cookie", cookie)));
    text(303, "Done.", &headers)
}

#[derive(Clone, Copy)]
enum Kind {
    Page,
    Json,
}

impl Kind {
    /// What it answers.
    fn ask(self) -> Ask {
        match self {
            Self::Page => Ask::Page,
            Self::Json => Ask::Json,
        }
    }

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

    fn answer(&self, key: &str, cookie: Option<&str>) -> Result<Option<(Kind, Response)>, JsValue> {
        let Some(Answer { kind, bytes, init }) = self.0.get(key) else {
            return Ok(None);
        };
        let response = match cookie {
            None => answer::bytes(bytes, init),
            Some(cookie) => kind.answer(bytes, decode(cookie).as_deref()),
        };
        response.map(|response| Some((*kind, response)))
    }

    fn forget(&mut self) {
        self.0.clear();
    }
}
