//! Statements that are neither queries nor writes: CREATE, PRAGMA, EXPLAIN and similar ones.

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
    let statement = match catalog.database.connection().prepare(text) {
        Ok(statement) => statement,
        Err(error) => {
            report_rejected(errors, &catalog.database, text, place, &error);
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

/// The name of the pragma in a PRAGMA statement.
fn pragma(text: &str) -> Option<&str> {
    let rest = text.trim_start();
    let name = rest
        .get(..6)
        .filter(|word| word.eq_ignore_ascii_case("pragma"))
        .and(rest.get(6..))?
        .trim_start();

    // The name of the schema can precede it: `PRAGMA main.table_info(files)`.
    let name = name.split_once('.').map_or(name, |(_, name)| name);
    name.split(|end: char| !end.is_ascii_alphanumeric() && end != '_')
        .next()
}
