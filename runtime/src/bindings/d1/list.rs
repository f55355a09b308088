//! Encodes a slice as one parameter: a JSON array that the statement reads with `json_each`.
//!
//! JSON has no BLOBs. In a list for a BLOB column each item is a text of hexadecimal digits, and in
//! a list for a column of any type a BLOB is an array with such a text. D1's SQLite does not read
//! every decimal number exactly, so a number with a fraction is an array of an integer and the
//! power of 2 to multiply it with. The compiler writes the statement that reads the form.

use std::fmt::Write;

use super::encode::{inexact, not_finite};
use super::{Parameter, Value};
use crate::limits::MAX_SAFE_INTEGER;

/// How the statement reads the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Integers and texts.
    Plain,
    /// Numbers.
    Reals,
    /// BLOBs.
    Blobs,
    /// Values of any type.
    Any,
}

/// Encodes a slice of integers, or of types of the application that are bound as integers or texts.
#[must_use]
pub fn list<'a, T: Clone + Into<Parameter<'a>>>(items: &[T]) -> Parameter<'static> {
    encode(Form::Plain, items.iter().cloned().map(Into::into))
}

/// Encodes a slice of numbers, or of types of the application that are bound as numbers.
#[must_use]
pub fn real_list<'a, T: Clone + Into<Parameter<'a>>>(items: &[T]) -> Parameter<'static> {
    encode(Form::Reals, items.iter().cloned().map(Into::into))
}

/// Encodes a slice of texts.
#[must_use]
pub fn text_list<T: AsRef<str>>(items: &[T]) -> Parameter<'static> {
    encode(Form::Plain, items.iter().map(|item| item.as_ref().into()))
}

/// Encodes a slice of bytes.
#[must_use]
pub fn bytes_list<T: AsRef<[u8]>>(items: &[T]) -> Parameter<'static> {
    encode(Form::Blobs, items.iter().map(|item| item.as_ref().into()))
}

/// Encodes a slice of types of the application that are bound as BLOBs.
#[must_use]
pub fn blob_list<'a, T: Clone + Into<Parameter<'a>>>(items: &[T]) -> Parameter<'static> {
    encode(Form::Blobs, items.iter().cloned().map(Into::into))
}

/// Encodes a slice of values of any type.
#[must_use]
pub fn value_list(items: &[Value]) -> Parameter<'static> {
    encode(Form::Any, items.iter().cloned().map(Into::into))
}

/// Encodes a slice of types of the application for a column of any type.
#[must_use]
pub fn any_list<'a, T: Clone + Into<Parameter<'a>>>(items: &[T]) -> Parameter<'static> {
    encode(Form::Any, items.iter().cloned().map(Into::into))
}

fn encode<'a>(form: Form, items: impl Iterator<Item = Parameter<'a>>) -> Parameter<'static> {
    let mut json = "[".to_owned();
    for (index, item) in items.enumerate() {
        if index > 0 {
            json.push(',');
        }
        if let Err(reason) = push(&mut json, form, &item) {
            return Parameter::Refused(format!("item {} of the list: {reason}", index + 1));
        }
    }
    json.push(']');
    Parameter::Text(json.into())
}

/// Adds the values of a row of `:bulk` as an array, or returns why that is not possible. Notes
/// which of them are not in the plain form of [`bindery_sqlite::bulk`].
pub(super) fn push_row<'a, const N: usize>(
    json: &mut String,
    row: [Parameter<'a>; N],
    is_plain: &mut [bool; N],
) -> Result<(), String> {
    json.push('[');
    for (index, (value, is_plain)) in row.into_iter().zip(is_plain).enumerate() {
        if index > 0 {
            json.push(',');
        }
        let start = json.len();
        match value {
            Parameter::Null => json.push_str("null"),
            value => push(json, Form::Any, &value)?,
        }
        match json.as_bytes().get(start) {
            Some(b'[') => *is_plain = false,
            // D1 binds every number as a REAL.
            Some(b'-' | b'0'..=b'9') => json.push_str(".0"),
            _ => {}
        }
    }
    json.push(']');
    Ok(())
}

/// Adds an item to the array, or returns why the list cannot contain it.
fn push(json: &mut String, form: Form, item: &Parameter<'_>) -> Result<(), String> {
    let refuse = |reason: &str| Err(reason.to_owned());

    match (form, item) {
        (Form::Plain | Form::Reals | Form::Any, Parameter::Integer(value)) => {
            match inexact(*value) {
                Some(reason) => return Err(reason),
                None => push_json(json, value),
            }
        }
        (Form::Plain | Form::Reals | Form::Any, Parameter::Real(value)) => {
            match not_finite(*value) {
                Some(reason) => return Err(reason),
                None if form == Form::Plain => push_json(json, value),
                None => push_real(json, *value),
            }
        }
        (Form::Plain | Form::Any, Parameter::Text(text)) => push_json(json, text),
        (Form::Reals, Parameter::Text(_)) => return refuse("the column stores numbers"),
        (Form::Blobs, Parameter::Blob(bytes)) => push_hexadecimal(json, bytes),
        (Form::Any, Parameter::Blob(bytes)) => {
            json.push('[');
            push_hexadecimal(json, bytes);
            json.push(']');
        }
        (Form::Plain | Form::Reals, Parameter::Blob(_)) => {
            return refuse("the column does not store BLOBs");
        }
        (Form::Blobs, Parameter::Integer(_) | Parameter::Real(_) | Parameter::Text(_)) => {
            return refuse("the column stores BLOBs");
        }
        // SQL's `IN` is NULL where an item is, and `NOT IN` then matches no row.
        (_, Parameter::Null) => return refuse("a list cannot contain NULL"),
        (_, Parameter::Refused(reason)) => return Err(reason.clone()),
    }
    Ok(())
}

/// Numbers and texts are always valid JSON.
fn push_json<T: serde::Serialize>(json: &mut String, value: &T) {
    json.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// Adds a number as an integer, or as an integer and a power of 2 that are exact.
fn push_real(json: &mut String, value: f64) {
    let limit = MAX_SAFE_INTEGER as f64;
    if value.fract() == 0.0 && value.abs() <= limit {
        push_json(json, &(value as i64));
        return;
    }
    push_exact(json, value);
}

/// Adds a number as an integer and a power of 2 that are exact.
pub(super) fn push_exact(json: &mut String, value: f64) {
    const FRACTION_BITS: i32 = 52;
    let bits = value.to_bits();
    let fraction = (bits & ((1 << FRACTION_BITS) - 1)).cast_signed();
    let exponent = i32::try_from(bits >> FRACTION_BITS & 0x7ff).unwrap_or_default();
    let (significand, exponent) = if exponent == 0 {
        (fraction, 1)
    } else {
        (fraction | 1 << FRACTION_BITS, exponent)
    };
    // The bias of the exponent, and the position of the binary point.
    let exponent = exponent - 1023 - FRACTION_BITS;
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let _ = write!(json, "[{sign}{significand},{exponent}]");
}

pub(super) fn push_hexadecimal(json: &mut String, bytes: &[u8]) {
    json.push('"');
    for byte in bytes {
        let _ = write!(json, "{byte:02x}");
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::{
        Parameter, Value, any_list, blob_list, bytes_list, list, real_list, text_list, value_list,
    };

    /// The value that SQLite computes from the parts is the number.
    #[test]
    fn the_parts_of_a_number_are_exact() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;

        for _ in 0..10_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = f64::from_bits(state);
            if !value.is_finite() || value.fract() == 0.0 {
                continue;
            }
            let text = json(real_list(&[value])).expect("it is finite");
            let (significand, exponent) = text
                .trim_matches(['[', ']'])
                .split_once(',')
                .expect("two parts");
            let significand: i64 = significand.parse().expect("an integer");
            let exponent: f64 = exponent.parse().expect("an integer");
            let computed = significand as f64 * 2_f64.powf(exponent);
            assert_eq!(computed.to_bits(), value.to_bits(), "{value:?}");
        }
    }

    fn json(list: Parameter<'static>) -> Result<String, String> {
        match list {
            Parameter::Text(json) => Ok(json.into_owned()),
            Parameter::Refused(reason) => Err(reason),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn each_type_has_its_form() {
        assert_eq!(json(list(&[1_i64, -2])), Ok("[1,-2]".to_owned()));
        assert_eq!(json(list(&[true, false])), Ok("[1,0]".to_owned()));
        assert_eq!(
            json(real_list(&[7.0, -0.5, 5e-324, -0.0])),
            Ok("[7,[-4503599627370496,-53],[1,-1074],0]".to_owned())
        );
        assert_eq!(
            json(text_list(&["a\0\"", "é"])),
            Ok(r#"["a\u0000\"","é"]"#.to_owned())
        );
        assert_eq!(
            json(bytes_list(&[&[0_u8, 255][..], &[]])),
            Ok(r#"["00ff",""]"#.to_owned())
        );
        assert_eq!(json(blob_list(&[vec![1_u8]])), Ok(r#"["01"]"#.to_owned()));

        let values = [
            Value::Integer(1),
            Value::Text("a".to_owned()),
            Value::Blob(vec![7]),
        ];
        assert_eq!(
            json(value_list(&values)),
            Ok(r#"[1,"a",["07"]]"#.to_owned())
        );
        assert_eq!(json(any_list::<i64>(&[])), Ok("[]".to_owned()));
    }

    #[test]
    fn items_that_would_match_other_rows_are_refused() {
        for (refused, reason) in [
            (
                list(&[1_i64 << 53]),
                "item 1 of the list: the value exceeds",
            ),
            (
                real_list(&[0.5, f64::INFINITY]),
                "item 2 of the list: D1 would",
            ),
            (
                list(&[None, Some(1_i64)]),
                "item 1 of the list: a list cannot",
            ),
            (list(&[vec![1_u8]]), "item 1 of the list: the column does"),
            (
                blob_list(&["a".to_owned()]),
                "item 1 of the list: the column stores",
            ),
        ] {
            let refused = json(refused).expect_err("it is refused");
            assert!(refused.starts_with(reason), "{refused}");
        }
    }
}
