//! How values are stored: as JSON, text, bytes, or in a format of the application.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How the values of a key are stored.
///
/// The messages of its errors become part of [`Error`](crate::Error), which programs log. So they
/// must not contain stored values.
///
/// # Examples
/// ```
/// use std::borrow::Cow;
///
/// use bindery::kv::Codec;
///
/// /// A counter, as 8 bytes.
/// #[derive(Debug)]
/// pub struct Counter;
///
/// impl Codec for Counter {
///     type Value = u64;
///     type Input = u64;
///
///     fn encode(value: &u64) -> Result<Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(Cow::Owned(value.to_le_bytes().to_vec()))
///     }
///
///     fn decode(bytes: Vec<u8>) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
///         let bytes: [u8; 8] = bytes.try_into().map_err(|_| "a counter has 8 bytes")?;
///         Ok(u64::from_le_bytes(bytes))
///     }
/// }
/// ```
pub trait Codec: 'static {
    /// The type that [`get`](super::Kv::get) returns.
    type Value: Send;

    /// The type that [`put`](super::Kv::put) takes a reference to.
    type Input: ?Sized;

    /// Whether every encoded value is UTF-8. KV returns many values with one call only as text;
    /// otherwise [`get_many`](super::Kv::get_many) gets each value with a call of its own.
    const IS_TEXT: bool = false;

    /// Returns the bytes of a value.
    ///
    /// # Errors
    /// When the value has no representation.
    fn encode(value: &Self::Input) -> Result<Cow<'_, [u8]>, BoxError>;

    /// Returns the value of bytes.
    ///
    /// # Errors
    /// When the bytes are not those of a value.
    fn decode(bytes: Vec<u8>) -> Result<Self::Value, BoxError>;
}

/// Stores values as JSON.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Json")
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Codec for Json<T> {
    type Value = T;
    type Input = T;

    const IS_TEXT: bool = true;

    fn encode(value: &T) -> Result<Cow<'_, [u8]>, BoxError> {
        Ok(Cow::Owned(serde_json::to_vec(value)?))
    }

    fn decode(bytes: Vec<u8>) -> Result<T, BoxError> {
        json::parse_bytes(&bytes).map_err(|error| error.describe().into())
    }
}

/// Stores a `String` as UTF-8.
#[derive(Debug)]
pub struct Text(());

impl Codec for Text {
    type Value = String;
    type Input = str;

    const IS_TEXT: bool = true;

    fn encode(value: &str) -> Result<Cow<'_, [u8]>, BoxError> {
        Ok(Cow::Borrowed(value.as_bytes()))
    }

    fn decode(bytes: Vec<u8>) -> Result<String, BoxError> {
        // The error of the standard library contains the bytes.
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
    }
}

/// Stores a `Vec<u8>` as it is.
#[derive(Debug)]
pub struct Bytes(());

impl Codec for Bytes {
    type Value = Vec<u8>;
    type Input = [u8];

    fn encode(value: &[u8]) -> Result<Cow<'_, [u8]>, BoxError> {
        Ok(Cow::Borrowed(value))
    }

    fn decode(bytes: Vec<u8>) -> Result<Vec<u8>, BoxError> {
        Ok(bytes)
    }
}
