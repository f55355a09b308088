//! Workflows on Workers.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, Either, select};
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use worker::send::SendWrapper;

use crate::app::{Application, Context};
use crate::bindings::BindingKind;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::observe::{Gate, Measures, RequestLine, Scope};
use crate::workflow::{self, Config, Control, RawEvent, RawStatus, Run, failure_of, message_of};

use super::bindings::observers;
use super::entry::connect;
use super::js::{
    Handle, call, call_async, failure, get, get_text, object, optional, outcome, parse, send,
    start, stringify,
};
use super::panic::promise;
use super::{Backend, clock};

#[wasm_bindgen(module = "/src/backend/worker/workflow.js")]
extern "C" {
    #[wasm_bindgen(js_name = deriveWorkflow)]
    fn derive_workflow(instance: &JsValue);

    #[wasm_bindgen(catch, js_name = startStep)]
    fn start_step(step: &JsValue, name: &str, config: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = errorOf)]
    fn error_of(is_final: bool, message: &str) -> JsValue;

    #[wasm_bindgen(catch, js_name = waitForEvent)]
    fn wait_for_event(
        step: &JsValue,
        name: &str,
        ty: &str,
        timeout: f64,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = errorText)]
    fn error_text(error: &JsValue) -> Option<String>;
}

/// A Workflow, for those who start it.
#[derive(Debug, Clone)]
pub(crate) struct Workflow(Handle);

/// An instance, for those who look at it.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowInstance(Handle);

impl Backend {
    #[expect(
        clippy::extra_unused_type_parameters,
        reason = "the native backend runs the instances itself"
    )]
    pub(crate) fn workflow<T: Run>(&self, binding: &str) -> Result<Workflow, String> {
        self.workflow_of_others(binding)
    }

    pub(crate) fn workflow_of_others(&self, binding: &str) -> Result<Workflow, String> {
        self.handle(binding, BindingKind::Workflow).map(Workflow)
    }
}

impl Workflow {
    pub(crate) async fn create(
        &self,
        id: Option<String>,
        params: String,
    ) -> Result<WorkflowInstance, Failure> {
        send(async {
            let options = create_options(id.as_deref(), &params)?;
            let instance = call_workflow(&self.0, "create", &[options]).await?;
            Ok(WorkflowInstance(Handle::new(instance)))
        })
        .await
    }

    pub(crate) async fn create_batch(
        &self,
        batch: Vec<(String, String)>,
    ) -> Result<Vec<WorkflowInstance>, Failure> {
        send(async {
            let options = batch.iter();
            let options = options.map(|(id, params)| create_options(Some(id), params));
            let options: Array = options.collect::<Result<Vec<_>, _>>()?.iter().collect();
            let created = call_workflow(&self.0, "createBatch", &[options.into()]).await?;
            let created: Array = created.unchecked_into();
            let instances = created.iter().map(Handle::new).map(WorkflowInstance);
            Ok(instances.collect())
        })
        .await
    }

    pub(crate) async fn get(&self, id: &str) -> Result<WorkflowInstance, Failure> {
        send(async {
            let instance = call_workflow(&self.0, "get", &[id.into()]).await?;
            Ok(WorkflowInstance(Handle::new(instance)))
        })
        .await
    }
}

fn create_options(id: Option<&str>, params: &str) -> Result<JsValue, Failure> {
    Ok(object(&[("id", optional(id)), ("params", parse(params)?)]))
}

impl WorkflowInstance {
    pub(crate) fn id(&self) -> String {
        get_text(self.0.value(), "id").unwrap_or_default()
    }

    pub(crate) async fn status(&self) -> Result<RawStatus, Failure> {
        send(async {
            let status = call_workflow(&self.0, "status", &[]).await?;
            Ok(RawStatus {
                name: get_text(&status, "status").unwrap_or_default(),
                output: stringify(&get(&status, "output")),
                error: error_text(&get(&status, "error")).map(|text| plain(&text)),
            })
        })
        .await
    }

    pub(crate) async fn control(&self, control: Control) -> Result<(), Failure> {
        send(async {
            call_workflow(&self.0, control.name(), &[]).await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn send_event(&self, ty: &str, payload: String) -> Result<(), Failure> {
        send(async {
            let event = object(&[("type", ty.into()), ("payload", parse(&payload)?)]);
            call_workflow(&self.0, "sendEvent", &[event]).await?;
            Ok(())
        })
        .await
    }
}

/// Returns the message of an error without its kind.
fn plain(text: &str) -> String {
    failure_of(text).message.clone()
}

/// Calls a method of a Workflow or of an instance.
async fn call_workflow(
    handle: &Handle,
    method: &str,
    arguments: &[JsValue],
) -> Result<JsValue, Failure> {
    // The errors of the platform have codes in their messages.
    const KINDS: [(&str, ErrorKind); 6] = [
        ("not_found", ErrorKind::NotFound),
        ("not found", ErrorKind::NotFound),
        ("already_exists", ErrorKind::InvalidArgument),
        ("already exists", ErrorKind::InvalidArgument),
        ("cannot_", ErrorKind::InvalidArgument),
        ("Cannot ", ErrorKind::InvalidArgument),
    ];

    let called = call_async(handle.value(), method, arguments).await;
    called.map_err(|failure| {
        let kind = super::js::kind_of_text(&failure.message, &KINDS);
        match kind {
            Some(kind) => failure.of_kind(kind),
            None => failure,
        }
    })
}

/// The steps of an instance that runs.
#[derive(Clone)]
pub(crate) struct Step {
    platform: Handle,
    instance_id: String,
    stop: Stop,
}

/// Why the platform stops an instance: it is paused, restarted or terminated.
///
/// The step that runs then fails, but that is no error of the step: a program that handled it would
/// do something else than it does without the pause.
#[derive(Clone)]
struct Stop(Arc<SendWrapper<RefCell<StopState>>>);

#[derive(Default)]
struct StopState {
    reason: Option<String>,
    waker: Option<Waker>,
}

impl Stop {
    fn new() -> Self {
        Self(Arc::new(SendWrapper(RefCell::default())))
    }

    fn stop(&self, reason: String) {
        let mut state = self.0.0.borrow_mut();
        state.reason = Some(reason);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Waits until the platform stops the instance. Returns its reason.
    async fn stopped(&self) -> String {
        poll_fn(|context| {
            let mut state = self.0.0.borrow_mut();
            match state.reason.take() {
                Some(reason) => Poll::Ready(reason),
                None => {
                    state.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// How the messages of errors start with which the platform stops an instance.
const STOPS: &str = "Aborting engine:";

impl Step {
    /// Returns the failure of a step, as the platform has kept it. Does not return if the platform
    /// stops the instance.
    async fn failed(&self, failure: Failure) -> Failure {
        if failure.message.starts_with(STOPS) {
            self.stop.stop(failure.message.clone());
            std::future::pending::<()>().await;
        }
        let stored = failure_of(&failure.message);
        match stored.kind {
            ErrorKind::Internal => failure,
            _ => stored,
        }
    }

    /// Runs a step: each attempt that the platform starts is one call of `work`.
    pub(crate) async fn run<'w>(
        &self,
        name: &str,
        config: Config,
        work: &(dyn Fn() -> BoxFuture<'w, Result<String>> + Send + Sync + 'w),
    ) -> Result<String, Failure> {
        send(async {
            let config = config_to_js(config);
            let run = start_step(self.platform.value(), name, &config);
            let run = run.map_err(|error| failure(&error))?;
            let mut next = Box::pin(next_attempt(&run)?);
            let mut attempt: Option<BoxFuture<'w, Result<String>>> = None;
            loop {
                let starts = match attempt.take() {
                    None => next.await?,
                    Some(running) => match select(running, next).await {
                        Either::Left((outcome, rest)) => {
                            settle(&run, outcome)?;
                            next = rest;
                            continue;
                        }
                        // The attempt took too long, and is dropped.
                        Either::Right((starts, _)) => starts?,
                    },
                };
                if !starts {
                    break;
                }
                attempt = Some(work());
                next = Box::pin(next_attempt(&run)?);
            }

            let outcome: Array = call(&run, "outcome", &[])?.unchecked_into();
            match outcome.get(0).as_string() {
                Some(json) => Ok(json),
                None => Err(self.failed(failure(&outcome.get(1))).await),
            }
        })
        .await
    }

    pub(crate) async fn sleep(&self, name: &str, duration: Duration) -> Result<(), Failure> {
        send(async {
            let milliseconds = duration.as_secs_f64() * 1000.0;
            let arguments = [name.into(), milliseconds.into()];
            match call_async(self.platform.value(), "sleep", &arguments).await {
                Ok(_) => Ok(()),
                Err(failure) => Err(self.failed(failure).await),
            }
        })
        .await
    }

    pub(crate) async fn sleep_until(&self, name: &str, time: SystemTime) -> Result<(), Failure> {
        // `sleepUntil` of the platform fails for a time in the past, and then an instance could not
        // run again. A step that has slept returns at once, whatever its time.
        let remaining = time.duration_since(clock::now()).unwrap_or_default();
        self.sleep(name, remaining.max(Duration::from_millis(1)))
            .await
    }

    pub(crate) async fn wait_for_event(
        &self,
        name: &str,
        ty: &str,
        timeout: Duration,
    ) -> Result<RawEvent, Failure> {
        send(async {
            let milliseconds = timeout.as_secs_f64() * 1000.0;
            let waited = wait_for_event(self.platform.value(), name, ty, milliseconds);
            let event: Array = match outcome(waited).await {
                Ok(event) => event.unchecked_into(),
                Err(failure) => return Err(self.failed(failure).await),
            };
            Ok(RawEvent {
                payload: event.get(0).as_string().unwrap_or_default(),
                timestamp: clock::at(&event.get(1)),
                instance_id: self.instance_id.clone(),
            })
        })
        .await
    }
}

/// Awaits an attempt. Resolves with false when the step has ended.
fn next_attempt(
    run: &JsValue,
) -> Result<impl Future<Output = Result<bool, Failure>> + use<>, Failure> {
    let next = start(run, "next", &[])?;
    Ok(async move { Ok(next.await?.is_truthy()) })
}

/// Passes the result of an attempt to the platform.
fn settle(run: &JsValue, outcome: Result<String>) -> Result<(), Failure> {
    let settled = match outcome {
        Ok(json) => call(run, "finish", &[json.into()]),
        Err(error) => {
            let arguments = [error.is_final().into(), message_of(&error).into()];
            call(run, "fail", &arguments)
        }
    };
    settled.map(drop)
}

fn config_to_js(config: Config) -> JsValue {
    let milliseconds = |duration: Duration| JsValue::from(duration.as_secs_f64() * 1000.0);
    let retries = object(&[
        ("limit", config.retries.into()),
        ("delay", milliseconds(config.delay)),
        ("backoff", config.backoff.name().into()),
    ]);
    object(&[
        ("retries", retries),
        ("timeout", milliseconds(config.timeout)),
    ])
}

/// A Workflow class, as the platform sees it.
#[doc(hidden)]
#[derive(Debug)]
pub struct ExportedWorkflow<A, T> {
    context: JsValue,
    env: JsValue,
    class: PhantomData<(A, T)>,
}

impl<A: Application, T: Run<Env = A::Env>> ExportedWorkflow<A, T> {
    #[must_use]
    pub fn new(context: JsValue, env: JsValue) -> Self {
        Self {
            context,
            env,
            class: PhantomData,
        }
    }

    /// Runs an instance.
    pub fn run(&self, event: JsValue, step: JsValue) -> Promise {
        let (context, env) = (self.context.clone(), self.env.clone());
        promise("workflow", async move {
            let context = Context::new(super::Context::new(context, &JsValue::UNDEFINED));
            let env = connect::<A>(env, &context).map_err(|error| thrown(&error))?;
            let instance_id = get_text(&event, "instanceId").unwrap_or_default();
            let stop = Stop::new();
            let step = Step {
                platform: Handle::new(step),
                instance_id: instance_id.clone(),
                stop: stop.clone(),
            };
            let event = RawEvent {
                payload: stringify(&get(&event, "payload")).unwrap_or_else(|| "null".to_owned()),
                timestamp: clock::at(&get(&event, "timestamp")),
                instance_id,
            };

            let scope = Scope::new(&context, RequestLine::default());
            let gate = Gate::new(Service::Workflow, T::NAME, observers());
            let run = workflow::run::<T>(event, workflow::Step::new(gate, step), env);
            let gate = Gate::of_handler(T::NAME, observers());
            let run = gate.handle("workflow", run, |outcome| {
                (outcome.as_ref().err(), Measures::default())
            });
            match select(pin!(scope.run(run)), pin!(stop.stopped())).await {
                Either::Left((Ok(output), _)) => {
                    parse(&output).map_err(|failure| error_of(false, &failure.message))
                }
                Either::Left((Err(error), _)) => Err(thrown(&error)),
                Either::Right((reason, _)) => Err(error_of(false, &reason)),
            }
        })
    }
}

/// Converts an error for the platform.
fn thrown(error: &Error) -> JsValue {
    error_of(error.is_final(), &message_of(error))
}

/// Derives a class from that of the platform, when the worker starts.
#[doc(hidden)]
pub fn derive_from_workflow(instance: &JsValue) {
    derive_workflow(instance);
}
