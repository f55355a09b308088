//! The section of a query: its SQL, parameters, result columns, plan and warnings.

use bindery_codegen::Compilation;
use bindery_codegen::model::Method;
use bindery_codegen::sql::Query;

use super::page::{Block, Section, code};
use super::{warnings, yes_or_no};

/// The section of a query of the database in the field `field`.
pub(super) fn section(compilation: &Compilation, field: &str, method: &Method) -> Section {
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
        "`:{cardinality}`, in {}. {effect}",
        code(&method.file)
    ));
    let sql = method.written.trim().to_owned();
    section.blocks.push(Block::Code("sql", sql));

    section.table(
        &["parameter", "type", "nullable", "column"],
        parameters(query),
    );
    section.table(&["result", "type", "nullable", "column"], columns(query));

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

fn parameters(query: &Query) -> Vec<Vec<String>> {
    let rows = query.parameters.iter().map(|parameter| {
        let as_type = parameter.as_type.clone();
        let ty = as_type.unwrap_or_else(|| parameter.scalar.describe().to_owned());
        let ty = if parameter.list {
            format!("a slice of {ty}")
        } else {
            ty
        };
        vec![
            code(&parameter.name),
            ty,
            yes_or_no(parameter.nullable),
            parameter.origin.as_deref().map(code).unwrap_or_default(),
        ]
    });
    rows.collect()
}

fn columns(query: &Query) -> Vec<Vec<String>> {
    let rows = query.columns.iter().map(|column| {
        let as_type = column.as_type.clone();
        let ty = as_type.unwrap_or_else(|| column.scalar.describe().to_owned());
        let nullable = match &column.ty.reason {
            Some(reason) if column.nullable => format!("yes: {reason}"),
            _ => yes_or_no(column.nullable),
        };
        vec![
            code(&column.name),
            ty,
            nullable,
            column.ty.origin.as_deref().map(code).unwrap_or_default(),
        ]
    });
    rows.collect()
}
