//! Placeholders of queries with an error, so that the error is reported once and not where the
//! query is used.

use std::fmt::Write;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::d1::returned_type;
use super::names::Names;
use super::row;
use crate::model::{Database, Project, Refused};
use crate::names::{Name, spelled};
use crate::sql::{Cardinality, ScalarType, UNKNOWN_TYPE};

/// Replaces `Env` when the manifest is missing or has an error: an alias of a type that does not
/// exist. rustc reports neither the alias nor its uses after the error of the macro.
#[must_use]
pub fn environment(visibility: &TokenStream, ident: &Ident) -> TokenStream {
    let missing = format_ident!("__bindery_environment_of_an_invalid_manifest");
    quote!(#visibility type #ident = #missing;)
}

/// The type of what is not known about a query with an error: an alias as well, in the module in
/// which the macro reports the error. Elsewhere rustc would report it.
pub(super) fn unknown(project: &Project) -> TokenStream {
    if !has_placeholder(project) {
        return TokenStream::new();
    }
    let (unknown, missing) = (
        format_ident!("{UNKNOWN_TYPE}"),
        format_ident!("{UNKNOWN_TYPE}_"),
    );
    quote!(#[doc(hidden)] type #unknown = #missing;)
}

/// Imports [`unknown`] into the module of the types.
pub(super) fn import(project: &Project) -> TokenStream {
    if !has_placeholder(project) {
        return TokenStream::new();
    }
    let unknown = format_ident!("{UNKNOWN_TYPE}");
    quote!(#[allow(unused_imports)] use super::#unknown;)
}

fn has_placeholder(project: &Project) -> bool {
    let databases = project
        .bindings
        .iter()
        .filter_map(|bound| bound.database.as_ref());
    let mut refused = databases.map(|database: &Database| &database.refused);
    refused.any(|refused| !refused.is_empty())
}

/// The method of a query with an error. It accepts the known arguments, and any value for the
/// others.
pub(super) fn method(out: &mut String, names: &Names<'_>, refused: &Refused) {
    let fields = fields(names, refused);
    let arguments: String = match &refused.params {
        Some(params) if refused.cardinality == Cardinality::Bulk => {
            let lifetime = lifetime(&fields).replace("'a", "'_");
            format!("_: &[{}{params}{lifetime}]", names.module)
        }
        Some(params) => format!("_: {}{params}{}", names.module, lifetime(&fields)),
        None => fields.iter().map(|(_, ty)| format!("_: {ty}, ")).collect(),
    };

    let name = spelled(&refused.name.field);
    let row = match refused.outline.columns.as_slice() {
        [column] if refused.scalar => names.scalar(column),
        _ if refused.scalar => UNKNOWN_TYPE.to_owned(),
        _ => format!("{}{}", names.module, refused.row.ty),
    };
    let returned = returned_type(names, refused.cardinality, &row);
    let _ = writeln!(
        out,
        "#[doc(hidden)] pub fn {name}<'a>(&'a self, {arguments}) \
         -> {returned} {{ ::core::unreachable!() }}"
    );
}

/// The row type of a query with an error, or a type without known fields.
pub(super) fn row(out: &mut String, names: &Names<'_>, refused: &Refused) {
    let (ty, outline) = (&refused.row.ty, &refused.outline);
    if outline.is_partial {
        let _ = writeln!(out, "#[doc(hidden)] pub type {ty} = {UNKNOWN_TYPE};");
    } else {
        row::row(out, names, ty, "", &outline.columns);
    }
}

/// The struct of the arguments of a query with an error.
pub(super) fn params(out: &mut String, names: &Names<'_>, refused: &Refused) {
    let Some(params) = &refused.params else {
        return;
    };
    let fields = fields(names, refused);
    let lifetime = lifetime(&fields);
    let fields = fields
        .iter()
        .map(|(name, ty)| format!("pub {name}: {ty}, "));
    let fields: String = fields.collect();
    let _ = writeln!(
        out,
        "#[doc(hidden)] pub struct {params}{lifetime} {{ {fields} }}"
    );
}

/// The arguments of a query with an error: the name and the type of each.
fn fields(names: &Names<'_>, refused: &Refused) -> Vec<(String, String)> {
    let fields = refused.parameters.iter().enumerate();
    let field = |(index, name): (usize, &String)| {
        let known = refused.outline.parameters.get(index);
        let known = known.filter(|parameter| parameter.scalar != ScalarType::Any);
        let ty = match known {
            Some(parameter) if refused.params.is_some() => names.field(parameter),
            Some(parameter) => names.argument(parameter, "'a"),
            None => UNKNOWN_TYPE.to_owned(),
        };
        let name = known.map_or(name, |parameter| &parameter.name);
        (spelled(&Name::new(name).field), ty)
    };
    fields.map(field).collect()
}

/// `<'a>` if a field borrows.
fn lifetime(fields: &[(String, String)]) -> &'static str {
    if fields.iter().any(|(_, ty)| ty.contains("'a")) {
        "<'a>"
    } else {
        ""
    }
}
