//! The reference as Markdown.

use std::fmt::Write;

use super::page::{Block, Section};

pub(crate) fn render(title: &str, sections: &[Section]) -> String {
    let mut out = format!("# {title}\n");
    sections
        .iter()
        .for_each(|section| self::section(&mut out, section, 2));
    out
}

fn section(out: &mut String, section: &Section, level: usize) {
    let _ = writeln!(out, "\n{} {}", "#".repeat(level), section.title);
    for block in &section.blocks {
        out.push('\n');
        match block {
            Block::Text(text) => {
                let _ = writeln!(out, "{text}");
            }
            Block::Table(headings, rows) => {
                let _ = writeln!(out, "| {} |", headings.join(" | "));
                let _ = writeln!(out, "|{}", " --- |".repeat(headings.len()));
                for row in rows {
                    let cells: Vec<String> = row
                        .iter()
                        .map(|cell| cell.replace('|', "\\|").replace('\n', " "))
                        .collect();
                    let _ = writeln!(out, "| {} |", cells.join(" | "));
                }
            }
            Block::Code(language, text) => {
                let _ = writeln!(out, "```{language}\n{text}\n```");
            }
            Block::Warning(text) => {
                let _ = writeln!(out, "> **Warning:** {text}");
            }
            Block::Diagram { mermaid, .. } => {
                let _ = writeln!(out, "```mermaid\n{mermaid}\n```");
            }
        }
    }
    section
        .parts
        .iter()
        .for_each(|part| self::section(out, part, level + 1));
}
