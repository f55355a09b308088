//! `#[derive(Column)]`

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields};

use crate::project;
use bindery_codegen::report::code;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input).unwrap_or_else(|errors| errors)
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let ident = &input.ident;
    let refuse = || {
        let help = "write `struct UserId(i64);`: the column's own type in a struct of one field";
        project::error(
            ident.span(),
            code::ATTRIBUTE,
            "a column is a struct around one value",
            help,
        )
    };
    let Data::Struct(data) = &input.data else {
        return Err(refuse());
    };
    let Fields::Unnamed(fields) = &data.fields else {
        return Err(refuse());
    };
    let (Some(field), 1, true) = (
        fields.unnamed.first(),
        fields.unnamed.len(),
        input.generics.params.is_empty(),
    ) else {
        return Err(refuse());
    };
    let inner = &field.ty;
    Ok(quote! {
        #[automatically_derived]
        impl ::bindery::d1::FromColumn for #ident {
            fn from_column(cell: ::bindery::d1::Cell<'_>) -> ::core::result::Result<Self, ::bindery::__private::String> {
                <#inner as ::bindery::d1::FromColumn>::from_column(cell).map(Self)
            }
        }

        #[automatically_derived]
        impl<'a> ::core::convert::From<#ident> for ::bindery::d1::Parameter<'a> {
            fn from(value: #ident) -> Self {
                <Self as ::core::convert::From<#inner>>::from(value.0)
            }
        }
    })
}
