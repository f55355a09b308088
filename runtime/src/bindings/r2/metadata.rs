//! The metadata of objects: that of HTTP, and the names and values of the application.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::SystemTime;

use serde::de::value::{MapDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer, Visitor};
use serde::{Deserializer, Serialize, forward_to_deserialize_any};

use crate::error::{ErrorKind, Failure};

/// Names and values of the application.
pub type Metadata = BTreeMap<String, String>;

/// The headers with which an object is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpMetadata {
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The `Content-Language`.
    pub content_language: Option<String>,
    /// The `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// The `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// The `Cache-Control`.
    pub cache_control: Option<String>,
    /// The `Expires`.
    pub cache_expires: Option<SystemTime>,
}

/// How the metadata of a key is stored as names and values.
///
/// [`Map`] keeps it as it is. The derive of [`R2Key`](super::R2Key) chooses [`Fields`] for
/// `metadata = T`.
pub trait MetadataCodec: 'static {
    /// The type of the metadata.
    type Value: Send;

    /// Returns the names and values.
    ///
    /// # Errors
    /// When the metadata cannot be stored.
    #[doc(hidden)]
    fn encode(metadata: &Self::Value) -> Result<Metadata, Failure>;

    /// Returns the metadata of names and values.
    ///
    /// # Errors
    /// When they do not match the type.
    #[doc(hidden)]
    fn decode(metadata: Metadata) -> Result<Self::Value, Failure>;
}

/// Metadata as a map of texts.
#[derive(Debug)]
pub struct Map(());

impl MetadataCodec for Map {
    type Value = Metadata;

    fn encode(metadata: &Metadata) -> Result<Metadata, Failure> {
        Ok(metadata.clone())
    }

    fn decode(metadata: Metadata) -> Result<Metadata, Failure> {
        Ok(metadata)
    }
}

/// Metadata as a struct, of which each field is a name and a value: a text, a number, a boolean or
/// an enum without fields. A field that is `None` is not stored.
pub struct Fields<T>(PhantomData<fn() -> T>);

impl<T> fmt::Debug for Fields<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fields")
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> MetadataCodec for Fields<T> {
    type Value = T;

    fn encode(metadata: &T) -> Result<Metadata, Failure> {
        let encoded = serde_json::to_value(metadata).map_err(|error| {
            let message = "the metadata cannot be serialized";
            Failure::because(ErrorKind::InvalidArgument, message, error)
        })?;
        texts(encoded)
    }

    fn decode(metadata: Metadata) -> Result<T, Failure> {
        let values = metadata
            .into_iter()
            .map(|(name, value)| (name, Text(value)));
        T::deserialize(MapDeserializer::<_, serde::de::value::Error>::new(values)).map_err(
            |error| {
                let message = format!("the metadata does not match its type: {error}");
                Failure::new(ErrorKind::Decode, message)
            },
        )
    }
}

/// The fields of a struct as texts.
fn texts(encoded: serde_json::Value) -> Result<Metadata, Failure> {
    use serde_json::Value;

    let serde_json::Value::Object(fields) = encoded else {
        let message = "the metadata is not a struct with named fields";
        return Err(Failure::new(ErrorKind::InvalidArgument, message));
    };
    let mut metadata = Metadata::new();
    for (name, value) in fields {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                let message = format!("the field `{name}` of the metadata is not a single value");
                return Err(Failure::new(ErrorKind::InvalidArgument, message));
            }
        };
        metadata.insert(name, text);
    }
    Ok(metadata)
}

/// A value that is read as the type of its field. Its errors do not contain it.
struct Text(String);

impl IntoDeserializer<'_> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads values by parsing them.
macro_rules! parse {
    ($($method:ident $visit:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(serde::de::Error::custom("a value is not of the type of its field")),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Text {
    type Error = serde::de::value::Error;

    parse! {
        deserialize_bool visit_bool
        deserialize_i8 visit_i8
        deserialize_i16 visit_i16
        deserialize_i32 visit_i32
        deserialize_i64 visit_i64
        deserialize_i128 visit_i128
        deserialize_u8 visit_u8
        deserialize_u16 visit_u16
        deserialize_u32 visit_u32
        deserialize_u64 visit_u64
        deserialize_u128 visit_u128
        deserialize_f32 visit_f32
        deserialize_f64 visit_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let text: StringDeserializer<Self::Error> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
            .map_err(|_| serde::de::Error::custom("a value is not one of the variants"))
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{Fields, Metadata, MetadataCodec};
    use crate::error::ErrorKind;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Image,
        Text,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Info {
        owner: String,
        pages: u32,
        ratio: f64,
        public: bool,
        kind: Kind,
        note: Option<String>,
        parent: Option<i64>,
    }

    fn info() -> Info {
        Info {
            owner: "7".to_owned(),
            pages: 3,
            ratio: -0.5,
            public: true,
            kind: Kind::Image,
            note: None,
            parent: Some(i64::MIN),
        }
    }

    #[test]
    fn fields_are_read_as_they_were_written() {
        let metadata = Fields::encode(&info()).expect("it is flat");
        assert_eq!(metadata["parent"], i64::MIN.to_string());
        assert!(!metadata.contains_key("note"));
        assert_eq!(Fields::decode(metadata).ok(), Some(info()));
    }

    #[test]
    fn errors_do_not_contain_values() {
        let mut metadata = Fields::encode(&info()).expect("it is flat");
        for field in ["pages", "kind"] {
            let value = metadata.insert(field.to_owned(), "secret".to_owned());
            let failure = Fields::<Info>::decode(metadata.clone()).expect_err("it does not match");
            assert_eq!(failure.kind, ErrorKind::Decode);
            assert!(!failure.message.contains("secret"), "{}", failure.message);
            metadata.extend(value.map(|value| (field.to_owned(), value)));
        }
        assert!(Fields::<Info>::decode(Metadata::new()).is_err());
        assert!(Fields::encode(&vec![1]).is_err());
        assert!(Fields::encode(&serde_json::json!({ "a": [1] })).is_err());
    }
}
