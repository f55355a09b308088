//! `name = value` lists in attributes.

use bindery_codegen::report::{code, suggestion};
use proc_macro2::{Ident, Span, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Token};

use crate::project;

/// One `name = value`.
pub(crate) struct Entry {
    pub(crate) name: Ident,
    pub(crate) value: TokenStream,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: Ident = if input.peek(Token![crate]) {
            let token: Token![crate] = input.parse()?;
            Ident::new("crate", token.span)
        } else {
            input.parse()?
        };
        input.parse::<Token![=]>()?;
        let mut value = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            let token: proc_macro2::TokenTree = input.parse()?;
            value.extend([token]);
        }
        Ok(Self { name, value })
    }
}

/// The entries of the attribute `name` of a derive's input.
pub(crate) fn of(input: &DeriveInput, name: &str) -> Result<(Vec<Entry>, Span), TokenStream> {
    let attributes: Vec<&Attribute> = input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident(name))
        .collect();
    let [attribute] = attributes.as_slice() else {
        let message = format!("this derive wants one `#[{name}(...)]`");
        return Err(project::error(
            input.ident.span(),
            code::ATTRIBUTE,
            &message,
            "see the derive's docs for an example",
        ));
    };
    let span = attribute
        .path()
        .segments
        .first()
        .map_or_else(Span::call_site, |segment| segment.ident.span());
    let list = attribute
        .meta
        .require_list()
        .map_err(|error| error.to_compile_error())?;
    let entries = Punctuated::<Entry, Token![,]>::parse_terminated
        .parse2(list.tokens.clone())
        .map_err(|error| error.to_compile_error())?;
    Ok((entries.into_iter().collect(), span))
}

/// Takes the value of `name` out of the entries.
pub(crate) fn take(entries: &mut Vec<Entry>, name: &str) -> Option<TokenStream> {
    let index = entries.iter().position(|entry| entry.name == name)?;
    Some(entries.remove(index).value)
}

/// What was not taken is a slip.
pub(crate) fn refuse_rest(entries: &[Entry], known: &[&str]) -> Result<(), TokenStream> {
    let Some(entry) = entries.first() else {
        return Ok(());
    };
    let name = entry.name.to_string();
    let help = suggestion(&name, "names that belong here", known);
    Err(project::error(
        entry.name.span(),
        code::ATTRIBUTE,
        &format!("`{name}` is not understood here"),
        &help,
    ))
}
