//! The section of a query: its SQL, parameters, result columns, plan and warnings.

use bindery_codegen::Compilation;
use bindery_codegen::model::{Database, Method, argument_type, column_type};
use bindery_codegen::sql::Query;

use super::page::{Block, Section, code};
use super::{warnings, yes_or_no};

/// The section of a query of the database in the field `field`.
pub(super) fn section(
    compilation: &Compilation,
    field: &str,
    (database, method): (&Database, &Method),
) -> Section {
    let name = &method.name.field;
    let query = &method.query;
    let mut section = Section::new(format!("{field}-query-{name}"), code(name));

    if !method.docs.is_empty() {
        section.text(method.docs.join(" "));
    }
    let effect = if query.reads_only {
        "It writes nothing, so it is safe to retry."
    } else {
        "Writes."
    };
    let cardinality = method.cardinality.word();
    section.text(format!(
        "`:{cardinality}`, in {}, line {}. {effect}",
        code(&method.file),
        method.line
    ));
    let text_enums = &database.catalog.text_enums;
    let call = format!("env.{field}.{}", method.signature(text_enums));
    section.blocks.push(Block::Code("rust", call));
    let sql = method.written.trim().to_owned();
    section.blocks.push(Block::Code("sql", sql));

    let parameters = parameters(database, query);
    section.table(&["parameter", "type", "nullable", "column"], parameters);
    section.table(
        &["result", "type", "nullable", "column"],
        columns(database, query),
    );

    if !query.plan.is_empty() {
        let steps = query.plan.iter();
        let lines = steps.map(|step| format!("{}{}", "  ".repeat(step.depth), step.detail));
        let plan = lines.collect::<Vec<_>>().join("\n");
        section.blocks.push(Block::Code("text", plan));
    }
    section
        .blocks
        .extend(warnings::of_query(compilation, method));
    section
}

fn parameters(database: &Database, query: &Query) -> Vec<Vec<String>> {
    let text_enum = |number| text_enum(database, query, number);
    let rows = query.parameters.iter().map(|parameter| {
        vec![
            code(&parameter.name),
            code(&argument_type(parameter, &text_enum)),
            yes_or_no(parameter.nullable),
            parameter.origin.as_deref().map(code).unwrap_or_default(),
        ]
    });
    rows.collect()
}

/// The name of an enum.
fn text_enum(database: &Database, query: &Query, number: u32) -> String {
    let database = database.catalog.text_enums.iter();
    let found = database.chain(&query.text_enums).nth(number as usize);
    found.map_or_else(|| "String".to_owned(), |text_enum| text_enum.ty.clone())
}

fn columns(database: &Database, query: &Query) -> Vec<Vec<String>> {
    let rows = query.columns.iter().map(|column| {
        let ty = column_type(column, &|number| text_enum(database, query, number));
        let nullable = match &column.ty.reason {
            Some(reason) if column.nullable => format!("yes: {reason}"),
            _ => yes_or_no(column.nullable),
        };
        vec![
            code(&column.name),
            code(&ty),
            nullable,
            column.ty.origin.as_deref().map(code).unwrap_or_default(),
        ]
    });
    rows.collect()
}
