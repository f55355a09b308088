//! The form of an upload. All of its headers are untrusted.

use axum::extract::multipart::{Field, MultipartError};
use axum::http::StatusCode;

use crate::error::AppError;

/// The maximum number of bytes of a form in addition to its file.
pub const MAX_EXTRA_BYTES: usize = 64 * 1024;

/// The maximum number of bytes in the headers of the field `file`.
const MAX_HEADER_BYTES: usize = 4096;

/// The maximum number of bytes in the media type of a file.
const MAX_TYPE_BYTES: usize = 127;

/// The type of a file without a valid one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The name and the media type of a new file.
#[derive(Debug)]
pub struct NewFile {
    /// The name, without a path.
    pub filename: String,
    /// The media type, without parameters.
    pub content_type: String,
}

impl NewFile {
    /// Reads the headers of the field `file`.
    ///
    /// # Errors
    /// `BadRequest` if the headers are too long or the field has no valid file name.
    pub fn of_field(field: &Field<'_>) -> Result<Self, AppError> {
        let headers = field.headers().iter();
        let bytes: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if bytes > MAX_HEADER_BYTES {
            let message = "the headers of the field `file` are too long";
            return Err(AppError::BadRequest(message));
        }

        let filename = field.file_name().unwrap_or_default();
        if !is_filename(filename) {
            let message = "the field `file` needs a file name of 1 to 255 bytes, without a path \
                           and without control characters";
            return Err(AppError::BadRequest(message));
        }

        Ok(Self {
            filename: filename.to_owned(),
            content_type: media_type(field.content_type().unwrap_or_default()).to_owned(),
        })
    }
}

/// Returns the error for a form that cannot be read.
#[must_use]
pub fn invalid(error: &MultipartError, max_bytes: u64) -> AppError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        AppError::TooLarge(max_bytes)
    } else {
        AppError::BadRequest("the form is not valid or not complete")
    }
}

fn is_filename(name: &str) -> bool {
    let is_allowed = |character: char| !character.is_control() && !"/\\".contains(character);
    let is_folder = matches!(name, "." | "..");
    (1..=255).contains(&name.len()) && !is_folder && name.chars().all(is_allowed)
}

/// Returns a declared media type without its parameters, or the unknown type if it is not valid.
fn media_type(declared: &str) -> &str {
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    let is_valid = media_type
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_type_name(kind) && is_type_name(subtype));

    if is_valid && media_type.len() <= MAX_TYPE_BYTES {
        media_type
    } else {
        UNKNOWN_TYPE
    }
}

/// <https://www.rfc-editor.org/rfc/rfc6838#section-4.2>
fn is_type_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}
