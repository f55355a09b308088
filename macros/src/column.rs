//! `#[derive(Column)]`

use bindery_codegen::report::Code;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Type};

use crate::{attributes, project};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input).unwrap_or_else(|errors| errors)
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, _) = attributes::optional(&input, "column")?.unzip();
    let mut entries = entries.take().unwrap_or_default();
    let krate = attributes::take_crate(&mut entries);
    attributes::refuse_rest(&entries, &["crate"])?;

    let ident = &input.ident;
    let Some(inner) = inner(&input) else {
        return Err(project::error(
            ident.span(),
            Code::Attribute,
            "`Column` needs a struct with one unnamed field and no parameters",
            "write `struct UserId(i64);`",
        ));
    };
    Ok(quote! {
        #[automatically_derived]
        impl #krate::d1::FromColumn for #ident {
            fn from_column(
                cell: #krate::d1::Cell<'_>,
            ) -> ::core::result::Result<Self, #krate::__private::String> {
                <#inner as #krate::d1::FromColumn>::from_column(cell).map(Self)
            }
        }

        #[automatically_derived]
        impl<'a> ::core::convert::From<#ident> for #krate::d1::Parameter<'a> {
            fn from(value: #ident) -> Self {
                <Self as ::core::convert::From<#inner>>::from(value.0)
            }
        }
    })
}

/// The type of the only field.
fn inner(input: &DeriveInput) -> Option<&Type> {
    let Data::Struct(data) = &input.data else {
        return None;
    };
    match &data.fields {
        Fields::Unnamed(fields)
            if fields.unnamed.len() == 1 && input.generics.params.is_empty() =>
        {
            fields.unnamed.first().map(|field| &field.ty)
        }
        Fields::Unnamed(_) | Fields::Named(_) | Fields::Unit => None,
    }
}
