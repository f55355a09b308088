//! Databases whose migrations differ between environments: a query must mean the same in each.

use super::Database;
use crate::manifest::D1;
use crate::report::{Code, Diagnostic, Errors};
use crate::schema::Catalog;
use crate::source::Span;
use crate::sql::json_type::same_json;
use crate::sql::parameters::Resolved;
use crate::sql::{self, Query, ResultColumn, ScalarType};

/// The schema of an environment.
type Variant<'a> = (&'a D1, &'a Catalog);

/// A query as it is written.
struct Written<'a> {
    title: &'a str,
    text: &'a str,
    span: Span,
}

/// Compares the methods of a database over the schema of an environment.
pub(super) fn check_agreement(
    errors: &mut Errors,
    variant: Variant<'_>,
    database: &Database,
    spans: &[(String, Span)],
) {
    for method in &database.methods {
        let Some((name, span)) = spans.iter().find(|(name, _)| *name == method.name.source) else {
            continue;
        };
        let title = format!("`{name}`");
        let written = Written {
            title: &title,
            text: &method.written,
            span: *span,
        };
        let mut own = Errors::default();
        compare(&mut own, variant, database, &written, &method.query);

        for diagnostic in own.into_errors() {
            errors.push(if diagnostic.code == Code::Environment {
                diagnostic.also(variant.0.migrations_dir.span, "in this environment")
            } else {
                diagnostic
            });
        }
    }
}

impl Database {
    /// Compares an inline query over the schemas of other environments.
    pub fn check_agreement(&self, errors: &mut Errors, text: &str, span: Span, query: &Query) {
        for (d1, catalog) in &self.variants {
            let written = Written {
                title: "the query",
                text,
                span,
            };
            compare(errors, (d1, catalog), self, &written, query);
        }
    }
}

fn compare(
    errors: &mut Errors,
    (d1, catalog): Variant<'_>,
    database: &Database,
    written: &Written<'_>,
    query: &Query,
) {
    let schema = format!("with the migrations in `{}`", d1.folder());
    let mut own = Errors::default();
    let other = sql::analyze(&mut own, catalog, written.text, written.span);
    if !own.is_empty() {
        for mut diagnostic in own.into_errors() {
            diagnostic.message = format!("{schema}: {}", diagnostic.message);
            errors.push(diagnostic);
        }
        return;
    }

    let Some(mut other) = other else {
        return;
    };
    database.types.apply(catalog, &mut other);
    if let Some(difference) = difference((&database.catalog, query), (catalog, &other)) {
        errors.push(
            Diagnostic::new(
                Code::Environment,
                format!("{} has different types {schema}", written.title),
                written.span,
            )
            .label(format!("its {difference} differs"))
            .help("apply the same migrations in both environments"),
        );
    }
}

/// The part of a query that differs between two schemas, in words.
fn difference(left: (&Catalog, &Query), right: (&Catalog, &Query)) -> Option<String> {
    if left.1.columns.len() != right.1.columns.len() {
        return Some("number of columns".to_owned());
    }

    let mut columns = left.1.columns.iter().zip(&right.1.columns);
    let column = columns.find(|(ours, theirs)| !same_column((left.0, ours), (right.0, theirs)));
    if let Some((column, _)) = column {
        return Some(format!("column `{}`", column.name));
    }

    let mut parameters = left.1.parameters.iter().zip(&right.1.parameters);
    let parameter =
        parameters.find(|(ours, theirs)| !same_parameter((left.0, ours), (right.0, theirs)));
    parameter.map(|(parameter, _)| format!("parameter `{}`", parameter.name))
}

fn same_column(left: (&Catalog, &ResultColumn), right: (&Catalog, &ResultColumn)) -> bool {
    let (ours, theirs) = (left.1, right.1);
    ours.name == theirs.name
        && same_scalar((left.0, ours.scalar), (right.0, theirs.scalar))
        && ours.as_type == theirs.as_type
        && ours.nullable == theirs.nullable
        && same_json(ours, theirs, &|ours, theirs| {
            same_column((left.0, ours), (right.0, theirs))
        })
}

fn same_parameter(left: (&Catalog, &Resolved), right: (&Catalog, &Resolved)) -> bool {
    let (ours, theirs) = (left.1, right.1);
    ours.name == theirs.name
        && same_scalar((left.0, ours.scalar), (right.0, theirs.scalar))
        && ours.as_type == theirs.as_type
        && ours.nullable == theirs.nullable
        && ours.list == theirs.list
}

/// Enums are compared by their texts: their numbers depend on the schema.
fn same_scalar(left: (&Catalog, ScalarType), right: (&Catalog, ScalarType)) -> bool {
    match (left.1, right.1) {
        (ScalarType::Enum(ours), ScalarType::Enum(theirs)) => {
            texts(left.0, ours) == texts(right.0, theirs)
        }
        (ours, theirs) => ours == theirs,
    }
}

fn texts(catalog: &Catalog, number: u32) -> Option<&[String]> {
    let text_enum = catalog.text_enums.get(number as usize);
    text_enum.map(|text_enum| text_enum.values.as_slice())
}
