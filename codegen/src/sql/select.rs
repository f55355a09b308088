//! SELECT: sources into a scope, the scope into result columns.

use crate::report::{Code, suggestion};

use super::aggregates::is_aggregate;
use super::analyzer::{Analyzer, Output, relation_columns};
use super::narrow;
use super::parameters::{Expectation, Nulls};
use super::scope::{Merged, Relation, Scope};
use super::types::{Storage, Ty};
use super::virtual_tables::{function_columns, function_names};
use crate::syntax::ast::{
    Core, Expr, ExprKind, Ident, Join, JoinKind, Query, ResultColumn, Select, Source, Window,
};

impl Analyzer<'_> {
    /// The result columns of a select.
    pub(super) fn select(&mut self, select: &Select) -> Vec<Output> {
        let known = self.ctes.len();
        self.enter(&select.ctes, select.recursive);
        let mut outputs: Option<Vec<Output>> = None;
        let simple = select.cores.len() == 1;
        for core in &select.cores {
            let order_by: &[Expr] = if simple { &select.order_by } else { &[] };
            let arm = match core {
                Core::Query(query) => self.query(query, order_by),
                Core::Values(rows) => self.values(rows),
            };
            outputs = Some(match outputs {
                None => arm,
                Some(first) => first
                    .into_iter()
                    .zip(arm)
                    .map(|(left, right)| Output {
                        ty: left.ty.join(right.ty),
                        ..left
                    })
                    .collect(),
            });
        }
        let outputs = outputs.unwrap_or_default();
        if !simple {
            // The ORDER BY of a compound names result columns or their positions.
            let aliases = outputs
                .iter()
                .filter_map(|output| output.name.clone().map(|name| (name, output.ty.clone())))
                .collect();
            self.scopes.push(Scope {
                aliases,
                ..Scope::default()
            });
            for term in &select.order_by {
                self.expr(term);
            }
            self.scopes.pop();
        }
        let single = match select.cores.as_slice() {
            [Core::Query(_)] => self.single_row,
            [Core::Values(rows)] => rows.len() == 1,
            _ => false,
        };
        self.limits(select.limit.iter().chain(&select.offset));
        self.ctes.truncate(known);
        self.single_row = single && select.limit.is_none();
        outputs
    }

    pub(super) fn limits<'e>(&mut self, limits: impl Iterator<Item = &'e Expr>) {
        let expected =
            Expectation::storage(Storage::INTEGER, "LIMIT and OFFSET take a whole number")
                .nulls(Nulls::Refused);
        for limit in limits {
            self.expr_as(limit, &expected);
        }
    }

    fn values(&mut self, rows: &[Vec<Expr>]) -> Vec<Output> {
        let mut outputs: Vec<Output> = Vec::new();
        for row in rows {
            for (index, expr) in row.iter().enumerate() {
                let ty = self.expr(expr);
                match outputs.get_mut(index) {
                    Some(output) => output.ty = output.ty.clone().join(ty),
                    None => outputs.push(Output {
                        name: Some(format!("column{}", index + 1)),
                        ty,
                        span: expr.span.clone(),
                        aliased: false,
                    }),
                }
            }
        }
        outputs
    }

    fn query(&mut self, query: &Query, order_by: &[Expr]) -> Vec<Output> {
        let mut scope = Scope::default();
        if let Some(from) = &query.from {
            self.source(from, &mut scope);
        }
        self.scopes.push(scope);
        if let Some(filter) = &query.filter {
            self.expr(filter);
            self.keep_where_true(filter);
        }
        self.windows(&query.windows);
        let exprs = query.columns.iter().filter_map(|column| match column {
            ResultColumn::Expr { expr, .. } => Some(expr),
            ResultColumn::All(_) | ResultColumn::AllOf(_) => None,
        });
        let calls: Vec<Option<bool>> = exprs
            .chain(&query.having)
            .chain(order_by)
            .map(|expr| self.aggregates_here(expr))
            .collect();
        let having = query.having.is_some();
        let ungrouped = query.group_by.is_empty();
        let aggregates = having || calls.iter().any(|here| *here != Some(false));
        let single = ungrouped && !having && calls.contains(&Some(true));
        if aggregates && ungrouped {
            self.read_no_row();
        }
        let mut outputs = self.result(query, order_by);
        if ungrouped && !aggregates && self.scope().aggregated_below {
            // A subquery has made an aggregate query of this one.
            self.read_no_row();
            outputs = self.result(query, order_by);
        }
        self.single_row = single || (query.from.is_none() && query.filter.is_none() && !having);
        self.scopes.pop();
        outputs
    }

    /// From here on, a column outside an aggregate may be read although there is no row.
    fn read_no_row(&mut self) {
        let scope = self.scope();
        scope.may_be_empty = true;
        // What WHERE tells holds for rows.
        scope.present.clear();
    }

    /// The result columns, and everything that comes after WHERE.
    fn result(&mut self, query: &Query, order_by: &[Expr]) -> Vec<Output> {
        if let Some(having) = &query.having {
            self.keep_groups(having, &query.group_by);
        }
        let outputs = self.result_columns(&query.columns);
        self.scope().aliases = outputs
            .iter()
            .filter_map(|output| output.name.clone().map(|name| (name, output.ty.clone())))
            .collect();
        let windows = query.windows.iter().flat_map(|(_, window)| &window.exprs);
        for expr in query
            .group_by
            .iter()
            .chain(&query.having)
            .chain(order_by)
            .chain(windows)
        {
            self.expr(expr);
        }
        outputs
    }

    /// Makes the windows of the WINDOW clause known.
    fn windows(&mut self, windows: &[(Ident, Window)]) {
        for (name, window) in windows {
            let may_be_empty = self.frame_may_be_empty(window);
            self.scope().windows.push((name.text.clone(), may_be_empty));
            self.limits(window.bounds.iter());
        }
    }

    /// Whether the frame of a window can leave out the row that it is for.
    pub(super) fn frame_may_be_empty(&mut self, window: &Window) -> bool {
        let base = window.base.as_ref().is_some_and(|base| {
            self.scope()
                .windows
                .iter()
                .find(|(name, _)| base.is(name))
                .is_none_or(|(_, may_be_empty)| *may_be_empty)
        });
        base || window.may_be_empty
    }

    /// From here on, only groups for which `having` is true: what it compares is not NULL in them.
    fn keep_groups(&mut self, having: &Expr, group_by: &[Expr]) {
        let mut found = Vec::new();
        narrow::expressions_when_true(having, &mut found);
        // Of the columns, only those that are the same in all rows of a group.
        let is_key = |expr: &Expr| {
            group_by
                .iter()
                .any(|key| self.written(key) == self.written(expr))
        };
        let present: Vec<String> = found
            .into_iter()
            .filter(|expr| is_aggregate(expr) || is_key(expr))
            .filter_map(|expr| self.identity(expr))
            .collect();
        self.scope().present.extend(present);
    }

    /// A text that stands for the same value wherever it stands; every `?` is a parameter of its own.
    fn identity(&self, expr: &Expr) -> Option<String> {
        Some(self.written(expr))
            .filter(|written| !written.contains('?'))
            .map(str::to_owned)
    }

    /// An expression as the statement has it.
    pub(super) fn written(&self, expr: &Expr) -> &str {
        self.text.get(expr.span.clone()).unwrap_or_default()
    }

    /// The innermost level.
    pub(super) fn scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// From here on, only rows for which `condition` is true.
    pub(super) fn keep_where_true(&mut self, condition: &Expr) {
        let scope = self.scope();
        let facts = narrow::when_true(scope, condition);
        scope.keep_only(facts);
        let mut found = Vec::new();
        narrow::expressions_when_true(condition, &mut found);
        let present: Vec<String> = found
            .into_iter()
            .filter(|expr| is_repeatable(expr))
            .filter_map(|expr| self.identity(expr))
            .collect();
        self.scope().present.extend(present);
    }

    pub(super) fn result_columns(&mut self, columns: &[ResultColumn]) -> Vec<Output> {
        let mut outputs = Vec::new();
        for column in columns {
            match column {
                ResultColumn::All(span) => {
                    let scope = self.scope();
                    let merged_away = |relation: usize, column: usize| {
                        scope.merged.iter().any(|merged| {
                            merged
                                .parts
                                .iter()
                                .skip(1)
                                .any(|part| *part == (relation, column))
                        })
                    };
                    for (index, relation) in scope.relations.iter().enumerate() {
                        for (position, column) in relation.columns.iter().enumerate() {
                            if column.hidden || merged_away(index, position) {
                                continue;
                            }
                            let merged = scope
                                .merged
                                .iter()
                                .find(|merged| merged.parts.first() == Some(&(index, position)));
                            let ty = merged.map_or_else(
                                || scope.ty(index, position),
                                |merged| scope.merged_ty(merged),
                            );
                            outputs.push(Output {
                                name: Some(column.name.clone()),
                                ty,
                                span: span.clone(),
                                aliased: false,
                            });
                        }
                    }
                }
                ResultColumn::AllOf(table) => {
                    let scope = self.scope();
                    match scope
                        .relations
                        .iter()
                        .position(|relation| table.is(&relation.name))
                    {
                        Some(index) => {
                            for (position, column) in
                                scope.relations[index].columns.iter().enumerate()
                            {
                                if !column.hidden {
                                    let ty = scope.ty(index, position);
                                    outputs.push(Output {
                                        name: Some(column.name.clone()),
                                        ty,
                                        span: table.span.clone(),
                                        aliased: false,
                                    });
                                }
                            }
                        }
                        None => self.unknown_qualifier(table),
                    }
                }
                ResultColumn::Expr { expr, alias } => {
                    let ty = self.expr(expr);
                    let name = match (alias, &expr.kind) {
                        (Some(alias), _) => Some(alias.text.clone()),
                        (None, ExprKind::Column { name, .. }) => Some(name.text.clone()),
                        _ => None,
                    };
                    let span = alias
                        .as_ref()
                        .map_or_else(|| expr.span.clone(), |alias| alias.span.clone());
                    outputs.push(Output {
                        name,
                        ty,
                        span,
                        aliased: alias.is_some(),
                    });
                }
            }
        }
        outputs
    }

    /// Adds the relations of a FROM clause to `scope`.
    pub(super) fn source(&mut self, source: &Source, scope: &mut Scope) {
        match source {
            Source::Table {
                name,
                alias,
                arguments,
                ..
            } => {
                let shown = alias.as_ref().unwrap_or(name).text.clone();
                let function = function_columns(&name.text);
                if let Some(arguments) = arguments {
                    // What stands to the left can be an argument.
                    self.scopes.push(scope.clone());
                    let expected = Expectation::storage(Storage::TEXT, "JSON text").weak();
                    for argument in arguments {
                        self.expr_as(argument, &expected);
                    }
                    self.scopes.pop();
                    let Some(columns) = function else {
                        let names: Vec<String> = function_names().collect();
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let help = suggestion(&name.text, "table functions", &names);
                        let message = format!("D1 has no table function `{}`", name.text);
                        self.error(
                            Code::UnknownTable,
                            message,
                            &name.span,
                            "not allowed or not known",
                            help,
                        );
                        return;
                    };
                    scope.relations.push(Relation {
                        name: shown,
                        columns,
                        outer: false,
                        has_rowid: false,
                    });
                    return;
                }
                // `FROM pragma_table_list` needs no parentheses.
                if let (Some(columns), None) = (function, self.catalog.table(&name.text)) {
                    scope.relations.push(Relation {
                        name: shown,
                        columns,
                        outer: false,
                        has_rowid: false,
                    });
                    return;
                }
                if let Some(relation) = self.relation(name, alias.as_ref()) {
                    scope.relations.push(relation);
                }
            }
            Source::Select { select, alias, .. } => {
                let outputs = self.select(select);
                let columns = relation_columns(self.text, outputs);
                let name = alias
                    .as_ref()
                    .map(|alias| alias.text.clone())
                    .unwrap_or_default();
                scope.relations.push(Relation {
                    name,
                    columns,
                    outer: false,
                    has_rowid: false,
                });
            }
            Source::Join(join) => self.join(join, scope),
            Source::Named { source, alias } => {
                // SQLite makes a subquery of it: `(SELECT * FROM ...)`.
                let mut inner = Scope::default();
                self.source(source, &mut inner);
                self.scopes.push(inner);
                let outputs = self.result_columns(&[ResultColumn::All(alias.span.clone())]);
                self.scopes.pop();
                let columns = relation_columns(self.text, outputs);
                scope.relations.push(Relation {
                    name: alias.text.clone(),
                    columns,
                    outer: false,
                    has_rowid: false,
                });
            }
        }
    }

    fn join(&mut self, join: &Join, scope: &mut Scope) {
        let before = scope.relations.len();
        self.source(&join.left, scope);
        let middle = scope.relations.len();
        self.source(&join.right, scope);
        self.merge(join, scope, before, middle);
        // Inside the condition both sides are rows that exist.
        if let Some(on) = &join.on {
            self.scopes.push(std::mem::take(scope));
            self.expr(on);
            let joined = self.scope();
            let facts = narrow::when_true(joined, on);
            match join.kind {
                JoinKind::Inner => joined.keep_only(facts),
                // The condition holds wherever a row of the right side is found at all.
                JoinKind::Left => keep_base(joined, &facts, middle),
                JoinKind::Right | JoinKind::Full => {}
            }
            if let Some(back) = self.scopes.pop() {
                *scope = back;
            }
        }
        let widened = match join.kind {
            JoinKind::Inner => 0..0,
            JoinKind::Left => middle..scope.relations.len(),
            JoinKind::Right => before..middle,
            JoinKind::Full => before..scope.relations.len(),
        };
        for index in widened {
            // A fact from an inner condition says nothing of the row of NULLs: it becomes the column's own.
            let facts: Vec<(usize, usize)> = scope
                .facts
                .iter()
                .filter(|fact| fact.0 == index)
                .copied()
                .collect();
            keep_base(scope, &facts, index);
            scope.facts.retain(|fact| fact.0 != index);
            scope.relations[index].outer = true;
        }
    }

    /// The columns that USING or NATURAL makes one.
    fn merge(&mut self, join: &Join, scope: &mut Scope, before: usize, middle: usize) {
        let names: Vec<Ident> = if join.natural {
            let on_left = |name: &str| {
                scope.relations[before..middle].iter().any(|relation| {
                    relation
                        .columns
                        .iter()
                        .any(|column| !column.hidden && column.name.eq_ignore_ascii_case(name))
                })
            };
            let right = scope.relations[middle..]
                .iter()
                .flat_map(|relation| &relation.columns);
            right
                .filter(|column| !column.hidden && on_left(&column.name))
                .map(|column| Ident {
                    text: column.name.clone(),
                    span: 0..0,
                })
                .collect()
        } else {
            join.using.clone()
        };
        for name in names {
            let position = |range: std::ops::Range<usize>| {
                range.into_iter().find_map(|index| {
                    scope.relations[index]
                        .columns
                        .iter()
                        .position(|column| name.is(&column.name))
                        .map(|column| (index, column))
                })
            };
            let (left, right) = (
                position(before..middle),
                position(middle..scope.relations.len()),
            );
            let (Some(left), Some(right)) = (left, right) else {
                let message = format!("`{}` is not a column of both sides", name.text);
                self.error(
                    Code::UnknownColumn,
                    message,
                    &name.span,
                    "USING takes columns that both sides have",
                    None,
                );
                continue;
            };
            let coalesced = matches!(join.kind, JoinKind::Right | JoinKind::Full);
            match scope
                .merged
                .iter_mut()
                .find(|merged| name.is(&merged.name) && merged.parts.contains(&left))
            {
                Some(merged) => {
                    merged.parts.push(right);
                    merged.coalesced |= coalesced;
                }
                None => scope.merged.push(Merged {
                    name: name.text.clone(),
                    parts: vec![left, right],
                    coalesced,
                }),
            }
            if join.kind == JoinKind::Inner {
                // Equal values are not NULL.
                scope.keep_only(vec![left, right]);
            }
        }
    }
}

/// Makes columns from relation `from` on NOT NULL in rows that exist.
fn keep_base(scope: &mut Scope, facts: &[(usize, usize)], from: usize) {
    for (relation, column) in facts.iter().filter(|fact| fact.0 >= from) {
        let ty: &mut Ty = &mut scope.relations[*relation].columns[*column].ty;
        ty.nullable = false;
        ty.reason = None;
    }
}

/// Whether an expression gives the same value wherever it stands in one row: a call or an operator
/// over columns, no subquery and nothing random.
fn is_repeatable(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Function(function) => {
            let random = [
                "random",
                "randomblob",
                "changes",
                "total_changes",
                "last_insert_rowid",
            ];
            !random.iter().any(|name| function.name.is(name))
                && function.over.is_none()
                && function.arguments.iter().all(is_repeatable)
        }
        ExprKind::Column { .. }
        | ExprKind::Integer
        | ExprKind::Float
        | ExprKind::String(_)
        | ExprKind::Blob
        | ExprKind::Parameter(_) => true,
        ExprKind::Unary(_, operand) | ExprKind::Cast(operand, _) | ExprKind::Collate(operand) => {
            is_repeatable(operand)
        }
        ExprKind::Binary(_, left, right) => is_repeatable(left) && is_repeatable(right),
        _ => false,
    }
}
