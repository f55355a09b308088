//! The event that an observer receives after each call to a binding.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Service};

/// A call that starts.
#[cfg(feature = "spans")]
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The service that is called. `Worker` for a handler, which the platform calls.
    pub service: Service,
    /// The operation: `query`, `get`, `put` and so on; `fetch`, `queue` or `scheduled` for a
    /// handler; `object_call`, `object_fetch` or `alarm` for one of a Durable Object.
    pub operation: &'static str,
    /// The name of the binding in the manifest. For a handler the name of the queue, the cron
    /// expression, the class, or empty.
    pub binding: &'a str,
    /// The name of the D1 query, or of the method of a Durable Object.
    pub query: Option<&'static str>,
}

#[cfg(feature = "spans")]
impl Call<'_> {
    /// Returns the name of a span: the query, or the operation and the binding.
    #[must_use]
    pub fn span_name(&self) -> String {
        match self.query {
            Some(query) => query.to_owned(),
            None => format!("{} {}", self.operation, self.binding)
                .trim_end()
                .to_owned(),
        }
    }

    /// Returns OpenTelemetry's kind of the span: `server`, `consumer`, `producer`, `client`, or
    /// `internal` for a cron trigger.
    ///
    /// <https://opentelemetry.io/docs/concepts/signals/traces/#span-kind>
    #[must_use]
    pub fn span_kind(&self) -> &'static str {
        match self.service {
            Service::Worker if self.operation == "queue" => "consumer",
            Service::Worker if self.operation == "scheduled" => "internal",
            Service::Worker => "server",
            Service::Queue => "producer",
            _ => "client",
        }
    }
}

/// A call to a binding that has ended, or a request or batch that a handler has processed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The service that was called. `Worker` for a handler, which the platform calls.
    pub service: Service,
    /// The operation: `query`, `get`, `put` and so on; `fetch`, `queue` or `scheduled` for a
    /// handler; `object_call`, `object_fetch` or `alarm` for one of a Durable Object.
    pub operation: &'static str,
    /// The name of the binding in the manifest. For a handler the name of the queue, the cron
    /// expression, the class, or empty.
    pub binding: &'a str,
    /// The name of the D1 query, or of the method of a Durable Object. For a batch, that of the
    /// query that failed, if it is known.
    pub query: Option<&'static str>,
    /// The duration of the call. On Workers it is I/O time.
    pub duration: Duration,
    /// The error, if the call failed.
    pub error: Option<&'a Error>,
    /// The counts of the call. After an error they are `None`, unless the platform has completed
    /// the call: a query of D1 that returns other rows than expected, for example.
    pub measures: &'a Measures,
}

/// The counts of a call.
///
/// A count is `None` if it does not apply to the operation or the platform does not report it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measures {
    /// The rows that D1 read.
    pub rows_read: Option<u64>,
    /// The rows that D1 wrote.
    pub rows_written: Option<u64>,
    /// The rows, keys, objects or messages that were returned or sent.
    pub count: Option<u64>,
    /// The bytes of the value that was read or written.
    pub bytes: Option<u64>,
    /// Whether the key or object exists, or the cache has it.
    pub hit: Option<bool>,
    /// The cache that had the value: `edge`, `kv` or `d1`. `None` after a miss.
    pub tier: Option<&'static str>,
    /// The status of the response of a fetch handler.
    pub status: Option<u16>,
    /// The operations that the platform bills, if a call can have several: a message of a queue has
    /// one for each 64 KB, and a large object of R2 one for each part.
    pub operations: Option<u64>,
}

/// The measures of a call on their way to the [`Gate`](super::Gate).
///
/// Its size is that of a pointer: each call passes it through several futures, and most have no
/// observer that reads it.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Counts(Option<Box<Measures>>);

impl From<Measures> for Counts {
    /// Not inlined: each call of a binding has this.
    #[inline(never)]
    fn from(measures: Measures) -> Self {
        Self(Some(Box::new(measures)))
    }
}

impl Counts {
    pub(crate) fn get(&self) -> &Measures {
        const NONE: &Measures = &Measures {
            rows_read: None,
            rows_written: None,
            count: None,
            bytes: None,
            hit: None,
            tier: None,
            status: None,
            operations: None,
        };
        self.0.as_deref().unwrap_or(NONE)
    }
}

/// Whether OpenTelemetry defines an attribute as an integer.
#[cfg(feature = "spans")]
pub(super) fn is_integer(attribute: &str) -> bool {
    matches!(
        attribute,
        "cloudflare.d1.response.rows_read"
            | "cloudflare.d1.response.rows_written"
            | "db.response.returned_rows"
            | "http.response.status_code"
            | "messaging.batch.message_count"
    )
}

impl Event<'_> {
    /// Whether the call failed, or the response is a server error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.error.is_some() || self.measures.status.is_some_and(|status| status >= 500)
    }

    /// Returns `cloudflare.{service}.{operation}.success`, or `.error` if the call failed.
    #[must_use]
    pub fn name(&self) -> String {
        let outcome = if self.is_error() { "error" } else { "success" };
        format!(
            "cloudflare.{}.{}.{outcome}",
            self.service.name(),
            self.operation
        )
    }

    /// Returns the attributes of the event.
    ///
    /// They have the names of OpenTelemetry, or names of Cloudflare where OpenTelemetry has none.
    ///
    /// <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/>
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = self.service_attributes();

        let Measures {
            rows_read,
            rows_written,
            count,
            hit,
            tier,
            status,
            ..
        } = self.measures;
        let count_name = match self.service {
            Service::D1 => "db.response.returned_rows",
            Service::Queue | Service::Worker => "messaging.batch.message_count",
            _ => "",
        };
        let query_name = match self.service {
            Service::DurableObject if self.operation == "call" => "rpc.method",
            _ => "db.query.summary",
        };
        let count = count.filter(|_| !count_name.is_empty());
        let text = |count: &Option<u64>| count.map(|count| count.to_string());
        let error_type = self.error.map(|error| error.kind().name().to_owned());
        let optional = [
            (query_name, self.query.map(str::to_owned)),
            ("cloudflare.d1.response.rows_read", text(rows_read)),
            ("cloudflare.d1.response.rows_written", text(rows_written)),
            (count_name, text(&count)),
            ("cache.hit", hit.map(|hit| hit.to_string())),
            ("cache.tier", tier.map(str::to_owned)),
            (
                "http.response.status_code",
                status.map(|status| status.to_string()),
            ),
            ("error.type", error_type),
        ];
        for (name, value) in optional {
            attributes.extend(value.map(|value| (name, value)));
        }
        attributes
    }

    /// The attributes that only one service has. The name of the event contains the service and the
    /// operation too, so the services without attributes in OpenTelemetry need none.
    fn service_attributes(&self) -> Vec<(&'static str, String)> {
        let operation = self.operation.to_owned();
        let binding = ("cloudflare.binding.name", self.binding.to_owned());
        let mut attributes = match self.service {
            Service::Worker if self.operation == "queue" => {
                return vec![
                    ("faas.trigger", "pubsub".to_owned()),
                    ("cloudflare.queue.name", self.binding.to_owned()),
                ];
            }
            Service::Worker if self.operation == "scheduled" => {
                return vec![
                    ("faas.trigger", "timer".to_owned()),
                    ("faas.cron", self.binding.to_owned()),
                ];
            }
            Service::Worker if !self.binding.is_empty() => {
                let trigger = match self.operation {
                    "alarm" => "timer",
                    "object_fetch" => "http",
                    _ => "other",
                };
                return vec![
                    ("faas.trigger", trigger.to_owned()),
                    ("cloudflare.durable_object.class", self.binding.to_owned()),
                ];
            }
            Service::Worker => return vec![("faas.trigger", "http".to_owned())],
            Service::D1 | Service::Kv => {
                let system = format!("cloudflare-{}", self.service.name());
                vec![("db.system.name", system), ("db.operation.name", operation)]
            }
            Service::R2 => vec![("cloudflare.r2.operation", operation)],
            Service::Queue => vec![
                ("messaging.system", "cloudflare".to_owned()),
                ("messaging.operation.name", operation),
            ],
            _ => Vec::new(),
        };

        attributes.insert(0, binding);
        attributes
    }

    /// Returns the event as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut line = serde_json::Map::new();
        line.insert("event".to_owned(), self.name().into());
        line.insert("duration_ms".to_owned(), self.milliseconds().into());
        for (name, value) in self.attributes() {
            line.insert(name.to_owned(), value.into());
        }
        if let Some(error) = self.error {
            line.insert("error.message".to_owned(), error.message().into());
        }
        serde_json::Value::Object(line).to_string()
    }

    fn milliseconds(&self) -> f64 {
        self.duration.as_secs_f64() * 1000.0
    }
}

/// The event as one readable line.
impl fmt::Display for Event<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, milliseconds) = (self.service.name(), self.milliseconds());
        write!(
            formatter,
            "{service:5} {:10} {:7} {milliseconds:8.2} ms",
            self.binding, self.operation
        )?;
        if let Some(query) = self.query {
            write!(formatter, "  {query}")?;
        }

        let Measures {
            rows_read,
            rows_written,
            count,
            bytes,
            hit,
            tier,
            status,
            operations: _,
        } = self.measures;
        let counts = [
            ("count", count),
            ("read", rows_read),
            ("written", rows_written),
            ("bytes", bytes),
        ];
        for (name, value) in counts {
            if let Some(value) = value {
                write!(formatter, "  {name} {value}")?;
            }
        }
        if let Some(hit) = hit {
            write!(formatter, "  {}", if *hit { "hit" } else { "miss" })?;
        }
        if let Some(tier) = tier {
            write!(formatter, " in {tier}")?;
        }
        if let Some(status) = status {
            write!(formatter, "  status {status}")?;
        }

        match self.error {
            Some(error) => {
                let kind = error.kind().name();
                write!(formatter, "  FAILED {kind}: {}", error.message())
            }
            None => Ok(()),
        }
    }
}
