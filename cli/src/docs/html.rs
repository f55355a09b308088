//! Renders the reference as one HTML page that loads nothing from the network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::page::{Block, Section};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The level of the headings of top-level sections. The title of the page is an `h1`.
const TOP_LEVEL: usize = 2;

pub(crate) fn render(title: &str, sections: &[Section]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                nav aria-label="Contents" {
                    a.name href="#" { (title) }
                    (search())
                    ul { @for section in sections { (contents_entry(section)) } }
                }
                main {
                    h1 { (title) }
                    p #nothing hidden { "No section matches the search." }
                    @for section in sections { (part(section, TOP_LEVEL)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn search() -> Markup {
    html! {
        input #search type="search" placeholder="Search" aria-label="Search the reference"
            autocomplete="off";
    }
}

fn contents_entry(section: &Section) -> Markup {
    html! {
        li {
            a href={ "#" (section.id) } { (inline(&section.title)) }
            @if !section.parts.is_empty() {
                ul { @for part in &section.parts { (contents_entry(part)) } }
            }
        }
    }
}

fn part(section: &Section, level: usize) -> Markup {
    let title = inline(&section.title);
    html! {
        section id=(section.id) {
            @match level {
                2 => h2 { (title) },
                3 => h3 { (title) },
                _ => h4 { (title) },
            }
            @for block in &section.blocks { (self::block(block)) }
            @for part in &section.parts { (self::part(part, level + 1)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    html! {
        @match block {
            Block::Text(text) => p { (inline(text)) },
            Block::Table(headings, rows) => (table(headings, rows)),
            Block::Code(language, text) => pre { code class={ "language-" (language) } { (text) } },
            Block::Warning(text) => p.warning { strong { "Warning " } (inline(text)) },
            Block::Diagram { svg, .. } => div.scrolls { (PreEscaped(svg)) },
        }
    }
}

fn table(headings: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scrolls {
            table {
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (inline(cell)) } } } } }
            }
        }
    }
}

/// Text in which the parts between backticks are code.
fn inline(text: &str) -> Markup {
    html! {
        @for (index, piece) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}
