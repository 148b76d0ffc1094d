//! Routes on zones.

use tiny_cloudflare::ZoneRoute;

use super::{Attaching, Change};
use crate::resources::worker::error::WorkerError;

pub(super) fn changes(at: Attaching<'_>) -> Result<Vec<Change>, WorkerError> {
    let around = &at.reading.around;
    let mut changes = Vec::new();
    let wanted = at.spec.into_iter().flat_map(|spec| &spec.routes);
    for (pattern, zone) in wanted {
        let zone = match zone {
            Some(name) => around.zone_named(name),
            None => around.zone_of(pattern),
        };
        let zone = zone.ok_or_else(|| WorkerError::NoZone {
            pattern: pattern.clone(),
        })?;
        let mut there = around.routes.get(&zone.id).into_iter().flatten();
        let there = there.find(|route| route.pattern == *pattern);
        changes.extend(change(at, pattern, &zone.id, there)?);
    }
    for attached in around.routes_of(at.script) {
        let pattern = &attached.route.pattern;
        let stays = at
            .spec
            .is_some_and(|spec| spec.routes.contains_key(pattern))
            || at.wanted_elsewhere(|spec| spec.routes.contains_key(pattern));
        if !stays {
            changes.push(Change::DeleteRoute {
                zone_id: attached.zone.id.clone(),
                route_id: attached.route.id.clone(),
            });
        }
    }
    Ok(changes)
}

fn change(
    at: Attaching<'_>,
    pattern: &str,
    zone_id: &str,
    there: Option<&ZoneRoute>,
) -> Result<Option<Change>, WorkerError> {
    let Some(route) = there else {
        return Ok(Some(Change::CreateRoute {
            zone_id: zone_id.to_owned(),
            pattern: pattern.to_owned(),
        }));
    };
    match route.script.as_deref() {
        Some(script) if script == at.script => Ok(None),
        Some(script) if at.is_of_this_stage(script) => Ok(Some(Change::MoveRoute {
            zone_id: zone_id.to_owned(),
            route_id: route.id.clone(),
            pattern: pattern.to_owned(),
        })),
        other => Err(WorkerError::RouteTaken {
            pattern: pattern.to_owned(),
            script: other
                .unwrap_or("(none: it goes past all workers)")
                .to_owned(),
        }),
    }
}
