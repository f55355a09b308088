//! Visits the parts of a statement.

use super::ast::{
    Assignment, Core, Expr, ExprKind, Function, InList, Join, Query, ResultColumn, Select, Source,
    Statement, Upsert, Window,
};

/// A part of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'e> {
    Expr(&'e Expr),
    /// A source of a FROM clause, or a table after IN.
    Source(&'e Source),
    Select(&'e Select),
}

/// Calls `visit` for every part of a statement, in the order of the text within each clause.
/// `visit` returns whether to enter the part.
pub(crate) fn statement<'e>(statement: &'e Statement, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    match statement {
        Statement::Select(found) => select(found, visit),
        Statement::Insert(insert) => {
            insert
                .ctes
                .iter()
                .for_each(|cte| select(&cte.select, visit));
            if let Some(source) = &insert.source {
                select(source, visit);
            }
            insert.upserts.iter().for_each(|found| upsert(found, visit));
            result_columns(&insert.returning, visit);
        }
        Statement::Update(update) => {
            update
                .ctes
                .iter()
                .for_each(|cte| select(&cte.select, visit));
            assignments(&update.set, visit);
            sources(update.from.as_ref(), visit);
            exprs(&update.filter, visit);
            result_columns(&update.returning, visit);
            exprs(update.order_by.iter().chain(&update.limits), visit);
        }
        Statement::Delete(delete) => {
            delete
                .ctes
                .iter()
                .for_each(|cte| select(&cte.select, visit));
            exprs(&delete.filter, visit);
            result_columns(&delete.returning, visit);
            exprs(delete.order_by.iter().chain(&delete.limits), visit);
        }
        Statement::Other => {}
    }
}

/// Calls `visit` for a select and every part of it.
pub(crate) fn select<'e>(found: &'e Select, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    if !visit(Node::Select(found)) {
        return;
    }
    found.ctes.iter().for_each(|cte| select(&cte.select, visit));
    for core in &found.cores {
        match core {
            Core::Query(found) => query(found, visit),
            Core::Values(rows) => exprs(rows.iter().flatten(), visit),
        }
    }
    let limits = found.limit.iter().chain(&found.offset);
    exprs(found.order_by.iter().chain(limits), visit);
}

/// Calls `visit` for every part of a query.
pub(crate) fn query<'e>(query: &'e Query, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    result_columns(&query.columns, visit);
    sources(query.from.as_ref(), visit);
    let conditions = query.filter.iter().chain(&query.group_by);
    exprs(conditions.chain(&query.having), visit);
    for (_, found) in &query.windows {
        window(found, visit);
    }
}

fn upsert<'e>(upsert: &'e Upsert, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    exprs(upsert.target.iter().chain(&upsert.target_filter), visit);
    assignments(&upsert.set, visit);
    exprs(&upsert.filter, visit);
}

fn assignments<'e>(set: &'e [Assignment], visit: &mut dyn FnMut(Node<'e>) -> bool) {
    exprs(set.iter().map(|assignment| &assignment.value), visit);
}

fn result_columns<'e>(columns: &'e [ResultColumn], visit: &mut dyn FnMut(Node<'e>) -> bool) {
    for column in columns {
        if let ResultColumn::Expr { expr: found, .. } = column {
            expr(found, visit);
        }
    }
}

fn sources<'e>(
    found: impl IntoIterator<Item = &'e Source>,
    visit: &mut dyn FnMut(Node<'e>) -> bool,
) {
    for found in found {
        source(found, visit);
    }
}

/// Calls `visit` for a source and every part of it.
fn source<'e>(found: &'e Source, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    if !visit(Node::Source(found)) {
        return;
    }
    match found {
        Source::Table { arguments, .. } => exprs(arguments.iter().flatten(), visit),
        Source::Select { select: found, .. } => select(found, visit),
        Source::Join(join) => {
            let Join {
                left, right, on, ..
            } = join.as_ref();
            source(left, visit);
            source(right, visit);
            exprs(on, visit);
        }
        Source::Named { source: found, .. } => source(found, visit),
    }
}

fn exprs<'e>(found: impl IntoIterator<Item = &'e Expr>, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    for found in found {
        expr(found, visit);
    }
}

/// Calls `visit` for an expression and every part of it.
pub(crate) fn expr<'e>(found: &'e Expr, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    if !visit(Node::Expr(found)) {
        return;
    }
    operands(found, &mut |operand| expr(operand, visit));
    match &found.kind {
        ExprKind::Exists(found) | ExprKind::Subquery(found) => select(found, visit),
        ExprKind::In { list, .. } => match list {
            InList::Exprs(_) => {}
            InList::Select(found) => select(found, visit),
            InList::Table(found) => source(found, visit),
        },
        _ => {}
    }
}

fn window<'e>(window: &'e Window, visit: &mut dyn FnMut(Node<'e>) -> bool) {
    exprs(window.exprs.iter().chain(&window.bounds), visit);
}

/// Calls `visit` for the direct operands of an expression. It does not enter subqueries.
pub(crate) fn operands<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    match &expr.kind {
        ExprKind::Function(function) => {
            let Function {
                arguments,
                order_by,
                filter,
                over,
                ..
            } = function.as_ref();
            let window = over.iter().flat_map(|window| &window.exprs);
            let clauses = order_by.iter().chain(filter).chain(window);
            arguments.iter().chain(clauses).for_each(visit);
        }
        ExprKind::Unary(_, operand)
        | ExprKind::Not(operand)
        | ExprKind::Cast(operand, _)
        | ExprKind::Collate(operand) => visit(operand),
        ExprKind::Binary(_, left, right) | ExprKind::Is { left, right, .. } => {
            visit(left);
            visit(right);
        }
        ExprKind::Like {
            left,
            pattern,
            escape,
            ..
        } => {
            visit(left);
            visit(pattern);
            if let Some(escape) = escape {
                visit(escape);
            }
        }
        ExprKind::Between {
            operand, low, high, ..
        } => {
            visit(operand);
            visit(low);
            visit(high);
        }
        ExprKind::In { operand, list, .. } => {
            visit(operand);
            if let InList::Exprs(items) = list {
                items.iter().for_each(visit);
            }
        }
        ExprKind::Case {
            operand,
            arms,
            otherwise,
        } => {
            for part in operand.iter().chain(otherwise) {
                visit(part);
            }
            for (when, then) in arms {
                visit(when);
                visit(then);
            }
        }
        ExprKind::Row(items) => items.iter().for_each(visit),
        ExprKind::Null
        | ExprKind::Integer
        | ExprKind::Float
        | ExprKind::String(_)
        | ExprKind::Blob
        | ExprKind::CurrentTime
        | ExprKind::Parameter(_)
        | ExprKind::Column { .. }
        | ExprKind::Exists(_)
        | ExprKind::Subquery(_)
        | ExprKind::Raise => {}
    }
}
