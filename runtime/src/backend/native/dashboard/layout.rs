//! What all pages have in common.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};

use crate::app::EnvironmentManifest;
use crate::bindings::BindingKind;

use super::super::d1::Cell;
use super::{PATH, link};

/// Returns a page as an HTML document.
pub(super) fn document(environment: &EnvironmentManifest, title: &str, content: &Markup) -> Markup {
    let worker = environment.worker;

    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (worker) }
                link rel="stylesheet" href={ (PATH) "/style.css" };
                script src={ (PATH) "/script.js" } defer {}
            }
            body {
                (navigation(environment))
                main { (content) }
            }
        }
    }
}

fn navigation(environment: &EnvironmentManifest) -> Markup {
    let groups = [
        ("D1", "d1", BindingKind::D1),
        ("KV", "kv", BindingKind::Kv),
        ("R2", "r2", BindingKind::R2),
    ];

    html! {
        nav {
            a.worker href=(PATH) { (environment.worker) }
            @if !environment.name.is_empty() { span.badge { (environment.name) } }
            a href=(PATH) { "Overview" }
            @for (title, page, kind) in groups {
                (group(environment, title, page, kind))
            }
            a href={ (PATH) "/queue" } { "Queues" }
        }
    }
}

fn group(environment: &EnvironmentManifest, title: &str, page: &str, kind: BindingKind) -> Markup {
    let resources = environment.resources.iter();
    let bindings = resources.filter(|resource| resource.kind == kind);

    html! {
        @for resource in bindings {
            a href=(link(page, &[("binding", resource.binding)])) {
                span.kind { (title) } " " (resource.binding)
            }
        }
    }
}

/// A message that something is wrong.
pub(super) fn problem(message: &str) -> Markup {
    html! { p.problem { (message) } }
}

/// A note that there is nothing to show.
pub(super) fn nothing(message: &str) -> Markup {
    html! { p.nothing { (message) } }
}

/// Returns the rows of a result as a table.
pub(super) fn results(columns: &[String], rows: &[Vec<Cell>]) -> Markup {
    html! {
        div.scroll {
            table.data {
                thead { tr { @for column in columns { th { (column) } } } }
                tbody {
                    @for row in rows {
                        tr { @for value in row { (cell(value)) } }
                    }
                }
            }
        }
    }
}

fn cell(value: &Cell) -> Markup {
    html! {
        @match value {
            Cell::Null => td.null { "NULL" },
            Cell::Number(number) => td.number { (number) },
            Cell::Text(text) => td { (text) },
            Cell::Blob(digits) => td.blob { (digits) },
        }
    }
}

/// A time in words.
pub(super) fn ago(time: SystemTime) -> String {
    match SystemTime::now().duration_since(time) {
        Ok(age) if age < Duration::from_secs(1) => "now".to_owned(),
        Ok(age) => format!("{} ago", rounded(age)),
        Err(error) => format!("in {}", rounded(error.duration())),
    }
}

/// A duration in its largest unit.
pub(super) fn rounded(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    match unit {
        Some((length, name)) => format!("{} {name}", seconds / length),
        None => "0 s".to_owned(),
    }
}

/// A duration in milliseconds.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}

/// A number of bytes in its largest unit.
pub(super) fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, name)) => format!("{:.1} {name}", count as f64 / size as f64),
        None => format!("{count} B"),
    }
}
