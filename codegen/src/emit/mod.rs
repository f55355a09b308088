//! [`Project`] in, tokens out; cannot fail. One file a kind of binding.
//!
//! What is emitted is types and one call into the runtime's hidden module an operation: the weight
//! is in the runtime. Paths are absolute, so the user's prelude and imports do not matter.

mod manifest;
mod text_enum;
mod d1;
pub mod query;
pub mod typescript;
mod vars;

use proc_macro2::TokenStream;
use quote::quote;

use crate::manifest::{Kind, Service};
use crate::model::{Bound, Project};
use crate::names::Name;

/// Reads text as tokens. Inside a macro the compiler's own lexer does it, many times faster than
/// [`text`].
pub type Parse = fn(&str) -> Option<TokenStream>;

/// Reads text as tokens, outside a macro.
#[must_use]
pub fn text(text: &str) -> Option<TokenStream> {
    text.parse().ok()
}

/// What a driver knows and the project does not.
#[derive(Debug)]
pub struct Site {
    /// The path of the runtime crate.
    pub krate: TokenStream,
    /// How text becomes tokens.
    pub parse: Parse,
    /// The visibility of the struct.
    pub visibility: TokenStream,
    /// The struct.
    pub ident: proc_macro2::Ident,
    /// Its attributes, docs included.
    pub attributes: TokenStream,
    /// The path from the crate's folder to the manifest's, `""` or with a `/` at its end.
    pub base: String,
    /// The paths of all files that were read, from the crate's folder.
    pub tracked: Vec<String>,
    /// The manifest's name as docs show it.
    pub manifest_name: String,
    /// The one environment that was asked for.
    pub environment: Option<String>,
}

impl Site {
    /// The path of the runtime crate, as text.
    fn krate_text(&self) -> String {
        self.krate.to_string().replace(' ', "")
    }

    /// The expression of an included file's path.
    fn path(&self, relative: &str) -> TokenStream {
        let path = format!("/{relative}");
        quote!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path))
    }
}

/// `Env`, the module `bindings`, and what connects them.
#[must_use]
pub fn environment(project: &Project, site: &Site) -> TokenStream {
    let Site {
        krate,
        visibility,
        ident,
        attributes,
        ..
    } = site;
    let fields = project.bindings.iter().map(|bound| {
        let (field, ty) = (bound.name.field_ident(), bound.name.ty_ident());
        let docs = docs(bound);
        match bound.optional {
            false => quote!(#[doc = #docs] pub #field: bindings::#ty,),
            true => quote!(#[doc = #docs] pub #field: ::core::option::Option<bindings::#ty>,),
        }
    });
    let connect = project.bindings.iter().map(|bound| {
        let (field, source) = (bound.name.field_ident(), &bound.name.source);
        let method = proc_macro2::Ident::new(connector(&bound.kind), proc_macro2::Span::call_site());
        match bound.optional {
            false => quote!(let #field = connector.#method(#source);),
            true => quote!(let #field = connector.optional(#source, |connector| connector.#method(#source));),
        }
    });
    let build = project.bindings.iter().map(|bound| {
        let (field, ty) = (bound.name.field_ident(), bound.name.ty_ident());
        match bound.optional {
            false => quote!(#field: bindings::#ty(#field?),),
            true => quote!(#field: #field?.map(bindings::#ty),),
        }
    });
    let types = project.bindings.iter().map(|bound| binding(bound, site));
    let databases = project.bindings.iter().filter_map(|bound| {
        bound
            .database
            .as_ref()
            .map(|database| d1::module(bound, database, site))
    });
    let manifest = manifest::manifest(project, site);
    let (vars, secrets) = (vars::vars(project, site), vars::secrets(project, site));
    let tracked = site.tracked.iter().map(|path| {
        let path = site.path(path);
        quote!(::core::include_bytes!(#path))
    });
    let summary = summary(project, site);
    let module_docs = format!(
        "The types of what `{}` binds: one a binding, one module a database.",
        site.manifest_name
    );
    quote! {
        #attributes
        #[doc = #summary]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[non_exhaustive]
        #visibility struct #ident {
            #(#fields)*
            /// The variables.
            pub vars: bindings::Vars,
            /// The secrets. None of them prints.
            pub secrets: bindings::Secrets,
            #[doc(hidden)]
            pub __backend: #krate::__private::Backend,
        }

        impl #ident {
            /// Tells `observer` of every call that a binding makes from now on.
            pub fn observe(&self, observer: impl #krate::observe::Observer + 'static) {
                self.__backend.observe(observer);
            }
        }

        impl #krate::__private::Environment for #ident {
            const MANIFEST: #krate::__private::Manifest = #manifest;

            fn connect(backend: &#krate::__private::Backend) -> #krate::Result<Self> {
                let mut connector = #krate::__private::Connector::new(backend);
                #(#connect)*
                let vars = bindings::Vars::read(&mut connector);
                let secrets = bindings::Secrets::read(&mut connector);
                connector.finish()?;
                ::core::result::Result::Ok(Self { #(#build)* vars: vars?, secrets: secrets?, __backend: ::core::clone::Clone::clone(backend) })
            }

            fn backend(&self) -> &#krate::__private::Backend {
                &self.__backend
            }
        }

        #[doc = #module_docs]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, missing_docs, unused_qualifications, unreachable_pub, non_snake_case, non_camel_case_types, dead_code)]
        #visibility mod bindings {
            #(#types)*
            #(#databases)*
            #vars
            #secrets
            // Each file that was read: an edit builds anew. In a function that nobody calls: what is in a
            // constant would be kept in the crate's metadata, and one of the files may hold secrets.
            fn __tracked() {
                let _: &[&[u8]] = &[#(#tracked),*];
            }
        }
    }
}

/// The method of the connector that opens a kind.
fn connector(kind: &Kind) -> &'static str {
    match kind {
        Kind::Kv(_) => "kv",
        Kind::D1(_) => "d1",
        Kind::R2(_) => "r2",
        Kind::Queue(_) => "queue",
        Kind::Other(other) => other.row.service.connect,
    }
}

/// The type of a binding: its own, over the runtime's.
fn binding(bound: &Bound, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let ty = bound.name.ty_ident();
    let id = bound.name.id();
    let docs = docs(bound);
    let span = proc_macro2::Span::call_site();
    let inner = match &bound.kind {
        Kind::Kv(_) => quote!(#krate::kv::Kv<#ty>),
        Kind::D1(_) => quote!(#krate::d1::D1),
        Kind::R2(_) => quote!(#krate::r2::R2),
        Kind::Queue(_) => quote!(#krate::queue::Queue),
        Kind::Other(other) => {
            let Service { module, ty, .. } = other.row.service;
            let (module, ty) = (
                proc_macro2::Ident::new(module, span),
                proc_macro2::Ident::new(ty, span),
            );
            quote!(#krate::#module::#ty)
        }
    };
    let methods = bound
        .database
        .as_ref()
        .map(|database| d1::methods(bound, database, site));
    quote! {
        #[doc = #docs]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        pub struct #ty(pub(super) #inner);

        impl #krate::__private::Binding for #ty {
            type Name = #krate::__private::Named<#id>;
        }

        impl ::core::ops::Deref for #ty {
            type Target = #inner;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        #methods
    }
}

/// What a binding is bound to, and what follows from it.
fn docs(bound: &Bound) -> String {
    let source = &bound.name.source;
    let named = |name: &Option<String>| {
        name.as_ref()
            .map(|name| format!(" (`{name}`)"))
            .unwrap_or_default()
    };
    let mut docs = match &bound.kind {
        Kind::Kv(kv) => {
            let id = kv
                .id
                .as_ref()
                .map(|id| format!(" with the id `{id}`"))
                .unwrap_or_default();
            format!("The KV namespace `{source}`{id}.")
        }
        Kind::D1(d1) => {
            let count = bound
                .database
                .as_ref()
                .map_or(0, |database| database.catalog.migrations.len());
            let tables = bound.database.as_ref().map(tables).unwrap_or_default();
            let made = if count == 1 {
                "1 migration"
            } else {
                &format!("{count} migrations")
            };
            let (name, folder) = (named(&d1.database_name), &d1.migrations_dir.value);
            format!("The D1 database `{source}`{name}, made by {made} in `{folder}`.{tables}")
        }
        Kind::R2(r2) => format!("The R2 bucket `{source}`{}.", named(&r2.bucket_name)),
        Kind::Queue(queue) => match &queue.queue {
            Some(queue) => format!("Sends to the queue `{queue}` as `{source}`."),
            None => format!("Sends to a queue as `{source}`."),
        },
        Kind::Other(other) => {
            let settings: Vec<String> = other
                .settings
                .iter()
                .map(|(key, value)| format!("`{key}` is `{value}`"))
                .collect();
            let settings = if settings.is_empty() {
                String::new()
            } else {
                format!(" ({})", settings.join(", "))
            };
            format!("The {} `{source}`{settings}.", other.row.title)
        }
    };
    if bound.optional {
        docs.push_str("\n\n`None` in environments that have none.");
    }
    docs
}

fn tables(database: &crate::model::Database) -> String {
    let mut docs = String::new();
    for table in database
        .catalog
        .tables
        .iter()
        .filter(|table| !table.name.starts_with("sqlite_"))
    {
        let columns: Vec<String> = table
            .columns
            .iter()
            .filter(|column| !column.hidden)
            .map(|column| {
                let declared = if column.declared.is_empty() {
                    String::new()
                } else {
                    format!(" {}", column.declared)
                };
                let not_null = if column.not_null { " NOT NULL" } else { "" };
                format!("`{}`{declared}{not_null}", column.name)
            })
            .collect();
        docs.push_str(&format!("\n- `{}`: {}", table.name, columns.join(", ")));
    }
    if docs.is_empty() {
        docs
    } else {
        format!("\n\n# Tables\n{docs}")
    }
}

/// What stands above `Env` in its docs.
fn summary(project: &Project, site: &Site) -> String {
    let worker = project
        .manifest
        .name
        .as_ref()
        .map(|name| format!(" of the worker `{name}`"))
        .unwrap_or_default();
    let mut lines = vec![
        format!("\nGenerated from `{}`{worker}.", site.manifest_name),
        String::new(),
    ];
    if !project.manifest.merged.consumers.is_empty() || !project.manifest.merged.crons.is_empty() {
        lines.push("# Handlers".to_owned());
        lines.push(String::new());
        for consumer in &project.manifest.merged.consumers {
            lines.push(format!(
                "- consumes the queue `{}`: batches of at most {}, {} retries",
                consumer.queue.value, consumer.max_batch_size, consumer.max_retries
            ));
        }
        for cron in &project.manifest.merged.crons {
            lines.push(format!("- runs at `{}`", cron.value));
        }
    }
    lines.join("\n")
}

/// The module of a database: its field's name.
fn module_ident(name: &Name) -> proc_macro2::Ident {
    name.field_ident()
}

/// Stands for the struct where the manifest is absent or has a mistake: a type that is not there. After the mistake
/// rustc does not tell of it, nor of anything that uses it.
#[must_use]
pub fn nothing(visibility: &TokenStream, ident: &proc_macro2::Ident) -> TokenStream {
    quote!(#visibility type #ident = __bindery_environment_of_a_manifest_that_is_refused;)
}
