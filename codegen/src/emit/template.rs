//! Queries whose text the arguments determine.

use std::fmt::Write;

use bindery_sqlite::template::Piece;

use super::names::Names;
use crate::sql::parameters::{Resolved, Role};
use crate::sql::template::Choice;
use crate::sql::{Query, Template};

/// The statements that prepare a query whose text depends on the arguments: they declare `PIECES`,
/// `choices` and `parameters`. `ident` spells the variable of a parameter.
pub(super) fn assembled(
    names: &Names<'_>,
    template: &Template,
    query: &Query,
    ident: &dyn Fn(&Resolved) -> String,
    encoded: &str,
) -> String {
    let mut run = String::new();
    for parameter in &query.parameters {
        if parameter.role == Role::Sort && !parameter.nullable {
            let (ident, ty) = (ident(parameter), names.sort(parameter));
            let _ = write!(
                run,
                "let {ident}: {ty} = ::core::convert::Into::into({ident}); "
            );
        }
    }

    let parameter = |index: usize| ident(&query.parameters[index]);
    let mut choices = String::new();
    for choice in &template.choices {
        let choice = match choice {
            // The caller chooses it with the page.
            Choice::After => continue,
            Choice::Filter(indexes) => {
                let tests: Vec<String> = indexes
                    .iter()
                    .map(|index| format!("{}.is_some()", parameter(*index)))
                    .collect();
                format!("::core::primitive::usize::from({})", tests.join(" && "))
            }
            Choice::Sort(sort) => {
                let (ident, descending) = (parameter(sort.parameter), sort.descending);
                if sort.has_else {
                    let otherwise = 2 * sort.texts.len();
                    format!("{ident}.map_or({otherwise}, |sort| sort.choice({descending}))")
                } else {
                    format!("{ident}.choice({descending})")
                }
            }
            Choice::Patch(index) if query.parameters[*index].nullable => {
                format!("{}.choice()", parameter(*index))
            }
            Choice::Patch(index) => {
                format!(
                    "::core::primitive::usize::from({}.is_some())",
                    parameter(*index)
                )
            }
        };
        let _ = write!(choices, "{choice}, ");
    }
    let _ = write!(
        run,
        "static PIECES: &[{}::__private::Piece<&str>] = &[{}];
        let choices = [{choices}];
        let parameters = [{encoded}]",
        names.krate,
        pieces(names.krate, template)
    );
    run
}

/// The pieces of a template, separated by commas.
fn pieces(krate: &str, template: &Template) -> String {
    let mut pieces = String::new();
    for piece in &template.pieces {
        let _ = write!(pieces, "{krate}::__private::Piece::");
        let _ = match piece {
            Piece::Text(text) => write!(pieces, "Text({text:?}), "),
            Piece::Parameter(index) => write!(pieces, "Parameter({index}), "),
            Piece::When { choice, arm, skip } => write!(
                pieces,
                "When {{ choice: {choice}, arm: {arm}, skip: {skip} }}, "
            ),
            Piece::Begin => write!(pieces, "Begin, "),
            Piece::Item(separator) => write!(pieces, "Item({separator:?}), "),
            Piece::End(otherwise) => write!(pieces, "End({otherwise:?}), "),
        };
    }
    pieces
}
