//! The values that a CHECK allows in a column: a list of texts, or 0 and 1.

use std::collections::BTreeSet;

use crate::names::Name;
use crate::syntax::ast::{Expr, ExprKind, Ident, InList, Operator};

use super::{Checked, Column, TextEnum};

/// Sets [`Column::checked`] of a table's columns from its CHECKs.
///
/// Only restrictions that hold for every stored value count: the collation of the column must
/// distinguish the texts, and its affinity must not admit other values that compare equal.
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
        let Some(name) = restricted_column(condition, &mut values) else {
            continue;
        };
        let Some(column) = columns.iter_mut().find(|column| name.is(&column.name)) else {
            continue;
        };

        if let Some(texts) = texts(&values) {
            if let Some(texts) = enum_texts(column, texts) {
                column.checked = Checked::Enum(u32::try_from(text_enums.len()).unwrap_or(u32::MAX));
                text_enums.push(TextEnum::new(table, &column.name, texts));
            }
        } else if is_number(column) && values.iter().all(|value| is_zero_or_one(value, sql)) {
            column.checked = Checked::Boolean;
        }
    }
}

/// Returns the values if all of them are texts.
fn texts(values: &[&Expr]) -> Option<Vec<String>> {
    let texts = values.iter().map(|value| match &value.kind {
        ExprKind::String(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

/// Returns the distinct texts of a column if they can become an enum.
fn enum_texts(column: &Column, texts: Vec<String>) -> Option<Vec<String>> {
    if texts.is_empty() || !is_text(column) || column.collation != "BINARY" {
        return None;
    }

    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }

    // Two texts with the same spelling in Rust cannot be variants of one enum.
    let variants: BTreeSet<String> = distinct.iter().map(|text| Name::new(text).ty).collect();
    (variants.len() == distinct.len()).then_some(distinct)
}

/// Reports whether a column has text affinity.
fn is_text(column: &Column) -> bool {
    let declared = column.declared.to_ascii_uppercase();
    let names_text = ["CHAR", "CLOB", "TEXT"]
        .iter()
        .any(|part| declared.contains(part));
    names_text && !declared.contains("INT")
}

/// Reports whether a column has integer or numeric affinity.
fn is_number(column: &Column) -> bool {
    let declared = column.declared.to_ascii_uppercase();
    ["INT", "BOOL", "NUM"]
        .iter()
        .any(|part| declared.contains(part))
}

fn is_zero_or_one(value: &Expr, sql: &str) -> bool {
    value.kind == ExprKind::Integer && ["0", "1"].contains(&&sql[value.span.clone()])
}

/// Returns the column that a condition restricts, and adds the allowed values to `values`.
///
/// Understands `x IN (...)`, `x = ...`, and `x IS NULL OR ...`.
fn restricted_column<'e>(condition: &'e Expr, values: &mut Vec<&'e Expr>) -> Option<&'e Ident> {
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
        // NULL passes every CHECK, so this adds no value.
        ExprKind::Is {
            left,
            right,
            negated: false,
        } if right.kind == ExprKind::Null => column(left),
        ExprKind::Binary(Operator::Or, left, right) => {
            let left = restricted_column(left, values)?;
            let right = restricted_column(right, values)?;
            left.is(&right.text).then_some(left)
        }
        _ => None,
    }
}
