//! What SQLite accepts and a user may not mean: writes without WHERE, tables that are read whole.

use crate::report::{Diagnostic, Errors, code};
use crate::source::Span;
use crate::syntax::ast::{Core, Expr, ExprKind, Query, Source, Statement};

use super::analyzer::Named;
use super::plan::Step;

pub(super) fn check(errors: &mut Errors, statement: &Statement, place: Span, relations: &[Named], plan: &[Step]) {
    unguarded(errors, statement, place);
    if chooses(statement) {
        full_scans(errors, place, relations, plan);
    }
}

/// A write that changes every row says so with `WHERE true`.
fn unguarded(errors: &mut Errors, statement: &Statement, place: Span) {
    let (word, table) = match statement {
        Statement::Delete(delete) if delete.filter.is_none() => ("DELETE", &delete.table),
        // What is joined chooses the rows.
        Statement::Update(update) if update.filter.is_none() && update.from.is_none() => ("UPDATE", &update.table),
        _ => return,
    };
    errors.push(
        Diagnostic::new(code::UNGUARDED, format!("the {word} has no WHERE"), place.part(&table.span))
            .label(format!("every row of `{}`", table.text))
            .help(format!("if that is meant, say so: `WHERE true`{}", returning(statement))),
    );
}

fn returning(statement: &Statement) -> &'static str {
    match statement {
        Statement::Delete(delete) if !delete.returning.is_empty() => " before RETURNING",
        Statement::Update(update) if !update.returning.is_empty() => " before RETURNING",
        _ => "",
    }
}

/// Whether a statement chooses among rows: one that lists a table means to read all of it.
fn chooses(statement: &Statement) -> bool {
    let all = |filter: &Option<Expr>| {
        filter.as_ref().is_none_or(|filter| {
            matches!(&filter.kind, ExprKind::Column { name, .. } if name.is("true")) || filter.kind == ExprKind::Integer
        })
    };
    let lists = |query: &Query| all(&query.filter) && !matches!(query.from, Some(Source::Join(_)));
    match statement {
        Statement::Select(select) => {
            select.cores.iter().any(|core| matches!(core, Core::Query(query) if !lists(query))) || !select.ctes.is_empty()
        }
        Statement::Update(update) => !all(&update.filter),
        Statement::Delete(delete) => !all(&delete.filter),
        Statement::Insert(_) | Statement::Other => false,
    }
}

/// D1 counts, and bills, every row that is read.
fn full_scans(errors: &mut Errors, place: Span, relations: &[Named], plan: &[Step]) {
    for step in plan {
        let Some(table) = &step.scans else { continue };
        let Some(named) = relations.iter().find(|named| named.table == *table && named.at.is_some()) else { continue };
        let at = named.at.as_ref().map_or(place, |at| place.part(at));
        let how = match &step.index {
            Some(index) => format!("every row of it, in the order of `{index}`"),
            None => "every row of it".to_owned(),
        };
        errors.push(
            Diagnostic::new(code::FULL_SCAN, format!("the query reads all of `{table}`"), at)
                .label(how)
                .help("an index on the columns that it is searched by would serve it: D1 bills each row that is read")
                .warning(),
        );
    }
}
