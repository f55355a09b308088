//! The tables of a FROM clause whose unique keys restrict them to one row.

use crate::schema::{Catalog, Index, Table, TableKind, canonical_tokens, without_parentheses};
use crate::syntax::ast::{
    Core, Cte, Expr, ExprKind, Ident, InList, Join, JoinKind, Operator, ResultColumn, Select,
    Source,
};
use crate::syntax::visit::{self, Node};

use super::rows::{Rows, select_rows};
use super::scope::is_rowid;

/// A condition, and the first table whose rows it restricts.
#[derive(Clone, Copy)]
struct Condition<'e> {
    expr: &'e Expr,
    first: usize,
}

/// A side of an equality.
#[derive(Clone, Copy)]
enum Term {
    /// A value that is the same for the whole statement.
    Fixed,
    /// A column of the table with this index.
    Column(usize, KeyColumn),
    Other,
}

/// An equality that holds for every row, and the first table whose rows it restricts.
struct Equality {
    left: Term,
    right: Term,
    first: usize,
}

/// A column of a table that a key can consist of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyColumn {
    Rowid,
    /// The column at a position.
    Stored(usize),
}

/// A table of a FROM clause, or a subquery.
struct KeyedTable<'a> {
    shown: String,
    columns: Vec<&'a str>,
    /// `None` for a subquery, which has no keys.
    table: Option<&'a Table>,
    /// Whether it is restricted to one row.
    single: bool,
}

impl KeyedTable<'_> {
    fn position(&self, name: &Ident) -> Option<usize> {
        self.columns.iter().position(|column| name.is(column))
    }
}

/// The tables of a FROM clause.
pub(super) struct KeyedTables<'a> {
    catalog: &'a Catalog,
    text: &'a str,
    ctes: Vec<&'a Cte>,
    tables: Vec<KeyedTable<'a>>,
    /// The columns that USING and NATURAL merge.
    merged: Vec<String>,
    conditions: Vec<Condition<'a>>,
    equalities: Vec<Equality>,
}

impl<'a> KeyedTables<'a> {
    pub(super) fn new(catalog: &'a Catalog, text: &'a str, ctes: Vec<&'a Cte>) -> Self {
        Self {
            catalog,
            text,
            ctes,
            tables: Vec::new(),
            merged: Vec::new(),
            conditions: Vec::new(),
            equalities: Vec::new(),
        }
    }

    /// Adds a table or a CTE. Returns `false` for a view and a virtual table, which have no keys.
    pub(super) fn add(&mut self, name: &Ident, alias: Option<&Ident>) -> bool {
        let shown = alias.unwrap_or(name);
        let position = self.ctes.iter().rposition(|cte| cte.name.is(&name.text));
        if let Some(position) = position {
            let cte = self.ctes[position];
            // A CTE that names itself is a compound select, so this ends.
            let known = self.ctes[..position].to_vec();
            let columns = match cte.columns.as_slice() {
                [] => result_names(&cte.select),
                columns => columns.iter().map(|column| column.text.as_str()).collect(),
            };
            return self.add_select(shown, &cte.select, columns, &known);
        }

        let Some(table) = self.catalog.table(&name.text) else {
            return false;
        };
        if table.kind != TableKind::Table {
            return false;
        }
        self.tables.push(KeyedTable {
            shown: shown.text.clone(),
            columns: table
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .collect(),
            table: Some(table),
            single: false,
        });
        true
    }

    /// Adds a subquery. Returns `false` if it can return several rows.
    fn add_select(
        &mut self,
        shown: &Ident,
        select: &'a Select,
        columns: Vec<&'a str>,
        ctes: &[&'a Cte],
    ) -> bool {
        self.tables.push(KeyedTable {
            shown: shown.text.clone(),
            columns,
            table: None,
            single: true,
        });
        select_rows(self.catalog, self.text, select, ctes) != Rows::Many
    }

    /// Adds the tables of a FROM clause and the conditions of its joins. Returns `false` for a
    /// clause whose rows the keys do not determine.
    pub(super) fn add_source(&mut self, source: &'a Source) -> bool {
        match source {
            Source::Table {
                name,
                alias,
                arguments: None,
                ..
            } => self.add(name, alias.as_ref()),
            Source::Join(join) => self.add_join(join),
            Source::Select {
                select,
                alias: Some(alias),
                ..
            } => {
                let ctes = self.ctes.clone();
                self.add_select(alias, select, result_names(select), &ctes)
            }
            Source::Table { .. } | Source::Select { .. } | Source::Named { .. } => false,
        }
    }

    fn add_join(&mut self, join: &'a Join) -> bool {
        let start = self.tables.len();
        let left = self.add_source(&join.left);
        let middle = self.tables.len();
        let both = left && self.add_source(&join.right);
        let first = match join.kind {
            JoinKind::Inner => 0,
            // The condition restricts the right side only: every row of the left side remains.
            JoinKind::Left => middle,
            JoinKind::Right | JoinKind::Full => return false,
        };

        let on = join.on.iter();
        self.conditions
            .extend(on.map(|expr| Condition { expr, first }));
        let names: Vec<String> = if join.natural {
            self.tables[middle..]
                .iter()
                .flat_map(|table| table.columns.iter().map(|name| (*name).to_owned()))
                .collect()
        } else {
            join.using.iter().map(|name| name.text.clone()).collect()
        };
        for name in names {
            self.merge(&name, start..middle, middle..self.tables.len(), first);
        }
        both
    }

    /// Adds the equality of the columns that USING or NATURAL merges.
    fn merge(
        &mut self,
        name: &str,
        left: std::ops::Range<usize>,
        right: std::ops::Range<usize>,
        first: usize,
    ) {
        let find = |tables: std::ops::Range<usize>| {
            tables.into_iter().find_map(|index| {
                let mut columns = self.tables[index].columns.iter();
                let position = columns.position(|column| column.eq_ignore_ascii_case(name))?;
                Some(Term::Column(index, KeyColumn::Stored(position)))
            })
        };
        if let (Some(left), Some(right)) = (find(left), find(right)) {
            self.merged.push(name.to_owned());
            self.equalities.push(Equality { left, right, first });
        }
    }

    /// Adds a column that has one value.
    pub(super) fn fix(&mut self, column: &Expr) {
        let left = self.term(column);
        self.equalities.push(Equality {
            left,
            right: Term::Fixed,
            first: 0,
        });
    }

    /// Whether the joins and a condition restrict every table to one row.
    pub(super) fn all_single(&mut self, filter: Option<&'a Expr>) -> bool {
        self.add_filter(filter);
        self.collect();

        // A table with one row has fixed values, which can restrict the next table.
        loop {
            let next = (0..self.tables.len())
                .find(|index| !self.tables[*index].single && self.is_single(*index));
            match next {
                Some(index) => self.tables[index].single = true,
                None => return self.tables.iter().all(|table| table.single),
            }
        }
    }

    /// Whether a row of the first table decides the group of each row, and all rows have the same
    /// one. A later table can be the right side of a LEFT JOIN, and then be NULL in some rows. To
    /// be called after [`all_single`](Self::all_single).
    pub(super) fn has_one_group(&self, group_by: &[Expr]) -> bool {
        let is_of_first = |expr: &Expr| matches!(self.term(expr), Term::Column(0, _));
        let is_single = self.tables.first().is_some_and(|table| table.single);
        is_single && !group_by.is_empty() && group_by.iter().all(is_of_first)
    }

    /// Whether a condition restricts the first table to one row. With other tables in the
    /// statement, their columns do not have a fixed value.
    pub(super) fn first_single(&mut self, filter: Option<&'a Expr>, has_others: bool) -> bool {
        self.add_filter(filter);
        self.collect();
        if has_others {
            self.equalities.retain(|equality| {
                matches!(equality.left, Term::Fixed) || matches!(equality.right, Term::Fixed)
            });
        }
        self.is_single(0)
    }

    fn add_filter(&mut self, filter: Option<&'a Expr>) {
        let filter = filter.into_iter();
        self.conditions
            .extend(filter.map(|expr| Condition { expr, first: 0 }));
    }

    /// Splits the conditions at AND, and adds the equalities among them.
    fn collect(&mut self) {
        let mut split = Vec::new();
        for condition in std::mem::take(&mut self.conditions) {
            split_at_and(condition, &mut split);
        }
        for Condition { expr, first } in &split {
            self.add_equalities(expr, *first);
        }
        self.conditions = split;
    }

    fn add_equalities(&mut self, expr: &Expr, first: usize) {
        let (left, right) = match &expr.kind {
            ExprKind::Binary(Operator::Equal, left, right) => (left.as_ref(), right.as_ref()),
            ExprKind::Is {
                left,
                right,
                negated: false,
            } if is_literal(right) => (left.as_ref(), right.as_ref()),
            ExprKind::In {
                operand,
                list: InList::Exprs(items),
                negated: false,
            } => match items.as_slice() {
                // A parameter is a list here.
                [item] if is_literal(item) => (operand.as_ref(), item),
                _ => return,
            },
            _ => return,
        };

        match (&left.kind, &right.kind) {
            (ExprKind::Row(lefts), ExprKind::Row(rights)) => {
                for (left, right) in lefts.iter().zip(rights) {
                    self.add_equality(left, right, first);
                }
            }
            _ => self.add_equality(left, right, first),
        }
    }

    fn add_equality(&mut self, left: &Expr, right: &Expr, first: usize) {
        let (left, right) = (self.term(left), self.term(right));
        self.equalities.push(Equality { left, right, first });
    }

    fn term(&self, expr: &Expr) -> Term {
        if is_fixed(expr) || self.is_independent_subquery(expr) {
            return Term::Fixed;
        }
        let columns = (0..self.tables.len()).find_map(|index| {
            let column = self.column(index, expr)?;
            Some(Term::Column(index, column))
        });
        columns.unwrap_or(Term::Other)
    }

    /// Whether every column of a unique key of the table is equal to a fixed value.
    fn is_single(&self, index: usize) -> bool {
        let Some(table) = self.tables[index].table else {
            return true;
        };
        let is_given = |column: KeyColumn| self.is_given(index, column);

        let rowid_alias = table.columns.iter().position(|column| column.rowid_alias);
        if table.has_rowid
            && (is_given(KeyColumn::Rowid)
                || rowid_alias.is_some_and(|position| is_given(KeyColumn::Stored(position))))
        {
            return true;
        }

        let unique = table.indexes.iter().filter(|key| key.unique);
        for key in unique.filter(|key| self.implies(index, key)) {
            // The index must compare texts as the column does, and so as the query does.
            let all_given = key.columns.iter().all(|(position, collation)| {
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

    /// Whether the conditions of the statement include those of a partial index.
    fn implies(&self, index: usize, key: &Index) -> bool {
        let table = &self.tables[index];
        let shown = table.shown.to_ascii_lowercase();
        key.filter.iter().all(|required| {
            let is_condition = self.conditions.iter().any(|condition| {
                let text = self.text.get(condition.expr.span.clone());
                let tokens = unqualified(canonical_tokens(text.unwrap_or_default()), &shown);
                condition.first <= index && without_parentheses(&tokens) == required.as_slice()
            });
            is_condition || self.is_equal_to_value(index, required)
        })
    }

    /// Whether a condition is `column IS NOT NULL` for a column that is equal to a value.
    fn is_equal_to_value(&self, index: usize, condition: &[String]) -> bool {
        let [column, test @ ..] = condition else {
            return false;
        };
        let mut columns = self.tables[index].columns.iter();
        let position = columns.position(|name| name.eq_ignore_ascii_case(column));
        test == ["is", "not", "null"]
            && position.is_some_and(|position| self.is_given(index, KeyColumn::Stored(position)))
    }

    /// Whether a column of the table is equal to a fixed value.
    fn is_given(&self, index: usize, column: KeyColumn) -> bool {
        let is_column = |term: Term| match term {
            Term::Column(table, known) => table == index && known == column,
            Term::Fixed | Term::Other => false,
        };
        self.equalities
            .iter()
            .filter(|equality| equality.first <= index)
            .any(|Equality { left, right, .. }| {
                is_column(*left) && self.has_one_value(*right)
                    || is_column(*right) && self.has_one_value(*left)
            })
    }

    /// Whether a term is fixed, or a column of a table with one row.
    fn has_one_value(&self, term: Term) -> bool {
        match term {
            Term::Fixed => true,
            Term::Column(table, _) => self.tables[table].single,
            Term::Other => false,
        }
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
                let is_merged = self.merged.iter().any(|merged| name.is(merged));
                let holders = self.tables.iter().filter_map(|table| table.position(name));
                if holders.count() > 1 && !is_merged {
                    return None;
                }
            }
        }

        if let Some(position) = table.position(name) {
            return Some(KeyColumn::Stored(position));
        }
        let has_rowid = table.table.is_some_and(|table| table.has_rowid);
        (is_rowid(name) && has_rowid).then_some(KeyColumn::Rowid)
    }

    /// Whether an expression is a subquery that names no column outside of itself.
    fn is_independent_subquery(&self, expr: &Expr) -> bool {
        let ExprKind::Subquery(select) = &expr.kind else {
            return false;
        };
        let (mut names, mut columns): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        visit::select(select, &mut |node| {
            if let Node::Source(Source::Table { name, alias, .. }) = node {
                names.push(&alias.as_ref().unwrap_or(name).text);
                let table = self.catalog.table(&name.text);
                let table = table.into_iter().flat_map(|table| &table.columns);
                columns.extend(table.map(|column| column.name.as_str()));
            }
            true
        });

        let mut independent = true;
        visit::select(select, &mut |node| {
            if let Node::Expr(Expr {
                kind: ExprKind::Column { table, name, .. },
                ..
            }) = node
            {
                independent &= match table {
                    Some(table) => names.iter().any(|known| table.is(known)),
                    None => columns.iter().any(|known| name.is(known)),
                };
            }
            independent
        });
        independent
    }
}

/// The names of the result columns of a select, as far as they are written.
fn result_names(select: &Select) -> Vec<&str> {
    let Some(Core::Query(query)) = select.cores.first() else {
        return Vec::new();
    };
    let mut names = Vec::new();

    for column in &query.columns {
        match column {
            ResultColumn::Expr {
                alias: Some(alias), ..
            } => names.push(alias.text.as_str()),
            ResultColumn::Expr { expr, alias: None } => match &expr.kind {
                ExprKind::Column { name, .. } => names.push(&name.text),
                _ => names.push(""),
            },
            // The columns after it have unknown positions, but positions are not used.
            ResultColumn::All(_) | ResultColumn::AllOf(_) => {}
        }
    }
    names
}

fn split_at_and<'e>(condition: Condition<'e>, split: &mut Vec<Condition<'e>>) {
    let Condition { expr, first } = condition;
    if let ExprKind::Binary(Operator::And, left, right) = &expr.kind {
        split_at_and(Condition { expr: left, first }, split);
        split_at_and(Condition { expr: right, first }, split);
    } else {
        split.push(condition);
    }
}

/// Tokens without the qualifier of a table.
fn unqualified(tokens: Vec<String>, shown: &str) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for token in tokens {
        if token == "." && kept.last().is_some_and(|last| last == shown) {
            kept.pop();
        } else {
            kept.push(token);
        }
    }
    kept
}

fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Integer | ExprKind::Float | ExprKind::String(_) | ExprKind::Blob
    )
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
