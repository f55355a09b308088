//! Requests to other servers, through the `fetch` of the platform.

use wasm_bindgen::{JsCast, JsValue};

use crate::error::{ErrorKind, Failure};
use crate::http::{Body, FetchOptions, Redirect, Request, Response, no_response};

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
        let request = worker::request_to_wasm(request).map_err(|error| {
            let message = format!("the request cannot be sent: {error}");
            Failure::new(ErrorKind::InvalidArgument, message)
        })?;

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
        let arguments = [request.into(), init];
        let response = call_async(&js_sys::global(), "fetch", &arguments).await;
        let response = response.map_err(unreachable)?;
        let response = response
            .dyn_into()
            .map_err(|_| Failure::new(ErrorKind::Decode, "`fetch` did not return a response"))?;
        let response = worker::response_from_wasm(response).map_err(|error| {
            let message = format!("the response cannot be read: {error}");
            Failure::new(ErrorKind::Decode, message)
        })?;
        Ok(response.map(Body::new))
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
    Failure { kind, ..failure }
}
