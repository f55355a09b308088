//! Decodes JSON that a statement builds, with the content that the compiler inferred.
//!
//! The decoders are types: the generated code writes them next to the type that they decode into.
//! An object has its keys in the order of the statement, so its fields are read without a search.
//!
//! Nested JSON can also be a string that contains it: SQLite forgets that a text is JSON where the
//! text passes through a subquery. <https://www.sqlite.org/json1.html#value_arguments>

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::json::JsonText;
use super::{Cell, FromColumn};
use crate::json::{self, RawText, ReadError};

/// Decodes a value in JSON.
pub trait Decode {
    /// The type of the value.
    type Output;

    /// Decodes the value. Errors contain no values: they can be private.
    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<Self::Output, D::Error>;
}

/// JSON in a column.
pub(crate) struct Built<C: Decode>(pub(crate) C::Output);

impl<C: Decode> FromColumn for Built<C> {
    fn from_column(cell: Cell<'_>) -> Result<Self, String> {
        let Cell::Text(text) = cell else {
            let found = cell.storage_class();
            return Err(format!("expected JSON text, found {found}"));
        };
        let value = from_text::<C>(&text).map_err(|error| error.to_string())?;
        Ok(Self(value))
    }
}

fn from_text<C: Decode>(text: &str) -> Result<C::Output, ReadError> {
    json::read(text, |source| C::decode(source))
}

/// A value that is decoded as the value of a column is.
#[derive(Debug)]
pub struct Scalar<T>(PhantomData<T>);

impl<T: FromColumn> Decode for Scalar<T> {
    type Output = T;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
        let cell = source.deserialize_any(CellVisitor)?;
        T::from_column(cell).map_err(D::Error::custom)
    }
}

/// An integer. JSON has all of its digits, unlike a column of D1.
#[derive(Debug)]
pub struct Integer;

impl Decode for Integer {
    type Output = i64;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<i64, D::Error> {
        match source.deserialize_any(CellVisitor)? {
            Cell::Integer(value) => Ok(value),
            other => i64::from_column(other).map_err(D::Error::custom),
        }
    }
}

/// The value of a column that is declared JSON, as a text.
#[derive(Debug)]
pub struct Text;

impl Decode for Text {
    type Output = String;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
        Scalar::<JsonText>::decode(source).map(|JsonText(text)| text)
    }
}

/// JSON of unknown content, as it is written.
#[derive(Debug)]
pub struct Raw;

impl Decode for Raw {
    type Output = String;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
        RawText::deserialize(source).map(|RawText(text)| text.to_owned())
    }
}

/// JSON of unknown content that a type of the application decodes from a column.
#[derive(Debug)]
pub struct Embedded<T>(PhantomData<T>);

impl<T: FromColumn> Decode for Embedded<T> {
    type Output = T;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
        let text = Raw::decode(source)?;
        let cell = match text.as_bytes().first() {
            Some(b'[' | b'{') => Cell::Text(Cow::Owned(text)),
            _ => {
                let cell = json::read(&text, |scalar| scalar.deserialize_any(CellVisitor));
                let cell = cell.map_err(D::Error::custom)?;
                return T::from_column(cell).map_err(D::Error::custom);
            }
        };
        T::from_column(cell).map_err(D::Error::custom)
    }
}

/// A value that can be `null`.
#[derive(Debug)]
pub struct Optional<C>(PhantomData<C>);

impl<C: Decode> Decode for Optional<C> {
    type Output = Option<C::Output>;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<Self::Output, D::Error> {
        source.deserialize_option(OptionalVisitor::<C>(PhantomData))
    }
}

/// An array of values of one type.
#[derive(Debug)]
pub struct List<C>(PhantomData<C>);

impl<C: Decode> Decode for List<C> {
    type Output = Vec<C::Output>;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<Self::Output, D::Error> {
        source.deserialize_any(ContainerVisitor::<Self>(PhantomData))
    }
}

impl<C: Decode> Container for List<C> {
    const EXPECTED: &'static str = "an array";

    fn array<'de, A: SeqAccess<'de>>(mut items: A) -> Result<Self::Output, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Seed::<C>(PhantomData)).transpose() {
            let item =
                item.map_err(|error| within(&format_args!("item {}", list.len()), &error))?;
            list.push(item);
        }
        Ok(list)
    }
}

/// An object whose keys are values.
#[derive(Debug)]
pub struct Map<C>(PhantomData<C>);

impl<C: Decode> Decode for Map<C> {
    type Output = BTreeMap<String, C::Output>;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<Self::Output, D::Error> {
        source.deserialize_any(ContainerVisitor::<Self>(PhantomData))
    }
}

impl<C: Decode> Container for Map<C> {
    const EXPECTED: &'static str = "an object";

    fn object<'de, A: MapAccess<'de>>(mut fields: A) -> Result<Self::Output, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Seed::<C>(PhantomData))?;
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// An object with known keys, as a generated struct.
#[derive(Debug)]
pub struct Object<T>(PhantomData<T>);

/// The struct of an object with known keys. Generated.
pub trait BuiltObject: Sized {
    /// Reads every field, in the order of the keys.
    ///
    /// # Errors
    /// Fails if a key or a value does not match.
    fn read<'de, A: MapAccess<'de>>(fields: &mut Fields<'de, A>) -> Result<Self, A::Error>;
}

/// The fields of an object that are left.
#[derive(Debug)]
pub struct Fields<'de, A> {
    object: A,
    source: PhantomData<&'de ()>,
}

impl<'de, A: MapAccess<'de>> Fields<'de, A> {
    /// Reads the next field.
    ///
    /// # Errors
    /// Fails if it has another key, or if the value does not match.
    pub fn read<C: Decode>(&mut self, key: &'static str) -> Result<C::Output, A::Error> {
        if self.object.next_key_seed(IsKey(key))? != Some(true) {
            return Err(A::Error::custom(format_args!("expected the key `{key}`")));
        }
        let value = self.object.next_value_seed(Seed::<C>(PhantomData));
        value.map_err(|error| within(&format_args!("`{key}`"), &error))
    }
}

impl<T: BuiltObject> Decode for Object<T> {
    type Output = T;

    fn decode<'de, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
        source.deserialize_any(ContainerVisitor::<Self>(PhantomData))
    }
}

impl<T: BuiltObject> Container for Object<T> {
    const EXPECTED: &'static str = "an object";

    fn object<'de, A: MapAccess<'de>>(object: A) -> Result<T, A::Error> {
        T::read(&mut Fields {
            object,
            source: PhantomData,
        })
    }
}

/// An array with known items.
#[derive(Debug)]
pub struct Tuple<T>(PhantomData<T>);

macro_rules! tuples {
    ($(($($item:ident)+))+) => {$(
        impl<$($item: Decode),+> Decode for Tuple<($($item,)+)> {
            type Output = ($($item::Output,)+);

            fn decode<'de, Z: Deserializer<'de>>(source: Z) -> Result<Self::Output, Z::Error> {
                source.deserialize_any(ContainerVisitor::<Self>(PhantomData))
            }
        }

        impl<$($item: Decode),+> Container for Tuple<($($item,)+)> {
            const EXPECTED: &'static str = "an array";

            fn array<'de, Z: SeqAccess<'de>>(mut items: Z) -> Result<Self::Output, Z::Error> {
                Ok(($(
                    items
                        .next_element_seed(Seed::<$item>(PhantomData))?
                        .ok_or_else(|| Z::Error::custom("expected more items"))?,
                )+))
            }
        }
    )+};
}

tuples! {
    (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H)
    (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L)
}

/// An error of a value inside an array or an object.
fn within<E: Error>(place: &dyn fmt::Display, error: &E) -> E {
    E::custom(format_args!("{place}: {error}"))
}

/// A decoder as a seed of serde.
struct Seed<C>(PhantomData<C>);

impl<'de, C: Decode> DeserializeSeed<'de> for Seed<C> {
    type Value = C::Output;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<C::Output, D::Error> {
        C::decode(source)
    }
}

/// Reads a key, and returns whether it is this one.
struct IsKey(&'static str);

impl<'de> DeserializeSeed<'de> for IsKey {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<bool, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

struct OptionalVisitor<C>(PhantomData<C>);

impl<'de, C: Decode> Visitor<'de> for OptionalVisitor<C> {
    type Value = Option<C::Output>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        C::decode(source).map(Some)
    }
}

/// Reads a scalar as the value of a column.
struct CellVisitor;

/// Rejects kinds of JSON without naming the value, which serde's own errors do.
macro_rules! reject {
    ($($method:ident($ty:ty) $found:literal)+) => {$(
        fn $method<E: Error>(self, _: $ty) -> Result<Self::Value, E> {
            Err(Self::mismatch($found))
        }
    )+};
}

impl CellVisitor {
    fn mismatch<E: Error>(found: &str) -> E {
        E::custom(format_args!("expected a value of SQL, found {found}"))
    }
}

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of SQL")
    }

    reject! { visit_bool(bool) "a boolean" }

    fn visit_unit<E: Error>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::Null)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell<'de>, E> {
        Ok(Cell::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell<'de>, E> {
        Ok(i64::try_from(value).map_or(Cell::Real(value as f64), Cell::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell<'de>, E> {
        Ok(Cell::Real(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell<'de>, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Cell<'de>, A::Error> {
        Err(Self::mismatch("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Cell<'de>, A::Error> {
        Err(Self::mismatch("an object"))
    }
}

/// JSON that is an array or an object.
trait Container: Decode {
    const EXPECTED: &'static str;

    fn array<'de, A: SeqAccess<'de>>(_: A) -> Result<Self::Output, A::Error> {
        Err(mismatch::<Self, _>("an array"))
    }

    fn object<'de, A: MapAccess<'de>>(_: A) -> Result<Self::Output, A::Error> {
        Err(mismatch::<Self, _>("an object"))
    }
}

fn mismatch<C: Container + ?Sized, E: Error>(found: &str) -> E {
    E::custom(format_args!("expected {}, found {found}", C::EXPECTED))
}

struct ContainerVisitor<C>(PhantomData<C>);

impl<C: Container> ContainerVisitor<C> {
    fn mismatch<E: Error>(found: &str) -> E {
        mismatch::<C, E>(found)
    }
}

impl<'de, C: Container> Visitor<'de> for ContainerVisitor<C> {
    type Value = C::Output;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(C::EXPECTED)
    }

    reject! {
        visit_bool(bool) "a boolean"
        visit_i64(i64) "a number"
        visit_u64(u64) "a number"
        visit_f64(f64) "a number"
    }

    fn visit_unit<E: Error>(self) -> Result<C::Output, E> {
        Err(Self::mismatch("null"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<C::Output, E> {
        from_text::<C>(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<C::Output, A::Error> {
        C::array(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<C::Output, A::Error> {
        C::object(fields)
    }
}
