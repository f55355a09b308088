//! `handlers!`

use std::collections::BTreeSet;

use bindery_codegen::handlers::Handlers;
use bindery_codegen::manifest::BindingKind;
use bindery_codegen::model::Project;
use bindery_codegen::report::{Code, Diagnostic, Errors, nearest, suggestion};
use bindery_codegen::source::Spanned;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;

use crate::project;

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut input: Handlers = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let (errors, unknown, messages) = check(&input);
    // A misspelled class is reported once, and not also by rustc.
    for paths in [&mut input.durable_objects, &mut input.workflows] {
        paths.retain(|path| {
            let name = class_name(path).unwrap_or_default();
            !unknown.contains(&name)
        });
    }
    let application = application(&input, &messages);
    let exports = exports(&input);
    quote!(#errors #application #exports)
}

/// Compares the handlers with the manifest. A handler that the manifest does not have is reported
/// in the code; a consumer or class without a handler is reported in the manifest. Returns the
/// errors, the classes that the manifest does not have, and what it says of the queues.
fn check(input: &Handlers) -> (TokenStream, Vec<String>, Vec<Consumed>) {
    // `#[bindings]` reports a manifest that is missing or invalid.
    let compilations = project::declared(Span::call_site());
    let env = input
        .env
        .segments
        .last()
        .map(|segment| segment.ident.to_string());
    let named = compilations
        .iter()
        .find(|(names, _)| Some(&names.env) == env.as_ref());
    let compilation = named.or(compilations.first());
    let compilation = compilation.map(|(_, compilation)| compilation);
    let project = compilation.and_then(|compilation| compilation.project.as_ref());
    let (Some(compilation), Some(project)) = (compilation, project) else {
        return (TokenStream::new(), Vec::new(), Vec::new());
    };

    let mut check = Check {
        errors: Errors::default(),
        in_code: TokenStream::new(),
        unknown_classes: Vec::new(),
    };
    check.queues(project, input);
    check.schedules(project, input);
    check.classes(project, &DURABLE_OBJECTS, &input.durable_objects);
    check.classes(project, &WORKFLOWS, &input.workflows);
    let in_code = check.in_code;
    let in_manifest = project::print_errors(&check.errors, &compilation.sources, Span::call_site());
    let consumed = consumed(project);
    (
        quote!(#in_code #in_manifest),
        check.unknown_classes,
        consumed,
    )
}

/// What the manifest says of a queue that the worker consumes.
struct Consumed {
    queue: String,
    max_retries: u32,
    /// The binding through which the worker sends to the queue, if there is exactly one.
    producer: Option<String>,
}

fn consumed(project: &Project) -> Vec<Consumed> {
    let consumers = project.consumers().iter();
    let consumers = consumers.map(|consumer| {
        let queue = consumer.queue.value.clone();
        let mut producers = BTreeSet::new();
        add_producers(project, &queue, &mut producers, &mut BTreeSet::new());
        let mut producers = producers.into_iter();
        Consumed {
            queue,
            max_retries: consumer.max_retries,
            producer: producers.next().filter(|_| producers.next().is_none()),
        }
    });
    consumers.collect()
}

/// Adds the bindings whose messages a queue can have: those that send to it, and to the queues of
/// which it has the dead letters.
fn add_producers(
    project: &Project,
    queue: &str,
    producers: &mut BTreeSet<String>,
    seen: &mut BTreeSet<String>,
) {
    if !seen.insert(queue.to_owned()) {
        return;
    }
    let environments = project.manifest.environments.iter();
    for environment in environments {
        for binding in &environment.bindings {
            let resource = &binding.resource;
            if resource.kind == BindingKind::QueueProducer
                && resource.setting("queue") == Some(queue)
            {
                producers.insert(binding.name.value.clone());
            }
        }
        for consumer in &environment.consumers {
            if consumer.dead_letter_queue.as_deref() == Some(queue) {
                add_producers(project, &consumer.queue.value, producers, seen);
            }
        }
    }
}

/// A kind of class.
struct ClassKind {
    kind: BindingKind,
    /// The word in `handlers!`.
    word: &'static str,
    title: &'static str,
}

const DURABLE_OBJECTS: ClassKind = ClassKind {
    kind: BindingKind::DurableObjectNamespace,
    word: "durable_object",
    title: "Durable Object class",
};

const WORKFLOWS: ClassKind = ClassKind {
    kind: BindingKind::Workflow,
    word: "workflow",
    title: "Workflow class",
};

struct Check {
    /// The errors in the manifest.
    errors: Errors,
    /// The errors in the code.
    in_code: TokenStream,
    unknown_classes: Vec<String>,
}

impl Check {
    fn queues(&mut self, project: &Project, input: &Handlers) {
        let consumers = project.consumers();
        let known: Vec<&str> = consumers
            .iter()
            .map(|consumer| consumer.queue.value.as_str())
            .collect();
        // A misspelled name is reported once, and not also as missing.
        let mut misspelled: Vec<&str> = Vec::new();
        for (queue, _) in &input.queues {
            let name = queue.value();
            if known.contains(&name.as_str()) {
                continue;
            }
            let near = nearest(&name, known.iter().copied());
            misspelled.extend(near);
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add a consumer of `{name}` to `queues.consumers` of the manifest"),
            };
            let message = format!("the manifest consumes no queue `{name}`");
            self.in_code
                .extend(project::error(queue.span(), Code::Handler, &message, &help));
        }

        for queue in consumers.iter().map(|consumer| &consumer.queue) {
            let has_handler = input
                .queues
                .iter()
                .any(|(name, _)| name.value() == queue.value);
            if !has_handler && !misspelled.contains(&queue.value.as_str()) {
                let help = format!(
                    "add `queue \"{}\": path::to::handler` to `handlers!`",
                    queue.value
                );
                self.missing("queue", queue, &help);
            }
        }
    }

    fn schedules(&mut self, project: &Project, input: &Handlers) {
        let crons = &project.manifest.merged.crons;
        let known: Vec<&str> = crons.iter().map(|cron| cron.value.as_str()).collect();
        // A similar expression is not a misspelling. If each side has one that the other lacks,
        // only the one in the code is reported.
        let mut unknown = 0;
        for (cron, _) in &input.schedules {
            let text = cron.value();
            if known.contains(&text.as_str()) {
                continue;
            }
            unknown += 1;
            let message = format!("the manifest has no cron `{text}`");
            let help = match known.as_slice() {
                [] => format!("add `crons = [\"{text}\"]` to `[triggers]` of the manifest"),
                _ => format!(
                    "add it to `triggers.crons` of the manifest, which has {}",
                    quoted(&known)
                ),
            };
            self.in_code
                .extend(project::error(cron.span(), Code::Handler, &message, &help));
        }

        let has_handler = |cron: &&Spanned<String>| {
            let mut schedules = input.schedules.iter();
            schedules.any(|(text, _)| text.value() == cron.value)
        };
        for cron in crons.iter().filter(|cron| !has_handler(cron)).skip(unknown) {
            let help = format!(
                "add `scheduled \"{}\": path::to::handler` to `handlers!`",
                cron.value
            );
            self.missing("cron", cron, &help);
        }
    }

    fn classes(&mut self, project: &Project, kind: &ClassKind, paths: &[syn::Path]) {
        let classes: Vec<&Spanned<String>> = project.manifest.classes(kind.kind).collect();
        let known: Vec<&str> = classes.iter().map(|class| class.value.as_str()).collect();
        let mut misspelled: Vec<&str> = Vec::new();
        let named: Vec<String> = paths.iter().filter_map(class_name).collect();
        for class in paths {
            let Some(name) = class_name(class) else {
                continue;
            };
            if known.contains(&name.as_str()) {
                continue;
            }
            misspelled.extend(nearest(&name, known.iter().copied()));
            let message = format!("the manifest binds no {} `{name}`", kind.title);
            let help = suggestion(&name, "classes", &known);
            self.in_code
                .extend(project::error(class.span(), Code::Handler, &message, &help));
            self.unknown_classes.push(name);
        }

        for class in classes {
            let has_handler = named.contains(&class.value);
            if !has_handler && !misspelled.contains(&class.value.as_str()) {
                let help = format!(
                    "add `{} path::to::{}` to `handlers!`",
                    kind.word, class.value
                );
                self.missing(kind.title, class, &help);
            }
        }
    }

    fn missing(&mut self, kind: &str, name: &Spanned<String>, help: &str) {
        let message = format!("the code has no handler for the {kind} `{}`", name.value);
        self.errors.push(
            Diagnostic::new(Code::Handler, message, name.span)
                .label("only the manifest names it")
                .help(help),
        );
    }
}

/// The name of a class, from its path.
fn class_name(path: &syn::Path) -> Option<String> {
    Some(path.segments.last()?.ident.to_string())
}

/// Names in backticks, separated by commas.
fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The type that implements the runtime's `Application`.
fn application(input: &Handlers, consumed: &[Consumed]) -> TokenStream {
    let Handlers { krate, env, .. } = input;
    let private = quote!(#krate::__private);
    // With the span of the handler, so that rustc points there when its signature is wrong.
    let start = match &input.start {
        Some(path) => quote_spanned! {path.span()=>
            #private::StartHandler::start(#path, env, context)
        },
        None => quote! {{
            let _ = (env, context);
            ::core::result::Result::Ok(())
        }},
    };
    let fetch = match &input.fetch {
        Some(path) => quote_spanned! {path.span()=>
            #private::FetchHandler::respond(#path, request, env, context).await
        },
        None => quote! {{
            let _ = (request, env, context);
            #private::no_fetch()
        }},
    };
    let serve = input.fetch.as_ref().map(|path| {
        let serve = quote_spanned! {path.span()=>
            #private::FetchHandler::serve(#path, request, env, context).await
        };
        quote! {
            #[cfg(target_arch = "wasm32")]
            async fn serve(
                request: #private::Handle,
                env: Self::Env,
                context: #krate::Context,
            ) -> #krate::Result<#private::Handle, #private::Failure> {
                #serve
            }
        }
    });
    let queues = input.queues.iter().map(|(queue, path)| {
        let consumed = consumed
            .iter()
            .find(|consumed| consumed.queue == queue.value());
        let retries = consumed.map(|consumed| {
            let max_retries = consumed.max_retries;
            quote!(let batch = #private::RawBatch::retries(batch, #max_retries);)
        });
        let producer = consumed.and_then(|consumed| consumed.producer.as_ref());
        let handler = match producer.map(|producer| bindery_codegen::names::id(producer)) {
            Some(id) => quote_spanned! {path.span()=>
                #private::of_queue::<#private::Named<#id>, _, _, _>(#path)
            },
            None => path.to_token_stream(),
        };
        let process = quote_spanned! {path.span()=> {
            #retries
            #private::QueueHandler::process(#handler, batch, env, context).await
        }};
        quote!(#queue => #process,)
    });
    let schedules = input.schedules.iter().map(|(cron, path)| {
        let run = quote_spanned! {path.span()=>
            #private::ScheduledHandler::run(#path, event, env, context).await
        };
        quote!(#cron => #run,)
    });
    let email = input.email.as_ref().map(|path| {
        let receive = quote_spanned! {path.span()=>
            #private::EmailHandler::receive(#path, email, env, context).await
        };
        quote! {
            async fn email(
                email: #krate::email::IncomingEmail,
                env: Self::Env,
                context: #krate::Context,
            ) -> #krate::Result<()> {
                #receive
            }
        }
    });
    let tail = input.tail.as_ref().map(|path| {
        let watch = quote_spanned! {path.span()=>
            #private::TailHandler::watch(#path, traces, env, context).await
        };
        quote! {
            async fn tail(
                traces: #private::Vec<#krate::tail::TraceItem>,
                env: Self::Env,
                context: #krate::Context,
            ) -> #krate::Result<()> {
                #watch
            }
        }
    });
    quote! {
        /// The worker: its environment and its handlers.
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        pub struct App;

        impl #krate::Application for App {
            type Env = #env;

            fn start(env: &Self::Env, context: &#krate::Context) -> #krate::Result<()> {
                #start
            }

            async fn fetch(
                request: #krate::Request,
                env: Self::Env,
                context: #krate::Context,
            ) -> #krate::Response {
                #fetch
            }

            #serve

            async fn queue(
                batch: &mut #private::RawBatch,
                env: Self::Env,
                context: #krate::Context,
            ) -> #krate::Result<()> {
                let _ = (&env, &context);
                match #private::RawBatch::queue(batch) {
                    #(#queues)*
                    _ => #private::no_queue(batch),
                }
            }

            async fn scheduled(
                event: #krate::ScheduledEvent,
                env: Self::Env,
                context: #krate::Context,
            ) -> #krate::Result<()> {
                let _ = (&env, &context);
                match #krate::ScheduledEvent::cron(&event) {
                    #(#schedules)*
                    _ => #private::no_schedule(&event),
                }
            }

            #email

            #tail
        }
    }
}

/// The functions and classes that the platform calls. Their dependencies are re-exported by the
/// runtime, so that the user's crate depends on the runtime alone.
fn exports(input: &Handlers) -> TokenStream {
    let private = {
        let krate = &input.krate;
        quote!(#krate::__private)
    };
    let attribute = quote!(#[wasm_bindgen(wasm_bindgen = #private::wasm_bindgen)]);
    let value = quote!(#private::wasm_bindgen::JsValue);
    let promise = quote!(#private::js_sys::Promise);

    let fetch = input.fetch.as_ref().map(|_| {
        quote! {
            #attribute
            pub fn fetch(
                request: #private::web_sys::Request,
                env: #value,
                context: #value,
            ) -> #promise {
                #private::fetch::<super::App>(request, env, context)
            }
        }
    });
    let queue = (!input.queues.is_empty()).then(|| {
        quote! {
            #attribute
            pub fn queue(batch: #value, env: #value, context: #value) -> #promise {
                #private::queue::<super::App>(batch, env, context)
            }
        }
    });
    let scheduled = (!input.schedules.is_empty()).then(|| {
        quote! {
            #attribute
            pub fn scheduled(event: #value, env: #value, context: #value) -> #promise {
                #private::scheduled::<super::App>(event, env, context)
            }
        }
    });
    let email = input.email.as_ref().map(|_| {
        quote! {
            #attribute
            pub fn email(message: #value, env: #value, context: #value) -> #promise {
                #private::email::<super::App>(message, env, context)
            }
        }
    });
    let tail = input.tail.as_ref().map(|_| {
        quote! {
            #attribute
            pub fn tail(traces: #value) -> #promise {
                #private::tail::<super::App>(traces)
            }
        }
    });
    let durable_objects = input.durable_objects.iter().filter_map(|path| {
        let name = class_name(path)?;
        let class = format_ident!("{name}");
        let alias = class_alias(&name);
        let inner = quote!(#private::ExportedObject<super::App, super::#alias>);
        Some(quote! {
            #attribute
            #[derive(Debug)]
            pub struct #class(#inner);

            #attribute
            impl #class {
                #[wasm_bindgen(constructor)]
                pub fn new(state: #value, env: #value) -> Self {
                    Self(#private::ExportedObject::new(#name, state, env))
                }

                pub fn fetch(&self, request: #private::web_sys::Request) -> #promise {
                    self.0.fetch(request)
                }

                pub fn alarm(&self, info: #value) -> #promise {
                    self.0.alarm(info)
                }

                #[wasm_bindgen(js_name = webSocketMessage)]
                pub fn web_socket_message(&self, socket: #value, message: #value) -> #promise {
                    self.0.web_socket_message(socket, message)
                }

                #[wasm_bindgen(js_name = webSocketClose)]
                pub fn web_socket_close(
                    &self,
                    socket: #value,
                    code: u16,
                    reason: #private::String,
                ) -> #promise {
                    self.0.web_socket_close(socket, code, reason)
                }

                // A connection that is lost is a close with the code for that.
                #[wasm_bindgen(js_name = webSocketError)]
                pub fn web_socket_error(&self, socket: #value) -> #promise {
                    self.0.web_socket_close(socket, 1006, #private::String::new())
                }
            }
        })
    });
    let (krate, env) = (&input.krate, &input.env);
    let object_class = quote!(#krate::durable_object::DurableObject<Env = #env>);
    let objects = input.durable_objects.iter();
    let objects = objects.filter_map(|path| own_class(path, &object_class));
    let workflow_class = quote!(#krate::workflow::Run<Env = #env>);
    let workflows = input.workflows.iter();
    let workflows = workflows.filter_map(|path| own_class(path, &workflow_class));
    let workflow_exports = workflow_exports(input, &attribute);
    quote! {
        #(#objects)*
        #(#workflows)*

        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        #[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub)]
        pub mod __bindery_exports {
            use #private::wasm_bindgen;
            // The attribute looks for its own name on methods.
            use #private::wasm_bindgen::prelude::wasm_bindgen;

            #fetch
            #queue
            #scheduled
            #email
            #tail
            #(#durable_objects)*
            #workflow_exports
        }
    }
}

/// The classes of Workflows, and a function that derives them from the class of the platform when
/// the worker starts.
fn workflow_exports(input: &Handlers, attribute: &TokenStream) -> TokenStream {
    let krate = &input.krate;
    let private = quote!(#krate::__private);
    let value = quote!(#private::wasm_bindgen::JsValue);
    let mut classes = TokenStream::new();
    let mut derive = TokenStream::new();
    for path in &input.workflows {
        let Some(name) = class_name(path) else {
            continue;
        };
        let (class, alias) = (format_ident!("{name}"), class_alias(&name));
        let inner = quote!(#private::ExportedWorkflow<super::App, super::#alias>);
        classes.extend(quote! {
            #attribute
            #[derive(Debug)]
            pub struct #class(#inner);

            #attribute
            impl #class {
                #[wasm_bindgen(constructor)]
                pub fn new(context: #value, env: #value) -> Self {
                    Self(#private::ExportedWorkflow::new(context, env))
                }

                pub fn run(&self, event: #value, step: #value) -> #private::js_sys::Promise {
                    self.0.run(event, step)
                }
            }
        });
        derive.extend(quote! {
            let class = #class::new(#value::UNDEFINED, #value::UNDEFINED);
            #private::derive_from_workflow(&#value::from(class));
        });
    }
    if classes.is_empty() {
        return classes;
    }
    quote! {
        #classes

        #[wasm_bindgen(wasm_bindgen = #private::wasm_bindgen, start, private)]
        pub fn __bindery_derive_workflows() {
            #derive
        }
    }
}

/// Names a class where the exports can name it, and checks that it is one of this environment, also
/// where nothing is exported.
fn own_class(path: &syn::Path, bound: &TokenStream) -> Option<TokenStream> {
    let alias = class_alias(&class_name(path)?);
    Some(quote_spanned! {path.span()=>
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        type #alias = #path;

        const _: fn() = || {
            fn is_class<T: #bound>() {}
            is_class::<#alias>();
        };
    })
}

/// The name of a class where the exports can name it.
fn class_alias(name: &str) -> Ident {
    format_ident!("__bindery_handler_{name}")
}
