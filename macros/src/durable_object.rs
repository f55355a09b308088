//! `#[bindery::durable_object]`

use bindery_codegen::report::Code;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, FnArg, GenericArgument, ImplItem, ImplItemFn, ItemImpl, Pat, PathArguments,
    ReceiverKind, ReturnType, Type, Visibility,
};

use crate::{attributes, project};

/// The methods that the platform calls.
const FETCH: &str = "fetch";
const ALARM: &str = "alarm";
const MESSAGE: &str = "web_socket_message";
const CLOSE: &str = "web_socket_close";

/// The methods of a class.
struct Class {
    krate: TokenStream,
    item: ItemImpl,
    /// The name of the type.
    name: Ident,
    new: ImplItemFn,
    fetch: Option<ImplItemFn>,
    alarm: Option<ImplItemFn>,
    message: Option<ImplItemFn>,
    close: Option<ImplItemFn>,
    remote: Vec<Remote>,
}

/// A method that clients call.
struct Remote {
    attributes: Vec<Attribute>,
    name: Ident,
    arguments: Vec<Argument>,
    /// The type of the value, without `Result`.
    output: TokenStream,
    returns_result: bool,
}

struct Argument {
    name: Ident,
    ty: Type,
}

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let item: ItemImpl = match syn::parse2(item) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    match Class::read(attribute, &item) {
        // The rest of a class with errors is expanded, so that each is reported once.
        Ok((class, errors)) => {
            let class = class.expand();
            quote!(#class #errors)
        }
        Err(errors) => quote!(#item #errors),
    }
}

/// The handler that a private method with another name was meant to be, such as `on_alarm`.
fn meant_handler(name: &str) -> Option<&'static str> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let name = plain(name);
    let mut prefixes = ["on", "handle"].iter();
    let rest = prefixes.find_map(|prefix| name.strip_prefix(prefix));
    let is_meant = |handler: &&str| {
        let handler = plain(handler);
        handler == name || Some(handler.as_str()) == rest
    };
    [FETCH, ALARM, MESSAGE, CLOSE].into_iter().find(is_meant)
}

impl Class {
    /// Reads what is valid, and reports what is not.
    fn read(attribute: TokenStream, item: &ItemImpl) -> Result<(Self, TokenStream), TokenStream> {
        let mut entries = attributes::parse(attribute)?;
        let krate = attributes::take_crate(&mut entries);
        attributes::refuse_rest(&entries, &["crate"])?;
        let name = class_name(item)?;

        let mut errors = TokenStream::new();
        let (mut new, mut fetch, mut alarm) = (None, None, None);
        let (mut message, mut close) = (None, None);
        let mut remote = Vec::new();
        let functions = item.items.iter().filter_map(|item| match item {
            ImplItem::Fn(function) => Some(function),
            _ => None,
        });
        for function in functions {
            match &*function.sig.ident.to_string() {
                "new" => new = Some(function.clone()),
                FETCH => fetch = Some(function.clone()),
                ALARM => alarm = Some(function.clone()),
                MESSAGE => message = Some(function.clone()),
                CLOSE => close = Some(function.clone()),
                _ if is_remote(function) => match Remote::read(function) {
                    Ok(method) => remote.push(method),
                    Err(error) => errors.extend(error),
                },
                other => errors.extend(meant_handler(other).map(|meant| {
                    let message = format!("the platform does not call `{other}`");
                    let help = format!("rename it to `{meant}`");
                    error(function.sig.ident.span(), &message, &help)
                })),
            }
        }

        let Some(new) = new else {
            let message = format!("the Durable Object `{name}` has no constructor");
            let help =
                "add `fn new(state: State, env: Env) -> Self`, or `-> bindery::Result<Self>`";
            errors.extend(error(name.span(), &message, help));
            return Err(errors);
        };
        for handler in [&mut fetch, &mut alarm, &mut message, &mut close] {
            if let Some(error) = handler.as_ref().and_then(handler_error) {
                errors.extend(error);
                *handler = None;
            }
        }
        if new.sig.inputs.len() != 2 || has_receiver(&new) || new.sig.asyncness.is_some() {
            let message = "the constructor of a Durable Object takes its state and the environment";
            let help =
                "write `fn new(state: State, env: Env) -> Self`, or `-> bindery::Result<Self>`";
            errors.extend(error(new.sig.span(), message, help));
            return Err(errors);
        }
        let class = Self {
            krate,
            item: item.clone(),
            name,
            new,
            fetch,
            alarm,
            message,
            close,
            remote,
        };
        Ok((class, errors))
    }

    fn expand(&self) -> TokenStream {
        let implementation = self.implementation();
        let client = self.client();
        let item = &self.item;
        quote!(#item #implementation #client)
    }

    /// The implementation of the runtime's trait.
    fn implementation(&self) -> TokenStream {
        let Self { krate, name, .. } = self;
        let object = quote!(#krate::durable_object);
        let client = self.client_name();
        let env = match self.new.sig.inputs.last() {
            Some(FnArg::Typed(env)) => env.ty.to_token_stream(),
            _ => TokenStream::new(),
        };
        let created = quote_spanned!(self.new.sig.output.span()=> Self::new(state, env));
        let create = match returns_result(&self.new.sig.output) {
            Some(_) => created,
            None => quote!(::core::result::Result::Ok(#created)),
        };
        let call = self.call();
        let fetch = self.fetch.as_ref().map(|fetch| self.fetch(fetch));
        let alarm = self.alarm.as_ref().map(|alarm| self.alarm(alarm));
        let message = self
            .message
            .as_ref()
            .map(|function| self.socket_handler(function, &quote!(Message)));
        let close = self
            .close
            .as_ref()
            .map(|function| self.socket_handler(function, &quote!(Close)));
        let has_alarm = self.alarm.is_some();
        let has_methods = !self.remote.is_empty();
        let has_web_sockets = self.message.is_some() || self.close.is_some();
        quote! {
            impl #object::DurableObject for #name {
                type Env = #env;
                type Client = #client;
                const HAS_ALARM: bool = #has_alarm;
                const HAS_METHODS: bool = #has_methods;
                const HAS_WEB_SOCKETS: bool = #has_web_sockets;

                fn create(state: #object::State, env: Self::Env) -> #krate::Result<Self> {
                    #create
                }

                #call
                #fetch
                #alarm
                #message
                #close
            }
        }
    }

    /// A handler of WebSockets, which has the name of its method.
    fn socket_handler(&self, function: &ImplItemFn, event: &TokenStream) -> TokenStream {
        let krate = &self.krate;
        let private = quote!(#krate::__private);
        let name = &function.sig.ident;
        let call = quote_spanned!(function.sig.span()=> Self::#name(&self, socket, event).await);

        quote! {
            fn #name(
                self: ::std::rc::Rc<Self>,
                socket: #krate::web_socket::WebSocket,
                event: #krate::web_socket::#event,
            ) -> #private::LocalBoxFuture<'static, #krate::Result<()>> {
                ::std::boxed::Box::pin(async move { #call })
            }
        }
    }

    /// Calls a method by its name.
    fn call(&self) -> TokenStream {
        let krate = &self.krate;
        let private = quote!(#krate::__private);
        let arms = self.remote.iter().map(|method| method.arm(krate));

        quote! {
            fn call(
                self: ::std::rc::Rc<Self>,
                method: &str,
                arguments: #private::String,
            ) -> #private::LocalBoxFuture<'static, #krate::Result<#private::String>> {
                match method {
                    #(#arms)*
                    _ => {
                        let _ = arguments;
                        let unknown = #krate::durable_object::unknown_method(method);
                        ::std::boxed::Box::pin(async move { unknown })
                    }
                }
            }
        }
    }

    fn fetch(&self, function: &ImplItemFn) -> TokenStream {
        let krate = &self.krate;
        let private = quote!(#krate::__private);
        let call = quote_spanned!(function.sig.span()=> Self::fetch(&self, request).await);

        quote! {
            fn fetch(
                self: ::std::rc::Rc<Self>,
                request: #krate::Request,
            ) -> #private::LocalBoxFuture<'static, #krate::Response> {
                ::std::boxed::Box::pin(async move {
                    #private::IntoResponse::into_response(#call)
                })
            }
        }
    }

    fn alarm(&self, function: &ImplItemFn) -> TokenStream {
        let krate = &self.krate;
        let private = quote!(#krate::__private);
        let call = match function.sig.inputs.len() {
            1 => quote_spanned!(function.sig.span()=> Self::alarm(&self).await),
            _ => quote_spanned!(function.sig.span()=> Self::alarm(&self, info).await),
        };
        quote! {
            fn alarm(
                self: ::std::rc::Rc<Self>,
                info: #krate::durable_object::AlarmInfo,
            ) -> #private::LocalBoxFuture<'static, #krate::Result<()>> {
                ::std::boxed::Box::pin(async move {
                    let _ = info;
                    #call
                })
            }
        }
    }

    fn client_name(&self) -> Ident {
        format_ident!("{}Client", self.name)
    }

    /// The type that callers use.
    fn client(&self) -> TokenStream {
        let Self { krate, name, .. } = self;
        let (client, stub) = (self.client_name(), quote!(#krate::durable_object::Stub));
        let docs = format!("One object of [`{name}`], for its callers.");
        let methods = self.remote.iter().map(|method| method.client(krate));
        quote! {
            #[doc = #docs]
            #[derive(::core::clone::Clone, ::core::fmt::Debug)]
            pub struct #client(#stub);

            impl #client {
                #(#methods)*
            }

            impl ::core::convert::From<#stub> for #client {
                fn from(stub: #stub) -> Self {
                    Self(stub)
                }
            }

            impl ::core::ops::Deref for #client {
                type Target = #stub;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }
        }
    }
}

/// Whether callers have a method.
fn is_remote(function: &ImplItemFn) -> bool {
    matches!(function.vis, Visibility::Public(_)) && function.sig.asyncness.is_some()
}

/// The name of the type of an `impl`.
fn class_name(item: &ItemImpl) -> Result<Ident, TokenStream> {
    let of_trait = item.trait_.as_ref().map(|(path, _)| path.span());
    let generics = &item.generics;
    let generic = (!generics.params.is_empty()).then(|| generics.span());
    let name = match &*item.self_ty {
        Type::Path(path) if path.qself.is_none() => path.path.get_ident().cloned(),
        _ => None,
    };
    match (of_trait.or(generic), name) {
        (None, Some(name)) => Ok(name),
        (span, _) => {
            let span = span.unwrap_or_else(|| item.self_ty.span());
            let message = "a Durable Object is a type without generic parameters";
            let help = "put the attribute on its inherent methods: `impl UserStats { .. }`";
            Err(error(span, message, help))
        }
    }
}

impl Remote {
    fn read(function: &ImplItemFn) -> Result<Self, TokenStream> {
        let signature = &function.sig;
        let is_shared = matches!(
            signature.inputs.first(),
            Some(FnArg::Receiver(receiver))
                if matches!(receiver.kind, ReceiverKind::Reference(_, _, None))
        );
        if !is_shared {
            let message = format!("the method `{}` does not take `&self`", signature.ident);
            let help = "several calls of an object can run at the same time; change its fields \
                        through `Cell` or `RefCell`";
            return Err(error(signature.inputs.span(), &message, help));
        }
        if !signature.generics.params.is_empty() {
            let message = format!("the method `{}` has generic parameters", signature.ident);
            let help = "callers send its arguments as JSON, so their types are fixed; leave out \
                        `pub` for a method that only the object calls";
            return Err(error(signature.generics.span(), &message, help));
        }

        let mut arguments = Vec::new();
        for input in signature.inputs.iter().skip(1) {
            let FnArg::Typed(input) = input else { continue };
            let (Pat::Ident(name), false) = (&*input.pat, is_impl(&input.ty)) else {
                let message = "an argument of a remote method has a name and a type of its own";
                let help = "write `name: Type`";
                return Err(error(input.span(), message, help));
            };
            arguments.push(Argument {
                name: name.ident.clone(),
                ty: (*input.ty).clone(),
            });
        }
        let result = returns_result(&signature.output);
        let output = match (&result, &signature.output) {
            (Some(value), _) => value.to_token_stream(),
            (None, ReturnType::Type(_, ty)) => ty.to_token_stream(),
            (None, ReturnType::Default) => quote!(()),
        };
        let is_kept = |attribute: &&Attribute| {
            ["doc", "cfg", "deprecated", "must_use"]
                .iter()
                .any(|kept| attribute.path().is_ident(kept))
        };
        Ok(Self {
            attributes: function.attrs.iter().filter(is_kept).cloned().collect(),
            name: signature.ident.clone(),
            arguments,
            output,
            returns_result: result.is_some(),
        })
    }

    /// The arm that decodes the arguments and calls the method.
    fn arm(&self, krate: &TokenStream) -> TokenStream {
        let object = quote!(#krate::durable_object);
        let method = self.name.to_string();
        let name = &self.name;
        let names: Vec<&Ident> = self
            .arguments
            .iter()
            .map(|argument| &argument.name)
            .collect();

        let owned = self.arguments.iter().map(|argument| match &argument.ty {
            Type::Reference(reference) => {
                let ty = &reference.elem;
                quote!(<#ty as ::std::borrow::ToOwned>::Owned)
            }
            ty => ty.to_token_stream(),
        });
        let passed = self.arguments.iter().map(|Argument { name, ty }| match ty {
            Type::Reference(_) => quote!(::core::borrow::Borrow::borrow(&#name)),
            _ => name.to_token_stream(),
        });
        let call = quote_spanned!(name.span()=> Self::#name(&self, #(#passed),*).await);
        let outcome = if self.returns_result {
            call
        } else {
            quote!(::core::result::Result::<_, #krate::Error>::Ok(#call))
        };
        let decoded = quote_spanned!(name.span()=> #object::arguments(&arguments));
        let reply = quote_spanned!(name.span()=> #object::reply(#outcome));
        let cfg = self
            .attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"));
        quote! {
            #(#cfg)*
            #method => ::std::boxed::Box::pin(async move {
                let (#(#names,)*): (#(#owned,)*) = #decoded?;
                #reply
            }),
        }
    }

    /// The method of the client.
    fn client(&self, krate: &TokenStream) -> TokenStream {
        let Self {
            attributes,
            name,
            arguments,
            output,
            ..
        } = self;
        let method = name.to_string();
        let parameters = arguments
            .iter()
            .map(|Argument { name, ty }| quote!(#name: #ty));
        let names = arguments.iter().map(|argument| &argument.name);
        // With the span of the method, so that rustc points there when a type is not one of serde.
        let body = quote_spanned! {name.span()=>
            #krate::durable_object::Stub::call(&self.0, #method, &(#(#names,)*)).await
        };
        let docs = attributes.is_empty().then(|| {
            let docs = format!("Calls `{method}` of the object.");
            quote!(#[doc = #docs])
        });

        quote! {
            #docs
            #(#attributes)*
            pub async fn #name(&self, #(#parameters),*) -> #krate::Result<#output> {
                #body
            }
        }
    }
}

fn is_impl(ty: &Type) -> bool {
    matches!(ty, Type::ImplTrait(_))
}

fn has_receiver(function: &ImplItemFn) -> bool {
    matches!(function.sig.inputs.first(), Some(FnArg::Receiver(_)))
}

/// Reports a handler whose signature is not the one that the platform calls.
fn handler_error(function: &ImplItemFn) -> Option<TokenStream> {
    let signature = &function.sig;
    let name = signature.ident.to_string();
    let (counts, expected) = match &*name {
        FETCH => (
            2..=2,
            "`async fn fetch(&self, request: Request) -> Response`",
        ),
        MESSAGE => (
            3..=3,
            "`async fn web_socket_message(&self, socket: WebSocket, message: Message) -> \
             bindery::Result<()>`",
        ),
        CLOSE => (
            3..=3,
            "`async fn web_socket_close(&self, socket: WebSocket, close: Close) -> \
             bindery::Result<()>`",
        ),
        _ => (
            1..=2,
            "`async fn alarm(&self) -> bindery::Result<()>`, or with an argument `info: AlarmInfo`",
        ),
    };
    let is_handler = has_receiver(function)
        && signature.asyncness.is_some()
        && counts.contains(&signature.inputs.len());
    if is_handler {
        return None;
    }

    let message = format!("`{name}` is a handler that the platform calls");
    let help = format!("write {expected}, or give the method another name");
    Some(error(signature.span(), &message, &help))
}

/// The type of the value if a function returns a `Result`.
fn returns_result(output: &ReturnType) -> Option<Type> {
    let ReturnType::Type(_, ty) = output else {
        return None;
    };
    let Type::Path(path) = &**ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "Result" {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Some(Type::Verbatim(quote!(())));
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}

fn error(span: Span, message: &str, help: &str) -> TokenStream {
    project::error(span, Code::DurableObject, message, help)
}
