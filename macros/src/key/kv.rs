//! `#[derive(KvKey)]`

use bindery_codegen::manifest::BindingKind;
use bindery_codegen::report::Code;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, LitStr};

use super::template::{Limit, Template};
use super::{binding_name, boolean, check_binding};
use crate::{attributes, project};

/// The shortest lifetime of a value, in seconds.
const MIN_TTL: u64 = 60;

/// The shortest time for which a location may return its cached value, in seconds.
const MIN_CACHE_TTL: u64 = 30;

const KEY: Limit = Limit {
    bytes: 512,
    page: "https://developers.cloudflare.com/kv/platform/limits/",
};

/// The arguments of the attribute.
const ARGUMENTS: [&str; 9] = [
    "binding",
    "key",
    "value",
    "codec",
    "metadata",
    "ttl",
    "cache_ttl",
    "parse",
    "crate",
];

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input.clone()).unwrap_or_else(|errors| {
        let placeholder = placeholder(input);
        quote!(#errors #placeholder)
    })
}

/// The implementation for a key with an error: a key of every namespace, so that the error is
/// reported once.
fn placeholder(input: TokenStream) -> Option<TokenStream> {
    let input: DeriveInput = syn::parse2(input).ok()?;
    let (mut entries, _) = attributes::required(&input, "kv").ok()?;
    let krate = attributes::take_crate(&mut entries);
    let value = attributes::take(&mut entries, "value").unwrap_or_else(|| quote!(()));
    let codec = attributes::take(&mut entries, "codec");
    let codec = codec.unwrap_or_else(|| quote!(#krate::kv::Json<#value>));
    let metadata = attributes::take(&mut entries, "metadata");
    let metadata = metadata.unwrap_or_else(|| quote!(#krate::__private::serde_json::Value));
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let parameters = input.generics.params.iter();
    Some(quote! {
        impl #generics #krate::KvKey for #ident #arguments #clause {
            type Codec = #codec;
            type Metadata = #metadata;

            fn name(&self) -> ::std::borrow::Cow<'_, ::core::primitive::str> {
                ::core::unreachable!("the key has an error")
            }
        }

        impl<#(#parameters,)* Name> #krate::__private::KeyOf<Name> for #ident #arguments #clause {}
    })
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, span) = attributes::required(&input, "kv")?;
    let krate = attributes::take_crate(&mut entries);
    let missing = |name: &str, example: &str| {
        let message = format!("`{name}` is missing");
        let help = format!("write `{name} = {example}`");
        project::error(span, Code::Attribute, &message, &help)
    };
    let mut take = |name: &str| attributes::take(&mut entries, name);
    let binding = take("binding").ok_or_else(|| missing("binding", "CACHE"))?;
    let key = take("key").ok_or_else(|| missing("key", "\"file:{id}\""))?;
    let codec = match (take("value"), take("codec")) {
        (Some(value), None) => quote!(#krate::kv::Json<#value>),
        (None, Some(codec)) => codec,
        (None, None) => return Err(missing("value", "FileMeta")),
        (Some(_), Some(codec)) => {
            let span = codec.into_iter().next().map_or(span, |token| token.span());
            let message = "`value` and `codec` exclude each other";
            let help = "write `codec` alone: it declares the type of the values";
            return Err(project::error(span, Code::Attribute, message, help));
        }
    };
    let metadata = take("metadata").unwrap_or_else(|| quote!(#krate::__private::serde_json::Value));
    let (ttl, cache_ttl, parse) = (take("ttl"), take("cache_ttl"), take("parse"));
    attributes::refuse_rest(&entries, &ARGUMENTS)?;

    let key: LitStr = syn::parse2(key).map_err(|error| error.to_compile_error())?;
    let mut errors = TokenStream::new();
    let mut report = |error: TokenStream| errors.extend(error);
    let titles = ["a KV namespace", "KV namespaces"];
    check_binding(&binding, BindingKind::KvNamespace, titles).unwrap_or_else(&mut report);
    let template = Template::new(&input, &key, "KvKey", &KEY).map_err(&mut report);
    let ttl = duration(ttl, "ttl").map_err(&mut report);
    let cache_ttl = duration(cache_ttl, "cache_ttl").map_err(&mut report);
    let parse = parse.map_or(Ok(true), boolean).map_err(&mut report);
    let (Ok(template), Ok(ttl), Ok(cache_ttl), Ok(parse)) = (template, ttl, cache_ttl, parse)
    else {
        return Err(errors);
    };
    if !errors.is_empty() {
        return Err(errors);
    }

    let ident = &input.ident;
    let id = bindery_codegen::names::id(&binding_name(&binding));
    let namespace = quote!(#krate::__private::Named<#id>);
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let name = template.name(&krate);
    let prefixes = template.prefixes(&krate, &input.vis, &quote!(#krate::kv::Prefix<Self>));
    let body = template.parse(&krate, &quote!(#krate::KvKey::name(__key)));
    let parse = body.filter(|_| parse && input.generics.params.is_empty());
    let parse = parse.map(|body| {
        quote! {
            #[automatically_derived]
            impl #krate::kv::ParseKey for #ident {
                fn parse(__name: &::core::primitive::str) -> ::core::option::Option<Self> {
                    #body
                }
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #generics #krate::KvKey for #ident #arguments #clause {
            type Codec = #codec;
            type Metadata = #metadata;

            fn name(&self) -> ::std::borrow::Cow<'_, ::core::primitive::str> {
                #name
            }

            #ttl
            #cache_ttl
        }

        #[automatically_derived]
        impl #generics #krate::__private::KeyOf<#namespace> for #ident #arguments #clause {}

        #[automatically_derived]
        impl #generics #ident #arguments #clause {
            #prefixes
        }

        #parse
    })
}

/// The method that returns a duration.
fn duration(tokens: Option<TokenStream>, name: &str) -> Result<Option<TokenStream>, TokenStream> {
    let Some(tokens) = tokens else {
        return Ok(None);
    };
    let seconds = seconds(tokens, name)?;
    let ident = format_ident!("{name}");
    let duration = quote!(::core::time::Duration);
    Ok(Some(quote! {
        fn #ident(&self) -> ::core::option::Option<#duration> {
            ::core::option::Option::Some(#duration::from_secs(#seconds))
        }
    }))
}

/// A duration such as `"1h"`, in seconds.
fn seconds(tokens: TokenStream, name: &str) -> Result<u64, TokenStream> {
    let literal: LitStr = syn::parse2(tokens).map_err(|error| error.to_compile_error())?;
    let text = literal.value();
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let seconds = units.iter().find_map(|(unit, factor)| {
        let count: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        count.checked_mul(*factor)
    });

    let (title, min) = match name {
        "ttl" => ("the TTL of a KV value", MIN_TTL),
        _ => ("the cache TTL of a KV value", MIN_CACHE_TTL),
    };
    let (code, message, help) = match seconds {
        Some(seconds) if seconds >= min => return Ok(seconds),
        Some(_) => (
            Code::ManifestLimit,
            format!("{title} is at least {min} seconds"),
            format!("write at least `{name} = \"{min}s\"`"),
        ),
        None => (
            Code::Attribute,
            format!("`{text}` is not a duration"),
            "write `\"90s\"`, `\"10m\"`, `\"1h\"` or `\"7d\"`".to_owned(),
        ),
    };
    Err(project::error(literal.span(), code, &message, &help))
}
