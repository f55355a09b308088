//! Rust types that the project assigns to columns: newtypes of ids, dates and JSON.

use std::collections::BTreeSet;

use crate::report::{Code, Diagnostic, Errors, suggestion};
use crate::schema::Catalog;
use crate::source::Spanned;
use crate::sql::parameters::Resolved;
use crate::sql::{JsonType, Outline, Query, ResultColumn};

/// The Rust types of columns, by column or by declared type.
#[derive(Debug, Default)]
pub struct Types {
    given: Vec<(Spanned<String>, Spanned<String>)>,
}

impl Types {
    /// Stores the types and reports names that the schema does not contain.
    pub fn new(
        errors: &mut Errors,
        catalog: &Catalog,
        given: Vec<(Spanned<String>, Spanned<String>)>,
    ) -> Self {
        let (columns, declared) = known_names(catalog);

        for (name, _) in &given {
            let is_column = name.value.contains('.');
            let known: Vec<&str> = if is_column {
                columns.iter().map(String::as_str).collect()
            } else {
                declared.iter().copied().collect()
            };
            if known
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name.value))
            {
                continue;
            }

            let message = if is_column {
                format!("the schema has no column `{}`", name.value)
            } else {
                format!("the schema has no column declared as `{}`", name.value)
            };
            errors.push(
                Diagnostic::new(Code::UnknownColumn, message, name.span)
                    .label("expected a column as `table.column`, or a declared type")
                    .help(suggestion(&name.value, "columns", &known)),
            );
        }
        Self { given }
    }

    /// Assigns types to the columns and parameters of a query according to their origin.
    pub fn apply(&self, catalog: &Catalog, query: &mut Query) {
        self.apply_to(catalog, &mut query.columns, &mut query.parameters);
    }

    /// Assigns types to the known columns and parameters of a query with an error.
    pub fn apply_outline(&self, catalog: &Catalog, outline: &mut Outline) {
        self.apply_to(catalog, &mut outline.columns, &mut outline.parameters);
    }

    fn apply_to(
        &self,
        catalog: &Catalog,
        columns: &mut [ResultColumn],
        parameters: &mut [Resolved],
    ) {
        if self.given.is_empty() {
            return;
        }

        for column in columns {
            let values = column.json.as_mut().map(JsonType::values_mut);
            self.apply_to(catalog, values.unwrap_or_default(), &mut []);
            if column.as_type.is_none() {
                let origin = column.ty.origin.as_deref();
                column.as_type = origin.and_then(|origin| self.type_of(catalog, origin));
            }
        }
        for parameter in parameters {
            let origin = parameter.origin.as_deref();
            parameter.as_type = origin.and_then(|origin| self.type_of(catalog, origin));
        }
    }

    /// Returns the type of a column, written as `table.column`.
    fn type_of(&self, catalog: &Catalog, origin: &str) -> Option<String> {
        self.named(origin).or_else(|| {
            let (table, column) = origin.split_once('.')?;
            let columns = &catalog.table(table)?.columns;
            let column = columns.iter().find(|known| known.name == column)?;
            self.named(&column.declared)
        })
    }

    /// Returns the type that was assigned to a name.
    fn named(&self, wanted: &str) -> Option<String> {
        self.given
            .iter()
            .find(|(name, _)| name.value.eq_ignore_ascii_case(wanted))
            .map(|(_, ty)| ty.value.clone())
    }
}

/// Returns every column as `table.column`, and every declared type.
fn known_names(catalog: &Catalog) -> (Vec<String>, BTreeSet<&str>) {
    let mut columns = Vec::new();
    let mut declared = BTreeSet::new();
    for table in catalog.tables.iter() {
        for column in &table.columns {
            columns.push(format!("{}.{}", table.name, column.name));
            if !column.declared.is_empty() {
                declared.insert(column.declared.as_str());
            }
        }
    }
    (columns, declared)
}
