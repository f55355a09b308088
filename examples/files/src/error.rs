//! The error of the application: a status and a JSON object.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error that a client receives.
#[derive(Debug)]
pub enum AppError {
    /// The request is not valid.
    BadRequest(&'static str),
    /// The request does not name a valid user.
    NoUser,
    /// Another site may have caused the request.
    Forbidden(&'static str),
    /// The file does not exist, or belongs to another user.
    NotFound,
    /// The file is larger than `MAX_FILE_SIZE` bytes.
    TooLarge(u64),
    /// A call to a binding failed.
    Binding(bindery::Error),
}

impl From<bindery::Error> for AppError {
    fn from(error: bindery::Error) -> Self {
        Self::Binding(error)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let (status, kind, message) = match self {
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "bad_request", message),
            Self::NoUser => {
                let message = "name a user in the header `x-user-id` or in `?user=`";
                (StatusCode::UNAUTHORIZED, "no_user", message)
            }
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "forbidden", message),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "the file does not exist",
            ),
            Self::TooLarge(max_bytes) => {
                let message = format!("a file has at most {max_bytes} bytes");
                return respond(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message);
            }
            Self::Binding(error) => return failure(&error),
        };
        respond(status, kind, message)
    }
}

/// The response after a failed call. It is always a server error: the requests are checked before
/// the calls, and the text of the error is for the log and not for the client.
fn failure(error: &bindery::Error) -> Response {
    let (status, kind) = if error.is_retryable() {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "internal")
    };
    respond(status, kind, "the request could not be served")
}

fn respond(status: StatusCode, kind: &str, message: &str) -> Response {
    let body = json!({ "error": { "kind": kind, "message": message } });
    (status, Json(body)).into_response()
}
