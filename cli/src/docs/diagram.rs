//! The tables of a database and what refers to what: as Mermaid, and as SVG that needs nothing else.

use std::collections::HashMap;
use std::fmt::Write;

use bindery_codegen::schema::{Reference, Table};

/// `erDiagram`
pub(crate) fn mermaid(tables: &[&Table], references: &[Reference]) -> String {
    let mut out = "erDiagram".to_owned();
    let word = |text: &str| -> String {
        let word: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        if word.is_empty() {
            "ANY".to_owned()
        } else {
            word
        }
    };
    for table in tables {
        let _ = write!(out, "\n    {} {{", word(&table.name));
        for column in table.columns.iter().filter(|column| !column.hidden) {
            let refers = references
                .iter()
                .any(|known| known.table == table.name && known.column == column.name);
            let mark = match (column.in_key, refers) {
                (true, true) => " PK, FK",
                (true, false) => " PK",
                (false, true) => " FK",
                (false, false) => "",
            };
            let _ = write!(
                out,
                "\n        {} {}{mark}",
                word(&column.declared),
                word(&column.name)
            );
        }
        out.push_str("\n    }");
    }
    for Reference {
        table,
        column,
        parent,
        ..
    } in references
    {
        let _ = write!(
            out,
            "\n    {} ||--o{{ {} : {}",
            word(parent),
            word(table),
            word(column)
        );
    }
    out
}

/// Sizes in pixels.
const ROW: usize = 22;
const CHARACTER: usize = 8;
const GAP: usize = 70;
const SPACE: usize = 28;
const MARGIN: usize = 12;

struct Placed<'a> {
    table: &'a Table,
    x: usize,
    y: usize,
    width: usize,
}

impl Placed<'_> {
    fn columns(&self) -> impl Iterator<Item = &bindery_codegen::schema::Column> {
        self.table.columns.iter().filter(|column| !column.hidden)
    }

    fn height(&self) -> usize {
        ROW * (1 + self.columns().count()) + 6
    }

    /// The middle of a column's row; that of the title for what is no column.
    fn middle(&self, column: Option<&str>) -> usize {
        let key = || self.columns().position(|known| known.in_key);
        let row = match column {
            Some(name) => self
                .columns()
                .position(|known| known.name.eq_ignore_ascii_case(name)),
            None => key(),
        };
        self.y + ROW / 2 + row.map_or(0, |row| (row + 1) * ROW)
    }
}

/// Tables in columns: each to the right of what it refers to.
pub(crate) fn svg(tables: &[&Table], references: &[Reference]) -> String {
    let placed = place(tables, references);
    let width = placed
        .iter()
        .map(|table| table.x + table.width)
        .max()
        .unwrap_or(0)
        + MARGIN;
    let height = placed
        .iter()
        .map(|table| table.y + table.height())
        .max()
        .unwrap_or(0)
        + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"tables and what refers to what\" font-family=\"ui-monospace, monospace\" font-size=\"13\" fill=\"currentColor\">"
    );
    let by_name: HashMap<String, &Placed<'_>> = placed
        .iter()
        .map(|one| (one.table.name.to_lowercase(), one))
        .collect();
    for reference in references {
        let (Some(child), Some(parent)) = (
            by_name.get(&reference.table.to_lowercase()),
            by_name.get(&reference.parent.to_lowercase()),
        ) else {
            continue;
        };
        let (y1, y2) = (
            child.middle(Some(&reference.column)),
            parent.middle(reference.parent_column.as_deref()),
        );
        // To the left where the parent stands there, else out and back on the right.
        let is_left = parent.x < child.x;
        let (x1, x2) = if is_left {
            (child.x, parent.x + parent.width)
        } else {
            (child.x + child.width, parent.x + parent.width)
        };
        let (c1, c2) = if is_left {
            (x1.saturating_sub(GAP / 2), x2 + GAP / 2)
        } else {
            (x1 + GAP / 2, x2 + GAP / 2)
        };
        let _ = write!(
            out,
            "<path d=\"M{x1} {y1}C{c1} {y1} {c2} {y2} {x2} {y2}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".45\"/>\
             <circle cx=\"{x2}\" cy=\"{y2}\" r=\"3\" fill-opacity=\".6\"/>"
        );
    }
    for one in &placed {
        let Placed { table, x, y, width } = one;
        let height = one.height();
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\" fill=\"var(--page, #fff)\" stroke=\"currentColor\" stroke-opacity=\".35\"/>\
             <text x=\"{}\" y=\"{}\" font-weight=\"700\">{}</text>\
             <path d=\"M{x} {}h{width}\" stroke=\"currentColor\" stroke-opacity=\".35\"/>",
            x + 10,
            y + ROW - 6,
            escape(&table.name),
            y + ROW + 1
        );
        for (row, column) in one.columns().enumerate() {
            let line = y + (row + 2) * ROW - 6;
            let weight = if column.in_key {
                " font-weight=\"600\""
            } else {
                ""
            };
            let question = if column.not_null { "" } else { "?" };
            let _ = write!(
                out,
                "<text x=\"{}\" y=\"{line}\"{weight}>{}</text><text x=\"{}\" y=\"{line}\" text-anchor=\"end\" fill-opacity=\".6\">{}{question}</text>",
                x + 10,
                escape(&column.name),
                x + width - 10,
                escape(&column.declared)
            );
        }
    }
    out.push_str("</svg>");
    out
}

fn place<'a>(tables: &[&'a Table], references: &[Reference]) -> Vec<Placed<'a>> {
    let mut levels: HashMap<String, usize> = HashMap::new();
    // Each round moves a table right of its parents; a circle ends with the number of tables.
    for _ in 0..tables.len() {
        let mut moved = false;
        for reference in references
            .iter()
            .filter(|known| !known.parent.eq_ignore_ascii_case(&known.table))
        {
            let parent = levels
                .get(&reference.parent.to_lowercase())
                .copied()
                .unwrap_or(0);
            let own = levels.entry(reference.table.to_lowercase()).or_insert(0);
            if *own <= parent && parent + 1 < tables.len().min(8) {
                *own = parent + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let level = |table: &Table| levels.get(&table.name.to_lowercase()).copied().unwrap_or(0);
    let most = tables.iter().map(|table| level(table)).max().unwrap_or(0);
    let mut placed = Vec::new();
    let mut x = MARGIN;
    for wanted in 0..=most {
        let mut y = MARGIN;
        let mut widest = 0;
        for table in tables.iter().filter(|table| level(table) == wanted) {
            let longest = |column: &bindery_codegen::schema::Column| {
                column.name.chars().count() + column.declared.chars().count() + 4
            };
            let characters = table
                .columns
                .iter()
                .map(longest)
                .max()
                .unwrap_or(0)
                .max(table.name.chars().count() + 2);
            let one = Placed {
                table,
                x,
                y,
                width: characters * CHARACTER + 20,
            };
            widest = widest.max(one.width);
            y += one.height() + SPACE;
            placed.push(one);
        }
        x += widest + GAP;
    }
    placed
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
