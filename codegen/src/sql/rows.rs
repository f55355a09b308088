//! The number of rows that a statement can return, from its shape and the unique keys of its
//! tables.

use crate::cache::encode_variants;
use crate::schema::Catalog;
use crate::syntax::ast::{
    Conflict, Core, Cte, Expr, Ident, Insert, Query, ResultColumn, Select, Source, Statement,
};

use super::aggregates::is_aggregate;
use super::keys::KeyedTables;

/// The number of rows that a statement can return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rows {
    /// The statement has no result columns.
    None,
    /// No rows, although the statement has result columns.
    Never,
    /// Exactly one row.
    One,
    /// One row or none.
    AtMostOne,
    /// Any number of rows.
    Many,
}

encode_variants! { Rows { 0 => None, 1 => Never, 2 => One, 3 => AtMostOne, 4 => Many } }

/// Returns the number of rows that a statement can return.
pub(super) fn row_count(catalog: &Catalog, text: &str, statement: &Statement) -> Rows {
    match statement {
        Statement::Select(select) => select_rows(catalog, text, select, &[]),
        Statement::Insert(insert) => insert_rows(catalog, insert),
        Statement::Update(update) => change_rows(
            (catalog, text),
            (&update.table, update.alias.as_ref()),
            update.from.as_ref(),
            update.filter.as_ref(),
            &update.returning,
        ),
        Statement::Delete(delete) => change_rows(
            (catalog, text),
            (&delete.table, delete.alias.as_ref()),
            None,
            delete.filter.as_ref(),
            &delete.returning,
        ),
        Statement::Other => Rows::Many,
    }
}

/// Returns the number of rows of a select, which can name the CTEs `outer`.
pub(super) fn select_rows<'a>(
    catalog: &'a Catalog,
    text: &'a str,
    select: &'a Select,
    outer: &[&'a Cte],
) -> Rows {
    let literal = |expr: &Expr, digit: &str| text.get(expr.span.clone()) == Some(digit);
    let ctes: Vec<&Cte> = outer.iter().copied().chain(&select.ctes).collect();
    let rows = match select.cores.as_slice() {
        [Core::Values(rows)] if rows.len() == 1 => Rows::One,
        [Core::Query(query)] => query_rows(catalog, text, select, query, ctes),
        _ => Rows::Many,
    };

    match &select.limit {
        Some(limit) if literal(limit, "0") => Rows::Never,
        Some(limit) if literal(limit, "1") && select.offset.is_none() => rows.min(Rows::AtMostOne),
        Some(limit) if literal(limit, "1") => Rows::AtMostOne,
        // The value of another limit can be 0, and an offset can skip the only row.
        Some(_) => rows.max(Rows::AtMostOne),
        None => rows,
    }
}

fn query_rows<'a>(
    catalog: &'a Catalog,
    text: &'a str,
    select: &'a Select,
    query: &'a Query,
    ctes: Vec<&'a Cte>,
) -> Rows {
    let Some(from) = &query.from else {
        return if query.filter.is_some() || query.having.is_some() {
            Rows::AtMostOne
        } else {
            Rows::One
        };
    };

    let in_columns = query
        .columns
        .iter()
        .any(|column| matches!(column, ResultColumn::Expr { expr, .. } if is_aggregate(expr)));
    let aggregates = in_columns || select.order_by.iter().any(is_aggregate);
    if query.group_by.is_empty() {
        if query.having.is_some() {
            return Rows::AtMostOne;
        }
        if aggregates {
            return Rows::One;
        }
    }

    let mut tables = KeyedTables::new(catalog, text, ctes);
    if !tables.add_source(from) {
        return Rows::Many;
    }
    if tables.all_single(query.filter.as_ref()) || tables.has_one_group(&query.group_by) {
        Rows::AtMostOne
    } else {
        Rows::Many
    }
}

fn insert_rows(catalog: &Catalog, insert: &Insert) -> Rows {
    if insert.returning.is_empty() {
        return Rows::None;
    }
    let writes_one_row = match &insert.source {
        None => true,
        Some(select) => matches!(select.cores.as_slice(), [Core::Values(rows)] if rows.len() == 1),
    };

    // A trigger can skip the row.
    let may_skip = insert.conflict == Conflict::Ignore
        || catalog
            .table(&insert.table.text)
            .is_none_or(|table| table.has_triggers);
    let always_returns = !may_skip
        && insert
            .upserts
            .iter()
            .all(|upsert| !upsert.set.is_empty() && upsert.filter.is_none());

    match (writes_one_row, always_returns) {
        (true, true) => Rows::One,
        (true, false) => Rows::AtMostOne,
        (false, _) => Rows::Many,
    }
}

fn change_rows(
    (catalog, text): (&Catalog, &str),
    (table, alias): (&Ident, Option<&Ident>),
    from: Option<&Source>,
    filter: Option<&Expr>,
    returning: &[ResultColumn],
) -> Rows {
    if returning.is_empty() {
        return Rows::None;
    }
    let mut tables = KeyedTables::new(catalog, text, Vec::new());

    // The tables of FROM choose rows of the target, but never multiply them.
    if tables.add(table, alias) && tables.first_single(filter, from.is_some()) {
        Rows::AtMostOne
    } else {
        Rows::Many
    }
}
