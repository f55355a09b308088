//! The queues: their messages.

use maud::{Markup, html};

use crate::error::Failure;

use super::super::Backend;
use super::super::clock::at_milliseconds;
use super::super::d1::shortened;
use super::super::queue::QueuedMessage;
use super::layout::{ago, nothing};
use super::{Page, Parameters, link};

/// The messages of a page.
const MESSAGES: u32 = 50;

pub(super) async fn page(backend: &Backend, parameters: &Parameters) -> Result<Page, Failure> {
    let lengths = backend.queues().lengths().await?;
    let chosen = parameters.get("queue");
    let messages = match chosen {
        Some(queue) => backend.queues().messages(queue, MESSAGES).await?,
        None => Vec::new(),
    };

    let content = html! {
        h1 { "Queues" }
        @if lengths.is_empty() { (nothing("No queue has messages.")) }
        ul.tables {
            @for (queue, length) in &lengths {
                li {
                    a href=(link("queue", &[("queue", queue)])) { (queue) }
                    " " span.time { (length) " messages" }
                }
            }
        }
        @if let Some(queue) = chosen { (list(queue, &messages)) }
    };

    Ok(Page::Html {
        title: "Queues".to_owned(),
        content,
    })
}

fn list(queue: &str, messages: &[QueuedMessage]) -> Markup {
    html! {
        h2 { (queue) }
        @if messages.is_empty() { (nothing("The queue is empty.")) } @else {
            div.scroll { table.data {
                thead { tr { th { "id" } th { "sent" } th { "due" } th { "attempts" } th { "body" } } }
                tbody {
                    @for message in messages {
                        tr {
                            td.number { (message.id) }
                            td.time { (ago(at_milliseconds(message.sent_at))) }
                            td.time {
                                @if message.is_in_flight { "being delivered" }
                                @else { (ago(at_milliseconds(message.visible_at))) }
                            }
                            td.number { (message.attempts) }
                            td { (shortened(&message.body)) }
                        }
                    }
                }
            } }
        }
    }
}
