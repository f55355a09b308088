//! `vars` and `secrets` as two structs that are read when a worker starts.

use proc_macro2::TokenStream;
use quote::quote;

use super::Target;
use crate::manifest::{VarField, VarType};
use crate::model::Project;
use crate::names::Name;

/// The struct of the variables, and those of objects in them.
pub(super) fn vars(project: &Project, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let mut structs = Structs {
        target,
        names: Vec::new(),
        tokens: Vec::new(),
    };
    let fields: Vec<TokenStream> = project
        .vars
        .iter()
        .map(|(name, var)| {
            let (field, source) = (name.field_ident(), &name.source);
            let own = var.as_type.as_deref().and_then(target.parse);
            let ty = optional(
                own.unwrap_or_else(|| structs.ty(&var.ty, &name.ty, true)),
                var.optional,
            );
            let absent = if var.optional {
                " `None` in environments that have none."
            } else {
                ""
            };
            let docs = format!(
                "The variable `{source}`, as the platform gives it when the worker starts.{absent}"
            );
            quote!(#[doc = #docs] pub #field: #ty,)
        })
        .collect();
    let reads = project.vars.iter().map(|(name, var)| {
        let (field, source) = (name.field_ident(), &name.source);
        let method = if var.optional {
            quote!(optional_var)
        } else {
            quote!(var)
        };
        let what = var
            .as_type
            .as_ref()
            .map_or_else(|| what(&var.ty).to_owned(), |ty| format!("a `{ty}`"));
        quote!(let #field = connector.#method(#source, #what);)
    });
    let build = project.vars.iter().map(|(name, _)| {
        let field = name.field_ident();
        quote!(#field: #field?,)
    });
    let structs = structs.tokens;
    let module = (!structs.is_empty()).then(|| {
        quote! {
            /// The objects among the variables.
            pub mod vars { #(#structs)* }
        }
    });
    quote! {
        /// The variables of the manifest, read when the worker starts: a value set in the dashboard wins.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[non_exhaustive]
        pub struct Vars { #(#fields)* }

        impl Vars {
            pub(super) fn read(connector: &mut #krate::__private::Connector<'_>) -> #krate::Result<Self> {
                let _ = &connector;
                #(#reads)*
                ::core::result::Result::Ok(Self { #(#build)* })
            }
        }

        #module
    }
}

/// The structs of objects, each under a name of its own.
struct Structs<'a> {
    target: &'a Target,
    names: Vec<String>,
    tokens: Vec<TokenStream>,
}

impl Structs<'_> {
    /// The Rust type of a variable; objects in it become structs of the name `path`, or nearly so.
    fn ty(&mut self, var: &VarType, path: &str, outside: bool) -> TokenStream {
        let krate = &self.target.krate;
        match var {
            VarType::String => quote!(#krate::__private::String),
            VarType::Integer => quote!(i64),
            VarType::Float => quote!(f64),
            VarType::Boolean => quote!(bool),
            VarType::List(item) => {
                let item = self.ty(item, path, outside);
                quote!(#krate::__private::Vec<#item>)
            }
            // JSON has null itself.
            VarType::Nullable(inner) if matches!(**inner, VarType::Json | VarType::Unknown) => {
                quote!(#krate::__private::serde_json::Value)
            }
            VarType::Nullable(inner) => optional(self.ty(inner, path, outside), true),
            VarType::Object(fields) if !fields.is_empty() && distinct(fields) => {
                let ident = self.object(fields, path);
                if outside {
                    quote!(vars::#ident)
                } else {
                    quote!(#ident)
                }
            }
            VarType::Object(_) | VarType::Json | VarType::Unknown => {
                quote!(#krate::__private::serde_json::Value)
            }
        }
    }

    fn object(&mut self, fields: &[VarField], path: &str) -> proc_macro2::Ident {
        // `LIMITS.burst` and `LIMITS_BURST` would have one name.
        let numbered = (2..).map(|number| format!("{path}{number}"));
        let free = std::iter::once(path.to_owned())
            .chain(numbered)
            .find(|name| !self.names.contains(name));
        let name = free.unwrap_or_else(|| path.to_owned());
        self.names.push(name.clone());
        let place = self.tokens.len();
        self.tokens.push(TokenStream::new());
        let fields: Vec<TokenStream> = fields
            .iter()
            .map(|field| {
                let own = Name::new(&field.key);
                let (ident, key) = (own.field_ident(), &field.key);
                let inner = self.ty(&field.ty, &format!("{name}{}", own.ty), false);
                let ty = optional(
                    inner,
                    field.optional && !matches!(field.ty, VarType::Nullable(_)),
                );
                let docs = format!("`{key}`");
                // Whoever may be null may be left out.
                let default =
                    matches!(field.ty, VarType::Nullable(_)).then(|| quote!(#[serde(default)]));
                quote!(#[doc = #docs] #[serde(rename = #key)] #default pub #ident: #ty,)
            })
            .collect();
        let krate = &self.target.krate;
        let serde = format!("{}::__private::serde", self.target.krate_text());
        let ident = proc_macro2::Ident::new(&name, proc_macro2::Span::call_site());
        let docs = format!("An object among the variables: `{name}`.");
        self.tokens[place] = quote! {
            #[doc = #docs]
            #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq, #krate::__private::serde::Deserialize)]
            #[serde(crate = #serde)]
            #[non_exhaustive]
            pub struct #ident { #(#fields)* }
        };
        ident
    }
}

/// What a variable is called in errors.
fn what(var: &VarType) -> &'static str {
    match var {
        VarType::String => "a string",
        VarType::Integer => "a whole number",
        VarType::Float => "a number",
        VarType::Boolean => "true or false",
        VarType::List(_) => "an array of the manifest's type",
        VarType::Object(_) => "an object of the manifest's shape",
        VarType::Nullable(_) | VarType::Json | VarType::Unknown => "JSON",
    }
}

/// Whether the keys of an object are fields of a struct, each its own.
fn distinct(fields: &[VarField]) -> bool {
    let names: Vec<String> = fields
        .iter()
        .map(|field| Name::new(&field.key).field)
        .collect();
    names
        .iter()
        .enumerate()
        .all(|(index, name)| !names[..index].contains(name))
}

fn optional(ty: TokenStream, optional: bool) -> TokenStream {
    if optional {
        quote!(::core::option::Option<#ty>)
    } else {
        ty
    }
}

/// The struct of the secrets.
pub(super) fn secrets(project: &Project, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let fields = project.secrets.iter().map(|(name, is_optional)| {
        let field = name.field_ident();
        let ty = optional(quote!(#krate::Secret), *is_optional);
        let absent = if *is_optional {
            " `None` in environments that have none."
        } else {
            ""
        };
        let docs = format!("The secret `{}`.{absent}", name.source);
        quote!(#[doc = #docs] pub #field: #ty,)
    });
    let reads = project.secrets.iter().map(|(name, is_optional)| {
        let (field, source) = (name.field_ident(), &name.source);
        let method = if *is_optional {
            quote!(optional_secret)
        } else {
            quote!(secret)
        };
        quote!(let #field = connector.#method(#source);)
    });
    let build = project.secrets.iter().map(|(name, _)| {
        let field = name.field_ident();
        quote!(#field: #field?,)
    });
    quote! {
        /// The secrets that the manifest requires.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[non_exhaustive]
        pub struct Secrets { #(#fields)* }

        impl Secrets {
            pub(super) fn read(connector: &mut #krate::__private::Connector<'_>) -> #krate::Result<Self> {
                let _ = &connector;
                #(#reads)*
                ::core::result::Result::Ok(Self { #(#build)* })
            }
        }
    }
}
