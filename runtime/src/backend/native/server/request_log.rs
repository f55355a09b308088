//! One line of the log for each request.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use http::Method;

use crate::error::ServerErrorText;
use crate::http::{Request, Response};

use super::super::log_line;
use super::LogFormat;

tokio::task_local! {
    /// The calls to bindings of the request that a task serves.
    static CALLS: Arc<AtomicU32>;
}

/// Counts a call of the request that this task serves, if there is one.
pub(crate) fn count_call() {
    let _ = CALLS.try_with(|calls| calls.fetch_add(1, Ordering::Relaxed));
}

/// Runs a future in a task, with the calls of this task's request.
pub(super) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    match CALLS.try_with(Arc::clone) {
        Ok(calls) => tokio::spawn(CALLS.scope(calls, future)),
        Err(_) => tokio::spawn(future),
    }
}

/// A request that is logged when it has its response.
pub(super) struct LoggedRequest {
    method: Method,
    path: String,
    start: Instant,
    calls: Arc<AtomicU32>,
    format: LogFormat,
}

impl LoggedRequest {
    pub(super) fn new(request: &Request, format: LogFormat) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            start: Instant::now(),
            calls: Arc::default(),
            format,
        }
    }

    /// Counts the calls that a future makes.
    pub(super) fn count<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CALLS.scope(Arc::clone(&self.calls), future)
    }

    /// Logs the request. A server error is logged in any format, with its cause.
    pub(super) fn log(&self, response: &Response) {
        let Self { method, path, .. } = self;
        let status = response.status();
        if self.format == LogFormat::Off && !status.is_server_error() {
            return;
        }

        let milliseconds = self.start.elapsed().as_secs_f64() * 1000.0;
        let calls = self.calls.load(Ordering::Relaxed);
        let cause = response.extensions().get::<ServerErrorText>();
        let cause = cause.map(|ServerErrorText(text)| text.as_str());
        let line = if self.format == LogFormat::Json {
            let mut line = serde_json::json!({
                "event": "http.request",
                "http.request.method": method.as_str(),
                "url.path": path,
                "http.response.status_code": status.as_u16(),
                "duration_ms": milliseconds,
                "calls": calls,
            });
            if let Some(cause) = cause {
                line["error.message"] = cause.into();
            }
            line.to_string()
        } else {
            let noun = if calls == 1 { "call" } else { "calls" };
            let cause = cause.map(|cause| format!("  {cause}")).unwrap_or_default();
            let status = status.as_u16();
            format!("{method} {path} {status} {milliseconds:.2} ms  {calls} {noun}{cause}")
        };
        log_line(&line);
    }
}
