//! Tail handlers: what other workers did, as the platform has traced it.
//!
//! <https://developers.cloudflare.com/workers/runtime-apis/handlers/tail/>

use std::future::Future;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::Value;

use super::{Application, Context, Environment};
use crate::error::Result;
use crate::observe::{Gate, Measures, RequestLine, Scope};

/// One invocation of a worker that names this one in its `tail_consumers`.
///
/// # Examples
/// ```
/// # struct Env;
/// use bindery::tail::TraceItem;
///
/// async fn watch(traces: Vec<TraceItem>, env: Env) -> bindery::Result<()> {
///     for trace in traces.iter().filter(|trace| trace.outcome != "ok") {
///         let worker = trace.script_name.as_deref().unwrap_or_default();
///         bindery::println!("{worker} ended with {}: {:?}", trace.outcome, trace.exceptions);
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TraceItem {
    /// The name of the worker.
    #[serde(default)]
    pub script_name: Option<String>,
    /// The class that was called, unless it is the default one.
    #[serde(default)]
    pub entrypoint: Option<String>,
    /// How it ended: `ok`, `exception`, `exceededCpu`, `exceededMemory`, `canceled` and others.
    pub outcome: String,
    /// When it started.
    #[serde(default, deserialize_with = "time")]
    pub event_timestamp: Option<SystemTime>,
    /// What called it, in the form of the platform: a request has `request` and `response`, a cron
    /// trigger `cron`, a queue `queue` and `batchSize`, an email `mailFrom` and `rcptTo`.
    #[serde(default)]
    pub event: Value,
    /// The lines of its log.
    #[serde(default)]
    pub logs: Vec<TraceLog>,
    /// The exceptions that nobody caught.
    #[serde(default)]
    pub exceptions: Vec<TraceException>,
    /// The time of the processor that it used, in milliseconds.
    #[serde(default)]
    pub cpu_time: f64,
    /// The time from its start to its end, in milliseconds.
    #[serde(default)]
    pub wall_time: f64,
}

/// A line of the log of another worker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TraceLog {
    /// The level: `log`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The arguments of the call.
    pub message: Value,
    /// The time.
    #[serde(default, deserialize_with = "time")]
    pub timestamp: Option<SystemTime>,
}

/// An exception of another worker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct TraceException {
    /// The name of the class, such as `TypeError`.
    pub name: String,
    /// The message.
    pub message: String,
    /// The time.
    #[serde(default, deserialize_with = "time")]
    pub timestamp: Option<SystemTime>,
}

/// Milliseconds since the Unix epoch.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let milliseconds = Option::<f64>::deserialize(deserializer)?;
    let valid = milliseconds.filter(|milliseconds| (0.0..1e15).contains(milliseconds));
    Ok(valid
        .map(|milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds as u64)))
}

/// A function that receives traces.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tail handler",
    label = "not a tail handler",
    note = "write `async fn watch(traces: Vec<TraceItem>, env: Env) -> bindery::Result<()>`, or \
            with a third argument `context: Context`; the future is `Send`"
)]
pub trait TailHandler<Env, Form> {
    fn watch(
        self,
        traces: Vec<TraceItem>,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send;
}

impl<F, Output, Env> TailHandler<Env, fn(Vec<TraceItem>, Env)> for F
where
    F: FnOnce(Vec<TraceItem>, Env) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn watch(
        self,
        traces: Vec<TraceItem>,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(traces, env)
    }
}

impl<F, Output, Env> TailHandler<Env, fn(Vec<TraceItem>, Env, Context)> for F
where
    F: FnOnce(Vec<TraceItem>, Env, Context) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn watch(
        self,
        traces: Vec<TraceItem>,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(traces, env, context)
    }
}

/// Runs the tail handler, with an event for observers.
pub(crate) async fn run_tail<A: Application>(
    traces: Vec<TraceItem>,
    env: A::Env,
    context: Context,
) -> Result<()> {
    let scope = Scope::new(&context, RequestLine::default());
    let gate = Gate::of_handler("", env.backend().observers());
    let measures = Measures {
        count: Some(traces.len() as u64),
        ..Measures::default()
    };
    let handler = gate.handle("tail", A::tail(traces, env, context), |outcome| {
        (outcome.as_ref().err(), measures.clone())
    });
    scope.run(handler).await
}
