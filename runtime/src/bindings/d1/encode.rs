//! From Rust values to bound parameters, as D1 binds them.

use std::borrow::Cow;

use crate::error::{ErrorKind, Failure};
use crate::limits::{self, MAX_SAFE_INTEGER};

use super::{Json, Value};

/// A bound value.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter<'a> {
    /// NULL
    Null,
    /// A whole number; D1 binds it as REAL.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// TEXT
    Text(Cow<'a, str>),
    /// BLOB
    Blob(Cow<'a, [u8]>),
    /// A value that cannot be bound, and why: the call fails before anything is sent.
    Refused(String),
}

impl From<i64> for Parameter<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Parameter<'_> {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<bool> for Parameter<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl<'a> From<&'a str> for Parameter<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a [u8]> for Parameter<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(Cow::Borrowed(value))
    }
}

macro_rules! owned {
    ($($ty:ty => $variant:ident),*) => {$(
        impl From<$ty> for Parameter<'_> {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
owned!(i32 => Integer, u32 => Integer, String => Text, Vec<u8> => Blob);

/// As JSON text.
impl<T: serde::Serialize> From<Json<T>> for Parameter<'_> {
    fn from(value: Json<T>) -> Self {
        match serde_json::to_string(&value.0) {
            Ok(text) => Self::Text(Cow::Owned(text)),
            Err(error) => Self::Refused(format!("it cannot be written as JSON: {error}")),
        }
    }
}

impl From<Value> for Parameter<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(value) => Self::Integer(value),
            Value::Real(value) => Self::Real(value),
            Value::Text(text) => Self::Text(Cow::Owned(text)),
            Value::Blob(bytes) => Self::Blob(Cow::Owned(bytes)),
        }
    }
}

impl<'a, T: Into<Parameter<'a>>> From<Option<T>> for Parameter<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A slice as the JSON text that `json_each` reads.
pub(crate) fn list<T: serde::Serialize>(items: &[T]) -> Parameter<'static> {
    // Numbers, booleans and strings always serialise; a number that JSON lacks becomes null, as on D1.
    Parameter::Text(Cow::Owned(
        serde_json::to_string(items).unwrap_or_else(|_| "[]".to_owned()),
    ))
}

/// A slice of texts as the JSON text that `json_each` reads.
pub(crate) fn text_list<T: AsRef<str>>(items: &[T]) -> Parameter<'static> {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    list(&items)
}

/// Refuses what D1 would round, turn into NULL or not take, before anything is sent.
pub(crate) fn check(parameters: &[Parameter<'_>]) -> Result<(), Failure> {
    for (index, parameter) in parameters.iter().enumerate() {
        let number = index + 1;
        match parameter {
            Parameter::Integer(value) if value.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs() => {
                let message = format!(
                    "parameter {number}: {value} is beyond what D1 takes exactly (2^53 - 1); store it as TEXT"
                );
                return Err(Failure::new(ErrorKind::InvalidArgument, message));
            }
            Parameter::Real(value) if !value.is_finite() => {
                let message =
                    format!("parameter {number}: {value} would become NULL on its way to D1");
                return Err(Failure::new(ErrorKind::InvalidArgument, message));
            }
            Parameter::Text(text) => limits::bytes(
                "a parameter",
                text.len(),
                limits::d1::VALUE_BYTES,
                limits::d1::PAGE,
            )?,
            Parameter::Blob(bytes) => limits::bytes(
                "a parameter",
                bytes.len(),
                limits::d1::VALUE_BYTES,
                limits::d1::PAGE,
            )?,
            Parameter::Refused(why) => {
                return Err(Failure::new(
                    ErrorKind::InvalidArgument,
                    format!("parameter {number}: {why}"),
                ));
            }
            Parameter::Null | Parameter::Integer(_) | Parameter::Real(_) => {}
        }
    }
    Ok(())
}
