//! workers.dev: the account's name there, and which workers are published under it.

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{Worker, account_subdomain, forget_account_subdomain, set_account_subdomain};
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::names::is_lower_kebab;
use crate::strict::{At, Json, NoQuery};

pub(super) fn of(worker: &Worker) -> Value {
    json!({ "enabled": worker.workers_dev, "previews_enabled": worker.previews })
}

pub(super) async fn get(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let worker = app.store.read(|tx| Worker::find(tx, &name))?;
    Ok(Answer::new(of(&worker)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Published {
    enabled: bool,
    previews_enabled: Option<bool>,
}

pub(super) async fn set(
    State(app): State<App>,
    At([name]): At<1>,
    _: NoQuery,
    Json(body): Json<Published>,
) -> Reply {
    let worker = app.store.write(|tx| {
        let mut worker = Worker::find(tx, &name)?;
        if body.enabled && account_subdomain(tx)?.is_none() {
            return Err(ApiError::bad(
                10063,
                "You need a workers.dev subdomain in order to publish this Worker: register one for the account first.",
            ));
        }
        worker.workers_dev = body.enabled;
        // Previews follow where nothing is said of them.
        worker.previews = body.previews_enabled.unwrap_or(body.enabled);
        worker.save(tx)?;
        Ok(worker)
    })?;
    app.hosting.changed().await;
    app.deployed(&name);
    Ok(Answer::new(of(&worker)))
}

pub(super) async fn unset(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> Reply {
    let worker = app.store.write(|tx| {
        let mut worker = Worker::find(tx, &name)?;
        worker.workers_dev = false;
        worker.previews = false;
        worker.save(tx)?;
        Ok::<_, ApiError>(worker)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(of(&worker)))
}

pub(super) async fn get_account(State(app): State<App>, _: NoQuery) -> Reply {
    let name = app
        .store
        .read(|tx| account_subdomain(tx).map_err(ApiError::from))?
        .ok_or_else(|| {
            ApiError::not_found(
                10007,
                "workers.api.error.subdomain_not_found: the account has no workers.dev subdomain",
            )
        })?;
    Ok(Answer::new(json!({ "subdomain": name })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountSubdomain {
    subdomain: String,
}

pub(super) async fn set_account(
    State(app): State<App>,
    _: NoQuery,
    Json(body): Json<AccountSubdomain>,
) -> Reply {
    let name = body.subdomain;
    if !is_lower_kebab(&name, 1..=63) {
        return Err(ApiError::bad(
            10031,
            format!("Subdomain '{name}' is not available: it must be of a-z, 0-9 and -."),
        ));
    }
    app.store.write(|tx| {
        if account_subdomain(tx)?.is_some_and(|taken| taken != name) {
            return Err(ApiError::conflict(
                10036,
                "The account has a workers.dev subdomain already.",
            ));
        }
        set_account_subdomain(tx, &name).map_err(ApiError::from)
    })?;
    app.hosting.changed().await;
    Ok(Answer::new(json!({ "subdomain": name })))
}

pub(super) async fn unset_account(State(app): State<App>, _: NoQuery) -> Reply {
    app.store
        .write(|tx| forget_account_subdomain(tx).map_err(ApiError::from))?;
    app.hosting.changed().await;
    Ok(Answer::empty())
}

/// Whether a name may be registered: an error says so either way.
pub(super) async fn available(State(app): State<App>, At([name]): At<1>, _: NoQuery) -> ApiError {
    let taken = app
        .store
        .read(|tx| account_subdomain(tx).map_err(ApiError::from));
    match taken {
        Err(error) => error,
        Ok(taken) if taken.as_ref() == Some(&name) || !is_lower_kebab(&name, 1..=63) => {
            ApiError::new(
                StatusCode::CONFLICT,
                10031,
                format!("Subdomain '{name}' is not available."),
            )
        }
        Ok(_) => ApiError::not_found(10032, format!("Subdomain '{name}' is available.")),
    }
}
