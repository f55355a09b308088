//! The functions behind the exports of `handlers!`, which the platform calls.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;

use futures_util::future::select;
use js_sys::{Object, Promise};
#[cfg(feature = "tracing")]
use tracing::level_filters::LevelFilter;
use wasm_bindgen::{JsCast, JsValue};

use crate::app::{Application, Context, Environment, ScheduledEvent, run_scheduled};
use crate::error::{Error, Failure, Result, ServerErrorText};
use crate::http::{DRAIN_TIMEOUT, DrainableBody, Request, Response};
#[cfg(feature = "tracing")]
use crate::log::{LineFormat, SubscriberOptions, install_subscriber};
use crate::observe::{Gate, Measures, RequestLine, Scope};

use super::bindings::observers;
use super::http::{request_from_js, response_to_js};
use super::js::{Handle, failure, get, get_number, get_text, send};
use super::panic::promise;
use super::platform;
use super::queue::{received, settle};
use super::{Backend, clock, log_line};

/// Responds to a request.
pub fn fetch<A: Application>(request: web_sys::Request, env: JsValue, context: JsValue) -> Promise {
    promise("fetch", async move {
        let context = Context::new(super::Context::new(context, &request));
        // The start hook installs the observers of this request.
        let env = connect::<A>(env, &context);
        let scope = Scope::new(&context, request_line(&request));
        let respond = async {
            match env {
                Ok(env) => A::serve(Handle::new(request.into()), env, context).await,
                Err(error) => error_response(&error).map(Handle::new),
            }
        };

        let gate = Gate::of_handler("", observers());
        let respond = gate.handle("fetch", respond, response_outcome);
        match scope.run(respond).await {
            Ok(response) => Ok(response.value().clone()),
            Err(failure) => Err(exception(&failure.message)),
        }
    })
}

/// Returns what the spans of a request contain, if there is an observer with spans. Each property
/// is a call into JavaScript.
fn request_line(request: &web_sys::Request) -> RequestLine {
    #[cfg(feature = "otlp")]
    if observers().has_spans() {
        let uri = request.url().parse::<http::Uri>().unwrap_or_default();
        return RequestLine {
            method: request.method(),
            path: uri.path().to_owned(),
            trace_parent: request.headers().get("traceparent").ok().flatten(),
        };
    }
    let _ = request;
    RequestLine::default()
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
                return error_response(&error).map(Handle::new);
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
        let timeout = clock::sleep(DRAIN_TIMEOUT);
        select(pin!(body.drain()), pin!(timeout)).await;
    })
}

/// Opens the bindings and runs the start hook, before the first request or batch of this instance.
///
/// The platform passes the same object with each request, and its bindings do not belong to one.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/bindings/#importing-env-as-a-global>
pub(super) fn connect<A: Application>(env: JsValue, context: &Context) -> Result<A::Env> {
    thread_local! {
        /// The object of the platform, and the environment that was opened with it.
        static OPENED: RefCell<Option<(JsValue, Box<dyn Any>)>> = const { RefCell::new(None) };
    }

    let opened = OPENED.with_borrow(|opened| match opened {
        Some((object, opened)) if Object::is(object, &env) => opened.downcast_ref().cloned(),
        _ => None,
    });
    if let Some(opened) = opened {
        return Ok(opened);
    }

    let opened = A::Env::connect(&Backend::new(env.clone()))?;
    if OPENED.with_borrow(Option::is_none) {
        A::start(&opened, context)?;
        #[cfg(feature = "tracing")]
        install_subscriber(SubscriberOptions {
            level: LevelFilter::INFO,
            format: LineFormat::WithoutTime,
        });
    }
    OPENED.set(Some((env, Box::new(opened.clone()))));
    Ok(opened)
}

/// Processes a batch of messages.
pub fn queue<A: Application>(batch: JsValue, env: JsValue, context: JsValue) -> Promise {
    promise("queue", async move {
        let context = Context::new(super::Context::new(context, &JsValue::UNDEFINED));
        let env = connect::<A>(env, &context).map_err(|error| exception(&error.to_string()))?;

        let scope = Scope::new(&context, RequestLine::default());
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
        let (outcome, _) = scope.run(handler).await;
        if let Err(error) = &outcome {
            let queue = raw.queue();
            log_line(&format!("queue {queue}: the handler failed: {error}"));
        }

        settle(&batch, &raw).map_err(|failure| exception(&failure.message))?;
        Ok(JsValue::UNDEFINED)
    })
}

/// Runs the handler of a cron trigger.
pub fn scheduled<A: Application>(event: JsValue, env: JsValue, context: JsValue) -> Promise {
    promise("scheduled", async move {
        let context = Context::new(super::Context::new(context, &JsValue::UNDEFINED));
        let env = connect::<A>(env, &context).map_err(|error| exception(&error.to_string()))?;

        let cron = get_text(&event, "cron").unwrap_or_default();
        let time = clock::at(&get(&event, "scheduledTime"));
        let event = ScheduledEvent::new(cron.clone(), time);
        run_scheduled::<A>(event, env, context)
            .await
            .map_err(|error| {
                log_line(&format!("cron {cron}: the handler failed: {error}"));
                exception(&error.to_string())
            })?;
        Ok(JsValue::UNDEFINED)
    })
}

/// Creates the response of an error, and writes its cause to the log if the server is at fault.
pub(super) fn error_response(error: &Error) -> Result<JsValue, Failure> {
    if error.kind().status() >= 500 {
        log_line(&format!("error: {error}"));
    }
    unlogged_error_response(error)
}

/// Creates the response of an error without the code for other responses.
pub(super) fn unlogged_error_response(error: &Error) -> Result<JsValue, Failure> {
    let content = error.to_json();
    let (status, headers) = (error.kind().status(), "content-type\napplication/json\n");
    let response = platform::create_response_of_bytes(
        content.as_bytes(),
        status,
        headers,
        &JsValue::UNDEFINED,
    );
    response.map_err(|error| failure(&error))
}

pub(super) fn exception(message: &str) -> JsValue {
    js_sys::Error::new(message).into()
}
