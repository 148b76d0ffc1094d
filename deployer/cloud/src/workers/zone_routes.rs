//! Routes: patterns of a zone that a worker answers, one by one by their zone, or all of a worker
//! at once.

use axum::extract::State;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Route, Worker};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery};
use crate::zones::Zone;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pattern: String,
    script: Option<String>,
}

fn find(tx: &Transaction<'_>, zone: &str, id: &str) -> Result<Route, ApiError> {
    Route::with_id(tx, zone, id)?
        .ok_or_else(|| ApiError::not_found(10009, "workers.api.error.route_not_found"))
}

pub(super) async fn list(
    State(app): State<App>,
    At([zone]): At<1>,
    _: NoQuery,
) -> Reply<Vec<Route>> {
    let routes = app
        .store
        .read(|tx| Route::of_zone(tx, &zone).map_err(ApiError::from))?;
    Ok(Answer::new(routes))
}

pub(super) async fn get(State(app): State<App>, At([zone, id]): At<2>, _: NoQuery) -> Reply<Route> {
    let route = app.store.read(|tx| find(tx, &zone, &id))?;
    Ok(Answer::new(route))
}

pub(super) async fn create(
    State(app): State<App>,
    At([zone]): At<1>,
    _: NoQuery,
    Json(wanted): Json<Wanted>,
) -> Reply<Route> {
    let route = app.store.write(|tx| {
        let route = Route::new(&zone, &wanted.pattern, wanted.script);
        save(tx, &route)?;
        Ok::<_, ApiError>(route)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(route))
}

pub(super) async fn update(
    State(app): State<App>,
    At([zone, id]): At<2>,
    _: NoQuery,
    Json(wanted): Json<Wanted>,
) -> Reply<Route> {
    let route = app.store.write(|tx| {
        let route = Route {
            pattern: wanted.pattern,
            script: wanted.script,
            ..find(tx, &zone, &id)?
        };
        save(tx, &route)?;
        Ok::<_, ApiError>(route)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(route))
}

pub(super) async fn delete(State(app): State<App>, At([zone, id]): At<2>, _: NoQuery) -> Reply {
    app.store
        .write(|tx| find(tx, &zone, &id)?.delete(tx).map_err(ApiError::from))?;
    app.hosting.changed().await;
    Ok(Answer::new(json!({ "id": id })))
}

/// Refuses a route that its zone does not have, that somebody else has, or that leads nowhere.
fn save(tx: &Transaction<'_>, route: &Route) -> Result<(), ApiError> {
    let zone = Zone::with_id(tx, &route.zone)?
        .ok_or_else(|| ApiError::not_found(1001, "Invalid zone identifier"))?;
    check_pattern(&route.pattern, &zone.name)?;
    if let Some(script) = &route.script
        && Worker::with_name(tx, script)?.is_none()
    {
        return Err(ApiError::bad(
            10019,
            format!("workers.api.error.route_script_not_found: there is no script '{script}'"),
        ));
    }
    if let Some(taken) = Route::with_pattern(tx, &route.pattern)?
        && taken.id != route.id
    {
        return Err(ApiError::conflict(
            10020,
            format!(
                "workers.api.error.duplicate_route: a route with the pattern '{}' already exists",
                route.pattern
            ),
        ));
    }
    Ok(route.save(tx)?)
}

/// The host of a pattern such as `https://*.example.com/api/*`.
fn host_of(pattern: &str) -> &str {
    let bare = pattern.split_once("://").map_or(pattern, |(_, rest)| rest);
    bare.split_once('/').map_or(bare, |(host, _)| host)
}

fn check_pattern(pattern: &str, zone: &str) -> Result<(), ApiError> {
    let refused = |why: &str| {
        Err(ApiError::bad(
            10022,
            format!("workers.api.error.invalid_route_pattern: '{pattern}' {why}"),
        ))
    };
    if let Some((scheme, _)) = pattern.split_once("://")
        && !matches!(scheme, "http" | "https" | "*")
    {
        return refused("must begin with a host, http:// or https://");
    }
    if pattern.contains(['?', '#']) || pattern.contains(char::is_whitespace) {
        return refused("may have a host and a path, and nothing else");
    }
    let host = host_of(pattern);
    let path = pattern
        .split_once("://")
        .map_or(pattern, |(_, rest)| rest)
        .strip_prefix(host)
        .unwrap_or_default();
    let named = host.strip_prefix('*').unwrap_or(host);
    if named.contains('*') {
        return refused("may have a wildcard only at the beginning of the host");
    }
    if path.trim_end_matches('*').contains('*') {
        return refused("may have a wildcard only at the end of the path");
    }
    if named.contains(':') {
        return refused("must not have a port");
    }
    let named = named.strip_prefix('.').unwrap_or(named);
    let is_within = named == zone || named.ends_with(&format!(".{zone}"));
    if !is_within {
        return refused(&format!("is not in the zone '{zone}'"));
    }
    Ok(())
}

/// A route as wrangler writes its configuration's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptRoute {
    pattern: String,
    zone_id: Option<String>,
    zone_name: Option<String>,
    custom_domain: Option<bool>,
    enabled: Option<bool>,
    previews_enabled: Option<bool>,
}

/// Puts these in place of all that lead to the worker.
pub(super) async fn replace(
    State(app): State<App>,
    At([script]): At<1>,
    _: NoQuery,
    Json(wanted): Json<Vec<ScriptRoute>>,
) -> Reply<Vec<Value>> {
    let patterns = app.store.write(|tx| {
        Worker::find(tx, &script)?;
        let mut routes = Vec::new();
        for one in &wanted {
            let _ = (one.enabled, one.previews_enabled);
            if one.custom_domain == Some(true) {
                return Err(ApiError::bad(
                    10022,
                    format!("'{}' is a custom domain and no route", one.pattern),
                ));
            }
            let zone = zone_of(tx, one)?;
            let known = Route::with_pattern(tx, &one.pattern)?
                .filter(|route| route.script.as_deref() == Some(&script));
            routes.push(
                known.unwrap_or_else(|| Route::new(&zone.id, &one.pattern, Some(script.clone()))),
            );
        }
        for route in Route::of_script(tx, &script)? {
            if !routes.iter().any(|kept| kept.id == route.id) {
                route.delete(tx)?;
            }
        }
        for route in &routes {
            save(tx, route)?;
        }
        Ok(routes
            .into_iter()
            .map(|route| json!(route.pattern))
            .collect())
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(patterns))
}

fn zone_of(tx: &Transaction<'_>, route: &ScriptRoute) -> Result<Zone, ApiError> {
    let host = host_of(&route.pattern).trim_start_matches(['*', '.']);
    let found = match (&route.zone_id, &route.zone_name) {
        (Some(id), _) => Zone::with_id(tx, id)?,
        (None, Some(name)) => Zone::of_host(tx, name)?.filter(|zone| zone.name == *name),
        (None, None) => Zone::of_host(tx, host)?,
    };
    found.ok_or_else(|| {
        ApiError::bad(
            10082,
            format!(
                "Could not find a zone for '{}'. Make sure the domain is set up on this account.",
                route.pattern
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_host_of_the_zone_and_a_path() {
        for good in [
            "example.com/*",
            "*.example.com/*",
            "*example.com/api/*",
            "https://www.example.com/",
            "a.b.example.com",
        ] {
            assert_eq!(check_pattern(good, "example.com"), Ok(()), "{good}");
        }
        let refused: Vec<String> = [
            "other.com/*",
            "notexample.com/*",
            "a.*.example.com/*",
            "example.com/*/x",
            "example.com:80/",
            "ftp://example.com/",
            "example.com/?a",
        ]
        .iter()
        .map(|bad| check_pattern(bad, "example.com").unwrap_err().message)
        .collect();
        insta::assert_snapshot!(refused.join("\n"), @r#"
workers.api.error.invalid_route_pattern: 'other.com/*' is not in the zone 'example.com'
workers.api.error.invalid_route_pattern: 'notexample.com/*' is not in the zone 'example.com'
workers.api.error.invalid_route_pattern: 'a.*.example.com/*' may have a wildcard only at the beginning of the host
workers.api.error.invalid_route_pattern: 'example.com/*/x' may have a wildcard only at the end of the path
workers.api.error.invalid_route_pattern: 'example.com:80/' must not have a port
workers.api.error.invalid_route_pattern: 'ftp://example.com/' must begin with a host, http:// or https://
workers.api.error.invalid_route_pattern: 'example.com/?a' may have a host and a path, and nothing else
"#);
    }
}
