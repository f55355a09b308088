//! The enum of a column or parameter that has a list of texts.

use proc_macro2::TokenStream;
use quote::quote;

use crate::names::{Name, ident};
use crate::schema::TextEnum;

/// Generates the enum and its conversions.
pub(super) fn text_enum(text_enum: &TextEnum, krate: &TokenStream) -> TokenStream {
    let ident = ident(&text_enum.ty);
    let docs = if text_enum.of_parameter {
        format!(
            "The values of the parameter `{}` of the query `{}`.",
            text_enum.column, text_enum.table
        )
    } else {
        format!(
            "The values that a CHECK allows in `{}.{}`.",
            text_enum.table, text_enum.column
        )
    };

    let texts = &text_enum.values;
    let count = texts.len();
    let variants: Vec<_> = texts
        .iter()
        .map(|text| Name::new(text).ty_ident())
        .collect();
    let variant_docs = texts.iter().map(|text| format!("`{text}`"));
    let sort_by = text_enum.of_parameter.then(|| {
        quote! {
            impl #ident {
                /// Sorts in ascending order.
                pub const fn asc(self) -> #krate::d1::Sort<Self> {
                    #krate::d1::Sort::new(self, false)
                }

                /// Sorts in descending order.
                pub const fn desc(self) -> #krate::d1::Sort<Self> {
                    #krate::d1::Sort::new(self, true)
                }
            }

            impl #krate::d1::SortBy for #ident {
                fn index(self) -> ::core::primitive::usize {
                    self as ::core::primitive::usize
                }
            }
        }
    });
    let serde = format!("{}::__private::serde", krate.to_string().replace(' ', ""));

    quote! {
        #[doc = #docs]
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug,
            ::core::cmp::PartialEq, ::core::cmp::Eq, ::core::hash::Hash,
            #krate::__private::serde::Serialize, #krate::__private::serde::Deserialize,
        )]
        #[serde(crate = #serde)]
        pub enum #ident {
            #(#[doc = #variant_docs] #[serde(rename = #texts)] #variants,)*
        }

        impl #ident {
            /// All values, in the order of the SQL.
            pub const ALL: [Self; #count] = [#(Self::#variants),*];

            /// Returns the text in SQL.
            pub const fn as_str(self) -> &'static str {
                match self { #(Self::#variants => #texts,)* }
            }
        }

        impl ::core::fmt::Display for #ident {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl ::core::str::FromStr for #ident {
            type Err = #krate::d1::UnknownText;

            fn from_str(text: &str) -> ::core::result::Result<Self, Self::Err> {
                #krate::__private::parse_text(text, &Self::ALL, Self::as_str)
            }
        }

        impl #krate::d1::FromColumn for #ident {
            fn from_column(
                cell: #krate::d1::Cell<'_>,
            ) -> ::core::result::Result<Self, #krate::__private::String> {
                #krate::__private::decode_text(cell, &Self::ALL, Self::as_str)
            }
        }

        #sort_by

        impl<'a> ::core::convert::From<#ident> for #krate::__private::Parameter<'a> {
            fn from(value: #ident) -> Self {
                <Self as ::core::convert::From<&'a str>>::from(value.as_str())
            }
        }
    }
}
