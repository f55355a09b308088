//! Which query an aggregate belongs to.
//!
//! As in SQLite, not always the one that it is written in: `(SELECT sum(outer.n))` sums over the rows of the
//! outer query, and makes that one an aggregate query.

use crate::syntax::ast::{Expr, ExprKind, Function, InList};

use super::analyzer::Analyzer;
use super::functions::{self, Kind};
use super::scope::Found;

/// The levels that an aggregate can belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The level of this number.
    Level(usize),
    /// A subquery in its arguments hides which.
    Unknown,
}

impl Analyzer<'_> {
    /// The level whose rows an aggregate reads: the innermost of which it names a column, else its own.
    pub(super) fn owner(&self, function: &Function) -> Owner {
        let mut found = Some(Vec::new());
        for argument in function
            .arguments
            .iter()
            .chain(&function.order_by)
            .chain(&function.filter)
        {
            self.levels(argument, &mut found);
        }
        let own = self.scopes.len().saturating_sub(1);
        match found {
            Some(levels) => Owner::Level(levels.into_iter().max().unwrap_or(own)),
            None => Owner::Unknown,
        }
    }

    /// Whether an expression calls an aggregate of the innermost level: `None` when that cannot be told.
    pub(super) fn aggregates_here(&self, expr: &Expr) -> Option<bool> {
        let own = self.scopes.len().saturating_sub(1);
        let mut calls = Vec::new();
        aggregates(expr, &mut calls);
        let mut known = Some(false);
        for call in calls {
            match self.owner(call) {
                Owner::Level(level) if level == own => return Some(true),
                Owner::Level(_) => {}
                Owner::Unknown => known = None,
            }
        }
        known
    }

    /// The levels of the columns in an expression; `None` when a subquery is among them.
    fn levels(&self, expr: &Expr, found: &mut Option<Vec<usize>>) {
        if let ExprKind::Column { table, name, .. } = &expr.kind {
            let level = (0..self.scopes.len()).rev().find(|level| {
                !matches!(
                    self.scopes[*level].find(table.as_ref(), name),
                    Found::Nothing
                )
            });
            if let (Some(levels), Some(level)) = (found.as_mut(), level) {
                levels.push(level);
            }
            return;
        }
        if matches!(
            &expr.kind,
            ExprKind::Subquery(_)
                | ExprKind::Exists(_)
                | ExprKind::In {
                    list: InList::Select(_) | InList::Table(_),
                    ..
                }
        ) {
            *found = None;
            return;
        }
        each(expr, &mut |part| self.levels(part, found));
    }
}

/// The calls of aggregates in an expression, subqueries left out.
fn aggregates<'e>(expr: &'e Expr, calls: &mut Vec<&'e Function>) {
    if let ExprKind::Function(function) = &expr.kind
        && is_call(function)
    {
        calls.push(function);
        return;
    }
    each(expr, &mut |part| aggregates(part, calls));
}

fn is_call(function: &Function) -> bool {
    let row = functions::find(&function.name.text, function.arguments.len());
    function.over.is_none() && row.is_some_and(|row| row.kind == Kind::Aggregate)
}

/// Whether an expression calls an aggregate, subqueries left out.
pub(super) fn is_aggregate(expr: &Expr) -> bool {
    let mut calls = Vec::new();
    aggregates(expr, &mut calls);
    !calls.is_empty()
}

/// Visits the expressions that an expression is made of.
fn each<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    match &expr.kind {
        ExprKind::Function(function) => {
            function
                .arguments
                .iter()
                .chain(&function.order_by)
                .chain(&function.filter)
                .for_each(&mut *visit);
            function
                .over
                .iter()
                .flat_map(|window| &window.exprs)
                .for_each(visit);
        }
        ExprKind::Unary(_, operand)
        | ExprKind::Not(operand)
        | ExprKind::Cast(operand, _)
        | ExprKind::Collate(operand) => {
            visit(operand);
        }
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
            escape.iter().for_each(|escape| visit(escape));
        }
        ExprKind::Between {
            operand, low, high, ..
        } => [operand, low, high]
            .into_iter()
            .for_each(|part| visit(part)),
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
            operand.iter().chain(otherwise).for_each(|part| visit(part));
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
