//! The object's metrics: counted as things happen, kept about once a minute, told to whoever owns
//! the list and to Analytics Engine.

use wasm_bindgen::JsValue;
use worker::web_sys::Response;
use worker::{
    AnalyticsEngineDataPointBuilder, AnalyticsEngineDataset, Env, State, console_error,
    console_warn,
};

use super::Awake;
use crate::answer::{self, INERT, NOSNIFF};
use crate::hop::{Ask, Visit};
use crate::js::now;
use crate::list::TODOS;
use crate::metrics::{Gauges, Metrics, Warning};
use crate::notes;
use crate::usage::Level;

/// The note that the metrics are.
const NOTE: &str = "metrics";
/// How many answers that cost next to nothing are given between looks at the clock.
const QUICK: u32 = 64;
/// Bytes of an Analytics Engine index at most.
const INDEX: usize = 96;

/// Where the metrics of all objects come together.
pub(super) struct Measures {
    pub(super) metrics: Metrics,
    dataset: Option<AnalyticsEngineDataset>,
    /// What this object is called.
    name: String,
    quick: u32,
}

impl Measures {
    pub(super) fn open(state: &State, env: &Env, kept: Option<&str>) -> Self {
        let id = state.id();
        Self {
            metrics: Metrics::restore(kept),
            dataset: env.analytics_engine("METRICS").ok(),
            name: id.name().unwrap_or_else(|| id.to_string()),
            quick: 0,
        }
    }

    pub(super) const NOTE: &str = NOTE;

    fn write(&self, doubles: impl IntoIterator<Item = f64>, level: Level) {
        let Some(dataset) = &self.dataset else {
            return;
        };
        let mut end = self.name.len().min(INDEX);
        while !self.name.is_char_boundary(end) {
            end -= 1;
        }
        let point = AnalyticsEngineDataPointBuilder::new()
            .indexes([&self.name[..end]])
            .add_blob(self.name.as_str())
            .add_blob(level.name())
            .doubles(doubles)
            .build();
        if let Err(error) = dataset.write_data_point(&point) {
            console_error!("a data point was not written: {error}");
        }
    }
}

impl Awake {
    /// Counts a request.
    pub(super) fn count(&mut self, ask: Ask) -> Result<(), JsValue> {
        self.measures.metrics.request(ask.name());
        self.keep_metrics(now())
    }

    /// Counts a request whose answer was there already.
    pub(super) fn count_quick(&mut self, ask: Ask) -> Result<(), JsValue> {
        let measures = &mut self.measures;
        measures.metrics.request(ask.name());
        measures.quick = (measures.quick + 1) % QUICK;
        if measures.quick == 0 {
            self.keep_metrics(now())?;
        }
        Ok(())
    }

    /// Writes what was counted, when it is time to.
    pub(super) fn keep_metrics(&mut self, now: u64) -> Result<(), JsValue> {
        if self.spoilt || !self.measures.metrics.is_due(now) {
            return Ok(());
        }
        let gauges = self.gauges();
        self.warn(gauges, now);
        let (text, counted) = self.measures.metrics.keep(now);
        if let Some(text) = text {
            notes::write(&self.disk, NOTE, &text)?;
        }
        self.measures
            .write(counted.doubles(gauges), Level::of(gauges.storage));
        Ok(())
    }

    /// How things stand with the lists that were needed since the object woke.
    fn gauges(&mut self) -> Gauges {
        let rooms = self.rooms.values_mut();
        let read: usize = rooms.map(|room| room.list().store().row_count(TODOS)).sum();
        let shown: usize = self.fronts.values().sum();
        Gauges {
            sockets: self.places.len() as u64,
            todos: (read + shown) as u64,
            completed: 0,
            storage: self.disk.size(),
            storage_limit: self.limits.storage,
        }
    }

    /// What is beyond its threshold; the log is told once.
    pub(super) fn warn(&mut self, gauges: Gauges, now: u64) -> Vec<Warning> {
        let metrics = &mut self.measures.metrics;
        let warnings = metrics.warnings(gauges, now);
        for warning in metrics.news(&warnings) {
            console_warn!("{}: {warning}", self.measures.name);
        }
        warnings
    }

    /// As [`Self::warn`], in words.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        let gauges = self.gauges();
        let warnings = self.warn(gauges, now());
        warnings.iter().map(Warning::to_string).collect()
    }

    pub(super) fn show_metrics(
        &mut self,
        ask: Ask,
        visit: &Visit,
        cookie: Option<&str>,
    ) -> Result<Response, JsValue> {
        let counts = self.room(&visit.list)?.list().counts();
        let gauges = Gauges {
            todos: counts.all as u64,
            completed: counts.completed as u64,
            ..self.gauges()
        };
        let warnings = self.warn(gauges, now());
        let metrics = &self.measures.metrics;
        let response = if ask == Ask::MetricsAsJson {
            answer::json(200, &metrics.to_json(gauges, &warnings))?
        } else {
            let text = metrics.to_prometheus(gauges, &warnings);
            let headers = [
                ("content-type", "text/plain; version=0.0.4; charset=utf-8"),
                ("cache-control", "no-store"),
                INERT,
                NOSNIFF,
            ];
            Response::new_with_opt_str_and_init(Some(&text), &answer::init(200, headers)?)?
        };
        answer::with_cookie(response, cookie)
    }
}
