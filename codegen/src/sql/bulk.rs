//! `:bulk`: an INSERT of one row becomes an INSERT of the rows of a JSON array.

use bindery_sqlite::bulk::{ROWS, item};
use bindery_sqlite::template::Piece;
use bindery_sqlite::token::{self, Kind};

use crate::report::{Code, Diagnostic, Errors};
use crate::source::Span;
use crate::syntax::ast::{Bytes, Core, Insert, Parameter, Statement};

use super::parameters::Parts;
use super::rewrite::Edit;

/// Returns what changes in the text of the statement: VALUES becomes a SELECT from the rows, and
/// each parameter a value of a row.
pub(super) fn edits(
    errors: &mut Errors,
    (text, statement, place): (&str, &Statement, Span),
    declared: &[Parameter],
    parts: &Parts,
) -> Option<Vec<Edit>> {
    let values = match statement {
        Statement::Insert(insert) if inserts_one_row(insert) => values(text),
        Statement::Insert(_)
        | Statement::Select(_)
        | Statement::Update(_)
        | Statement::Delete(_)
        | Statement::Other => None,
    };
    let Some((keyword, row)) = values else {
        errors.push(
            Diagnostic::new(
                Code::Cardinality,
                "`:bulk` needs an INSERT of one row of VALUES, without RETURNING",
                place,
            )
            .label("not such an INSERT")
            .help("write `INSERT INTO t (a, b) VALUES (:a, :b)`, or use another row count"),
        );
        return None;
    };
    if declared.is_empty() {
        errors.push(
            Diagnostic::new(
                Code::Cardinality,
                "every row of `:bulk` would be the same",
                place,
            )
            .label("no parameter")
            .help("write the values that differ as parameters, or use `:exec`"),
        );
        return None;
    }

    let mut edits = vec![
        text_edit(keyword, "SELECT"),
        text_edit(row.start..row.start + 1, " "),
    ];
    for (index, parameter) in declared.iter().enumerate() {
        for span in &parameter.spans {
            if !(row.start < span.start && span.end < row.end) || parts.lists.contains(span) {
                errors.push(not_of_a_row(place.part(span), parts.lists.contains(span)));
                return None;
            }
            edits.push(text_edit(span.clone(), &item(index)));
        }
    }
    // Without WHERE, `ON CONFLICT` would be a join condition.
    edits.push(Edit {
        span: row.end - 1..row.end,
        pieces: vec![
            Piece::Text(" FROM json_each(".to_owned()),
            Piece::Parameter(0),
            Piece::Text(format!(") AS {ROWS} WHERE true")),
        ],
    });
    edits.sort_by_key(|edit| edit.span.start);
    Some(edits)
}

fn text_edit(span: Bytes, text: &str) -> Edit {
    let pieces = vec![Piece::Text(text.to_owned())];
    Edit { span, pieces }
}

/// The error of a parameter that does not have a value for each row.
fn not_of_a_row(place: Span, is_list: bool) -> Diagnostic {
    let (message, label, help) = if is_list {
        let help = "compare with a single value";
        ("a row of `:bulk` cannot contain a list", "a list", help)
    } else {
        let help = "ON CONFLICT reads the values of a row as `excluded.column`";
        let message = "a parameter of `:bulk` is outside of VALUES";
        (message, "the same for every row", help)
    };
    Diagnostic::new(Code::Cardinality, message, place)
        .label(label)
        .help(help)
}

fn inserts_one_row(insert: &Insert) -> bool {
    let cores = insert.source.as_ref().map(|source| source.cores.as_slice());
    let is_one = match cores {
        Some([Core::Values(rows)]) => rows.len() == 1,
        Some(_) | None => false,
    };
    is_one && insert.returning.is_empty()
}

/// The keyword VALUES of an INSERT, and its row with the parentheses.
fn values(text: &str) -> Option<(Bytes, Bytes)> {
    let mut depth = 0;
    let mut keyword: Option<Bytes> = None;
    let mut start = None;

    for token in token::tokenize(text) {
        let written = text.get(token.span.clone())?;
        match written {
            "(" => {
                if depth == 0 && keyword.is_some() {
                    start.get_or_insert(token.span.start);
                }
                depth += 1;
            }
            ")" => {
                depth -= 1;
                if let (0, Some(keyword), Some(start)) = (depth, &keyword, start) {
                    return Some((keyword.clone(), start..token.span.end));
                }
            }
            _ if depth == 0
                && token.kind == Kind::Word
                && written.eq_ignore_ascii_case("values") =>
            {
                keyword = Some(token.span.clone());
            }
            _ => {}
        }
    }
    None
}
