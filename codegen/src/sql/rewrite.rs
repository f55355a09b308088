//! The SQL that is run, made from the statement that the user wrote.

use std::ops::Range;

use bindery_sqlite::token;

use crate::syntax::ast::{Bytes, Parameter};

use super::ResultColumn;
use super::analyzer::Output;
use super::overrides;
use super::parameters::Parts;

/// The text that replaces some bytes of the statement.
struct Edit {
    span: Bytes,
    text: String,
}

/// Returns the SQL that is run: with numbered parameters, slices read through `json_each`, and
/// plain names instead of overrides.
pub(super) fn rewrite(
    text: &str,
    declared: &[Parameter],
    parts: &Parts,
    outputs: &[Output],
    columns: &[ResultColumn],
) -> String {
    let mut edits = parameter_edits(declared, parts);
    edits.extend(name_edits(outputs, columns));
    edits.sort_by_key(|edit| edit.span.start);

    // Without the comments and semicolons around the statement.
    let statement = token::statements(text).into_iter().next();
    let Range { start, end } = statement.unwrap_or(0..text.len());
    let mut sql = String::with_capacity(text.len());
    let mut position = start;
    for edit in edits {
        // Overlapping edits would make the slice below panic.
        if edit.span.start < position {
            continue;
        }
        sql.push_str(&text[position..edit.span.start]);
        sql.push_str(&edit.text);
        position = edit.span.end;
    }
    sql.push_str(text.get(position..end).unwrap_or_default());
    sql
}

fn parameter_edits(declared: &[Parameter], parts: &Parts) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (index, parameter) in declared.iter().enumerate() {
        let number = index + 1;
        for span in &parameter.spans {
            let text = match parts.parameters.get(index) {
                Some(resolved) if parts.lists.contains(span) => resolved.scalar.items(number),
                _ => format!("?{number}"),
            };
            let span = span.clone();
            edits.push(Edit { span, text });
        }
    }
    edits
}

fn name_edits(outputs: &[Output], columns: &[ResultColumn]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (output, column) in outputs.iter().zip(columns) {
        let quoted = format!("\"{}\"", column.name.replace('"', "\"\""));
        match &output.name {
            Some(name) if output.aliased && overrides::bare(name).is_some() => edits.push(Edit {
                span: output.span.clone(),
                text: quoted,
            }),
            Some(_) => {}
            None => edits.push(Edit {
                span: output.span.end..output.span.end,
                text: format!(" AS {quoted}"),
            }),
        }
    }
    edits
}
