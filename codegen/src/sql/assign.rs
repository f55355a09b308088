//! The values that INSERT and UPDATE write, checked against the columns that store them.

use std::ops::Range;

use crate::report::{Code, suggestion};
use crate::schema::{Catalog, Column, Table};
use crate::syntax::ast::{
    Assignment, Conflict, Core, Expr, ExprKind, Ident, Insert, Query, ResultColumn, Select,
};

use super::analyzer::Analyzer;
use super::expr::parameter;
use super::parameters::{Expectation, Nulls};
use super::scope::is_rowid;
use super::types::Ty;
use super::virtual_tables::promised_type;

impl Analyzer<'_> {
    /// Returns the columns that an INSERT writes: those that it names, or else all of them.
    pub(super) fn insert_columns<'t>(
        &mut self,
        table: &'t Table,
        insert: &Insert,
    ) -> Vec<Option<&'t Column>> {
        if insert.source.is_none() {
            return Vec::new();
        }
        if insert.columns.is_empty() {
            return table
                .columns
                .iter()
                .filter(|column| !column.generated && !column.hidden)
                .map(Some)
                .collect();
        }

        for (index, name) in insert.columns.iter().enumerate() {
            let mut before = insert.columns[..index].iter();
            if before.any(|first| name.is(&first.text)) {
                self.error(
                    Code::StoredType,
                    format!("`{}` is named twice", name.text),
                    &name.span,
                    "the second time",
                    "remove one of them, and its value".to_owned(),
                );
            }
        }
        let names = insert.columns.iter();
        names.map(|name| self.written_column(table, name)).collect()
    }

    /// The column of a name that is written; `None` for the rowid and after an error.
    fn written_column<'t>(&mut self, table: &'t Table, name: &Ident) -> Option<&'t Column> {
        let Some(column) = table.columns.iter().find(|column| name.is(&column.name)) else {
            if !(table.has_rowid && is_rowid(name)) {
                self.no_such_column(table, name);
            }
            return None;
        };

        if column.generated {
            self.error(
                Code::StoredType,
                format!("`{}` is computed and cannot be written", column.name),
                &name.span,
                "a generated column",
                "omit it".to_owned(),
            );
            return None;
        }
        Some(column)
    }

    fn no_such_column(&mut self, table: &Table, name: &Ident) {
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let help = suggestion(&name.text, "columns", &names);
        self.error(
            Code::UnknownColumn,
            format!("`{}` has no column `{}`", table.name, name.text),
            &name.span,
            "no such column",
            help,
        );
    }

    /// Analyzes the rows of an INSERT. `written` are the columns that it writes. Returns whether
    /// each of them is NULL in some row.
    pub(super) fn insert_rows(
        &mut self,
        table: &Table,
        written: &[Option<&Column>],
        insert: &Insert,
        select: &Select,
    ) -> Vec<bool> {
        let [Core::Values(rows)] = select.cores.as_slice() else {
            return self.insert_select(table, written, insert, select);
        };

        let mut nullable = vec![false; written.len()];
        for row in rows {
            if row.len() != written.len() {
                let target = &insert.table.span;
                let start = row.first().map_or(target.start, |first| first.span.start);
                let end = row.last().map_or(target.end, |last| last.span.end);
                self.count_mismatch(table, written.len(), row.len(), start..end);
            }
            for ((expr, column), nullable) in row.iter().zip(written).zip(&mut nullable) {
                *nullable |= self.assigned(table, *column, expr, insert.conflict);
            }
        }
        nullable
    }

    fn insert_select(
        &mut self,
        table: &Table,
        written: &[Option<&Column>],
        insert: &Insert,
        select: &Select,
    ) -> Vec<bool> {
        if let [Core::Query(query)] = select.cores.as_slice() {
            self.expect_columns(table, written, insert, query);
        }
        let outputs = self.select(select);
        if !outputs.is_empty() && outputs.len() != written.len() {
            let at = insert.table.span.clone();
            self.count_mismatch(table, written.len(), outputs.len(), at);
            return vec![true; written.len()];
        }

        let exprs = result_exprs(select);
        for (index, (output, column)) in outputs.iter().zip(written).enumerate() {
            let Some(column) = column else { continue };
            self.note_json(column, &output.ty);
            let unknown = Expr {
                kind: ExprKind::Raise,
                span: output.span.clone(),
            };
            let expr = exprs.get(index).copied().unwrap_or(&unknown);
            if parameter(expr).is_some() {
                continue;
            }
            if column.promised && output.ty.nullable {
                self.null_key(column, expr);
            }
            self.check_stored(table, column, &output.ty, expr);
        }
        outputs.iter().map(|output| output.ty.nullable).collect()
    }

    /// `INSERT ... SELECT :a, :b`: the columns determine the types of the parameters.
    fn expect_columns(
        &mut self,
        table: &Table,
        written: &[Option<&Column>],
        insert: &Insert,
        query: &Query,
    ) {
        for (result, column) in query.columns.iter().zip(written) {
            if let (ResultColumn::Expr { expr, .. }, Some(column)) = (result, column)
                && let Some(index) = parameter(expr)
            {
                let expected = expected(self.catalog, table, column, insert.conflict);
                self.parameters.expected(index, expected, expr.span.clone());
            }
        }
    }

    fn count_mismatch(&mut self, table: &Table, columns: usize, values: usize, at: Range<usize>) {
        let message = format!(
            "{values} {} for {columns} {}",
            plural(values, "value"),
            plural(columns, "column")
        );
        self.error(
            Code::StoredType,
            message,
            &at,
            format!("`{}` expects {columns} here", table.name),
            "write one value for each column, in their order".to_owned(),
        );
    }

    /// Reports NOT NULL columns without a default that an INSERT omits.
    pub(super) fn missing_columns(
        &mut self,
        table: &Table,
        written: &[Option<&Column>],
        insert: &Insert,
    ) {
        // Without a list of columns, VALUES and SELECT write every column.
        if insert.source.is_some() && insert.columns.is_empty() {
            return;
        }
        let is_written = |column: &Column| {
            let mut written = written.iter().flatten();
            written.any(|written| written.name == column.name)
        };
        let (mut required, mut promised) = (Vec::new(), Vec::new());
        for column in table.columns.iter().filter(|column| !is_written(column)) {
            if is_required(column) {
                required.push(format!("`{}`", column.name));
            } else if column.promised && !column.has_default && !column.generated {
                promised.push(format!("`{}`", column.name));
            }
        }

        let help = |names: &str| format!("add {names} to the columns and its value to VALUES");
        if !required.is_empty() {
            let names = required.join(", ");
            self.error(
                Code::StoredType,
                format!("the INSERT omits {names}"),
                &insert.table.span,
                "NOT NULL and without a default",
                help(&names),
            );
        }
        if !promised.is_empty() {
            let names = promised.join(", ");
            let warning = self.diagnostic(
                Code::StoredType,
                format!("the INSERT omits the primary key {names}"),
                &insert.table.span,
                "SQLite stores NULL; reading it fails",
                help(&names),
            );
            self.diagnostics.push(warning.warning());
        }
    }

    /// Analyzes the assignments of SET. Returns the columns that are not NULL afterwards.
    pub(super) fn assignments<'t>(
        &mut self,
        table: &'t Table,
        set: &[Assignment],
        conflict: Conflict,
    ) -> Vec<&'t str> {
        let mut present = Vec::new();
        for assignment in set {
            let columns: Vec<Option<&'t Column>> = assignment
                .columns
                .iter()
                .map(|name| self.written_column(table, name))
                .collect();
            match (columns.as_slice(), &assignment.value.kind) {
                ([column], _) => {
                    let nullable = self.assigned(table, *column, &assignment.value, conflict);
                    present.extend(column.filter(|_| !nullable));
                }
                (columns, ExprKind::Row(values)) => {
                    for (column, value) in columns.iter().zip(values) {
                        let nullable = self.assigned(table, *column, value, conflict);
                        present.extend(column.filter(|_| !nullable));
                    }
                }
                _ => {
                    self.expr(&assignment.value);
                }
            }
        }
        let names = present.into_iter().map(|column| column.name.as_str());

        names.collect()
    }

    /// Analyzes a value that is written to a column. Returns whether it can be NULL.
    fn assigned(
        &mut self,
        table: &Table,
        column: Option<&Column>,
        expr: &Expr,
        conflict: Conflict,
    ) -> bool {
        let Some(column) = column else {
            return self.expr(expr).nullable;
        };
        let expected = expected(self.catalog, table, column, conflict);
        let given = self.expr_as(expr, &expected);
        self.note_json(column, &given);

        let refuses_null = nulls(column, conflict) == Nulls::Refused;
        if column.promised && refuses_null && given.nullable {
            self.null_key(column, expr);
        } else if expr.kind == ExprKind::Null && refuses_null {
            let help = if column.has_default {
                "omit the column: it has a default"
            } else {
                "write a value that is not NULL"
            };
            self.error(
                Code::StoredType,
                format!("`{}` does not accept NULL", column.name),
                &expr.span,
                "the column is NOT NULL",
                help.to_owned(),
            );
        } else if parameter(expr).is_none() {
            self.check_stored(table, column, &given, expr);
        }
        given.nullable
    }

    /// Records that a column is set to JSON: in RETURNING, SQLite still knows that it is.
    fn note_json(&mut self, column: &Column, given: &Ty) {
        if given.json.is_some() {
            self.json_columns.push(column.name.clone());
        }
    }

    /// Warns of a value for a primary key that can be NULL.
    fn null_key(&mut self, column: &Column, expr: &Expr) {
        let can = if expr.kind == ExprKind::Null {
            "is"
        } else {
            "can be"
        };
        let message = format!(
            "`{}` is a primary key, but the value {can} NULL",
            column.name
        );
        let label = "SQLite stores it; reading it fails";
        let warning = self.diagnostic(Code::StoredType, message, &expr.span, label, None);
        self.diagnostics.push(warning.warning());
    }

    /// Reports a text that the CHECK of its column rejects. `number` is that of the column's enum.
    pub(super) fn check_enum(
        &mut self,
        column: &Column,
        number: u32,
        text: &str,
        at: &Range<usize>,
    ) {
        let text_enum = usize::try_from(number)
            .ok()
            .and_then(|number| self.catalog.text_enums.get(number));
        let values: Vec<&str> = match text_enum {
            Some(text_enum) => text_enum.values.iter().map(String::as_str).collect(),
            None => Vec::new(),
        };
        if values.contains(&text) {
            return;
        }

        let help = suggestion(text, "texts that it accepts", &values);
        self.error(
            Code::StoredType,
            format!("the CHECK of `{}` rejects '{text}'", column.name),
            at,
            "not one of its texts",
            help,
        );
    }
}

/// The expressions of a SELECT that is not a compound and has no `*`.
fn result_exprs(select: &Select) -> Vec<&Expr> {
    let [Core::Query(query)] = select.cores.as_slice() else {
        return Vec::new();
    };
    let exprs = query.columns.iter().map(|column| match column {
        ResultColumn::Expr { expr, .. } => Some(expr),
        ResultColumn::All(_) | ResultColumn::AllOf(_) => None,
    });
    exprs.collect::<Option<_>>().unwrap_or_default()
}

/// Whether an INSERT has to write a column.
fn is_required(column: &Column) -> bool {
    column.not_null
        && !column.has_default
        && !column.rowid_alias
        && !column.generated
        && !column.hidden
}

/// The expectation of a value for a column.
fn expected(catalog: &Catalog, table: &Table, column: &Column, conflict: Conflict) -> Expectation {
    let ty = promised_type(catalog, table, column);
    Expectation {
        exact: true,
        ..Expectation::compared(&ty).nulls(nulls(column, conflict))
    }
}

/// Whether a write accepts NULL for a column.
fn nulls(column: &Column, conflict: Conflict) -> Nulls {
    let has_substitute = column.has_default && conflict == Conflict::Replace;
    match (column.never_null() && !has_substitute, column.rowid_alias) {
        // NULL writes the next id; a statement that needs the next id can omit the column.
        (_, true) => Nulls::Silent,
        (true, false) => Nulls::Refused,
        (false, false) => Nulls::Welcome,
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}
