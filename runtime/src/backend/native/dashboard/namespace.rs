//! A KV namespace: its keys and their values.

use std::time::{Duration, UNIX_EPOCH};

use maud::{Markup, html};

use crate::error::Failure;
use crate::kv::{Listing, Stored, StoredKey};

use super::super::d1::shortened;
use super::super::{Backend, Kv};
use super::layout::{ago, bytes, nothing};
use super::{PATH, Page, Parameters, link};

/// The keys of a page.
const KEYS: u32 = 50;

/// The bytes of a value that are shown.
const VALUE: usize = 64 * 1024;

pub(super) async fn page(backend: &Backend, parameters: &Parameters) -> Result<Page, Failure> {
    let binding = parameters.get("binding").unwrap_or_default();
    let Ok(namespace) = backend.kv(binding) else {
        return Ok(Page::NotFound);
    };
    let shown = match parameters.get("key") {
        Some(key) => entry(&namespace, key).await?,
        None => keys(&namespace, binding, parameters).await?,
    };

    let prefix = parameters.get("prefix").unwrap_or_default();

    let content = html! {
        h1 { a href=(link("kv", &[("binding", binding)])) { (binding) } }
        form action={ (PATH) "/kv" } {
            input type="hidden" name="binding" value=(binding);
            input name="prefix" value=(prefix) placeholder="prefix" aria-label="prefix";
            button { "Filter" }
        }
        (shown)
    };

    Ok(Page::Html {
        title: binding.to_owned(),
        content,
    })
}

async fn keys(namespace: &Kv, binding: &str, parameters: &Parameters) -> Result<Markup, Failure> {
    let prefix = parameters.get("prefix").unwrap_or_default();
    let cursor = parameters.get("cursor");
    let Listing { keys, cursor } = namespace.list(prefix, cursor, KEYS).await?;
    let next = cursor.map(|cursor| {
        let parameters = [
            ("binding", binding),
            ("prefix", prefix),
            ("cursor", &cursor),
        ];
        link("kv", &parameters)
    });

    Ok(html! {
        @if keys.is_empty() { (nothing("No keys.")) } @else {
            div.scroll { table.data {
                thead { tr { th { "key" } th { "expires" } th { "metadata" } } }
                tbody { @for key in &keys { (row(binding, key)) } }
            } }
        }
        p.pages { @if let Some(next) = next { a href=(next) { "next →" } } }
    })
}

fn row(binding: &str, key: &StoredKey) -> Markup {
    let expiration = key
        .expiration
        .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    let metadata = key.metadata.as_deref().map(shortened);

    html! {
        tr {
            td { a href=(link("kv", &[("binding", binding), ("key", &key.name)])) { (key.name) } }
            td { @if let Some(time) = expiration { (ago(time)) } }
            td { @if let Some(metadata) = metadata { (metadata) } }
        }
    }
}

async fn entry(namespace: &Kv, key: &str) -> Result<Markup, Failure> {
    let Some(Stored { value, metadata }) = namespace.get_with_metadata(key, None).await? else {
        return Ok(nothing("The key does not exist."));
    };

    Ok(html! {
        h2 { (key) }
        p.time { (bytes(value.len() as u64)) }
        @if let Some(metadata) = metadata { h3 { "Metadata" } pre.value { (metadata) } }
        h3 { "Value" }
        pre.value { (text(&value)) }
    })
}

/// The start of a value, or a note that it is not text.
fn text(value: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(value) else {
        return "(binary)".to_owned();
    };
    match text.len() > VALUE {
        true => format!("{}…", &text[..text.floor_char_boundary(VALUE)]),
        false => text.to_owned(),
    }
}
