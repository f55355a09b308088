//! What SQLite accepts and a user may not mean: writes without WHERE, searches that read a table whole.

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::{Catalog, Table};
use crate::source::Span;
use crate::syntax::ast::{
    Core, Expr, ExprKind, Ident, InList, Operator, Select, Source, Statement,
};

use super::analyzer::Named;
use super::plan::Step;
use super::rows::is_fixed;

/// A write that changes every row says so with `WHERE true`.
pub(super) fn unguarded(errors: &mut Errors, statement: &Statement, place: Span) {
    let (word, table, returns) = match statement {
        Statement::Delete(delete) if delete.filter.is_none() => {
            ("DELETE", &delete.table, !delete.returning.is_empty())
        }
        // What is joined chooses the rows.
        Statement::Update(update) if update.filter.is_none() && update.from.is_none() => {
            ("UPDATE", &update.table, !update.returning.is_empty())
        }
        _ => return,
    };
    let before = if returns { " before RETURNING" } else { "" };
    errors.push(
        Diagnostic::new(
            Code::Unguarded,
            format!("the {word} has no WHERE"),
            place.part(&table.span),
        )
        .label(format!("every row of `{}`", table.text))
        .help(format!("if that is meant, say so: `WHERE true`{before}")),
    );
}

/// Tables that are searched by a column and read whole: D1 counts, and bills, every row that is read.
///
/// One that is not searched is read because it is listed, and no index would help.
pub(super) fn full_scans(
    errors: &mut Errors,
    catalog: &Catalog,
    statement: &Statement,
    place: Span,
    relations: &[Named],
    plan: &[Step],
) {
    let mut searched = Vec::new();
    match statement {
        Statement::Select(select) => of_select(select, &mut searched),
        Statement::Update(update) => of_filter(update.filter.as_ref(), &mut searched),
        Statement::Delete(delete) => of_filter(delete.filter.as_ref(), &mut searched),
        Statement::Insert(insert) => insert
            .source
            .iter()
            .for_each(|select| of_select(select, &mut searched)),
        Statement::Other => {}
    }
    for step in plan {
        let Some(table) = step.scans.as_ref().and_then(|table| catalog.table(table)) else {
            continue;
        };
        let Some(named) = relations
            .iter()
            .find(|named| named.table == table.name && named.at.is_some())
        else {
            continue;
        };
        let columns = columns(table, named, &searched);
        if columns.is_empty() {
            continue;
        }
        let at = named.at.as_ref().map_or(place, |at| place.part(at));
        errors.push(
            Diagnostic::new(
                Code::FullScan,
                format!("the search reads all of `{}`", table.name),
                at,
            )
            .label("D1 bills each row that is read")
            .help(format!(
                "`CREATE INDEX {}_by_{} ON {} ({});`",
                table.name,
                columns.join("_"),
                table.name,
                columns.join(", ")
            ))
            .warning(),
        );
    }
}

/// The columns of a table that are compared with a value.
fn columns<'t>(
    table: &'t Table,
    named: &Named,
    searched: &[(Option<&Ident>, &Ident)],
) -> Vec<&'t str> {
    let mut columns: Vec<&str> = Vec::new();
    for (qualifier, name) in searched {
        if qualifier.is_some_and(|qualifier| !qualifier.is(&named.shown)) {
            continue;
        }
        if let Some(column) = table.columns.iter().find(|column| name.is(&column.name))
            && !columns.contains(&column.name.as_str())
        {
            columns.push(&column.name);
        }
    }
    columns
}

type Searched<'e> = Vec<(Option<&'e Ident>, &'e Ident)>;

fn of_select<'e>(select: &'e Select, searched: &mut Searched<'e>) {
    for cte in &select.ctes {
        of_select(&cte.select, searched);
    }
    for core in &select.cores {
        if let Core::Query(query) = core {
            of_filter(query.filter.as_ref(), searched);
            query.from.iter().for_each(|from| of_source(from, searched));
        }
    }
}

fn of_source<'e>(source: &'e Source, searched: &mut Searched<'e>) {
    match source {
        Source::Select { select, .. } => of_select(select, searched),
        Source::Join(join) => {
            of_source(&join.left, searched);
            of_source(&join.right, searched);
            of_filter(join.on.as_ref(), searched);
        }
        Source::Named { source, .. } => of_source(source, searched),
        Source::Table { .. } => {}
    }
}

/// The columns that a condition compares with a value for the whole statement.
fn of_filter<'e>(filter: Option<&'e Expr>, searched: &mut Searched<'e>) {
    let Some(filter) = filter else { return };
    let mut column = |expr: &'e Expr| {
        if let ExprKind::Column { table, name, .. } = &expr.kind {
            searched.push((table.as_ref(), name));
        }
    };
    match &filter.kind {
        ExprKind::Binary(Operator::And, left, right) => {
            of_filter(Some(left), searched);
            of_filter(Some(right), searched);
        }
        ExprKind::Binary(
            Operator::Equal
            | Operator::Less
            | Operator::LessEqual
            | Operator::Greater
            | Operator::GreaterEqual,
            left,
            right,
        ) => {
            if is_fixed(right) {
                column(left);
            }
            if is_fixed(left) {
                column(right);
            }
        }
        ExprKind::In {
            operand,
            list: InList::Exprs(items),
            negated: false,
        } if items.iter().all(is_fixed) => column(operand),
        ExprKind::Between {
            operand,
            low,
            high,
            negated: false,
        } if is_fixed(low) && is_fixed(high) => column(operand),
        _ => {}
    }
}
