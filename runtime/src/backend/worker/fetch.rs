//! Requests to other servers, through the `fetch` of the platform.

use wasm_bindgen::JsValue;

use crate::error::{ErrorKind, Failure};
use crate::http::{FetchOptions, Redirect, Request, Response, no_response};

use super::http::{request_to_js, response_from_js};
use super::js::{call, call_async, get, object, send};

/// Sends a request to another server.
pub(crate) async fn send_request(
    request: Request,
    options: FetchOptions,
) -> Result<Response, Failure> {
    if !super::test::may_fetch() {
        return Err(no_response(&request));
    }
    send(async {
        let request = request_to_js(request)?;
        let redirect = match options.redirect {
            Redirect::Follow => "follow",
            Redirect::Manual | Redirect::Error => "manual",
        };
        let signal = options.timeout.map(|timeout| {
            let milliseconds = JsValue::from_f64(timeout.as_secs_f64() * 1000.0);
            call(
                &get(&js_sys::global(), "AbortSignal"),
                "timeout",
                &[milliseconds],
            )
        });
        let init = object(&[
            ("redirect", redirect.into()),
            ("signal", signal.transpose()?.unwrap_or(JsValue::UNDEFINED)),
        ]);
        let arguments = [request, init];
        let response = call_async(&js_sys::global(), "fetch", &arguments).await;
        response_from_js(response.map_err(unreachable)?)
    })
    .await
}

/// The failure of a request without a response. The platform has no codes for them.
fn unreachable(failure: Failure) -> Failure {
    let timed_out = failure.message.contains("timeout") || failure.message.contains("timed out");
    let kind = match failure.kind {
        ErrorKind::Internal if timed_out => ErrorKind::Timeout,
        ErrorKind::Internal => ErrorKind::Unavailable,
        other => other,
    };
    failure.of_kind(kind)
}
