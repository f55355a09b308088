//! Who handles what: the `handlers!` of a crate, as far as its text tells.

use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, Item, LitStr, Path as RustPath, Token};

/// What a `handlers!` names.
#[derive(Debug, Default)]
pub(crate) struct Handlers {
    /// The handler of requests.
    pub(crate) fetch: Option<String>,
    /// Queues and their handlers.
    pub(crate) queues: Vec<(String, String)>,
    /// Durable Object classes.
    pub(crate) classes: Vec<String>,
}

impl Parse for Handlers {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut handlers = Self::default();
        while !input.is_empty() {
            let path = |input: ParseStream<'_>| -> syn::Result<String> {
                input.parse::<Token![:]>()?;
                Ok(input.parse::<RustPath>()?.to_token_stream().to_string().replace(' ', ""))
            };
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                path(input)?;
            } else {
                let key: Ident = input.parse()?;
                if key == "queue" {
                    let queue: LitStr = input.parse()?;
                    handlers.queues.push((queue.value(), path(input)?));
                } else if key == "durable_object" {
                    handlers.classes.push(input.parse::<Ident>()?.to_string());
                } else if key == "fetch" {
                    handlers.fetch = Some(path(input)?);
                } else {
                    path(input)?;
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(handlers)
    }
}

/// The first `handlers!` in the sources of a package.
pub(crate) fn find(package: &Path) -> Option<Handlers> {
    walk(&package.join("src"))
}

fn walk(folder: &Path) -> Option<Handlers> {
    let mut paths: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.into_iter().find_map(|path| {
        if path.is_dir() {
            return walk(&path);
        }
        let text = fs::read_to_string(&path).ok().filter(|text| text.contains("handlers!"))?;
        syn::parse_file(&text).ok()?.items.into_iter().find_map(|item| match item {
            Item::Macro(found) if found.mac.path.segments.last().is_some_and(|last| last.ident == "handlers") => {
                found.mac.parse_body().ok()
            }
            _ => None,
        })
    })
}
