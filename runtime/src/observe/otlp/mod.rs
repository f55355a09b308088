//! Calls as spans that a server of OpenTelemetry receives.

mod context;
mod span;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use serde_json::json;

pub(crate) use self::context::SpanContext;
use self::span::OtlpSpan;
use super::{Call, Event, Observer, Scope, Span};
use crate::backend;
use crate::error::{Error, ErrorKind, Failure, Result, Service};
use crate::http::{Body, FetchOptions, Request};
use crate::time::{self, Instant};

/// The number of spans that wait for an export. Later ones are lost.
const MAX_WAITING: usize = 2048;

/// The number of spans in one request.
const MAX_BATCH: usize = 512;

/// The time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The time after which an export has ended: the platform ends background work after 30 seconds,
/// without a trace in this instance.
const LONGEST_EXPORT: Duration = Duration::from_secs(30);

/// Sends each call as a span to a server of OpenTelemetry, with OTLP over HTTP in JSON.
///
/// A request is a span with a span for each of its calls. It continues the trace of its header
/// `traceparent`, and requests to other servers and workers have this header too. The spans are
/// sent in the background after the response, those of requests at the same time together.
///
/// If the server is overloaded or cannot be reached, the spans are sent again after the next
/// request. At most 2,048 wait. A problem is logged once, until an export succeeds again.
///
/// Cloudflare's own traces have a span for each call to D1, KV and R2. Do not export both.
///
/// <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
///
/// # Examples
/// ```
/// # struct Env; impl Env { fn observe(&self, _: impl bindery::observe::Observer) {} }
/// # fn token(_: &Env) -> &'static str { "Bearer .." }
/// use bindery::observe::{Otlp, sampled};
///
/// fn start(env: &Env) -> bindery::Result<()> {
///     let exporter = Otlp::new("https://otel.example.com", "notes")?;
///     let exporter = exporter.header("authorization", token(env))?;
///     // Every tenth request.
///     env.observe(sampled(0.1, exporter));
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Otlp {
    target: Arc<Target>,
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct Target {
    uri: Uri,
    headers: HeaderMap,
    service_name: String,
}

#[derive(Default)]
struct State {
    /// The spans that have ended, in JSON.
    spans: Vec<String>,
    /// The spans for which there was no room.
    lost: usize,
    /// When the current export started.
    export_start: Option<Instant>,
    /// Whether a problem was logged.
    is_failing: bool,
}

impl fmt::Debug for Otlp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A header can be a secret, and so can the URI.
        formatter
            .debug_struct("Otlp")
            .field("service_name", &self.target.service_name)
            .finish_non_exhaustive()
    }
}

impl Otlp {
    /// Returns an observer that sends spans to `endpoint`, to which `/v1/traces` is added.
    /// `service_name` is the attribute `service.name` of all spans.
    ///
    /// # Errors
    /// `InvalidArgument` if the endpoint is not an absolute URL of HTTP.
    pub fn new(endpoint: &str, service_name: impl Into<String>) -> Result<Self> {
        let uri = format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse::<Uri>();
        let uri = uri.ok().filter(|uri| {
            let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
            is_http && uri.host().is_some_and(|host| !host.is_empty())
        });
        let Some(uri) = uri else {
            return Err(invalid(
                "the endpoint of the exporter must be an URL of HTTP",
            ));
        };

        let target = Target {
            uri,
            headers: HeaderMap::new(),
            service_name: service_name.into(),
        };
        Ok(Self {
            target: Arc::new(target),
            state: Arc::default(),
        })
    }

    /// Adds a header to each request, such as a key of the server.
    ///
    /// # Errors
    /// `InvalidArgument` if the name or the value is not one of a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
        else {
            return Err(invalid("the header of the exporter is not valid"));
        };
        value.set_sensitive(true);
        Arc::make_mut(&mut self.target).headers.insert(name, value);
        Ok(self)
    }

    /// Sends the spans that wait, and returns when the server has them. Not needed in a worker,
    /// which sends them after each request.
    ///
    /// # Errors
    /// `Unavailable` if the server cannot be reached, `Overloaded` if it asks to try again, and
    /// `Denied` if it refuses the spans.
    pub async fn flush(&self) -> Result<()> {
        self.export().await.map_err(|failure| {
            let host = self.target.uri.host().unwrap_or_default();
            Error::located(Service::Fetch, host, "export", None, failure)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a span for the next export.
    fn add(&self, span: String) {
        let mut state = self.state();
        match state.spans.len() < MAX_WAITING {
            true => state.spans.push(span),
            false => state.lost += 1,
        }
    }

    /// Exports the spans after the response, unless an export is under way that will take them.
    fn export_in_background(&self) {
        let Some(context) = Scope::current().and_then(|scope| scope.context()) else {
            return;
        };
        {
            let mut state = self.state();
            let is_exporting = |start: Instant| start.elapsed() < LONGEST_EXPORT;
            if state.export_start.is_some_and(is_exporting) {
                return;
            }
            state.export_start = Some(Instant::now());
        }
        let exporter = self.clone();
        context.wait_until(async move { exporter.export_and_log().await });
    }

    async fn export_and_log(&self) {
        let outcome = self.export().await;
        let mut state = self.state();
        state.export_start = None;
        let was_failing = std::mem::replace(&mut state.is_failing, outcome.is_err());
        let lost = std::mem::take(&mut state.lost);
        drop(state);

        match outcome {
            Err(failure) if !was_failing => {
                let message = &failure.message;
                backend::log_line(&format!("error: spans cannot be exported: {message}"));
            }
            _ => {}
        }
        if lost > 0 {
            backend::log_line(&format!("error: {lost} spans were lost, too many waited"));
        }
    }

    /// Sends all spans that wait, also those that are added meanwhile.
    async fn export(&self) -> std::result::Result<(), Failure> {
        loop {
            let batch = {
                let mut state = self.state();
                let count = state.spans.len().min(MAX_BATCH);
                state.spans.drain(..count).collect::<Vec<String>>()
            };
            if batch.is_empty() {
                return Ok(());
            }
            if let Err(failure) = self.send(&batch).await {
                if failure.kind != ErrorKind::Denied {
                    self.put_back(batch);
                }
                return Err(failure);
            }
        }
    }

    fn put_back(&self, batch: Vec<String>) {
        let mut state = self.state();
        let room = MAX_WAITING.saturating_sub(state.spans.len());
        state.lost += batch.len().saturating_sub(room);
        state.spans.splice(..0, batch.into_iter().take(room));
    }

    async fn send(&self, batch: &[String]) -> std::result::Result<(), Failure> {
        let mut request = Request::new(Body::from(self.target.document(batch)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = self.target.headers.clone();
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);

        let options = FetchOptions::default().timeout(TIMEOUT);
        let response = backend::send_request(request, options).await?;
        let status = response.status();
        // Frees the connection.
        let _ = backend::read_body(response.into_body()).await;
        if status.is_success() {
            return Ok(());
        }
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => ErrorKind::Overloaded,
            _ => ErrorKind::Denied,
        };
        Err(Failure::new(
            kind,
            format!("the server responds with {status}"),
        ))
    }
}

impl Target {
    /// Returns the body of a request with spans.
    fn document(&self, spans: &[String]) -> String {
        let attribute = |name, value| json!({ "key": name, "value": { "stringValue": value } });
        let attributes = [
            attribute("service.name", &*self.service_name),
            attribute("cloud.provider", "cloudflare"),
            attribute("cloud.platform", "cloudflare.workers"),
            attribute("telemetry.sdk.language", "rust"),
        ];
        let version = env!("CARGO_PKG_VERSION");
        let resource = json!({ "attributes": attributes });
        let scope = json!({ "name": "bindery", "version": version });
        let spans = spans.join(",");
        let scope_spans = format!(r#"[{{"scope":{scope},"spans":[{spans}]}}]"#);
        format!(r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":{scope_spans}}}]}}"#)
    }
}

/// Adds the header `traceparent` with the current span to a request. One that a handler passes on
/// has the span of its client.
pub(crate) fn continue_trace(request: &mut Request) {
    let span = SpanContext::current();
    if let Some(header) = span.and_then(|span| HeaderValue::try_from(span.to_header()).ok()) {
        request.headers_mut().insert("traceparent", header);
    }
}

impl Observer for Otlp {
    /// The end of the span has everything.
    fn record(&self, _: &Event<'_>) {}

    fn has_spans(&self) -> bool {
        true
    }

    fn start(&self, call: &Call<'_>) -> Option<Box<dyn Span>> {
        let is_handler = call.service == Service::Worker;
        let scope = Scope::current().filter(|_| is_handler);
        let parent = match &scope {
            Some(scope) => scope.caller(),
            None => SpanContext::current(),
        };
        let context = parent.map_or_else(SpanContext::root, SpanContext::child)?;
        let mut name = call.span_name();
        if let Some(scope) = scope {
            scope.set_span(context);
            // The route, which OpenTelemetry would add, is only known to the router.
            let method = &scope.request().method;
            if !method.is_empty() {
                name.clone_from(method);
            }
        }

        let span: Box<dyn Span> = Box::new(OtlpSpan {
            context,
            parent,
            name,
            kind: span::kind(call),
            start: time::now(),
            exporter: self.clone(),
        });
        Some(span)
    }
}

fn invalid(message: &'static str) -> Error {
    Error::worker("start", ErrorKind::InvalidArgument, message)
}
