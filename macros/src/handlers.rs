//! `handlers!`

use bindery_codegen::handlers::Handlers;
use bindery_codegen::manifest::Manifest;
use bindery_codegen::report::{Diagnostic, code, nearest, suggestion};
use bindery_codegen::source::Spanned;
use bindery_codegen::{Errors, model::Project};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::project;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input: Handlers = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let errors = match project::load(Span::call_site(), None, None) {
        Ok(loaded) => match &loaded.project {
            Some(project) => {
                let mut errors = Errors::default();
                let in_rust = check(&mut errors, project, &input);
                let in_manifest = project::print(&errors, &loaded.sources, Span::call_site());
                quote!(#in_rust #in_manifest)
            }
            // A manifest that is not understood is told of where the environment is declared.
            None => TokenStream::new(),
        },
        // Told where the environment is declared.
        Err(_) => TokenStream::new(),
    };
    let application = application(&input);
    let exports = exports(&input);
    quote!(#errors #application #exports)
}

/// Both sides must name the same handlers. What the code has too much is told in the code, what it
/// lacks is told in the manifest.
fn check(errors: &mut Errors, project: &Project, input: &Handlers) -> TokenStream {
    let manifest: &Manifest = &project.manifest;
    let mut in_rust = TokenStream::new();
    // A slip is one mistake, though it is missing under its right name too.
    let mut meant: Vec<String> = Vec::new();
    let queues: Vec<&str> = manifest
        .merged
        .consumers
        .iter()
        .map(|consumer| consumer.queue.value.as_str())
        .collect();
    for (queue, _) in &input.queues {
        if !queues.contains(&queue.value().as_str()) {
            let message = format!("the manifest consumes no queue `{}`", queue.value());
            meant.extend(nearest(&queue.value(), queues.iter().copied()).map(str::to_owned));
            let help = match suggestion(&queue.value(), "consumed queues", &queues) {
                near if near.starts_with("did") => near,
                _ => format!(
                    "add a consumer of `{}` to `queues.consumers` of the manifest",
                    queue.value()
                ),
            };
            in_rust.extend(project::error(queue.span(), code::HANDLER, &message, &help));
        }
    }
    for consumer in &manifest.merged.consumers {
        if !meant.contains(&consumer.queue.value)
            && input
                .queues
                .iter()
                .all(|(queue, _)| queue.value() != consumer.queue.value)
        {
            let help = format!(
                "add `queue \"{}\": path::to::handler` to `handlers!`",
                consumer.queue.value
            );
            missing(errors, "queue", &consumer.queue, &help);
        }
    }
    let classes: Vec<&Spanned<String>> = manifest.classes("durable_objects.bindings").collect();
    let names: Vec<&str> = classes.iter().map(|class| class.value.as_str()).collect();
    for class in &input.durable_objects {
        if !names.contains(&class.to_string().as_str()) {
            meant.extend(nearest(&class.to_string(), names.iter().copied()).map(str::to_owned));
            let message = format!("the manifest binds no Durable Object class `{class}`");
            in_rust.extend(project::error(
                class.span(),
                code::HANDLER,
                &message,
                &suggestion(&class.to_string(), "classes", &names),
            ));
        }
    }
    for class in classes {
        if !meant.contains(&class.value)
            && input
                .durable_objects
                .iter()
                .all(|declared| *declared != class.value)
        {
            missing(
                errors,
                "Durable Object class",
                class,
                &format!("add `durable_object {}` to `handlers!`", class.value),
            );
        }
    }
    for class in manifest.classes("workflows") {
        let message = format!("nothing can be the Workflow class `{}`", class.value);
        let diagnostic = Diagnostic::new(code::HANDLER, message, class.span)
            .label("bindery has no Workflow classes yet");
        errors.push(diagnostic.help("name the worker that has it: `script_name = \"...\"`"));
    }
    for cron in &manifest.merged.crons {
        let diagnostic = Diagnostic::new(
            code::HANDLER,
            format!("nothing handles the cron `{}`", cron.value),
            cron.span,
        )
        .label("bindery has no scheduled handlers yet");
        errors.push(diagnostic.help("take the trigger out of the manifest"));
    }
    in_rust
}

fn missing(errors: &mut Errors, what: &str, name: &Spanned<String>, help: &str) {
    errors.push(
        Diagnostic::new(
            code::HANDLER,
            format!("the code has no handler for the {what} `{}`", name.value),
            name.span,
        )
        .label("named here only")
        .help(help),
    );
}

fn application(input: &Handlers) -> TokenStream {
    let Handlers { krate, env, .. } = input;
    let fetch = match &input.fetch {
        Some(path) => {
            // With the handler's own place, so that the compiler points there when its signature is wrong.
            let call = quote_spanned!(path.span()=> #path(request, env));
            quote!(#krate::__private::IntoResponse::into_response(#call.await))
        }
        None => quote! {{
            let _ = (request, env);
            #krate::__private::no_fetch()
        }},
    };
    let arms = input
        .queues
        .iter()
        .map(|(queue, path)| quote!(#queue => #krate::__private::deliver(batch, |batch| #path(batch, env)).await,));
    quote! {
        /// The worker: its environment and its handlers.
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        pub struct App;

        impl #krate::Application for App {
            type Env = #env;

            async fn fetch(request: #krate::Request, env: Self::Env) -> #krate::Response {
                #fetch
            }

            async fn queue(batch: &mut #krate::__private::RawBatch, env: Self::Env) -> #krate::Result<()> {
                let _ = &env;
                match #krate::__private::RawBatch::queue(batch) {
                    #(#arms)*
                    _ => #krate::__private::no_queue(batch),
                }
            }
        }
    }
}

/// What the platform calls. The glue goes through the runtime's hidden module, so that a user
/// depends on the runtime alone.
fn exports(input: &Handlers) -> TokenStream {
    let krate = &input.krate;
    let private = quote!(#krate::__private);
    let attribute = quote!(#[wasm_bindgen(wasm_bindgen = #private::wasm_bindgen)]);
    let fetch = input.fetch.as_ref().map(|_| {
        quote! {
            #attribute
            pub fn fetch(request: #private::web_sys::Request, env: #private::wasm_bindgen::JsValue, _context: #private::wasm_bindgen::JsValue) -> #private::js_sys::Promise {
                #private::fetch::<super::App>(request, env)
            }
        }
    });
    let queue = (!input.queues.is_empty()).then(|| {
        quote! {
            #attribute
            pub fn queue(batch: #private::wasm_bindgen::JsValue, env: #private::wasm_bindgen::JsValue, _context: #private::wasm_bindgen::JsValue) -> #private::js_sys::Promise {
                #private::queue::<super::App>(batch, env)
            }
        }
    });
    let objects = input.durable_objects.iter().map(|class| {
        let name = class.to_string();
        quote! {
            #attribute
            #[derive(Debug)]
            pub struct #class {}

            #attribute
            impl #class {
                #[wasm_bindgen(constructor)]
                pub fn new(_state: #private::wasm_bindgen::JsValue, _env: #private::wasm_bindgen::JsValue) -> Self {
                    Self {}
                }

                pub fn fetch(&self, _request: #private::wasm_bindgen::JsValue) -> #private::js_sys::Promise {
                    #private::no_durable_object(#name)
                }
            }
        }
    });
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
        pub mod __bindery_exports {
            use #private::wasm_bindgen;
            // The attribute looks for its own name on methods.
            use #private::wasm_bindgen::prelude::wasm_bindgen;

            #fetch
            #queue
            #(#objects)*
        }
    }
}
