//! Turns a [`Project`] into tokens. Nothing here can fail.
//!
//! The expansion is types and one call into the runtime's hidden module for each operation. Paths
//! are absolute, so the prelude and imports of the user's crate do not matter.

mod d1;
mod docs;
pub mod inline;
mod json_type;
mod manifest;
mod names;
mod page;
mod params;
mod placeholder;
mod query;
mod row;
mod shards;
mod template;
mod text_enum;
pub mod typescript;
mod vars;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::manifest::BindingKind;
use crate::model::{Bound, Project};

pub use placeholder::environment as placeholder;

/// Parses text as tokens. Inside a macro the compiler's own lexer does it, many times faster than
/// [`parse_text`].
pub type Parse = fn(&str) -> Option<TokenStream>;

/// Parses text as tokens, outside a macro.
#[must_use]
pub fn parse_text(text: &str) -> Option<TokenStream> {
    text.parse().ok()
}

/// Where the expansion goes, and the files that it is generated from.
#[derive(Debug)]
pub struct Target {
    /// The path of the runtime crate.
    pub krate: TokenStream,
    /// How text becomes tokens.
    pub parse: Parse,
    /// The visibility of the struct and the module.
    pub visibility: TokenStream,
    /// The struct.
    pub ident: Ident,
    /// The attributes of the struct, docs included.
    pub attributes: TokenStream,
    /// The module with the types of the bindings.
    pub module: Ident,
    /// The path from the crate's folder to the manifest's: empty, or with a `/` at its end.
    pub base: String,
    /// The paths of all files that were read, relative to the crate's folder.
    pub tracked: Vec<String>,
    /// The file name of the manifest.
    pub manifest_name: String,
    /// The requested environment; `None` for all of them.
    pub environment: Option<String>,
}

impl Target {
    /// The path of the runtime crate, as text.
    fn krate_text(&self) -> String {
        self.krate.to_string().replace(' ', "")
    }

    /// The path of a file that is included in the expansion, as an expression.
    fn path(&self, relative: &str) -> TokenStream {
        let path = format!("/{relative}");
        quote!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #path))
    }
}

/// `Env`, the module of its types, and the code that connects them to a backend.
#[must_use]
pub fn environment(project: &Project, target: &Target) -> TokenStream {
    let classes = classes(project);
    let env = env(project, target);
    let connect = connect(project, target);
    let module = module(project, target);
    let unknown = placeholder::unknown(project);
    quote!(#classes #env #connect #module #unknown)
}

/// Imports the classes, which are looked up where `Env` is. rustc reports an import that it does
/// not find once, and not the uses of it.
fn classes(project: &Project) -> TokenStream {
    let mut classes: Vec<Ident> = Vec::new();
    for class in project.bindings.iter().filter_map(own_class) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let imports = classes.iter().map(|class| {
        let alias = class_alias(class);
        quote! {
            #[doc(hidden)]
            #[allow(unused_imports)]
            use self::#class as #alias;
        }
    });
    quote!(#(#imports)*)
}

fn class_alias(class: &Ident) -> Ident {
    format_ident!("__bindery_class_{class}")
}

/// The struct.
fn env(project: &Project, target: &Target) -> TokenStream {
    let Target {
        krate,
        visibility,
        ident,
        attributes,
        module,
        ..
    } = target;
    let docs = docs::environment(project, target);
    let fields = project.bindings.iter().map(|bound| {
        let (docs, field, ty) = (
            docs::binding(bound),
            bound.name.field_ident(),
            field_ty(bound, target),
        );
        let ty = if bound.optional {
            quote!(::core::option::Option<#ty>)
        } else {
            ty
        };
        quote!(#[doc = #docs] pub #field: #ty,)
    });
    quote! {
        #attributes
        #[doc = #docs]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[non_exhaustive]
        #visibility struct #ident {
            #(#fields)*
            /// The variables.
            pub vars: #module::Vars,
            /// The secrets. They never print.
            pub secrets: #module::Secrets,
            #[doc(hidden)]
            pub __backend: #krate::__private::Backend,
        }

        impl #ident {
            /// Sends `observer` an event after each call to a binding from now on. It replaces an
            /// observer of the same type.
            pub fn observe(&self, observer: impl #krate::observe::Observer + 'static) {
                self.__backend.observe(observer);
            }

            /// Returns the object of the platform that is bound to `name`, or `undefined`.
            ///
            /// It is for what bindery does not have. Calls to it are not measured.
            #[cfg(target_arch = "wasm32")]
            #[must_use]
            pub fn raw(&self, name: &str) -> #krate::JsValue {
                self.__backend.raw(name)
            }

            /// Returns the `env` object of the platform, from which `worker::Env` can be made.
            #[cfg(target_arch = "wasm32")]
            #[must_use]
            pub fn platform(&self) -> #krate::JsValue {
                self.__backend.platform()
            }
        }
    }
}

/// The implementation of the runtime's `Environment`. Every binding is opened before the first
/// error returns, so that one error names all problems. There is one place that drops the bindings:
/// a `?` for each would have a place of its own, which drops all of the others.
fn connect(project: &Project, target: &Target) -> TokenStream {
    let Target {
        krate,
        ident,
        module,
        ..
    } = target;
    let manifest = manifest::manifest(project, target);
    let open = project.bindings.iter().map(|bound| {
        let (field, name) = (bound.name.field_ident(), &bound.name.source);
        if let Some(shards) = &bound.shards {
            return shards::open(bound, shards);
        }
        let runtime_type = runtime_type(bound, target);
        let open = if bound.optional {
            quote!(open_optional)
        } else {
            quote!(open)
        };
        quote!(let #field = connector.#open::<#runtime_type>(#name);)
    });
    let fields = project.bindings.iter().map(|bound| {
        let (field, ty) = (bound.name.field_ident(), ty(bound, target));
        if bound.shards.is_some() || own_class(bound).is_some() {
            quote!(#field,)
        } else if bound.optional {
            quote!(#field: #field.map(#ty),)
        } else {
            quote!(#field: #ty(#field),)
        }
    });
    let names = project
        .bindings
        .iter()
        .map(|bound| bound.name.field_ident());
    let names: Vec<_> = names.collect();
    quote! {
        impl #krate::__private::Environment for #ident {
            const MANIFEST: #krate::__private::Manifest = #manifest;

            fn connect(backend: &#krate::__private::Backend) -> #krate::Result<Self> {
                let mut connector = #krate::__private::Connector::new(backend);
                #(#open)*
                let vars = #module::Vars::read(&mut connector);
                let secrets = #module::Secrets::read(&mut connector);
                match (#(#names,)* vars, secrets) {
                    (
                        #(::core::option::Option::Some(#names),)*
                        ::core::option::Option::Some(vars),
                        ::core::option::Option::Some(secrets),
                    ) => ::core::result::Result::Ok(Self {
                        #(#fields)*
                        vars,
                        secrets,
                        __backend: ::core::clone::Clone::clone(backend),
                    }),
                    _ => ::core::result::Result::Err(connector.error()),
                }
            }

            fn backend(&self) -> &#krate::__private::Backend {
                &self.__backend
            }
        }
    }
}

/// The module with the types of the bindings.
fn module(project: &Project, target: &Target) -> TokenStream {
    let Target {
        visibility,
        module,
        manifest_name,
        ..
    } = target;
    let docs = format!(
        "The types of the bindings of `{manifest_name}`: one type per binding, one module per database."
    );
    let types = project.bindings.iter().map(|bound| binding(bound, target));
    let databases = project.bindings.iter().filter_map(|bound| {
        let database = bound.database.as_ref()?;
        Some(d1::module(bound, database, target))
    });
    let vars = vars::vars(project, target);
    let secrets = vars::secrets(project, target);
    let tracked = target.tracked.iter().map(|path| target.path(path));
    let unknown = placeholder::import(project);
    quote! {
        #[doc = #docs]
        #[allow(
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, missing_docs,
            unused_qualifications, unreachable_pub, non_snake_case, non_camel_case_types, dead_code
        )]
        #visibility mod #module {
            #(#types)*
            #(#databases)*
            #vars
            #secrets
            #unknown

            // Cargo rebuilds the crate after an edit of any file that is included here. In a
            // constant they would become part of the crate's metadata, and one may hold secrets.
            fn __tracked() {
                let _: &[&[u8]] = &[#(::core::include_bytes!(#tracked)),*];
            }
        }
    }
}

/// The generated type of a binding, from where `Env` is.
fn ty(bound: &Bound, target: &Target) -> TokenStream {
    let (module, ty) = (&target.module, bound.name.ty_ident());
    quote!(#module::#ty)
}

/// The type of a field of `Env`.
fn field_ty(bound: &Bound, target: &Target) -> TokenStream {
    if own_class(bound).is_some() {
        return runtime_type(bound, target);
    }
    let (krate, ty) = (&target.krate, ty(bound, target));
    match bound.shards {
        Some(_) => quote!(#krate::d1::Shards<#ty>),
        None => ty,
    }
}

/// The type of the runtime that a binding wraps, from where `Env` is.
fn runtime_type(bound: &Bound, target: &Target) -> TokenStream {
    let krate = &target.krate;
    match own_class(bound) {
        Some(class) => {
            let class = class_alias(&class);
            match bound.resource.kind {
                BindingKind::Workflow => quote!(#krate::workflow::Workflow<#class>),
                _ => quote!(#krate::durable_object::Namespace<#class>),
            }
        }
        None => runtime_type_of(bound, &ty(bound, target), target),
    }
}

/// The type of the runtime that a binding wraps; `ty` is the path of its generated type.
fn runtime_type_of(bound: &Bound, ty: &TokenStream, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let runtime = bound.resource.kind.definition().runtime;
    let module = Ident::new(runtime.module, Span::call_site());
    let name = Ident::new(runtime.name, Span::call_site());
    if runtime.is_generic {
        quote!(#krate::#module::#name<#ty>)
    } else {
        quote!(#krate::#module::#name)
    }
}

/// The class of a Durable Object or Workflow, if this worker implements it.
fn own_class(bound: &Bound) -> Option<Ident> {
    let class = bound.resource.class()?;
    syn::parse_str(&class.value).ok()
}

/// The type of a binding: a wrapper of the runtime's type, with the methods of its queries.
fn binding(bound: &Bound, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let ty = bound.name.ty_ident();
    let inner = runtime_type_of(bound, &quote!(#ty), target);
    let id = bound.name.id();
    let docs = match &bound.shards {
        Some(_) => docs::shard(bound),
        None => docs::binding(bound),
    };
    let methods = bound
        .database
        .as_ref()
        .map(|database| d1::methods(bound, database, target));
    if own_class(bound).is_some() {
        let database = bound.database.as_ref();
        let database = database.map(|database| d1::of_objects(bound, database, target));
        return quote!(#database #methods);
    }
    let session = bound.database.as_ref().map(|_| d1::session(bound, target));
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

        #session

        #methods
    }
}
