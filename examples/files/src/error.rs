//! What a client is told when a request cannot be served: a status and one JSON object.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request was not served.
#[derive(Debug)]
pub enum AppError {
    /// The request is not one that this application takes.
    BadRequest(String),
    /// No user is named.
    NoUser,
    /// No such file, or another user's.
    NotFound,
    /// The file has more bytes than `MAX_FILE_SIZE`.
    TooLarge(u64),
    /// A binding failed.
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
            Self::NoUser => (
                StatusCode::UNAUTHORIZED,
                "no_user",
                "name a user in the header `x-user-id`, or in `?user=`".to_owned(),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "there is no such file".to_owned(),
            ),
            Self::TooLarge(most) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("a file has at most {most} bytes"),
            ),
            Self::Binding(error) => return error.into_response(),
        };
        (
            status,
            Json(json!({ "error": { "kind": kind, "message": message } })),
        )
            .into_response()
    }
}
