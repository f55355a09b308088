//! INSERT, UPDATE and DELETE: the tables that they write, and the columns of RETURNING.

use crate::schema::{Column, Table, TableKind};
use crate::syntax::ast::{Conflict, Delete, ExprKind, Ident, Insert, ResultColumn, Update, Upsert};

use super::analyzer::{Analyzer, Output, rowid};
use super::json::Json;
use super::scope::{Merged, Relation, Scope};
use super::types::{Storage, Ty};
use super::virtual_tables::{stored_columns, virtual_columns};

impl<'a> Analyzer<'a> {
    /// Returns the columns of RETURNING.
    pub(super) fn insert(&mut self, insert: &Insert) -> Vec<Output> {
        self.enter(&insert.ctes);
        let Some(table) = self.target(&insert.table) else {
            return Vec::new();
        };

        let before = self.diagnostics.len();
        let written = self.insert_columns(table, insert);
        let are_known = self.diagnostics.len() == before;
        let nullable = match &insert.source {
            Some(select) => self.insert_rows(table, &written, insert, select),
            None => Vec::new(),
        };
        let mut present: Vec<&str> = Vec::new();
        for (column, nullable) in written.iter().zip(nullable) {
            present.extend(
                column
                    .filter(|_| !nullable)
                    .map(|column| column.name.as_str()),
            );
        }
        present.extend(self.present_by_default(table, &written));
        // A misspelled column is also missing under its right name: that is a single error.
        if are_known {
            self.missing_columns(table, &written, insert);
        }

        let mut scope = Scope::default();
        scope
            .relations
            .push(self.target_relation(table, insert.alias.as_ref()));
        let inserted = present.clone();
        for upsert in &insert.upserts {
            let set = self.upsert(table, &scope, upsert, &inserted);
            // DO UPDATE returns the row that it changes.
            if !upsert.set.is_empty() {
                present.retain(|column| set.contains(column));
            }
        }
        self.keep_written(table, &present, &mut scope);
        self.returning(scope, &insert.table, &insert.returning)
    }

    /// The columns that an INSERT omits and whose default is not NULL.
    fn present_by_default(&self, table: &'a Table, written: &[Option<&Column>]) -> Vec<&'a str> {
        let omitted = table.columns.iter().filter(|column| {
            let mut written = written.iter().flatten();
            !written.any(|written| written.name == column.name)
        });
        let present = omitted.filter(|column| {
            column.default.as_ref().is_some_and(|(default, text)| {
                let mut inner = Analyzer::new(self.catalog, text, None, &[]);
                let ty = inner.expr(default);
                inner.diagnostics.is_empty() && !ty.nullable
            })
        });
        present.map(|column| column.name.as_str()).collect()
    }

    /// Marks the columns that a write sets to values other than NULL, for RETURNING. A trigger
    /// could change them.
    fn keep_written(&self, table: &Table, present: &[&str], scope: &mut Scope) {
        if table.has_triggers || table.kind != TableKind::Table {
            return;
        }
        for (position, column) in table.columns.iter().enumerate() {
            if present.contains(&column.name.as_str()) {
                scope.facts.push((0, position));
            }
        }
    }

    /// `ON CONFLICT (target) DO UPDATE SET ...`. Returns the columns that are not NULL afterwards.
    /// `inserted` are the columns that are not NULL in the row that could not be inserted.
    fn upsert<'t>(
        &mut self,
        table: &'t Table,
        scope: &Scope,
        upsert: &Upsert,
        inserted: &[&str],
    ) -> Vec<&'t str> {
        self.scopes.push(scope.clone());
        for expr in upsert.target.iter().chain(&upsert.target_filter) {
            self.expr(expr);
        }
        self.scopes.pop();

        let excluded = self.excluded(table, inserted);
        self.scopes.push(with_excluded(scope, excluded));
        let set = self.assignments(table, &upsert.set, Conflict::Fail);
        if let Some(filter) = &upsert.filter {
            self.expr(filter);
        }
        self.scopes.pop();
        set
    }

    /// The relation `excluded` of DO UPDATE: the row that could not be inserted.
    fn excluded(&mut self, table: &Table, inserted: &[&str]) -> Relation {
        let mut excluded = self.target_relation(table, None);
        excluded.name = "excluded".to_owned();
        excluded.rowid = None;
        for (relation, column) in excluded.columns.iter_mut().zip(&table.columns) {
            // SQLite has not filled these columns yet.
            if column.rowid_alias || column.generated {
                relation.ty = relation.ty.clone().or_null("the INSERT may omit it");
            }
            if inserted.contains(&column.name.as_str()) && !table.has_triggers {
                relation.ty = relation.ty.clone().not_null();
            }
        }
        excluded
    }

    /// The table that is written. It can be a view: SQLite checks whether that one can be written.
    fn target(&mut self, name: &Ident) -> Option<&'a Table> {
        let table = self.table(name)?;
        self.note(&table.name, &table.name);
        Some(table)
    }

    /// The relation of a table that is written.
    fn target_relation(&mut self, table: &Table, alias: Option<&Ident>) -> Relation {
        let name = alias.map_or_else(|| table.name.clone(), |alias| alias.text.clone());
        let columns = match &table.kind {
            TableKind::Table => self.columns(table),
            TableKind::Virtual(module, arguments) => {
                virtual_columns(self.catalog, table, module, arguments)
            }
            // A trigger runs instead of the write; its effect is unknown.
            TableKind::View(_) => {
                let mut columns = stored_columns(table);
                for column in &mut columns {
                    column.ty = Ty::new(Storage::ANY).or_null("the column belongs to a view");
                }
                columns
            }
        };

        Relation {
            name,
            columns,
            outer: false,
            rowid: rowid(table),
        }
    }

    /// Returns the columns of RETURNING.
    pub(super) fn update(&mut self, update: &Update) -> Vec<Output> {
        self.enter(&update.ctes);
        let Some(table) = self.target(&update.table) else {
            return Vec::new();
        };

        let mut scope = Scope::default();
        scope
            .relations
            .push(self.target_relation(table, update.alias.as_ref()));
        let mut target = scope.clone();
        if let Some(from) = &update.from {
            self.source(from, &mut scope);
            self.table_arguments(&mut scope);
        }

        self.scopes.push(scope);
        if let Some(filter) = &update.filter {
            self.expr(filter);
            self.keep_where_true(filter);
        }
        let set = self.assignments(table, &update.set, update.conflict);
        for expr in &update.order_by {
            self.expr(expr);
        }
        self.limits(update.limits.iter());
        let scope = self.scopes.pop();

        // RETURNING reads the new row. A column that is not written has its old value, for which
        // WHERE is true; a trigger could change it.
        if let Some(scope) = scope.filter(|_| !table.has_triggers) {
            for (relation, position) in scope.facts {
                let column = table.columns.get(position);
                if relation == 0 && column.is_some_and(|column| !is_written(column, update)) {
                    target.facts.push((relation, position));
                }
            }
        }
        self.keep_written(table, &set, &mut target);
        self.returning(target, &update.table, &update.returning)
    }

    /// Returns the columns of RETURNING.
    pub(super) fn delete(&mut self, delete: &Delete) -> Vec<Output> {
        self.enter(&delete.ctes);
        let Some(table) = self.target(&delete.table) else {
            return Vec::new();
        };

        let mut scope = Scope::default();
        scope
            .relations
            .push(self.target_relation(table, delete.alias.as_ref()));
        self.scopes.push(scope.clone());
        if let Some(filter) = &delete.filter {
            self.expr(filter);
            // A BEFORE trigger could change the row between the test and the deletion.
            if !table.has_triggers {
                self.keep_where_true(filter);
            }
        }
        for expr in &delete.order_by {
            self.expr(expr);
        }
        self.limits(delete.limits.iter());

        let scope = self.scopes.pop().unwrap_or(scope);
        self.returning(scope, &delete.table, &delete.returning)
    }

    fn returning(
        &mut self,
        mut scope: Scope,
        table: &Ident,
        columns: &[ResultColumn],
    ) -> Vec<Output> {
        // RETURNING does not know the alias of the table.
        if let Some(target) = scope.relations.first_mut() {
            target.name.clone_from(&table.text);
        }
        // Inside an expression of RETURNING, SQLite can return a whole number in a REAL column as
        // the INTEGER that it stores.
        for relation in &mut scope.relations {
            for column in &mut relation.columns {
                if column.ty.storage == Storage::REAL {
                    column.ty.storage = Storage::REAL.or(Storage::INTEGER);
                }
                if self.json_columns.contains(&column.name) {
                    column.ty.json = Some(Box::new(Json::Unknown));
                }
            }
        }

        self.scopes.push(scope);
        let mut outputs = Vec::new();
        for column in columns {
            let mut results = self.result_columns(std::slice::from_ref(column));
            let is_plain = match column {
                ResultColumn::All(_) | ResultColumn::AllOf(_) => true,
                ResultColumn::Expr { expr, .. } => matches!(expr.kind, ExprKind::Column { .. }),
            };
            if is_plain {
                self.restore_declared(&mut results);
            }
            outputs.append(&mut results);
        }
        self.scopes.pop();
        outputs
    }

    /// Restores the declared type of columns that RETURNING names outside an expression.
    fn restore_declared(&self, outputs: &mut [Output]) {
        for output in outputs {
            if output.ty.storage == Storage::REAL.or(Storage::INTEGER)
                && let Some(column) = self.origin_column(&output.ty)
            {
                output.ty.storage = Ty::of_column("", column).storage;
            }
        }
    }

    /// The column that a value is read from.
    fn origin_column(&self, ty: &Ty) -> Option<&'a Column> {
        let (table, name) = ty.origin.as_ref()?.split_once('.')?;
        let mut columns = self.catalog.table(table)?.columns.iter();
        columns.find(|column| column.name == name)
    }
}

/// Whether an UPDATE can change a column.
fn is_written(column: &Column, update: &Update) -> bool {
    let mut names = update.set.iter().flat_map(|set| &set.columns);
    column.generated || names.any(|name| name.is(&column.name))
}

/// The scope of DO UPDATE. `excluded` and the table share all names; an unqualified one is the
/// table's.
fn with_excluded(scope: &Scope, excluded: Relation) -> Scope {
    let mut scope = scope.clone();
    if let Some(target) = scope.relations.first() {
        for (index, column) in target.columns.iter().enumerate() {
            scope.merged.push(Merged {
                name: column.name.clone(),
                parts: vec![(0, index)],
                values: vec![(0, index)],
                equal: Vec::new(),
                is_present: false,
            });
        }
    }
    scope.relations.push(excluded);
    scope
}
