//! Statements that are neither queries nor writes: CREATE, PRAGMA, EXPLAIN and similar ones.

use bindery_sqlite::Database;
use bindery_sqlite::token::{Kind, tokenize};

use crate::report::Errors;
use crate::schema::Catalog;
use crate::source::Span;

use super::analyzer::Output;
use super::prepare::report_rejected;
use super::types::{Storage, Ty};
use super::virtual_tables::pragma_columns;

/// Returns the columns of such a statement. Those of a pragma have known types; for all other
/// statements SQLite reports only the names.
pub(super) fn columns(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
) -> Option<Vec<Output>> {
    let scratch = scratch(text);
    let database = scratch.as_ref().unwrap_or(&catalog.database);
    let statement = match database.connection().prepare(text) {
        Ok(statement) => statement,
        Err(error) => {
            report_rejected(errors, database, text, place, &error);
            return None;
        }
    };

    let known = pragma(text).and_then(pragma_columns).unwrap_or_default();
    let mut outputs = Vec::new();
    for (index, name) in statement.column_names().enumerate() {
        let ty = match known.get(index) {
            Some(column) if column.name.eq_ignore_ascii_case(name) => column.ty.clone(),
            _ => Ty::new(Storage::ANY).or_null("SQLite does not report whether it can be NULL"),
        };
        outputs.push(Output {
            name: Some(name.to_owned()),
            ty,
            span: 0..text.len(),
            aliased: false,
            group: None,
        });
    }
    Some(outputs)
}

/// The database in which to prepare a pragma: preparing one can change the connection, which would
/// check the next queries differently. It is empty, because the columns of a pragma are always the
/// same. For other statements it is `None`.
pub(super) fn scratch(text: &str) -> Option<Database> {
    pragma(text).and_then(|_| Database::in_memory().ok())
}

/// The name of the pragma in a PRAGMA statement.
fn pragma(text: &str) -> Option<&str> {
    let tokens = tokenize(text);
    let mut words = tokens.iter().filter(|token| token.kind != Kind::Comment);
    words.next().filter(|first| first.is(text, "pragma"))?;
    let name = words.next()?;

    // The name of the schema can precede it: `PRAGMA main.table_info(files)`.
    let name = match words.next() {
        Some(dot) if &text[dot.span.clone()] == "." => words.next()?,
        _ => name,
    };
    text.get(name.span.clone())
}
