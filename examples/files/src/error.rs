//! The error of the application: a status and a JSON object.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error that a client receives.
#[derive(Debug)]
pub enum AppError {
    /// The request is not valid.
    BadRequest(String),
    /// The request does not name a valid user.
    NoUser,
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
                (StatusCode::UNAUTHORIZED, "no_user", message.to_owned())
            }
            Self::NotFound => {
                let message = "the file does not exist";
                (StatusCode::NOT_FOUND, "not_found", message.to_owned())
            }
            Self::TooLarge(max_bytes) => {
                let message = format!("the file is larger than {max_bytes} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
            }
            Self::Binding(error) => return error.into_response(),
        };

        let body = json!({ "error": { "kind": kind, "message": message } });
        (status, Json(body)).into_response()
    }
}
