//! The SQL that is run, made from the statement that the user wrote.

use std::ops::Range;

use bindery_sqlite::template::Piece;
use bindery_sqlite::token;

use crate::syntax::ast::{Bytes, Parameter};

use super::ResultColumn;
use super::analyzer::Output;
use super::overrides;
use super::parameters::Parts;

/// The pieces that replace some bytes of the statement: texts and parameters.
pub(super) struct Edit {
    pub(super) span: Bytes,
    pub(super) pieces: Vec<Piece<String>>,
}

/// Returns what changes in the text of a statement, in the order of the text: slices are read
/// through `json_each`, and plain names replace overrides.
pub(super) fn edits(
    declared: &[Parameter],
    parts: &Parts,
    outputs: &[Output],
    columns: &[ResultColumn],
) -> Vec<Edit> {
    let mut edits = parameter_edits(declared, parts);
    edits.extend(name_edits(outputs, columns));
    edits.sort_by_key(|edit| edit.span.start);
    edits
}

/// Returns the SQL that is run, with numbered parameters.
pub(super) fn rewrite(text: &str, edits: &[Edit]) -> String {
    let mut sql = String::with_capacity(text.len());
    let Range { start, end } = statement(text);
    let mut position = start;

    for edit in edits {
        // Overlapping edits would make the slice below panic.
        if edit.span.start < position {
            continue;
        }
        sql.push_str(&text[position..edit.span.start]);
        for piece in &edit.pieces {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Parameter(index) => sql.push_str(&format!("?{}", index + 1)),
                Piece::When { .. } | Piece::Begin | Piece::Item(_) | Piece::End(_) => {}
            }
        }
        position = edit.span.end;
    }
    sql.push_str(text.get(position..end).unwrap_or_default());
    sql
}

/// The bytes of the statement, without the comments and semicolons around it.
pub(super) fn statement(text: &str) -> Bytes {
    let statement = token::statements(text).into_iter().next();
    statement.unwrap_or(0..text.len())
}

fn parameter_edits(declared: &[Parameter], parts: &Parts) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (index, parameter) in declared.iter().enumerate() {
        for span in &parameter.spans {
            let list = parts.lists.contains(span);
            let pieces = match parts.parameters.get(index).filter(|_| list) {
                Some(resolved) => {
                    let (before, after) = resolved.scalar.items();
                    let text = |text: &str| Piece::Text(text.to_owned());
                    vec![text(before), Piece::Parameter(index), text(after)]
                }
                None => vec![Piece::Parameter(index)],
            };
            let span = span.clone();
            edits.push(Edit { span, pieces });
        }
    }
    edits
}

fn name_edits(outputs: &[Output], columns: &[ResultColumn]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let text = |text: String| vec![Piece::Text(text)];
    for (output, column) in outputs.iter().zip(columns) {
        let quoted = format!("\"{}\"", column.name.replace('"', "\"\""));
        match &output.name {
            Some(name) if output.aliased && overrides::bare(name).is_some() => edits.push(Edit {
                span: output.span.clone(),
                pieces: text(quoted),
            }),
            Some(_) => {}
            None => edits.push(Edit {
                span: output.span.end..output.span.end,
                pieces: text(format!(" AS {quoted}")),
            }),
        }
    }
    edits
}
