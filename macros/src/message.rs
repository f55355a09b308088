//! `#[derive(Message)]`

use bindery_codegen::manifest::BindingKind;
use bindery_codegen::report::Code;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::DeriveInput;

use crate::key::{binding_name, check_binding};
use crate::{attributes, project};

/// The arguments of the attribute.
const ARGUMENTS: [&str; 2] = ["binding", "crate"];

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    expand_checked(input.clone()).unwrap_or_else(|errors| {
        let placeholder = placeholder(input);
        quote!(#errors #placeholder)
    })
}

/// The implementation for a message with an error: one of every queue, so that the error is
/// reported once.
fn placeholder(input: TokenStream) -> Option<TokenStream> {
    let input: DeriveInput = syn::parse2(input).ok()?;
    let attribute = attributes::optional(&input, "message").ok().flatten();
    let (mut entries, _) = attribute.unzip();
    let krate = attributes::take_crate(entries.get_or_insert_default());
    let ident = &input.ident;
    let (_, arguments, clause) = input.generics.split_for_impl();
    let parameters = input.generics.params.iter();
    Some(quote! {
        impl<#(#parameters,)* Name> #krate::queue::MessageOf<Name> for #ident #arguments #clause {
            fn content(
                &self,
            ) -> ::core::result::Result<
                #krate::__private::MessageContent,
                #krate::__private::Failure,
            > {
                ::core::unreachable!("the message has an error")
            }
        }
    })
}

fn expand_checked(input: TokenStream) -> Result<TokenStream, TokenStream> {
    let input: DeriveInput = syn::parse2(input).map_err(|error| error.to_compile_error())?;
    let (mut entries, span) = attributes::required(&input, "message")?;
    let krate = attributes::take_crate(&mut entries);
    let bindings = attributes::take(&mut entries, "binding").ok_or_else(|| {
        let help = "write `binding = JOBS`";
        project::error(span, Code::Attribute, "`binding` is missing", help)
    })?;
    attributes::refuse_rest(&entries, &ARGUMENTS)?;

    let bindings = list(bindings);
    let mut errors = TokenStream::new();
    for binding in &bindings {
        let titles = ["the producer of a queue", "producers of queues"];
        let checked = check_binding(binding, BindingKind::QueueProducer, titles);
        errors.extend(checked.err());
    }
    if !errors.is_empty() {
        return Err(errors);
    }

    let ident = &input.ident;
    let (generics, arguments, clause) = input.generics.split_for_impl();
    let implementations = bindings.iter().map(|binding| {
        let id = bindery_codegen::names::id(&binding_name(binding));
        quote! {
            #[automatically_derived]
            impl #generics #krate::queue::MessageOf<#krate::__private::Named<#id>>
                for #ident #arguments #clause
            {
                fn content(
                    &self,
                ) -> ::core::result::Result<
                    #krate::__private::MessageContent,
                    #krate::__private::Failure,
                > {
                    #krate::__private::json_content(self)
                }
            }
        }
    });
    Ok(quote!(#(#implementations)*))
}

/// The names of `binding = JOBS` or `binding = [JOBS, MORE_JOBS]`.
fn list(tokens: TokenStream) -> Vec<TokenStream> {
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::Bracket => {
            let names = group.stream().into_iter();
            let names = names.filter(|tree| !matches!(tree, TokenTree::Punct(_)));
            names.map(TokenStream::from).collect()
        }
        _ => vec![tokens],
    }
}
