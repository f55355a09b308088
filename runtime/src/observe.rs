//! The one gate that every call to a binding passes, and who is told of it.
//!
//! With no observer installed the gate reads one flag. Time is I/O time: on Workers the clock only
//! advances with I/O, so a duration never contains the worker's own computing.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::backend::{Stopwatch, log_line};
use crate::error::{Error, Failure, Kind, Result, Service};

/// Is told of every call.
///
/// Called after the call, on the thread that made it; it should be quick.
pub trait Observer: Send + Sync {
    /// Takes note of one call.
    fn record(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn record(&self, event: &Event<'_>) {
        self(event);
    }
}

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

/// Writes each call as one readable line: to standard error natively, to the console on Workers.
#[must_use]
pub fn console() -> impl Observer {
    |event: &Event<'_>| log_line(&event.to_string())
}

/// Writes each call as one line of JSON, where [`console`] writes.
#[must_use]
pub fn json() -> impl Observer {
    |event: &Event<'_>| log_line(&event.to_json())
}

/// The observers of one world, shared by its bindings.
#[derive(Default)]
pub(crate) struct Observers {
    any: AtomicBool,
    list: RwLock<Vec<Arc<dyn Observer>>>,
}

impl Observers {
    pub(crate) fn install(&self, observer: impl Observer + 'static) {
        self.list
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(observer));
        self.any.store(true, Ordering::Release);
    }

    fn record(&self, event: &Event<'_>) {
        for observer in self
            .list
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            observer.record(event);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Observers")
            .field("any", &self.any)
            .finish()
    }
}

/// A binding's way through the gate: which binding it is, and who is told.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    service: Service,
    binding: &'static str,
    observers: Arc<Observers>,
}

impl Gate {
    pub(crate) fn new(service: Service, binding: &'static str, observers: Arc<Observers>) -> Self {
        Self {
            service,
            binding,
            observers,
        }
    }

    pub(crate) fn binding(&self) -> &'static str {
        self.binding
    }

    /// Whether anyone is told: what only observers read need not be gathered.
    pub(crate) fn is_watched(&self) -> bool {
        self.observers.any.load(Ordering::Acquire)
    }

    /// The gate. `work` is one call, checks of the platform's limits included.
    pub(crate) async fn pass<T>(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        work: impl Future<Output = Result<(T, Measures), Failure>>,
    ) -> Result<T> {
        if !self.is_watched() {
            return match work.await {
                Ok((value, _)) => Ok(value),
                Err(failure) => Err(self.error(operation, query, failure)),
            };
        }
        let stopwatch = Stopwatch::start();
        let outcome = work.await;
        let duration = stopwatch.elapsed();
        let (value, measures) = match outcome {
            Ok((value, measures)) => (Ok(value), measures),
            Err(failure) => (
                Err(self.error(operation, query, failure)),
                Measures::default(),
            ),
        };
        self.observers.record(&Event {
            service: self.service,
            operation,
            binding: self.binding,
            query,
            duration,
            error: value.as_ref().err(),
            measures: &measures,
        });
        value
    }

    /// What failed after the call itself.
    pub(crate) fn failed(&self, operation: &'static str, failure: Failure) -> Error {
        self.error(operation, None, failure)
    }

    fn error(
        &self,
        operation: &'static str,
        query: Option<&'static str>,
        failure: Failure,
    ) -> Error {
        Error::new(self.service, self.binding, operation, query, failure)
    }
}

impl Failure {
    /// A limit of the platform that was met before the call.
    pub(crate) fn limit(
        what: impl fmt::Display,
        found: impl fmt::Display,
        limit: impl fmt::Display,
        page: &str,
    ) -> Self {
        Self::new(
            Kind::TooLarge,
            format!("{what} has {found}, more than {limit}; see {page}"),
        )
    }
}
