//! Encodes Rust values as parameters.

use std::borrow::Cow;

use crate::error::{ErrorKind, Failure};
use crate::json;
use crate::limits::{self, MAX_SAFE_INTEGER};

use super::{AnyStatement, Json, Value};

/// A value that is bound to a parameter of a statement.
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
    /// The reason why a value cannot be bound. The call fails before anything is sent.
    Refused(String),
}

#[cfg(not(target_arch = "wasm32"))]
impl Parameter<'_> {
    /// Copies what the parameter borrows.
    pub(crate) fn to_static(&self) -> Parameter<'static> {
        match self {
            Self::Null => Parameter::Null,
            Self::Integer(value) => Parameter::Integer(*value),
            Self::Real(value) => Parameter::Real(*value),
            Self::Text(text) => Parameter::Text(Cow::Owned(text.to_string())),
            Self::Blob(bytes) => Parameter::Blob(Cow::Owned(bytes.to_vec())),
            Self::Refused(reason) => Parameter::Refused(reason.clone()),
        }
    }
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

/// Binds JSON text.
impl<T: serde::Serialize> From<Json<T>> for Parameter<'_> {
    fn from(value: Json<T>) -> Self {
        match serde_json::to_string(&value.0) {
            Ok(text) => Self::Text(Cow::Owned(text)),
            Err(error) => Self::Refused(format!("the value is not valid JSON: {error}")),
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

/// Encodes a slice as JSON text for `json_each`.
pub(crate) fn list<T: serde::Serialize>(items: &[T]) -> Parameter<'static> {
    match serde_json::to_string(items) {
        Ok(json) if json::contains_null(&json) => {
            Parameter::Refused("a list must not contain NaN or an infinity".to_owned())
        }
        Ok(json) => Parameter::Text(Cow::Owned(json)),
        Err(error) => Parameter::Refused(format!("the list is not valid JSON: {error}")),
    }
}

/// Encodes a slice of texts as JSON text for `json_each`.
pub(crate) fn text_list<T: AsRef<str>>(items: &[T]) -> Parameter<'static> {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    list(&items)
}

/// Fails if D1 would reject the statement because of a limit, or would round a parameter, store it
/// as NULL or reject it.
pub(crate) fn check(statement: &AnyStatement, parameters: &[Parameter<'_>]) -> Result<(), Failure> {
    statement.check(parameters.len())?;
    for (index, parameter) in parameters.iter().enumerate() {
        let number = index + 1;
        match parameter {
            Parameter::Null => {}
            Parameter::Integer(value) => check_integer(number, *value)?,
            Parameter::Real(value) => check_real(number, *value)?,
            Parameter::Text(text) => check_size(text.len())?,
            Parameter::Blob(bytes) => check_size(bytes.len())?,
            Parameter::Refused(reason) => return Err(invalid(number, reason)),
        }
    }
    Ok(())
}

fn check_integer(number: usize, value: i64) -> Result<(), Failure> {
    if value.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() {
        return Ok(());
    }
    let reason =
        format!("{value} exceeds the integers that D1 stores exactly (2^53 - 1); store it as TEXT");
    Err(invalid(number, &reason))
}

fn check_real(number: usize, value: f64) -> Result<(), Failure> {
    if value.is_finite() {
        return Ok(());
    }
    Err(invalid(number, &format!("D1 would store {value} as NULL")))
}

fn check_size(bytes: usize) -> Result<(), Failure> {
    limits::bytes(
        "a parameter",
        bytes,
        limits::d1::VALUE_BYTES,
        limits::d1::PAGE,
    )
}

fn invalid(number: usize, reason: &str) -> Failure {
    let message = format!("parameter {number}: {reason}");
    Failure::new(ErrorKind::InvalidArgument, message)
}
