//! The columns by which a statement searches each of its tables.

use std::ops::Range;

use crate::schema::{Catalog, Table, TableKind};
use crate::syntax::ast::{
    Bytes, Core, Cte, Expr, ExprKind, Ident, InList, Join, Operator, Query, Select, Source,
    Statement,
};
use crate::syntax::visit::{self, Node};

/// A table where a statement names it, and the columns that the conditions compare.
pub(super) struct SearchedTable<'e> {
    /// The alias, or else the table's name.
    pub(super) shown: &'e str,
    /// Where the statement names it.
    pub(super) at: Bytes,
    /// `None` for a subquery, a view, a CTE and a table function, which have no indexes.
    pub(super) table: Option<&'e Table>,
    /// The columns that are equal to a value.
    pub(super) fixed: Vec<usize>,
    /// The columns that are equal to a column of another table of the same query.
    pub(super) joined: Vec<usize>,
    /// The columns that are in a list or a range. Several columns are compared as a row.
    pub(super) ranges: Vec<Vec<usize>>,
}

/// The side of a comparison that is not the column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// It is known before the query of the column starts.
    Fixed,
    /// It depends on other tables of the same query.
    Joined,
    /// It depends on the table of the column.
    Own,
}

/// A kind of comparison.
#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    Range,
}

/// Returns the tables that a statement names, each with its searched columns.
pub(super) fn searched_tables<'e>(
    catalog: &'e Catalog,
    statement: &'e Statement,
) -> Vec<SearchedTable<'e>> {
    let mut searches = Searches {
        catalog,
        tables: Vec::new(),
        levels: Vec::new(),
        ctes: Vec::new(),
    };
    match statement {
        Statement::Update(update) => {
            let target = (&update.table, update.alias.as_ref());
            searches.write(target, update.from.as_ref(), update.filter.as_ref());
        }
        Statement::Delete(delete) => {
            let target = (&delete.table, delete.alias.as_ref());
            searches.write(target, None, delete.filter.as_ref());
        }
        Statement::Select(_) | Statement::Insert(_) | Statement::Other => {}
    }
    visit::statement(statement, &mut |node| searches.enter(node));
    searches.tables
}

/// The walk over a statement.
struct Searches<'e> {
    catalog: &'e Catalog,
    tables: Vec<SearchedTable<'e>>,
    /// The tables of each query around the current place, innermost last.
    levels: Vec<Range<usize>>,
    /// The CTEs that the current place can name.
    ctes: Vec<&'e Cte>,
}

impl<'e> Searches<'e> {
    /// Walks the queries inside a part of a statement. Returns whether to enter the part.
    fn enter(&mut self, node: Node<'e>) -> bool {
        if let Node::Select(select) = node {
            self.select(select);
            return false;
        }
        true
    }

    /// Adds the tables of an UPDATE or a DELETE. Its subqueries can name them.
    fn write(
        &mut self,
        (table, alias): (&'e Ident, Option<&'e Ident>),
        from: Option<&'e Source>,
        filter: Option<&'e Expr>,
    ) {
        self.add(table, alias, false);
        if let Some(from) = from {
            self.source(from);
        }
        self.levels.push(0..self.tables.len());
        self.conditions(from, filter);
    }

    fn select(&mut self, select: &'e Select) {
        let known = self.ctes.len();
        self.ctes.extend(&select.ctes);
        for cte in &select.ctes {
            self.select(&cte.select);
        }

        for core in &select.cores {
            match core {
                Core::Query(query) => self.query(query),
                Core::Values(rows) => {
                    for expr in rows.iter().flatten() {
                        visit::expr(expr, &mut |node| self.enter(node));
                    }
                }
            }
        }
        for expr in select.order_by.iter().chain(&select.limit) {
            visit::expr(expr, &mut |node| self.enter(node));
        }
        self.ctes.truncate(known);
    }

    fn query(&mut self, query: &'e Query) {
        let start = self.tables.len();
        if let Some(from) = &query.from {
            self.source(from);
        }
        self.levels.push(start..self.tables.len());
        self.conditions(query.from.as_ref(), query.filter.as_ref());
        visit::query(query, &mut |node| self.enter(node));
        self.levels.pop();
    }

    /// Adds the tables of a FROM clause. Its subqueries are walked later.
    fn source(&mut self, source: &'e Source) {
        match source {
            Source::Table {
                name,
                alias,
                arguments,
                schema,
            } => {
                let is_cte = |cte: &&Cte| cte.name.is(&name.text);
                let is_derived =
                    arguments.is_some() || schema.is_none() && self.ctes.iter().any(is_cte);
                self.add(name, alias.as_ref(), is_derived);
            }
            Source::Select { alias, .. } => {
                if let Some(alias) = alias {
                    self.add(alias, None, true);
                }
            }
            Source::Join(join) => {
                self.source(&join.left);
                let middle = self.tables.len();
                self.source(&join.right);
                self.merge(join, middle);
            }
            Source::Named { source, .. } => self.source(source),
        }
    }

    fn add(&mut self, name: &'e Ident, alias: Option<&'e Ident>, is_derived: bool) {
        let table = self.catalog.table(&name.text);
        let table = table.filter(|table| !is_derived && table.kind == TableKind::Table);
        self.tables.push(SearchedTable {
            shown: &alias.unwrap_or(name).text,
            at: name.span.clone(),
            table,
            fixed: Vec::new(),
            joined: Vec::new(),
            ranges: Vec::new(),
        });
    }

    /// Adds the columns that USING or NATURAL compares. The tables of the right side start at
    /// `middle`.
    fn merge(&mut self, join: &'e Join, middle: usize) {
        let names: Vec<String> = if join.natural {
            let right = self.tables[middle..].iter();
            let columns = right
                .filter_map(|table| table.table)
                .flat_map(|table| &table.columns);
            columns.map(|column| column.name.clone()).collect()
        } else {
            join.using.iter().map(|name| name.text.clone()).collect()
        };

        let is_shared = |table: &SearchedTable<'_>, name: &str| {
            // The columns of a subquery are unknown here. A wrong guess is not suggested, because
            // SQLite does not use it.
            table
                .table
                .is_none_or(|table| column_position(table, name).is_some())
        };
        for name in names {
            let (left, right) = self.tables.split_at_mut(middle);
            if !left.iter().any(|table| is_shared(table, &name))
                || !right.iter().any(|table| is_shared(table, &name))
            {
                continue;
            }
            for searched in left.iter_mut().chain(right) {
                let position = searched
                    .table
                    .and_then(|table| column_position(table, &name));
                add_once(&mut searched.joined, position);
            }
        }
    }

    /// Adds the columns that the conditions of a query compare.
    fn conditions(&mut self, from: Option<&'e Source>, filter: Option<&'e Expr>) {
        let mut pending: Vec<&Source> = from.into_iter().collect();
        while let Some(source) = pending.pop() {
            match source {
                Source::Join(join) => {
                    pending.extend([&join.left, &join.right]);
                    join.on.iter().for_each(|on| self.condition(on));
                }
                Source::Named { source, .. } => pending.push(source),
                Source::Table { .. } | Source::Select { .. } => {}
            }
        }
        filter.into_iter().for_each(|filter| self.condition(filter));
    }

    fn condition(&mut self, condition: &'e Expr) {
        match &condition.kind {
            ExprKind::Binary(Operator::And, left, right) => {
                self.condition(left);
                self.condition(right);
            }
            ExprKind::Binary(Operator::Equal, left, right)
            | ExprKind::Is {
                left,
                right,
                negated: false,
            } => self.equal(left, right),
            ExprKind::Binary(
                Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual,
                left,
                right,
            ) => {
                self.range(left, &[right]);
                self.range(right, &[left]);
            }
            ExprKind::Between {
                operand,
                low,
                high,
                negated: false,
            } => self.range(operand, &[low, high]),
            ExprKind::In {
                operand,
                list,
                negated: false,
            } => {
                let values: Vec<&Expr> = match list {
                    InList::Exprs(items) => items.iter().collect(),
                    InList::Select(_) | InList::Table(_) => Vec::new(),
                };
                self.range(operand, &values);
            }
            _ => {}
        }
    }

    fn equal(&mut self, left: &Expr, right: &Expr) {
        if let (ExprKind::Row(lefts), ExprKind::Row(rights)) = (&left.kind, &right.kind) {
            for (left, right) in lefts.iter().zip(rights) {
                self.equal(left, right);
            }
            return;
        }
        self.compare(&[left], &[right], Comparison::Equal);
        self.compare(&[right], &[left], Comparison::Equal);
    }

    fn range(&mut self, operand: &Expr, values: &[&Expr]) {
        match &operand.kind {
            ExprKind::Row(items) => {
                let items: Vec<&Expr> = items.iter().collect();
                self.compare(&items, values, Comparison::Range);
            }
            _ => self.compare(&[operand], values, Comparison::Range),
        }
    }

    /// Adds the columns that are compared with some values.
    fn compare(&mut self, operands: &[&Expr], values: &[&Expr], comparison: Comparison) {
        let mut columns = Vec::new();
        let mut compared = None;
        for operand in operands {
            let Some((index, Some(column))) = self.column(operand) else {
                break;
            };
            if *compared.get_or_insert(index) == index {
                columns.push(column);
            }
        }
        let Some(index) = compared else { return };
        // A subquery searches its own tables. The columns around it are values.
        let is_inner = self
            .levels
            .last()
            .is_some_and(|level| level.contains(&index));
        let value = self.value(index, values);
        if !is_inner || value == Value::Own {
            return;
        }

        let searched = &mut self.tables[index];
        match (comparison, value) {
            (Comparison::Range, _) if !searched.ranges.contains(&columns) => {
                searched.ranges.push(columns);
            }
            (Comparison::Range, _) | (_, Value::Own) => {}
            (Comparison::Equal, Value::Fixed) => {
                add_once(&mut searched.fixed, columns);
            }
            (Comparison::Equal, Value::Joined) => {
                add_once(&mut searched.joined, columns);
            }
        }
    }

    /// What the values of a comparison with a column of a table depend on.
    fn value(&self, index: usize, values: &[&Expr]) -> Value {
        let mut found = Value::Fixed;
        for value in values {
            visit::expr(value, &mut |node| {
                if let Node::Expr(expr) = node
                    && let ExprKind::Column { .. } = expr.kind
                {
                    let table = self.column(expr).map(|(table, _)| table);
                    let level = self.levels.last().cloned().unwrap_or_default();
                    match table {
                        Some(table) if table == index => found = Value::Own,
                        Some(table) if !level.contains(&table) => {}
                        _ if found == Value::Own => {}
                        _ => found = Value::Joined,
                    }
                }
                !matches!(node, Node::Select(_))
            });
        }
        found
    }

    /// The table of a column and its position. The position of a column of a subquery is unknown.
    fn column(&self, expr: &Expr) -> Option<(usize, Option<usize>)> {
        let ExprKind::Column {
            table: qualifier,
            name,
            ..
        } = &expr.kind
        else {
            return None;
        };
        let mut levels = self.levels.iter().rev().cloned();
        levels.find_map(|mut level| {
            level.find_map(|index| {
                let searched = &self.tables[index];
                let position = searched
                    .table
                    .and_then(|table| column_position(table, &name.text));
                let is_meant = match qualifier {
                    Some(qualifier) => qualifier.is(searched.shown),
                    None => position.is_some(),
                };
                is_meant.then_some((index, position))
            })
        })
    }
}

fn column_position(table: &Table, name: &str) -> Option<usize> {
    let mut columns = table.columns.iter();
    columns.position(|column| column.name.eq_ignore_ascii_case(name))
}

fn add_once(columns: &mut Vec<usize>, added: impl IntoIterator<Item = usize>) {
    for column in added {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
}
