//! The errors of SQLite.

use bindery_sqlite::migrations;
use bindery_sqlite::rusqlite::{self, ffi};

use crate::d1::kind_of_message;
use crate::error::{Constraint, ErrorKind, Failure};

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let message = migrations::message(&error);
        let kind = match kind_of_message(&message) {
            Some(kind) => kind,
            // For a function SQLite has only its general code.
            None if message.starts_with("not authorized") => ErrorKind::Denied,
            None => error_kind(&error),
        };
        Self::because(kind, message, error)
    }
}

/// SQLite has one code for all errors of the SQL. An unchecked statement has its SQL from the
/// caller. The source of the error is dropped because it can contain the SQL.
pub(super) fn of_the_caller(mut failure: Failure) -> Failure {
    let source = failure.source.as_ref();
    let error = source.and_then(|source| source.downcast_ref::<rusqlite::Error>());
    let is_of_the_sql = match error {
        Some(rusqlite::Error::SqlInputError { .. }) => true,
        Some(error) => {
            let error = error.sqlite_error();
            error.is_some_and(|error| error.extended_code == ffi::SQLITE_ERROR)
        }
        None => false,
    };

    if is_of_the_sql
        && matches!(
            failure.kind,
            ErrorKind::Internal | ErrorKind::InvalidArgument
        )
    {
        failure.kind = ErrorKind::InvalidArgument;
        failure.source = None;
    }
    failure
}

fn error_kind(error: &rusqlite::Error) -> ErrorKind {
    let Some(failure) = error.sqlite_error() else {
        return ErrorKind::Internal;
    };

    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => ErrorKind::Constraint(Constraint::Unique),
        ffi::SQLITE_CONSTRAINT_NOTNULL => ErrorKind::Constraint(Constraint::NotNull),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ErrorKind::Constraint(Constraint::ForeignKey),
        ffi::SQLITE_CONSTRAINT_CHECK => ErrorKind::Constraint(Constraint::Check),
        ffi::SQLITE_CONSTRAINT_DATATYPE => ErrorKind::Constraint(Constraint::DataType),
        code => match code & 0xff {
            ffi::SQLITE_CONSTRAINT => ErrorKind::Constraint(Constraint::Other),
            ffi::SQLITE_TOOBIG => ErrorKind::TooLarge,
            ffi::SQLITE_AUTH => ErrorKind::Denied,
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => ErrorKind::Overloaded,
            _ => ErrorKind::Internal,
        },
    }
}
