//! The functions behind the exports of `handlers!`, which the platform calls.

use std::cell::Cell;
use std::pin::pin;

use futures_util::future::select;
use js_sys::Promise;
#[cfg(feature = "tracing")]
use tracing::level_filters::LevelFilter;
use wasm_bindgen::JsValue;

use crate::app::{Application, Context, Environment};
use crate::error::{Error, ErrorKind, Result, ServerErrorText};
use crate::http::{DRAIN_TIMEOUT, DrainableBody, IntoResponse, Response};
#[cfg(feature = "tracing")]
use crate::log::{LineFormat, SubscriberOptions, install_subscriber};

use super::http::{request_from_js, response_to_js};
use super::panic::promise;
use super::queue::{received, settle};
use super::{Backend, log_line};

/// Responds to a request.
pub fn fetch<A: Application>(request: web_sys::Request, env: JsValue, context: JsValue) -> Promise {
    promise("fetch", async move {
        let response = respond::<A>(request, env, context).await;
        let response = response.unwrap_or_else(IntoResponse::into_response);
        if let Some(ServerErrorText(text)) = response.extensions().get() {
            log_line(&format!("error: {text}"));
        }
        to_js(response)
    })
}

async fn respond<A: Application>(
    request: web_sys::Request,
    env: JsValue,
    context: JsValue,
) -> Result<Response> {
    let context = Context::new(super::Context::new(context, &request));
    let env = connect::<A>(env, &context)?;
    let request = request_from_js(&request).map_err(|failure| {
        let message = format!("the request cannot be read: {}", failure.message);
        Error::worker("fetch", failure.kind, message)
    })?;

    let (mut request, body) = DrainableBody::wrap(request);
    request.extensions_mut().insert(context.clone());
    let response = A::fetch(request, env, context).await;

    // On timeout, respond anyway.
    let timeout = worker::Delay::from(DRAIN_TIMEOUT);
    select(pin!(body.drain()), pin!(timeout)).await;
    Ok(response)
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

fn to_js(response: Response) -> std::result::Result<JsValue, JsValue> {
    response_to_js(response).map_err(|failure| exception(&failure.message))
}

/// Processes a batch of messages.
pub fn queue<A: Application>(batch: JsValue, env: JsValue, context: JsValue) -> Promise {
    promise("queue", async move {
        let context = Context::new(super::Context::new(context, &JsValue::UNDEFINED));
        let env = connect::<A>(env, &context).map_err(|error| exception(&error.to_string()))?;

        let mut raw = received(&batch);
        let outcome = A::queue(&mut raw, env, context).await;
        if let Err(error) = &outcome {
            let queue = raw.queue();
            log_line(&format!("queue {queue}: the handler failed: {error}"));
        }

        raw.settle(outcome.is_ok());
        settle(&batch, &raw).map_err(|failure| exception(&failure.message))?;
        Ok(JsValue::UNDEFINED)
    })
}

/// Responds to a request to a Durable Object, which bindery does not support yet.
#[must_use]
pub fn no_durable_object(class: &str) -> Promise {
    let message = format!("bindery does not support Durable Objects such as `{class}` yet");
    let response = Error::worker("fetch", ErrorKind::Unsupported, message).into_response();
    promise("fetch", async move { to_js(response) })
}

fn exception(message: &str) -> JsValue {
    js_sys::Error::new(message).into()
}
