//! Statements that SQLite accepts but the user may not intend: writes without WHERE, and searches
//! that read a whole table.

use bindery_sqlite::token::{Kind, tokenize};

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::{Catalog, Table};
use crate::source::Span;
use crate::syntax::ast::{
    Core, Expr, ExprKind, Ident, InList, Operator, Select, Source, Statement,
};

use super::analyzer::Named;
use super::keys::is_fixed;
use super::plan::Step;

/// Reports an UPDATE or DELETE without WHERE. `WHERE true` declares that it changes every row.
pub(super) fn unguarded(errors: &mut Errors, statement: &Statement, place: Span) {
    let (word, table, returns) = match statement {
        Statement::Delete(delete) if delete.filter.is_none() => {
            ("DELETE", &delete.table, !delete.returning.is_empty())
        }
        // The join of an UPDATE with FROM chooses the rows.
        Statement::Update(update) if update.filter.is_none() && update.from.is_none() => {
            ("UPDATE", &update.table, !update.returning.is_empty())
        }
        Statement::Delete(_)
        | Statement::Update(_)
        | Statement::Select(_)
        | Statement::Insert(_)
        | Statement::Other => return,
    };

    let before = if returns { " before RETURNING" } else { "" };
    errors.push(
        Diagnostic::new(
            Code::Unguarded,
            format!("the {word} has no WHERE"),
            place.part(&table.span),
        )
        .label(format!("changes every row of `{}`", table.text))
        .help(format!("to change every row, write `WHERE true`{before}")),
    );
}

/// Reports a write with ORDER BY or LIMIT: D1 accepts it, but the SQLite of the compiler and of the
/// native backend is built without it.
///
/// <https://www.sqlite.org/compile.html#enable_update_delete_limit>
pub(super) fn limited_write(errors: &mut Errors, statement: &Statement, place: Span) {
    let (word, table, terms) = match statement {
        Statement::Delete(delete) => (
            "DELETE",
            &delete.table,
            delete.order_by.iter().chain(&delete.limits).next(),
        ),
        Statement::Update(update) => (
            "UPDATE",
            &update.table,
            update.order_by.iter().chain(&update.limits).next(),
        ),
        Statement::Select(_) | Statement::Insert(_) | Statement::Other => return,
    };
    let Some(term) = terms else { return };

    let table = &table.text;
    errors.push(
        Diagnostic::new(
            Code::Unsupported,
            format!("ORDER BY and LIMIT in {word} are not supported"),
            place.part(&term.span),
        )
        .label("only D1's SQLite is built with it")
        .help(format!(
            "select the rows: `WHERE rowid IN (SELECT rowid FROM {table} WHERE ... LIMIT ...)`"
        )),
    );
}

/// Reports VACUUM, which D1 rejects when it runs: SQLite attaches a database for it.
pub(super) fn vacuum(errors: &mut Errors, text: &str, place: Span) {
    let tokens = tokenize(text);
    let first = tokens.iter().find(|token| token.kind != Kind::Comment);
    if let Some(first) = first.filter(|token| token.is(text, "vacuum")) {
        errors.push(
            Diagnostic::new(
                Code::Sqlite,
                "D1 does not allow VACUUM",
                place.part(&first.span),
            )
            .label("fails when it runs")
            .help("remove it: D1 compacts its databases itself"),
        );
    }
}

/// Reports tables that are searched by a column and read whole: D1 bills every row that is read.
///
/// A statement that reads a table without a search lists it; an index would not help there.
pub(super) fn full_scans(
    errors: &mut Errors,
    catalog: &Catalog,
    statement: &Statement,
    place: Span,
    relations: &[Named],
    plan: &[Step],
) {
    let mut searched = Searched::default();
    searched.statement(statement);

    for step in plan {
        let Some(table) = step.scans.as_ref().and_then(|table| catalog.table(table)) else {
            continue;
        };
        let mut written = relations.iter().filter(|named| named.at.is_some());
        let Some(named) = written.find(|named| named.table == table.name) else {
            continue;
        };
        let columns = searched.columns_of(table, named);
        if columns.is_empty() {
            continue;
        }

        let name = &table.name;
        let at = named.at.as_ref().map_or(place, |at| place.part(at));
        errors.push(
            Diagnostic::new(
                Code::FullScan,
                format!("the search reads every row of `{name}`"),
                at,
            )
            .label("D1 bills each row that is read")
            .help(format!(
                "`CREATE INDEX {name}_by_{} ON {name} ({});`",
                columns.join("_"),
                columns.join(", ")
            ))
            .warning(),
        );
    }
}

/// The columns that a statement compares with a value, each with its qualifier.
#[derive(Default)]
struct Searched<'e> {
    columns: Vec<(Option<&'e Ident>, &'e Ident)>,
}

impl<'e> Searched<'e> {
    fn statement(&mut self, statement: &'e Statement) {
        match statement {
            Statement::Select(select) => self.select(select),
            Statement::Update(update) => self.filter(update.filter.as_ref()),
            Statement::Delete(delete) => self.filter(delete.filter.as_ref()),
            Statement::Insert(insert) => {
                if let Some(select) = &insert.source {
                    self.select(select);
                }
            }
            Statement::Other => {}
        }
    }

    fn select(&mut self, select: &'e Select) {
        for cte in &select.ctes {
            self.select(&cte.select);
        }
        for core in &select.cores {
            if let Core::Query(query) = core {
                self.filter(query.filter.as_ref());
                if let Some(from) = &query.from {
                    self.source(from);
                }
            }
        }
    }

    fn source(&mut self, source: &'e Source) {
        match source {
            Source::Select { select, .. } => self.select(select),
            Source::Join(join) => {
                self.source(&join.left);
                self.source(&join.right);
                self.filter(join.on.as_ref());
            }
            Source::Named { source, .. } => self.source(source),
            Source::Table { .. } => {}
        }
    }

    /// Adds the columns that a condition compares with a value that is fixed for the statement.
    fn filter(&mut self, filter: Option<&'e Expr>) {
        let Some(filter) = filter else { return };

        match &filter.kind {
            ExprKind::Binary(Operator::And, left, right) => {
                self.filter(Some(left));
                self.filter(Some(right));
            }
            ExprKind::Binary(
                Operator::Equal
                | Operator::Less
                | Operator::LessEqual
                | Operator::Greater
                | Operator::GreaterEqual,
                left,
                right,
            ) => {
                if is_fixed(right) {
                    self.column(left);
                }
                if is_fixed(left) {
                    self.column(right);
                }
            }
            ExprKind::In {
                operand,
                list: InList::Exprs(items),
                negated: false,
            } if items.iter().all(is_fixed) => self.column(operand),
            ExprKind::Between {
                operand,
                low,
                high,
                negated: false,
            } if is_fixed(low) && is_fixed(high) => self.column(operand),
            _ => {}
        }
    }

    fn column(&mut self, expr: &'e Expr) {
        if let ExprKind::Column { table, name, .. } = &expr.kind {
            self.columns.push((table.as_ref(), name));
        }
    }

    /// The searched columns of a table.
    fn columns_of<'t>(&self, table: &'t Table, named: &Named) -> Vec<&'t str> {
        let mut columns: Vec<&str> = Vec::new();
        for (qualifier, name) in &self.columns {
            if qualifier.is_some_and(|qualifier| !qualifier.is(&named.shown)) {
                continue;
            }
            if let Some(column) = table.columns.iter().find(|column| name.is(&column.name))
                && !columns.contains(&column.name.as_str())
            {
                columns.push(&column.name);
            }
        }
        columns
    }
}
