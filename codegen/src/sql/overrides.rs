//! The names and types that a query sets for its result columns: `AS "n!"`, `"n?"` and
//! `"n: Type"`.

use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Span;

use super::analyzer::{Group, Output};
use super::json_type::JsonType;
use super::scalar::ScalarType;
use super::types::Storage;
use super::{Nest, ResultColumn};

/// The nullability that the name of a column sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// `!`: the column is never NULL; reading a NULL is an error.
    NotNull,
    /// `?`: the column can be NULL.
    Nullable,
}

/// A name split into the bare name, the mark and the type.
struct Written<'a> {
    name: &'a str,
    mark: Option<Override>,
    ty: Option<&'a str>,
}

fn split(name: &str) -> Written<'_> {
    let (head, ty) = match name.split_once(':') {
        Some((head, ty)) => (head.trim(), Some(ty.trim())),
        None => (name, None),
    };
    let (name, mark) = if let Some(bare) = head.strip_suffix('!') {
        (bare, Some(Override::NotNull))
    } else if let Some(bare) = head.strip_suffix('?') {
        (bare, Some(Override::Nullable))
    } else {
        (head, None)
    };
    Written { name, mark, ty }
}

/// Returns the name without its override, or `None` for a name without one.
pub(super) fn bare(name: &str) -> Option<&str> {
    let written = split(name);
    (written.mark.is_some() || written.ty.is_some()).then_some(written.name)
}

/// Returns the columns of a row, and reports names that no row can have.
pub(super) fn columns(
    errors: &mut Errors,
    text: &str,
    place: Span,
    outputs: &[Output],
) -> Vec<ResultColumn> {
    let mut columns: Vec<ResultColumn> = Vec::new();
    let mut fields: Vec<(String, Span)> = Vec::new();

    for (index, output) in outputs.iter().enumerate() {
        let at = place.part(&output.span);
        let name = match &output.name {
            Some(name) => name.clone(),
            None => {
                let expression = text.get(output.span.clone()).unwrap_or_default();
                derived(expression, index, outputs, &columns)
            }
        };
        let written = if output.aliased {
            split(&name)
        } else {
            Written {
                name: &name,
                mark: None,
                ty: None,
            }
        };

        // JavaScript moves keys that are numbers to the front of an object, and with them the
        // columns of the row.
        if written.name.bytes().all(|byte| byte.is_ascii_digit()) {
            errors.push(
                Diagnostic::new(
                    Code::ResultName,
                    format!("`{name}` is not a valid name of a result column"),
                    at,
                )
                .label("expected a name with a letter")
                .help("name it with AS"),
            );
        }

        let as_type = written.ty.and_then(|ty| rust_type(errors, ty, at));
        let nest = if output.aliased {
            nest(written.name)
        } else {
            None
        };
        let field = match &nest {
            Some(nest) => format!("{}.{}", Name::new(&nest.name).field, nested_field(nest)),
            None => Name::new(written.name).field,
        };
        if let Some((_, first)) = fields.iter().find(|(other, _)| *other == field) {
            errors.push(
                Diagnostic::new(
                    Code::ResultName,
                    format!("two columns are named `{}`", written.name),
                    at,
                )
                .label("the second one")
                .also(*first, "the first one")
                .help(match &nest {
                    Some(nest) => {
                        format!("rename one: `AS \"{}.other_{}\"`", nest.name, nest.field)
                    }
                    None => format!("rename one: `AS other_{field}`"),
                }),
            );
        }

        columns.push(ResultColumn {
            name: written.name.to_owned(),
            scalar: ScalarType::of(output.ty.storage, output.ty.domain),
            json: JsonType::of_column(&output.ty),
            ty: output.ty.clone(),
            as_type,
            nullable: match written.mark {
                Some(Override::NotNull) => false,
                Some(Override::Nullable) => true,
                None => output.ty.nullable,
            },
            nest,
        });
        fields.push((field, at));
    }
    check_nests(errors, &fields);
    find_keys(outputs, &mut columns);
    columns
}

/// The nested struct in the name of a column: `author.name`.
fn nest(name: &str) -> Option<Nest> {
    let (name, field) = name.split_once('.')?;
    let is_name = |part: &str| part.starts_with(|first: char| first.is_alphabetic());
    (is_name(name) && is_name(field)).then(|| Nest {
        name: name.to_owned(),
        field: field.to_owned(),
        key: None,
    })
}

fn nested_field(nest: &Nest) -> String {
    Name::new(&nest.field).field
}

/// Reports a nested struct with the name of another column.
fn check_nests(errors: &mut Errors, fields: &[(String, Span)]) {
    for (field, at) in fields {
        let Some((nest, _)) = field.split_once('.') else {
            continue;
        };
        let Some((_, other)) = fields.iter().find(|(other, _)| other == nest) else {
            continue;
        };
        errors.push(
            Diagnostic::new(
                Code::ResultName,
                format!("`{nest}` is a column and a nested struct"),
                *at,
            )
            .label("a field of the struct")
            .also(*other, "the column")
            .help(format!("rename the column: `AS other_{nest}`")),
        );
        return;
    }
}

/// Finds the nested structs that are `None` where an outer join finds no row: all of their columns
/// are read from one relation of the join, and one of them is never NULL in a row that exists.
fn find_keys(outputs: &[Output], columns: &mut [ResultColumn]) {
    let names: Vec<String> = columns
        .iter()
        .filter_map(|column| Some(column.nest.as_ref()?.name.clone()))
        .collect();
    for name in names {
        let is_part = |column: &ResultColumn| {
            let nest = column.nest.as_ref();
            nest.is_some_and(|nest| nest.name == name)
        };
        let parts: Vec<usize> = (0..columns.len())
            .filter(|index| is_part(&columns[*index]))
            .collect();
        let groups: Option<Vec<Group>> = parts.iter().map(|index| outputs[*index].group).collect();
        let Some(groups) = groups else { continue };
        if groups
            .iter()
            .any(|group| group.relation != groups[0].relation)
        {
            continue;
        }

        // D1 returns an infinity as NULL, so a REAL does not show whether the row exists.
        let mut pairs = parts.iter().zip(&groups);
        let key = pairs.find(|(index, group)| {
            group.is_present && !columns[**index].ty.storage.meets(Storage::REAL)
        });
        let Some((key, _)) = key.map(|(key, group)| (*key, group)) else {
            continue;
        };
        for (index, group) in parts.iter().zip(&groups) {
            let is_marked = mark(&outputs[*index]).is_some();
            let column = &mut columns[*index];
            if group.is_present && !is_marked {
                column.nullable = false;
            }
            if let Some(nest) = &mut column.nest {
                nest.key = Some(key);
            }
        }
    }
}

/// The mark in the name of a result column.
fn mark(output: &Output) -> Option<Override> {
    split(output.name.as_deref()?).mark
}

/// The type of an override. A type that Rust cannot parse is reported and dropped: in the
/// placeholder for the query, rustc would report it again.
fn rust_type(errors: &mut Errors, ty: &str, at: Span) -> Option<String> {
    if let Err(error) = syn::parse_str::<syn::Type>(ty) {
        errors.push(
            Diagnostic::new(
                Code::Override,
                format!("`{ty}` is not a Rust type: {error}"),
                at,
            )
            .label("in this name")
            .help("write `AS \"name: Type\"`, for instance `AS \"id: u32\"`"),
        );
        return None;
    }
    Some(ty.to_owned())
}

/// A name for an expression without one: the function that it calls, or its position.
fn derived(expression: &str, index: usize, outputs: &[Output], before: &[ResultColumn]) -> String {
    let expression = expression.trim_start();
    let first = leading_word(expression);
    let rest = expression
        .get(first.len()..)
        .unwrap_or_default()
        .trim_start();

    // `CAST(price AS REAL)` is named `price`.
    let name = match rest.strip_prefix('(') {
        Some(inner) if first.eq_ignore_ascii_case("cast") => leading_word(inner),
        Some(_) => first,
        None => "",
    };
    let name = name.to_ascii_lowercase();

    let usable = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let mut names = outputs.iter().filter_map(|output| output.name.as_deref());
    let taken = names.any(|other| other.eq_ignore_ascii_case(&name))
        || before.iter().any(|column| column.name == name);
    if usable && !taken {
        name
    } else {
        format!("column_{}", index + 1)
    }
}

fn leading_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text
        .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .unwrap_or(text.len());
    &text[..end]
}
