//! What is the same to Cloudflare made the same to us: a setting that is not given and one that
//! has Cloudflare's own value are one.

use serde_json::{Map, Value, json};
use tiny_cloudflare::{ConsumerSettings, Limits, Observability, Placement};

/// CPU time of an invocation where nothing is said.
const CPU_MS: u32 = 30_000;
const BATCH_SIZE: u32 = 10;
const MAX_WAIT_TIME_MS: u32 = 5_000;
const MAX_RETRIES: u32 = 3;

/// `false`, or what is kept of which share.
pub(super) fn observability(settings: Option<&Observability>) -> Value {
    let Some(settings) = settings else {
        return Value::Bool(false);
    };
    let logs = settings.logs.as_ref();
    let traces = settings.traces.as_ref();
    let logs_on = logs.map_or(settings.enabled, |logs| logs.enabled);
    let traces_on = traces.is_some_and(|traces| traces.enabled);
    if !settings.enabled && !logs_on && !traces_on {
        return Value::Bool(false);
    }
    let share = |rate: Option<f64>| rate.unwrap_or(1.0);
    json!({
        "enabled": settings.enabled,
        "head_sampling_rate": share(settings.head_sampling_rate),
        "logs": if logs_on {
            json!({
                "head_sampling_rate": share(logs.and_then(|logs| logs.head_sampling_rate)),
                "invocation_logs": logs.is_none_or(|logs| logs.invocation_logs),
            })
        } else {
            Value::Bool(false)
        },
        "traces": if traces_on {
            json!({
                "head_sampling_rate": share(traces.and_then(|traces| traces.head_sampling_rate)),
            })
        } else {
            Value::Bool(false)
        },
    })
}

pub(super) fn limits(limits: &Limits) -> Value {
    let mut given = Map::new();
    if let Some(cpu_ms) = limits.cpu_ms.filter(|cpu_ms| *cpu_ms != CPU_MS) {
        given.insert("cpu_ms".to_owned(), cpu_ms.into());
    }
    if let Some(subrequests) = limits.subrequests {
        given.insert("subrequests".to_owned(), subrequests.into());
    }
    Value::Object(given)
}

/// `default`, `smart`, or the region or host.
pub(super) fn placement(placement: Option<&Placement>) -> Value {
    match placement {
        None => json!("default"),
        Some(Placement::Smart) => json!("smart"),
        Some(Placement::Region(region)) => json!({ "region": region }),
        Some(Placement::Host(host)) => json!({ "host": host }),
    }
}

/// As Cloudflare tells it: with what came of it, and in several spellings.
pub(super) fn live_placement(told: &Value) -> Value {
    let target = match told.get("target") {
        Some(Value::Array(targets)) => targets.first().unwrap_or(told),
        Some(target) => target,
        None => told,
    };
    for place in ["region", "host", "hostname"] {
        if let Some(value) = target.get(place) {
            return json!({ place: value });
        }
    }
    match told.get("mode").and_then(Value::as_str) {
        Some("smart") => json!("smart"),
        _ => json!("default"),
    }
}

pub(super) fn consumer(settings: &ConsumerSettings, dead_letter_queue: Option<&str>) -> Value {
    let mut shown = Map::new();
    let mut set = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    set(
        "batch_size",
        settings.batch_size.unwrap_or(BATCH_SIZE).into(),
    );
    set(
        "max_wait_time_ms",
        settings.max_wait_time_ms.unwrap_or(MAX_WAIT_TIME_MS).into(),
    );
    set(
        "max_retries",
        settings.max_retries.unwrap_or(MAX_RETRIES).into(),
    );
    if let Some(delay) = settings.retry_delay.filter(|delay| *delay != 0) {
        set("retry_delay", delay.into());
    }
    if let Some(most) = settings.max_concurrency {
        set("max_concurrency", most.into());
    }
    if let Some(queue) = dead_letter_queue.filter(|queue| !queue.is_empty()) {
        set("dead_letter_queue", queue.into());
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use tiny_cloudflare::LogSettings;

    use super::*;

    #[test]
    fn what_cloudflare_fills_in_is_no_difference() {
        let asked = Observability {
            enabled: true,
            ..Observability::default()
        };
        let told = Observability {
            enabled: true,
            head_sampling_rate: Some(1.0),
            logs: Some(LogSettings {
                enabled: true,
                invocation_logs: true,
                head_sampling_rate: Some(1.0),
            }),
            traces: None,
        };
        assert_eq!(observability(Some(&asked)), observability(Some(&told)));
        let off = Observability::default();
        assert_eq!(observability(None), observability(Some(&off)));
        assert_eq!(
            limits(&Limits::default()),
            limits(&Limits {
                cpu_ms: Some(30_000),
                subrequests: None
            })
        );
        assert_eq!(
            consumer(&ConsumerSettings::default(), None),
            consumer(
                &ConsumerSettings {
                    batch_size: Some(10),
                    max_wait_time_ms: Some(5000),
                    max_retries: Some(3),
                    retry_delay: Some(0),
                    max_concurrency: None,
                },
                Some("")
            )
        );
    }

    #[test]
    fn a_place_is_told_in_several_spellings() {
        let region = placement(Some(&Placement::Region("aws:eu-west-1".to_owned())));
        for told in [
            json!({ "region": "aws:eu-west-1" }),
            json!({ "mode": "targeted", "region": "aws:eu-west-1", "status": "SUCCESS" }),
            json!({ "mode": "targeted", "target": { "region": "aws:eu-west-1" } }),
            json!({ "mode": "targeted", "target": [{ "region": "aws:eu-west-1" }] }),
        ] {
            assert_eq!(live_placement(&told), region, "{told}");
        }
        assert_eq!(
            live_placement(&json!({ "mode": "smart", "status": "SUCCESS" })),
            placement(Some(&Placement::Smart))
        );
        for told in [json!(null), json!({}), json!({ "mode": "off" })] {
            assert_eq!(live_placement(&told), placement(None), "{told}");
        }
    }

    #[test]
    fn logs_that_somebody_turned_off_are_a_difference() {
        let asked = Observability {
            enabled: true,
            ..Observability::default()
        };
        let told = Observability {
            logs: Some(LogSettings {
                enabled: false,
                invocation_logs: true,
                head_sampling_rate: None,
            }),
            ..asked.clone()
        };
        assert_ne!(observability(Some(&asked)), observability(Some(&told)));
    }
}
