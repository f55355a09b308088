//! Encodes Rust values as parameters.

use std::borrow::Cow;

use crate::error::{ErrorKind, Failure};
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

/// Fails if D1 would reject the statement because of a limit, or would round a parameter, store it
/// as NULL or reject it.
pub(crate) fn check(statement: &AnyStatement, parameters: &[Parameter<'_>]) -> Result<(), Failure> {
    statement.check(parameters.len())?;
    for (index, parameter) in parameters.iter().enumerate() {
        let number = index + 1;
        match parameter {
            Parameter::Null => {}
            Parameter::Integer(value) => refuse(number, inexact(*value))?,
            Parameter::Real(value) => refuse(number, not_finite(*value))?,
            Parameter::Text(text) => check_size(text.len())?,
            Parameter::Blob(bytes) => check_size(bytes.len())?,
            Parameter::Refused(reason) => return Err(invalid(number, reason)),
        }
    }
    Ok(())
}

/// Returns why D1 cannot bind an integer exactly.
pub(super) fn inexact(value: i64) -> Option<String> {
    let is_exact = value.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs();
    (!is_exact).then(|| {
        "the value exceeds the integers that D1 stores exactly (2^53 - 1); store it as TEXT"
            .to_owned()
    })
}

/// Returns why D1 cannot bind a number.
pub(super) fn not_finite(value: f64) -> Option<String> {
    // Formatting a number would link code for all of them.
    let name = match value {
        _ if value.is_nan() => "NaN",
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => return None,
    };
    Some(format!("D1 would store {name} as NULL"))
}

fn check_size(bytes: usize) -> Result<(), Failure> {
    limits::bytes(
        "a parameter",
        bytes,
        limits::d1::VALUE_BYTES,
        limits::d1::PAGE,
    )
}

fn refuse(number: usize, reason: Option<String>) -> Result<(), Failure> {
    match reason {
        Some(reason) => Err(invalid(number, &reason)),
        None => Ok(()),
    }
}

fn invalid(number: usize, reason: &str) -> Failure {
    let message = format!("parameter {number}: {reason}");
    Failure::new(ErrorKind::InvalidArgument, message)
}
