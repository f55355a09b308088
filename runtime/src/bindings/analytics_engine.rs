//! Analytics Engine: data points that are written now and asked for later, with SQL over HTTP.
//!
//! <https://developers.cloudflare.com/analytics/analytics-engine/get-started/>

use serde::Serialize;

use super::connect_object;
use crate::backend;
use crate::error::{Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};
use crate::raw::encode;

/// A dataset. Natively its points are lines of JSON in the state's folder.
#[derive(Debug, Clone)]
pub struct AnalyticsEngine {
    gate: Gate,
    backend: backend::Object,
}

/// A data point: at most 20 texts, 20 numbers and one index.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DataPoint {
    /// Texts, of at most 16 KB together: what is grouped and filtered by.
    pub blobs: Vec<String>,
    /// Numbers: what is measured.
    pub doubles: Vec<f64>,
    /// The key by which points are sampled, of at most 96 bytes.
    pub indexes: Vec<String>,
}

connect_object!(AnalyticsEngine, AnalyticsEngine);

impl AnalyticsEngine {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Writes a point. The platform takes it without an answer.
    ///
    /// # Errors
    /// `TooLarge` over the limits.
    ///
    /// # Examples
    /// ```
    /// # async fn f(events: &bindery::analytics_engine::AnalyticsEngine) -> bindery::Result<()> {
    /// use bindery::analytics_engine::DataPoint;
    /// let point = DataPoint { blobs: vec!["/cart".to_owned()], doubles: vec![12.5], indexes: vec!["ann".to_owned()] };
    /// events.write(&point).await?;
    /// # Ok(()) }
    /// ```
    pub async fn write(&self, point: &DataPoint) -> Result<()> {
        let work = async {
            let page = limits::analytics::PAGE;
            let many = |what: &str, count: usize, most: usize| {
                if count > most {
                    Err(Failure::limit(
                        "the point",
                        format!("{count} {what}"),
                        most,
                        page,
                    ))
                } else {
                    Ok(())
                }
            };
            many("texts", point.blobs.len(), limits::analytics::BLOBS)?;
            many("numbers", point.doubles.len(), limits::analytics::DOUBLES)?;
            many("indexes", point.indexes.len(), limits::analytics::INDEXES)?;
            let bytes = point.blobs.iter().map(String::len).sum();
            limits::bytes("the texts", bytes, limits::analytics::BLOB_BYTES, page)?;
            for index in &point.indexes {
                limits::bytes(
                    "the index",
                    index.len(),
                    limits::analytics::INDEX_BYTES,
                    page,
                )?;
            }
            self.backend
                .call("writeDataPoint", &[encode(point)?])
                .await?;
            Ok((
                (),
                Measures {
                    count: Some(1),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("write", None, work).await
    }
}
