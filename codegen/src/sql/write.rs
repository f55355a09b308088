//! INSERT, UPDATE and DELETE: what may be written where, and what RETURNING gives.

use crate::report::{Code, Severity, suggestion};
use crate::schema::{Checked, Column, Table, TableKind};

use super::analyzer::{Analyzer, Output};
use super::parameters::{Expectation, Nulls};
use super::scope::{Relation, Scope};
use super::types::{Storage, Ty, converted};
use super::virtual_tables::stored_columns;
use crate::syntax::ast::{
    Assignment, Core, Delete, Expr, ExprKind, Ident, Insert, ResultColumn, Select, Update,
};

impl<'a> Analyzer<'a> {
    pub(super) fn insert(&mut self, insert: &Insert) -> Vec<Output> {
        self.enter(&insert.ctes, insert.recursive);
        let Some(table) = self.target(&insert.table) else {
            return Vec::new();
        };
        let before = self.diagnostics.len();
        let written = self.insert_columns(table, insert);
        // A misspelt column is missing under its right name: that is one mistake.
        let spelt = self.diagnostics.len() == before;
        if let Some(select) = &insert.source {
            self.insert_rows(table, &written, insert, select);
        }
        if spelt {
            self.missing_columns(table, &written, insert);
        }
        let mut scope = Scope::default();
        scope.relations.push(self.own(table, insert.alias.as_ref()));
        // In DO UPDATE, the row that could not be inserted. A column that SQLite would have filled can be NULL there.
        let mut excluded = self.own(table, None);
        excluded.name = "excluded".to_owned();
        excluded.has_rowid = false;
        for (relation, column) in excluded.columns.iter_mut().zip(&table.columns) {
            if column.rowid_alias || column.generated {
                relation.ty = relation.ty.clone().or_null("it may not have been given");
            }
        }
        let mut upsert_scope = scope.clone();
        upsert_scope.relations.push(excluded);
        // An unqualified name is the table's own.
        for upsert in &insert.upserts {
            self.scopes.push(scope.clone());
            for expr in upsert.target.iter().chain(&upsert.target_filter) {
                self.expr(expr);
            }
            self.scopes.pop();
            self.scopes.push(Scope {
                aliases: Vec::new(),
                ..unambiguous(&upsert_scope)
            });
            self.assignments(table, &upsert.set);
            if let Some(filter) = &upsert.filter {
                self.expr(filter);
            }
            self.scopes.pop();
        }
        self.returning(scope, &insert.returning)
    }

    /// A table that can be written; SQLite says which views can.
    fn target(&mut self, name: &Ident) -> Option<&'a Table> {
        let table = self.table(name)?;
        self.note(&table.name, &table.name, name);
        // The catalog outlives the walk.
        Some(table)
    }

    /// The relation of a table that is written.
    fn own(&mut self, table: &Table, alias: Option<&Ident>) -> Relation {
        let name = alias.map_or_else(|| table.name.clone(), |alias| alias.text.clone());
        let columns = match &table.kind {
            TableKind::Table => self.columns(table),
            TableKind::Virtual(module, arguments) => self.virtual_columns(table, module, arguments),
            // What a trigger does in place of the write is not known.
            TableKind::View(_) => {
                let mut columns = stored_columns(table);
                for column in &mut columns {
                    column.ty = Ty::new(Storage::ANY).or_null("it is written to a view");
                }
                columns
            }
        };
        Relation {
            name,
            columns,
            outer: false,
            has_rowid: table.has_rowid,
        }
    }

    /// The columns that an INSERT writes, by name or all of them.
    fn insert_columns<'t>(&mut self, table: &'t Table, insert: &Insert) -> Vec<Option<&'t Column>> {
        if insert.columns.is_empty() {
            return table
                .columns
                .iter()
                .filter(|column| !column.generated && !column.hidden)
                .map(Some)
                .collect();
        }
        for (index, name) in insert.columns.iter().enumerate() {
            if insert.columns[..index]
                .iter()
                .any(|first| name.is(&first.text))
            {
                let message = format!("`{}` is named twice", name.text);
                self.error(
                    Code::StoredType,
                    message,
                    &name.span,
                    "the second time",
                    "take one of them out, and its value".to_owned(),
                );
            }
        }
        insert
            .columns
            .iter()
            .map(|name| self.written_column(table, name))
            .collect()
    }

    /// The column of a name that is written; `None` for the rowid and for a mistake.
    fn written_column<'t>(&mut self, table: &'t Table, name: &Ident) -> Option<&'t Column> {
        let column = table.columns.iter().find(|column| name.is(&column.name));
        match column {
            Some(column) if column.generated => {
                let message = format!("`{}` is computed and cannot be written", column.name);
                self.error(
                    Code::StoredType,
                    message,
                    &name.span,
                    "a generated column",
                    "leave it out".to_owned(),
                );
                None
            }
            None if !(table.has_rowid
                && ["rowid", "oid", "_rowid_"].iter().any(|word| name.is(word))) =>
            {
                let names: Vec<&str> = table
                    .columns
                    .iter()
                    .map(|column| column.name.as_str())
                    .collect();
                let help = suggestion(&name.text, "columns", &names);
                let message = format!("`{}` has no column `{}`", table.name, name.text);
                self.error(
                    Code::UnknownColumn,
                    message,
                    &name.span,
                    "no such column",
                    help,
                );
                None
            }
            column => column,
        }
    }

    fn insert_rows(
        &mut self,
        table: &Table,
        written: &[Option<&Column>],
        insert: &Insert,
        select: &Select,
    ) {
        let [Core::Values(rows)] = select.cores.as_slice() else {
            self.insert_select(table, written, insert, select);
            return;
        };
        for row in rows {
            if row.len() != written.len() {
                let start = row
                    .first()
                    .map_or(insert.table.span.start, |first| first.span.start);
                let end = row
                    .last()
                    .map_or(insert.table.span.end, |last| last.span.end);
                self.count_mismatch(table, written.len(), row.len(), start..end);
            }
            for (expr, column) in row.iter().zip(written) {
                self.assigned(table, *column, expr);
            }
        }
    }

    fn insert_select(
        &mut self,
        table: &Table,
        written: &[Option<&Column>],
        insert: &Insert,
        select: &Select,
    ) {
        // `INSERT ... SELECT :a, :b`: the columns type the parameters.
        if let [Core::Query(query)] = select.cores.as_slice() {
            let expectations: Vec<Option<Expectation>> = written
                .iter()
                .map(|column| column.map(|column| expected(table, column)))
                .collect();
            for (column, expected) in query.columns.iter().zip(expectations) {
                if let (ResultColumn::Expr { expr, .. }, Some(expected)) = (column, expected)
                    && let ExprKind::Parameter(index) = expr.kind
                {
                    self.parameters.expected(index, expected, expr.span.clone());
                }
            }
        }
        let outputs = self.select(select);
        if !outputs.is_empty() && outputs.len() != written.len() {
            self.count_mismatch(
                table,
                written.len(),
                outputs.len(),
                insert.table.span.clone(),
            );
        }
    }

    fn count_mismatch(
        &mut self,
        table: &Table,
        columns: usize,
        values: usize,
        at: std::ops::Range<usize>,
    ) {
        let message = format!(
            "{values} {} for {columns} {}",
            plural(values, "value"),
            plural(columns, "column")
        );
        let label = format!("`{}` takes {columns} here", table.name);
        self.error(
            Code::StoredType,
            message,
            &at,
            label,
            "give one value for each column, in their order".to_owned(),
        );
    }

    /// NOT NULL columns without a default must be given.
    fn missing_columns(&mut self, table: &Table, written: &[Option<&Column>], insert: &Insert) {
        let given = |column: &Column| {
            written
                .iter()
                .flatten()
                .any(|written| written.name == column.name)
        };
        let missing: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| {
                column.not_null
                    && !column.has_default
                    && !column.rowid_alias
                    && !column.generated
                    && !column.hidden
            })
            .filter(|column| {
                (insert.source.is_none() || !insert.columns.is_empty()) && !given(column)
            })
            .map(|column| column.name.as_str())
            .collect();
        if missing.is_empty() || written.iter().any(Option::is_none) && insert.columns.is_empty() {
            return;
        }
        let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("the INSERT leaves out {}", names.join(", "));
        let help = format!(
            "add {} to the columns and its value to VALUES",
            names.join(", ")
        );
        self.error(
            Code::StoredType,
            message,
            &insert.table.span,
            "NOT NULL and without a default",
            help,
        );
    }

    /// A value that is written to a column.
    fn assigned(&mut self, table: &Table, column: Option<&Column>, expr: &Expr) {
        let Some(column) = column else {
            self.expr(expr);
            return;
        };
        let given = self.expr_as(expr, &expected(table, column));
        if expr.kind == ExprKind::Null && column.not_null && !column.rowid_alias {
            let message = format!("`{}` refuses NULL", column.name);
            let help = if column.has_default {
                "leave the column out: it has a default"
            } else {
                "give it a value"
            };
            self.error(
                Code::StoredType,
                message,
                &expr.span,
                "the column is NOT NULL",
                help.to_owned(),
            );
        } else if super::expr::parameter(expr).is_none() {
            self.check_stored(table, column, &given, expr);
        }
    }

    /// What a column cannot hold: SQLite refuses it in a STRICT table, and keeps it in any other.
    fn check_stored(&mut self, table: &Table, column: &Column, given: &Ty, expr: &Expr) {
        let promised = Ty::of_column(&table.name, column).storage;
        if let (Checked::Enum(number), ExprKind::String(text)) = (column.checked, &expr.kind) {
            let text_enums = usize::try_from(number)
                .ok()
                .and_then(|number| self.catalog.text_enums.get(number));
            let values: Vec<&str> = text_enums
                .iter()
                .flat_map(|text_enums| text_enums.values.iter().map(String::as_str))
                .collect();
            if !values.contains(&text.as_str()) {
                let message = format!("the CHECK of `{}` refuses '{text}'", column.name);
                let help = suggestion(text, "texts that it takes", &values);
                self.error(
                    Code::StoredType,
                    message,
                    &expr.span,
                    "not one of its texts",
                    help,
                );
            }
            return;
        }
        let is_no_number = |text: &String| {
            promised.within(Storage::NUMERIC) && text.trim().parse::<f64>().is_err()
        };
        let misses = matches!(&expr.kind, ExprKind::String(text) if is_no_number(text));
        if !misses
            && (given.storage == Storage::NONE
                || converted(given.storage, &column.declared).meets(promised))
        {
            return;
        }
        let classes = given.storage.classes().collect::<Vec<_>>().join(" or ");
        let message = format!(
            "`{}` is declared {} and is given {classes}",
            column.name, column.declared
        );
        let label = if column.strict {
            "the table is STRICT: this fails"
        } else {
            "SQLite keeps it as it is; reading it fails"
        };
        self.error(Code::StoredType, message, &expr.span, label, None);
        if let (false, Some(last)) = (column.strict, self.diagnostics.last_mut()) {
            last.severity = Severity::Warning;
        }
    }

    fn assignments(&mut self, table: &Table, set: &[Assignment]) {
        for assignment in set {
            let columns: Vec<Option<&Column>> = assignment
                .columns
                .iter()
                .map(|name| self.written_column(table, name))
                .collect();
            match (columns.as_slice(), &assignment.value.kind) {
                ([column], _) => self.assigned(table, *column, &assignment.value),
                (columns, ExprKind::Row(values)) => {
                    for (column, value) in columns.iter().zip(values) {
                        self.assigned(table, *column, value);
                    }
                }
                _ => {
                    self.expr(&assignment.value);
                }
            }
        }
    }

    pub(super) fn update(&mut self, update: &Update) -> Vec<Output> {
        self.enter(&update.ctes, update.recursive);
        let Some(table) = self.target(&update.table) else {
            return Vec::new();
        };
        let mut scope = Scope::default();
        scope.relations.push(self.own(table, update.alias.as_ref()));
        let mut target = scope.clone();
        if let Some(from) = &update.from {
            self.source(from, &mut scope);
        }
        self.scopes.push(scope);
        if let Some(filter) = &update.filter {
            self.expr(filter);
            self.keep_where_true(filter);
        }
        self.assignments(table, &update.set);
        for expr in &update.order_by {
            self.expr(expr);
        }
        self.limits(update.limits.iter());
        let scope = self.scopes.pop();
        // The new row: what WHERE tells of the old one holds for what is not written.
        if let Some(scope) = scope.filter(|_| !table.has_triggers) {
            let written = |column: &Column| {
                column.generated
                    || update
                        .set
                        .iter()
                        .flat_map(|set| &set.columns)
                        .any(|name| name.is(&column.name))
            };
            let kept = |fact: &&(usize, usize)| {
                fact.0 == 0 && !table.columns.get(fact.1).is_none_or(written)
            };
            target.facts = scope.facts.iter().filter(kept).copied().collect();
        }
        self.returning(target, &update.returning)
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Vec<Output> {
        self.enter(&delete.ctes, delete.recursive);
        let Some(table) = self.target(&delete.table) else {
            return Vec::new();
        };
        let mut scope = Scope::default();
        scope.relations.push(self.own(table, delete.alias.as_ref()));
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
        self.returning(scope, &delete.returning)
    }

    fn returning(&mut self, mut scope: Scope, columns: &[ResultColumn]) -> Vec<Output> {
        // Inside an expression of RETURNING, SQLite may hand on a whole number in a REAL column as the INTEGER
        // that it stores.
        let real = |ty: &Ty| ty.storage == Storage::REAL;
        for relation in &mut scope.relations {
            for column in relation
                .columns
                .iter_mut()
                .filter(|column| real(&column.ty))
            {
                column.ty.storage = Storage::REAL.or(Storage::INTEGER);
            }
        }
        let stored = |ty: &Ty| ty.storage == Storage::REAL.or(Storage::INTEGER);
        self.scopes.push(scope);
        let mut outputs = Vec::new();
        for column in columns {
            let mut results = self.result_columns(std::slice::from_ref(column));
            let plain = match column {
                ResultColumn::All(_) | ResultColumn::AllOf(_) => true,
                ResultColumn::Expr { expr, .. } => matches!(expr.kind, ExprKind::Column { .. }),
            };
            for output in results
                .iter_mut()
                .filter(|output| plain && stored(&output.ty))
            {
                let declared = output
                    .ty
                    .origin
                    .as_ref()
                    .and_then(|origin| origin.split_once('.'))
                    .and_then(|(table, column)| {
                        self.catalog
                            .table(table)?
                            .columns
                            .iter()
                            .find(|known| known.name == column)
                    });
                if let Some(column) = declared {
                    output.ty.storage = Ty::of_column("", column).storage;
                }
            }
            outputs.append(&mut results);
        }
        self.scopes.pop();
        outputs
    }
}

/// `excluded.x` and `x` share every name; only the qualified form means `excluded`.
fn unambiguous(scope: &Scope) -> Scope {
    let mut scope = scope.clone();
    let names: Vec<String> = scope
        .relations
        .first()
        .map(|own| {
            own.columns
                .iter()
                .map(|column| column.name.clone())
                .collect()
        })
        .unwrap_or_default();
    for (index, name) in names.into_iter().enumerate() {
        scope.merged.push(super::scope::Merged {
            name,
            parts: vec![(0, index)],
            coalesced: false,
        });
    }
    scope
}

/// What a value for a column must be.
fn expected(table: &Table, column: &Column) -> Expectation {
    let ty = Ty::of_column(&table.name, column);
    let nulls = match (column.not_null, column.rowid_alias) {
        // NULL would give the next id; whoever wants that leaves the column out.
        (_, true) => Nulls::Silent,
        (true, false) => Nulls::Refused,
        (false, false) => Nulls::Welcome,
    };
    Expectation::compared(&ty).nulls(nulls)
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}
