//! JSON that becomes JavaScript values, whose numbers are doubles.
//!
//! Both backends check it before they send it, so that the native backend does not keep an integer
//! that Workers would round.

use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};
use crate::limits::MAX_SAFE_INTEGER;

/// Parses JSON.
///
/// With [`serde_json::from_str`] beside it, the Wasm would have two parsers: that of texts and that
/// of bytes, which axum uses.
pub(crate) fn parse<'j, T: Deserialize<'j>>(json: &'j str) -> serde_json::Result<T> {
    serde_json::from_slice(json.as_bytes())
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

/// Describes why JSON does not match a type, without the values in it: they can be private.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let place = if line > 0 {
        format!(" at line {line} column {column}")
    } else {
        String::new()
    };
    if !error.is_data() {
        return format!("the JSON is malformed{place}");
    }

    let text = error.to_string();
    // `invalid type: string "a value", expected u64`
    let kind = text.split([':', '`']).next().unwrap_or_default().trim_end();
    match text.rfind(", expected ") {
        _ if text.starts_with("missing field") => text,
        Some(index) => {
            let expected = text[index..].split(" at line ").next().unwrap_or_default();
            format!("{kind}{expected}{place}")
        }
        None => format!("the JSON does not match its type{place}"),
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

    use super::{describe, encode, scalars};

    #[test]
    fn a_description_does_not_contain_values() {
        let error = serde_json::from_str::<Vec<u64>>(r#"[1, "a, expected secret"]"#).err();
        let description = error.map(|error| describe(&error));
        let expected = "invalid type, expected u64 at line 1 column 24";
        assert_eq!(description.as_deref(), Some(expected));

        let error = serde_json::from_str::<bool>("secret").err();
        let description = error.map(|error| describe(&error));
        assert_eq!(
            description.as_deref(),
            Some("the JSON is malformed at line 1 column 1")
        );
    }

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
