//! Vectorize: an index of vectors, and the nearest ones in it.
//!
//! <https://developers.cloudflare.com/vectorize/reference/client-api/>

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::connect_object;
use crate::backend;
use crate::error::{ErrorKind, Failure, Result};
use crate::limits;
use crate::observe::{Gate, Measures};
use crate::raw::{decode, encode};

/// An index of vectors.
///
/// Covered: every method of the client; vectors are of 32-bit floats.
#[derive(Debug, Clone)]
pub struct Vectorize {
    gate: Gate,
    backend: backend::Object,
}

/// A vector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vector {
    /// Its id, of at most 64 bytes.
    pub id: String,
    /// Its numbers, of at most 1536 dimensions.
    pub values: Vec<f32>,
    /// The part of the index that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// What is known of it, of at most 10 KiB as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// How to search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryOptions {
    /// How many are wanted: at most 100, and at most 50 with values or all metadata. `None` is 5.
    pub top_k: Option<u32>,
    /// The part of the index to look in.
    pub namespace: Option<String>,
    /// Whether the vectors' numbers come back.
    pub values: bool,
    /// Which metadata comes back.
    pub metadata: Metadata,
    /// What the metadata must be.
    pub filter: Option<Value>,
}

/// Which metadata of a match comes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metadata {
    /// None of it.
    #[default]
    None,
    /// What is indexed.
    Indexed,
    /// All of it.
    All,
}

/// Vectors, nearest first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Matches {
    /// How many there are.
    pub count: u32,
    /// The vectors.
    pub matches: Vec<Match>,
}

/// A vector that is near.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Match {
    /// Its id.
    pub id: String,
    /// How near it is, in the index's own metric.
    pub score: f64,
    /// Its numbers, where they were asked for.
    #[serde(default)]
    pub values: Option<Vec<f32>>,
    /// The part of the index that it is in.
    #[serde(default)]
    pub namespace: Option<String>,
    /// What is known of it, where it was asked for.
    #[serde(default)]
    pub metadata: Option<Value>,
}

/// A change that the index will make.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mutation {
    /// Its id: `describe` tells the last one that was made.
    #[serde(rename = "mutationId")]
    pub mutation_id: String,
}

connect_object!(Vectorize, Vectorize);

impl Vectorize {
    pub(crate) fn new(gate: Gate, backend: backend::Object) -> Self {
        Self { gate, backend }
    }

    /// The vectors nearest to one.
    ///
    /// # Errors
    /// `TooLarge` and `InvalidArgument` over the limits; `Unsupported` natively.
    ///
    /// # Examples
    /// ```
    /// # async fn f(docs: &bindery::vectorize::Vectorize, vector: &[f32]) -> bindery::Result<()> {
    /// use bindery::vectorize::{Metadata, QueryOptions};
    /// let options = QueryOptions { top_k: Some(3), metadata: Metadata::All, ..QueryOptions::default() };
    /// for near in docs.query(vector, &options).await?.matches {
    ///     println!("{} {}", near.id, near.score);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn query(&self, vector: &[f32], options: &QueryOptions) -> Result<Matches> {
        let work = async {
            dimensions(vector)?;
            let matches: Matches = decode(
                self.backend
                    .call("query", &[encode(vector)?, search(options)?])
                    .await?,
            )?;
            let count = Some(u64::from(matches.count));
            Ok((
                matches,
                Measures {
                    count,
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("query", None, work).await
    }

    /// The vectors nearest to one of the index.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn query_by_id(&self, id: &str, options: &QueryOptions) -> Result<Matches> {
        let work = async {
            let matches: Matches = decode(
                self.backend
                    .call("queryById", &[id.into(), search(options)?])
                    .await?,
            )?;
            let count = Some(u64::from(matches.count));
            Ok((
                matches,
                Measures {
                    count,
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("query_by_id", None, work).await
    }

    /// Adds vectors; those whose id is there already are left as they are.
    ///
    /// # Errors
    /// `TooLarge` over 1000 vectors or a limit of one of them; `Unsupported` natively.
    pub async fn insert(&self, vectors: &[Vector]) -> Result<Mutation> {
        self.change("insert", vectors).await
    }

    /// Adds vectors, in the place of those with their ids.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub async fn upsert(&self, vectors: &[Vector]) -> Result<Mutation> {
        self.change("upsert", vectors).await
    }

    async fn change(&self, operation: &'static str, vectors: &[Vector]) -> Result<Mutation> {
        let work = async {
            batch(vectors.len())?;
            vectors.iter().try_for_each(check)?;
            let mutation = decode(self.backend.call(operation, &[encode(vectors)?]).await?)?;
            Ok((
                mutation,
                Measures {
                    count: Some(vectors.len() as u64),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass(operation, None, work).await
    }

    /// The vectors of some ids; those that are not there are left out.
    ///
    /// # Errors
    /// `Unsupported` natively.
    pub async fn get_by_ids(&self, ids: &[&str]) -> Result<Vec<Vector>> {
        let work = async {
            let vectors: Vec<Vector> =
                decode(self.backend.call("getByIds", &[encode(ids)?]).await?)?;
            let count = Some(vectors.len() as u64);
            Ok((
                vectors,
                Measures {
                    count,
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("get_by_ids", None, work).await
    }

    /// Takes out the vectors of some ids.
    ///
    /// # Errors
    /// `Unsupported` natively.
    pub async fn delete_by_ids(&self, ids: &[&str]) -> Result<Mutation> {
        let work = async {
            batch(ids.len())?;
            let mutation = decode(self.backend.call("deleteByIds", &[encode(ids)?]).await?)?;
            Ok((
                mutation,
                Measures {
                    count: Some(ids.len() as u64),
                    ..Measures::default()
                },
            ))
        };
        self.gate.pass("delete_by_ids", None, work).await
    }

    /// What the index is, as JSON: its dimensions, its metric, how many vectors it has.
    ///
    /// # Errors
    /// `Unsupported` natively.
    pub async fn describe(&self) -> Result<Value> {
        let work = async {
            Ok((
                self.backend.call("describe", &[]).await?,
                Measures::default(),
            ))
        };
        self.gate.pass("describe", None, work).await
    }
}

fn search(options: &QueryOptions) -> Result<Value, Failure> {
    let heavy = options.values || options.metadata == Metadata::All;
    let most = if heavy {
        limits::vectorize::TOP_K_HEAVY
    } else {
        limits::vectorize::TOP_K
    };
    if let Some(top_k) = options.top_k.filter(|top_k| !(1..=most).contains(top_k)) {
        let message = format!(
            "a query gives between 1 and {most} matches, not {top_k}; see {}",
            limits::vectorize::PAGE
        );
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    }
    let metadata = match options.metadata {
        Metadata::None => "none",
        Metadata::Indexed => "indexed",
        Metadata::All => "all",
    };
    let mut search = Map::new();
    search.insert("returnValues".to_owned(), options.values.into());
    search.insert("returnMetadata".to_owned(), metadata.into());
    search.extend(options.top_k.map(|top_k| ("topK".to_owned(), top_k.into())));
    search.extend(
        options
            .namespace
            .as_ref()
            .map(|namespace| ("namespace".to_owned(), json!(namespace))),
    );
    search.extend(
        options
            .filter
            .as_ref()
            .map(|filter| ("filter".to_owned(), filter.clone())),
    );
    Ok(Value::Object(search))
}

fn dimensions(values: &[f32]) -> Result<(), Failure> {
    if values.len() > limits::vectorize::DIMENSIONS {
        let found = format!("{} dimensions", values.len());
        return Err(Failure::limit(
            "the vector",
            found,
            limits::vectorize::DIMENSIONS,
            limits::vectorize::PAGE,
        ));
    }
    // JSON has no NaN and no infinity.
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Failure::new(
            ErrorKind::InvalidArgument,
            "a vector holds finite numbers",
        ));
    }
    Ok(())
}

fn batch(count: usize) -> Result<(), Failure> {
    if count > limits::vectorize::BATCH {
        let found = format!("{count} vectors");
        return Err(Failure::limit(
            "the batch",
            found,
            limits::vectorize::BATCH,
            limits::vectorize::PAGE,
        ));
    }
    Ok(())
}

fn check(vector: &Vector) -> Result<(), Failure> {
    let page = limits::vectorize::PAGE;
    dimensions(&vector.values)?;
    limits::bytes("the id", vector.id.len(), limits::vectorize::ID_BYTES, page)?;
    let namespace = vector.namespace.as_ref().map_or(0, String::len);
    limits::bytes(
        "the namespace",
        namespace,
        limits::vectorize::ID_BYTES,
        page,
    )?;
    let metadata = vector
        .metadata
        .as_ref()
        .map_or(0, |metadata| metadata.to_string().len());
    limits::bytes(
        "the metadata",
        metadata,
        limits::vectorize::METADATA_BYTES,
        page,
    )
}
