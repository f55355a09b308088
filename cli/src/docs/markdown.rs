//! Renders the reference as Markdown.

use std::fmt::Write;

use super::page::{Block, Section};

pub(crate) fn render(title: &str, sections: &[Section]) -> String {
    let mut out = format!("# {title}\n");
    for section in sections {
        write_section(&mut out, section, 2);
    }
    out
}

fn write_section(out: &mut String, section: &Section, level: usize) {
    let _ = writeln!(out, "\n{} {}", "#".repeat(level), section.title);
    for block in &section.blocks {
        out.push('\n');
        write_block(out, block);
    }
    for part in &section.parts {
        write_section(out, part, level + 1);
    }
}

fn write_block(out: &mut String, block: &Block) {
    // Writing to a `String` cannot fail.
    let _ = match block {
        Block::Text(text) => writeln!(out, "{text}"),
        Block::Table(headings, rows) => write_table(out, headings, rows),
        Block::Code(language, text) => writeln!(out, "```{language}\n{text}\n```"),
        Block::Warning(text) => writeln!(out, "> **Warning:** {text}"),
        Block::Diagram { mermaid, .. } => writeln!(out, "```mermaid\n{mermaid}\n```"),
    };
}

fn write_table(out: &mut String, headings: &[&str], rows: &[Vec<String>]) -> std::fmt::Result {
    writeln!(out, "| {} |", headings.join(" | "))?;
    writeln!(out, "|{}", " --- |".repeat(headings.len()))?;
    for row in rows {
        let cells = row.iter();
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "))?;
    }
    Ok(())
}
