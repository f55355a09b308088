//! `cargo run`: a server that the process environment configures.

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;

use crate::app::{Application, Cf};
use crate::error::{Error, ErrorKind, Result};
use crate::resilience::Faults;

#[cfg(feature = "tracing")]
use crate::log::{LineFormat, SubscriberOptions, install_subscriber};

#[cfg(feature = "dashboard")]
use super::dashboard;
use super::server::{LogFormat, Server, ServerOptions, stop};
use super::{log, log_line};

/// Runs the worker as a native process until it receives SIGTERM or ctrl-c.
///
/// It then stops accepting connections and waits up to 30 seconds for requests, background work and
/// batches of queues in progress.
///
/// The process environment configures it:
///
/// - `BINDERY_ADDRESS`: the address to listen on, by default `127.0.0.1:8787`. Port 0 selects a
///   free port.
/// - `BINDERY_STATE`: the folder of the state, by default `.bindery` in the package. One process
///   can use a folder at a time.
/// - `BINDERY_LOG`: the format of the log, `lines` (the default), `json` or `off`.
/// - `BINDERY_LOG_LEVEL`: with the feature `tracing`, the level of its events that are logged, by
///   default `info`.
/// - `BINDERY_FAULTS`: the [faults](crate::resilience::Faults) that are injected into calls, such
///   as `seed=7 d1:fail=0.1`.
/// - `BINDERY_DASHBOARD`: with the feature `dashboard`, whether the server has the page
///   `/__bindery`, `on` (the default of a build with debug assertions) or `off`.
/// - `BINDERY_CF`: what [`Context::cf`](crate::Context::cf) returns, as JSON such as
///   `{"country": "DE"}`.
///
/// [`Server`] has the same as an API, for a listener of your own or as a part of another program.
#[must_use]
pub fn serve<A: Application>() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| misconfigured(format!("the async runtime cannot start: {error}")));
    log::start_writer();
    let result = runtime.and_then(|runtime| runtime.block_on(run::<A>()));
    if let Err(error) = &result {
        log_line(&format!("error: {error}"));
    }
    log::flush();
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run<A: Application>() -> Result<()> {
    let mut options = ServerOptions::default().log(log_format()?).cf(cf()?);
    // A build for production has no way to run a handler from outside.
    options = options.faults(faults()?).triggers(cfg!(debug_assertions));
    #[cfg(feature = "dashboard")]
    {
        options = options.dashboard(dashboard()?);
    }
    if let Some(folder) = std::env::var_os("BINDERY_STATE") {
        options = options.state(folder);
    }
    let folder = options.state.display().to_string();

    // Nothing of the state changes before the port is bound.
    let (listener, address) = bind().await?;
    let owner = format!("the process {} on http://{address}", std::process::id());
    #[cfg(feature = "tracing")]
    let subscriber = subscriber_options(options.log)?;
    #[cfg(feature = "dashboard")]
    let has_dashboard = options.dashboard;
    let server = Server::<A>::start_as(options, &owner)?;
    #[cfg(feature = "tracing")]
    install_subscriber(subscriber);

    // Whoever reads the line below may send a signal at once.
    let stop = stop::signal()?;
    let worker = server.backend().environment().worker;
    log_line(&format!(
        "{worker} listens on http://{address}, with its state in {folder}"
    ));
    #[cfg(feature = "dashboard")]
    if has_dashboard {
        let port = address.port();
        log_line(&format!(
            "the dashboard is at http://127.0.0.1:{port}{}",
            dashboard::PATH
        ));
    }
    server.serve_until(listener, stop).await;
    Ok(())
}

/// Binds the address that `BINDERY_ADDRESS` names.
async fn bind() -> Result<(TcpListener, SocketAddr)> {
    let address = std::env::var("BINDERY_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8787".to_owned());
    let address: SocketAddr = address.parse().map_err(|_| {
        misconfigured(format!(
            "BINDERY_ADDRESS is `{address}`, which is not an address such as 127.0.0.1:8787"
        ))
    })?;

    let listener = TcpListener::bind(address).await.map_err(|error| {
        misconfigured(format!(
            "cannot listen on {address}; set BINDERY_ADDRESS to another address, or to \
             127.0.0.1:0 for a free port: {error}"
        ))
    })?;
    let address = listener.local_addr().map_err(|error| {
        misconfigured(format!("the address of the listener is not known: {error}"))
    })?;
    Ok((listener, address))
}

/// The format of the log that `BINDERY_LOG` names.
fn log_format() -> Result<LogFormat> {
    match std::env::var("BINDERY_LOG").as_deref() {
        Ok("off") => Ok(LogFormat::Off),
        Ok("json") => Ok(LogFormat::Json),
        Ok("lines") | Err(_) => Ok(LogFormat::Lines),
        Ok(other) => {
            let message = format!("BINDERY_LOG is `{other}`, not `lines`, `json` or `off`");
            Err(misconfigured(message))
        }
    }
}

/// The level of `tracing` events that `BINDERY_LOG_LEVEL` names, in the format of the log.
#[cfg(feature = "tracing")]
fn subscriber_options(log: LogFormat) -> Result<SubscriberOptions> {
    let level = std::env::var("BINDERY_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let level = level.parse().map_err(|_| {
        misconfigured(format!(
            "BINDERY_LOG_LEVEL is `{level}`, not `error`, `warn`, `info`, `debug`, `trace` or `off`"
        ))
    })?;
    let format = match log {
        LogFormat::Json => LineFormat::Json,
        LogFormat::Lines | LogFormat::Off => LineFormat::Text,
    };
    Ok(SubscriberOptions { level, format })
}

/// The faults that `BINDERY_FAULTS` names.
fn faults() -> Result<Faults> {
    let text = std::env::var("BINDERY_FAULTS").unwrap_or_default();
    text.parse()
        .map_err(|error: Error| misconfigured(format!("BINDERY_FAULTS: {}", error.message())))
}

/// Whether `BINDERY_DASHBOARD` wants the dashboard. A build without debug assertions is probably
/// not on the machine of a developer.
#[cfg(feature = "dashboard")]
fn dashboard() -> Result<bool> {
    match std::env::var("BINDERY_DASHBOARD").as_deref() {
        Ok("on") => Ok(true),
        Ok("off") => Ok(false),
        Err(_) => Ok(cfg!(debug_assertions)),
        Ok(other) => {
            let message = format!("BINDERY_DASHBOARD is `{other}`, not `on` or `off`");
            Err(misconfigured(message))
        }
    }
}

/// What `BINDERY_CF` sets as the properties of each request.
fn cf() -> Result<Cf> {
    let Ok(json) = std::env::var("BINDERY_CF") else {
        return Ok(Cf::default());
    };
    serde_json::from_str(&json).map_err(|error| {
        misconfigured(format!(
            "BINDERY_CF is not JSON such as {{\"country\": \"DE\"}}: {error}"
        ))
    })
}

fn misconfigured(message: String) -> Error {
    Error::worker("start", ErrorKind::Misconfigured, message)
}
