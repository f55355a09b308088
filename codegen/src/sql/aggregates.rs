//! The query that an aggregate belongs to.
//!
//! As in SQLite, it is not always the query that contains the call: `(SELECT sum(outer.n))` sums
//! over the rows of the outer query, and makes that one an aggregate query.

use crate::syntax::ast::{Expr, ExprKind, Function, InList, Operator};
use crate::syntax::visit::operands;

use super::analyzer::Analyzer;
use super::functions::{self, Kind};
use super::scope::Found;

/// The level that an aggregate belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The level of this number.
    Level(usize),
    /// The level depends on a subquery in the arguments.
    Unknown,
}

impl Analyzer<'_> {
    /// Returns the level whose rows an aggregate reads: the innermost level of the columns that it
    /// names, or the current one if it names none.
    pub(super) fn owner(&self, function: &Function) -> Owner {
        let mut found = Some(Vec::new());
        let read = function
            .arguments
            .iter()
            .chain(&function.order_by)
            .chain(&function.filter);
        for expr in read {
            self.levels(expr, &mut found);
        }

        let own = self.scopes.len().saturating_sub(1);
        match found {
            Some(levels) => Owner::Level(levels.into_iter().max().unwrap_or(own)),
            None => Owner::Unknown,
        }
    }

    /// Whether an expression calls an aggregate of the innermost level; `None` if that is unknown.
    pub(super) fn aggregates_here(&self, expr: &Expr) -> Option<bool> {
        let own = self.scopes.len().saturating_sub(1);
        let mut calls = Vec::new();
        aggregates(expr, true, &mut calls);

        let mut known = Some(false);
        for (call, is_certain) in calls {
            match self.owner(call) {
                Owner::Level(level) if level == own && is_certain => return Some(true),
                Owner::Level(level) if level == own => known = None,
                Owner::Level(_) => {}
                Owner::Unknown => known = None,
            }
        }
        known
    }

    /// Collects the levels of the columns in an expression; `None` if it contains a subquery.
    fn levels(&self, expr: &Expr, found: &mut Option<Vec<usize>>) {
        match &expr.kind {
            ExprKind::Column { table, name, .. } => {
                let level = (0..self.scopes.len()).rev().find(|level| {
                    let scope = &self.scopes[*level];
                    !matches!(scope.find(table.as_ref(), name), Found::Nothing)
                });
                if let (Some(levels), Some(level)) = (found.as_mut(), level) {
                    levels.push(level);
                }
            }
            ExprKind::Subquery(_)
            | ExprKind::Exists(_)
            | ExprKind::In {
                list: InList::Select(_) | InList::Table(_),
                ..
            } => *found = None,
            _ if is_simplified(expr) => *found = None,
            _ => operands(expr, &mut |part| self.levels(part, found)),
        }
    }
}

/// Whether SQLite's parser may replace an expression by a constant, so that the columns in it do
/// not count: `x IN ()`, and AND with 0.
fn is_simplified(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::In {
            list: InList::Exprs(items),
            ..
        } => items.is_empty(),
        ExprKind::Binary(Operator::And, left, right) => [left, right]
            .map(|side| &side.kind)
            .contains(&&ExprKind::Integer),
        _ => false,
    }
}

/// Whether an expression calls an aggregate outside of subqueries.
pub(super) fn is_aggregate(expr: &Expr) -> bool {
    let mut calls = Vec::new();
    aggregates(expr, true, &mut calls);
    calls.iter().any(|(_, is_certain)| *is_certain)
}

/// Whether an expression calls an aggregate outside of subqueries, which SQLite may remove.
pub(super) fn may_be_aggregate(expr: &Expr) -> bool {
    let mut calls = Vec::new();
    aggregates(expr, true, &mut calls);
    !calls.is_empty()
}

/// Collects the aggregate calls in an expression, except those in subqueries, and whether each is
/// certain: SQLite removes some expressions together with the calls in them.
fn aggregates<'e>(expr: &'e Expr, is_certain: bool, calls: &mut Vec<(&'e Function, bool)>) {
    if let ExprKind::Function(function) = &expr.kind
        && is_call(function)
    {
        calls.push((function, is_certain));
        return;
    }
    let is_certain = is_certain && !is_simplified(expr);
    operands(expr, &mut |part| aggregates(part, is_certain, calls));
}

/// Whether a call is that of an aggregate.
fn is_call(function: &Function) -> bool {
    let signature = functions::find(&function.name.text, function.arguments.len());
    function.over.is_none() && signature.is_some_and(|found| found.kind == Kind::Aggregate)
}
