//! Calls as spans of the `tracing` crate.

use ::tracing::field::Empty;
use ::tracing::{Level, span};

use super::event::is_integer;
use super::{Call, Event, Observer, Span};

/// Returns an observer that makes each call a span of the [`tracing`](https://docs.rs/tracing)
/// crate, with the names of OpenTelemetry.
///
/// A call that takes place during another one is inside of its span: the query of a read-through
/// cache in the lookup, and both in the request. Spans are named `call`. The fields `otel.name`,
/// `otel.kind` and `otel.status_code` are those that
/// [`tracing-opentelemetry`](https://docs.rs/tracing-opentelemetry) reads.
///
/// Cloudflare's own traces have a span for each call to D1, KV and R2. Do not export both.
///
/// # Examples
/// ```
/// # struct Env; impl Env { fn observe(&self, _: impl bindery::observe::Observer) {} }
/// fn start(env: &Env) {
///     env.observe(bindery::observe::tracing());
/// }
/// ```
#[must_use]
pub fn tracing() -> impl Observer {
    Tracing
}

struct Tracing;

impl Observer for Tracing {
    /// The end of the span has everything.
    fn record(&self, _: &Event<'_>) {}

    fn has_spans(&self) -> bool {
        true
    }

    fn start(&self, call: &Call<'_>) -> Option<Box<dyn Span>> {
        let span = span!(
            target: "bindery",
            Level::INFO,
            "call",
            "otel.name" = call.span_name(),
            "otel.kind" = call.span_kind(),
            "otel.status_code" = Empty,
            "db.system.name" = Empty,
            "db.operation.name" = Empty,
            "db.query.summary" = Empty,
            "db.response.returned_rows" = Empty,
            "messaging.system" = Empty,
            "messaging.operation.name" = Empty,
            "messaging.batch.message_count" = Empty,
            "faas.trigger" = Empty,
            "http.response.status_code" = Empty,
            "cloudflare.binding.name" = Empty,
            "cloudflare.queue.name" = Empty,
            "cloudflare.r2.operation" = Empty,
            "cloudflare.d1.response.rows_read" = Empty,
            "cloudflare.d1.response.rows_written" = Empty,
            "cache.hit" = Empty,
            "cache.tier" = Empty,
            "error.type" = Empty,
        );
        let span: Box<dyn Span> = Box::new(TracingSpan(span));
        Some(span)
    }
}

struct TracingSpan(::tracing::Span);

impl Span for TracingSpan {
    fn enter(&mut self) {
        self.0
            .with_subscriber(|(id, subscriber)| subscriber.enter(id));
    }

    fn exit(&mut self) {
        self.0
            .with_subscriber(|(id, subscriber)| subscriber.exit(id));
    }

    fn end(self: Box<Self>, event: &Event<'_>) {
        let span = self.0;
        for (name, value) in event.attributes() {
            match value.parse::<i64>() {
                Ok(number) if is_integer(name) => span.record(name, number),
                _ => span.record(name, value),
            };
        }
        if event.is_error() {
            span.record("otel.status_code", "ERROR");
        }
    }
}
