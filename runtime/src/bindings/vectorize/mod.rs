//! Vectorize: indexes of vectors, searched by distance.
//!
//! <https://developers.cloudflare.com/vectorize/reference/client-api/>

mod types;

use serde_json::{Map, Value};

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::limits;
use crate::observe::{Counts, Gate, Measures};
use crate::raw::{decode, encode};

pub use types::{Match, Matches, Metadata, Mutation, QueryOptions, Vector};

/// An index of vectors.
///
/// Covered: every method of the client. Vectors consist of 32-bit floats.
///
/// <https://developers.cloudflare.com/vectorize/platform/limits/>
#[derive(Debug, Clone)]
pub struct Vectorize {
    gate: Gate,
    backend: backend::Object,
}

connect_object!(Vectorize, Vectorize);

impl Vectorize {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// Returns the 5 vectors nearest to a vector.
    ///
    /// # Errors
    /// `TooLarge` if the vector has more than 1536 dimensions. `InvalidArgument` if it contains a
    /// number that is not finite. `Unsupported` natively.
    ///
    /// # Examples
    /// ```
    /// # async fn f(docs: &bindery::vectorize::Vectorize, vector: &[f32]) -> bindery::Result<()> {
    /// for found in docs.query(vector).await?.matches {
    ///     println!("{} {}", found.id, found.score);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn query(&self, vector: &[f32]) -> Result<Matches> {
        self.query_with(vector, QueryOptions::default()).await
    }

    /// Returns the vectors nearest to a vector, with options.
    ///
    /// # Errors
    /// See [`query`](Self::query). `InvalidArgument` if [`QueryOptions::top_k`] is zero or exceeds
    /// its limit.
    ///
    /// # Examples
    /// ```
    /// # async fn f(docs: &bindery::vectorize::Vectorize, vector: &[f32]) -> bindery::Result<()> {
    /// use bindery::vectorize::{Metadata, QueryOptions};
    ///
    /// let options = QueryOptions::default().top_k(3).metadata(Metadata::All);
    /// let nearest = docs.query_with(vector, options).await?;
    /// # Ok(()) }
    /// ```
    pub async fn query_with(&self, vector: &[f32], options: QueryOptions) -> Result<Matches> {
        let work = async {
            check_dimensions(vector)?;
            let arguments = [encode(vector)?, encode_options(options)?];
            self.search("query", &arguments).await
        };
        self.gate.pass("query", None, work).await
    }

    /// Returns the 5 vectors nearest to a vector of the index.
    ///
    /// # Errors
    /// `Unsupported` natively. On Workers, any error that the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(docs: &bindery::vectorize::Vectorize) -> bindery::Result<()> {
    /// let related = docs.query_by_id("article-7").await?;
    /// # Ok(()) }
    /// ```
    pub async fn query_by_id(&self, id: &str) -> Result<Matches> {
        self.query_by_id_with(id, QueryOptions::default()).await
    }

    /// Returns the vectors nearest to a vector of the index, with options.
    ///
    /// # Errors
    /// See [`query_by_id`](Self::query_by_id). `InvalidArgument` if [`QueryOptions::top_k`] is zero
    /// or exceeds its limit.
    pub async fn query_by_id_with(&self, id: &str, options: QueryOptions) -> Result<Matches> {
        let work = async {
            let arguments = [id.into(), encode_options(options)?];
            self.search("queryById", &arguments).await
        };
        self.gate.pass("query_by_id", None, work).await
    }

    async fn search(
        &self,
        method: &str,
        arguments: &[Value],
    ) -> Result<(Matches, Counts), Failure> {
        let matches: Matches = decode(self.backend.call(method, arguments).await?)?;
        let measures = Measures {
            count: Some(u64::from(matches.count)),
            ..Measures::default()
        };
        Ok((matches, measures.into()))
    }

    /// Inserts vectors. A vector whose id exists already is left unchanged.
    ///
    /// # Errors
    /// `TooLarge` if there are more than 1000 vectors, or a vector exceeds a limit of [`Vector`].
    /// `InvalidArgument` if a vector contains a number that is not finite. `Unsupported` natively.
    ///
    /// # Examples
    /// ```
    /// # async fn f(docs: &bindery::vectorize::Vectorize) -> bindery::Result<()> {
    /// use bindery::vectorize::Vector;
    ///
    /// let vector = Vector { id: "a".to_owned(), values: vec![0.5; 768], ..Vector::default() };
    /// docs.insert(&[vector]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn insert(&self, vectors: &[Vector]) -> Result<Mutation> {
        self.store("insert", vectors).await
    }

    /// Inserts vectors, and replaces those with the same ids.
    ///
    /// # Errors
    /// See [`insert`](Self::insert).
    pub async fn upsert(&self, vectors: &[Vector]) -> Result<Mutation> {
        self.store("upsert", vectors).await
    }

    async fn store(&self, operation: &'static str, vectors: &[Vector]) -> Result<Mutation> {
        let work = async {
            check_batch(vectors.len())?;
            vectors.iter().try_for_each(check_vector)?;

            let argument = encode(vectors)?;
            let mutation = decode(self.backend.call(operation, &[argument]).await?)?;
            let measures = Measures {
                count: Some(vectors.len() as u64),
                ..Measures::default()
            };
            Ok((mutation, measures.into()))
        };
        self.gate.pass(operation, None, work).await
    }

    /// Returns the vectors with the given ids, without those that do not exist.
    ///
    /// # Errors
    /// `Unsupported` natively. On Workers, any error that the platform throws.
    ///
    /// # Examples
    /// ```
    /// # async fn f(docs: &bindery::vectorize::Vectorize) -> bindery::Result<()> {
    /// let vectors = docs.get_by_ids(&["a", "b"]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn get_by_ids(&self, ids: &[&str]) -> Result<Vec<Vector>> {
        let work = async {
            let argument = encode(ids)?;
            let vectors: Vec<Vector> = decode(self.backend.call("getByIds", &[argument]).await?)?;
            let measures = Measures {
                count: Some(vectors.len() as u64),
                ..Measures::default()
            };
            Ok((vectors, measures.into()))
        };
        self.gate.pass("get_by_ids", None, work).await
    }

    /// Deletes the vectors with the given ids.
    ///
    /// # Errors
    /// `TooLarge` if there are more than 1000 ids. `Unsupported` natively.
    pub async fn delete_by_ids(&self, ids: &[&str]) -> Result<Mutation> {
        let work = async {
            check_batch(ids.len())?;
            let argument = encode(ids)?;
            let mutation = decode(self.backend.call("deleteByIds", &[argument]).await?)?;
            let measures = Measures {
                count: Some(ids.len() as u64),
                ..Measures::default()
            };
            Ok((mutation, measures.into()))
        };
        self.gate.pass("delete_by_ids", None, work).await
    }

    /// Returns the description of the index as JSON: its dimensions, its metric, and the number of
    /// its vectors.
    ///
    /// # Errors
    /// `Unsupported` natively. On Workers, any error that the platform throws.
    pub async fn describe(&self) -> Result<Value> {
        let work = async {
            let description = self.backend.call("describe", &[]).await?;
            Ok((description, Counts::default()))
        };
        self.gate.pass("describe", None, work).await
    }
}

/// Checks and encodes the options of a query.
fn encode_options(options: QueryOptions) -> Result<Value, Failure> {
    check_top_k(&options)?;
    let metadata = match options.metadata {
        Metadata::None => "none",
        Metadata::Indexed => "indexed",
        Metadata::All => "all",
    };

    let mut encoded = Map::new();
    encoded.insert("returnValues".to_owned(), options.values.into());
    encoded.insert("returnMetadata".to_owned(), metadata.into());
    if let Some(top_k) = options.top_k {
        encoded.insert("topK".to_owned(), top_k.into());
    }
    if let Some(namespace) = options.namespace {
        encoded.insert("namespace".to_owned(), namespace.into());
    }
    if let Some(filter) = options.filter {
        encoded.insert("filter".to_owned(), filter);
    }
    Ok(Value::Object(encoded))
}

fn check_top_k(options: &QueryOptions) -> Result<(), Failure> {
    let limit = if options.values || options.metadata == Metadata::All {
        limits::vectorize::TOP_K_HEAVY
    } else {
        limits::vectorize::TOP_K
    };
    match options.top_k {
        Some(top_k) if !(1..=limit).contains(&top_k) => {
            let page = limits::vectorize::PAGE;
            let message = format!("`top_k` must be between 1 and {limit}, not {top_k}; see {page}");
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_dimensions(values: &[f32]) -> Result<(), Failure> {
    let limit = limits::vectorize::DIMENSIONS;
    if values.len() > limit {
        let found = format!("{} dimensions", values.len());
        let page = limits::vectorize::PAGE;
        return Err(Failure::limit("the vector", found, limit, page));
    }
    // JSON cannot represent NaN and infinities.
    if values.iter().any(|value| !value.is_finite()) {
        let message = "a vector must contain only finite numbers";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    Ok(())
}

fn check_batch(count: usize) -> Result<(), Failure> {
    let limit = limits::vectorize::BATCH;
    if count > limit {
        let found = format!("{count} vectors");
        let page = limits::vectorize::PAGE;
        return Err(Failure::limit("the batch", found, limit, page));
    }
    Ok(())
}

fn check_vector(vector: &Vector) -> Result<(), Failure> {
    let page = limits::vectorize::PAGE;
    let id_limit = limits::vectorize::ID_BYTES;
    let metadata_limit = limits::vectorize::METADATA_BYTES;
    let namespace = vector.namespace.as_deref().unwrap_or_default();
    let metadata = vector.metadata.as_ref().map(Value::to_string);
    let metadata = metadata.unwrap_or_default();

    check_dimensions(&vector.values)?;
    limits::bytes("the id", vector.id.len(), id_limit, page)?;
    limits::bytes("the namespace", namespace.len(), id_limit, page)?;
    limits::bytes("the metadata", metadata.len(), metadata_limit, page)
}
