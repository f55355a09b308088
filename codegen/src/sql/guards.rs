//! Statements that SQLite accepts but the user may not intend, such as writes without WHERE.

use bindery_sqlite::token::{Kind, tokenize};

use crate::report::{Code, Diagnostic, Errors};
use crate::source::Span;
use crate::syntax::ast::Statement;

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
