//! The number of rows that a statement can return, from its shape and the unique keys of its
//! tables.

use crate::cache::encode_variants;
use crate::schema::{Catalog, Table, TableKind};
use crate::syntax::ast::{
    Conflict, Core, Expr, ExprKind, Ident, Insert, Join, JoinKind, Operator, Query, ResultColumn, Select,
    Source, Statement,
};

use super::aggregates::is_aggregate;
use super::scope::is_rowid;

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
        Statement::Select(select) => select_rows(catalog, text, select),
        Statement::Insert(insert) => insert_rows(catalog, insert),
        Statement::Update(update) => change_rows(
            catalog,
            (&update.table, update.alias.as_ref()),
            update.from.as_ref(),
            update.filter.as_ref(),
            &update.returning,
        ),
        Statement::Delete(delete) => change_rows(
            catalog,
            (&delete.table, delete.alias.as_ref()),
            None,
            delete.filter.as_ref(),
            &delete.returning,
        ),
        Statement::Other => Rows::Many,
    }
}

fn select_rows(catalog: &Catalog, text: &str, select: &Select) -> Rows {
    let literal = |expr: &Expr, digit: &str| text.get(expr.span.clone()) == Some(digit);
    let rows = match select.cores.as_slice() {
        [Core::Values(rows)] if rows.len() == 1 => Rows::One,
        [Core::Query(query)] => query_rows(catalog, select, query),
        _ => Rows::Many,
    };

    match &select.limit {
        Some(limit) if literal(limit, "0") => Rows::Never,
        Some(limit) if literal(limit, "1") && select.offset.is_none() => rows.min(Rows::AtMostOne),
        // The value of another limit can be 0, and an offset can skip the only row.
        Some(_) => rows.max(Rows::AtMostOne),
        None => rows,
    }
}

fn query_rows(catalog: &Catalog, select: &Select, query: &Query) -> Rows {
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

    let mut tables = KeyedTables {
        catalog,
        ctes: select.ctes.iter().map(|cte| &cte.name).collect(),
        tables: Vec::new(),
    };
    let filter = query.filter.iter();
    let mut conditions: Vec<Condition<'_>> =
        filter.map(|expr| Condition { expr, first: 0 }).collect();
    if tables.add_source(from, &mut conditions) && tables.all_single(&conditions) {
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
    catalog: &Catalog,
    (table, alias): (&Ident, Option<&Ident>),
    from: Option<&Source>,
    filter: Option<&Expr>,
    returning: &[ResultColumn],
) -> Rows {
    if returning.is_empty() {
        return Rows::None;
    }
    let mut tables = KeyedTables {
        catalog,
        ctes: Vec::new(),
        tables: Vec::new(),
    };

    // The tables of FROM choose rows of the target, but never multiply them.
    if tables.add(table, alias) && tables.first_single(filter, from.is_some()) {
        Rows::AtMostOne
    } else {
        Rows::Many
    }
}

/// A condition, and the first table whose rows it restricts.
struct Condition<'e> {
    expr: &'e Expr,
    first: usize,
}

/// An equality that holds for every row, and the first table whose rows it restricts.
struct Equality<'e> {
    left: &'e Expr,
    right: &'e Expr,
    first: usize,
}

/// A column of a table that a key can consist of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyColumn {
    Rowid,
    /// The column at a position.
    Stored(usize),
}

/// A table of a FROM clause.
struct KeyedTable<'a> {
    shown: String,
    table: &'a Table,
    /// Whether a unique key restricts it to one row.
    single: bool,
}

impl KeyedTable<'_> {
    fn position(&self, name: &Ident) -> Option<usize> {
        self.table
            .columns
            .iter()
            .position(|column| name.is(&column.name))
    }
}

/// The tables of a FROM clause, whose unique keys can restrict the result to one row.
struct KeyedTables<'a> {
    catalog: &'a Catalog,
    ctes: Vec<&'a Ident>,
    tables: Vec<KeyedTable<'a>>,
}

impl<'a> KeyedTables<'a> {
    /// Adds a table. Returns `false` for a CTE, a view and a virtual table, which have no keys.
    fn add(&mut self, name: &Ident, alias: Option<&Ident>) -> bool {
        if self.ctes.iter().any(|cte| cte.is(&name.text)) {
            return false;
        }
        let Some(table) = self.catalog.table(&name.text) else {
            return false;
        };
        if table.kind != TableKind::Table {
            return false;
        }

        self.tables.push(KeyedTable {
            shown: alias.unwrap_or(name).text.clone(),
            table,
            single: false,
        });
        true
    }

    /// Adds the tables of a FROM clause and the conditions of its joins. Returns `false` for a
    /// clause whose rows the keys do not determine.
    fn add_source<'e>(&mut self, source: &'e Source, conditions: &mut Vec<Condition<'e>>) -> bool {
        match source {
            Source::Table {
                name,
                alias,
                arguments: None,
                ..
            } => self.add(name, alias.as_ref()),
            Source::Join(join) => self.add_join(join, conditions),
            Source::Table { .. } | Source::Select { .. } | Source::Named { .. } => false,
        }
    }

    fn add_join<'e>(&mut self, join: &'e Join, conditions: &mut Vec<Condition<'e>>) -> bool {
        if join.natural || !join.using.is_empty() {
            return false;
        }

        let left = self.add_source(&join.left, conditions);
        let middle = self.tables.len();
        let both = left && self.add_source(&join.right, conditions);
        let first = match join.kind {
            JoinKind::Inner => 0,
            // The condition restricts the right side only: every row of the left side remains.
            JoinKind::Left => middle,
            JoinKind::Right | JoinKind::Full => return false,
        };
        let on = join.on.iter();
        conditions.extend(on.map(|expr| Condition { expr, first }));
        both
    }

    /// Whether the conditions restrict every table to one row.
    fn all_single(&mut self, conditions: &[Condition<'_>]) -> bool {
        let mut equalities = Vec::new();
        for condition in conditions {
            collect_equalities(condition.expr, condition.first, &mut equalities);
        }

        // A table with one row has fixed values, which can restrict the next table.
        loop {
            let next = (0..self.tables.len())
                .find(|index| !self.tables[*index].single && self.is_single(*index, &equalities));
            match next {
                Some(index) => self.tables[index].single = true,
                None => return self.tables.iter().all(|table| table.single),
            }
        }
    }

    /// Whether the condition restricts the first table to one row. With other tables in the
    /// statement, their columns do not have a fixed value.
    fn first_single(&mut self, condition: Option<&Expr>, has_others: bool) -> bool {
        let mut equalities = Vec::new();
        if let Some(condition) = condition {
            collect_equalities(condition, 0, &mut equalities);
        }
        if has_others {
            equalities.retain(|equality| is_fixed(equality.left) || is_fixed(equality.right));
        }
        self.is_single(0, &equalities)
    }

    /// Whether every column of a unique key of the table is equal to a fixed value.
    fn is_single(&self, index: usize, equalities: &[Equality<'_>]) -> bool {
        let table = self.tables[index].table;
        let is_given = |column: KeyColumn| self.is_given(index, column, equalities);

        let rowid_alias = table.columns.iter().position(|column| column.rowid_alias);
        if table.has_rowid
            && (is_given(KeyColumn::Rowid)
                || rowid_alias.is_some_and(|position| is_given(KeyColumn::Stored(position))))
        {
            return true;
        }

        let unique = table
            .indexes
            .iter()
            .filter(|index| index.unique && !index.partial);
        for index in unique {
            // The index must compare texts as the column does, and so as the query does.
            let all_given = index.columns.iter().all(|(position, collation)| {
                position.is_some_and(|position| {
                    table.columns[position].collation == *collation
                        && is_given(KeyColumn::Stored(position))
                })
            });
            if all_given {
                return true;
            }
        }
        false
    }

    /// Whether a column of the table is equal to a fixed value.
    fn is_given(&self, index: usize, column: KeyColumn, equalities: &[Equality<'_>]) -> bool {
        let is_column = |expr: &Expr| self.column(index, expr) == Some(column);
        equalities
            .iter()
            .filter(|equality| equality.first <= index)
            .any(|Equality { left, right, .. }| {
                is_column(left) && self.has_one_value(right)
                    || is_column(right) && self.has_one_value(left)
            })
    }

    /// Whether an expression is fixed, or a column of a table with one row.
    fn has_one_value(&self, expr: &Expr) -> bool {
        is_fixed(expr)
            || (0..self.tables.len())
                .any(|other| self.tables[other].single && self.column(other, expr).is_some())
    }

    /// The column of a table that an expression names.
    fn column(&self, index: usize, expr: &Expr) -> Option<KeyColumn> {
        let ExprKind::Column {
            table: qualifier,
            name,
            ..
        } = &expr.kind
        else {
            return None;
        };
        let table = &self.tables[index];
        match qualifier {
            Some(qualifier) if !qualifier.is(&table.shown) => return None,
            Some(_) => {}
            None => {
                let holders = self.tables.iter().filter_map(|table| table.position(name));
                if holders.count() > 1 {
                    return None;
                }
            }
        }

        if let Some(position) = table.position(name) {
            return Some(KeyColumn::Stored(position));
        }
        (is_rowid(name) && table.table.has_rowid).then_some(KeyColumn::Rowid)
    }
}

/// Collects the equalities that hold where a condition does.
fn collect_equalities<'e>(condition: &'e Expr, first: usize, found: &mut Vec<Equality<'e>>) {
    match &condition.kind {
        ExprKind::Binary(Operator::And, left, right) => {
            collect_equalities(left, first, found);
            collect_equalities(right, first, found);
        }
        ExprKind::Binary(Operator::Equal, left, right) => {
            found.push(Equality { left, right, first });
        }
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
            let name = function.name.text.to_ascii_lowercase();
            !name.starts_with("random")
                && function.over.is_none()
                && !function.star
                && function.arguments.iter().all(is_fixed)
        }
        _ => false,
    }
}
