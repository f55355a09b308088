//! `vars` and `secrets` as two structs that are read when a worker starts.

use proc_macro2::TokenStream;
use quote::quote;

use super::Site;
use crate::manifest::VarType;
use crate::model::Project;

/// The struct of the variables.
pub(super) fn vars(project: &Project, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let fields = project.vars.iter().map(|(name, var)| {
        let (field, source) = (name.field_ident(), &name.source);
        let ty = match var.ty {
            VarType::String => quote!(#krate::__private::String),
            VarType::Integer => quote!(i64),
            VarType::Float => quote!(f64),
            VarType::Boolean => quote!(bool),
            VarType::Json => quote!(#krate::__private::serde_json::Value),
        };
        let docs = format!("The variable `{source}`, as the platform gives it when the worker starts.");
        quote!(#[doc = #docs] pub #field: #ty,)
    });
    let reads = project.vars.iter().map(|(name, _)| {
        let (field, source) = (name.field_ident(), &name.source);
        quote!(let #field = connector.var(#source);)
    });
    let build = project.vars.iter().map(|(name, _)| {
        let field = name.field_ident();
        quote!(#field: #field?,)
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
    }
}

/// The struct of the secrets.
pub(super) fn secrets(project: &Project, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let fields = project.secrets.iter().map(|name| {
        let field = name.field_ident();
        let docs = format!("The secret `{}`.", name.source);
        quote!(#[doc = #docs] pub #field: #krate::Secret,)
    });
    let reads = project.secrets.iter().map(|name| {
        let (field, source) = (name.field_ident(), &name.source);
        quote!(let #field = connector.secret(#source);)
    });
    let build = project.secrets.iter().map(|name| {
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
