//! JSON: reading it, and encoding what becomes JavaScript values.
//!
//! The numbers of JavaScript are doubles. Both backends check JSON before they send it, so that the
//! native backend does not keep an integer that Workers would round.

mod error;
mod raw;
mod read;
pub(crate) mod text;

use serde::{Deserialize, Serialize};

pub(crate) use error::ReadError;
pub(crate) use raw::RawText;
pub(crate) use read::Reader;

use crate::error::{ErrorKind, Failure};
use crate::limits::MAX_SAFE_INTEGER;

/// Reads the value of a JSON text.
pub(crate) fn parse<'j, T: Deserialize<'j>>(json: &'j str) -> Result<T, ReadError> {
    read(json, |reader| T::deserialize(reader))
}

/// Reads the value of JSON in UTF-8.
pub(crate) fn parse_bytes<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, ReadError> {
    let text = std::str::from_utf8(json);
    parse(text.map_err(|_| ReadError::malformed())?)
}

/// Reads the value of a JSON text with a function.
pub(crate) fn read<'j, T>(
    json: &'j str,
    value: impl FnOnce(&mut Reader<'j>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let mut reader = Reader::new(json);
    let value = value(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| reader.place(error))
}

/// Encodes a value as JSON whose integers JavaScript can represent. `noun` names the value in
/// errors, with an article.
pub(crate) fn encode<T: Serialize + ?Sized>(noun: &str, value: &T) -> Result<String, Failure> {
    let json = serde_json::to_string(value).map_err(|error| {
        let message = format!("{noun} cannot be serialized as JSON");
        Failure::because(ErrorKind::InvalidArgument, message, error)
    })?;
    check_integers(noun, &json)?;
    Ok(json)
}

/// Fails if JSON contains an integer that a JavaScript number cannot represent.
fn check_integers(noun: &str, json: &str) -> Result<(), Failure> {
    let is_exact = |token: &&str| {
        token
            .parse::<i128>()
            .is_ok_and(|value| value.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs().into())
    };
    let mut integers = scalars(json).filter(|token| is_integer(token));
    match integers.find(|token| !is_exact(token)) {
        None => Ok(()),
        Some(_) => {
            let message = format!(
                "{noun} contains an integer beyond ±(2^53 - 1), which JavaScript would round; \
                 send it as text"
            );
            Err(Failure::new(ErrorKind::InvalidArgument, message))
        }
    }
}

fn is_integer(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the numbers, `true`, `false` and `null` of a JSON text.
fn scalars(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_alphanumeric())?;
            rest = &rest[start..];
            if let Some(string) = rest.strip_prefix('"') {
                rest = after_string(string);
                continue;
            }

            let is_end = |c: char| !matches!(c, '-' | '+' | '.') && !c.is_ascii_alphanumeric();
            let (token, after) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
            rest = after;
            return Some(token);
        }
    })
}

/// Returns the text after the end of a string.
fn after_string(text: &str) -> &str {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or("", |end| &text[end + 1..])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{encode, scalars};

    #[test]
    fn scalars_are_found_outside_of_strings() {
        let text = r#"{"a\"1\\":[1,-2.5e+3,"2\\\"3",true],"é":{"b":null}, "c" : 7}"#;
        let found: Vec<&str> = scalars(text).collect();
        assert_eq!(found, ["1", "-2.5e+3", "true", "null", "7"]);
    }

    #[test]
    fn an_integer_that_javascript_would_round_is_an_error() {
        let is_exact = |value| encode("the value", &value).is_ok();
        assert!(is_exact(json!([
            9_007_199_254_740_991_i64,
            -9_007_199_254_740_991_i64
        ])));
        assert!(is_exact(
            json!({ "a": "9007199254740993", "b": 1e300, "c": 0.1 })
        ));
        assert!(!is_exact(json!([9_007_199_254_740_992_i64])));
        assert!(!is_exact(json!({ "a": { "b": u64::MAX } })));
        assert!(encode("the value", &i128::MIN).is_err());
    }
}
