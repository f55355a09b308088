//! The SQL that is run, made from the statement that the user wrote.

use crate::syntax::ast::{Bytes, Parameter};

use super::ResultColumn;
use super::analyzer::Output;
use super::overrides;
use super::parameters::Resolved;

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
    parameters: &[Resolved],
    outputs: &[Output],
    columns: &[ResultColumn],
) -> String {
    let mut edits = parameter_edits(declared, parameters);
    edits.extend(name_edits(outputs, columns));
    edits.sort_by_key(|edit| edit.span.start);

    let mut sql = String::with_capacity(text.len());
    let mut position = 0;
    for edit in edits {
        // Overlapping edits would make the slice below panic.
        if edit.span.start < position {
            continue;
        }
        sql.push_str(&text[position..edit.span.start]);
        sql.push_str(&edit.text);
        position = edit.span.end;
    }
    sql.push_str(&text[position..]);
    sql
}

fn parameter_edits(declared: &[Parameter], parameters: &[Resolved]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (index, parameter) in declared.iter().enumerate() {
        let number = index + 1;
        let text = match parameters.get(index) {
            Some(resolved) if resolved.list => resolved.scalar.items(number),
            _ => format!("?{number}"),
        };
        for span in &parameter.spans {
            edits.push(Edit {
                span: span.clone(),
                text: text.clone(),
            });
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
