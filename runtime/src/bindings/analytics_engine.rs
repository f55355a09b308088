//! Analytics Engine: data points that are written here and queried later with SQL over HTTP.
//!
//! <https://developers.cloudflare.com/analytics/analytics-engine/get-started/>

use std::slice::from_ref;

use futures_util::FutureExt;
use serde::Serialize;

use super::connect_object;
use crate::backend;
use crate::error::{Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};
use crate::raw::encode;

/// A dataset. Natively, data points are appended to a file of JSON lines in the state folder.
#[derive(Debug, Clone)]
pub struct AnalyticsEngine {
    gate: Gate,
    backend: backend::Object,
}

/// A data point: at most 20 texts, 20 numbers and one index.
///
/// <https://developers.cloudflare.com/analytics/analytics-engine/limits/>
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DataPoint {
    /// The texts to group and filter by, of at most 16 KiB in total.
    pub blobs: Vec<String>,
    /// The numbers to measure.
    pub doubles: Vec<f64>,
    /// The sampling key, of at most 96 bytes.
    pub indexes: Vec<String>,
}

connect_object!(AnalyticsEngine, AnalyticsEngine);

impl AnalyticsEngine {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Writes a data point.
    ///
    /// The platform does not report whether it stored the point.
    ///
    /// # Errors
    /// `TooLarge` if the point exceeds a limit of [`DataPoint`].
    ///
    /// # Examples
    /// ```
    /// # async fn f(events: &bindery::analytics_engine::AnalyticsEngine) -> bindery::Result<()> {
    /// use bindery::analytics_engine::DataPoint;
    ///
    /// let point = DataPoint {
    ///     blobs: vec!["/cart".to_owned()],
    ///     doubles: vec![12.5],
    ///     indexes: vec!["ann".to_owned()],
    /// };
    /// events.write(&point).await?;
    /// # Ok(()) }
    /// ```
    pub async fn write(&self, point: &DataPoint) -> Result<()> {
        let work = async {
            check_point(point)?;
            let argument = encode(point)?;
            self.backend.call("writeDataPoint", &[argument]).await?;

            let measures = Measures {
                count: Some(1),
                ..Measures::default()
            };
            Ok(((), measures.into()))
        };
        self.gate.pass("write", None, work).await
    }
}

impl AnalyticsEngine {
    /// Writes the data point of an observer, which must not be observed itself.
    pub(crate) fn write_unobserved(&self, point: &DataPoint) {
        let written = check_point(point).and_then(|()| {
            let argument = encode(point)?;
            // The method does not wait, although its result is a promise in one of the worlds.
            let call = self
                .backend
                .call("writeDataPoint", from_ref(&argument))
                .now_or_never();
            call.unwrap_or(Ok(serde_json::Value::Null))
        });
        if let Err(failure) = written {
            let (binding, message) = (self.gate.binding(), &failure.message);
            backend::log_line(&format!("error: analytics_engine {binding}: {message}"));
        }
    }
}

fn check_point(point: &DataPoint) -> Result<(), Failure> {
    let page = limits::analytics::PAGE;

    let counts = [
        ("texts", point.blobs.len(), limits::analytics::BLOBS),
        ("numbers", point.doubles.len(), limits::analytics::DOUBLES),
        ("indexes", point.indexes.len(), limits::analytics::INDEXES),
    ];
    for (noun, count, limit) in counts {
        if count > limit {
            let found = format!("{count} {noun}");
            return Err(Failure::limit("the point", found, limit, page));
        }
    }

    let bytes = point.blobs.iter().map(String::len).sum();
    limits::bytes("the texts", bytes, limits::analytics::BLOB_BYTES, page)?;
    for index in &point.indexes {
        let bytes = index.len();
        limits::bytes("the index", bytes, limits::analytics::INDEX_BYTES, page)?;
    }
    Ok(())
}
