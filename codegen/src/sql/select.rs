//! SELECT: the result columns of a query, and the rows that its conditions keep.

use bindery_sqlite::MAX_COLUMNS;

use crate::report::{Code, Diagnostic};

use super::aggregates::is_aggregate;
use super::analyzer::{Analyzer, Group, Output};
use super::narrow;
use super::overrides;
use super::parameters::{Expectation, Nulls};
use super::scope::Scope;
use super::types::{Storage, Ty};
use crate::syntax::ast::{
    Bytes, Compound, Core, Expr, ExprKind, Function, Ident, Query, ResultColumn, Select, Window,
};

/// The queries of a statement that are analyzed again with their result columns in scope. Without a
/// limit, nested queries with an unknown column would take exponential time.
const MAX_RETRIES: usize = 16;

impl Analyzer<'_> {
    /// The result columns of a select.
    pub(super) fn select(&mut self, select: &Select) -> Vec<Output> {
        let known = self.ctes.len();
        self.enter(&select.ctes);

        let simple = select.cores.len() == 1;
        let mut outputs: Option<Vec<Output>> = None;
        let mut names = Vec::new();
        let mut written = Vec::new();
        for (index, core) in select.cores.iter().enumerate() {
            let order_by: &[Expr] = if simple { &select.order_by } else { &[] };
            let arm = match core {
                Core::Query(query) => self.query(query, order_by),
                Core::Values(rows) => self.values(rows),
            };
            names.extend(aliases(&arm));
            written.extend(self.written_columns(core));
            outputs = Some(match outputs {
                None => arm,
                Some(first) => {
                    let before = index.checked_sub(1);
                    let operator = before.and_then(|before| select.operators.get(before));
                    combined(first, arm, operator.copied().unwrap_or(Compound::Union))
                }
            });
        }

        let outputs = outputs.unwrap_or_default();
        if !simple {
            self.order_compound(&select.order_by, names, &written);
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

    /// The texts of the expressions of the result.
    fn written_columns(&self, core: &Core) -> Vec<String> {
        let columns = match core {
            Core::Query(query) => query.columns.as_slice(),
            Core::Values(_) => &[],
        };
        let columns = columns.iter().filter_map(|column| match column {
            ResultColumn::Expr { expr, .. } => Some(self.written(expr).to_ascii_lowercase()),
            ResultColumn::All(_) | ResultColumn::AllOf(_) => None,
        });
        columns.collect()
    }

    /// Analyzes the ORDER BY of a compound select, which names result columns of any arm, repeats
    /// their expressions or gives their positions.
    fn order_compound(
        &mut self,
        order_by: &[Expr],
        aliases: Vec<(String, Ty)>,
        written: &[String],
    ) {
        self.scopes.push(Scope {
            aliases,
            ..Scope::default()
        });
        for term in order_by {
            if !written.contains(&self.written(term).to_ascii_lowercase()) {
                self.expr(term);
            }
        }
        self.scopes.pop();
    }

    /// Analyzes LIMIT, OFFSET and the bounds of a frame.
    pub(super) fn limits<'e>(&mut self, limits: impl Iterator<Item = &'e Expr>) {
        let meets = "LIMIT and OFFSET require an integer";
        let expected = Expectation::storage(Storage::INTEGER, meets).nulls(Nulls::Refused);
        for limit in limits {
            self.expr_as(limit, &expected);
        }
    }

    fn values(&mut self, rows: &[Vec<Expr>]) -> Vec<Output> {
        let mut outputs: Vec<Output> = Vec::new();

        for row in rows {
            for (index, expr) in row.iter().enumerate() {
                let ty = self.expr(expr);
                if let Some(output) = outputs.get_mut(index) {
                    output.ty = output.ty.clone().join(ty);
                    continue;
                }
                outputs.push(Output {
                    name: Some(format!("column{}", index + 1)),
                    ty,
                    span: expr.span.clone(),
                    aliased: false,
                    group: None,
                });
            }
        }
        outputs
    }

    fn query(&mut self, query: &Query, order_by: &[Expr]) -> Vec<Output> {
        self.rows_of(query);
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

        if aggregates && ungrouped {
            self.read_no_row();
        }
        let mut outputs = self.result(query, order_by);
        if ungrouped && !aggregates && self.scope().aggregated_below {
            // An aggregate in a subquery makes this query an aggregate query.
            self.read_no_row();
            outputs = self.result(query, order_by);
        }

        let single_aggregate = ungrouped && !having && calls.contains(&Some(true));
        let without_rows = query.from.is_none() && query.filter.is_none() && !having;
        self.single_row = single_aggregate || without_rows;
        self.scopes.pop();
        outputs
    }

    /// Adds the level of a query: the relations of its FROM, and the rows that WHERE keeps.
    fn rows_of(&mut self, query: &Query) {
        let before = self.diagnostics.len();
        self.read_rows(query, Vec::new());

        // In SQLite, WHERE and ON can name a result column where no relation has the name.
        let unknown = |diagnostic: &Diagnostic| diagnostic.code == Code::UnknownColumn;
        if self.retries < MAX_RETRIES && self.diagnostics[before..].iter().any(unknown) {
            let named = named_columns(query);
            if !named.is_empty() {
                self.retries += 1;
                self.diagnostics.truncate(before);
                self.scopes.pop();
                self.read_rows(query, named);
            }
        }
    }

    fn read_rows(&mut self, query: &Query, named: Vec<(String, Expr)>) {
        let mut scope = Scope {
            named,
            ..Scope::default()
        };
        if let Some(from) = &query.from {
            self.source(from, &mut scope);
            self.table_arguments(&mut scope);
        }
        self.scopes.push(scope);
        if let Some(filter) = &query.filter {
            self.expr(filter);
            self.keep_where_true(filter);
        }
        self.scope().named.clear();
    }

    /// Marks the query as one that reads columns outside of aggregates even if there are no rows.
    fn read_no_row(&mut self) {
        let scope = self.scope();
        scope.may_be_empty = true;
        // The facts of WHERE hold only for rows.
        scope.present.clear();
    }

    /// Analyzes the result columns and everything that follows WHERE. Returns the result columns.
    fn result(&mut self, query: &Query, order_by: &[Expr]) -> Vec<Output> {
        self.scope().is_grouped = !query.group_by.is_empty();
        if let Some(having) = &query.having {
            self.keep_groups(having, &query.group_by);
        }
        let outputs = self.result_columns(&query.columns);
        self.scope().aliases = aliases(&outputs);

        let windows = query.windows.iter().flat_map(|(_, window)| &window.exprs);
        let rest = query.group_by.iter().chain(&query.having);
        // In ORDER BY an alias hides a column of the same name, also an ambiguous one.
        let terms = order_by.iter().filter(|term| !names_alias(term, &outputs));
        for expr in rest.chain(terms).chain(windows) {
            self.expr(expr);
        }
        outputs
    }

    /// Adds the windows of the WINDOW clause to the scope.
    fn windows(&mut self, windows: &[(Ident, Window)]) {
        for (name, window) in windows {
            let may_be_empty = self.frame_may_be_empty(window);
            self.scope().windows.push((name.text.clone(), may_be_empty));
            self.limits(window.bounds.iter());
        }
    }

    /// Whether the frame of a window may exclude the current row.
    pub(super) fn frame_may_be_empty(&mut self, window: &Window) -> bool {
        let base = window.base.as_ref().is_some_and(|base| {
            let mut windows = self.scope().windows.iter();
            let found = windows.find(|(name, _)| base.is(name));
            found.is_none_or(|(_, may_be_empty)| *may_be_empty)
        });
        base || window.may_be_empty
    }

    /// Keeps only the groups for which `having` is true: what it compares is not NULL in them.
    fn keep_groups(&mut self, having: &Expr, group_by: &[Expr]) {
        // A column is the same in all rows of a group only if the rows are grouped by it.
        let is_key = |expr: &Expr| {
            let mut keys = group_by.iter();
            keys.any(|key| self.written(key) == self.written(expr))
        };
        let present = self.present_where(having, |expr| is_aggregate(expr) || is_key(expr));
        self.scope().present.extend(present);

        let scope = self.scope();
        let keys: Vec<(usize, usize)> = group_by
            .iter()
            .filter_map(|key| match &key.kind {
                ExprKind::Column { table, name, .. } => scope.locate(table.as_ref(), name),
                _ => None,
            })
            .collect();
        let mut facts = narrow::when_true(scope, having);
        facts.retain(|fact| keys.contains(fact));
        scope.keep_only(facts);
    }

    /// Keeps only the rows for which `condition` is true.
    pub(super) fn keep_where_true(&mut self, condition: &Expr) {
        let scope = self.scope();
        let facts = narrow::when_true(scope, condition);
        scope.keep_only(facts);

        let present = self.present_where(condition, is_repeatable);
        self.scope().present.extend(present);
    }

    /// The texts of the expressions that are not NULL where `condition` is true.
    ///
    /// `is_stable` selects those that have the same value wherever they occur.
    fn present_where(&self, condition: &Expr, is_stable: impl Fn(&Expr) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        narrow::expressions_when_true(condition, &mut found);

        let stable = found.into_iter().filter(|expr| is_stable(expr));
        let written = stable.map(|expr| self.written(expr));
        // Each `?` is a different parameter.
        let comparable = written.filter(|written| !written.contains('?'));
        comparable.map(str::to_owned).collect()
    }

    /// The text of an expression in the statement.
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

    /// The result columns of SELECT or RETURNING.
    pub(super) fn result_columns(&mut self, columns: &[ResultColumn]) -> Vec<Output> {
        let mut outputs = Vec::new();

        for column in columns {
            match column {
                ResultColumn::All(span) => outputs.extend(all_columns(self.scope(), span)),
                ResultColumn::AllOf(table) => match all_columns_of(self.scope(), table) {
                    Some(columns) => outputs.extend(columns),
                    None => self.unknown_qualifier(table),
                },
                ResultColumn::Expr { expr, alias } => {
                    outputs.push(self.result_column(expr, alias.as_ref()));
                }
            }
            // `*` in nested selects can grow without bound.
            if outputs.len() > MAX_COLUMNS {
                self.too_many_columns(column);
                outputs.truncate(MAX_COLUMNS);
                break;
            }
        }
        outputs
    }

    fn too_many_columns(&mut self, column: &ResultColumn) {
        let at = match column {
            ResultColumn::All(span) => span,
            ResultColumn::AllOf(table) => &table.span,
            ResultColumn::Expr { expr, .. } => &expr.span,
        };
        let message =
            format!("the result has more than {MAX_COLUMNS} columns, which D1 does not allow");
        // A subquery with too many columns is the cause for the queries around it.
        let mut known = self.diagnostics.iter();
        if known.any(|known| known.message == message) {
            return;
        }
        self.error(
            Code::Sqlite,
            message,
            at,
            "with this one",
            "name the columns that you need".to_owned(),
        );
    }

    fn result_column(&mut self, expr: &Expr, alias: Option<&Ident>) -> Output {
        let ty = self.expr(expr);
        let group = match &expr.kind {
            ExprKind::Column { table, name, .. } => {
                let place = self.scope().locate(table.as_ref(), name);
                place.and_then(|(relation, column)| self.scope().group(relation, column))
            }
            _ => None,
        };
        let name = match (alias, &expr.kind) {
            (Some(alias), _) => Some(alias.text.clone()),
            (None, ExprKind::Column { table, name, .. }) => {
                let rowid = self.scope().rowid(table.as_ref(), name);
                Some(rowid.map_or_else(|| name.text.clone(), |(_, rowid)| rowid.name.clone()))
            }
            (None, _) => None,
        };
        Output {
            name,
            ty,
            span: alias.map_or(&expr.span, |alias| &alias.span).clone(),
            aliased: alias.is_some(),
            group,
        }
    }
}

/// Whether a term of ORDER BY is the alias of a result column.
fn names_alias(term: &Expr, outputs: &[Output]) -> bool {
    let name = match &term.kind {
        ExprKind::Collate(operand) => return names_alias(operand, outputs),
        ExprKind::Column {
            table: None, name, ..
        } => name,
        _ => return false,
    };
    let mut aliases = outputs.iter().filter(|output| output.aliased);
    aliases.any(|output| {
        let alias = output.name.as_deref().unwrap_or_default();
        name.is(alias) || overrides::bare(alias).is_some_and(|bare| name.is(bare))
    })
}

/// The result columns of a query that have an alias.
fn named_columns(query: &Query) -> Vec<(String, Expr)> {
    let columns = query.columns.iter().filter_map(|column| match column {
        ResultColumn::Expr {
            expr,
            alias: Some(alias),
        } => Some((alias.text.clone(), expr.clone())),
        ResultColumn::Expr { alias: None, .. } | ResultColumn::All(_) | ResultColumn::AllOf(_) => {
            None
        }
    });
    columns.collect()
}

/// The result columns of a compound select whose arms have these.
fn combined(first: Vec<Output>, arm: Vec<Output>, operator: Compound) -> Vec<Output> {
    let combine = |left: Ty, right: Ty| match operator {
        Compound::Union => left.join(right),
        // A row of the result is a row of both.
        Compound::Intersect => {
            let is_nullable = left.nullable && right.nullable;
            let ty = left.join(right);
            if is_nullable { ty } else { ty.not_null() }
        }
        // The rows are those of the left side. In a subquery, an expression of it has the affinity
        // of the right side: `1` is a REAL where REALs are excepted.
        Compound::Except if left.storage.meets(Storage::INTEGRAL) => Ty {
            storage: left.storage.or(right.storage.only(Storage::REAL)),
            ..left
        },
        Compound::Except => left,
    };
    let pairs = first.into_iter().zip(arm);
    pairs
        .map(|(left, right)| Output {
            ty: combine(left.ty, right.ty),
            group: None,
            ..left
        })
        .collect()
}

/// The names of result columns, as ORDER BY, GROUP BY and HAVING can use them.
fn aliases(outputs: &[Output]) -> Vec<(String, Ty)> {
    outputs
        .iter()
        .filter_map(|output| Some((output.name.clone()?, output.ty.clone())))
        .collect()
}

/// The result columns of `*`. A merged column occurs once, in the place of its left part.
fn all_columns(scope: &Scope, span: &Bytes) -> Vec<Output> {
    let mut outputs = Vec::new();
    for (index, relation) in scope.relations.iter().enumerate() {
        for (position, column) in relation.columns.iter().enumerate() {
            let place = (index, position);
            let is_right_part = scope
                .merged
                .iter()
                .any(|merged| merged.parts.iter().skip(1).any(|part| *part == place));
            if column.hidden || is_right_part {
                continue;
            }

            let mut merged = scope.merged.iter();
            let (ty, group) = match merged.find(|merged| merged.parts.first() == Some(&place)) {
                Some(merged) => (scope.merged_ty(merged), None),
                None => (scope.ty(index, position), scope.group(index, position)),
            };
            outputs.push(column_output(&column.name, ty, span, group));
        }
    }
    outputs
}

/// The result columns of `table.*`; `None` if there is no such table.
fn all_columns_of(scope: &Scope, table: &Ident) -> Option<Vec<Output>> {
    let mut relations = scope.relations.iter();
    let index = relations.position(|relation| table.is(&relation.name))?;

    let mut outputs = Vec::new();
    for (position, column) in scope.relations[index].columns.iter().enumerate() {
        if !column.hidden {
            let ty = scope.ty(index, position);
            let group = scope.group(index, position);
            outputs.push(column_output(&column.name, ty, &table.span, group));
        }
    }
    Some(outputs)
}

fn column_output(name: &str, ty: Ty, span: &Bytes, group: Option<Group>) -> Output {
    Output {
        name: Some(name.to_owned()),
        ty,
        span: span.clone(),
        aliased: false,
        group,
    }
}

/// Whether an expression has the same value wherever it occurs for one row: it consists of columns,
/// literals, operators and deterministic calls.
fn is_repeatable(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Function(function) => is_deterministic(function),
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
        ExprKind::Null
        | ExprKind::CurrentTime
        | ExprKind::Not(_)
        | ExprKind::Is { .. }
        | ExprKind::Like { .. }
        | ExprKind::Between { .. }
        | ExprKind::In { .. }
        | ExprKind::Exists(_)
        | ExprKind::Subquery(_)
        | ExprKind::Case { .. }
        | ExprKind::Row(_)
        | ExprKind::Raise => false,
    }
}

fn is_deterministic(function: &Function) -> bool {
    let varying = [
        "random",
        "randomblob",
        "changes",
        "total_changes",
        "last_insert_rowid",
    ];
    !varying.iter().any(|name| function.name.is(name))
        && function.over.is_none()
        && function.arguments.iter().all(is_repeatable)
}
