//! The derives of keys: `KvKey` and `R2Key`.

mod kv;
mod r2;
mod template;

use bindery_codegen::manifest::BindingKind;
use bindery_codegen::model::{Bound, Project};
use bindery_codegen::report::{Code, suggestion};
use proc_macro2::{Span, TokenStream};
use syn::LitBool;

use crate::project;

pub(crate) use kv::expand as expand_kv;
pub(crate) use r2::expand as expand_r2;

/// Checks that a manifest of the package has the binding, and that it is of the kind. `titles` is
/// the singular and the plural of the kind.
pub(crate) fn check_binding(
    tokens: &TokenStream,
    kind: BindingKind,
    titles: [&str; 2],
) -> Result<(), TokenStream> {
    let name = binding_name(tokens);
    let first = tokens.clone().into_iter().next();
    let span = first.map_or_else(Span::call_site, |token| token.span());
    let compilations = project::declared(span);

    // `#[bindings]` reports a manifest that is missing or invalid.
    if compilations
        .iter()
        .any(|(_, compilation)| !compilation.errors.is_empty())
    {
        return Ok(());
    }
    let projects = compilations
        .iter()
        .filter_map(|(_, compilation)| compilation.project.as_ref());
    let bindings: Vec<&Bound> = projects
        .flat_map(|project: &Project| &project.bindings)
        .collect();
    if compilations.is_empty() {
        return Ok(());
    }

    let is_of_kind = |bound: &&Bound| bound.resource.kind == kind;
    let mut same_name = bindings.iter().filter(|bound| bound.name.source == name);
    let [title, plural] = titles;
    let message = match same_name.clone().next() {
        Some(_) if same_name.any(&is_of_kind) => return Ok(()),
        Some(_) => format!("`{name}` is not {title}"),
        None => format!("the manifest has no binding `{name}`"),
    };
    let known = bindings.iter().copied().filter(is_of_kind);
    let names: Vec<&str> = known.map(|bound| bound.name.source.as_str()).collect();
    let help = suggestion(&name, plural, &names);
    Err(project::error(span, Code::UnknownBinding, &message, &help))
}

fn boolean(tokens: TokenStream) -> Result<bool, TokenStream> {
    let literal: LitBool = syn::parse2(tokens).map_err(|error| error.to_compile_error())?;
    Ok(literal.value)
}

/// The name of a binding, which can be in quotes.
pub(crate) fn binding_name(tokens: &TokenStream) -> String {
    tokens.to_string().trim_matches('"').to_owned()
}
