//! The form of calls between a client and an object: JSON.
//!
//! A reply is `{"ok":<value>}` or `{"error":{..}}`. Both sides are Rust, so integers of any size
//! keep their value.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Failure, Result};
use crate::json;

/// The start of a reply with a value.
const OK: &str = "{\"ok\":";
/// The start of a reply with an error.
const ERROR: &str = "{\"error\":";

/// The error of a method.
#[derive(Deserialize)]
struct WireError {
    kind: String,
    message: String,
    // The response to a panic does not have these.
    #[serde(default)]
    is_own: bool,
    #[serde(default)]
    is_committed: bool,
}

/// Encodes the arguments of a call.
pub(super) fn encode<A: Serialize>(arguments: &A) -> Result<String, Failure> {
    serde_json::to_string(arguments).map_err(|error| {
        let message = "the arguments cannot be serialized as JSON";
        Failure::because(ErrorKind::InvalidArgument, message, error)
    })
}

/// Decodes the arguments of a call.
///
/// # Errors
/// `InvalidArgument` if they have other types.
#[doc(hidden)]
pub fn arguments<A: DeserializeOwned>(json: &str) -> Result<A> {
    json::parse(json).map_err(|error| {
        let message = format!("the arguments do not match the method: {error}");
        Error::worker("call", ErrorKind::InvalidArgument, message)
    })
}

/// Encodes the result of a method.
///
/// # Errors
/// The error of the method, or `Internal` if the result cannot be serialized.
#[doc(hidden)]
pub fn reply<T: Serialize, E: Into<Error>>(outcome: Result<T, E>) -> Result<String> {
    let value = outcome.map_err(Into::into)?;
    let json = serde_json::to_string(&value).map_err(|error| {
        let message = "the result cannot be serialized as JSON";
        let failure = Failure::because(ErrorKind::Internal, message, error);
        Error::of_worker("call", failure)
    })?;
    Ok(format!("{OK}{json}}}"))
}

/// The error of a call of a method that the class does not have.
///
/// # Errors
/// Always.
#[doc(hidden)]
pub fn unknown_method(method: &str) -> Result<String> {
    let message = format!("the class of the object has no method `{method}`");
    Err(Error::worker("call", ErrorKind::Unsupported, message))
}

/// Encodes the error of a method.
pub(crate) fn error_reply(error: &Error) -> String {
    // A text is always valid JSON. A derived implementation would make each worker larger.
    let message = serde_json::to_string(error.message()).unwrap_or_default();
    let (kind, is_own, is_committed) = (error.kind().name(), error.is_own(), error.is_committed());
    format!(
        "{ERROR}{{\"kind\":\"{kind}\",\"message\":{message},\"is_own\":{is_own},\
         \"is_committed\":{is_committed}}}}}"
    )
}

/// Returns the failure of a reply, if it has no value.
pub(crate) fn failure_of(reply: &str) -> Option<Failure> {
    if reply.starts_with(OK) {
        return None;
    }
    let error = reply.strip_prefix(ERROR);
    let error = error.and_then(|error| error.strip_suffix('}'));
    let Some(error) = error.and_then(|error| json::parse::<WireError>(error).ok()) else {
        let message = "the object did not reply to the call; its class is not one of bindery";
        return Some(Failure::new(ErrorKind::Unsupported, message));
    };

    let kind = ErrorKind::from_name(&error.kind).unwrap_or(ErrorKind::Internal);
    let mut failure = Failure::new(kind, error.message);
    failure.is_own = error.is_own;
    failure.is_committed = error.is_committed;
    Some(failure)
}

/// Decodes the value of a reply.
pub(crate) fn read_reply<R: DeserializeOwned>(reply: &str) -> Result<R, Failure> {
    let value = reply.strip_prefix(OK);
    let value = value.and_then(|value| value.strip_suffix('}'));
    json::parse(value.unwrap_or_default()).map_err(|error| {
        let message = format!("the result of the object does not have the expected type: {error}");
        Failure::new(ErrorKind::Decode, message).after_commit()
    })
}
