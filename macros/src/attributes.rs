//! `name = value` lists in attributes.

use bindery_codegen::report::{Code, suggestion};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote;
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
        let name = name(input)?;
        input.parse::<Token![=]>()?;
        let mut value = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            value.extend([input.parse::<TokenTree>()?]);
        }
        Ok(Self { name, value })
    }
}

/// A name, which can be `crate`.
pub(crate) fn name(input: ParseStream<'_>) -> syn::Result<Ident> {
    if input.peek(Token![crate]) {
        let token: Token![crate] = input.parse()?;
        return Ok(Ident::new("crate", token.span));
    }
    input.parse()
}

/// The entries of a list.
pub(crate) fn parse(tokens: TokenStream) -> Result<Vec<Entry>, TokenStream> {
    let entries = Punctuated::<Entry, Token![,]>::parse_terminated.parse2(tokens);
    let entries = entries.map_err(|error| error.to_compile_error())?;
    Ok(entries.into_iter().collect())
}

/// The entries of the attribute `name` of a derive's input, and its span.
pub(crate) fn required(input: &DeriveInput, name: &str) -> Result<(Vec<Entry>, Span), TokenStream> {
    match optional(input, name)? {
        Some(found) => Ok(found),
        None => Err(not_once(input, name)),
    }
}

/// The same as [`required`] for an attribute that can be missing.
pub(crate) fn optional(
    input: &DeriveInput,
    name: &str,
) -> Result<Option<(Vec<Entry>, Span)>, TokenStream> {
    let mut attributes = input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident(name));
    let Some(attribute): Option<&Attribute> = attributes.next() else {
        return Ok(None);
    };
    if attributes.next().is_some() {
        return Err(not_once(input, name));
    }

    let segment = attribute.path().segments.first();
    let span = segment.map_or_else(Span::call_site, |segment| segment.ident.span());
    let list = attribute
        .meta
        .require_list()
        .map_err(|error| error.to_compile_error())?;
    Ok(Some((parse(list.tokens.clone())?, span)))
}

fn not_once(input: &DeriveInput, name: &str) -> TokenStream {
    let message = format!("this derive needs exactly one `#[{name}(...)]`");
    let help = "see the docs of the derive for an example";
    project::error(input.ident.span(), Code::Attribute, &message, help)
}

/// Removes the value of `name` from the entries.
pub(crate) fn take(entries: &mut Vec<Entry>, name: &str) -> Option<TokenStream> {
    let index = entries.iter().position(|entry| entry.name == name)?;
    Some(entries.remove(index).value)
}

/// Removes the path of the runtime crate from the entries: `crate = path`.
pub(crate) fn take_crate(entries: &mut Vec<Entry>) -> TokenStream {
    take(entries, "crate").unwrap_or_else(|| quote!(::bindery))
}

/// Reports the entries that were not taken.
pub(crate) fn refuse_rest(entries: &[Entry], known: &[&str]) -> Result<(), TokenStream> {
    let Some(entry) = entries.first() else {
        return Ok(());
    };
    let name = entry.name.to_string();
    let message = format!("unknown argument `{name}`");
    let help = suggestion(&name, "arguments", known);
    Err(project::error(
        entry.name.span(),
        Code::Attribute,
        &message,
        &help,
    ))
}
