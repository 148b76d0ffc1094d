//! The Durable Object: its lists in memory and on disk, and everybody connected.
//!
//! It sleeps whenever nothing happens; the WebSockets stay open meanwhile. What it needs when it
//! wakes up is in the database and in what is attached to each socket.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::rc::{Rc, Weak};

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::js_sys::{Promise, Reflect, Uint8Array};
use worker::wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{self, Request, Response};
use worker::{Env, State, WebSocketPair, console_error, worker_sys};

use crate::analytics::Counts;
use crate::answer::{self, text};
use crate::attic::Attic;
use crate::body;
use crate::call::{self, Call};
use crate::disk::Disk;
use crate::duties::{self, Duty};
use crate::front::Front;
use crate::gate::Limits;
use crate::handover::Handovers;
use crate::home::Home;
use crate::hop::{Ask, Hop, Pass, Visit};
use crate::js::{now, random};
use crate::legacy;
use crate::limit;
use crate::list::List;
use crate::members::Members;
use crate::message::close;
use crate::notes;
use crate::org::{Caller, Errand};
use crate::presence::Who;
use crate::region::Region;
use crate::room::{Dialect, Guest, MemberId, Room};
use crate::share::{Admitted, Refused};
use crate::shares::Shares;
use crate::sheet::Right;
use crate::sockets::Sockets;

use self::backups::Plan;
use self::kept::{Kept, Kind};
use self::measures::Measures;
use self::phases::Phases;

mod answering;
mod archiving;
mod backups;
mod bring;
mod counting;
mod fronts;
mod kept;
mod live;
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
    /// Who was there before the object slept, of lists that nobody has needed since.
    asleep: BTreeMap<String, Vec<(MemberId, Guest)>>,
    /// How many todos there are in lists that were shown without being read.
    fronts: BTreeMap<String, usize>,
    /// The lists whose first page is going to be kept.
    fronting: BTreeSet<String>,
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
    /// When somebody's session is looked at next, in milliseconds since 1970.
    expires_at: Option<u64>,
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
                Duty::Expire => awake.expire(now)?,
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
        let Hop {
            ask,
            visit,
            until,
            cookie,
        } = hop;
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
                    until,
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
            Duty::AskAgain | Duty::Forget | Duty::Expire => Ok(()),
        }
    }

    fn connect(&self, guest: Guest, list: &str, cookie: Option<&str>) -> Result<Response, JsValue> {
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        self.state.accept_web_socket(&server);
        self.awake()?.welcome(&server, list, guest)?;
        answer::switched(&client, cookie)
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
        Front::prepare(disk.sql())?;
        legacy::upgrade(&disk, now(), random())?;
        let kept = notes::read(&disk, Measures::NOTE)?;
        let measures = Measures::open(state, &object.env, kept.as_deref());
        let moves_from = moving::is_due(&disk, object.env.unchecked_ref())?;
        let forgets = duties::is_scheduled(&disk, Duty::Forget)?;
        let expires_at = duties::at(&disk, Duty::Expire)?;
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
            asleep: BTreeMap::new(),
            fronts: BTreeMap::new(),
            fronting: BTreeSet::new(),
            sockets: Sockets::new(),
            places: BTreeMap::new(),
            kept: Kept::default(),
            measures,
            plan: *plan,
            unsaved: BTreeSet::new(),
            forgets,
            expires_at,
            flushing: BTreeSet::new(),
            object: Weak::clone(&object.me),
            spoilt: false,
        };
        awake.prepare_backups(now())?;
        if awake.archives_at.is_none() && awake.disk.has_entries("")? {
            awake.plan_archiving()?;
        }
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
                awake.asleep.entry(list).or_default().push((member, guest));
            }
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
            if let Some(guests) = self.asleep.remove(list) {
                room.resume(guests, now());
            }
            let is_long = room.list().is_long();
            self.fronts.remove(list);
            self.rooms.insert(list.to_owned(), room);
            if is_long && !Front::is_kept(self.disk.sql(), list)? {
                self.keep_front_soon(list);
            }
        }
        let room = self.rooms.get_mut(list);
        room.ok_or_else(|| "a list went as it came".into())
    }

    /// The lists that somebody has open.
    fn open_lists(&self) -> BTreeSet<String> {
        self.places.values().cloned().collect()
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
        answer::json(200, &Home { region })
    }

    /// Answers a question about the organisation whose object this is.
    fn organise(&mut self, caller: &Caller, errand: Errand) -> Result<Response, JsValue> {
        let outcome = Members::open(self.disk.sql())?.run(caller, errand, now())?;
        if outcome.changed {
            self.kept.forget();
        }
        if let Some(removed) = &outcome.removed {
            let who = Who::of(removed);
            for list in self.open_lists() {
                let turn = self.room(&list)?.expel(&who);
                self.carry_out(&list, turn)?;
            }
        }
        answer::json(outcome.status, &outcome.body)
    }
}
