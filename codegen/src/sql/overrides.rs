//! Result columns under the names and types that the query gives them: `AS "n!"`, `"n?"`, `"n: Type"`.

use crate::names::Name;
use crate::report::{Code, Diagnostic, Errors};
use crate::source::Span;

use super::ResultColumn;
use super::analyzer::Output;
use super::scalar::ScalarType;

/// What the name of a column says besides the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Override {
    /// `!`: the author knows that it is never NULL; if it is, reading it is an error.
    NotNull,
    /// `?`: it may be NULL.
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

/// The name without its override, if it has one.
pub(super) fn bare(name: &str) -> Option<&str> {
    let written = split(name);
    (written.mark.is_some() || written.ty.is_some()).then_some(written.name)
}

/// The columns that a row will have; names that no row can have are reported.
pub(super) fn columns(
    errors: &mut Errors,
    text: &str,
    place: Span,
    outputs: &[Output],
) -> Vec<ResultColumn> {
    let mut columns: Vec<(ResultColumn, Span)> = Vec::new();
    let mut fields: Vec<String> = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        let at = place.part(&output.span);
        let named = match &output.name {
            Some(name) => name.clone(),
            None => derived(
                text.get(output.span.clone()).unwrap_or_default(),
                index,
                outputs,
                &columns,
            ),
        };
        let name = &named;
        let written = if output.aliased {
            split(name)
        } else {
            Written {
                name,
                mark: None,
                ty: None,
            }
        };
        if written.name.is_empty() || written.name.bytes().all(|byte| byte.is_ascii_digit()) {
            // An object whose keys are numbers has them in another order, and so would the row.
            errors.push(
                Diagnostic::new(
                    Code::ResultName,
                    format!("`{name}` cannot name a column of a row"),
                    at,
                )
                .label("a letter belongs in it")
                .help("name it with AS"),
            );
        }
        let mut as_type = written.ty;
        if let Some(ty) = written.ty
            && let Err(error) = syn::parse_str::<syn::Type>(ty)
        {
            errors.push(
                Diagnostic::new(
                    Code::Override,
                    format!("`{ty}` is not a Rust type: {error}"),
                    at,
                )
                .label("in this name")
                .help("write `AS \"name: Type\"`, for instance `AS \"id: u32\"`"),
            );
            // What stands for the query has it no more: rustc would tell of it again.
            as_type = None;
        }
        let field = Name::new(written.name).field;
        if let Some((_, first)) = fields
            .iter()
            .position(|other| *other == field)
            .and_then(|index| columns.get(index))
        {
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
        let nullable = match written.mark {
            Some(Override::NotNull) => false,
            Some(Override::Nullable) => true,
            None => output.ty.nullable,
        };
        let column = ResultColumn {
            name: written.name.to_owned(),
            scalar: ScalarType::of(output.ty.storage, output.ty.domain),
            ty: output.ty.clone(),
            as_type: as_type.map(str::to_owned),
            nullable,
        };
        columns.push((column, at));
        fields.push(field);
    }
    columns.into_iter().map(|(column, _)| column).collect()
}

/// A name for an expression without one: the function that it calls, or its place.
fn derived(
    expression: &str,
    index: usize,
    outputs: &[Output],
    before: &[(ResultColumn, Span)],
) -> String {
    let word = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|character| character.is_ascii_alphanumeric() || *character == '_')
            .collect()
    };
    let first = word(expression);
    let rest = expression
        .trim_start()
        .get(first.len()..)
        .unwrap_or_default()
        .trim_start();
    // `CAST(price AS REAL)` is the price.
    let name = match rest.strip_prefix('(') {
        Some(inner) if first.eq_ignore_ascii_case("cast") => word(inner),
        Some(_) => first,
        None => String::new(),
    };
    let name = name.to_ascii_lowercase();
    let usable = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let taken = outputs
        .iter()
        .filter_map(|output| output.name.as_deref())
        .any(|other| other.eq_ignore_ascii_case(&name))
        || before.iter().any(|(column, _)| column.name == name);
    if usable && !taken {
        name
    } else {
        format!("column_{}", index + 1)
    }
}
