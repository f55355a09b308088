//! Tests on workerd, which `cargo bindery test --workerd` runs.
//!
//! Each test is an export of the Wasm module. The runner calls it with a new `env`.

use std::cell::Cell;
use std::future::Future;
use std::time::{Duration, SystemTime};

use js_sys::{Array, Object, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use crate::app::{Context, Environment, TestOptions, TestOutcome};
use crate::error::{Error, ErrorKind, Result};

use super::Backend;
use super::js::{Handle, object, parse};
use super::panic::promise;
use super::task::Settled;

thread_local! {
    /// Whether requests to other servers may be sent: always, except in most tests.
    static MAY_FETCH: Cell<bool> = const { Cell::new(true) };
}

/// Whether requests to other servers may be sent.
#[cfg(feature = "fetch")]
pub(super) fn may_fetch() -> bool {
    MAY_FETCH.get()
}

/// The start of the message of a test that only runs natively. The runner knows it.
const SKIPPED: &str = "skipped: ";

/// The world of one test: natively its clock and its random numbers, and in both worlds its
/// background work.
///
/// A test that uses what workerd does not have is skipped there.
#[derive(Debug, Clone)]
pub struct TestWorld {
    /// The promises of the background work.
    tasks: Handle,
}

impl TestWorld {
    /// Returns the clock of the test, which only exists natively.
    #[must_use]
    pub fn clock(&self) -> TestClock {
        skip("workerd has no clock that a test can move")
    }

    /// Returns a context for a handler that the test calls.
    #[must_use]
    pub fn context(&self) -> Context {
        let tasks = self.tasks.clone();
        let wait_until = Closure::<dyn FnMut(JsValue)>::new(move |promise: JsValue| {
            let _ = super::js::call(tasks.value(), "push", &[promise]);
        });
        let context = object(&[("waitUntil", wait_until.into_js_value())]);
        Context::new(super::Context::new(context, &JsValue::UNDEFINED))
    }

    /// Waits until the work of [`Context::wait_until`] has ended. The end of a test waits too.
    pub async fn background_work(&self) {
        super::js::send(finish(&self.tasks)).await;
    }

    /// Returns the faults of the test, which only exist natively.
    #[must_use]
    pub fn faults(&self) -> crate::resilience::Faults {
        skip("workerd has no faults that a test can inject")
    }

    /// Makes the random numbers the same in each run, which is only possible natively.
    pub fn seed(&self, _: u64) {
        skip("workerd has no seed")
    }

    /// Responds to the requests of [`fetch`](crate::http::fetch()), which is only possible
    /// natively.
    #[cfg(feature = "fetch")]
    pub fn respond<R, F>(&self, _: &str, _: R)
    where
        R: Fn(crate::Request) -> F + Send + Sync + 'static,
        F: Future<Output: crate::http::IntoResponse> + Send + 'static,
    {
        skip("on workerd a test cannot respond for other servers")
    }

    /// Lets the requests of [`fetch`](crate::http::fetch()) leave the process.
    #[cfg(feature = "fetch")]
    pub fn allow_network(&self) {
        MAY_FETCH.set(true);
    }

    /// Responds to a request with the fetch handler of the worker. The cause of a server error is
    /// logged.
    ///
    /// A request without a host is one to `http://localhost`. The router of `fetch: router` is
    /// built at the first request with `env`.
    pub async fn fetch<A: crate::Application>(
        &self,
        env: &A::Env,
        request: crate::Request,
    ) -> crate::Response {
        super::js::send(crate::app::respond::<A>(
            env.clone(),
            request,
            self.context(),
        ))
        .await
    }
}

impl TestWorld {
    /// Runs the handler of a cron trigger, at the current time.
    ///
    /// # Errors
    /// The error of the handler, or `Unsupported` if there is none for the expression.
    pub async fn trigger<A: crate::Application>(&self, env: &A::Env, cron: &str) -> Result<()> {
        let event = crate::ScheduledEvent::new(cron, crate::time::now());
        super::js::send(crate::app::run_scheduled::<A>(
            event,
            env.clone(),
            self.context(),
        ))
        .await
    }

    /// Passes traces of other workers to the tail handler, as the platform does.
    ///
    /// # Errors
    /// The error of the handler.
    pub async fn tail<A: crate::Application>(
        &self,
        env: &A::Env,
        traces: Vec<crate::tail::TraceItem>,
    ) -> Result<()> {
        let handler = crate::app::tail::run_tail::<A>(traces, env.clone(), self.context());
        super::js::send(handler).await
    }

    /// Passes an email to the handler of the worker. Returns what it has decided.
    ///
    /// # Errors
    /// The error of the handler.
    #[cfg(feature = "email")]
    pub async fn email<A: crate::Application>(
        &self,
        env: &A::Env,
        from: &str,
        to: &str,
        raw: impl Into<bytes::Bytes>,
    ) -> Result<crate::email::EmailOutcome> {
        let received = super::email::receive::<A>(from, to, raw.into(), env, self.context());
        super::js::send(received).await
    }

    /// Moves the clock forward, and runs the handlers of the cron triggers that are due meanwhile.
    ///
    /// # Errors
    /// None: the test is skipped.
    pub async fn run_crons<A: crate::Application>(&self, _: &A::Env, _: Duration) -> Result<usize> {
        skip("workerd has no clock that a test can move")
    }
}

/// The clock of one test, which only exists natively.
#[derive(Debug, Clone)]
pub struct TestClock(());

impl TestClock {
    /// Moves the clock forward.
    pub fn advance(&self, _: Duration) {
        skip("workerd has no clock that a test can move")
    }

    /// Sets the clock to a time.
    pub fn set(&self, _: SystemTime) {
        skip("workerd has no clock that a test can move")
    }
}

/// Ends a test that only runs natively.
#[expect(clippy::panic, reason = "the runner recognizes the message")]
fn skip(reason: &str) -> ! {
    panic!("{SKIPPED}{reason}")
}

/// Delivers the messages of queues, which only tests of the native backend can start.
///
/// # Errors
/// None: the test is skipped.
pub async fn deliver_queues<A: crate::Application>(_: &A::Env) -> Result<usize> {
    skip("workerd delivers queues itself")
}

/// Runs a test with the `env` of the runner. Without one, returns the name of the test.
pub fn test<E, F>(
    name: &str,
    env: &JsValue,
    options: TestOptions,
    body: impl FnOnce(E, TestWorld) -> F + 'static,
) -> JsValue
where
    E: Environment,
    F: Future<Output: TestOutcome> + 'static,
{
    if env.is_undefined() {
        return JsValue::from_str(name);
    }
    MAY_FETCH.set(false);
    let env = env.clone();
    let run = promise("test", async move {
        let failed = |message: &str| JsValue::from(js_sys::Error::new(message));
        let env = open::<E>(&env, options).map_err(|error| failed(&error.to_string()))?;
        let tasks = Handle::new(Array::new().into());
        let world = TestWorld {
            tasks: tasks.clone(),
        };
        if let Some(message) = body(env, world).await.failure() {
            return Err(failed(&message));
        }
        finish(&tasks).await;
        Ok(JsValue::UNDEFINED)
    });

    run.into()
}

/// Opens the environment, with the variables and secrets of the test.
fn open<E: Environment>(env: &JsValue, options: TestOptions) -> Result<E> {
    let misconfigured = |problem: &str| {
        let message = format!("a value of the test cannot be set: {problem}");
        Error::worker("start", ErrorKind::Misconfigured, message)
    };
    let values = Object::assign(&Object::new(), &Object::from(env.clone()));
    let set = |name: &str, value: &JsValue| {
        let set = js_sys::Reflect::set(&values, &JsValue::from_str(name), value);
        set.map(drop).map_err(|_| misconfigured(name))
    };
    for (name, value) in options.vars {
        let value = parse(&value.to_string()).map_err(|failure| misconfigured(&failure.message))?;
        set(name, &value)?;
    }
    for (name, value) in options.secrets {
        set(name, &JsValue::from_str(&value))?;
    }
    E::connect(&Backend::new(values.into()))
}

/// Waits for promises, also for those that are added meanwhile.
async fn finish(tasks: &Handle) {
    let mut done = 0;
    loop {
        let all = Array::from(tasks.value());
        if all.length() == done {
            return;
        }
        done = all.length();
        // A failure has been logged.
        let _ = Settled::new(&Promise::all_settled(&all)).await;
    }
}
