//! Input that is checked before a handler runs.

use std::ops::Deref;

use axum_core::extract::{FromRequest, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use garde::{Report, Validate};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;

use crate::http::Request;

/// An extractor that checks the value of another one with [`garde`](https://docs.rs/garde).
///
/// It works with axum's `Json`, `Form`, `Query` and `Path`, and with any other extractor that
/// dereferences to its value. A value that is not valid is refused with the status 422, and the
/// body lists each problem with the path of its field:
///
/// ```text
/// {"error":{"kind":"invalid_argument","message":"the request is not valid",
///  "fields":[{"path":"title","message":"length is lower than 1"}]}}
/// ```
///
/// # Examples
/// ```ignore
/// #[derive(Deserialize, garde::Validate)]
/// struct NewNote {
///     #[garde(length(chars, min = 1, max = 200))]
///     title: String,
/// }
///
/// async fn add(Valid(Json(note)): Valid<Json<NewNote>>) -> Result<String> {
///     Ok(note.title)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Valid<E>(pub E);

/// Why a [`Valid`] refuses a request.
#[derive(Debug)]
pub enum ValidRejection<R> {
    /// The extractor refuses it.
    Extractor(R),
    /// The value is not valid.
    Invalid(Report),
}

impl<E, S> FromRequest<S> for Valid<E>
where
    E: FromRequest<S> + Deref<Target: Validate<Context: Default>>,
    S: Send + Sync,
{
    type Rejection = ValidRejection<E::Rejection>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let extracted = E::from_request(request, state).await;
        check(extracted.map_err(ValidRejection::Extractor)?)
    }
}

impl<E, S> FromRequestParts<S> for Valid<E>
where
    E: FromRequestParts<S> + Deref<Target: Validate<Context: Default>>,
    S: Send + Sync,
{
    type Rejection = ValidRejection<E::Rejection>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let extracted = E::from_request_parts(parts, state).await;
        check(extracted.map_err(ValidRejection::Extractor)?)
    }
}

fn check<E, R>(extracted: E) -> Result<Valid<E>, ValidRejection<R>>
where
    E: Deref<Target: Validate<Context: Default>>,
{
    match extracted.validate() {
        Ok(()) => Ok(Valid(extracted)),
        Err(report) => Err(ValidRejection::Invalid(report)),
    }
}

impl<R: IntoResponse> IntoResponse for ValidRejection<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Extractor(rejection) => rejection.into_response(),
            Self::Invalid(report) => refusal(&report),
        }
    }
}

/// The body of a refusal, in the form of the other errors.
#[derive(Serialize)]
struct Refusal {
    error: Problem,
}

#[derive(Serialize)]
struct Problem {
    kind: &'static str,
    message: &'static str,
    fields: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    path: String,
    message: String,
}

fn refusal(report: &Report) -> Response {
    let fields = report.iter().map(|(path, error)| Field {
        path: path.to_string(),
        message: error.message().to_owned(),
    });
    let problem = Problem {
        kind: "invalid_argument",
        message: "the request is not valid",
        fields: fields.collect(),
    };

    let body = serde_json::to_string(&Refusal { error: problem }).unwrap_or_default();
    let headers = [(CONTENT_TYPE, "application/json")];
    (StatusCode::UNPROCESSABLE_ENTITY, headers, body).into_response()
}
