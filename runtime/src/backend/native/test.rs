//! Tests, each with a backend in memory and a world of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::{Application, Cf, Context, Environment, RawVar, TestOptions, TestOutcome};
use crate::resilience::Faults;

use super::bindings::Overrides;
use super::context::Routers;
#[cfg(feature = "fetch")]
use super::fetch::FutureResponse;
use super::log_line;
use super::pool::lock;
use super::scheduler;
use super::world::{self, World};
use super::{Backend, clock};
#[cfg(feature = "fetch")]
use crate::http::{IntoResponse, Request};

/// The world of one test: its clock, its random numbers and its background work.
///
/// A test receives it as an optional second argument.
///
/// # Examples
/// ```ignore
/// #[bindery::test]
/// async fn a_greeting_expires(env: Env, world: TestWorld) -> bindery::Result<()> {
///     env.cache.put(&Greeting { user: 7 }, "hello").await?;
///     world.clock().advance(Duration::from_secs(31 * 86_400));
///     assert_eq!(env.cache.get(&Greeting { user: 7 }).await?, None);
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct TestWorld {
    backend: Backend,
    world: Arc<World>,
    routers: Routers,
}

impl TestWorld {
    /// Returns the clock of the test.
    #[must_use]
    pub fn clock(&self) -> TestClock {
        TestClock(Arc::clone(&self.world))
    }

    /// Returns a context for a handler that the test calls.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context_with(Cf::default())
    }

    /// Returns a context with properties of Cloudflare.
    #[must_use]
    pub fn context_with(&self, cf: Cf) -> Context {
        self.backend.context(Arc::new(cf), self.routers.clone())
    }

    /// Waits until the work of [`Context::wait_until`] has ended. The end of a test waits too.
    pub async fn background_work(&self) {
        self.backend.tasks().idle().await;
    }

    /// Responds to the requests of [`fetch`](crate::http::fetch()) whose URI is `uri`, or starts
    /// with it if it ends with `*`. A `uri` without a query matches every query. The last one that
    /// was added wins.
    ///
    /// # Panics
    /// Panics if `uri` is not an absolute URI.
    ///
    /// # Examples
    /// ```
    /// # fn f(world: bindery::TestWorld) {
    /// world.respond("https://api.example.com/*", |request| async move {
    ///     format!("you asked for {}", request.uri().path())
    /// });
    /// # }
    /// ```
    #[cfg(feature = "fetch")]
    pub fn respond<R, F>(&self, uri: &str, respond: R)
    where
        R: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output: IntoResponse> + Send + 'static,
    {
        let respond = move |request| -> FutureResponse {
            let response = respond(request);
            Box::pin(async { response.await.into_response() })
        };
        self.world.servers.add(uri, Arc::new(respond));
    }

    /// Lets requests without a response of the test leave the process.
    #[cfg(feature = "fetch")]
    pub fn allow_network(&self) {
        self.world.servers.allow_network();
    }

    /// Responds to a request with the fetch handler of the worker. The cause of a server error is
    /// printed.
    ///
    /// A request without a host is one to `http://localhost`. The router of `fetch: router` is
    /// built at the first request with `env`.
    ///
    /// # Examples
    /// ```ignore
    /// let request = Request::get("http://localhost/files").body(Body::empty())?;
    /// let response = world.fetch::<App>(&env, request).await;
    /// ```
    pub async fn fetch<A: Application>(
        &self,
        env: &A::Env,
        request: crate::Request,
    ) -> crate::Response {
        crate::app::respond::<A>(env.clone(), request, self.context()).await
    }

    /// Runs the handler of a cron trigger, at the current time of the test.
    ///
    /// # Errors
    /// The error of the handler, or `InvalidArgument` if the manifest has no such trigger.
    ///
    /// # Examples
    /// ```ignore
    /// world.trigger::<App>(&env, "0 3 * * *").await?;
    /// ```
    pub async fn trigger<A: Application>(&self, env: &A::Env, cron: &str) -> crate::Result<()> {
        scheduler::trigger::<A>(cron, env, self.context()).await
    }

    /// Passes traces of other workers to the tail handler, as the platform does.
    ///
    /// # Errors
    /// The error of the handler.
    ///
    /// # Examples
    /// ```ignore
    /// let trace = serde_json::json!({ "scriptName": "api", "outcome": "exceededCpu" });
    /// world.tail::<App>(&env, vec![serde_json::from_value(trace)?]).await?;
    /// ```
    pub async fn tail<A: Application>(
        &self,
        env: &A::Env,
        traces: Vec<crate::tail::TraceItem>,
    ) -> crate::Result<()> {
        crate::app::tail::run_tail::<A>(traces, env.clone(), self.context()).await
    }

    /// Passes an email to the handler of the worker. Returns what it has decided.
    ///
    /// # Errors
    /// The error of the handler.
    ///
    /// # Examples
    /// ```ignore
    /// let raw = "From: ann@example.com\r\nSubject: hi\r\n\r\nHello\r\n";
    /// let outcome = world.email::<App>(&env, "ann@example.com", "bot@example.com", raw).await?;
    /// assert_eq!(outcome.forwarded, ["team@example.com"]);
    /// ```
    #[cfg(feature = "email")]
    pub async fn email<A: Application>(
        &self,
        env: &A::Env,
        from: &str,
        to: &str,
        raw: impl Into<bytes::Bytes>,
    ) -> crate::Result<crate::email::EmailOutcome> {
        super::email::receive::<A>(from, to, raw.into(), env, self.context()).await
    }

    /// Moves the clock forward, and runs the handlers of the cron triggers that are due meanwhile,
    /// each at its time. Returns how many ran.
    ///
    /// # Errors
    /// The first error of a handler.
    ///
    /// # Examples
    /// ```ignore
    /// // `0 3 * * *` fires each night.
    /// let nights = world.run_crons::<App>(&env, Duration::from_secs(7 * 86_400)).await?;
    /// assert_eq!(nights, 7);
    /// ```
    pub async fn run_crons<A: Application>(
        &self,
        env: &A::Env,
        duration: Duration,
    ) -> crate::Result<usize> {
        scheduler::run_until::<A>(env, &self.context(), &self.clock(), duration).await
    }

    /// Runs the handlers of the alarms of Durable Objects that are due at the time of the clock,
    /// and waits for them. Returns how many ran.
    ///
    /// In a test, alarms fire only here.
    ///
    /// # Examples
    /// ```ignore
    /// world.clock().advance(Duration::from_secs(60));
    /// assert_eq!(world.run_alarms().await, 1);
    /// ```
    pub async fn run_alarms(&self) -> usize {
        self.backend.objects_hosts().fire_due(true).await
    }

    /// Waits until each instance of a [Workflow](mod@crate::workflow) has ended, or waits for a
    /// later time of the clock, for an event, or for the end of a pause.
    ///
    /// # Examples
    /// ```ignore
    /// let order = env.orders.create(&params).await?;
    /// world.run_workflows().await;
    /// world.clock().advance(Duration::from_secs(86_400));
    /// world.run_workflows().await;
    /// assert!(order.status().await?.is_over());
    /// ```
    pub async fn run_workflows(&self) {
        if let Some(workflows) = self.backend.workflows() {
            workflows.idle().await;
        }
    }

    /// Drops what a Durable Object has in memory, as the platform does when the object is idle. Its
    /// next call creates it again.
    ///
    /// # Examples
    /// ```ignore
    /// world.evict(&env.rooms.by_name("lobby")).await;
    /// ```
    pub async fn evict(&self, object: &crate::durable_object::Stub) {
        object.evict().await;
    }

    /// Connects a client to a Durable Object with a request, to which the fetch handler of the
    /// worker responds.
    ///
    /// # Errors
    /// `InvalidArgument` if the response is another one.
    ///
    /// # Examples
    /// ```ignore
    /// let request = Request::get("/rooms/lobby").body(Body::empty())?;
    /// let mut ann = world.web_socket::<App>(&env, request).await?;
    /// ann.send("hello");
    /// assert_eq!(ann.next().await, Some("ann: hello".into()));
    /// ```
    #[cfg(feature = "web-sockets")]
    pub async fn web_socket<A: Application>(
        &self,
        env: &A::Env,
        mut request: crate::Request,
    ) -> crate::Result<super::TestSocket> {
        let headers = request.headers_mut();
        let value = http::HeaderValue::from_static("websocket");
        headers.insert(http::header::UPGRADE, value);
        super::TestSocket::of(self.fetch::<A>(env, request).await)
    }

    /// Returns the faults that are injected into the calls of the test, none at first.
    ///
    /// # Examples
    /// ```
    /// # fn f(world: bindery::TestWorld) {
    /// world.faults().kv().fail(0.1);
    /// # }
    /// ```
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.backend.observers().faults.clone()
    }

    /// Makes the numbers of [`random`](mod@crate::random) the same in each run of the test.
    pub fn seed(&self, seed: u64) {
        self.world.seed(seed);
    }
}

/// The clock of one test: of [`time`](mod@crate::time), of TTLs, and of delays.
///
/// It runs like the clock of the machine until the test moves it. `CURRENT_TIMESTAMP` and the other
/// functions of SQLite use the clock of the machine.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<World>);

impl TestClock {
    /// Moves the clock forward, and wakes those who sleep until then.
    pub fn advance(&self, duration: Duration) {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0.move_clock(milliseconds);
    }

    /// Sets the clock to a time.
    pub fn set(&self, time: SystemTime) {
        let now = clock::now();
        match time.duration_since(now) {
            // The clock moves by milliseconds, and must not stand before the time.
            Ok(ahead) => self.advance(ahead + Duration::from_nanos(999_999)),
            Err(error) => {
                let behind = error.duration().as_millis();
                self.0
                    .move_clock(-i64::try_from(behind).unwrap_or(i64::MAX));
            }
        }
    }
}

/// Opens an environment with empty state in memory, and applies its migrations.
///
/// # Errors
/// Fails if a migration fails, or a variable or secret is missing.
pub fn in_memory<E: Environment>() -> crate::Result<E> {
    E::connect(&Backend::open(None, &E::MANIFEST, Overrides::default())?)
}

/// Runs a test with an environment in memory.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub fn test<E: Environment, F: Future<Output: TestOutcome>>(
    options: TestOptions,
    body: impl FnOnce(E, TestWorld) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => panic!("the async runtime of the test cannot start: {error}"),
    };

    let world = Arc::<World>::default();
    let _entered = world::enter(&world);
    let backend = Backend::open(None, &E::MANIFEST, overrides(options));
    let opened = backend.and_then(|backend| Ok((E::connect(&backend)?, backend)));
    let (env, backend) = match opened {
        Ok(opened) => opened,
        Err(error) => panic!("the environment of the test cannot be opened: {error}"),
    };

    *lock(&world.observers) = backend.observers();
    let faults = backend.observers().faults.clone();
    let tasks = backend.tasks().clone();
    let objects = backend.objects_hosts().clone();
    let world = TestWorld {
        backend,
        world,
        routers: Routers::default(),
    };
    if let Some(failure) = runtime.block_on(body(env, world)).failure() {
        panic!("the test failed: {failure}");
    }
    runtime.block_on(tasks.idle());
    runtime.block_on(objects.stop());
    for calls in faults.unused() {
        log_line(&format!("warning: the fault of `{calls}` matched no call"));
    }
    if let Some(message) = tasks.take_panic() {
        panic!("background work of the test panicked: {message}");
    }
}

fn overrides(options: TestOptions) -> Overrides {
    let vars = options.vars.into_iter();
    let secrets = options.secrets.into_iter();
    Overrides {
        vars: vars
            .map(|(name, value)| (name.to_owned(), RawVar::new(value)))
            .collect(),
        secrets: secrets
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        faults: Faults::default(),
    }
}
