//! Spans in the JSON of OTLP.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::super::event::is_integer;
use super::super::{Call, Event, Scope, Span};
use super::Otlp;
use super::context::SpanContext;
use crate::error::Service;

/// A call that has started.
pub(super) struct OtlpSpan {
    pub(super) context: SpanContext,
    pub(super) parent: Option<SpanContext>,
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) start: SystemTime,
    pub(super) exporter: Otlp,
}

/// The number of a kind of span.
pub(super) fn kind(call: &Call<'_>) -> u8 {
    match call.span_kind() {
        "internal" => 1,
        "server" => 2,
        "producer" => 4,
        "consumer" => 5,
        _ => 3,
    }
}

impl Span for OtlpSpan {
    fn enter(&mut self) {
        self.context.enter();
    }

    fn exit(&mut self) {
        SpanContext::exit();
    }

    fn end(self: Box<Self>, event: &Event<'_>) {
        self.exporter.add(self.to_json(event));
        if event.service == Service::Worker {
            self.exporter.export_in_background();
        }
    }
}

impl OtlpSpan {
    /// <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
    fn to_json(&self, event: &Event<'_>) -> String {
        let parent = self.parent.map(|parent| format!("{:016x}", parent.span));
        let message = event.error.map(|error| error.message().to_owned());
        let mut attributes = event.attributes();
        if event.service == Service::Worker {
            attributes.extend(request_attributes());
        }

        let json = Json {
            trace_id: format!("{:032x}", self.context.trace),
            span_id: format!("{:016x}", self.context.span),
            parent_span_id: parent.unwrap_or_default(),
            flags: 1,
            name: &self.name,
            kind: self.kind,
            start_time_unix_nano: nanoseconds(self.start),
            end_time_unix_nano: nanoseconds(self.start + event.duration),
            attributes: attributes.into_iter().map(attribute).collect(),
            status: match event.is_error() {
                true => Status { code: 2, message },
                false => Status::default(),
            },
        };
        serde_json::to_string(&json).unwrap_or_default()
    }
}

/// The attributes of the request, which only its span has: they have too many different values for
/// the labels of a metric. A batch of a queue has none.
///
/// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>
fn request_attributes() -> Vec<(&'static str, String)> {
    let scope = Scope::current();
    let request = scope.as_ref().map(|scope| scope.request());
    let Some(request) = request.filter(|request| !request.method.is_empty()) else {
        return Vec::new();
    };
    vec![
        ("http.request.method", request.method.clone()),
        ("url.path", request.path.clone()),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    parent_span_id: String,
    flags: u8,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute>,
    status: Status,
}

#[derive(Serialize, Default)]
struct Status {
    code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Attribute {
    key: &'static str,
    value: Value,
}

#[derive(Serialize)]
enum Value {
    #[serde(rename = "stringValue")]
    Text(String),
    /// A 64-bit integer is a string in the JSON of OTLP.
    #[serde(rename = "intValue")]
    Integer(String),
    #[serde(rename = "boolValue")]
    Boolean(bool),
}

pub(super) fn attribute((key, value): (&'static str, String)) -> Attribute {
    let value = match key {
        "cache.hit" => Value::Boolean(value == "true"),
        _ if is_integer(key) => Value::Integer(value),
        _ => Value::Text(value),
    };
    Attribute { key, value }
}

fn nanoseconds(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_nanos().to_string()
}
