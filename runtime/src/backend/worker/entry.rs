//! The functions behind the exports of `handlers!`, which the platform calls.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::select;
use js_sys::Promise;
#[cfg(feature = "tracing")]
use tracing::level_filters::LevelFilter;
use wasm_bindgen::{JsCast, JsValue};

use crate::app::{Application, Context, Environment};
use crate::error::{Error, ErrorKind, Failure, Result, ServerErrorText};
use crate::http::{DRAIN_TIMEOUT, DrainableBody, Request, Response};
#[cfg(feature = "tracing")]
use crate::log::{LineFormat, SubscriberOptions, install_subscriber};
use crate::observe::{Gate, Measures, Scope};

use super::bindings::observers;
use super::http::{request_from_js, response_to_js};
use super::js::{Handle, get_number, send};
use super::minimal::to_js;
use super::panic::promise;
use super::queue::{received, settle};
use super::{Backend, log_line};

/// Responds to a request.
pub fn fetch<A: Application>(request: web_sys::Request, env: JsValue, context: JsValue) -> Promise {
    promise("fetch", async move {
        let context = Context::new(super::Context::new(context, &request));
        // The start hook installs the observers of this request.
        let env = connect::<A>(env, &context);
        let respond = async {
            match env {
                Ok(env) => A::serve(Handle::new(request.into()), env, context).await,
                Err(error) => to_js(error.into()).map(Handle::new),
            }
        };
        let gate = Gate::of_handler("", observers());
        let respond = gate.handle("fetch", respond, response_outcome);
        match Arc::<Scope>::default().run(respond).await {
            Ok(response) => Ok(response.value().clone()),
            Err(failure) => Err(exception(&failure.message)),
        }
    })
}

fn response_outcome(response: &Result<Handle, Failure>) -> (Option<&Error>, Measures) {
    let status = match response {
        Ok(response) => get_number(response.value(), "status").map(|status| status as u16),
        Err(_) => Some(500),
    };
    let measures = Measures {
        status,
        ..Measures::default()
    };
    (None, measures)
}

/// Responds to a request with a handler that has the types of `http`.
pub(crate) fn respond<F: Future<Output = Response>>(
    request: Handle,
    context: Context,
    handler: impl FnOnce(Request) -> F,
) -> impl Future<Output = Result<Handle, Failure>> {
    let request = request_from_js(request.value().unchecked_ref());
    let started = request.map(|request| {
        let (mut request, body) = DrainableBody::wrap(request);
        request.extensions_mut().insert(context);
        (handler(request), body)
    });
    async move {
        let (output, body) = match started {
            Ok(started) => started,
            Err(failure) => {
                let message = format!("the request cannot be read: {}", failure.message);
                let error = Error::worker("fetch", failure.kind, message);
                return to_js(error.into()).map(Handle::new);
            }
        };
        let response = output.await;

        drain(body).await;
        if let Some(ServerErrorText(text)) = response.extensions().get() {
            log_line(&format!("error: {text}"));
        }
        response_to_js(response).map(Handle::new)
    }
}

/// Reads what a handler has left of the content of a request. On timeout, responds anyway.
pub(super) fn drain(body: DrainableBody) -> impl Future<Output = ()> + Send {
    send(async {
        let timeout = worker::Delay::from(DRAIN_TIMEOUT);
        select(pin!(body.drain()), pin!(timeout)).await;
    })
}

/// Opens the bindings, and runs the start hook before the first request or batch of this instance.
fn connect<A: Application>(env: JsValue, context: &Context) -> Result<A::Env> {
    thread_local! {
        static IS_STARTED: Cell<bool> = const { Cell::new(false) };
    }

    let env = A::Env::connect(&Backend::new(env))?;
    if !IS_STARTED.get() {
        A::start(&env, context)?;
        #[cfg(feature = "tracing")]
        install_subscriber(SubscriberOptions {
            level: LevelFilter::INFO,
            format: LineFormat::WithoutTime,
        });
        IS_STARTED.set(true);
    }
    Ok(env)
}

/// Processes a batch of messages.
pub fn queue<A: Application>(batch: JsValue, env: JsValue, context: JsValue) -> Promise {
    promise("queue", async move {
        let context = Context::new(super::Context::new(context, &JsValue::UNDEFINED));
        let env = connect::<A>(env, &context).map_err(|error| exception(&error.to_string()))?;

        let mut raw = received(&batch);
        let gate = Gate::of_handler(raw.queue().to_owned(), observers());
        let handler = async {
            let outcome = A::queue(&mut raw, env, context).await;
            raw.settle(outcome.is_ok());
            (outcome, raw.measures())
        };
        let handler = gate.handle("queue", handler, |(outcome, measures)| {
            (outcome.as_ref().err(), measures.clone())
        });
        let (outcome, _) = Arc::<Scope>::default().run(handler).await;
        if let Err(error) = &outcome {
            let queue = raw.queue();
            log_line(&format!("queue {queue}: the handler failed: {error}"));
        }

        settle(&batch, &raw).map_err(|failure| exception(&failure.message))?;
        Ok(JsValue::UNDEFINED)
    })
}

/// Responds to a request to a Durable Object, which bindery does not support yet.
pub fn no_durable_object(class: &str) -> Promise {
    let message = format!("bindery does not support Durable Objects such as `{class}` yet");
    let error = Error::worker("fetch", ErrorKind::Unsupported, message);
    let response = to_js(error.into()).map_err(|failure| exception(&failure.message));
    promise("fetch", async move { response })
}

fn exception(message: &str) -> JsValue {
    js_sys::Error::new(message).into()
}
