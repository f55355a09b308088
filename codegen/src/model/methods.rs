//! Annotated queries as methods, with the row types that they own or share.

use std::collections::BTreeSet;

use bindery_sqlite::token::tokenize;

use super::query_cache::Analyzed;
use super::shared_row::owns_row;
use super::{Database, Method, Refused, TypeSource, cardinality};
use crate::names::{Name, nested_type};
use crate::report::{Code, Diagnostic, Errors};
use crate::schema::TextEnum;
use crate::source::Sources;
use crate::sql::annotation::{Annotated, Arguments};
use crate::sql::parameters::{Resolved, Role};
use crate::sql::{self, Cardinality, Query};

/// Adds a query to a database: a method, or a placeholder if the query has an error.
pub(super) fn add(
    errors: &mut Errors,
    sources: &Sources,
    database: &mut Database,
    annotated: Annotated,
    analyzed: Option<Analyzed>,
) {
    let query = analyzed.and_then(|analyzed| {
        let query = analyzed.query.filter(|_| analyzed.errors.is_empty());
        errors.extend(analyzed.errors);
        query
    });
    let is_possible = |errors: &mut Errors, query: &Query| {
        cardinality::check(errors, (sources, &database.catalog), query, &annotated)
            && check_scalar(errors, query, &annotated)
            && check_patch(errors, sources, query, &annotated)
    };

    match query.filter(|query| is_possible(errors, query)) {
        Some(query) => add_method(errors, sources, database, annotated, query),
        None => add_refused(sources, database, &annotated),
    }
}

fn add_method(
    errors: &mut Errors,
    sources: &Sources,
    database: &mut Database,
    annotated: Annotated,
    mut query: Query,
) {
    let name = Name::new(&annotated.name.value);
    database.types.apply(&database.catalog, &mut query);
    name_text_enums(&mut query.text_enums, &name.source);
    let params = params(&annotated, &name, query.parameters.len());
    if let Some(params) = &params {
        own_params(errors, database, &annotated, params);
    }
    let mut row = row_name(&annotated, &name);
    let scalar = annotated.scalar.is_some();
    if scalar {
        // There is no row whose module could have the types of its JSON.
        query
            .columns
            .iter_mut()
            .for_each(|column| column.json = None);
    }
    let owns_row = !scalar && owns_row(errors, database, &annotated, &mut row, &query);
    if owns_row {
        own_nests(errors, database, &annotated, &row.ty, &query);
    }

    let file = sources.file(annotated.sql.file);
    database.methods.push(Method {
        name,
        row,
        owns_row,
        scalar,
        params,
        cardinality: annotated.cardinality.value,
        docs: annotated.docs,
        file: file.name.clone(),
        line: file.lines(annotated.sql.start..annotated.sql.start).1,
        written: sources.text(annotated.sql).to_owned(),
        query,
    });
}

/// Checks that a query with optional assignments has some.
fn check_patch(
    errors: &mut Errors,
    sources: &Sources,
    query: &Query,
    annotated: &Annotated,
) -> bool {
    let Some(span) = annotated.patch else {
        return true;
    };
    let is_patch = |parameter: &Resolved| parameter.role == Role::Patch;
    if query.parameters.iter().any(is_patch) {
        return true;
    }
    let text = sources.text(annotated.sql);
    let mut tokens = tokenize(text).into_iter();
    let is_update = tokens.any(|token| token.is(text, "update"));
    let (label, help) = if is_update {
        (
            "no assignment is `column = :value` with a parameter of its own",
            "remove `:patch`, or assign parameters that are used nowhere else",
        )
    } else {
        ("this is not an UPDATE", "remove `:patch`")
    };
    errors.push(
        Diagnostic::new(
            Code::Annotation,
            "`:patch` makes the assignments of an UPDATE optional",
            span,
        )
        .label(label)
        .help(help),
    );
    false
}

fn add_refused(sources: &Sources, database: &mut Database, annotated: &Annotated) {
    let name = Name::new(&annotated.name.value);
    let text = sources.text(annotated.sql);
    let mut outline = sql::outline(
        &database.catalog,
        text,
        annotated.sql,
        annotated.patch.is_some(),
    );
    name_text_enums(&mut outline.text_enums, &name.source);
    database
        .types
        .apply_outline(&database.catalog, &mut outline);

    let parameters = parameter_names(text);
    database.refused.push(Refused {
        row: row_name(annotated, &name),
        params: params(annotated, &name, parameters.len()),
        name,
        cardinality: annotated.cardinality.value,
        scalar: annotated.scalar.is_some(),
        parameters,
        outline,
    });
}

/// More parameters than this are one struct, unless the annotation decides otherwise: arguments of
/// one type in the wrong order would not be noticed.
const MOST_POSITIONAL: usize = 3;

/// The struct of a method's arguments, if it takes one.
pub(super) fn params(annotated: &Annotated, name: &Name, count: usize) -> Option<String> {
    let is_struct = match annotated.arguments {
        _ if annotated.cardinality.value == Cardinality::Bulk => true,
        Some(Arguments::Params) => count > 0,
        Some(Arguments::Positional) => false,
        None => count > MOST_POSITIONAL,
    };
    is_struct.then(|| format!("{}Params", name.ty))
}

/// Reserves the name of the struct of a method's arguments.
fn own_params(errors: &mut Errors, database: &mut Database, annotated: &Annotated, params: &str) {
    let help = "rename the query, or write `:positional` after the row count";
    own_type(errors, database, annotated, (params, "arguments"), help);
}

/// Reserves the names of the nested structs of a row.
fn own_nests(
    errors: &mut Errors,
    database: &mut Database,
    annotated: &Annotated,
    row: &str,
    query: &Query,
) {
    let mut names = BTreeSet::new();
    for column in &query.columns {
        let (row, name) = match &column.nest {
            Some(nest) => (nested_type(row, &nest.name), &nest.field),
            None => (row.to_owned(), &column.name),
        };
        if let Some(json) = column.built_json() {
            let objects = json.objects(&nested_type(&row, name));
            names.extend(objects.into_iter().map(|(ty, _)| ty));
        }
        names.extend(column.nest.is_some().then_some(row));
    }
    for ty in names {
        let help = "rename the query, or name its row type after the row count";
        own_type(errors, database, annotated, (&ty, "nested columns"), help);
    }
}

/// Reserves the name of a type in the module of a database.
fn own_type(
    errors: &mut Errors,
    database: &mut Database,
    annotated: &Annotated,
    (ty, what): (&str, &str),
    help: &str,
) {
    let known = database
        .type_sources
        .insert(ty.to_owned(), TypeSource::Part);

    if known.is_none() {
        return;
    }
    errors.push(
        Diagnostic::new(
            Code::SharedRow,
            format!("the {what} `{ty}` have the name of another type"),
            annotated.name.span,
        )
        .label(format!("its {what} are a struct of this name"))
        .help(help),
    );
}

/// Checks that a query whose annotation asks for a value returns one column.
fn check_scalar(errors: &mut Errors, query: &Query, annotated: &Annotated) -> bool {
    let Some(span) = annotated.scalar else {
        return true;
    };
    let (label, help) = match (query.columns.len(), &annotated.row) {
        (1, None) => return true,
        (1, Some(_)) => ("there is no row type", "remove the row type"),
        _ => (
            "the statement returns several columns",
            "remove `:scalar`, or select one column",
        ),
    };

    errors.push(
        Diagnostic::new(
            Code::Annotation,
            "`:scalar` returns the value of the only column",
            span,
        )
        .label(label)
        .help(help),
    );
    false
}

/// The row type that the annotation names, or the one named after the query.
pub(super) fn row_name(annotated: &Annotated, name: &Name) -> Name {
    match &annotated.row {
        Some(row) => Name {
            ty: row.value.clone(),
            ..name.clone()
        },
        None => name.clone(),
    }
}

/// Names the enums of a query's parameters after the query.
pub(super) fn name_text_enums(text_enums: &mut [TextEnum], query: &str) {
    for text_enum in text_enums {
        let values = std::mem::take(&mut text_enum.values);
        let named = TextEnum::new(query, &text_enum.column, values);
        *text_enum = TextEnum {
            of_parameter: true,
            ..named
        };
    }
}

/// The names of the parameters in a text, even if it has other errors.
fn parameter_names(text: &str) -> Vec<String> {
    use bindery_sqlite::token::{Kind, tokenize};

    let tokens = tokenize(text);
    let parameters = tokens.iter().filter(|token| token.kind == Kind::Parameter);
    let mut distinct: Vec<&str> = Vec::new();
    for parameter in parameters.map(|token| &text[token.span.clone()]) {
        // Each `?` is a separate parameter.
        if parameter == "?" || !distinct.contains(&parameter) {
            distinct.push(parameter);
        }
    }

    let name = |(index, parameter): (usize, &str)| match parameter.strip_prefix('?') {
        Some(_) => format!("parameter_{}", index + 1),
        None => parameter[1..].to_owned(),
    };
    distinct.into_iter().enumerate().map(name).collect()
}
