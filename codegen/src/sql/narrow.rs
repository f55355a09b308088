//! What a condition tells of its columns: which cannot be NULL where it holds.
//!
//! SQL's logic has three values. `x = 1` holds only where `x` is not NULL; so does its negation.
//! Only what is certain is said: an empty answer is always right.

use super::functions::{self, Kind, Null};
use super::scope::Scope;
use crate::syntax::ast::{Expr, ExprKind, InList, Operator};

type Facts = Vec<(usize, usize)>;

/// The columns of `scope` that are not NULL where `condition` is true.
pub(super) fn when_true(scope: &Scope, condition: &Expr) -> Facts {
    decided(scope, condition, true)
}

/// The columns of `scope` that are not NULL where `condition` is false or NULL.
///
/// Only a condition that is never NULL tells anything: then it is false.
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

/// The expressions in `condition` that are not NULL where it is true: aggregates, calls, anything but
/// a plain column.
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

fn decided(scope: &Scope, condition: &Expr, truth: bool) -> Facts {
    match &condition.kind {
        ExprKind::Binary(operator @ (Operator::And | Operator::Or), left, right) => {
            let (left, right) = (decided(scope, left, truth), decided(scope, right, truth));
            // `a AND b` is true when both are, `a OR b` is false when both are.
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
        ExprKind::Is { .. } => Facts::new(),
        ExprKind::Between {
            operand,
            low,
            high,
            negated,
        } => {
            let mut facts = present(scope, operand);
            // Both bounds are read only where the value lies between them.
            if *negated != truth {
                facts = union(facts, union(present(scope, low), present(scope, high)));
            }
            facts
        }
        ExprKind::In {
            operand,
            list,
            negated,
        } => match list {
            // `x IN ()` is false and `x NOT IN ()` true, even for NULL.
            InList::Exprs(items) if !items.is_empty() && !is_list(items) => present(scope, operand),
            _ if *negated != truth => present(scope, operand),
            _ => Facts::new(),
        },
        // A full-text table that is asked ranks what it finds.
        ExprKind::Like {
            left,
            matches: true,
            ..
        } if truth => {
            let facts = present(scope, left);
            let ranks = facts.iter().filter_map(|(relation, _)| {
                let columns = &scope.relations.get(*relation)?.columns;
                let rank = columns
                    .iter()
                    .position(|column| column.hidden && column.name.eq_ignore_ascii_case("rank"))?;
                Some((*relation, rank))
            });
            ranks.collect()
        }
        _ => present(scope, condition),
    }
}

/// A list that is one parameter can be empty when it is run.
fn is_list(items: &[Expr]) -> bool {
    matches!(
        items,
        [Expr {
            kind: ExprKind::Parameter(_),
            ..
        }]
    )
}

/// The columns that are not NULL where `expr` is not.
fn present(scope: &Scope, expr: &Expr) -> Facts {
    match &expr.kind {
        ExprKind::Column { table, name, .. } => {
            scope.locate(table.as_ref(), name).into_iter().collect()
        }
        ExprKind::Unary(_, operand)
        | ExprKind::Not(operand)
        | ExprKind::Cast(operand, _)
        | ExprKind::Collate(operand) => present(scope, operand),
        ExprKind::Binary(operator, left, right)
            if !matches!(operator, Operator::And | Operator::Or) =>
        {
            union(present(scope, left), present(scope, right))
        }
        ExprKind::Like { left, pattern, .. } => {
            union(present(scope, left), present(scope, pattern))
        }
        ExprKind::Function(function) if function.over.is_none() => {
            match functions::find(&function.name.text, function.arguments.len()) {
                Some(row) if row.kind == Kind::Scalar && row.null == Null::Any => {
                    // `replace(x, '', NULL)` is `x`.
                    let read = if row.name == "replace" { 2 } else { usize::MAX };
                    function
                        .arguments
                        .iter()
                        .take(read)
                        .fold(Facts::new(), |facts, argument| {
                            union(facts, present(scope, argument))
                        })
                }
                _ => Facts::new(),
            }
        }
        _ => Facts::new(),
    }
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
