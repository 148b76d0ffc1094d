//! How a worker is run and watched: placement, limits, observability.

use super::check_range;
use crate::format::{CodeUpdateTable, ObservabilityTable, PlacementTable};
use crate::reader::At;
use crate::reader::Either;
use crate::report::Report;
use crate::worker::{
    CodeUpdate, CodeUpdateMode, Observability, ObservedLogs, ObservedTraces, Placement,
};

pub(super) fn placement(table: &At<PlacementTable>, report: &mut Report) -> Option<Placement> {
    let PlacementTable {
        mode,
        region,
        host,
        keys_written,
    } = &table.value;
    match (mode, region, host) {
        (Some(mode), None, None) => Some(Placement::Mode(*mode)),
        (None, Some(region), None) => Some(Placement::Region(region.value.clone())),
        (None, None, Some(host)) => Some(Placement::Host(host.value.clone())),
        // What was written is wrong, which has been reported.
        (None, None, None) if *keys_written > 0 => None,
        _ => {
            let help = "give one of `mode = \"smart\"`, `region` and `host`".to_owned();
            report.problem(
                table.span,
                "a worker has one placement",
                "none or several",
                help,
            );
            None
        }
    }
}

pub(super) fn observability(
    written: &Either<bool, ObservabilityTable>,
    report: &mut Report,
) -> Observability {
    let table = match written {
        Either::Short(enabled) => {
            return Observability {
                enabled: *enabled,
                ..Observability::default()
            };
        }
        Either::Long(table) => table,
    };
    Observability {
        enabled: table.enabled.unwrap_or(true),
        head_sampling_rate: rate(table.head_sampling_rate.as_ref(), report),
        logs: table.logs.as_ref().map(|logs| ObservedLogs {
            enabled: logs.enabled.unwrap_or(true),
            head_sampling_rate: rate(logs.head_sampling_rate.as_ref(), report),
            invocation_logs: logs.invocation_logs.unwrap_or(true),
        }),
        traces: table.traces.as_ref().map(|traces| ObservedTraces {
            enabled: traces.enabled.unwrap_or(true),
            head_sampling_rate: rate(traces.head_sampling_rate.as_ref(), report),
        }),
    }
}

fn rate(rate: Option<&At<f64>>, report: &mut Report) -> Option<f64> {
    let rate = rate?;
    if !(0.0..=1.0).contains(&rate.value) {
        let help = "a share of all requests, from 0 to 1".to_owned();
        report.problem(
            rate.span,
            format!("{} is out of range", rate.value),
            "out of range",
            help,
        );
    }
    Some(rate.value)
}

pub(super) fn cpu_ms(limit: Option<&At<u32>>, report: &mut Report) -> Option<u32> {
    let limit = limit?;
    check_range(limit, 1..=300_000, report);
    Some(limit.value)
}

/// Longest that Cloudflare lets a Durable Object keep old code, in seconds.
const LONGEST_DELAY: u32 = 300;

pub(super) fn code_update(
    written: &Either<CodeUpdateMode, CodeUpdateTable>,
    report: &mut Report,
) -> CodeUpdate {
    let (mode, max_delay) = match written {
        Either::Short(mode) => (*mode, None),
        Either::Long(table) => (table.mode.unwrap_or_default(), table.max_delay.as_ref()),
    };
    if let Some(delay) = max_delay {
        check_range(delay, 0..=LONGEST_DELAY, report);
    }
    match (mode, max_delay) {
        (CodeUpdateMode::Deferred, delay) => CodeUpdate::Deferred {
            max_delay: delay.map_or(LONGEST_DELAY, |delay| delay.value),
        },
        (CodeUpdateMode::Immediate, None) => CodeUpdate::Immediate,
        (CodeUpdateMode::Immediate, Some(delay)) => {
            let help = "take it out, or write `mode = \"deferred\"`".to_owned();
            report.problem(
                delay.span,
                "an immediate update has no delay",
                "waits for nothing",
                help,
            );
            CodeUpdate::Immediate
        }
    }
}
