//! `#[derive(KvKey)]`

use bindery_codegen::manifest::BindingKind;
use bindery_codegen::model::{Bound, Project};
use bindery_codegen::report::{Code, suggestion};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, LitStr};

use crate::{attributes, project};

/// The shortest lifetime of a value, in seconds.
const MIN_TTL: u64 = 60;

/// The maximum number of bytes of a key.
const MAX_KEY: usize = 512;

/// The page that these limits come from.
const LIMITS: &str = "https://developers.cloudflare.com/kv/platform/limits/";

/// The arguments of the attribute.
const ARGUMENTS: [&str; 5] = ["binding", "key", "value", "ttl", "crate"];

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
    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let parameters = input.generics.params.iter();
    Some(quote! {
        impl #generics #krate::KvKey for #ident #arguments #clause {
            type Value = #value;

            fn name(&self) -> ::std::borrow::Cow<'_, str> {
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
    let mut take = |name: &str, example: &str| {
        attributes::take(&mut entries, name).ok_or_else(|| {
            let message = format!("`{name}` is missing");
            let help = format!("write `{name} = {example}`");
            project::error(span, Code::Attribute, &message, &help)
        })
    };
    let binding = take("binding", "CACHE")?;
    let key = take("key", "\"file:{id}\"")?;
    let value = take("value", "FileMeta")?;
    let ttl = attributes::take(&mut entries, "ttl");
    attributes::refuse_rest(&entries, &ARGUMENTS)?;

    let binding_name = binding.to_string().trim_matches('"').to_owned();
    let key: LitStr = syn::parse2(key).map_err(|error| error.to_compile_error())?;
    let mut errors = TokenStream::new();
    let mut report = |error: TokenStream| errors.extend(error);
    check_binding(&binding, &binding_name).unwrap_or_else(&mut report);
    let template = template(&input, &key).map_err(&mut report).ok();
    let ttl = ttl
        .map(seconds)
        .transpose()
        .map_err(&mut report)
        .ok()
        .flatten();
    let Some(Template { format, parts }) = template.filter(|_| errors.is_empty()) else {
        return Err(errors);
    };

    let name = if parts.is_empty() {
        quote!(::std::borrow::Cow::Borrowed(#format))
    } else {
        let values = parts.iter().map(|part| part.value(&krate));
        quote!(::std::borrow::Cow::Owned(
            ::std::format!(#format, #(#values),*)
        ))
    };
    let ttl = ttl.map(|seconds| {
        quote! {
            fn ttl(&self) -> ::core::option::Option<::core::time::Duration> {
                ::core::option::Option::Some(::core::time::Duration::from_secs(#seconds))
            }
        }
    });
    let ident = &input.ident;
    let id = bindery_codegen::names::id(&binding_name);
    let namespace = quote!(#krate::__private::Named<#id>);
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
        impl #generics #krate::__private::KeyOf<#namespace> for #ident #arguments #clause {}
    })
}

/// Checks that a manifest of the package has the binding, and that it is a KV namespace.
fn check_binding(tokens: &TokenStream, name: &str) -> Result<(), TokenStream> {
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

    let is_namespace = |bound: &&Bound| bound.resource.kind == BindingKind::KvNamespace;
    let mut same_name = bindings.iter().filter(|bound| bound.name.source == name);
    let message = match same_name.clone().next() {
        Some(_) if same_name.any(&is_namespace) => return Ok(()),
        Some(_) => format!("`{name}` is not a KV namespace"),
        None => format!("the manifest has no binding `{name}`"),
    };
    let namespaces = bindings.iter().copied().filter(is_namespace);
    let names: Vec<&str> = namespaces.map(|bound| bound.name.source.as_str()).collect();
    let help = suggestion(name, "KV namespaces", &names);
    Err(project::error(span, Code::UnknownBinding, &message, &help))
}

/// A key such as `"file:{id}"` as a format string, and the fields in it.
struct Template {
    format: String,
    parts: Vec<Part>,
}

/// A field in a key.
struct Part {
    field: Ident,
    /// The first character of the text that follows, if another field comes after it.
    separator: Option<char>,
}

impl Part {
    /// The argument of the format string. A field that is not the last one must not contain the
    /// separator: otherwise ("a", "b:c") and ("a:b", "c") were the same key.
    fn value(&self, krate: &TokenStream) -> TokenStream {
        let field = &self.field;
        match self.separator {
            Some(separator) => quote!(#krate::__private::KeyPart(&self.#field, #separator)),
            None => quote!(self.#field),
        }
    }
}

fn template(input: &DeriveInput, key: &LitStr) -> Result<Template, TokenStream> {
    let error =
        |message: &str, help: &str| project::error(key.span(), Code::Attribute, message, help);
    let known = fields(input)?;
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let text = key.value();

    let mut template = Template {
        format: String::new(),
        parts: Vec::new(),
    };
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else {
            return Err(error("a `{` in the key has no `}`", "write `{field}`"));
        };
        let close = open + length;
        let field = &rest[open + 1..close];
        if !names.contains(&field) {
            let message = format!("`{}` has no field `{field}`", input.ident);
            return Err(error(&message, &suggestion(field, "fields", &names)));
        }
        if let Some(before) = template.parts.last_mut() {
            before.separator = rest[..open].chars().next();
            if before.separator.is_none() {
                let message = format!("`{{{}}}{{{field}}}` has no separator", before.field);
                let help = format!("write `{{{}}}:{{{field}}}`", before.field);
                return Err(error(&message, &help));
            }
        }

        template.format.push_str(&rest[..open]);
        template.format.push_str("{}");
        template.parts.push(Part {
            field: format_ident!("{field}"),
            separator: None,
        });
        rest = &rest[close + 1..];
    }
    template.format.push_str(rest);

    let is_used = |name: &str| template.parts.iter().any(|part| part.field == name);
    if let Some(unused) = names.iter().find(|name| !is_used(name)) {
        let message = format!("the field `{unused}` is not in the key");
        let help = format!(
            "write `{text}:{{{unused}}}`: otherwise two values with different fields share a key"
        );
        return Err(error(&message, &help));
    }

    let length = template.format.replace("{}", "").len();
    if length > MAX_KEY || (template.parts.is_empty() && length == 0) {
        let message = format!("a key has 1 to {MAX_KEY} bytes");
        let help = format!("see {LIMITS}");
        return Err(project::error(
            key.span(),
            Code::ManifestLimit,
            &message,
            &help,
        ));
    }
    Ok(template)
}

/// The names of a key's fields.
fn fields(input: &DeriveInput) -> Result<Vec<String>, TokenStream> {
    let error = |message: &str, help: &str| {
        Err(project::error(
            input.ident.span(),
            Code::Attribute,
            message,
            help,
        ))
    };
    let Data::Struct(data) = &input.data else {
        return error(
            "`KvKey` needs a struct",
            "write a struct with a field for each part of the key",
        );
    };

    match &data.fields {
        Fields::Named(fields) => {
            let idents = fields.named.iter().filter_map(|field| field.ident.as_ref());
            Ok(idents.map(ToString::to_string).collect())
        }
        Fields::Unit => Ok(Vec::new()),
        Fields::Unnamed(_) => error(
            "the fields of a key must have names",
            "write `struct Key { id: i64 }`",
        ),
    }
}

/// A duration such as `"1h"`, in seconds.
fn seconds(tokens: TokenStream) -> Result<u64, TokenStream> {
    let literal: LitStr = syn::parse2(tokens).map_err(|error| error.to_compile_error())?;
    let text = literal.value();
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let seconds = units.iter().find_map(|(unit, factor)| {
        let count: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        count.checked_mul(*factor)
    });

    let (code, message, help) = match seconds {
        Some(seconds) if seconds >= MIN_TTL => return Ok(seconds),
        Some(_) => (
            Code::ManifestLimit,
            "the TTL of a KV value is at least 60 seconds".to_owned(),
            "write at least `ttl = \"60s\"`",
        ),
        None => (
            Code::Attribute,
            format!("`{text}` is not a duration"),
            "write `\"90s\"`, `\"10m\"`, `\"1h\"` or `\"7d\"`",
        ),
    };
    Err(project::error(literal.span(), code, &message, help))
}
