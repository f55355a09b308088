//! `#[derive(R2Key)]`

use bindery_codegen::manifest::BindingKind;
use bindery_codegen::report::Code;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, LitStr};

use super::template::{Limit, Template};
use super::{binding_name, boolean, check_binding};
use crate::{attributes, project};

const KEY: Limit = Limit {
    bytes: 1024,
    page: "https://developers.cloudflare.com/r2/platform/limits/",
};

/// The arguments of the attribute.
const ARGUMENTS: [&str; 5] = ["binding", "key", "metadata", "parse", "crate"];

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input.clone()).unwrap_or_else(|errors| {
        let placeholder = placeholder(input);
        quote!(#errors #placeholder)
    })
}

/// The implementation for a key with an error: a key of every bucket, so that the error is reported
/// once.
fn placeholder(input: TokenStream) -> Option<TokenStream> {
    let input: DeriveInput = syn::parse2(input).ok()?;
    let (mut entries, _) = attributes::required(&input, "r2").ok()?;
    let krate = attributes::take_crate(&mut entries);
    let metadata = metadata(attributes::take(&mut entries, "metadata"), &krate);
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let parameters = input.generics.params.iter();
    Some(quote! {
        impl #generics #krate::R2Key for #ident #arguments #clause {
            type Metadata = #metadata;

            fn key(&self) -> ::std::borrow::Cow<'_, ::core::primitive::str> {
                ::core::unreachable!("the key has an error")
            }
        }

        impl<#(#parameters,)* Name> #krate::__private::ObjectKeyOf<Name> for #ident #arguments
            #clause {}
    })
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, span) = attributes::required(&input, "r2")?;
    let krate = attributes::take_crate(&mut entries);
    let missing = |name: &str, example: &str| {
        let message = format!("`{name}` is missing");
        let help = format!("write `{name} = {example}`");
        project::error(span, Code::Attribute, &message, &help)
    };
    let mut take = |name: &str| attributes::take(&mut entries, name);
    let binding = take("binding").ok_or_else(|| missing("binding", "STORAGE"))?;
    let key = take("key").ok_or_else(|| missing("key", "\"files/{id}\""))?;
    let (metadata, parse) = (metadata(take("metadata"), &krate), take("parse"));
    attributes::refuse_rest(&entries, &ARGUMENTS)?;

    let key: LitStr = syn::parse2(key).map_err(|error| error.to_compile_error())?;
    let mut errors = TokenStream::new();
    let mut report = |error: TokenStream| errors.extend(error);
    let titles = ["an R2 bucket", "R2 buckets"];
    check_binding(&binding, BindingKind::R2Bucket, titles).unwrap_or_else(&mut report);
    let template = Template::new(&input, &key, "R2Key", &KEY).map_err(&mut report);
    let parse = parse.map_or(Ok(true), boolean).map_err(&mut report);
    let (Ok(template), Ok(parse)) = (template, parse) else {
        return Err(errors);
    };
    if !errors.is_empty() {
        return Err(errors);
    }

    let ident = &input.ident;
    let id = bindery_codegen::names::id(&binding_name(&binding));
    let bucket = quote!(#krate::__private::Named<#id>);
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let name = template.name(&krate);
    let prefixes = template.prefixes(&krate, &input.vis, &quote!(#krate::r2::Prefix<Self>));
    let body = template.parse(&krate, &quote!(#krate::R2Key::key(__key)));
    let parse = body.filter(|_| parse && input.generics.params.is_empty());
    let parse = parse.map(|body| {
        quote! {
            #[automatically_derived]
            impl #krate::r2::ParseKey for #ident {
                fn parse(__name: &::core::primitive::str) -> ::core::option::Option<Self> {
                    #body
                }
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #generics #krate::R2Key for #ident #arguments #clause {
            type Metadata = #metadata;

            fn key(&self) -> ::std::borrow::Cow<'_, ::core::primitive::str> {
                #name
            }
        }

        #[automatically_derived]
        impl #generics #krate::__private::ObjectKeyOf<#bucket> for #ident #arguments #clause {}

        #[automatically_derived]
        impl #generics #ident #arguments #clause {
            #prefixes
        }

        #parse
    })
}

/// The codec of the metadata.
fn metadata(ty: Option<TokenStream>, krate: &TokenStream) -> TokenStream {
    match ty {
        Some(ty) => quote!(#krate::r2::Fields<#ty>),
        None => quote!(#krate::r2::Map),
    }
}
