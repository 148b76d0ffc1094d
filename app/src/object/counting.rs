//! Counting what happens in lists, and reporting it to those who want to know.

use serde::de::IgnoredAny;
use wasm_bindgen::JsValue;
use worker::web_sys::Response;

use super::phases::object;
use super::{Awake, Object};
use crate::analytics::{Counts, Day, Heard};
use crate::answer;
use crate::api::answer_of;
use crate::call::Call;
use crate::duties::{self, Duty};
use crate::entry::Entry;
use crate::hop::Visit;
use crate::js::now;
use crate::shard;

/// Milliseconds after which a report is tried again that was not heard.
const AGAIN: u64 = 60_000;

impl Awake {
    /// Takes note of the organisation that the visitor's list is of.
    pub(super) fn note_org(&self, visit: &Visit) -> Result<(), JsValue> {
        if let Some(org) = &visit.org {
            Counts::of(self.disk.sql()).belongs(&visit.list, org)?;
        }
        Ok(())
    }

    /// Counts what is about to be written.
    pub(super) fn count_events(
        &self,
        list: &str,
        entries: &[Entry],
        every: u64,
    ) -> Result<(), JsValue> {
        let now = now();
        Counts::of(self.disk.sql()).note(list, entries, now)?;
        if !duties::is_scheduled(&self.disk, Duty::Report)? {
            duties::schedule(&self.disk, Duty::Report, now + every)?;
        }
        Ok(())
    }

    pub(super) fn hear_counts(&self, source: &str, days: &[Day]) -> Result<Response, JsValue> {
        Heard::open(self.disk.sql())?.hear(source, days)?;
        answer::json(200, &serde_json::Value::Null)
    }

    pub(super) fn tell_counts(&self, days: u32) -> Result<Response, JsValue> {
        let days = Heard::open(self.disk.sql())?.days(days)?;
        answer::json(200, &serde_json::json!({ "days": days }))
    }
}

impl Object {
    /// Reports what was counted.
    pub(super) async fn report(&self) -> Result<(), JsValue> {
        let (reports, counted) = {
            let awake = self.awake()?;
            // In case that this is interrupted.
            duties::schedule(&awake.disk, Duty::Report, now() + AGAIN)?;
            (Counts::of(awake.disk.sql()).reports()?, awake.counted)
        };
        for (org, days) in reports {
            let org = (!org.is_empty()).then_some(&*org);
            let other = object(&self.env, &shard::analytics(org))?;
            let source = self.phases.name.clone();
            let _: IgnoredAny = answer_of(&other, &Call::Count { source, days }).await?;
        }
        let awake = self.awake()?;
        Counts::of(awake.disk.sql()).reported(now())?;
        if awake.counted == counted {
            return duties::cancel(&awake.disk, Duty::Report);
        }
        let every = self.phases.report_every;
        duties::schedule(&awake.disk, Duty::Report, now() + every)
    }
}
