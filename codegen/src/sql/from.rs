//! FROM: the relations of a query, and the columns that its joins merge.

use std::ops::Range;

use crate::report::{Code, suggestion};

use super::analyzer::{Analyzer, Output, relation_columns};
use super::narrow;
use super::parameters::Expectation;
use super::scope::{Matched, Merged, Relation, RelationColumn, Rowid, Scope};
use super::types::{Storage, Ty};
use super::virtual_tables::{function_columns, function_names};
use crate::schema::TableKind;
use crate::syntax::ast::{Expr, Ident, Join, JoinKind, ResultColumn, Source};

impl Analyzer<'_> {
    /// Adds the relations of a FROM clause to `scope`.
    pub(super) fn source(&mut self, source: &Source, scope: &mut Scope) {
        match source {
            Source::Table {
                name,
                alias,
                arguments: Some(arguments),
                ..
            } => self.table_function(name, alias.as_ref(), arguments, scope),
            Source::Table {
                name,
                alias,
                arguments: None,
                ..
            } => self.table_source(name, alias.as_ref(), scope),
            Source::Select { select, alias, .. } => {
                let outputs = self.select(select);
                let name = alias.as_ref().map(|alias| alias.text.clone());
                let relation = self.derived(name.unwrap_or_default(), outputs);
                scope.relations.push(relation);
            }
            Source::Join(join) => self.join(join, scope),
            Source::Named { source, alias } => {
                // SQLite treats it as the subquery `(SELECT * FROM ...)`.
                let mut inner = Scope::default();
                self.source(source, &mut inner);
                self.table_arguments(&mut inner);
                self.scopes.push(inner);
                let outputs = self.result_columns(&[ResultColumn::All(alias.span.clone())]);
                self.scopes.pop();

                let relation = self.derived(alias.text.clone(), outputs);
                scope.relations.push(relation);
            }
        }
    }

    /// Adds the relation of `name(arguments)`.
    fn table_function(
        &mut self,
        name: &Ident,
        alias: Option<&Ident>,
        arguments: &[Expr],
        scope: &mut Scope,
    ) {
        scope.arguments.extend(arguments.iter().cloned());
        if let Some(columns) = function_columns(&name.text) {
            let shown = alias.unwrap_or(name).text.clone();
            scope
                .relations
                .push(of_function(&name.text, shown, columns));
            return;
        }

        // `FROM notes('query')` searches a full-text table, whose rows then have a rank.
        let table = self.catalog.table(&name.text);
        let is_virtual = table.is_some_and(|table| matches!(table.kind, TableKind::Virtual(..)));
        match is_virtual.then(|| self.relation(name, alias)).flatten() {
            Some(mut relation) => {
                for column in &mut relation.columns {
                    if column.hidden && column.name.eq_ignore_ascii_case("rank") {
                        column.ty = column.ty.clone().not_null();
                    }
                }
                scope.relations.push(relation);
            }
            None => self.unknown_table_function(name),
        }
    }

    /// Analyzes the arguments of the table functions of a FROM clause, whose relations are known.
    /// They can name the columns of any of them.
    pub(super) fn table_arguments(&mut self, scope: &mut Scope) {
        let arguments = std::mem::take(&mut scope.arguments);
        if arguments.is_empty() {
            return;
        }

        self.scopes.push(std::mem::take(scope));
        let expected = Expectation::storage(Storage::TEXT, "JSON text").weak();
        for argument in &arguments {
            self.expr_as(argument, &expected);
        }
        if let Some(known) = self.scopes.pop() {
            *scope = known;
        }
    }

    fn unknown_table_function(&mut self, name: &Ident) {
        let names: Vec<String> = function_names().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.error(
            Code::UnknownTable,
            format!("D1 has no table function `{}`", name.text),
            &name.span,
            "unknown or not allowed on D1",
            suggestion(&name.text, "table functions", &names),
        );
    }

    /// Adds the relation of a name without parentheses.
    fn table_source(&mut self, name: &Ident, alias: Option<&Ident>, scope: &mut Scope) {
        // A table function without arguments needs no parentheses: `FROM pragma_table_list`.
        if self.catalog.table(&name.text).is_none()
            && let Some(columns) = function_columns(&name.text)
        {
            let shown = alias.unwrap_or(name).text.clone();
            scope
                .relations
                .push(of_function(&name.text, shown, columns));
            return;
        }
        scope.relations.extend(self.relation(name, alias));
    }

    /// The relation of a subquery.
    fn derived(&self, name: String, outputs: Vec<Output>) -> Relation {
        without_rowid(name, relation_columns(self.text, outputs))
    }

    fn join(&mut self, join: &Join, scope: &mut Scope) {
        let before = scope.relations.len();
        self.source(&join.left, scope);
        let middle = scope.relations.len();
        self.source(&join.right, scope);
        let after = scope.relations.len();

        let mut facts = self.merge(join, scope, before..middle, middle..after);
        if let Some(on) = &join.on {
            facts.extend(self.join_on(on, join.kind, middle, scope));
        }

        let (left, right) = (before..middle, middle..after);
        let optional = match join.kind {
            JoinKind::Inner => Vec::new(),
            JoinKind::Left => vec![(right, facts)],
            JoinKind::Right => vec![(left, facts)],
            // Each side can exist without the other.
            JoinKind::Full => vec![(left, Vec::new()), (right, Vec::new())],
        };
        for (side, facts) in optional {
            self.widen(side, facts, scope);
        }
    }

    /// Marks the relations of the optional side of a join. `facts` are the columns that are not
    /// NULL where the join finds a row.
    fn widen(&self, side: Range<usize>, found: Vec<(usize, usize)>, scope: &mut Scope) {
        let exists = |index: &usize| !scope.relations[*index].outer;
        scope.joins.push(Matched {
            optional: side.clone(),
            present: side.clone().filter(exists).collect(),
            facts: found,
        });
        // A row of NULLs in place of the whole side has no merged value either.
        for merged in &mut scope.merged {
            let mut values = merged.values.iter();
            if values.all(|(relation, _)| side.contains(relation)) {
                merged.is_present = false;
            }
        }

        for index in side {
            // A fact of a condition below this join holds for the relation's own rows, but not for
            // the row of NULLs.
            let own = scope.facts.iter().filter(|fact| fact.0 == index);
            let facts: Vec<(usize, usize)> = own.copied().collect();
            keep_base(scope, &facts, index);
            scope.facts.retain(|fact| fact.0 != index);
            scope.relations[index].outer = true;
        }
    }

    /// Analyzes the ON of a join whose right side starts at relation `middle`. Returns the columns
    /// that are not NULL where it is true.
    fn join_on(
        &mut self,
        on: &Expr,
        kind: JoinKind,
        middle: usize,
        scope: &mut Scope,
    ) -> Vec<(usize, usize)> {
        // The condition reads rows that exist on both sides.
        self.scopes.push(std::mem::take(scope));
        self.expr(on);

        let joined = self.scope();
        let facts = narrow::when_true(joined, on);
        match kind {
            JoinKind::Inner => joined.keep_only(facts.clone()),
            // The condition holds for every row of the right side that the join finds.
            JoinKind::Left => keep_base(joined, &facts, middle),
            JoinKind::Right | JoinKind::Full => {}
        }
        if let Some(joined) = self.scopes.pop() {
            *scope = joined;
        }
        facts
    }

    /// Merges the columns that USING or NATURAL names. Returns the columns that are not NULL where
    /// their values are equal.
    fn merge(
        &mut self,
        join: &Join,
        scope: &mut Scope,
        left: Range<usize>,
        right: Range<usize>,
    ) -> Vec<(usize, usize)> {
        let mut facts = Vec::new();
        let names = if join.natural {
            common_columns(
                &scope.relations[left.clone()],
                &scope.relations[right.clone()],
            )
        } else {
            join.using.clone()
        };

        for name in names {
            let left = position(scope, left.clone(), &name);
            let right = position(scope, right.clone(), &name);
            let (Some(left), Some(right)) = (left, right) else {
                self.error(
                    Code::UnknownColumn,
                    format!("`{}` is not a column of both sides of the join", name.text),
                    &name.span,
                    "USING requires columns that both sides have",
                    None,
                );
                continue;
            };

            // Equal values are not NULL. Of several columns, only one has to have the value.
            let compared = merge_columns(scope, &name, left, right, join.kind);
            let left = compared.into_iter().filter(|values| values.len() == 1);
            facts.extend(left.flatten().chain([right]));
        }
        if join.kind == JoinKind::Inner {
            scope.keep_only(facts.clone());
        }
        facts
    }
}

/// The relation of a table function. Those of JSON number their rows.
fn of_function(function: &str, name: String, columns: Vec<RelationColumn>) -> Relation {
    let is_json = function.to_ascii_lowercase().starts_with("json_");
    let rowid = is_json.then(|| Rowid {
        name: "rowid".to_owned(),
        ty: Ty::new(Storage::INTEGER),
    });
    Relation {
        rowid,
        ..without_rowid(name, columns)
    }
}

fn without_rowid(name: String, columns: Vec<RelationColumn>) -> Relation {
    Relation {
        name,
        columns,
        outer: false,
        rowid: None,
    }
}

/// The names of the columns that both sides of a NATURAL join have.
fn common_columns(left: &[Relation], right: &[Relation]) -> Vec<Ident> {
    let on_left: Vec<String> = left.iter().flat_map(Relation::column_names).collect();

    let mut common = Vec::new();
    for text in right.iter().flat_map(Relation::column_names) {
        if on_left.iter().any(|name| name.eq_ignore_ascii_case(&text)) {
            common.push(Ident { text, span: 0..0 });
        }
    }
    common
}

/// The indexes of relation and column of the first column with this name.
fn position(scope: &Scope, relations: Range<usize>, name: &Ident) -> Option<(usize, usize)> {
    for index in relations {
        let mut columns = scope.relations[index].columns.iter();
        if let Some(column) = columns.position(|column| name.is(&column.name)) {
            return Some((index, column));
        }
    }
    None
}

/// Merges the right column into the left one, which an earlier join may have merged already.
/// Returns the columns whose first value that is not NULL the join compares with the right one.
fn merge_columns(
    scope: &mut Scope,
    name: &Ident,
    left: (usize, usize),
    right: (usize, usize),
    kind: JoinKind,
) -> Option<Vec<(usize, usize)>> {
    let known = scope
        .merged
        .iter()
        .position(|merged| name.is(&merged.name) && merged.parts.contains(&left));
    let index = known.unwrap_or_else(|| {
        scope.merged.push(Merged {
            name: name.text.clone(),
            parts: vec![left],
            values: vec![left],
            equal: Vec::new(),
            is_present: false,
        });
        scope.merged.len() - 1
    });

    let is_null = |scope: &Scope, merged: &Merged| scope.merged_ty(merged).nullable;
    let left_is_null = is_null(scope, scope.merged.get(index)?);
    let right_is_null = scope.ty(right.0, right.1).nullable;

    let merged = scope.merged.get_mut(index)?;
    let compared = merged.values.clone();
    merged.parts.push(right);
    match kind {
        JoinKind::Inner => merged.equal.push(right),
        JoinKind::Left => {}
        JoinKind::Right => {
            merged.values = vec![right];
            merged.is_present = false;
        }
        JoinKind::Full => {
            merged.values.push(right);
            merged.is_present = !left_is_null && !right_is_null;
        }
    }
    Some(compared)
}

/// Marks columns of the relations from `from` on as NOT NULL in rows that exist.
fn keep_base(scope: &mut Scope, facts: &[(usize, usize)], from: usize) {
    for (relation, column) in facts.iter().filter(|fact| fact.0 >= from) {
        let ty = &mut scope.relations[*relation].columns[*column].ty;
        ty.nullable = false;
        ty.reason = None;
    }
}
