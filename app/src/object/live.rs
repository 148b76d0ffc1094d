//! Those who have a list open: what they say, and what they are told.

use std::rc::Weak;
use std::time::Duration;

use wasm_bindgen::JsValue;
use worker::js_sys::JsString;
use worker::wasm_bindgen_futures::spawn_local;
use worker::web_sys;
use worker::{Delay, WebSocket, console_error};

use super::{Attachment, Awake};
use crate::duties::{self, Duty};
use crate::js::now;
use crate::limit;
use crate::message::{Rejection, close};
use crate::room::{Guest, Mail, MemberId, To, Turn};

impl Awake {
    /// Lets a new socket in.
    pub(super) fn welcome(
        &mut self,
        socket: &WebSocket,
        list: &str,
        guest: Guest,
    ) -> Result<(), JsValue> {
        self.expire_at(guest.expires_at())?;
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
    pub(super) fn hear(
        &mut self,
        socket: &web_sys::WebSocket,
        text: Option<String>,
    ) -> Result<(), JsValue> {
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
    pub(super) fn part(&mut self, socket: &web_sys::WebSocket) -> Result<(), JsValue> {
        match self.sockets.number_of(socket) {
            Some(member) => self.leave(member).map(drop),
            None => Ok(()),
        }
    }

    /// Closes a socket for a reason.
    pub(super) fn dismiss(
        &mut self,
        member: MemberId,
        rejection: &Rejection,
    ) -> Result<(), JsValue> {
        if let Some(socket) = self.leave(member)? {
            // It may be closed already.
            let _ = socket.close_with_code_and_reason(rejection.code, &rejection.reason);
        }
        Ok(())
    }

    pub(super) fn leave(
        &mut self,
        member: MemberId,
    ) -> Result<Option<web_sys::WebSocket>, JsValue> {
        let socket = self.sockets.remove(member);
        if let Some(list) = self.places.remove(&member)
            && !self.spoilt
            && !self.was_alone(&list, member)
        {
            let turn = self.room(&list)?.leave(member, now());
            self.carry_out(&list, turn)?;
        }
        Ok(socket)
    }

    /// Whether somebody who leaves was the only one there before the object slept, of a list that
    /// nobody has needed since: there is nobody to be told.
    fn was_alone(&mut self, list: &str, member: MemberId) -> bool {
        let guests = self.asleep.get(list);
        let alone = guests.is_some_and(|guests| guests.iter().all(|(id, _)| *id == member));
        if alone {
            self.asleep.remove(list);
        }
        alone
    }

    pub(super) fn forget(&mut self, now: u64) -> Result<(), JsValue> {
        self.forgets = false;
        for list in self.disk.lists()? {
            let turn = self.room(&list)?.forget(now);
            self.carry_out(&list, turn)?;
        }
        Ok(())
    }

    /// Closes WebSockets whose session or token has expired.
    pub(super) fn expire(&mut self, now: u64) -> Result<(), JsValue> {
        self.expires_at = None;
        for list in self.open_lists() {
            let turn = self.room(&list)?.expire(now);
            self.carry_out(&list, turn)?;
            let next = self.room(&list)?.expires_at();
            self.expire_at(next)?;
        }
        Ok(())
    }

    /// Has [`Self::expire`] called at that time, in milliseconds since 1970, or before.
    fn expire_at(&mut self, at: Option<u64>) -> Result<(), JsValue> {
        if let Some(at) = at
            && self.expires_at.is_none_or(|before| at < before)
        {
            duties::schedule(&self.disk, Duty::Expire, at)?;
            self.expires_at = Some(at);
        }
        Ok(())
    }

    pub(super) fn ask_again(&mut self, now: u64) -> Result<(), JsValue> {
        for list in self.open_lists() {
            let turn = self.room(&list)?.ask_again(now);
            self.carry_out(&list, turn)?;
        }
        Ok(())
    }

    /// Tells later what a list has to tell.
    pub(super) fn flush_at(&mut self, list: &str, at: u64) {
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

    pub(super) fn send(&mut self, to: &[MemberId], texts: Vec<String>) -> Result<(), JsValue> {
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
    pub(super) fn carry_out(&mut self, list: &str, turn: Turn) -> Result<(), JsValue> {
        if let Some(every) = self.counts {
            self.counted += 1;
            self.count_events(list, &turn.entries, every)?;
        }
        let written = self.disk.save(list, &turn.entries, &turn.gone);
        if written.is_err() {
            self.spoilt = true;
            return written;
        }
        if !turn.entries.is_empty() || !turn.gone.is_empty() {
            self.keep_front_if_long(list);
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
    pub(super) fn tell(&mut self, list: &str, turn: Turn) -> Result<(), JsValue> {
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
