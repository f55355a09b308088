//! `#[bindings]`

use bindery_codegen::emit::{self, Target};
use bindery_codegen::report::{Code, Stage};
use bindery_codegen::source;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Fields, ItemStruct, LitStr, Token};

use crate::project::Names;
use crate::{attributes, project};

/// The arguments of the attribute.
struct Arguments {
    manifest: Option<LitStr>,
    environment: Option<LitStr>,
    module: Ident,
    krate: TokenStream,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self {
            manifest: None,
            environment: None,
            module: Ident::new("bindings", Span::call_site()),
            krate: quote!(::bindery),
        };
        while !input.is_empty() {
            if input.peek(LitStr) {
                arguments.manifest = Some(input.parse()?);
            } else {
                arguments.parse_named(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse_named(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let name = attributes::name(input)?;
        input.parse::<Token![=]>()?;
        match name.to_string().as_str() {
            "environment" => self.environment = Some(input.parse()?),
            "module" => self.module = input.parse()?,
            "crate" => self.krate = input.parse::<syn::Path>()?.into_token_stream(),
            _ => {
                let message = "expected a path, `environment = \"...\"`, `module = name` or \
                               `crate = path`";
                return Err(syn::Error::new(name.span(), message));
            }
        }
        Ok(())
    }
}

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand_checked(attribute, item).unwrap_or_else(|errors| errors)
}

fn expand_checked(attribute: TokenStream, item: TokenStream) -> Result<TokenStream, TokenStream> {
    let arguments: Arguments = syn::parse2(attribute).map_err(|error| error.to_compile_error())?;
    let item: ItemStruct = syn::parse2(item).map_err(|error| error.to_compile_error())?;
    if !matches!(item.fields, Fields::Unit) || !item.generics.params.is_empty() {
        return Err(project::error(
            item.ident.span(),
            Code::Attribute,
            "`#[bindings]` needs a unit struct",
            "write `pub struct Env;`: its fields come from the manifest",
        ));
    }

    let visibility = item.vis.into_token_stream();
    let compilation = project::declare(
        Span::call_site(),
        Names {
            env: item.ident.to_string(),
            module: arguments.module.to_string(),
        },
        arguments.manifest.as_ref(),
        arguments.environment.as_ref(),
    );
    let compilation = match compilation {
        Ok(compilation) => compilation,
        Err(error) => {
            let placeholder = emit::placeholder(&visibility, &item.ident);
            return Ok(quote!(#error #placeholder));
        }
    };

    let errors = &compilation.errors;
    let printed = project::print_errors(errors, &compilation.sources, Span::call_site());
    let package = project::package();
    let attributes = item.attrs;
    let target = Target {
        krate: arguments.krate,
        parse: project::parse,
        visibility,
        ident: item.ident,
        attributes: quote!(#(#attributes)*),
        module: arguments.module,
        tracked: compilation
            .files()
            .map(|path| source::relative(&package, path))
            .collect(),
        ..compilation.target(&package)
    };
    // A query with an error has a placeholder, so that each error is reported once. After an error
    // in the manifest the fields of `Env` are unknown.
    let environment = match &compilation.project {
        Some(project) if !errors.has_stage(Stage::Manifest) => emit::environment(project, &target),
        _ => emit::placeholder(&target.visibility, &target.ident),
    };
    Ok(quote!(#printed #environment))
}
