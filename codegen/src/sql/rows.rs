//! How many rows a statement can give: what its shape and the unique keys of its tables say.

use crate::cache::encode_variants;
use crate::schema::{Catalog, Table, TableKind};
use crate::syntax::ast::{
    Core, Expr, ExprKind, Ident, Insert, JoinKind, Operator, Query, ResultColumn, Select, Source,
    Statement,
};

use super::aggregates::is_aggregate;

/// How many rows a statement can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rows {
    /// It has no result columns.
    None,
    /// Never one, though it has result columns.
    Never,
    /// Always one.
    One,
    /// One or none.
    AtMostOne,
    /// Any number.
    Many,
}

encode_variants! { Rows { 0 => None, 1 => Never, 2 => One, 3 => AtMostOne, 4 => Many } }

/// How many rows a statement gives.
pub(super) fn of(catalog: &Catalog, text: &str, statement: &Statement) -> Rows {
    match statement {
        Statement::Select(select) => select_rows(catalog, text, select),
        Statement::Insert(insert) => of_insert(catalog, insert),
        Statement::Update(update) => {
            let target = (&update.table, update.alias.as_ref());
            of_change(
                catalog,
                target,
                update.from.as_ref(),
                update.filter.as_ref(),
                &update.returning,
            )
        }
        Statement::Delete(delete) => {
            let target = (&delete.table, delete.alias.as_ref());
            of_change(
                catalog,
                target,
                None,
                delete.filter.as_ref(),
                &delete.returning,
            )
        }
        Statement::Other => Rows::Many,
    }
}

fn select_rows(catalog: &Catalog, text: &str, select: &Select) -> Rows {
    let literal = |expr: &Expr, digit: &str| text.get(expr.span.clone()) == Some(digit);
    let rows = match select.cores.as_slice() {
        [Core::Values(rows)] if rows.len() == 1 => Rows::One,
        [Core::Query(query)] => of_query(catalog, select, query),
        _ => Rows::Many,
    };
    match &select.limit {
        Some(limit) if literal(limit, "0") => Rows::Never,
        Some(limit) if literal(limit, "1") && select.offset.is_none() => rows.min(Rows::AtMostOne),
        // Any other bound may leave nothing.
        Some(_) => rows.max(Rows::AtMostOne),
        None => rows,
    }
}

fn of_query(catalog: &Catalog, select: &Select, query: &Query) -> Rows {
    let aggregate = |column: &ResultColumn| matches!(column, ResultColumn::Expr { expr, .. } if is_aggregate(expr));
    let aggregates =
        query.columns.iter().any(aggregate) || select.order_by.iter().any(is_aggregate);
    let Some(from) = &query.from else {
        return if query.filter.is_some() || query.having.is_some() {
            Rows::AtMostOne
        } else {
            Rows::One
        };
    };
    if query.group_by.is_empty() && (aggregates || query.having.is_some()) {
        return if query.having.is_some() {
            Rows::AtMostOne
        } else {
            Rows::One
        };
    }
    let mut pinned = Pinned {
        catalog,
        ctes: select.ctes.iter().map(|cte| &cte.name).collect(),
        relations: Vec::new(),
    };
    let mut conditions: Vec<(&Expr, usize)> =
        query.filter.iter().map(|filter| (filter, 0)).collect();
    if pinned.source(from, &mut conditions) && pinned.all_by(&conditions) {
        Rows::AtMostOne
    } else {
        Rows::Many
    }
}

fn of_insert(catalog: &Catalog, insert: &Insert) -> Rows {
    if insert.returning.is_empty() {
        return Rows::None;
    }
    let one = match &insert.source {
        None => true,
        Some(select) => matches!(select.cores.as_slice(), [Core::Values(rows)] if rows.len() == 1),
    };
    // A trigger may leave the row out.
    let ignores = insert.ignores
        || catalog
            .table(&insert.table.text)
            .is_none_or(|table| table.has_triggers);
    let always = !ignores
        && insert
            .upserts
            .iter()
            .all(|upsert| !upsert.set.is_empty() && upsert.filter.is_none());
    match (one, always) {
        (true, true) => Rows::One,
        (true, false) => Rows::AtMostOne,
        (false, _) => Rows::Many,
    }
}

fn of_change(
    catalog: &Catalog,
    (table, alias): (&Ident, Option<&Ident>),
    from: Option<&Source>,
    filter: Option<&Expr>,
    returning: &[ResultColumn],
) -> Rows {
    if returning.is_empty() {
        return Rows::None;
    }
    let mut pinned = Pinned {
        catalog,
        ctes: Vec::new(),
        relations: Vec::new(),
    };
    // What FROM adds chooses a row for the target; it never makes more of it.
    if pinned.add(table, alias) && pinned.first_by(filter, from.is_some()) {
        Rows::AtMostOne
    } else {
        Rows::Many
    }
}

/// Tables of which at most one row can be met.
struct Pinned<'a> {
    catalog: &'a Catalog,
    ctes: Vec<&'a Ident>,
    relations: Vec<(String, &'a Table, bool)>,
}

impl<'a> Pinned<'a> {
    /// Adds a table; false when it is none with keys.
    fn add(&mut self, name: &Ident, alias: Option<&Ident>) -> bool {
        let table = self
            .catalog
            .table(&name.text)
            .filter(|table| table.kind == TableKind::Table);
        let Some(table) = table.filter(|_| !self.ctes.iter().any(|cte| cte.is(&name.text))) else {
            return false;
        };
        self.relations
            .push((alias.unwrap_or(name).text.clone(), table, false));
        true
    }

    /// Adds the tables of a FROM clause, and the conditions under which their rows meet, each with the first
    /// table whose rows it chooses.
    fn source<'e>(&mut self, source: &'e Source, conditions: &mut Vec<(&'e Expr, usize)>) -> bool {
        match source {
            Source::Table {
                name,
                alias,
                arguments: None,
                ..
            } => self.add(name, alias.as_ref()),
            Source::Join(join) if !join.natural && join.using.is_empty() => {
                let left = self.source(&join.left, conditions);
                let middle = self.relations.len();
                let both = left && self.source(&join.right, conditions);
                let first = match join.kind {
                    JoinKind::Inner => 0,
                    // It chooses rows of the right side; the left ones stay.
                    JoinKind::Left => middle,
                    JoinKind::Right | JoinKind::Full => return false,
                };
                conditions.extend(join.on.iter().map(|on| (on, first)));
                both
            }
            _ => false,
        }
    }

    /// Whether the conditions leave one row of every table.
    fn all_by(&mut self, conditions: &[(&Expr, usize)]) -> bool {
        let mut equal = Vec::new();
        for (condition, first) in conditions {
            equalities(condition, *first, &mut equal);
        }
        loop {
            let next = (0..self.relations.len())
                .find(|index| !self.relations[*index].2 && self.is_pinned(*index, &equal));
            match next {
                Some(index) => self.relations[index].2 = true,
                None => return self.relations.iter().all(|relation| relation.2),
            }
        }
    }

    /// Whether the condition leaves one row of the first table; names of others are values that change.
    fn first_by(&mut self, condition: Option<&Expr>, has_others: bool) -> bool {
        let mut equal = Vec::new();
        if let Some(condition) = condition {
            equalities(condition, 0, &mut equal);
        }
        if has_others {
            equal.retain(|(left, right, _)| is_fixed(left) || is_fixed(right));
        }
        self.is_pinned(0, &equal)
    }

    /// Whether each column of a unique key is equal to something that has one value.
    fn is_pinned(&self, index: usize, equal: &[(&Expr, &Expr, usize)]) -> bool {
        let table = self.relations[index].1;
        let has_one_value = |expr: &Expr| {
            is_fixed(expr)
                || (0..self.relations.len()).any(|other| {
                    self.relations[other].2
                        && matches!(&expr.kind, ExprKind::Column { .. })
                        && self.column(other, expr).is_some()
                })
        };
        let given = |position: Option<usize>| {
            equal
                .iter()
                .filter(|(_, _, first)| *first <= index)
                .any(|(left, right, _)| {
                    let is = |expr: &Expr| match position {
                        Some(position) => self.column(index, expr) == Some(Some(position)),
                        None => self.column(index, expr) == Some(None),
                    };
                    is(left) && has_one_value(right) || is(right) && has_one_value(left)
                })
        };
        let rowid = table.columns.iter().position(|column| column.rowid_alias);
        if table.has_rowid && (given(None) || rowid.is_some() && given(rowid)) {
            return true;
        }
        table.indexes.iter().any(|unique| {
            unique.unique
                && !unique.partial
                && unique.columns.iter().all(|(position, collation)| {
                    // Equal to the query must be equal to the index.
                    position.is_some_and(|position| table.columns[position].collation == *collation)
                        && given(*position)
                })
        })
    }

    /// The column of a relation that an expression is; `Some(None)` for its rowid.
    fn column(&self, index: usize, expr: &Expr) -> Option<Option<usize>> {
        let ExprKind::Column { table, name, .. } = &expr.kind else {
            return None;
        };
        let holds = |(shown, relation, _): &(String, &Table, bool)| {
            table.as_ref().is_none_or(|table| table.is(shown))
                && relation.columns.iter().any(|column| name.is(&column.name))
        };
        let relation = &self.relations[index];
        if table.as_ref().is_some_and(|table| !table.is(&relation.0)) {
            return None;
        }
        if table.is_none()
            && self
                .relations
                .iter()
                .filter(|relation| holds(relation))
                .count()
                > 1
        {
            return None;
        }
        match relation
            .1
            .columns
            .iter()
            .position(|column| name.is(&column.name))
        {
            Some(position) => Some(Some(position)),
            None if ["rowid", "oid", "_rowid_"].iter().any(|word| name.is(word))
                && relation.1.has_rowid =>
            {
                Some(None)
            }
            None => None,
        }
    }
}

/// The equalities that hold where a condition does.
fn equalities<'e>(condition: &'e Expr, first: usize, found: &mut Vec<(&'e Expr, &'e Expr, usize)>) {
    match &condition.kind {
        ExprKind::Binary(Operator::And, left, right) => {
            equalities(left, first, found);
            equalities(right, first, found);
        }
        ExprKind::Binary(Operator::Equal, left, right) => found.push((left, right, first)),
        _ => {}
    }
}

/// Whether an expression has one value for the whole statement.
pub(super) fn is_fixed(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Integer
        | ExprKind::Float
        | ExprKind::String(_)
        | ExprKind::Blob
        | ExprKind::Parameter(_) => true,
        ExprKind::Unary(_, operand) | ExprKind::Cast(operand, _) => is_fixed(operand),
        ExprKind::Binary(_, left, right) => is_fixed(left) && is_fixed(right),
        ExprKind::Function(function) => {
            !function
                .name
                .text
                .to_ascii_lowercase()
                .starts_with("random")
                && function.over.is_none()
                && !function.star
                && function.arguments.iter().all(is_fixed)
        }
        _ => false,
    }
}
