//! One line of the log for each request.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use crate::app::Context;
use crate::error::ServerErrorText;
use crate::http::{Request, Response};
use crate::observe::{RequestLine, Scope};

use super::super::log_line;
use super::LogFormat;

/// Runs a future in a task, in the scope of this one.
pub(super) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(Scope::current().unwrap_or_default().run(future))
}

/// A request that is logged when it has its response.
pub(super) struct LoggedRequest {
    start: Instant,
    scope: Arc<Scope>,
    format: LogFormat,
}

impl LoggedRequest {
    pub(super) fn new(request: &Request, context: &Context, format: LogFormat) -> Self {
        let scope = Scope::new(context, RequestLine::of(request));
        if format != LogFormat::Off {
            scope.set_has_line();
        }
        Self {
            start: Instant::now(),
            scope,
            format,
        }
    }

    /// Counts the calls that a future makes.
    pub(super) fn count<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Arc::clone(&self.scope).run(future)
    }

    /// Logs the request. A server error is logged in any format, with its cause.
    pub(super) fn log(&self, response: &Response) {
        let RequestLine { method, path, .. } = self.scope.request();
        let status = response.status();
        if self.format == LogFormat::Off && !status.is_server_error() {
            return;
        }

        let milliseconds = self.start.elapsed().as_secs_f64() * 1000.0;
        let (calls, retries) = (self.scope.calls(), self.scope.retries());
        let cause = response.extensions().get::<ServerErrorText>();
        let cause = cause.map(|ServerErrorText(text)| text.as_str());
        let line = if self.format == LogFormat::Json {
            let mut line = serde_json::json!({
                "event": "http.request",
                "http.request.method": method,
                "url.path": path,
                "http.response.status_code": status.as_u16(),
                "duration_ms": milliseconds,
                "calls": calls,
                "retries": retries,
            });
            if let Some(cause) = cause {
                line["error.message"] = cause.into();
            }
            line.to_string()
        } else {
            let calls = match (calls, retries) {
                (1, 0) => "1 call".to_owned(),
                (_, 0) => format!("{calls} calls"),
                (_, 1) => format!("{calls} calls, 1 of them a retry"),
                _ => format!("{calls} calls, {retries} of them retries"),
            };
            let cause = cause.map(|cause| format!("  {cause}")).unwrap_or_default();
            let status = status.as_u16();
            format!("{method} {path} {status} {milliseconds:.2} ms  {calls}{cause}")
        };
        log_line(&line);
    }
}
