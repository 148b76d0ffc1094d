//! What this worker's variables say about where lists are and were: docs/scaling.md.

use wasm_bindgen::{JsCast as _, JsValue};
use worker::{Env, State};

use super::archiving::Plan;
use crate::archive::Rest;
use crate::js::{self, Bindings, Stub};
use crate::shard::{Place, Sharding};

pub(super) struct Phases {
    sharding: Result<Sharding, String>,
    earlier: Result<Vec<Sharding>, String>,
    /// The name of this object.
    pub(super) name: String,
    /// Milliseconds from something that is counted to its report.
    pub(super) report_every: u64,
    /// For tests: after which step to stop, as if the object had died then.
    stop_after: Option<String>,
    /// How todos leave for the archive, where they do.
    pub(super) archiving: Option<Plan>,
}

/// Where a list may be from earlier.
#[derive(Default)]
pub(super) struct Earlier {
    pub(super) elsewhere: Vec<Place>,
    /// Whether this is where it was, too.
    pub(super) here: bool,
}

impl Phases {
    pub(super) fn of(state: &State, env: &Env) -> Self {
        let bindings: &Bindings = env.unchecked_ref();
        let shards = js::text(&bindings.shards_before());
        let names = js::text(&bindings.sharding_before());
        let seconds = |variable: JsValue| -> Option<u64> { js::text(&variable)?.parse().ok() };
        let days = |variable: JsValue| -> Option<f64> { js::text(&variable)?.parse().ok() };
        let sharding = Sharding::read(bindings.sharding().as_deref(), || {
            js::text(&bindings.shards())
        });
        let archiving = (sharding == Ok(Sharding::Hybrid)).then(|| Plan {
            rest: Rest::of_days(
                days(bindings.archive_completed_after()),
                days(bindings.archive_after()),
            ),
            every: seconds(bindings.archive_every()).unwrap_or(86_400) * 1_000,
        });
        Self {
            sharding,
            archiving,
            earlier: Sharding::earlier(shards.as_deref(), names.as_deref()),
            name: state.id().name().unwrap_or_default(),
            report_every: seconds(bindings.report_every()).unwrap_or(60) * 1_000,
            stop_after: bindings.stop_after(),
        }
    }

    /// Whether lists come here from elsewhere.
    pub(super) fn fetch_lists(&self) -> bool {
        !matches!(&self.earlier, Ok(earlier) if earlier.is_empty())
    }

    pub(super) fn have_orgs(&self) -> bool {
        self.sharding == Ok(Sharding::Org)
    }

    pub(super) fn count(&self) -> bool {
        matches!(self.sharding, Ok(Sharding::Feature(_)))
    }

    /// Where a user's own list may be that is now here, under this name.
    pub(super) fn earlier(
        &self,
        user: &str,
        org: Option<&str>,
        list: &str,
    ) -> Result<Earlier, JsValue> {
        let mut places = Earlier::default();
        for sharding in self
            .earlier
            .as_ref()
            .map_err(|why| JsValue::from(why.as_str()))?
        {
            let place = sharding.own(user, org)?;
            if place.object == self.name && place.list == list {
                places.here = true;
            } else if !places.elsewhere.contains(&place) {
                places.elsewhere.push(place);
            }
        }
        Ok(places)
    }

    /// Fails if this is the step to stop after.
    pub(super) fn passed(&self, step: &str) -> Result<(), JsValue> {
        if self.stop_after.as_deref() == Some(step) {
            return Err(format!("stopped after `{step}`, as STOP_AFTER says").into());
        }
        Ok(())
    }
}

/// The object of that name.
pub(super) fn object(env: &Env, name: &str) -> Result<Stub, JsValue> {
    let bindings: &Bindings = env.unchecked_ref();
    let stores = bindings.stores().ok_or("TINYBASE_STORE is not bound")?;
    stores.get_by_name(name)
}
