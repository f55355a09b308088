//! The section of a database: its diagram, queries, tables and migrations.

use bindery_codegen::Compilation;
use bindery_codegen::model::{Bound, Database};
use bindery_codegen::schema::{Catalog, Table, TableKind};

use super::page::{Block, Section, code};
use super::{diagram, queries, tables};

/// The section of the database of a binding.
pub(super) fn section(
    compilation: &Compilation,
    bound: &Bound,
    database: &Database,
) -> Result<Section, String> {
    let field = &bound.name.field;
    let catalog = &database.catalog;
    let references = catalog
        .references()
        .map_err(|error| format!("cannot read the foreign keys of the schema: {error}"))?;
    let tables: Vec<&Table> = catalog
        .tables
        .iter()
        .filter(|table| !table.name.starts_with("sqlite_"))
        .collect();

    let title = format!("Database `{}`", bound.name.source);
    let mut section = Section::new(format!("database-{field}"), title);

    let stored = tables.iter().copied();
    let stored: Vec<&Table> = stored
        .filter(|table| table.kind == TableKind::Table)
        .collect();
    if !stored.is_empty() {
        section.blocks.push(Block::Diagram {
            svg: diagram::svg(&stored, &references),
            mermaid: diagram::mermaid(&stored, &references),
        });
    }

    if !database.methods.is_empty() {
        let mut part = Section::new(format!("{field}-queries"), "Queries");
        let methods = database.methods.iter();
        part.parts = methods
            .map(|method| queries::section(compilation, field, (database, method)))
            .collect();
        section.parts.push(part);
    }

    let mut part = Section::new(format!("{field}-tables"), "Tables");
    let parts = tables.iter();
    part.parts = parts
        .map(|table| tables::section(field, table, &references))
        .collect();
    section.parts.push(part);

    section.parts.push(migrations(field, database));
    Ok(section)
}

/// The migrations of the database, and those of environments with another folder.
fn migrations(field: &str, database: &Database) -> Section {
    let mut section = Section::new(format!("{field}-migrations"), "Migrations");
    list_migrations(&mut section, &database.catalog, "Applied in this order:");
    for (d1, catalog) in &database.variants {
        let introduction = format!("In environments with the folder {}:", code(d1.folder()));
        list_migrations(&mut section, catalog, &introduction);
    }
    section
}

fn list_migrations(section: &mut Section, catalog: &Catalog, introduction: &str) {
    let is_empty = catalog.migrations.is_empty();
    section.text(if is_empty { "None." } else { introduction });

    let numbered = (1..).zip(&catalog.migrations);
    let rows = numbered
        .map(|(number, migration): (usize, _)| vec![number.to_string(), code(&migration.name)]);
    section.table(&["", "file"], rows.collect());
}
