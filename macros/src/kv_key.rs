//! `#[derive(KvKey)]`

use bindery_codegen::manifest::Kind;
use bindery_codegen::report::{code, suggestion};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, LitStr};

use crate::{attributes, project};

/// Seconds that KV keeps a value at least.
const MIN_TTL: u64 = 60;
/// Bytes that a key of KV may have.
const MAX_KEY: usize = 512;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input.clone()).unwrap_or_else(|errors| {
        let stand_in = stand_in(input);
        quote!(#errors #stand_in)
    })
}

/// What stands in for a key that is refused: a key of every namespace, so that its mistake is told once.
fn stand_in(input: TokenStream) -> Option<TokenStream> {
    let input: DeriveInput = syn::parse2(input).ok()?;
    let (mut entries, _) = attributes::of(&input, "kv").ok()?;
    let krate = attributes::take(&mut entries, "crate").unwrap_or_else(|| quote!(::bindery));
    let value = attributes::take(&mut entries, "value").unwrap_or_else(|| quote!(()));
    let ident = &input.ident;
    let (_, arguments, clause) = input.generics.split_for_impl();
    let parameters = input.generics.params.iter();
    let of_any = input.generics.params.iter();
    Some(quote! {
        impl<#(#parameters),*> #krate::KvKey for #ident #arguments #clause {
            type Value = #value;

            fn name(&self) -> ::std::borrow::Cow<'_, str> {
                ::core::unreachable!("the key was refused")
            }
        }

        impl<#(#of_any,)* Name> #krate::__private::KeyOf<Name> for #ident #arguments #clause {}
    })
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, span) = attributes::of(&input, "kv")?;
    let krate = attributes::take(&mut entries, "crate").unwrap_or_else(|| quote!(::bindery));
    let wanted = |name: &str, example: &str| {
        project::error(
            span,
            code::ATTRIBUTE,
            &format!("`{name}` is missing"),
            &format!("write `{name} = {example}`"),
        )
    };
    let binding =
        attributes::take(&mut entries, "binding").ok_or_else(|| wanted("binding", "CACHE"))?;
    let key =
        attributes::take(&mut entries, "key").ok_or_else(|| wanted("key", "\"file:{id}\""))?;
    let value =
        attributes::take(&mut entries, "value").ok_or_else(|| wanted("value", "FileMeta"))?;
    let ttl = attributes::take(&mut entries, "ttl");
    attributes::refuse_rest(&entries, &["binding", "key", "value", "ttl", "crate"])?;

    let key: LitStr = syn::parse2(key).map_err(|error| error.to_compile_error())?;
    let binding_name = binding.to_string().trim_matches('"').to_owned();
    check_binding(&binding, &binding_name)?;
    let (format, fields) = template(&input, &key)?;
    let ttl = ttl.map(seconds).transpose()?;
    let ttl = match ttl {
        Some(seconds) => quote! {
            fn ttl(&self) -> ::core::option::Option<::core::time::Duration> {
                ::core::option::Option::Some(::core::time::Duration::from_secs(#seconds))
            }
        },
        None => TokenStream::new(),
    };
    let name = if fields.is_empty() {
        quote!(::std::borrow::Cow::Borrowed(#format))
    } else {
        quote!(::std::borrow::Cow::Owned(
            ::std::format!(#format, #(self.#fields),*)
        ))
    };
    let ident = &input.ident;
    let id = bindery_codegen::names::id(&binding_name);
    let (generics, arguments, clause) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics #krate::KvKey for #ident #arguments #clause {
            type Value = #value;

            fn name(&self) -> ::std::borrow::Cow<'_, str> {
                #name
            }

            #ttl
        }

        #[automatically_derived]
        impl #generics #krate::__private::KeyOf<#krate::__private::Named<#id>> for #ident #arguments #clause {}
    })
}

/// The binding must be there, and be a KV namespace.
fn check_binding(tokens: &TokenStream, name: &str) -> Result<(), TokenStream> {
    let span = tokens
        .clone()
        .into_iter()
        .next()
        .map_or_else(Span::call_site, |token| token.span());
    // A manifest that is absent or not understood is told of where the environment is declared.
    let Ok(loaded) = project::load(span, None, None) else {
        return Ok(());
    };
    // A binding that is missing because of a mistake in the manifest is told of there.
    let Some(project) = loaded.project.as_ref().filter(|_| loaded.errors.is_empty()) else {
        return Ok(());
    };
    let found = project
        .bindings
        .iter()
        .find(|bound| bound.name.source == name);
    if let Some(bound) = found {
        if matches!(bound.kind, Kind::Kv(_)) {
            return Ok(());
        }
        return Err(project::error(
            span,
            code::UNKNOWN_BINDING,
            &format!("`{name}` is not a KV namespace"),
            &namespaces(project, name),
        ));
    }
    Err(project::error(
        span,
        code::UNKNOWN_BINDING,
        &format!("the manifest binds no `{name}`"),
        &namespaces(project, name),
    ))
}

fn namespaces(project: &bindery_codegen::model::Project, name: &str) -> String {
    let kv = project
        .bindings
        .iter()
        .filter(|bound| matches!(bound.kind, Kind::Kv(_)));
    let names: Vec<&str> = kv.map(|bound| bound.name.source.as_str()).collect();
    suggestion(name, "KV namespaces", &names)
}

/// `"file:{id}"` as a format string, and the fields in it.
fn template(
    input: &DeriveInput,
    key: &LitStr,
) -> Result<(String, Vec<proc_macro2::Ident>), TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(project::error(
            input.ident.span(),
            code::ATTRIBUTE,
            "a key is a struct",
            "write a struct with a field for each part of the key",
        ));
    };
    let known: Vec<String> = match &data.fields {
        Fields::Named(named) => named
            .named
            .iter()
            .filter_map(|field| field.ident.as_ref().map(ToString::to_string))
            .collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => {
            return Err(project::error(
                input.ident.span(),
                code::ATTRIBUTE,
                "a key's fields have names",
                "write `struct Key { id: i64 }`",
            ));
        }
    };
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let text = key.value();
    let mut format = String::new();
    let mut fields = Vec::new();
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let Some(close) = rest[open..].find('}').map(|offset| open + offset) else {
            return Err(project::error(
                key.span(),
                code::ATTRIBUTE,
                "a `{` in the key has no `}`",
                "write `{field}`",
            ));
        };
        let field = &rest[open + 1..close];
        if !known.iter().any(|name| name == field) {
            let message = format!("`{}` has no field `{field}`", input.ident);
            return Err(project::error(
                key.span(),
                code::ATTRIBUTE,
                &message,
                &suggestion(field, "fields", &names),
            ));
        }
        format.push_str(&rest[..open]);
        format.push_str("{}");
        fields.push(format_ident!("{field}"));
        rest = &rest[close + 1..];
    }
    format.push_str(rest);
    if let Some(unused) = known
        .iter()
        .find(|name| fields.iter().all(|field| field != name.as_str()))
    {
        let message = format!("the field `{unused}` is not in the key");
        let help =
            format!("write `{text}:{{{unused}}}`: two keys that differ only in it would be one");
        return Err(project::error(key.span(), code::ATTRIBUTE, &message, &help));
    }
    let fixed = format.replace("{}", "").len();
    if fixed > MAX_KEY || (fields.is_empty() && fixed == 0) {
        let message = format!("a key has 1 to {MAX_KEY} bytes");
        return Err(project::error(
            key.span(),
            code::MANIFEST_LIMIT,
            &message,
            "see https://developers.cloudflare.com/kv/platform/limits/",
        ));
    }
    Ok((format, fields))
}

/// `"1h"` in seconds.
fn seconds(tokens: TokenStream) -> Result<u64, TokenStream> {
    let literal: LitStr = syn::parse2(tokens).map_err(|error| error.to_compile_error())?;
    let text = literal.value();
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let parsed = units.iter().find_map(|(unit, factor)| {
        text.strip_suffix(unit)
            .and_then(|digits| digits.trim().parse::<u64>().ok())
            .and_then(|count| count.checked_mul(*factor))
    });
    match parsed {
        Some(seconds) if seconds >= MIN_TTL => Ok(seconds),
        Some(_) => {
            let help = "write at least `ttl = \"60s\"`";
            Err(project::error(
                literal.span(),
                code::MANIFEST_LIMIT,
                "KV keeps a value for at least 60 seconds",
                help,
            ))
        }
        None => {
            let message = format!("`{text}` is no length of time");
            Err(project::error(
                literal.span(),
                code::ATTRIBUTE,
                &message,
                "write `\"90s\"`, `\"10m\"`, `\"1h\"` or `\"7d\"`",
            ))
        }
    }
}
