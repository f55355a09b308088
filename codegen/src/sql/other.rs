//! Statements that are neither queries nor writes: CREATE, PRAGMA, EXPLAIN and their kin.

use crate::report::Errors;
use crate::schema::Catalog;
use crate::source::Span;

use super::analyzer::Output;
use super::refuse_prepared;
use super::types::{Storage, Ty};
use super::virtual_tables::pragma_columns;

/// The columns of such a statement: a pragma's are known, of others SQLite has the names alone.
pub(super) fn columns(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
) -> Option<Vec<Output>> {
    let statement = match catalog.database.connection().prepare(text) {
        Ok(statement) => statement,
        Err(error) => {
            refuse_prepared(errors, &catalog.database, text, place, &error);
            return None;
        }
    };
    let known = pragma(text).and_then(pragma_columns).unwrap_or_default();
    let outputs = statement.column_names().enumerate().map(|(index, name)| {
        let of_pragma = known
            .get(index)
            .filter(|column| column.name.eq_ignore_ascii_case(name))
            .map(|column| column.ty.clone());
        let ty = of_pragma.unwrap_or_else(|| Ty::new(Storage::ANY).or_null("SQLite does not say"));
        Output {
            name: Some(name.to_owned()),
            ty,
            span: 0..text.len(),
            aliased: false,
        }
    });
    Some(outputs.collect())
}

/// The name of the pragma that a statement is.
fn pragma(text: &str) -> Option<&str> {
    let rest = text.trim_start();
    let name = rest
        .get(..6)
        .filter(|word| word.eq_ignore_ascii_case("pragma"))
        .and(rest.get(6..))?
        .trim_start();
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    name.split(|end: char| !end.is_ascii_alphanumeric() && end != '_')
        .next()
}
