//! Secrets of the live version. Each change makes and deploys a version; no value comes back.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::publish::{self, Draft};
use super::records::{Worker, live_version};
use super::settings::deployed_latest;
use super::source::Source;
use super::upload::{Annotations, Binding, check_values};
use super::{refusal, scripts};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery, Query};

/// The newest version is not the one that is deployed.
const NOT_DEPLOYED: u32 = 10215;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameQuery {
    /// Whether the name in the path is written as addresses are, which it has to be here anyway.
    url_encoded: Option<bool>,
}

fn secrets_of(app: &App, name: &str) -> Result<Vec<Binding>, ApiError> {
    app.store.read(|tx| {
        Worker::find(tx, name)?;
        let live = live_version(tx, name)?.ok_or_else(refusal::no_worker)?;
        Ok(live
            .content
            .bindings
            .into_iter()
            .filter(Binding::is_secret)
            .collect())
    })
}

pub(super) async fn list(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply<Vec<Value>> {
    let secrets = secrets_of(&app, &name)?;
    Ok(Answer::new(secrets.iter().map(Binding::shown).collect()))
}

pub(super) async fn get(
    State(app): State<App>,
    At([name, secret]): At<2>,
    Query(query): Query<NameQuery>,
) -> Reply {
    let _ = query.url_encoded;
    let found = secrets_of(&app, &name)?
        .into_iter()
        .find(|binding| binding.name == secret)
        .ok_or_else(|| refusal::no_secret(&secret))?;
    Ok(Answer::new(found.shown()))
}

fn parse(body: Value) -> Result<Binding, ApiError> {
    let binding = Binding::parse(body)?;
    if binding.is_secret() {
        return Ok(binding);
    }
    Err(refusal::invalid(format!(
        "a secret must have the type `secret_text` or `secret_key`, and '{}' has `{}`",
        binding.name,
        binding.type_name()
    )))
}

pub(super) async fn put(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Source(source): Source,
    Json(body): Json<Map<String, Value>>,
) -> Reply {
    let secret = parse(Value::Object(body))?;
    let shown = secret.shown();
    let changes = BTreeMap::from([(secret.name.clone(), Some(secret))]);
    change(&app, &name, &source, changes, Missing::IsFine).await?;
    Ok(Answer::new(shown))
}

pub(super) async fn delete(
    State(app): State<App>,
    At([name, secret]): At<2>,
    Query(query): Query<NameQuery>,
    Source(source): Source,
) -> Reply {
    let _ = query.url_encoded;
    let changes = BTreeMap::from([(secret, None)]);
    change(&app, &name, &source, changes, Missing::IsRefused).await?;
    Ok(Answer::null())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bulk {
    #[serde(default)]
    secrets: BTreeMap<String, Value>,
    version_tags: Option<Map<String, Value>>,
}

/// Sets and, where there is null, deletes several in one version.
pub(super) async fn bulk(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Source(source): Source,
    Json(body): Json<Bulk>,
) -> Reply {
    if body.version_tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(refusal::invalid(
            "`version_tags`: versions of the local Cloudflare have no tags but `workers/tag`",
        ));
    }
    let mut changes = BTreeMap::new();
    for (key, value) in body.secrets {
        if value.is_null() {
            changes.insert(key, None);
            continue;
        }
        let secret = parse(value)?;
        if secret.name != key {
            return Err(refusal::invalid(format!(
                "`secrets.{key}` has the name '{}'",
                secret.name
            )));
        }
        changes.insert(key, Some(secret));
    }
    change(&app, &name, &source, changes, Missing::IsFine).await?;
    let after: Map<String, Value> = secrets_of(&app, &name)?
        .iter()
        .map(|secret| (secret.name.clone(), secret.shown()))
        .collect();
    Ok(Answer::new(json!(after)))
}

/// What to say of a secret to be deleted that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsFine,
    IsRefused,
}

async fn change(
    app: &App,
    name: &str,
    source: &str,
    changes: BTreeMap<String, Option<Binding>>,
    missing: Missing,
) -> Result<(), ApiError> {
    scripts::live(app, name)?;
    app.store.write(|tx| {
        let worker = Worker::find(tx, name)?;
        let latest = deployed_latest(tx, name, NOT_DEPLOYED)?;
        let mut content = latest.content;
        for (secret, value) in changes {
            let index = content
                .bindings
                .iter()
                .position(|binding| binding.name == secret);
            if let Some(taken) = index.and_then(|index| content.bindings.get(index))
                && !taken.is_secret()
            {
                return Err(match value {
                    Some(_) => refusal::binding_twice(&secret),
                    None => refusal::no_secret(&secret),
                });
            }
            match (index, value) {
                (Some(index), Some(value)) => content.bindings[index] = value,
                (Some(index), None) => {
                    content.bindings.remove(index);
                }
                (None, Some(value)) => content.bindings.push(value),
                (None, None) if missing == Missing::IsRefused => {
                    return Err(refusal::no_secret(&secret));
                }
                (None, None) => {}
            }
        }
        check_values(&content.bindings)?;
        let draft = Draft {
            content,
            migrations: None,
            annotations: Annotations::default().triggered_by("secret"),
            source: source.to_owned(),
        };
        publish::deploy(tx, worker, draft).map(|_| ())
    })?;
    app.hosting.changed().await;
    Ok(())
}
