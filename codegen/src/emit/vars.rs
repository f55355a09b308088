//! Generates `vars` and `secrets` as two structs that are read when a worker starts.

use std::collections::{HashMap, HashSet};

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::Target;
use crate::manifest::{VarField, VarType};
use crate::model::Project;
use crate::names::Name;

/// Generates the struct of the variables, and the structs of the objects among them.
pub(super) fn vars(project: &Project, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let mut structs = Structs {
        target,
        names: HashMap::new(),
        tokens: Vec::new(),
    };

    let mut fields = Vec::new();
    let mut reads = Vec::new();
    let mut values = Vec::new();
    for (name, var) in &project.vars {
        let (field, source) = (name.field_ident(), &name.source);

        let own_type = var.as_type.as_deref().and_then(target.parse);
        let ty = own_type.unwrap_or_else(|| structs.rust_type(&var.ty, &name.ty, true));
        let ty = optional(ty, var.optional);
        let absent = absent_docs(var.optional);
        let docs = format!("The variable `{source}`, read when the worker starts.{absent}");
        fields.push(quote!(#[doc = #docs] pub #field: #ty,));

        let method = if var.optional {
            quote!(optional_var)
        } else {
            quote!(var)
        };
        let expected = match &var.as_type {
            Some(ty) => format!("a `{ty}`"),
            None => with_article(&var.ty).to_owned(),
        };
        reads.push(quote!(let #field = connector.#method(#source, #expected);));
        values.push(field);
    }

    let read = all_of(&values);
    let structs = structs.tokens;
    let module = (!structs.is_empty()).then(|| {
        quote! {
            /// The objects among the variables.
            pub mod vars { #(#structs)* }
        }
    });

    quote! {
        /// The variables of the manifest, read when the worker starts.
        ///
        /// Values from the dashboard take precedence.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[non_exhaustive]
        pub struct Vars { #(#fields)* }

        impl Vars {
            pub(super) fn read(
                connector: &mut #krate::__private::Connector<'_>,
            ) -> ::core::option::Option<Self> {
                let _ = &connector;
                #(#reads)*
                #read
            }
        }

        #module
    }
}

/// Generates the struct of the secrets.
pub(super) fn secrets(project: &Project, target: &Target) -> TokenStream {
    let krate = &target.krate;

    let mut fields = Vec::new();
    let mut reads = Vec::new();
    let mut values = Vec::new();
    for (name, is_optional) in &project.secrets {
        let (field, source) = (name.field_ident(), &name.source);

        let ty = optional(quote!(#krate::Secret), *is_optional);
        let absent = absent_docs(*is_optional);
        let docs = format!("The secret `{source}`.{absent}");
        fields.push(quote!(#[doc = #docs] pub #field: #ty,));

        let method = if *is_optional {
            quote!(optional_secret)
        } else {
            quote!(secret)
        };
        reads.push(quote!(let #field = connector.#method(#source);));
        values.push(field);
    }

    let read = all_of(&values);
    quote! {
        /// The secrets that the manifest requires.
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[non_exhaustive]
        pub struct Secrets { #(#fields)* }

        impl Secrets {
            pub(super) fn read(
                connector: &mut #krate::__private::Connector<'_>,
            ) -> ::core::option::Option<Self> {
                let _ = &connector;
                #(#reads)*
                #read
            }
        }
    }
}

/// Returns the struct of fields that have been read, or `None` if one of them could not be read.
fn all_of(fields: &[Ident]) -> TokenStream {
    if fields.is_empty() {
        return quote!(::core::option::Option::Some(Self {}));
    }
    quote! {
        match (#(#fields,)*) {
            (#(::core::option::Option::Some(#fields),)*) => {
                ::core::option::Option::Some(Self { #(#fields,)* })
            }
            _ => ::core::option::Option::None,
        }
    }
}

/// The structs of objects, each with a unique name.
struct Structs<'a> {
    target: &'a Target,
    /// Each name, and the number that the next struct with that name gets.
    names: HashMap<String, usize>,
    tokens: Vec<TokenStream>,
}

impl Structs<'_> {
    /// Returns the Rust type of a variable.
    ///
    /// An object in it becomes a struct named `path`, with a number if that name is already used.
    /// `outside` is true if the type is used outside the module of these structs.
    fn rust_type(&mut self, var: &VarType, path: &str, outside: bool) -> TokenStream {
        let krate = &self.target.krate;

        match var {
            VarType::String => quote!(#krate::__private::String),
            VarType::Integer => quote!(i64),
            VarType::Float => quote!(f64),
            VarType::Boolean => quote!(bool),
            VarType::List(item) => {
                let item = self.rust_type(item, path, outside);
                quote!(#krate::__private::Vec<#item>)
            }
            // A JSON value can already be null.
            VarType::Nullable(inner) if matches!(**inner, VarType::Json | VarType::Unknown) => {
                quote!(#krate::__private::serde_json::Value)
            }
            VarType::Nullable(inner) => optional(self.rust_type(inner, path, outside), true),
            VarType::Object(fields) if !fields.is_empty() && has_distinct_fields(fields) => {
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

    /// Generates the struct of an object and returns its name.
    fn object(&mut self, fields: &[VarField], path: &str) -> Ident {
        let name = self.unused_name(path);
        // Structs of inner objects follow this one.
        let index = self.tokens.len();
        self.tokens.push(TokenStream::new());

        let mut field_tokens = Vec::new();
        for field in fields {
            let field_name = Name::new(&field.key);
            let (ident, key) = (field_name.field_ident(), &field.key);
            let is_nullable = matches!(field.ty, VarType::Nullable(_));

            let path = format!("{name}{}", field_name.ty);
            let ty = self.rust_type(&field.ty, &path, false);
            let ty = optional(ty, field.optional && !is_nullable);
            let docs = format!("`{key}`");
            // A nullable field may be omitted.
            let default = is_nullable.then(|| quote!(#[serde(default)]));
            field_tokens
                .push(quote!(#[doc = #docs] #[serde(rename = #key)] #default pub #ident: #ty,));
        }

        let krate = &self.target.krate;
        let serde = format!("{}::__private::serde", self.target.krate_text());
        let ident = Ident::new(&name, Span::call_site());
        let docs = format!("The object `{name}` among the variables.");
        self.tokens[index] = quote! {
            #[doc = #docs]
            #[derive(
                ::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq,
                #krate::__private::serde::Deserialize,
            )]
            #[serde(crate = #serde)]
            #[non_exhaustive]
            pub struct #ident { #(#field_tokens)* }
        };
        ident
    }

    /// Returns `path`, with a number if the name is already used.
    ///
    /// `LIMITS.burst` and `LIMITS_BURST`, for example, have the same path.
    fn unused_name(&mut self, path: &str) -> String {
        let mut name = path.to_owned();
        let mut number = self.names.get(path).copied().unwrap_or(2);
        while self.names.contains_key(&name) {
            name = format!("{path}{number}");
            number += 1;
        }
        self.names.insert(path.to_owned(), number);
        self.names.entry(name.clone()).or_insert(2);
        name
    }
}

/// Returns the name of a type with its article, for messages.
fn with_article(var: &VarType) -> &'static str {
    match var {
        VarType::String => "a string",
        VarType::Integer => "a whole number",
        VarType::Float => "a number",
        VarType::Boolean => "true or false",
        VarType::List(_) => "an array like the one in the manifest",
        VarType::Object(_) => "an object like the one in the manifest",
        VarType::Nullable(_) | VarType::Json | VarType::Unknown => "JSON",
    }
}

/// Reports whether the keys of an object become distinct fields of a struct.
fn has_distinct_fields(fields: &[VarField]) -> bool {
    let mut names: HashSet<String> = HashSet::new();
    fields
        .iter()
        .all(|field| names.insert(Name::new(&field.key).field))
}

fn absent_docs(is_optional: bool) -> &'static str {
    if is_optional {
        " `None` in environments that do not set it."
    } else {
        ""
    }
}

fn optional(ty: TokenStream, optional: bool) -> TokenStream {
    if optional {
        quote!(::core::option::Option<#ty>)
    } else {
        ty
    }
}
