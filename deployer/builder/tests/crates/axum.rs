//! A worker whose requests and responses are those of the `http` crate, with axum inside.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Response;
use axum::routing::{get, post};
use tower_service::Service as _;
use worker::{Context, Env, HttpRequest, event};

#[event(fetch)]
async fn fetch(request: HttpRequest, _env: Env, _ctx: Context) -> worker::Result<Response<Body>> {
    let mut router = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/echo", post(|text: String| async { text }))
        .route("/panic", get(panics));
    Ok(router.call(request).await?)
}

async fn hello(Path(name): Path<String>) -> String {
    format!("hello {name}")
}

async fn panics() -> &'static str {
    panic!("the secret of this route")
}
