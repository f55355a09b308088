//! The columns that cannot be NULL where a condition holds.
//!
//! SQL's logic has three values. `x = 1` holds only where `x` is not NULL, and so does its
//! negation. Only certain facts are reported: an empty list is always correct.

use super::functions::{self, Kind, Null};
use super::scope::{Found, Scope};
use crate::syntax::ast::{Expr, ExprKind, Function, InList, Operator};

/// Columns that are not NULL: each the index of a relation and the index of its column.
type Facts = Vec<(usize, usize)>;

/// Returns the columns of `scope` that are not NULL where `condition` is true.
pub(super) fn when_true(scope: &Scope, condition: &Expr) -> Facts {
    decided(scope, condition, true)
}

/// Returns the columns of `scope` that are not NULL where `condition` is false or NULL.
///
/// Only a condition that is never NULL has such facts, because then it is false.
pub(super) fn when_not_true(scope: &Scope, condition: &Expr) -> Facts {
    let never_null = match &condition.kind {
        ExprKind::Is { .. } => true,
        ExprKind::Not(operand) => matches!(operand.kind, ExprKind::Is { .. }),
        _ => false,
    };
    if never_null {
        decided(scope, condition, false)
    } else {
        Facts::new()
    }
}

/// Collects the expressions in `condition` that are not NULL where it is true: columns, aggregates,
/// calls and any others.
pub(super) fn expressions_when_true<'e>(condition: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &condition.kind {
        ExprKind::Binary(Operator::And, left, right) => {
            expressions_when_true(left, found);
            expressions_when_true(right, found);
        }
        ExprKind::Binary(
            Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessEqual
            | Operator::Greater
            | Operator::GreaterEqual,
            left,
            right,
        ) => found.extend([left.as_ref(), right.as_ref()]),
        ExprKind::Is {
            left,
            right,
            negated: true,
        } if right.kind == ExprKind::Null => found.push(left),
        ExprKind::Between {
            operand,
            negated: false,
            ..
        } => found.push(operand),
        ExprKind::Like { left, .. } => found.push(left),
        _ => {}
    }
}

/// Returns the columns that are not NULL where `condition` is `truth`.
fn decided(scope: &Scope, condition: &Expr, truth: bool) -> Facts {
    match &condition.kind {
        ExprKind::Binary(operator @ (Operator::And | Operator::Or), left, right) => {
            let (left, right) = (decided(scope, left, truth), decided(scope, right, truth));
            // `a AND b` is true if both are, `a OR b` is false if both are.
            if (*operator == Operator::And) == truth {
                union(left, right)
            } else {
                intersection(&left, &right)
            }
        }
        ExprKind::Not(operand) => decided(scope, operand, !truth),
        // `x IS NOT NULL` is true, or `x IS NULL` is false.
        ExprKind::Is {
            left,
            right,
            negated,
        } if right.kind == ExprKind::Null && *negated == truth => present(scope, left),
        // `x IS 5` is true, or `x IS NOT 5` is false. So with TRUE and FALSE.
        ExprKind::Is {
            left,
            right,
            negated,
        } if *negated != truth && is_present_literal(scope, right) => present(scope, left),
        ExprKind::Is { .. } => Facts::new(),
        ExprKind::Binary(Operator::Equal, left, right)
            if truth
                && matches!(
                    (&left.kind, &right.kind),
                    (ExprKind::Row(_), ExprKind::Row(_))
                ) =>
        {
            union(items_present(scope, left), items_present(scope, right))
        }
        ExprKind::Between {
            operand,
            low,
            high,
            negated,
        } => {
            let facts = present(scope, operand);
            // A value outside of the range may fail one bound while the other is NULL.
            if *negated == truth {
                return facts;
            }
            union(facts, union(present(scope, low), present(scope, high)))
        }
        ExprKind::In {
            operand,
            list,
            negated,
        } => {
            // `x IN ()` is false and `x NOT IN ()` is true, even if `x` is NULL.
            let can_be_empty = match list {
                InList::Exprs(items) => items.is_empty() || is_list(items),
                InList::Select(_) | InList::Table(_) => true,
            };
            if can_be_empty && *negated == truth {
                Facts::new()
            } else if *negated != truth {
                // Every item of a row value is equal to one of the list.
                items_present(scope, operand)
            } else {
                present(scope, operand)
            }
        }
        ExprKind::Like {
            left,
            matches: true,
            ..
        } if truth => ranks(scope, left),
        _ => present(scope, condition),
    }
}

/// Returns the columns that are not NULL where no item of a row value is, or the value itself.
fn items_present(scope: &Scope, expr: &Expr) -> Facts {
    let ExprKind::Row(items) = &expr.kind else {
        return present(scope, expr);
    };
    let items = items.iter().map(|item| present(scope, item));
    items.fold(Facts::new(), union)
}

/// Whether an expression is a literal other than NULL.
fn is_present_literal(scope: &Scope, expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Integer | ExprKind::Float | ExprKind::String(_) | ExprKind::Blob => true,
        ExprKind::Unary('-' | '+', operand) => is_present_literal(scope, operand),
        ExprKind::Column {
            table: None, name, ..
        } => {
            let is_truth = name.is("true") || name.is("false");
            is_truth && matches!(scope.find(None, name), Found::Nothing)
        }
        _ => false,
    }
}

/// The `rank` columns of the full-text tables that a MATCH searches: they have a value for every
/// row that it finds.
fn ranks(scope: &Scope, searched: &Expr) -> Facts {
    let mut facts = Facts::new();
    for (relation, _) in present(scope, searched) {
        let Some(source) = scope.relations.get(relation) else {
            continue;
        };
        let rank = source
            .columns
            .iter()
            .position(|column| column.hidden && column.name.eq_ignore_ascii_case("rank"));
        facts.extend(rank.map(|rank| (relation, rank)));
    }
    facts
}

/// Whether the items are one parameter, which is bound to a list that can be empty.
fn is_list(items: &[Expr]) -> bool {
    matches!(items, [item] if matches!(item.kind, ExprKind::Parameter(_)))
}

/// Returns the columns that are not NULL where `expr` is not NULL.
fn present(scope: &Scope, expr: &Expr) -> Facts {
    match &expr.kind {
        ExprKind::Column { table, name, .. } => {
            scope.locate(table.as_ref(), name).into_iter().collect()
        }
        ExprKind::Unary(_, operand)
        | ExprKind::Not(operand)
        | ExprKind::Cast(operand, _)
        | ExprKind::Collate(operand) => present(scope, operand),
        ExprKind::Binary(Operator::And | Operator::Or, ..) => Facts::new(),
        ExprKind::Binary(_, left, right) => union(present(scope, left), present(scope, right)),
        ExprKind::Like { left, pattern, .. } => {
            union(present(scope, left), present(scope, pattern))
        }
        ExprKind::Function(function) => present_in_call(scope, function),
        ExprKind::Null
        | ExprKind::Integer
        | ExprKind::Float
        | ExprKind::String(_)
        | ExprKind::Blob
        | ExprKind::CurrentTime
        | ExprKind::Parameter(_)
        | ExprKind::Is { .. }
        | ExprKind::Between { .. }
        | ExprKind::In { .. }
        | ExprKind::Exists(_)
        | ExprKind::Subquery(_)
        | ExprKind::Case { .. }
        | ExprKind::Row(_)
        | ExprKind::Raise => Facts::new(),
    }
}

/// Returns the columns that are not NULL where the result of a call is not NULL.
fn present_in_call(scope: &Scope, function: &Function) -> Facts {
    let found = functions::find(&function.name.text, function.arguments.len());
    let Some(signature) = found.filter(|_| function.over.is_none()) else {
        return Facts::new();
    };
    if signature.kind != Kind::Scalar || signature.null != Null::Any {
        return Facts::new();
    }

    // `replace(x, '', NULL)` is `x`.
    let required = if signature.name == "replace" {
        2
    } else {
        usize::MAX
    };
    let mut facts = Facts::new();
    for argument in function.arguments.iter().take(required) {
        facts = union(facts, present(scope, argument));
    }
    facts
}

fn union(mut left: Facts, right: Facts) -> Facts {
    for fact in right {
        if !left.contains(&fact) {
            left.push(fact);
        }
    }
    left
}

fn intersection(left: &Facts, right: &Facts) -> Facts {
    left.iter()
        .filter(|fact| right.contains(fact))
        .copied()
        .collect()
}
