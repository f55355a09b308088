//! Parses the input of `handlers!`: the handlers of requests, queues, crons and classes.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Path, Token};

use crate::report::suggestion;

/// The content of a `handlers!`. It has no `Debug`, which would double the compile time of `syn`.
pub struct Handlers {
    /// The path of the runtime crate.
    pub krate: TokenStream,
    /// The environment.
    pub env: Path,
    /// The function that runs once.
    pub start: Option<Path>,
    /// The handler of requests.
    pub fetch: Option<Path>,
    /// The queues and their handlers.
    pub queues: Vec<(LitStr, Path)>,
    /// The cron expressions and their handlers.
    pub schedules: Vec<(LitStr, Path)>,
    /// The handler of emails.
    pub email: Option<Path>,
    /// The handler of traces.
    pub tail: Option<Path>,
    /// The Durable Object classes.
    pub durable_objects: Vec<Path>,
    /// The Workflow classes.
    pub workflows: Vec<Path>,
}

/// The words that start an entry.
const WORDS: [&str; 9] = [
    "env",
    "start",
    "fetch",
    "queue",
    "scheduled",
    "email",
    "tail",
    "durable_object",
    "workflow",
];

impl Parse for Handlers {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut env = None;
        let mut handlers = Self {
            krate: quote!(::bindery),
            env: syn::parse_quote!(Env),
            start: None,
            fetch: None,
            queues: Vec::new(),
            schedules: Vec::new(),
            email: None,
            tail: None,
            durable_objects: Vec::new(),
            workflows: Vec::new(),
        };

        while !input.is_empty() {
            handlers.parse_entry(input, &mut env)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        match env {
            Some(env) => Ok(Self { env, ..handlers }),
            None => Err(input.error("`env` is missing: write `env: Env`")),
        }
    }
}

impl Handlers {
    fn parse_entry(&mut self, input: ParseStream<'_>, env: &mut Option<Path>) -> syn::Result<()> {
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            self.krate = input.parse::<Path>()?.into_token_stream();
            return Ok(());
        }

        let word: Ident = input.parse()?;
        match word.to_string().as_str() {
            "env" => *env = Some(parse_path(input)?),
            "start" => self.start = Some(parse_path(input)?),
            "fetch" => self.fetch = Some(parse_path(input)?),
            "queue" => self.queues.push((input.parse()?, parse_path(input)?)),
            "scheduled" => self.schedules.push((input.parse()?, parse_path(input)?)),
            "email" => self.email = Some(parse_path(input)?),
            "tail" => self.tail = Some(parse_path(input)?),
            "durable_object" => self.durable_objects.push(input.parse()?),
            "workflow" => self.workflows.push(input.parse()?),
            other => {
                let help = suggestion(other, "handlers", &WORDS);
                let message = format!("`{other}` is not a kind of handler; {help}");
                return Err(syn::Error::new(word.span(), message));
            }
        }
        Ok(())
    }
}

/// `: path`
fn parse_path(input: ParseStream<'_>) -> syn::Result<Path> {
    input.parse::<Token![:]>()?;
    input.parse()
}
