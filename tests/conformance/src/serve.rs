//! The HTTP interface on workerd: `GET /cases` lists the cases, `POST /run/<name>` runs one.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bindery::{Request, Response};

use crate::{Env, Outcome, each_case};

macro_rules! table {
    ($($module:ident::$case:ident)*) => {
        const NAMES: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($case))),*];

        async fn run(name: &str, env: Env) -> Outcome {
            match name {
                $(concat!(stringify!($module), "::", stringify!($case)) => crate::$module::$case(env).await,)*
                "queue::send" => crate::queue::send(env).await,
                "queue::arrived" => crate::queue::arrived(env).await,
                _ => Err("there is no such case".into()),
            }
        }
    };
}
each_case!(table);

/// Responds to the test runner.
pub(crate) async fn fetch(request: Request, env: Env) -> Response {
    let router = Router::new()
        .route("/cases", get(async || Json(NAMES)))
        .route("/run/{name}", post(answer))
        .with_state(env);
    bindery::http::route(router, request).await
}

async fn answer(State(env): State<Env>, Path(name): Path<String>) -> (StatusCode, String) {
    match run(&name, env).await {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
