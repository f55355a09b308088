//! What a CHECK leaves to a column: one of some texts, or 0 and 1.

use std::collections::BTreeSet;

use crate::names::Name;
use crate::syntax::ast::{Expr, ExprKind, Ident, InList, Operator};

use super::{Checked, Column, TextEnum};

/// Notes at the columns of a table what its CHECKs leave to each.
///
/// Only what holds for every value is noted: the column's own collation must tell the texts apart,
/// and its affinity must not let other values through as equal.
pub(super) fn apply(
    table: &str,
    columns: &mut [Column],
    checks: &[Expr],
    sql: &str,
    text_enums: &mut Vec<TextEnum>,
) {
    let mut conditions: Vec<&Expr> = checks.iter().collect();
    while let Some(condition) = conditions.pop() {
        if let ExprKind::Binary(Operator::And, left, right) = &condition.kind {
            conditions.extend([left.as_ref(), right.as_ref()]);
            continue;
        }
        let mut values = Vec::new();
        let Some(name) = listed(condition, &mut values) else {
            continue;
        };
        let Some(column) = columns.iter_mut().find(|column| name.is(&column.name)) else {
            continue;
        };
        let declared = column.declared.to_ascii_uppercase();
        let is_text = ["CHAR", "CLOB", "TEXT"]
            .iter()
            .any(|part| declared.contains(part))
            && !declared.contains("INT");
        let is_number = ["INT", "BOOL", "NUM"]
            .iter()
            .any(|part| declared.contains(part));
        let literals: Option<Vec<String>> = values
            .iter()
            .map(|value| match &value.kind {
                ExprKind::String(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        let zero_or_one = |value: &&Expr| {
            value.kind == ExprKind::Integer && ["0", "1"].contains(&&sql[value.span.clone()])
        };
        match literals {
            Some(literals) if is_text && column.collation == "BINARY" && !literals.is_empty() => {
                let mut distinct: Vec<String> = Vec::new();
                for literal in literals {
                    if !distinct.contains(&literal) {
                        distinct.push(literal);
                    }
                }
                // Texts that have one spelling in Rust cannot be an enum's variants.
                let variants: BTreeSet<String> =
                    distinct.iter().map(|text| Name::new(text).ty).collect();
                if variants.len() < distinct.len() {
                    continue;
                }
                column.checked = Checked::Enum(u32::try_from(text_enums.len()).unwrap_or(u32::MAX));
                text_enums.push(TextEnum::new(table, &column.name, distinct));
            }
            None if is_number && values.iter().all(zero_or_one) => {
                column.checked = Checked::Boolean
            }
            _ => {}
        }
    }
}

/// The column that a condition holds to `values`: `x IN (...)`, `x = ...`, `x IS NULL OR ...`.
fn listed<'e>(condition: &'e Expr, values: &mut Vec<&'e Expr>) -> Option<&'e Ident> {
    let column = |expr: &'e Expr| match &expr.kind {
        ExprKind::Column { name, .. } => Some(name),
        _ => None,
    };
    match &condition.kind {
        ExprKind::In {
            operand,
            list: InList::Exprs(items),
            negated: false,
        } if !items.is_empty() => {
            values.extend(items);
            column(operand)
        }
        ExprKind::Binary(Operator::Equal, left, right) => {
            values.push(right);
            column(left)
        }
        // NULL passes every CHECK, so this says nothing more.
        ExprKind::Is {
            left,
            right,
            negated: false,
        } if right.kind == ExprKind::Null => column(left),
        ExprKind::Binary(Operator::Or, left, right) => {
            let (left, right) = (listed(left, values)?, listed(right, values)?);
            left.is(&right.text).then_some(left)
        }
        _ => None,
    }
}
