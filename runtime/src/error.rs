//! The error type of every binding: where a call failed, and why.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;

pub use crate::bindings::kind::Service;
#[doc(hidden)]
pub use crate::failure::Failure;

/// The result of a call to a binding.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a binding or of the worker itself.
///
/// It names the service, the binding and the operation. Match on [`kind`](Self::kind) or call a
/// predicate such as [`is_not_found`](Self::is_not_found): the text is for people and can change.
///
/// The size of an `Error` is that of a pointer.
pub struct Error(Box<Inner>);

struct Inner {
    service: Service,
    binding: String,
    operation: &'static str,
    query: Option<&'static str>,
    failure: Failure,
}

/// The kind of an error.
///
/// There are few kinds, so that [`name`](Self::name) can be the value of OpenTelemetry's
/// `error.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The row, key or object does not exist.
    NotFound,
    /// An argument is not valid for the operation.
    InvalidArgument,
    /// A value exceeds a limit of the platform or of the caller. Nothing was sent.
    TooLarge,
    /// A write violates a constraint of the database.
    Constraint(Constraint),
    /// A value that was read does not have the expected type.
    Decode,
    /// The platform or the manifest does not allow the call.
    Denied,
    /// The client of the worker is not allowed to make the request.
    Forbidden,
    /// The current backend does not support the operation.
    Unsupported,
    /// The service is overloaded. A later retry may succeed.
    Overloaded,
    /// The call took too long.
    Timeout,
    /// The connection was lost. An immediate retry may succeed.
    Unavailable,
    /// A binding, variable or secret is missing, or differs from the manifest.
    Misconfigured,
    /// Any other error.
    Internal,
}

/// A constraint of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Constraint {
    /// UNIQUE or PRIMARY KEY.
    Unique,
    /// NOT NULL.
    NotNull,
    /// FOREIGN KEY.
    ForeignKey,
    /// CHECK.
    Check,
    /// The type of a column in a STRICT table.
    DataType,
    /// Any other constraint, such as `RAISE` in a trigger.
    Other,
}

impl ErrorKind {
    /// Returns the name of the kind: `not_found`, `unique_violation` and so on.
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
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Misconfigured => "misconfigured",
            Self::Internal => "internal",
        }
    }

    /// Returns the kind with a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        const ALL: [ErrorKind; 18] = [
            ErrorKind::NotFound,
            ErrorKind::InvalidArgument,
            ErrorKind::TooLarge,
            ErrorKind::Constraint(Constraint::Unique),
            ErrorKind::Constraint(Constraint::NotNull),
            ErrorKind::Constraint(Constraint::ForeignKey),
            ErrorKind::Constraint(Constraint::Check),
            ErrorKind::Constraint(Constraint::DataType),
            ErrorKind::Constraint(Constraint::Other),
            ErrorKind::Decode,
            ErrorKind::Denied,
            ErrorKind::Forbidden,
            ErrorKind::Unsupported,
            ErrorKind::Overloaded,
            ErrorKind::Timeout,
            ErrorKind::Unavailable,
            ErrorKind::Misconfigured,
            ErrorKind::Internal,
        ];
        ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Forbidden => 403,
            Self::InvalidArgument => 400,
            Self::TooLarge => 413,
            Self::Constraint(_) => 409,
            Self::Overloaded | Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::Unsupported => 501,
            Self::Decode | Self::Denied | Self::Misconfigured | Self::Internal => 500,
        }
    }
}

impl Error {
    /// Returns an error of the application.
    ///
    /// Its response has the status of the kind. If that is not a server error, it has the message
    /// too, so write it for the client.
    ///
    /// # Examples
    /// ```
    /// use bindery::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::NotFound, "there is no such file");
    /// assert_eq!(error.status(), 404);
    /// ```
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::worker("application", kind, message.into())
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn located(
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

    /// An error of the worker itself.
    pub(crate) fn worker(
        operation: &'static str,
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::of_worker(operation, Failure::new(kind, message))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn of_worker(operation: &'static str, failure: Failure) -> Self {
        Self::located(Service::Worker, "", operation, None, failure)
    }

    /// Removes the location.
    pub(crate) fn into_failure(self) -> Failure {
        self.0.failure
    }

    /// Wraps an application error as [`ErrorKind::Internal`].
    ///
    /// A handler that returns [`Result`] can then use `?` on errors of any type.
    ///
    /// # Examples
    /// ```
    /// let number: Result<i64, bindery::Error> = "4".parse().map_err(bindery::Error::other);
    /// assert!(number.is_ok());
    /// ```
    #[must_use]
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = error.into();
        Self::located(
            Service::Worker,
            "",
            "application",
            None,
            Failure::because(ErrorKind::Internal, source.to_string(), source),
        )
    }

    /// Returns the service that was called.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// Returns the name of the binding in the manifest; it is empty for the worker itself.
    #[must_use]
    pub fn binding(&self) -> &str {
        &self.0.binding
    }

    /// Returns the operation: `get`, `query` and so on.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Returns the name of the D1 query that failed.
    ///
    /// It is `None` for a batch if several of its queries can have failed: D1 does not report which
    /// one it was. Then [`message`](Self::message) has their names.
    #[must_use]
    pub fn query(&self) -> Option<&'static str> {
        self.0.query.or(self.0.failure.query)
    }

    /// Returns the position of the query that failed in its batch, from 0, if it is known.
    ///
    /// A `Vec` or tuple in the batch counts as its queries.
    #[must_use]
    pub fn batch_index(&self) -> Option<usize> {
        self.0.failure.index
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.failure.kind
    }

    /// Returns the text of the error, without the service, binding and operation.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// Returns the HTTP status for the kind: 400, 403, 404, 409, 413, 500, 501, 503 or 504.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let status = StatusCode::from_u16(self.kind().status());
        status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether the row, key or object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether a write violates a constraint of the database.
    #[must_use]
    pub fn is_constraint_violation(&self) -> bool {
        matches!(self.kind(), ErrorKind::Constraint(_))
    }

    /// Whether the call has changed stored data although it returned an error.
    ///
    /// This is the case if a statement of D1 succeeds and one of its rows then cannot be decoded,
    /// or if a query of a committed batch finds no row. Repeating the call repeats its changes.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        self.0.failure.is_committed
    }

    /// Whether a retry of the call may succeed.
    ///
    /// A retry is not always safe: the service may have applied a write before it failed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let is_transient = matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::Overloaded);
        is_transient && !self.is_committed()
    }

    /// Marks the error of a step of a [Workflow](mod@crate::workflow) that fails for good: it is
    /// not repeated.
    ///
    /// # Examples
    /// ```
    /// use bindery::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::InvalidArgument, "the card is not valid").non_retryable();
    /// ```
    #[must_use]
    pub fn non_retryable(mut self) -> Self {
        self.0.failure.is_final = true;
        self
    }

    pub(crate) fn is_final(&self) -> bool {
        self.0.failure.is_final
    }

    /// Whether the call has the same effect if it is applied twice, so that a retry is safe even if
    /// the service has applied it: reads, and writes of KV and R2 that replace a value.
    ///
    /// It is false for writes of D1, for batches, for messages and emails, and for requests to
    /// other servers unless their method is idempotent. It is false for an error of the application
    /// too, which does not show what was called.
    #[must_use]
    pub fn is_safe_to_repeat(&self) -> bool {
        match self.0.service {
            Service::Kv | Service::EdgeCache => true,
            Service::R2 => !self.0.operation.contains("multipart"),
            Service::Ai | Service::SecretsStore | Service::Vectorize => true,
            _ => self.0.failure.is_read,
        }
    }

    /// Notes that the call only reads.
    #[cold]
    #[inline(never)]
    pub(crate) fn of_read(mut self, is_read: bool) -> Self {
        self.0.failure.is_read = is_read;
        self
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
            .field("query", &self.query())
            .field("batch_index", &self.batch_index())
            .field("kind", &self.0.failure.kind)
            .field("message", &self.0.failure.message)
            .field("is_committed", &self.0.failure.is_committed)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.failure.source.as_deref();
        source.map(|source| source as &(dyn StdError + 'static))
    }
}

/// The text of a server error, for the log. The body of the response does not contain it.
#[derive(Debug, Clone)]
pub(crate) struct ServerErrorText(pub(crate) String);

/// The status of the error, with the body `{"error": {"kind": "...", "message": "..."}}`.
///
/// The message of an error of the application is for the client, unless it is a server error. Any
/// other error has a general message, because the original can contain internal details such as the
/// names of tables and columns. The server logs it if it is a server error.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let headers = [(http::header::CONTENT_TYPE, "application/json")];
        let response = (self.status(), headers, self.to_json());
        let mut response = response.into_response();
        if self.status().is_server_error() {
            let text = self.to_string();
            response.extensions_mut().insert(ServerErrorText(text));
        }
        response
    }
}

impl Error {
    /// Whether the application wrote the message, for the client.
    pub(crate) fn is_own(&self) -> bool {
        self.operation() == "application" || self.0.failure.is_own
    }

    /// The body of the response.
    pub(crate) fn to_json(&self) -> String {
        let message = match self.kind() {
            kind if self.is_own() && kind.status() < 500 => self.message(),
            ErrorKind::NotFound => "not found",
            ErrorKind::InvalidArgument => "the request is not valid",
            ErrorKind::TooLarge => "the request is too large",
            ErrorKind::Constraint(_) => "the change conflicts with stored data",
            _ => "the request could not be served",
        };

        // A text is always valid JSON. A tree of values would make each worker larger.
        let message = serde_json::to_string(message).unwrap_or_default();
        let kind = self.kind().name();
        format!("{{\"error\":{{\"kind\":\"{kind}\",\"message\":{message}}}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_size_of_a_pointer_and_displays_its_location() {
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());

        let failure = Failure::new(ErrorKind::NotFound, "no row");
        let error = Error::located(Service::D1, "DB", "query", Some("file_by_id"), failure);
        assert_eq!(error.to_string(), "d1 DB file_by_id: no row");
        assert!(error.is_not_found() && !error.is_retryable());
    }
}
