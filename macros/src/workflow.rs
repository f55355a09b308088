//! `#[bindery::workflow]`

use bindery_codegen::report::Code;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    FnArg, GenericArgument, ImplItem, ImplItemFn, ItemImpl, PathArguments, ReturnType, Signature,
    Type,
};

use crate::{attributes, project};

const EXPECTED: &str = "write `async fn run(event: Event<Params>, step: Step, env: Env) -> \
                        bindery::Result<Output>`";

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item: ItemImpl = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut entries = match attributes::parse(attribute) {
        Ok(entries) => entries,
        Err(errors) => return quote!(#item #errors),
    };
    let krate = attributes::take_crate(&mut entries);
    if let Err(errors) = attributes::refuse_rest(&entries, &["crate"]) {
        return quote!(#item #errors);
    }
    let name = match &*item.self_ty {
        Type::Path(path) if path.qself.is_none() => path.path.get_ident().cloned(),
        _ => None,
    };
    let (Some(name), None) = (name, &item.trait_) else {
        let message = "a Workflow is a type without generic parameters";
        let help = "put the attribute on its inherent method: `impl Orders { .. }`";
        let error = error(item.self_ty.span(), message, help);
        return quote!(#item #error);
    };

    let Read { run, types, errors } = read(&item, &name);
    let call = match run {
        Some(run) => {
            let call = quote_spanned!(run.sig.span()=> Self::run(event, step, env).await);
            quote!(::core::result::Result::map_err(#call, ::core::convert::Into::into))
        }
        // The class has the traits anyway, so that the error is the only one.
        None => quote! {{
            let _ = (event, step, env);
            ::core::unreachable!()
        }},
    };
    let implementation = implementation(&krate, &name, &types, &call);
    quote!(#item #errors #implementation)
}

/// The function, and its types as far as they are known.
struct Read<'i> {
    /// `None` after an error.
    run: Option<&'i ImplItemFn>,
    types: Types,
    errors: TokenStream,
}

fn read<'i>(item: &'i ItemImpl, name: &Ident) -> Read<'i> {
    let run = item.items.iter().find_map(run_of);
    let types = run.and_then(|run| Types::read(&run.sig));

    let errors = if !item.generics.params.is_empty() {
        let message = "a Workflow is a type without generic parameters";
        let help = "put the attribute on its inherent method: `impl Orders { .. }`";
        error(item.generics.span(), message, help)
    } else if let (Some(run), None) = (run, &types) {
        let message = "`run` is called with an event, the steps and the environment";
        error(run.sig.span(), message, EXPECTED)
    } else if run.is_none() {
        let message = format!("the Workflow `{name}` has no `run`");
        error(name.span(), &message, EXPECTED)
    } else {
        TokenStream::new()
    };
    Read {
        run: run.filter(|_| errors.is_empty()),
        types: types.unwrap_or_else(|| Types::known(run.map(|run| &run.sig))),
        errors,
    }
}

/// The implementation of the runtime's traits.
fn implementation(
    krate: &TokenStream,
    name: &Ident,
    types: &Types,
    call: &TokenStream,
) -> TokenStream {
    let Types {
        params,
        env,
        output,
    } = types;
    let workflow = quote!(#krate::workflow);
    let class = name.to_string();
    quote! {
        impl #workflow::Entrypoint for #name {
            type Params = #params;
            type Output = #output;
        }

        impl #workflow::Run for #name {
            type Env = #env;
            const NAME: &'static str = #class;

            fn run(
                event: #workflow::Event<Self::Params>,
                step: #workflow::Step,
                env: Self::Env,
            ) -> #krate::__private::BoxFuture<'static, #krate::Result<Self::Output>> {
                ::std::boxed::Box::pin(async move { #call })
            }
        }
    }
}

fn run_of(item: &ImplItem) -> Option<&ImplItemFn> {
    match item {
        ImplItem::Fn(function) if function.sig.ident == "run" => Some(function),
        _ => None,
    }
}

/// The types in the signature of `run`.
struct Types {
    params: TokenStream,
    env: TokenStream,
    output: TokenStream,
}

impl Types {
    fn read(signature: &Signature) -> Option<Self> {
        let mut inputs = signature.inputs.iter();
        let (event, _, env) = (inputs.next()?, inputs.next()?, inputs.next()?);
        let (FnArg::Typed(event), FnArg::Typed(env), None) = (event, env, inputs.next()) else {
            return None;
        };
        let ReturnType::Type(_, result) = &signature.output else {
            return None;
        };
        if signature.asyncness.is_none() || !signature.generics.params.is_empty() {
            return None;
        }
        Some(Self {
            params: argument_of(&event.ty, "Event")?,
            env: env.ty.to_token_stream(),
            output: argument_of(result, "Result")?,
        })
    }
}

impl Types {
    /// The types of a signature that is not valid, as far as it has them.
    fn known(signature: Option<&Signature>) -> Self {
        let last = signature.and_then(|signature| signature.inputs.last());
        let env = match (signature.map(|signature| signature.inputs.len()), last) {
            (Some(3..), Some(FnArg::Typed(env))) => env.ty.to_token_stream(),
            _ => quote!(Env),
        };
        Self {
            params: quote!(()),
            env,
            output: quote!(()),
        }
    }
}

/// The first type argument of a type with a name.
fn argument_of(ty: &Type, name: &str) -> Option<TokenStream> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    if last.ident != name {
        return None;
    }
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.to_token_stream()),
        _ => None,
    })
}

fn error(span: Span, message: &str, help: &str) -> TokenStream {
    project::error(span, Code::Workflow, message, help)
}
