//! What the platform calls: the glue behind the exports that `handlers!` makes.

use std::pin::pin;

use futures_util::future::select;
use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::future_to_promise;

use crate::app::{Application, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::http::{Body, IntoResponse, READ_OUT_TIME, Response, Shared};

use super::js::{call, get};
use super::queue::{received, settle};
use super::{Backend, log_line};

/// Answers a request.
pub fn fetch<A: Application>(request: web_sys::Request, env: JsValue) -> Promise {
    future_to_promise(async move {
        let response = answer::<A>(request, env).await.unwrap_or_else(|error| {
            log_line(&format!("error: {error}"));
            error.into_response()
        });
        to_js(response)
    })
}

async fn answer<A: Application>(request: web_sys::Request, env: JsValue) -> Result<Response> {
    let env = A::Env::connect(&Backend::new(env))?;
    let request = worker::request_from_wasm(request).map_err(|error| {
        Error::worker(
            "fetch",
            ErrorKind::InvalidArgument,
            format!("the request cannot be read: {error}"),
        )
    })?;
    let (request, body) = Shared::new(request.map(Body::new));
    let response = A::fetch(request, env).await;
    // Out of time is as good as read out: the answer goes.
    select(
        pin!(body.read_out()),
        pin!(worker::Delay::from(READ_OUT_TIME)),
    )
    .await;
    Ok(response)
}

fn to_js(response: Response) -> std::result::Result<JsValue, JsValue> {
    let length = response
        .headers()
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
    let response = worker::response_to_wasm(response).map_err(|error| {
        JsValue::from(js_sys::Error::new(&format!(
            "the response cannot be sent: {error}"
        )))
    })?;
    match (length, response.body()) {
        (Some(length), Some(body)) => with_length(&response, &body, length),
        _ => Ok(response.into()),
    }
}

/// The platform drops a `Content-Length` unless the stream itself knows its length.
///
/// <https://developers.cloudflare.com/workers/runtime-apis/streams/transformstream/#fixedlengthstream>
fn with_length(
    response: &web_sys::Response,
    body: &web_sys::ReadableStream,
    length: f64,
) -> std::result::Result<JsValue, JsValue> {
    let constructor = |name: &str| get(&js_sys::global(), name).dyn_into::<js_sys::Function>();
    let stream = js_sys::Reflect::construct(
        &constructor("FixedLengthStream")?,
        &js_sys::Array::of1(&length.into()),
    )?;
    let piped = call(body, "pipeThrough", &[stream])
        .map_err(|failure| JsValue::from(js_sys::Error::new(&failure.message)))?;
    js_sys::Reflect::construct(
        &constructor("Response")?,
        &js_sys::Array::of2(&piped, response),
    )
}

/// Consumes a batch.
pub fn queue<A: Application>(batch: JsValue, env: JsValue) -> Promise {
    future_to_promise(async move {
        let env = A::Env::connect(&Backend::new(env))
            .map_err(|error| JsValue::from(js_sys::Error::new(&error.to_string())))?;
        let mut raw = received(&batch);
        let outcome = A::queue(&mut raw, env).await;
        if let Err(error) = &outcome {
            log_line(&format!(
                "queue {}: the handler failed: {error}",
                raw.queue()
            ));
        }
        raw.settle(outcome.is_ok());
        settle(&batch, &raw)
            .map_err(|failure| JsValue::from(js_sys::Error::new(&failure.message)))?;
        Ok(JsValue::UNDEFINED)
    })
}

/// The answer of a Durable Object class that is exported and not served.
#[must_use]
pub fn no_durable_object(class: &str) -> Promise {
    let message = format!("bindery does not serve Durable Objects yet, and `{class}` is one");
    let response = Error::worker("fetch", ErrorKind::Unsupported, message).into_response();
    future_to_promise(async move { to_js(response) })
}
