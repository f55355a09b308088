//! The check of what a statement stored: later reads must be able to decode it.

use bindery_codegen::schema::Catalog;
use bindery_codegen::sql::types::Ty;
use bindery_codegen::sql::{ResultColumn, ScalarType};
use bindery_sqlite::rusqlite::Connection;

use super::run::value;
use super::{Subject, Tally};
use crate::random_database::{Contents, contradiction, converts_texts};

/// Checks every value of the tables that a statement wrote against its declared type.
pub(super) fn check(
    connection: &Connection,
    catalog: &Catalog,
    subject: &Subject<'_>,
    tally: &mut Tally,
) {
    let accesses = subject.query.accesses.iter();
    let mut tables: Vec<&str> = accesses
        .filter(|access| access.writes)
        .map(|access| access.table.as_str())
        .collect();
    tables.dedup();

    for name in tables {
        if let Some(found) = contradiction_in(connection, catalog, name) {
            let contradiction = format!("{} stores {found}", subject.name);
            tally.contradictions.push(contradiction);
        }
    }
}

fn contradiction_in(connection: &Connection, catalog: &Catalog, name: &str) -> Option<String> {
    let table = catalog.table(name)?;
    let columns: Vec<ResultColumn> = table
        .columns
        .iter()
        // A text that looks like a number is stored as one, of which the migration has a warning.
        .filter(|column| !column.generated && !column.hidden && !converts_texts(column))
        .map(|column| {
            let ty = Ty::of_column(name, column);
            ResultColumn {
                name: column.name.clone(),
                scalar: ScalarType::of(ty.storage, ty.domain),
                nullable: ty.nullable,
                as_type: None,
                nest: None,
                json: None,
                ty,
            }
        })
        .collect();

    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let select = format!("SELECT {} FROM \"{name}\"", names.join(", "));
    let mut statement = connection.prepare_cached(&select).ok()?;
    let mut rows = statement.query([]).ok()?;
    while let Ok(Some(row)) = rows.next() {
        for (index, column) in columns.iter().enumerate() {
            let value = value(row, index);
            if let Some(found) = contradiction(column, &value, Contents::Declared) {
                return Some(format!("{found} in {name}.{}", column.name));
            }
        }
    }
    None
}
