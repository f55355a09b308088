//! An R2 bucket: its objects.

use maud::{Markup, html};

use crate::error::Failure;
use crate::r2::{GetOptions, ListRequest, Listing, ObjectInfo};

use super::super::{Backend, R2};
use super::layout::{ago, bytes, nothing};
use super::{PATH, Page, Parameters, link};

/// The objects and folders of a page.
const OBJECTS: u32 = 50;

pub(super) async fn page(backend: &Backend, parameters: &Parameters) -> Result<Page, Failure> {
    let binding = parameters.get("binding").unwrap_or_default();
    let Ok(bucket) = backend.r2(binding) else {
        return Ok(Page::NotFound);
    };
    let shown = match parameters.get("key") {
        Some(key) => object(&bucket, binding, key).await?,
        None => objects(&bucket, binding, parameters).await?,
    };

    let prefix = parameters.get("prefix").unwrap_or_default();

    let content = html! {
        h1 { a href=(link("r2", &[("binding", binding)])) { (binding) } }
        form action={ (PATH) "/r2" } {
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

/// Returns the content of an object.
pub(super) async fn download(backend: &Backend, parameters: &Parameters) -> Result<Page, Failure> {
    let binding = parameters.get("binding").unwrap_or_default();
    let key = parameters.get("key").unwrap_or_default();
    let Ok(bucket) = backend.r2(binding) else {
        return Ok(Page::NotFound);
    };
    let found = bucket.get(key, &GetOptions::default()).await?;

    Ok(match found {
        Some((_, Some((content, _)))) => Page::File {
            name: key.to_owned(),
            content,
        },
        _ => Page::NotFound,
    })
}

async fn objects(bucket: &R2, binding: &str, parameters: &Parameters) -> Result<Markup, Failure> {
    let prefix = parameters.get("prefix").unwrap_or_default();
    let request = ListRequest {
        prefix: prefix.to_owned(),
        cursor: parameters.get("cursor").map(str::to_owned),
        delimiter: Some("/".to_owned()),
        ..ListRequest::default()
    };
    let Listing {
        objects,
        prefixes,
        cursor,
    } = bucket.list(&request, OBJECTS).await?;
    let next = cursor.map(|cursor| {
        let parameters = [
            ("binding", binding),
            ("prefix", prefix),
            ("cursor", &cursor),
        ];
        link("r2", &parameters)
    });

    Ok(html! {
        @if objects.is_empty() && prefixes.is_empty() { (nothing("No objects.")) } @else {
            div.scroll { table.data {
                thead { tr { th { "key" } th { "size" } th { "content type" } th { "uploaded" } } }
                tbody {
                    @for prefix in &prefixes {
                        tr { td colspan="4" {
                            a href=(link("r2", &[("binding", binding), ("prefix", prefix)])) { (prefix) }
                        } }
                    }
                    @for object in &objects { (row(binding, object)) }
                }
            } }
        }
        p.pages { @if let Some(next) = next { a href=(next) { "next →" } } }
    })
}

fn row(binding: &str, object: &ObjectInfo) -> Markup {
    let content_type = object.http_metadata.content_type.as_deref();

    html! {
        tr {
            td { a href=(link("r2", &[("binding", binding), ("key", &object.key)])) { (object.key) } }
            td.number { (bytes(object.size)) }
            td { (content_type.unwrap_or_default()) }
            td.time { (ago(object.uploaded)) }
        }
    }
}

async fn object(bucket: &R2, binding: &str, key: &str) -> Result<Markup, Failure> {
    let Some(object) = bucket.head(key).await? else {
        return Ok(nothing("The object does not exist."));
    };
    let http = &object.http_metadata;
    let properties = [
        ("content type", http.content_type.clone()),
        ("content disposition", http.content_disposition.clone()),
        ("content encoding", http.content_encoding.clone()),
        ("content language", http.content_language.clone()),
        ("cache control", http.cache_control.clone()),
        ("ETag", Some(object.etag.clone())),
        ("version", Some(object.version.clone())),
    ];
    let properties = properties
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));

    Ok(html! {
        h2 { (key) }
        p {
            (bytes(object.size)) ", uploaded " (ago(object.uploaded)) " · "
            a href=(link("r2/download", &[("binding", binding), ("key", key)])) { "Download" }
        }
        div.scroll { table.data { tbody {
            @for (name, value) in properties { tr { th { (name) } td { (value) } } }
            @for (name, value) in &object.custom_metadata {
                tr { th { (name) } td { (value) } }
            }
        } } }
    })
}
