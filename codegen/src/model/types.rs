//! Rust types that the project gives to columns: newtypes of ids, dates, JSON.

use std::collections::BTreeSet;

use crate::report::{Code, Diagnostic, Errors, suggestion};
use crate::schema::Catalog;
use crate::source::Spanned;
use crate::sql::Query;

/// The types by column and by declared type.
#[derive(Debug, Default)]
pub struct Types {
    given: Vec<(Spanned<String>, Spanned<String>)>,
}

impl Types {
    /// Names that the schema lacks are reported.
    pub fn new(
        errors: &mut Errors,
        catalog: &Catalog,
        given: Vec<(Spanned<String>, Spanned<String>)>,
    ) -> Self {
        let columns: Vec<String> = catalog
            .tables
            .iter()
            .flat_map(|table| {
                table
                    .columns
                    .iter()
                    .map(move |column| format!("{}.{}", table.name, column.name))
            })
            .collect();
        let declared: BTreeSet<&str> = catalog
            .tables
            .iter()
            .flat_map(|table| &table.columns)
            .map(|column| column.declared.as_str())
            .collect();
        for (name, _) in &given {
            let known: Vec<&str> = match name.value.contains('.') {
                true => columns.iter().map(String::as_str).collect(),
                false => declared
                    .iter()
                    .copied()
                    .filter(|declared| !declared.is_empty())
                    .collect(),
            };
            if known
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name.value))
            {
                continue;
            }
            let what = if name.value.contains('.') {
                "no column"
            } else {
                "no column that is declared"
            };
            errors.push(
                Diagnostic::new(
                    Code::UnknownColumn,
                    format!("the schema has {what} `{}`", name.value),
                    name.span,
                )
                .label("a column as `table.column`, or a declared type")
                .help(suggestion(&name.value, "columns", &known)),
            );
        }
        Self { given }
    }

    /// Gives the query's columns and parameters the types of the columns that they come from.
    pub fn apply(&self, catalog: &Catalog, query: &mut Query) {
        if self.given.is_empty() {
            return;
        }
        for column in query
            .columns
            .iter_mut()
            .filter(|column| column.as_type.is_none())
        {
            column.as_type = column
                .ty
                .origin
                .as_deref()
                .and_then(|origin| self.of(catalog, origin));
        }
        for parameter in &mut query.parameters {
            parameter.as_type = parameter
                .origin
                .as_deref()
                .and_then(|origin| self.of(catalog, origin));
        }
    }

    fn of(&self, catalog: &Catalog, origin: &str) -> Option<String> {
        let named = |wanted: &str| {
            self.given
                .iter()
                .find(|(name, _)| name.value.eq_ignore_ascii_case(wanted))
                .map(|(_, ty)| ty.value.clone())
        };
        named(origin).or_else(|| {
            let (table, column) = origin.split_once('.')?;
            let column = catalog
                .table(table)?
                .columns
                .iter()
                .find(|known| known.name == column)?;
            named(&column.declared)
        })
    }
}
