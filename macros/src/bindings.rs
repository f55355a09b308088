//! `#[bindings]`

use bindery_codegen::emit::{self, Site};
use bindery_codegen::report::code;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Fields, ItemStruct, LitStr, Token};

use crate::project;

struct Arguments {
    manifest: Option<LitStr>,
    environment: Option<LitStr>,
    krate: TokenStream,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self {
            manifest: None,
            environment: None,
            krate: quote!(::bindery),
        };
        while !input.is_empty() {
            if input.peek(LitStr) {
                arguments.manifest = Some(input.parse()?);
            } else if input.peek(syn::Ident) {
                let name: syn::Ident = input.parse()?;
                if name != "environment" {
                    return Err(syn::Error::new(
                        name.span(),
                        "an argument is a path, `environment = \"...\"` or `crate = path`",
                    ));
                }
                input.parse::<Token![=]>()?;
                arguments.environment = Some(input.parse()?);
            } else {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                arguments.krate = input.parse::<syn::Path>()?.into_token_stream();
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand_checked(attribute, item).unwrap_or_else(|errors| errors)
}

fn expand_checked(attribute: TokenStream, item: TokenStream) -> Result<TokenStream, TokenStream> {
    let arguments: Arguments = syn::parse2(attribute).map_err(|error| error.to_compile_error())?;
    let item: ItemStruct = syn::parse2(item).map_err(|error| error.to_compile_error())?;
    if !matches!(item.fields, Fields::Unit) || !item.generics.params.is_empty() {
        let help = "write `pub struct Env;`: its fields come from the manifest";
        return Err(project::error(
            item.ident.span(),
            code::ATTRIBUTE,
            "`bindings` stands on a unit struct",
            help,
        ));
    }
    let loaded = match project::load(
        Span::call_site(),
        arguments.manifest.as_ref(),
        arguments.environment.as_ref(),
    ) {
        Ok(loaded) => loaded,
        Err(error) => {
            let nothing = emit::nothing(&item.vis.into_token_stream(), &item.ident);
            return Ok(quote!(#error #nothing));
        }
    };
    let errors = project::print(&loaded.errors, &loaded.sources, Span::call_site());
    let tracked = loaded
        .sources
        .files()
        .map(|file| project::from_package(&file.path))
        .collect();
    let manifest = project::from_package(&loaded.manifest);
    let attributes = item.attrs;
    let site = Site {
        krate: arguments.krate,
        parse: project::tokens,
        visibility: item.vis.into_token_stream(),
        ident: item.ident,
        attributes: quote!(#(#attributes)*),
        base: manifest
            .rsplit_once('/')
            .map(|(folder, _)| format!("{folder}/"))
            .unwrap_or_default(),
        tracked,
        environment: arguments.environment.as_ref().map(LitStr::value),
        manifest_name: loaded
            .manifest
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
    };
    // With mistakes in SQL, what is understood is emitted, and something that stands for the rest: each mistake is
    // told once, where it is. With one in the manifest nobody knows which fields there are.
    let environment = match &loaded.project {
        Some(project) if !loaded.errors.has("B01") => emit::environment(project, &site),
        _ => emit::nothing(&site.visibility, &site.ident),
    };
    Ok(quote!(#errors #environment))
}
