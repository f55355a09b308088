//! A worker as a native server: HTTP, the delivery of queues, and the state in a folder.

mod connection;
mod request;
mod request_log;
pub(super) mod stop;
#[cfg(feature = "web-sockets")]
mod web_socket;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(unix)]
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{Application, Cf, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Request, Response};
use crate::observe;
use crate::resilience::Faults;

use super::assets::Assets;
use super::bindings::Overrides;
use super::context::Routers;
#[cfg(feature = "dashboard")]
use super::dashboard::Dashboard;
#[cfg(feature = "email")]
use super::email;
use super::env_files::project_folder;
use super::folder::StateFolder;
use super::pool::lock;
use super::scheduler::{self, Scheduler};
use super::{Backend, SERVER_OBSERVERS, log_line};

/// The options of [`Server::start`].
///
/// # Examples
/// ```
/// use bindery::ServerOptions;
///
/// let options = ServerOptions::default().state("/var/lib/notes").max_connections(1000);
/// assert_eq!(options.max_connections, 1000);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The folder of the state. The default is `.bindery` in the package, or in the current folder
    /// if Cargo does not run the program.
    pub state: PathBuf,
    /// The number of connections that are open at once. More of them wait. The default is 10,000,
    /// or less if the process cannot open that many files.
    pub max_connections: usize,
    /// The time in which a client has to send the headers of a request, on a new connection or
    /// after the previous response. The default is 30 seconds.
    pub header_timeout: Duration,
    /// The longest pause in the body of a request, and in reading a response. The default is 30
    /// seconds.
    pub idle_timeout: Duration,
    /// What [`Context::cf`](crate::Context::cf) returns. By default nothing is known.
    pub cf: Cf,
    /// What the server logs. The default is [`LogFormat::Off`].
    pub log: LogFormat,
    /// The faults that are injected into calls. By default there are none.
    pub faults: Faults,
    /// Whether a request for `/__scheduled?cron=0+3+*+*+*` runs the handler of that cron trigger.
    /// It responds only to clients on this machine. The default is `false`.
    pub triggers: bool,
    /// Whether the server has the page `/__bindery`. It responds only to clients on this machine.
    /// The default is `false`.
    #[cfg(feature = "dashboard")]
    pub dashboard: bool,
    /// The time that a shutdown waits for requests, background work and batches of queues. The
    /// default is 30 seconds.
    pub shutdown_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            state: project_folder().join(".bindery"),
            max_connections: 10_000,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            cf: Cf::default(),
            log: LogFormat::default(),
            faults: Faults::default(),
            triggers: false,
            #[cfg(feature = "dashboard")]
            dashboard: false,
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl ServerOptions {
    /// Sets the folder of the state.
    #[must_use]
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = folder.into();
        self
    }

    /// Sets the number of connections that are open at once.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets the time in which a client has to send the headers of a request.
    #[must_use]
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Sets the longest pause in the body of a request, and in reading a response.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets what [`Context::cf`](crate::Context::cf) returns.
    #[must_use]
    pub fn cf(mut self, cf: Cf) -> Self {
        self.cf = cf;
        self
    }

    /// Sets what the server logs.
    #[must_use]
    pub fn log(mut self, format: LogFormat) -> Self {
        self.log = format;
        self
    }

    /// Sets the faults that are injected into calls.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Sets whether a request for `/__scheduled?cron=0+3+*+*+*` runs the handler of that cron
    /// trigger. It responds only to clients on this machine.
    #[must_use]
    pub fn triggers(mut self, triggers: bool) -> Self {
        self.triggers = triggers;
        self
    }

    /// Sets whether the server has the page `/__bindery`, which shows its calls, their cost, and
    /// its state.
    ///
    /// It responds only to clients on this machine, and only reads.
    #[cfg(feature = "dashboard")]
    #[must_use]
    pub fn dashboard(mut self, dashboard: bool) -> Self {
        self.dashboard = dashboard;
        self
    }

    /// Sets the time that a shutdown waits for work in progress.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }
}

/// What a server logs to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LogFormat {
    /// One readable line for each request and for each call to a binding.
    Lines,
    /// The same as lines of JSON.
    Json,
    /// Only the requests that fail with a status from 500 to 599.
    #[default]
    Off,
}

/// A worker that runs in this process: its handlers, its queues, its cron triggers, and its state
/// in a folder.
///
/// [`serve`](crate::serve()) is enough for most programs. Use a `Server` to listen on a socket of
/// your own, or to make the worker a part of another program.
///
/// # Examples
/// The worker as a part of an axum program:
/// ```ignore
/// let worker = Server::<App>::start(ServerOptions::default()).await?;
/// let router = axum::Router::new()
///     .route("/health", axum::routing::get(|| async { "ok" }))
///     .fallback_service(worker.service());
/// axum::serve(listener, router).await?;
/// worker.shutdown().await;
/// ```
pub struct Server<A: Application> {
    env: A::Env,
    backend: Backend,
    options: ServerOptions,
    cf: Arc<Cf>,
    routers: Routers,
    #[cfg(feature = "dashboard")]
    dashboard: Option<Dashboard>,
    is_stopping: Arc<AtomicBool>,
    consumers: Vec<JoinHandle<()>>,
    scheduler: Scheduler,
    alarms: JoinHandle<()>,
}

impl<A: Application> fmt::Debug for Server<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("backend", &self.backend)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<A: Application> Server<A> {
    /// Opens the state, applies pending migrations, and starts to deliver the messages of queues
    /// and to fire cron triggers.
    ///
    /// # Errors
    /// `Misconfigured` if another process uses the folder of the state, a migration fails, or a
    /// variable or secret is missing.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime.
    pub async fn start(options: ServerOptions) -> Result<Self> {
        let process = std::process::id();
        Self::start_as(options, &format!("the process {process}"))
    }

    /// Starts as the owner of the state folder whose name is `owner`.
    pub(super) fn start_as(options: ServerOptions, owner: &str) -> Result<Self> {
        let folder = StateFolder::open(&options.state, owner).map_err(|error| {
            let path = options.state.display();
            misconfigured(format!(
                "the state folder `{path}` cannot be opened: {error}"
            ))
        })?;
        let overrides = Overrides {
            faults: options.faults.clone(),
            ..Overrides::default()
        };
        let backend = Backend::open(Some(folder), &A::Env::MANIFEST, overrides)?;
        match options.log {
            LogFormat::Lines => backend.observe(observe::console()),
            LogFormat::Json => backend.observe(observe::json()),
            LogFormat::Off => {}
        }
        #[cfg(feature = "dashboard")]
        let dashboard = options.dashboard.then(|| Dashboard::start(&backend));
        *lock(&SERVER_OBSERVERS) = backend.observers();
        let env = A::Env::connect(&backend)?;
        let cf = Arc::new(options.cf.clone());
        let routers = Routers::default();
        let context = backend.context(Arc::clone(&cf), routers.clone());
        A::start(&env, &context)?;
        let scheduler = Scheduler::start::<A>(&env, &context);

        let objects = backend.objects_hosts().clone();
        let alarms = tokio::spawn(async move { objects.fire_alarms().await });
        if let Some(workflows) = backend.workflows().cloned() {
            tokio::spawn(async move { workflows.resume().await });
        }
        let is_stopping = Arc::<AtomicBool>::default();
        let consumers = backend.environment().consumers.iter().map(|consumer| {
            let (queues, env) = (backend.queues().clone(), env.clone());
            let (consumer, is_stopping) = (*consumer, Arc::clone(&is_stopping));
            tokio::spawn(async move {
                let is_stopping = || is_stopping.load(Ordering::Acquire);
                queues.consume::<A>(consumer, env, is_stopping).await;
            })
        });
        Ok(Self {
            consumers: consumers.collect(),
            scheduler,
            alarms,
            env,
            backend,
            options,
            cf,
            routers,
            #[cfg(feature = "dashboard")]
            dashboard,
            is_stopping,
        })
    }

    /// Returns the environment of the worker.
    #[must_use]
    pub fn env(&self) -> &A::Env {
        &self.env
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Returns the worker as a service, which responds to requests with its fetch handler.
    ///
    /// The service reads the address of the client from the extension `std::net::SocketAddr` of the
    /// request, if the program sets it.
    #[must_use]
    pub fn service(&self) -> WorkerService<A> {
        WorkerService {
            env: self.env.clone(),
            context: self
                .backend
                .context(Arc::clone(&self.cf), self.routers.clone()),
            log: self.options.log,
            triggers: self.options.triggers,
            assets: self.backend.assets().cloned(),
            #[cfg(feature = "dashboard")]
            dashboard: self.dashboard.clone(),
        }
    }

    /// Serves HTTP/1.1 and HTTP/2 without TLS, until the process receives SIGTERM or ctrl-c. Then
    /// [shuts down](Self::shutdown).
    ///
    /// # Errors
    /// `Misconfigured` if the signals cannot be received.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        let stop = stop::signal()?;
        self.serve_until(listener, stop).await;
        Ok(())
    }

    /// Serves HTTP/1.1 and HTTP/2 without TLS, until `stop` completes. Then
    /// [shuts down](Self::shutdown).
    pub async fn serve_until(self, listener: TcpListener, stop: impl Future<Output = ()> + Send) {
        let service = self.service();
        connection::accept(listener, service, &self.options, stop).await;
        self.shutdown().await;
    }

    /// Waits for background work and for the batches that the consumers of queues process, at most
    /// for [`ServerOptions::shutdown_timeout`].
    pub async fn shutdown(self) {
        self.is_stopping.store(true, Ordering::Release);
        self.backend.queues().wake();

        let consumers = futures_util::future::join_all(self.consumers);
        let work = async {
            // A consumer that panicked has reported it.
            drop(consumers.await);
            self.scheduler.shutdown().await;
            self.alarms.abort();
            self.backend.tasks().stop();
            self.backend.tasks().idle().await;
            if let Some(workflows) = self.backend.workflows() {
                workflows.stop().await;
            }
            self.backend.objects_hosts().stop().await;
        };
        if tokio::time::timeout(self.options.shutdown_timeout, work)
            .await
            .is_err()
        {
            log_line("the shutdown did not wait for all batches and background work");
        }
    }
}

/// The worker as a `tower` service. See [`Server::service`].
pub struct WorkerService<A: Application> {
    env: A::Env,
    context: crate::Context,
    log: LogFormat,
    triggers: bool,
    assets: Option<Assets>,
    #[cfg(feature = "dashboard")]
    dashboard: Option<Dashboard>,
}

impl<A: Application> Clone for WorkerService<A> {
    fn clone(&self) -> Self {
        Self {
            env: self.env.clone(),
            context: self.context.clone(),
            log: self.log,
            triggers: self.triggers,
            assets: self.assets.clone(),
            #[cfg(feature = "dashboard")]
            dashboard: self.dashboard.clone(),
        }
    }
}

impl<A: Application> fmt::Debug for WorkerService<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WorkerService")
            .finish_non_exhaustive()
    }
}

impl<A: Application> tower_service::Service<Request> for WorkerService<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self {
            env,
            context,
            log,
            triggers,
            assets,
            #[cfg(feature = "dashboard")]
            dashboard,
        } = self.clone();
        Box::pin(async move {
            #[cfg(feature = "dashboard")]
            if let Some(dashboard) = dashboard.filter(|_| Dashboard::serves(&request)) {
                return Ok(dashboard.respond(request).await);
            }

            if triggers && request.uri().path() == scheduler::PATH {
                return Ok(scheduler::respond::<A>(request, &env, context).await);
            }
            #[cfg(feature = "email")]
            if triggers && request.uri().path() == email::PATH {
                return Ok(email::respond::<A>(request, &env, context).await);
            }
            let logged = request_log::LoggedRequest::new(&request, &context, log);
            let response = logged
                .count(request::respond::<A>(request, assets, env, context))
                .await;
            logged.log(&response);
            Ok(response)
        })
    }
}

fn misconfigured(message: String) -> Error {
    Error::worker("start", ErrorKind::Misconfigured, message)
}
