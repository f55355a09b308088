//! Draws the tables of a database and their foreign keys, as Mermaid and as SVG.

use std::collections::HashMap;
use std::fmt::Write;

use bindery_codegen::schema::{Column, Reference, Table};

/// The diagram as a Mermaid `erDiagram`.
pub(crate) fn mermaid(tables: &[&Table], references: &[Reference]) -> String {
    let mut out = "erDiagram".to_owned();
    for table in tables {
        let _ = write!(out, "\n    {} {{", mermaid_word(&table.name));
        for column in visible(table) {
            let is_reference = references
                .iter()
                .any(|known| known.table == table.name && known.column == column.name);
            let keys = match (column.in_key, is_reference) {
                (true, true) => " PK, FK",
                (true, false) => " PK",
                (false, true) => " FK",
                (false, false) => "",
            };
            let (ty, name) = (mermaid_word(&column.declared), mermaid_word(&column.name));
            let _ = write!(out, "\n        {ty} {name}{keys}");
        }
        out.push_str("\n    }");
    }

    for reference in references {
        let parent = mermaid_word(&reference.parent);
        let child = mermaid_word(&reference.table);
        let column = mermaid_word(&reference.column);
        let _ = write!(out, "\n    {parent} ||--o{{ {child} : {column}");
    }
    out
}

/// A word that Mermaid accepts as a name and as a type.
fn mermaid_word(text: &str) -> String {
    if text.is_empty() {
        return "ANY".to_owned();
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.replace(|c| !is_allowed(c), "_")
}

/// The columns that `SELECT *` returns.
fn visible(table: &Table) -> impl Iterator<Item = &Column> {
    table.columns.iter().filter(|column| !column.hidden)
}

// Sizes in pixels.

/// The height of a row of text.
const ROW: usize = 22;
/// The width of a character.
const CHARACTER: usize = 8;
/// The space between two levels of tables, where the lines of the foreign keys run.
const GAP: usize = 70;
/// The space between two tables of the same level.
const SPACE: usize = 28;
/// The space around the diagram.
const MARGIN: usize = 12;
/// The space between the border of a table and its text.
const PADDING: usize = 10;

/// The maximum number of levels of tables.
const MAX_LEVELS: usize = 8;

/// A table with its position in the diagram.
struct PlacedTable<'a> {
    table: &'a Table,
    x: usize,
    y: usize,
    width: usize,
}

impl PlacedTable<'_> {
    fn height(&self) -> usize {
        ROW * (1 + visible(self.table).count()) + 6
    }

    fn right(&self) -> usize {
        self.x + self.width
    }

    /// The vertical center of the row of a column, or of the primary key if there is no column
    /// name. If the table does not have the column, the center of the title.
    fn center_of(&self, column: Option<&str>) -> usize {
        let mut columns = visible(self.table);
        let row = match column {
            Some(name) => columns.position(|known| known.name.eq_ignore_ascii_case(name)),
            None => columns.position(|known| known.in_key),
        };
        self.y + ROW / 2 + row.map_or(0, |row| (row + 1) * ROW)
    }
}

/// The diagram as an SVG that does not need other files. Each table is to the right of the tables
/// that it references.
pub(crate) fn svg(tables: &[&Table], references: &[Reference]) -> String {
    let placed = place(tables, references);
    let right = placed.iter().map(PlacedTable::right).max().unwrap_or(0);
    let bottoms = placed.iter().map(|table| table.y + table.height());
    let width = right + MARGIN;
    let height = bottoms.max().unwrap_or(0) + MARGIN;

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"tables and foreign keys\" \
         font-family=\"ui-monospace, monospace\" font-size=\"13\" fill=\"currentColor\">"
    );

    let by_name: HashMap<String, &PlacedTable<'_>> = placed
        .iter()
        .map(|placed| (placed.table.name.to_lowercase(), placed))
        .collect();
    for reference in references {
        let child = by_name.get(&reference.table.to_lowercase());
        let parent = by_name.get(&reference.parent.to_lowercase());
        if let (Some(child), Some(parent)) = (child, parent) {
            draw_reference(&mut out, reference, child, parent);
        }
    }

    for table in &placed {
        draw_table(&mut out, table);
    }
    out.push_str("</svg>");
    out
}

/// Draws a line from the column of the child to the column of the parent.
fn draw_reference(
    out: &mut String,
    reference: &Reference,
    child: &PlacedTable<'_>,
    parent: &PlacedTable<'_>,
) {
    let y1 = child.center_of(Some(&reference.column));
    let y2 = parent.center_of(reference.parent_column.as_deref());
    let x2 = parent.right();

    // A parent on the same level or further right is only reached by a bend on the right of both.
    let is_left = parent.x < child.x;
    let x1 = if is_left { child.x } else { child.right() };
    let control1 = if is_left {
        x1.saturating_sub(GAP / 2)
    } else {
        x1 + GAP / 2
    };
    let control2 = x2 + GAP / 2;

    let _ = write!(
        out,
        "<path d=\"M{x1} {y1}C{control1} {y1} {control2} {y2} {x2} {y2}\" fill=\"none\" \
         stroke=\"currentColor\" stroke-opacity=\".45\"/>\
         <circle cx=\"{x2}\" cy=\"{y2}\" r=\"3\" fill-opacity=\".6\"/>"
    );
}

/// Draws a box with the name of the table and a row for each column.
fn draw_table(out: &mut String, placed: &PlacedTable<'_>) {
    let PlacedTable { table, x, y, width } = placed;
    let height = placed.height();
    let (left, right) = (x + PADDING, x + width - PADDING);
    let _ = write!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\" \
         fill=\"var(--page, #fff)\" stroke=\"currentColor\" stroke-opacity=\".35\"/>\
         <text x=\"{left}\" y=\"{}\" font-weight=\"700\">{}</text>\
         <path d=\"M{x} {}h{width}\" stroke=\"currentColor\" stroke-opacity=\".35\"/>",
        y + ROW - 6,
        escape(&table.name),
        y + ROW + 1
    );

    for (row, column) in visible(table).enumerate() {
        let baseline = y + (row + 2) * ROW - 6;
        let weight = if column.in_key {
            " font-weight=\"600\""
        } else {
            ""
        };
        let nullable = if column.not_null { "" } else { "?" };
        let (name, ty) = (escape(&column.name), escape(&column.declared));
        let _ = write!(
            out,
            "<text x=\"{left}\" y=\"{baseline}\"{weight}>{name}</text>\
             <text x=\"{right}\" y=\"{baseline}\" text-anchor=\"end\" \
             fill-opacity=\".6\">{ty}{nullable}</text>"
        );
    }
}

/// Assigns each table a position: the tables of a level are below each other.
fn place<'a>(tables: &[&'a Table], references: &[Reference]) -> Vec<PlacedTable<'a>> {
    let levels = levels(tables.len(), references);
    let level_of = |table: &Table| {
        let level = levels.get(&table.name.to_lowercase());
        level.copied().unwrap_or(0)
    };
    let last = tables.iter().map(|table| level_of(table)).max();

    let mut placed = Vec::new();
    let mut x = MARGIN;
    for level in 0..=last.unwrap_or(0) {
        let mut y = MARGIN;
        let mut widest = 0;
        for table in tables.iter().filter(|table| level_of(table) == level) {
            let width = width(table);
            let table = PlacedTable { table, x, y, width };
            widest = widest.max(width);
            y += table.height() + SPACE;
            placed.push(table);
        }
        x += widest + GAP;
    }
    placed
}

/// The levels of the tables that reference others, by their names in lower case. A table is on a
/// higher level than the tables that it references, as far as cycles and [`MAX_LEVELS`] allow.
fn levels(tables: usize, references: &[Reference]) -> HashMap<String, usize> {
    let mut levels: HashMap<String, usize> = HashMap::new();
    // Without a cycle, no path is longer than the number of tables.
    for _ in 0..tables {
        let mut has_moved = false;
        for reference in references {
            let child = reference.table.to_lowercase();
            let parent = reference.parent.to_lowercase();
            if child == parent {
                continue;
            }

            let parent = levels.get(&parent).copied().unwrap_or(0);
            let child = levels.entry(child).or_insert(0);
            if *child <= parent && parent + 1 < tables.min(MAX_LEVELS) {
                *child = parent + 1;
                has_moved = true;
            }
        }
        if !has_moved {
            break;
        }
    }
    levels
}

/// The width of a table: that of its longest line.
fn width(table: &Table) -> usize {
    let title = table.name.chars().count() + 2;
    let columns = table.columns.iter();
    let lines =
        columns.map(|column| column.name.chars().count() + column.declared.chars().count() + 4);
    let characters = lines.fold(title, usize::max);
    characters * CHARACTER + 2 * PADDING
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
