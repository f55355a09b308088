//! The arguments and results of Vectorize operations.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A vector of an index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vector {
    /// The id, of at most 64 bytes.
    pub id: String,
    /// The numbers: at most 1536 dimensions.
    pub values: Vec<f32>,
    /// The namespace of the vector in the index, of at most 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The metadata, of at most 10 KiB as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// The options of [`query_with`](super::Vectorize::query_with) and
/// [`query_by_id_with`](super::Vectorize::query_by_id_with).
///
/// # Examples
/// ```
/// use bindery::vectorize::{Metadata, QueryOptions};
///
/// let options = QueryOptions::default().top_k(3).metadata(Metadata::All);
/// assert_eq!(options.top_k, Some(3));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryOptions {
    /// The maximum number of matches: at most 100, and at most 50 with values or all metadata.
    /// `None` is 5.
    pub top_k: Option<u32>,
    /// The namespace to search. `None` searches the whole index.
    pub namespace: Option<String>,
    /// Whether matches contain the numbers of their vectors.
    pub values: bool,
    /// The metadata that matches contain.
    pub metadata: Metadata,
    /// The condition that the metadata of a match must meet.
    pub filter: Option<Value>,
}

impl QueryOptions {
    /// Returns at most `top_k` matches: at most 100, and at most 50 with values or all metadata.
    #[must_use]
    pub fn top_k(mut self, top_k: u32) -> Self {
        self.top_k = Some(top_k);
        self
    }

    /// Searches only the vectors of a namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Returns the numbers of the matching vectors, if `values` is true.
    #[must_use]
    pub fn values(mut self, values: bool) -> Self {
        self.values = values;
        self
    }

    /// Returns metadata of the matching vectors.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Returns only vectors whose metadata meets a condition, such as `{ "language": "en" }`.
    ///
    /// <https://developers.cloudflare.com/vectorize/reference/metadata-filtering/>
    #[must_use]
    pub fn filter(mut self, filter: Value) -> Self {
        self.filter = Some(filter);
        self
    }
}

/// The metadata that a match contains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metadata {
    /// No metadata.
    #[default]
    None,
    /// The indexed properties.
    Indexed,
    /// All metadata.
    All,
}

/// The matches of a query, nearest first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Matches {
    /// The number of matches.
    pub count: u32,
    /// The matches.
    pub matches: Vec<Match>,
}

/// A vector that a query found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Match {
    /// The id.
    pub id: String,
    /// The distance or similarity, in the metric of the index.
    pub score: f64,
    /// The numbers, if the query requested them.
    #[serde(default)]
    pub values: Option<Vec<f32>>,
    /// The namespace of the vector.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The metadata, if the query requested it.
    #[serde(default)]
    pub metadata: Option<Value>,
}

/// A change that the index applies asynchronously.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mutation {
    /// The id. [`describe`](super::Vectorize::describe) returns the id of the last applied change.
    #[serde(rename = "mutationId")]
    pub mutation_id: String,
}
