//! One error for every binding: which service, binding and operation, what kind, and what to do.

use std::error::Error as StdError;
use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

pub use crate::bindings::kind::Service;

/// The result of a call to a binding.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// As large as a pointer. What went wrong is asked by [`kind`](Self::kind) or a predicate; the
/// text is for people.
pub struct Error(Box<Inner>);

struct Inner {
    service: Service,
    binding: String,
    operation: &'static str,
    query: Option<&'static str>,
    failure: Failure,
}

/// What failed, before it is known where.
#[doc(hidden)]
#[derive(Debug)]
pub struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn because(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }
    }
}

/// What kind of failure it is. Of low cardinality: OpenTelemetry's `error.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The row, key or object is not there.
    NotFound,
    /// The caller gave what the operation does not take.
    InvalidArgument,
    /// A limit of the platform, or one that the caller set, was passed. Nothing was sent.
    TooLarge,
    /// A constraint of the database refused a write.
    Constraint(Constraint),
    /// What came back does not have the type it was promised to have.
    Decode,
    /// The platform does not allow it.
    Denied,
    /// The backend that runs here does not have it.
    Unsupported,
    /// Too much at once; later it may work.
    Overloaded,
    /// It took too long.
    Timeout,
    /// A connection was lost on the way; at once it may work.
    Unavailable,
    /// A binding, variable or secret is missing or of another kind than the manifest says.
    Misconfigured,
    /// Anything else.
    Internal,
}

/// Which constraint of a database was violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Constraint {
    /// UNIQUE or PRIMARY KEY
    Unique,
    /// NOT NULL
    NotNull,
    /// FOREIGN KEY
    ForeignKey,
    /// CHECK
    Check,
    /// The column's type in a STRICT table.
    DataType,
    /// A trigger raised it, or another.
    Other,
}

impl ErrorKind {
    /// The value of `error.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InvalidArgument => "invalid_argument",
            Self::TooLarge => "too_large",
            Self::Constraint(Constraint::Unique) => "unique_violation",
            Self::Constraint(Constraint::NotNull) => "not_null_violation",
            Self::Constraint(Constraint::ForeignKey) => "foreign_key_violation",
            Self::Constraint(Constraint::Check) => "check_violation",
            Self::Constraint(Constraint::DataType) => "data_type_violation",
            Self::Constraint(Constraint::Other) => "constraint_violation",
            Self::Decode => "decode",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::Internal => "internal",
        }
    }
}

impl Error {
    pub(crate) fn new(
        service: Service,
        binding: &str,
        operation: &'static str,
        query: Option<&'static str>,
        failure: Failure,
    ) -> Self {
        Self(Box::new(Inner {
            service,
            binding: binding.to_owned(),
            operation,
            query,
            failure,
        }))
    }

    /// Of the worker itself rather than of a binding.
    pub(crate) fn worker(
        operation: &'static str,
        kind: ErrorKind,
        message: impl Into<String>,
    ) -> Self {
        Self::new(
            Service::Worker,
            "",
            operation,
            None,
            Failure::new(kind, message),
        )
    }

    /// An error of the application's own, of the kind `Internal`: what `?` can carry beside ours.
    ///
    /// # Examples
    /// ```
    /// let number: Result<i64, bindery::Error> = "4".parse().map_err(bindery::Error::other);
    /// assert!(number.is_ok());
    /// ```
    #[must_use]
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = error.into();
        Self::new(
            Service::Worker,
            "",
            "application",
            None,
            Failure::because(ErrorKind::Internal, source.to_string(), source),
        )
    }

    /// The service that was called.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// The binding, as the manifest names it; empty for the worker itself.
    #[must_use]
    pub fn binding(&self) -> &str {
        &self.0.binding
    }

    /// The operation: `get`, `query`, and so on.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The name of the query, for D1.
    #[must_use]
    pub fn query(&self) -> Option<&'static str> {
        self.0.query
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.failure.kind
    }

    /// What went wrong, without where.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// The HTTP status that says the same to a client: 404, 409, 413, 400, 503, 504 or 500.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Constraint(_) => StatusCode::CONFLICT,
            ErrorKind::Overloaded | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Decode
            | ErrorKind::Denied
            | ErrorKind::Misconfigured
            | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether a constraint of the database refused a write.
    #[must_use]
    pub fn is_constraint_violation(&self) -> bool {
        matches!(self.kind(), ErrorKind::Constraint(_))
    }

    /// Whether the same call may work now or a little later. Says nothing of whether it is safe to
    /// repeat: a write may have been done.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::Overloaded)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            service,
            binding,
            operation,
            query,
            failure,
        } = &*self.0;
        write!(formatter, "{}", service.name())?;
        if !binding.is_empty() {
            write!(formatter, " {binding}")?;
        }
        write!(formatter, " {}", query.unwrap_or(operation))?;
        write!(formatter, ": {}", failure.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("service", &self.0.service)
            .field("binding", &self.0.binding)
            .field("operation", &self.0.operation)
            .field("query", &self.0.query)
            .field("kind", &self.0.failure.kind)
            .field("message", &self.0.failure.message)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .failure
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// `{"error": {"kind": "...", "message": "..."}}` with the fitting status. What is the server's own
/// affair keeps its details to itself.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        // The names of tables and columns are nobody else's affair.
        let message = match self.kind() {
            ErrorKind::Constraint(_) => "the change conflicts with what is stored",
            _ if status.is_server_error() => "the request could not be served",
            _ => self.message(),
        };
        let body =
            serde_json::json!({ "error": { "kind": self.kind().name(), "message": message } });
        (
            status,
            [(http::header::CONTENT_TYPE, "application/json")],
            body.to_string(),
        )
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_and_says_where() {
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
        let failure = Failure::new(ErrorKind::NotFound, "no row");
        let error = Error::new(Service::D1, "DB", "query", Some("file_by_id"), failure);
        assert_eq!(error.to_string(), "d1 DB file_by_id: no row");
        assert!(error.is_not_found() && !error.is_retryable());
    }
}
