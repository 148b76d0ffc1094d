//! Which handler answers what.

use axum::Router;
use axum::extract::{OriginalUri, RawPathParams, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};

use super::control;
use super::layers::Layers;
use crate::app::App;
use crate::envelope::ApiError;
use crate::zones::Zone;
use crate::{accounts, d1, hosting, id, kv, queues, r2, workers, zones};

/// Everything at this server's own host.
pub(crate) fn router(app: &App, layers: Layers) -> Router {
    let control = control::routes(app, layers.faults.clone());
    Router::new()
        .nest("/client/v4", layers.around(api(app)))
        .merge(hosting::routes().with_state(app.clone()))
        .merge(d1::file_routes().with_state(app.clone()))
        .merge(control)
        .fallback(nothing_here)
}

fn api(app: &App) -> Router {
    let account = Router::new()
        .merge(accounts::routes())
        .merge(kv::routes())
        .merge(r2::routes())
        .merge(d1::routes())
        .merge(queues::routes())
        .merge(workers::routes())
        .route_layer(from_fn_with_state(app.clone(), the_account));
    let zone = Router::new()
        .merge(zones::routes())
        .merge(workers::zone_routes())
        .route_layer(from_fn_with_state(app.clone(), a_zone));
    Router::new()
        .merge(accounts::top_routes())
        .merge(zones::top_routes())
        .nest("/accounts/{account_id}", account)
        .nest("/zones/{zone_id}", zone)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(app.clone())
}

fn parameter(parameters: &RawPathParams, name: &str) -> String {
    parameters
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}

/// An id that cannot be one is no route; another's account is not for this token.
async fn the_account(
    State(app): State<App>,
    parameters: RawPathParams,
    uri: OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let account = parameter(&parameters, "account_id");
    if account == app.account.id {
        next.run(request).await
    } else if id::is_hex(&account) {
        ApiError::new(StatusCode::FORBIDDEN, 10000, "Authentication error").into_response()
    } else {
        bad_identifier(&uri).into_response()
    }
}

async fn a_zone(
    State(app): State<App>,
    parameters: RawPathParams,
    uri: OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let zone = parameter(&parameters, "zone_id");
    if !id::is_hex(&zone) {
        return bad_identifier(&uri).into_response();
    }
    match app.store.read(|tx| Zone::with_id(tx, &zone)) {
        Ok(Some(_)) => next.run(request).await,
        Ok(None) => ApiError::not_found(1001, "Invalid zone identifier").into_response(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

fn bad_identifier(uri: &OriginalUri) -> ApiError {
    let path = below_the_api(uri);
    ApiError::not_found(
        7003,
        format!("Could not route to {path}, perhaps your object identifier is invalid?"),
    )
}

async fn no_route(method: Method, uri: OriginalUri) -> ApiError {
    let path = below_the_api(&uri);
    ApiError::not_found(7000, format!("No route for that URI: {method} {path}"))
}

async fn no_method(method: Method, uri: OriginalUri) -> ApiError {
    let path = below_the_api(&uri);
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        7001,
        format!("Method {method} not available for that URI: {path}"),
    )
}

fn below_the_api(uri: &OriginalUri) -> String {
    let path = uri.path();
    path.strip_prefix("/client/v4").unwrap_or(path).to_owned()
}

async fn nothing_here(State(()): State<()>) -> Response {
    let text = "this is a local Cloudflare; its API is at /client/v4\n";
    (StatusCode::NOT_FOUND, text).into_response()
}
