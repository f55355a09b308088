//! `cargo run`: an HTTP server and the delivery of queues, with the state in a folder.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::Router;
use tokio::net::TcpListener;

use crate::app::{Application, Consumer, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{DRAIN_TIMEOUT, DrainableBody, Request, Response};
use crate::observe;

use super::env_files::project_folder;
use super::{Backend, log_line};

/// The interval at which an empty queue is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The pause after a queue could not be read.
const ERROR_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the worker as a native process until it is stopped.
///
/// The process environment configures it:
///
/// - `BINDERY_ADDRESS`: the address to listen on, by default `127.0.0.1:8787`. Port 0 selects a
///   free port.
/// - `BINDERY_STATE`: the folder of the state, by default `.bindery` in the package.
/// - `BINDERY_LOG`: the format of the log, `lines` (the default), `json` or `off`.
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
    let address = address()?;
    let folder = std::env::var_os("BINDERY_STATE")
        .map_or_else(|| project_folder().join(".bindery"), PathBuf::from);
    let backend = Backend::open(Some(&folder), &A::Env::MANIFEST)?;
    install_logger(&backend)?;
    let env = A::Env::connect(&backend)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| io_error("the async runtime cannot start", &error))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let problem = format!(
                "cannot listen on {address}; set BINDERY_ADDRESS to another address, or to \
                 127.0.0.1:0 for a free port"
            );
            io_error(&problem, &error)
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| io_error("the address of the listener is not known", &error))?;

        let environment = backend.environment();
        for consumer in environment.consumers {
            tokio::spawn(consume::<A>(backend.clone(), env.clone(), *consumer));
        }

        let (worker, folder) = (environment.worker, folder.display());
        log_line(&format!(
            "{worker} listens on http://{address}, with its state in {folder}"
        ));
        let handler = move |request: Request| respond::<A>(request, env.clone());
        axum::serve(listener, Router::new().fallback(handler))
            .await
            .map_err(|error| io_error("the server stopped", &error))
    })
}

fn address() -> Result<SocketAddr> {
    let address = std::env::var("BINDERY_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8787".to_owned());
    address.parse().map_err(|_| {
        let message = format!(
            "BINDERY_ADDRESS is `{address}`, which is not an address such as 127.0.0.1:8787"
        );
        misconfigured(message)
    })
}

/// Installs the observer that `BINDERY_LOG` names.
fn install_logger(backend: &Backend) -> Result<()> {
    match std::env::var("BINDERY_LOG").as_deref() {
        Ok("off") => {}
        Ok("json") => backend.observe(observe::json()),
        Ok("lines") | Err(_) => backend.observe(observe::console()),
        Ok(other) => {
            let message = format!("BINDERY_LOG is `{other}`, not `lines`, `json` or `off`");
            return Err(misconfigured(message));
        }
    }
    Ok(())
}

/// Delivers the batches of one queue as they become due.
async fn consume<A: Application>(backend: Backend, env: A::Env, consumer: Consumer) {
    loop {
        match backend.queues().deliver::<A>(&consumer, &env, false).await {
            Ok(0) => tokio::time::sleep(POLL_INTERVAL).await,
            Ok(_) => {}
            Err(failure) => {
                log_line(&format!("queue {}: {}", consumer.queue, failure.message));
                tokio::time::sleep(ERROR_INTERVAL).await;
            }
        }
    }
}

/// Responds to a request. The handler runs in its own task, so that a panic only fails its request.
async fn respond<A: Application>(request: Request, env: A::Env) -> Result<Response, Infallible> {
    let (request, body) = DrainableBody::wrap(request);
    let outcome = tokio::spawn(A::fetch(request, env)).await;

    // On timeout, respond anyway.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, body.drain()).await;
    Ok(outcome.unwrap_or_else(|_| {
        let headers = [("content-type", "application/json")];
        let body = r#"{"error":{"kind":"internal","message":"the request could not be served"}}"#;
        (StatusCode::INTERNAL_SERVER_ERROR, headers, body).into_response()
    }))
}

fn io_error(problem: &str, error: &io::Error) -> Error {
    misconfigured(format!("{problem}: {error}"))
}

fn misconfigured(message: String) -> Error {
    Error::worker("start", ErrorKind::Misconfigured, message)
}
