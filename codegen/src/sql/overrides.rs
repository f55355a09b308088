//! The names and types that a query sets for its result columns: `AS "n!"`, `"n?"` and
//! `"n: Type"`.

use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Span;

use super::ResultColumn;
use super::analyzer::Output;
use super::scalar::ScalarType;

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
        let field = Name::new(written.name).field;
        if let Some((_, first)) = fields.iter().find(|(other, _)| *other == field) {
            errors.push(
                Diagnostic::new(
                    Code::ResultName,
                    format!("two columns are named `{}`", written.name),
                    at,
                )
                .label("the second one")
                .also(*first, "the first one")
                .help(format!("rename one: `AS other_{field}`")),
            );
        }

        columns.push(ResultColumn {
            name: written.name.to_owned(),
            scalar: ScalarType::of(output.ty.storage, output.ty.domain),
            ty: output.ty.clone(),
            as_type,
            nullable: match written.mark {
                Some(Override::NotNull) => false,
                Some(Override::Nullable) => true,
                None => output.ty.nullable,
            },
        });
        fields.push((field, at));
    }
    columns
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
