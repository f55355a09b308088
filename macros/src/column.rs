//! `#[derive(Column)]`

use bindery_codegen::report::Code;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Type};

use crate::{attributes, project};

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input.clone()).unwrap_or_else(|errors| {
        let placeholder = placeholder(input);
        quote!(#errors #placeholder)
    })
}

/// The implementations for a type with an error, so that the error is not repeated for each query
/// that uses it.
fn placeholder(input: TokenStream) -> Option<TokenStream> {
    let input: DeriveInput = syn::parse2(input).ok()?;
    let entries = attributes::optional(&input, "column").ok().flatten();
    let krate =
        attributes::take_crate(&mut entries.map(|(entries, _)| entries).unwrap_or_default());
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let parameters = input.generics.params.iter();

    Some(quote! {
        #[automatically_derived]
        impl #generics #krate::d1::FromColumn for #ident #arguments #clause {
            fn from_column(
                _: #krate::d1::Cell<'_>,
            ) -> ::core::result::Result<Self, #krate::__private::String> {
                ::core::unreachable!("the column has an error")
            }
        }

        #[automatically_derived]
        impl<'bindery, #(#parameters),*> ::core::convert::From<#ident #arguments>
            for #krate::d1::Parameter<'bindery>
        #clause
        {
            fn from(_: #ident #arguments) -> Self {
                ::core::unreachable!("the column has an error")
            }
        }
    })
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, _) = attributes::optional(&input, "column")?.unzip();
    let mut entries = entries.take().unwrap_or_default();
    let krate = attributes::take_crate(&mut entries);
    attributes::refuse_rest(&entries, &["crate"])?;

    let ident = &input.ident;
    let Some(inner) = inner(&input) else {
        let help = match &input.data {
            Data::Enum(_) => {
                "for texts, write `CHECK (column IN ('a', 'b'))` in the schema: the column then has \
                 a generated enum"
                    .to_owned()
            }
            Data::Struct(_) | Data::Union(_) => format!("write `struct {ident}(i64);`"),
        };
        return Err(project::error(
            ident.span(),
            Code::Attribute,
            "`Column` needs a struct with one unnamed field and no parameters",
            &help,
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
