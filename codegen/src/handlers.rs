//! The input of `handlers!`: which handler serves what.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Path, Token};

use crate::report::suggestion;

/// What a `handlers!` names. Syntax, which has no `Debug` here: it would double what syn takes to build.
pub struct Handlers {
    /// The path of the runtime crate.
    pub krate: TokenStream,
    /// The environment.
    pub env: Path,
    /// The handler of requests.
    pub fetch: Option<Path>,
    /// The queues and their handlers.
    pub queues: Vec<(LitStr, Path)>,
    /// The Durable Object classes.
    pub durable_objects: Vec<Ident>,
}

impl Parse for Handlers {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut env = None;
        let mut parsed = Self {
            krate: quote!(::bindery),
            env: syn::parse_quote!(Env),
            fetch: None,
            queues: Vec::new(),
            durable_objects: Vec::new(),
        };
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![:]>()?;
                parsed.krate = input.parse::<Path>()?.into_token_stream();
            } else {
                let word: Ident = input.parse()?;
                match word.to_string().as_str() {
                    "env" => {
                        input.parse::<Token![:]>()?;
                        env = Some(input.parse()?);
                    }
                    "fetch" => {
                        input.parse::<Token![:]>()?;
                        parsed.fetch = Some(input.parse()?);
                    }
                    "queue" => {
                        let queue = input.parse()?;
                        input.parse::<Token![:]>()?;
                        parsed.queues.push((queue, input.parse()?));
                    }
                    "durable_object" => parsed.durable_objects.push(input.parse()?),
                    other => {
                        let known = ["env", "fetch", "queue", "durable_object"];
                        let help = suggestion(other, "words that belong here", &known);
                        return Err(syn::Error::new(
                            word.span(),
                            format!("`{other}` is no handler; {help}"),
                        ));
                    }
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        match env {
            Some(env) => Ok(Self { env, ..parsed }),
            None => Err(input.error("`env` is missing: write `env: Env`")),
        }
    }
}
