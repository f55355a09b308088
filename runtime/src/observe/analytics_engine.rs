//! Calls as data points of Analytics Engine.

use super::{Event, Observer, Scope};
use crate::analytics_engine::{AnalyticsEngine, DataPoint};
use crate::error::Service;

/// The data points of the calls of one request. The platform accepts 25: one is left for the
/// request itself.
///
/// <https://developers.cloudflare.com/analytics/analytics-engine/limits/>
const MAX_POINTS: u32 = 24;

/// Returns an observer that writes each call as a data point to a dataset of Analytics Engine.
///
/// SQL can then query the calls of all instances.
///
/// | column | content |
/// | --- | --- |
/// | `index1` | the service, the binding and the operation: `d1.DB.query` |
/// | `blob1` | the name of the event: `cloudflare.d1.query.success` |
/// | `blob2` | the binding |
/// | `blob3` | the operation |
/// | `blob4` | the name of the D1 query |
/// | `blob5` | the kind of the error |
/// | `blob6` | the tier of the cache that had the value |
/// | `double1` | the duration in milliseconds |
/// | `double2`, `double3` | the rows that D1 read and wrote |
/// | `double4` | the rows, keys, objects or messages |
/// | `double5` | the bytes |
/// | `double6` | 1 if the key or object existed, otherwise 0 |
/// | `double7` | the status of the response |
///
/// What an event does not have is an empty text or 0. The data points cost an operation of
/// Analytics Engine each. A request writes at most 25: of its calls the first 24, and itself.
///
/// <https://developers.cloudflare.com/analytics/analytics-engine/get-started/>
///
/// # Examples
/// ```
/// # use bindery::analytics_engine::AnalyticsEngine;
/// # struct Env { events: AnalyticsEngine }
/// # impl Env { fn observe(&self, _: impl bindery::observe::Observer) {} }
/// use bindery::observe::{analytics_engine, sampled};
///
/// fn start(env: &Env) {
///     // Every tenth request, and all errors.
///     env.observe(sampled(0.1, analytics_engine(&env.events)));
/// }
/// ```
///
/// The slowest queries of a day, where `_sample_interval` is the number of points that a stored
/// point represents:
///
/// ```sql
/// SELECT blob4 AS query, quantileExactWeighted(0.95)(double1, _sample_interval) AS p95
/// FROM events WHERE blob1 = 'cloudflare.d1.query.success' AND timestamp > NOW() - INTERVAL '1' DAY
/// GROUP BY query ORDER BY p95 DESC
/// ```
#[must_use]
pub fn analytics_engine(dataset: &AnalyticsEngine) -> impl Observer + use<> {
    Points(dataset.clone())
}

struct Points(AnalyticsEngine);

impl Observer for Points {
    fn record(&self, event: &Event<'_>) {
        let is_handler = event.service == Service::Worker;
        if is_handler || Scope::take_point(MAX_POINTS) {
            self.0.write_unobserved(&point(event));
        }
    }
}

fn point(event: &Event<'_>) -> DataPoint {
    let measures = event.measures;
    let (service, operation) = (event.service.name(), event.operation);
    let number = |count: Option<u64>| count.unwrap_or_default() as f64;
    let mut index = format!("{service}.{}.{operation}", event.binding);
    index.truncate(index.floor_char_boundary(crate::limits::analytics::INDEX_BYTES));

    DataPoint {
        indexes: vec![index],
        blobs: vec![
            event.name(),
            event.binding.to_owned(),
            operation.to_owned(),
            event.query.unwrap_or_default().to_owned(),
            event
                .error
                .map(|error| error.kind().name())
                .unwrap_or_default()
                .to_owned(),
            measures.tier.unwrap_or_default().to_owned(),
        ],
        doubles: vec![
            event.duration.as_secs_f64() * 1000.0,
            number(measures.rows_read),
            number(measures.rows_written),
            number(measures.count),
            number(measures.bytes),
            f64::from(u8::from(measures.hit == Some(true))),
            f64::from(measures.status.unwrap_or_default()),
        ],
    }
}
