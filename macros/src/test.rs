//! `#[bindery::test]`

use bindery_codegen::model::Project;
use bindery_codegen::names;
use bindery_codegen::report::{Code, suggestion};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, Path, Token, Type};

use crate::attributes::{self, Entry};
use crate::project;

/// An argument of the attribute.
enum Argument {
    Crate(Path),
    /// `vars(NAME = value)`
    Vars(Vec<Entry>),
    /// `secrets(NAME = value)`
    Secrets(Vec<Entry>),
}

/// The names of the arguments.
const ARGUMENTS: [&str; 3] = ["vars", "secrets", "crate"];

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = attributes::name(input)?;
        match name.to_string().as_str() {
            "crate" => {
                input.parse::<Token![=]>()?;
                Ok(Self::Crate(input.parse()?))
            }
            "vars" => Ok(Self::Vars(entries(input)?)),
            "secrets" => Ok(Self::Secrets(entries(input)?)),
            other => {
                let help = suggestion(other, "arguments", &ARGUMENTS);
                let message = format!("unknown argument `{other}`; {help}");
                Err(syn::Error::new(name.span(), message))
            }
        }
    }
}

/// `(NAME = value, ...)`
fn entries(input: ParseStream<'_>) -> syn::Result<Vec<Entry>> {
    let content;
    syn::parenthesized!(content in input);
    let entries = Punctuated::<Entry, Token![,]>::parse_terminated(&content)?;
    Ok(entries.into_iter().collect())
}

/// The name of the export of a test on workerd. It is unique in the module.
fn export(ident: &Ident) -> Ident {
    let span = ident.span();
    let start = span.start();
    let place = format!("{} {} {}", span.file(), start.line, start.column);
    format_ident!(
        "__bindery_test_{ident}_{}",
        format!("{:x}", names::id(&place))
    )
}

/// The arguments of the attribute.
struct Arguments {
    krate: TokenStream,
    vars: Vec<Entry>,
    secrets: Vec<Entry>,
}

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand_checked(attribute, item).unwrap_or_else(|errors| errors)
}

fn expand_checked(attribute: TokenStream, item: TokenStream) -> Result<TokenStream, TokenStream> {
    let Arguments {
        krate,
        vars,
        secrets,
    } = arguments(attribute)?;
    let unknown = unknown_names(&vars, &secrets);

    let function: ItemFn = syn::parse2(item).map_err(|error| error.to_compile_error())?;
    let ident = &function.sig.ident;
    if let Some(argument) = wrong_argument(&function) {
        return Err(wrong_signature(ident, argument.span()));
    }
    let call = match (function.sig.asyncness, function.sig.inputs.len()) {
        (Some(_), 1) => quote!(|env, _| #ident(env)),
        (Some(_), 2) => quote!(|env, world| #ident(env, world)),
        _ => return Err(wrong_signature(ident, ident.span())),
    };

    let attributes = &function.attrs;
    let mut inner = function.clone();
    inner.attrs.clear();
    let export = export(ident);
    let private = quote!(#krate::__private);
    let vars = vars.iter().map(|Entry { name, value }| {
        let name = name.to_string();
        quote!((#name, #private::serde_json::json!(#value)))
    });
    let secrets = secrets.iter().map(|Entry { name, value }| {
        let name = name.to_string();
        quote!((#name, #private::String::from(#value)))
    });
    let options = quote! {
        #private::TestOptions {
            vars: #private::Vec::from([#(#vars),*]),
            secrets: #private::Vec::from([#(#secrets),*]),
        }
    };
    Ok(quote! {
        #unknown
        #[cfg(not(target_arch = "wasm32"))]
        #[::core::prelude::v1::test]
        #(#attributes)*
        fn #ident() {
            #inner
            #private::test(#options, #call)
        }

        #[cfg(all(test, target_arch = "wasm32"))]
        const _: () = {
            use #private::wasm_bindgen;
            use #private::wasm_bindgen::prelude::wasm_bindgen;

            #[wasm_bindgen(wasm_bindgen = #private::wasm_bindgen)]
            pub fn #export(
                env: #private::wasm_bindgen::JsValue,
            ) -> #private::wasm_bindgen::JsValue {
                #inner
                let name = ::core::concat!(
                    ::core::module_path!(), "::", ::core::stringify!(#ident)
                );
                #private::test(name, &env, #options, #call)
            }
        };
    })
}

fn arguments(attribute: TokenStream) -> Result<Arguments, TokenStream> {
    let mut arguments = Arguments {
        krate: quote!(::bindery),
        vars: Vec::new(),
        secrets: Vec::new(),
    };
    let parsed = Punctuated::<Argument, Token![,]>::parse_terminated.parse2(attribute);
    for argument in parsed.map_err(|error| error.to_compile_error())? {
        match argument {
            Argument::Crate(path) => arguments.krate = quote!(#path),
            Argument::Vars(entries) => arguments.vars.extend(entries),
            Argument::Secrets(entries) => arguments.secrets.extend(entries),
        }
    }
    Ok(arguments)
}

/// Reports the variables and secrets that no manifest of the package has.
fn unknown_names(vars: &[Entry], secrets: &[Entry]) -> TokenStream {
    let Some(first) = vars.first().or(secrets.first()) else {
        return TokenStream::new();
    };
    let compilations = project::declared(first.name.span());
    let projects: Option<Vec<&Project>> = compilations
        .iter()
        .map(|(_, compilation)| compilation.project.as_ref())
        .collect();
    // `#[bindings]` reports a manifest that is missing or invalid.
    let Some(projects) = projects.filter(|projects| !projects.is_empty()) else {
        return TokenStream::new();
    };

    let known_vars: Vec<&str> = projects
        .iter()
        .flat_map(|project| project.vars.iter().map(|(name, _)| name.source.as_str()))
        .collect();
    let known_secrets: Vec<&str> = projects
        .iter()
        .flat_map(|project| project.secrets.iter().map(|(name, _)| name.source.as_str()))
        .collect();
    let vars = vars.iter();
    let vars = vars.map(|entry| unknown("variable", entry, &known_vars, &known_secrets));
    let secrets = secrets.iter();
    let secrets = secrets.map(|entry| unknown("secret", entry, &known_secrets, &known_vars));
    vars.chain(secrets).collect()
}

fn unknown(kind: &str, entry: &Entry, known: &[&str], others: &[&str]) -> TokenStream {
    let name = entry.name.to_string();
    if others.contains(&name.as_str()) {
        let (other, message) = if kind == "variable" {
            ("secrets", format!("`{name}` is a secret"))
        } else {
            ("vars", format!("`{name}` is a variable"))
        };
        let help = format!("write `{other}({name} = ...)`");
        return project::error(entry.name.span(), Code::UnknownBinding, &message, &help);
    }
    if known.contains(&name.as_str()) {
        return TokenStream::new();
    }
    let message = format!("the manifest has no {kind} `{name}`");
    let help = suggestion(&name, &format!("{kind}s"), known);
    project::error(entry.name.span(), Code::UnknownBinding, &message, &help)
}

/// Returns an argument that is a reference, or the world in the place of the environment.
fn wrong_argument(function: &ItemFn) -> Option<&Type> {
    let types = function.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(&*argument.ty),
        FnArg::Receiver(_) => None,
    });
    let is_reference = |ty: &Type| matches!(ty, Type::Reference(_));
    let is_world = |ty: &Type| match ty {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|segment| segment.ident == "TestWorld")
        }
        _ => false,
    };
    let mut types = types.enumerate();
    let wrong = types.find(|(index, ty)| is_reference(ty) || *index == 0 && is_world(ty));
    wrong.map(|(_, ty)| ty)
}

fn wrong_signature(ident: &Ident, place: Span) -> TokenStream {
    let message = "a test is an async function with the environment as its argument";
    let help =
        format!("write `async fn {ident}(env: Env)`, or with a second argument `world: TestWorld`");
    project::error(place, Code::Attribute, message, &help)
}
