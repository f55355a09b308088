//! Row types that several queries share.

use super::{Database, Method, TypeSource, column_type};
use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors};
use crate::sql::annotation::Annotated;
use crate::sql::json_type::same_json;
use crate::sql::{Query, ResultColumn};

/// Whether a query owns its row type, or shares the one of an earlier query. Queries that share a
/// row type must return the same columns.
pub(super) fn owns_row(
    errors: &mut Errors,
    database: &mut Database,
    annotated: &Annotated,
    row: &mut Name,
    query: &Query,
) -> bool {
    let span = annotated
        .row
        .as_ref()
        .map_or(annotated.name.span, |row| row.span);
    let text_enums = query.text_enums.iter();
    database
        .type_sources
        .extend(text_enums.map(|text_enum| (text_enum.ty.clone(), TypeSource::TextEnum)));
    if query.columns.is_empty() {
        return true;
    }

    let owner = match database.type_sources.get(&row.ty) {
        None => {
            database
                .type_sources
                .insert(row.ty.clone(), TypeSource::Rows(database.methods.len()));
            return true;
        }
        Some(TypeSource::TextEnum | TypeSource::Part) => {
            errors.push(
                Diagnostic::new(
                    Code::SharedRow,
                    format!("the row type `{}` has the name of another type", row.ty),
                    span,
                )
                .label("an enum, the arguments of a query, or a nested struct")
                .help("rename the query, or name its row type after the row count"),
            );
            // Both types are emitted, under different names, so that this is the only error.
            row.ty.push_str("Row");
            return true;
        }
        Some(TypeSource::Rows(owner)) => &database.methods[*owner],
    };

    if let Some((label, help)) = row_difference(owner, query) {
        errors.push(
            Diagnostic::new(
                Code::SharedRow,
                format!(
                    "`{}` and `{}` do not return the same columns",
                    owner.name.source, annotated.name.value
                ),
                span,
            )
            .label(label)
            .help(help),
        );
    }
    false
}

/// The first difference between the columns of a query and of the owner of its row type, and how
/// to remove all of them.
fn row_difference(owner: &Method, query: &Query) -> Option<(String, String)> {
    let (theirs, ours) = (&owner.query.columns, &query.columns);
    let count = theirs.len().max(ours.len());
    let is_different = |index: &usize| match (theirs.get(*index), ours.get(*index)) {
        (Some(theirs), Some(ours)) => !same_field(theirs, ours),
        _ => true,
    };
    let different: Vec<usize> = (0..count).filter(is_different).collect();
    let first = *different.first()?;
    let label = format!(
        "column {}: {} here, {} there",
        first + 1,
        describe(ours.get(first)),
        describe(theirs.get(first))
    );

    let pairs = different.iter().map(|index| {
        let ours = ours.get(*index)?;
        same_value(theirs.get(*index)?, ours).then_some(ours)
    });
    let help = match pairs.collect::<Option<Vec<&ResultColumn>>>() {
        Some(columns) => nullability_help(&owner.name.source, &columns),
        None => "select the same columns in the same order, or name another row type".to_owned(),
    };
    Some((label, help))
}

/// How to make columns the same as those of another query, from which they differ only in whether
/// they can be NULL.
fn nullability_help(other: &str, columns: &[&ResultColumn]) -> String {
    let marked = |mark: char, nullable: bool| {
        let columns = columns.iter().filter(|column| column.nullable == nullable);
        let names = columns.map(|column| {
            let name = column.name.replace('"', "\"\"");
            let ty = column.as_type.as_ref().map(|ty| format!(": {ty}"));
            format!("`AS \"{name}{mark}{}\"`", ty.unwrap_or_default())
        });
        names.collect::<Vec<_>>().join(" and ")
    };

    let mut help = Vec::new();
    if columns.iter().any(|column| !column.nullable) {
        help.push(format!(
            "write {}, because `{other}` can return NULL",
            marked('?', false)
        ));
    }
    if columns.iter().any(|column| column.nullable) {
        help.push(format!(
            "write {} if it is never NULL here, and otherwise {} in `{other}`",
            marked('!', true),
            marked('?', true)
        ));
    }
    help.join("; ")
}

fn same_field(left: &ResultColumn, right: &ResultColumn) -> bool {
    same_value(left, right) && left.nullable == right.nullable
}

/// Whether two columns are the same apart from NULL.
fn same_value(left: &ResultColumn, right: &ResultColumn) -> bool {
    left.name == right.name
        && left.scalar == right.scalar
        && left.as_type == right.as_type
        && left.nest == right.nest
        && same_json(left, right, &same_field)
}

/// A column in words.
fn describe(column: Option<&ResultColumn>) -> String {
    let Some(column) = column else {
        return "missing".to_owned();
    };
    let optional = if column.nullable { "optional " } else { "" };
    let ty = match (&column.as_type, &column.json) {
        (Some(ty), _) => format!("`{ty}`"),
        (None, Some(_)) => format!("`{}`", column_type(column, &|_| "enum".to_owned())),
        (None, None) => column.scalar.describe().to_owned(),
    };
    let nest = match column.nest.as_ref().map(|nest| nest.key) {
        Some(Some(_)) => " in an optional struct",
        _ => "",
    };
    format!("`{}` is {optional}{ty}{nest}", column.name)
}
