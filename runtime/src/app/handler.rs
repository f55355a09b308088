//! The functions that `handlers!` accepts: with or without a [`Context`] as their last argument.

use std::any::TypeId;
use std::convert::Infallible;
use std::future::Future;

use axum_core::response::IntoResponse;
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::{Context, Environment, ScheduledEvent, router};
use crate::backend::{self, RawRequest};
#[cfg(target_arch = "wasm32")]
use crate::error::Failure;
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::minimal;
use crate::queue::{Batch, MessageOf, RawBatch};

/// A function that responds to requests. `Form` is its signature, which the compiler infers.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a fetch handler",
    label = "not a fetch handler",
    note = "a handler is `async fn fetch(request: Request, env: Env) -> Response`, or with a third \
            argument `context: Context`; the result is anything that implements `IntoResponse`, \
            and the future is `Send`",
    note = "a function that builds a router is `fn router(env: Env) -> axum::Router`: it is not \
            `async`, has no other argument, returns no `Result`, and `with_state` has set the \
            state of the router. Another service than that of axum is `Clone`, and its `Error` is \
            `Infallible`",
    note = "with `bindery::minimal::Request`, the result is anything that converts to \
            `bindery::minimal::Response`"
)]
pub trait FetchHandler<Env, Form>: Sized {
    fn respond(
        self,
        request: Request,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Response> + Send;

    /// Responds to a request of the platform.
    #[cfg(target_arch = "wasm32")]
    fn serve(
        self,
        request: backend::Handle,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<backend::Handle, Failure>> + Send {
        backend::respond(request, context.clone(), |request| {
            self.respond(request, env, context)
        })
    }
}

impl<F, Output, R, Env> FetchHandler<Env, fn(Request, Env) -> R> for F
where
    F: FnOnce(Request, Env) -> Output,
    Output: Future<Output = R> + Send,
    R: IntoResponse,
{
    fn respond(
        self,
        request: Request,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Response> + Send {
        into_response(self(request, env))
    }
}

impl<F, Output, R, Env> FetchHandler<Env, fn(Request, Env, Context) -> R> for F
where
    F: FnOnce(Request, Env, Context) -> Output,
    Output: Future<Output = R> + Send,
    R: IntoResponse,
{
    fn respond(
        self,
        request: Request,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Response> + Send {
        into_response(self(request, env, context))
    }
}

impl<F, Output, R, Env> FetchHandler<Env, fn(minimal::Request, Env) -> R> for F
where
    F: FnOnce(minimal::Request, Env) -> Output,
    Output: Future<Output = R> + Send,
    R: Into<minimal::Response>,
{
    fn respond(
        self,
        request: Request,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Response> + Send {
        respond_minimal(request, |request| self(request, env))
    }

    #[cfg(target_arch = "wasm32")]
    fn serve(
        self,
        request: backend::Handle,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<backend::Handle, Failure>> + Send {
        backend::respond_minimal(request, context, |request| {
            minimal_output(self(request, env))
        })
    }
}

impl<F, Output, R, Env> FetchHandler<Env, fn(minimal::Request, Env, Context) -> R> for F
where
    F: FnOnce(minimal::Request, Env, Context) -> Output,
    Output: Future<Output = R> + Send,
    R: Into<minimal::Response>,
{
    fn respond(
        self,
        request: Request,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Response> + Send {
        respond_minimal(request, |request| self(request, env, context))
    }

    #[cfg(target_arch = "wasm32")]
    fn serve(
        self,
        request: backend::Handle,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<backend::Handle, Failure>> + Send {
        backend::respond_minimal(request, context.clone(), |request| {
            minimal_output(self(request, env, context))
        })
    }
}

/// A function that builds a router, such as that of axum.
impl<F, S, Env> FetchHandler<Env, fn(Env) -> S> for F
where
    F: FnOnce(Env) -> S + 'static,
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>,
    S: Clone + Send + Sync + 'static,
    Env: Environment,
{
    fn respond(
        self,
        request: Request,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Response> + Send {
        let build = |env| router(self(env));
        context.router(TypeId::of::<F>(), env, build)(request)
    }
}

/// Calls a handler. The future does not contain it, which may not be `Send`.
fn respond_minimal<F, R>(
    request: Request,
    handler: impl FnOnce(minimal::Request) -> F,
) -> impl Future<Output = Response>
where
    F: Future<Output = R>,
    R: Into<minimal::Response>,
{
    let request = RawRequest::from_http(request).map(minimal::Request::new);
    let output = request.map(handler);
    async move {
        match output {
            Ok(output) => backend::into_http(output.await.into()),
            Err(failure) => Error::of_worker("fetch", failure).into_response(),
        }
    }
}

#[cfg(target_arch = "wasm32")]
async fn minimal_output<R: Into<minimal::Response>>(
    output: impl Future<Output = R>,
) -> minimal::Response {
    output.await.into()
}

async fn into_response<R: IntoResponse>(output: impl Future<Output = R>) -> Response {
    output.await.into_response()
}

/// A function that processes batches of a queue.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a queue handler",
    label = "not a queue handler",
    note = "write `async fn process(batch: Batch<'_, Message>, env: Env) -> bindery::Result<()>`, \
            or with a third argument `context: Context`",
    note = "`Message` implements `serde::Deserialize`, and the future is `Send`"
)]
pub trait QueueHandler<'b, Env, Form> {
    type Message;

    fn process(
        self,
        batch: &'b mut RawBatch,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send;
}

impl<'b, F, Output, T, Env> QueueHandler<'b, Env, fn(Batch<'b, T>, Env)> for F
where
    F: FnOnce(Batch<'b, T>, Env) -> Output,
    Output: Future<Output = Result<()>> + Send,
    T: DeserializeOwned + 'b,
{
    type Message = T;

    fn process(
        self,
        batch: &'b mut RawBatch,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(Batch::new(batch), env)
    }
}

impl<'b, F, Output, T, Env> QueueHandler<'b, Env, fn(Batch<'b, T>, Env, Context)> for F
where
    F: FnOnce(Batch<'b, T>, Env, Context) -> Output,
    Output: Future<Output = Result<()>> + Send,
    T: DeserializeOwned + 'b,
{
    type Message = T;

    fn process(
        self,
        batch: &'b mut RawBatch,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(Batch::new(batch), env, context)
    }
}

/// Returns the handler of a queue to which the binding `Name` sends, if it has the same messages.
#[doc(hidden)]
pub fn of_queue<'b, Name, Env, Form, H>(handler: H) -> H
where
    H: QueueHandler<'b, Env, Form>,
    H::Message: MessageOf<Name>,
{
    handler
}

/// A function that a cron trigger calls.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a scheduled handler",
    label = "not a scheduled handler",
    note = "write `async fn run(event: ScheduledEvent, env: Env) -> bindery::Result<()>`, or with a \
            third argument `context: Context`, or with `env: Env` alone; the future is `Send`"
)]
pub trait ScheduledHandler<Env, Form> {
    fn run(
        self,
        event: ScheduledEvent,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send;
}

impl<F, Output, Env> ScheduledHandler<Env, fn(Env)> for F
where
    F: FnOnce(Env) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn run(
        self,
        _: ScheduledEvent,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(env)
    }
}

impl<F, Output, Env> ScheduledHandler<Env, fn(ScheduledEvent, Env)> for F
where
    F: FnOnce(ScheduledEvent, Env) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn run(
        self,
        event: ScheduledEvent,
        env: Env,
        _: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(event, env)
    }
}

impl<F, Output, Env> ScheduledHandler<Env, fn(ScheduledEvent, Env, Context)> for F
where
    F: FnOnce(ScheduledEvent, Env, Context) -> Output,
    Output: Future<Output = Result<()>> + Send,
{
    fn run(
        self,
        event: ScheduledEvent,
        env: Env,
        context: Context,
    ) -> impl Future<Output = Result<()>> + Send {
        self(event, env, context)
    }
}

/// A function that runs when a worker starts.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a start hook",
    label = "not a start hook",
    note = "write `fn start(env: &Env)` or `fn start(env: &Env) -> bindery::Result<()>`, or with \
            a second argument `context: &Context`"
)]
pub trait StartHandler<Env, Form> {
    fn start(self, env: &Env, context: &Context) -> Result<()>;
}

impl<F: FnOnce(&Env) -> R, R: StartOutput, Env> StartHandler<Env, fn(&Env) -> R> for F {
    fn start(self, env: &Env, _: &Context) -> Result<()> {
        self(env).into_result()
    }
}

impl<F, R, Env> StartHandler<Env, fn(&Env, &Context) -> R> for F
where
    F: FnOnce(&Env, &Context) -> R,
    R: StartOutput,
{
    fn start(self, env: &Env, context: &Context) -> Result<()> {
        self(env, context).into_result()
    }
}

/// The output of a start hook.
#[doc(hidden)]
pub trait StartOutput {
    fn into_result(self) -> Result<()>;
}

impl StartOutput for () {
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl StartOutput for Result<()> {
    fn into_result(self) -> Result<()> {
        self
    }
}
