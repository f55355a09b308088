//! What an observer receives: one call to a binding.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Service};

/// One call to a binding.
#[derive(Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The service.
    pub service: Service,
    /// The operation: `query`, `get`, `put`, and so on.
    pub operation: &'static str,
    /// The binding, as the manifest names it.
    pub binding: &'a str,
    /// The name of the query, for D1: OpenTelemetry's `db.query.summary`.
    pub query: Option<&'static str>,
    /// How long the call took, in I/O time.
    pub duration: Duration,
    /// Why it failed, if it did.
    pub error: Option<&'a Error>,
    /// What it moved.
    pub measures: &'a Measures,
}

/// What a call moved. `None` where it does not apply or the platform does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measures {
    /// Rows that D1 read.
    pub rows_read: Option<u64>,
    /// Rows that D1 wrote.
    pub rows_written: Option<u64>,
    /// Rows, keys, objects or messages that came back or were sent.
    pub count: Option<u64>,
    /// Bytes of the value that was read or written.
    pub bytes: Option<u64>,
    /// Whether what was asked for was there.
    pub hit: Option<bool>,
}

impl Event<'_> {
    /// `cloudflare.{service}.{operation}.success`, or `.error`.
    #[must_use]
    pub fn name(&self) -> String {
        let outcome = if self.error.is_some() {
            "error"
        } else {
            "success"
        };
        format!(
            "cloudflare.{}.{}.{outcome}",
            self.service.name(),
            self.operation
        )
    }

    /// The event under OpenTelemetry's names, and Cloudflare's own where there is none.
    ///
    /// <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/>
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![("cloudflare.binding.name", self.binding.to_owned())];
        match self.service {
            Service::D1 | Service::Kv => {
                attributes.push((
                    "db.system.name",
                    format!("cloudflare-{}", self.service.name()),
                ));
                attributes.push(("db.operation.name", self.operation.to_owned()));
            }
            Service::R2 => attributes.push(("cloudflare.r2.operation", self.operation.to_owned())),
            Service::Queue => {
                attributes.push(("messaging.system", "cloudflare".to_owned()));
                attributes.push(("messaging.operation.name", self.operation.to_owned()));
            }
            // The event's own name says which.
            _ => {}
        }
        let mut push =
            |name, value: Option<String>| attributes.extend(value.map(|value| (name, value)));
        push("db.query.summary", self.query.map(str::to_owned));
        push(
            "cloudflare.d1.response.rows_read",
            self.measures.rows_read.map(|rows| rows.to_string()),
        );
        push(
            "cloudflare.d1.response.rows_written",
            self.measures.rows_written.map(|rows| rows.to_string()),
        );
        push("cache.hit", self.measures.hit.map(|hit| hit.to_string()));
        push(
            "error.type",
            self.error.map(|error| error.kind().name().to_owned()),
        );
        attributes
    }

    /// The event as one line of JSON, for a log that a program reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut line = serde_json::Map::new();
        line.insert("event".to_owned(), self.name().into());
        line.insert(
            "duration_ms".to_owned(),
            (self.duration.as_secs_f64() * 1000.0).into(),
        );
        for (name, value) in self.attributes() {
            line.insert(name.to_owned(), value.into());
        }
        if let Some(error) = self.error {
            line.insert("error.message".to_owned(), error.message().into());
        }
        serde_json::Value::Object(line).to_string()
    }
}

/// The event as one readable line.
impl fmt::Display for Event<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.duration.as_secs_f64() * 1000.0;
        write!(
            formatter,
            "{:5} {:10} {:7}",
            self.service.name(),
            self.binding,
            self.operation
        )?;
        write!(formatter, " {milliseconds:8.2} ms")?;
        if let Some(query) = self.query {
            write!(formatter, "  {query}")?;
        }
        let Measures {
            rows_read,
            rows_written,
            count,
            bytes,
            hit,
        } = self.measures;
        for (name, value) in [
            ("count", count),
            ("read", rows_read),
            ("written", rows_written),
            ("bytes", bytes),
        ] {
            if let Some(value) = value {
                write!(formatter, "  {name} {value}")?;
            }
        }
        if let Some(hit) = hit {
            write!(formatter, "  {}", if *hit { "hit" } else { "miss" })?;
        }
        match self.error {
            Some(error) => write!(
                formatter,
                "  FAILED {}: {}",
                error.kind().name(),
                error.message()
            ),
            None => Ok(()),
        }
    }
}
