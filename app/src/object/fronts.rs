//! Shows the first pages of long lists without reading the lists, and keeps them for that.

use std::rc::Weak;
use std::time::Duration;

use wasm_bindgen::JsValue;
use worker::wasm_bindgen_futures::spawn_local;
use worker::{Delay, console_error};

use super::Awake;
use crate::front::Front;

/// After the first of some edits: what else comes meanwhile costs nothing more. Before the object
/// sleeps, which it does ten seconds after the last event.
const SOON: Duration = Duration::from_secs(5);

impl Awake {
    /// What the first page shows, where that is known without the list.
    pub(super) fn front(&mut self, list: &str) -> Result<Option<Front<'static>>, JsValue> {
        if self.rooms.contains_key(list) {
            return Ok(None);
        }
        let front = Front::read(self.disk.sql(), list)?;
        if let Some(front) = &front {
            self.fronts.insert(list.to_owned(), front.counts.all);
        }
        Ok(front)
    }

    pub(super) fn keep_front_if_long(&mut self, list: &str) {
        let room = self.rooms.get_mut(list);
        if room.is_some_and(|room| room.list().is_long()) {
            self.keep_front_soon(list);
        }
    }

    pub(super) fn keep_front_soon(&mut self, list: &str) {
        if !self.fronting.insert(list.to_owned()) {
            return;
        }
        let (object, list) = (Weak::clone(&self.object), list.to_owned());
        spawn_local(async move {
            Delay::from(SOON).await;
            let kept = object.upgrade().map(|object| {
                let mut awake = object.awake()?;
                awake.fronting.remove(&list);
                awake.keep_front(&list)
            });
            if let Some(Err(error)) = kept {
                console_error!("the first page of a list was not kept: {:?}", error);
            }
        });
    }

    fn keep_front(&mut self, list: &str) -> Result<(), JsValue> {
        let Some(room) = self.rooms.get_mut(list) else {
            // Read anew, it is done anew.
            return Ok(());
        };
        match Front::of(room.list()) {
            Some(front) => front.keep(self.disk.sql(), list),
            None => Ok(()),
        }
    }
}
