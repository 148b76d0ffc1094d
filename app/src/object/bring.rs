//! Lists that come from where an earlier phase had them, and lists that are taken to where a later
//! phase has them. What both sides remember of it is in `handover.rs`.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use serde::de::IgnoredAny;
use tinybase::Changes;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::console_error;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::{JsFuture, future_to_promise};
use worker::web_sys::{Request, Response};

use super::phases::{Phases, object};
use super::{Awake, Object, TinyBaseStore};
use crate::answer::{self, text};
use crate::api::answer_of;
use crate::call::Call;
use crate::duties::{self, Duty};
use crate::handover::{Claim, Handovers, Key, Load, State};
use crate::hop::{Hop, Pass, Visit};
use crate::js::{now, random};
use crate::message::{Rejection, close};
use crate::presence;
use crate::shard::Place;

/// Where a list is that is not here.
pub(super) enum Away {
    /// In one of these places, from where it is to be brought.
    Bring(Vec<Place>),
    /// Where it was taken to, under its name there.
    Moved { to: String, list: String },
    /// On its way to there, if it has not arrived yet.
    Leaving { to: String, list: String },
}

/// Milliseconds after which is tried again what could not be done.
const AGAIN: u64 = 10_000;
/// Bytes of a list that are merged at a time.
const PART: usize = 128 * 1024;

impl Awake {
    /// Where the list is, if it is not here.
    pub(super) fn away(&self, phases: &Phases, visit: &Visit) -> Result<Option<Away>, JsValue> {
        let Some(handovers) = &self.handovers else {
            return Ok(None);
        };
        let state = handovers.state(&visit.list)?;
        if matches!(state, Some(State::Here | State::Anew)) {
            return Ok(None);
        }
        if visit.pass == Pass::Own {
            let earlier = phases.earlier(&visit.user, visit.org.as_deref(), &visit.list)?;
            if !earlier.elsewhere.is_empty() {
                return Ok(Some(Away::Bring(earlier.elsewhere)));
            }
            // An organisation got what its user had outside of all: out here they begin anew.
            if earlier.here && matches!(state, Some(State::Gone { .. })) {
                handovers.begin(&visit.list)?;
                return Ok(None);
            }
        }
        Ok(match state {
            Some(State::Gone { to, list }) => Some(Away::Moved { to, list }),
            Some(State::Leaving(claim)) => Some(Away::Leaving {
                to: claim.by,
                list: claim.becomes,
            }),
            Some(State::Here | State::Anew) | None => None,
        })
    }

    /// Whether a list was taken from here, or is being taken.
    pub(super) fn is_handed_over(&self, list: &str) -> Result<bool, JsValue> {
        let Some(handovers) = &self.handovers else {
            return Ok(false);
        };
        let state = handovers.state(list)?;
        Ok(matches!(
            state,
            Some(State::Leaving(_) | State::Gone { .. })
        ))
    }

    fn handovers(&mut self) -> worker::Result<&Handovers> {
        if self.handovers.is_none() {
            self.handovers = Some(Handovers::open(self.disk.sql())?);
        }
        let handovers = self.handovers.as_ref();
        handovers.ok_or_else(|| "what moves is not known".into())
    }

    /// Hands a part of a list over. From the first part on nobody edits it here.
    pub(super) fn hand_over(
        &mut self,
        phases: &Phases,
        claim: &Claim,
        after: Option<Key>,
    ) -> Result<Response, JsValue> {
        let handovers = self.handovers()?;
        let state = handovers.state(&claim.list)?;
        let load = match (state, after) {
            // It has gone before: there is nothing here.
            (Some(State::Gone { .. }), _) => Load::default(),
            // What was begun outside of organisations stays there while there are some.
            (Some(State::Anew), None) if phases.have_orgs() => Load::default(),
            (Some(State::Leaving(by)), Some(after)) if by == *claim => {
                handovers.load(&claim.list, Some(after))?
            }
            (_, Some(_)) => return text(409, "Somebody else takes this list.", &[]),
            (_, None) => {
                handovers.leave(claim)?;
                self.close(&claim.list)?;
                let handovers = self.handovers()?;
                let load = handovers.load(&claim.list, None)?;
                if load.entries.is_empty() && load.links.is_empty() {
                    handovers.forget(claim)?;
                }
                load
            }
        };
        let load = serde_json::to_value(load).map_err(|error| error.to_string())?;
        answer::json(200, &load)
    }

    /// Forgets a list that has arrived elsewhere.
    pub(super) fn handed_over(&mut self, claim: &Claim) -> Result<Response, JsValue> {
        let handovers = self.handovers()?;
        if handovers.is_claimed_by(claim)? {
            handovers.forget(claim)?;
        }
        answer::json(200, &serde_json::Value::Null)
    }

    /// Closes the sockets of a list, for their clients to come back where it is.
    fn close(&mut self, list: &str) -> Result<(), JsValue> {
        let here = self.places.iter().filter(|(_, place)| *place == list);
        let here: Vec<_> = here.map(|(member, _)| *member).collect();
        let moved = Rejection::new(close::MOVED, "the list has moved");
        for member in here {
            self.dismiss(member, &moved)?;
        }
        self.rooms.remove(list);
        self.kept.forget();
        Ok(())
    }

    /// Makes what was put aside part of the list.
    fn unpack(&mut self, list: &str) -> Result<(), JsValue> {
        let occupied = self.places.values().any(|place| place == list);
        if !occupied && !self.disk.has_entries(list)? {
            self.rooms.remove(list);
            self.handovers()?.unpack(list)?;
        } else {
            let arrived = self.handovers()?.unpacked(list)?;
            let counts = std::mem::take(&mut self.counts);
            for part in arrived.parts(PART, presence::is_presence) {
                let changes = Changes::parse(&part).map_err(|wrong| wrong.to_string())?;
                let size = self.disk.size();
                match self.room(list)?.merge(changes, size, now()) {
                    Ok(turn) => self.carry_out(list, turn)?,
                    Err(Rejection { reason, .. }) => return Err(reason.into()),
                }
            }
            self.counts = counts;
            self.handovers()?.expect(list)?;
        }
        self.kept.forget();
        Ok(())
    }
}

impl TinyBaseStore {
    /// Answers about a list that is not here.
    pub(super) fn answer_elsewhere(
        &self,
        request: &Request,
        hop: Hop,
        away: Away,
    ) -> Result<JsValue, JsValue> {
        match away {
            Away::Bring(from) => Ok(self.answer_when_brought(request, hop, from)),
            Away::Moved { to, list } if hop.visit.pass != Pass::Own => {
                Ok(self.ask_there(request, hop, &to, list)?.into())
            }
            Away::Leaving { to, list } if hop.visit.pass != Pass::Own => {
                let asked = self.ask_there(request, hop, &to, list)?;
                let answer = async move {
                    let answer: Response = JsFuture::from(asked).await?.unchecked_into();
                    // The link is not known there as long as the list is under way.
                    if answer.status() == 403 {
                        return on_its_way().map(Into::into);
                    }
                    Ok(answer.into())
                };
                Ok(future_to_promise(AssertUnwindSafe(answer)).into())
            }
            // Whoever asks here for a list of their own goes by variables from before the move.
            Away::Moved { .. } | Away::Leaving { .. } => on_its_way().map(Into::into),
        }
    }

    /// Hands a visitor on who came by a link from before the move.
    fn ask_there(
        &self,
        request: &Request,
        hop: Hop,
        to: &str,
        list: String,
    ) -> Result<Promise, JsValue> {
        let visit = Visit { list, ..hop.visit };
        let url = Hop { visit, ..hop }.to_url();
        let request = Request::new_with_str_and_init(&url, request.unchecked_ref())?;
        object(&self.0.env, to)?.send(&request)
    }

    fn answer_when_brought(&self, request: &Request, hop: Hop, from: Vec<Place>) -> JsValue {
        let (store, request) = (Self(Rc::clone(&self.0)), Clone::clone(request));
        let answer = async move {
            if let Err(error) = store.bring_once(&hop.visit, from).await {
                console_error!("a list could not be brought here: {:?}", error);
                return on_its_way().map(Into::into);
            }
            let url = request.url();
            let answer = store.answer(&request, Hop::split_cookie(&url).0, hop)?;
            JsFuture::from(Promise::resolve(&answer)).await
        };
        future_to_promise(AssertUnwindSafe(answer)).into()
    }

    /// Brings a list here; those who ask at the same time wait for the same.
    async fn bring_once(&self, visit: &Visit, from: Vec<Place>) -> Result<(), JsValue> {
        let under_way = self.0.bringing.borrow().get(&visit.list).cloned();
        let promise = under_way.unwrap_or_else(|| {
            let (object, list) = (Rc::clone(&self.0), visit.list.clone());
            let bringing = async move {
                let brought = object.bring(&list, from).await;
                object.bringing.borrow_mut().remove(&list);
                brought.map(|()| JsValue::UNDEFINED)
            };
            let promise = future_to_promise(AssertUnwindSafe(bringing));
            let mut bringing = self.0.bringing.borrow_mut();
            bringing.insert(visit.list.clone(), promise.clone());
            promise
        });
        JsFuture::from(promise).await.map(drop)
    }
}

fn on_its_way() -> Result<Response, JsValue> {
    let why = "This list is on its way to another place. Please try again in a moment.";
    text(503, why, &[("retry-after", "5")])
}

impl Object {
    /// Brings all that there is of a list from where it may be.
    async fn bring(&self, list: &str, from: Vec<Place>) -> Result<(), JsValue> {
        let token = format!("{:016x}", random());
        let mut told = Vec::with_capacity(from.len());
        for place in from {
            let claim = Claim {
                list: place.list.clone(),
                by: self.phases.name.clone(),
                becomes: list.to_owned(),
                token: token.clone(),
            };
            let other = object(&self.env, &place.object)?;
            self.awake()?.handovers()?.expect(list)?;
            let mut after = None;
            loop {
                let load: Load = answer_of(&other, &Call::Take(claim.clone(), after)).await?;
                self.awake()?.handovers()?.put_aside(list, &load)?;
                after = load.more;
                if after.is_none() {
                    break;
                }
            }
            self.phases.passed("taken")?;
            self.awake()?.unpack(list)?;
            told.push((place, claim));
        }
        {
            let mut awake = self.awake()?;
            awake.handovers()?.arrive(list, &told)?;
            duties::schedule(&awake.disk, Duty::TellArrivals, now() + AGAIN)?;
        }
        self.phases.passed("arrived")?;
        // The list is here, whether or not the others hear of it now.
        if let Err(error) = self.tell_arrivals().await {
            console_error!(
                "lists that arrived are still kept where they were: {:?}",
                error
            );
        }
        Ok(())
    }

    /// Tells those who handed lists over that they have arrived.
    pub(super) async fn tell_arrivals(&self) -> Result<(), JsValue> {
        let to_tell = {
            let mut awake = self.awake()?;
            duties::schedule(&awake.disk, Duty::TellArrivals, now() + AGAIN)?;
            awake.handovers()?.to_tell()?
        };
        for (name, claim) in to_tell {
            let other = object(&self.env, &name)?;
            let _: IgnoredAny = answer_of(&other, &Call::Taken(claim.clone())).await?;
            self.awake()?.handovers()?.told(&name, &claim)?;
        }
        let mut awake = self.awake()?;
        // Others may have arrived meanwhile.
        if awake.handovers()?.to_tell()?.is_empty() {
            duties::cancel(&awake.disk, Duty::TellArrivals)?;
        }
        Ok(())
    }
}
