//! `cargo run`: an HTTP server and the delivery of queues, over the state in a folder.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::Router;
use tokio::net::TcpListener;

use crate::app::{Application, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{READ_OUT_TIME, Request, Response, Shared};
use crate::observe;

use super::env_files::project_folder;
use super::{Backend, log_line};

/// How often the queues are looked at.
const QUEUE_INTERVAL: Duration = Duration::from_millis(100);

/// Runs the worker on this machine until it is stopped.
///
/// - `BINDERY_ADDRESS`: where it listens; `127.0.0.1:8787` when not set, port 0 takes a free one.
/// - `BINDERY_STATE`: the folder of its state; `.bindery` in the project when not set.
/// - `BINDERY_LOG`: `lines` (when not set), `json` or `off`.
#[must_use]
pub fn serve<A: Application>() -> ExitCode {
    match run::<A>() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log_line(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run<A: Application>() -> Result<()> {
    let failed = |what: String, error: std::io::Error| {
        Error::worker(
            "start",
            ErrorKind::Misconfigured,
            format!("{what}: {error}"),
        )
    };
    let address = std::env::var("BINDERY_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8787".to_owned());
    let address: SocketAddr = address.parse().map_err(|_| {
        Error::worker(
            "start",
            ErrorKind::Misconfigured,
            format!("BINDERY_ADDRESS is `{address}`, not an address such as 127.0.0.1:8787"),
        )
    })?;
    let folder = std::env::var_os("BINDERY_STATE")
        .map_or_else(|| project_folder().join(".bindery"), PathBuf::from);
    let backend = Backend::open(Some(&folder), &A::Env::MANIFEST)?;
    match std::env::var("BINDERY_LOG").as_deref() {
        Ok("off") => {}
        Ok("json") => backend.observe(observe::json()),
        Ok("lines") | Err(_) => backend.observe(observe::console()),
        Ok(other) => {
            let message = format!("BINDERY_LOG is `{other}`, not `lines`, `json` or `off`");
            return Err(Error::worker("start", ErrorKind::Misconfigured, message));
        }
    }
    let env = A::Env::connect(&backend)?;
    let environment = *backend.environment();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failed("the runtime cannot start".to_owned(), error))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            failed(
                format!("{address} cannot be listened on (BINDERY_ADDRESS names another, 127.0.0.1:0 takes a free one)"),
                error,
            )
        })?;
        let bound = listener.local_addr().map_err(|error| failed("the address is unknown".to_owned(), error))?;
        for consumer in backend.environment().consumers {
            let (backend, env) = (backend.clone(), env.clone());
            tokio::spawn(async move {
                loop {
                    match backend.queues().deliver::<A>(consumer, &env, false).await {
                        Ok(0) => tokio::time::sleep(QUEUE_INTERVAL).await,
                        Ok(_) => {}
                        Err(failure) => {
                            log_line(&format!("queue {}: {}", consumer.queue, failure.message));
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    }
                }
            });
        }
        let router = Router::new().fallback(move |request: Request| answer::<A>(request, env.clone()));
        log_line(&format!("{} listens on http://{bound}, its state is in {}", environment.worker, folder.display()));
        axum::serve(listener, router).await.map_err(|error| failed("the server stopped".to_owned(), error))
    })
}

/// A handler of its own task: one that panics takes its request with it and nothing else.
async fn answer<A: Application>(request: Request, env: A::Env) -> Result<Response, Infallible> {
    let (request, body) = Shared::new(request);
    let outcome = tokio::spawn(A::fetch(request, env)).await;
    // Out of time is as good as read out: the answer goes.
    let _ = tokio::time::timeout(READ_OUT_TIME, body.read_out()).await;
    Ok(outcome.unwrap_or_else(|_| {
        let body = r#"{"error":{"kind":"internal","message":"the request could not be served"}}"#;
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            [("content-type", "application/json")],
            body,
        )
            .into_response()
    }))
}
