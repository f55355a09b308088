//! The section of a table: its columns and indexes.

use bindery_codegen::schema::{Column, Index, Reference, Table, TableKind};

use super::page::{Section, code};
use super::yes_or_no;

/// The section of a table in the database of the field `field`.
pub(super) fn section(field: &str, table: &Table, references: &[Reference]) -> Section {
    let mut section = Section::new(format!("{field}-table-{}", table.name), code(&table.name));
    match &table.kind {
        TableKind::View(_) => section.text("A view."),
        TableKind::Virtual(module, _) => {
            section.text(format!("A virtual table of the module {}.", code(module)));
        }
        TableKind::Table => {}
    }

    let columns = table.columns.iter().filter(|column| !column.hidden);
    let rows = columns.map(|column| {
        vec![
            code(&column.name),
            code(&column.declared),
            yes_or_no(!column.not_null),
            column_notes(table, column, references).join(", "),
        ]
    });
    section.table(&["column", "type", "nullable", "notes"], rows.collect());

    let rows = table.indexes.iter().map(|index| {
        vec![
            code(&index.name),
            index_columns(table, index).join(", "),
            index_notes(index).join(", "),
        ]
    });
    section.table(&["index", "columns", "notes"], rows.collect());
    section
}

fn column_notes(table: &Table, column: &Column, references: &[Reference]) -> Vec<String> {
    let mut notes = Vec::new();
    if column.rowid_alias {
        notes.push("rowid".to_owned());
    } else if column.in_key {
        notes.push("primary key".to_owned());
    }
    if column.generated {
        notes.push("generated".to_owned());
    }
    if column.has_default {
        notes.push("has a default".to_owned());
    }

    for reference in references {
        if reference.table != table.name || reference.column != column.name {
            continue;
        }
        let on_delete = if reference.on_delete == "NO ACTION" {
            String::new()
        } else {
            format!(", on delete {}", reference.on_delete.to_lowercase())
        };
        notes.push(format!("references {}{on_delete}", code(&reference.parent)));
    }
    notes
}

fn index_columns(table: &Table, index: &Index) -> Vec<String> {
    let columns = index.columns.iter().map(|(column, _)| match column {
        Some(column) => {
            let column = table.columns.get(*column);
            column.map_or_else(|| "rowid".to_owned(), |column| code(&column.name))
        }
        None => "expression".to_owned(),
    });
    columns.collect()
}

fn index_notes(index: &Index) -> Vec<&'static str> {
    let mut notes = Vec::new();
    notes.extend(index.unique.then_some("unique"));
    notes.extend((!index.filter.is_empty()).then_some("partial"));
    notes.extend(index.of_key.then_some("primary key"));
    notes
}
