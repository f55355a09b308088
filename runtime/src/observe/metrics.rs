//! Calls as metrics of the `metrics` crate.

use ::metrics::{Label, counter, histogram};

use super::{Event, Observer};
use crate::error::Service;

/// Returns an observer that records each call with the [`metrics`](https://docs.rs/metrics) crate,
/// for the recorder that the program installs.
///
/// | metric | type | calls |
/// | --- | --- | --- |
/// | `db.client.operation.duration` | histogram, seconds | D1, KV |
/// | `db.client.response.returned_rows` | histogram, rows | D1 |
/// | `messaging.client.operation.duration` | histogram, seconds | messages sent to queues |
/// | `messaging.client.sent.messages` | counter | messages sent to queues |
/// | `messaging.process.duration` | histogram, seconds | batches of the queue handlers |
/// | `messaging.client.consumed.messages` | counter | batches of the queue handlers |
/// | `http.server.request.duration` | histogram, seconds | requests |
/// | `cloudflare.SERVICE.operation.duration` | histogram, seconds | all others |
/// | `cloudflare.d1.rows_read`, `cloudflare.d1.rows_written` | counter | D1 |
///
/// The labels are the attributes of the event whose values are few, such as `db.query.summary` and
/// `error.type`. A request has its status, but not its method and route.
///
/// On Workers each instance has its own metrics, and lives as long as the platform chooses: export
/// them with [`Context::wait_until`](crate::Context::wait_until).
///
/// <https://opentelemetry.io/docs/specs/semconv/database/database-metrics/>
#[must_use]
pub fn metrics() -> impl Observer {
    record as fn(&Event<'_>)
}

/// The attributes that are measures.
const MEASURES: [&str; 4] = [
    "cloudflare.d1.response.rows_read",
    "cloudflare.d1.response.rows_written",
    "db.response.returned_rows",
    "messaging.batch.message_count",
];

/// The attribute with the name of the binding.
const BINDING: &str = "cloudflare.binding.name";

fn record(event: &Event<'_>) {
    let mut labels: Vec<Label> = event
        .attributes()
        .into_iter()
        .filter(|(name, _)| !MEASURES.contains(name))
        // The binding of a request to another server is its host, which can be any.
        .filter(|(name, _)| *name != BINDING || event.service != Service::Fetch)
        .map(|(name, value)| Label::new(name, value))
        .collect();

    let measures = event.measures;
    let duration = match event.service {
        Service::D1 | Service::Kv => "db.client.operation.duration".into(),
        Service::Queue => "messaging.client.operation.duration".into(),
        Service::Worker if event.operation == "queue" => "messaging.process.duration".into(),
        Service::Worker => "http.server.request.duration".into(),
        service => {
            labels.push(Label::new("operation", event.operation));
            format!("cloudflare.{}.operation.duration", service.name())
        }
    };
    histogram!(duration, labels.clone()).record(event.duration.as_secs_f64());

    if let (Service::D1, Some(rows)) = (event.service, measures.count) {
        histogram!("db.client.response.returned_rows", labels.clone()).record(rows as f64);
    }
    let messages = match event.service {
        Service::Queue => Some("messaging.client.sent.messages"),
        Service::Worker if event.operation == "queue" => Some("messaging.client.consumed.messages"),
        _ => None,
    };
    let counts = [
        (messages, measures.count),
        (Some("cloudflare.d1.rows_read"), measures.rows_read),
        (Some("cloudflare.d1.rows_written"), measures.rows_written),
    ];
    for (name, count) in counts {
        if let (Some(name), Some(count)) = (name, count) {
            counter!(name, labels.clone()).increment(count);
        }
    }
}
