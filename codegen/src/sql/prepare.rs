//! The check of a statement against SQLite itself, under D1's rules.

use std::collections::BTreeSet;

use bindery_sqlite::rusqlite;
use bindery_sqlite::token::{Kind, tokenize};
use bindery_sqlite::{Access, Database, migrations};

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::Catalog;
use crate::source::Span;
use crate::syntax::Unparsed;

use super::ResultColumn;
use super::other::scratch;

/// What SQLite reports about a prepared statement.
pub(super) struct Prepared {
    pub(super) accesses: BTreeSet<Access>,
    /// Whether it writes nothing and does not depend on its connection.
    pub(super) reads_only: bool,
}

/// Prepares the SQL that is run, and checks that SQLite returns the columns that were inferred.
///
/// `text` is the statement as the user wrote it, `sql` the rewritten one.
pub(super) fn prepare(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    sql: &str,
    place: Span,
    columns: &[ResultColumn],
) -> Option<Prepared> {
    let scratch = scratch(sql);
    let database = scratch.as_ref().unwrap_or(&catalog.database);
    let (statement, mut accesses) = match database.prepare_noting(sql) {
        Ok(prepared) => prepared,
        Err(error) => {
            report_rewritten(errors, catalog, text, place, &error);
            return None;
        }
    };

    let names: Vec<&str> = statement.column_names().collect();
    let inferred: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut pairs = names.iter().zip(&inferred);
    let agree = names.len() == inferred.len()
        && pairs.all(|(name, inferred)| name.eq_ignore_ascii_case(inferred));
    if !agree {
        let label = format!(
            "SQLite returns {}, bindery infers {}",
            names.join(", "),
            inferred.join(", ")
        );
        errors.push(
            Diagnostic::new(
                Code::Unsupported,
                "the result columns cannot be inferred",
                place,
            )
            .label(label)
            .help("name each column with AS"),
        );
        return None;
    }

    accesses.retain(|access| catalog.table(&access.table).is_some());
    Some(Prepared {
        accesses,
        reads_only: statement.readonly() && !depends_on_connection(sql),
    })
}

/// Whether a statement reads or changes the state of its connection: what the previous statement
/// changed, or a setting. It cannot run on a connection for reading.
fn depends_on_connection(sql: &str) -> bool {
    let functions = ["changes", "last_insert_rowid", "total_changes"];
    let tokens = tokenize(sql);
    let first = tokens.iter().find(|token| token.kind != Kind::Comment);
    let is_pragma = first.is_some_and(|first| first.is(sql, "pragma"));
    is_pragma
        || tokens.iter().any(|token| {
            let is_function = |name: &&str| token.is(sql, name);
            functions.iter().any(is_function)
        })
}

/// Reports a text that bindery's grammar rejects: with SQLite's error, unless SQLite accepts it.
pub(super) fn report_unparsed(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    unparsed: &Unparsed,
) {
    match catalog.database.connection().prepare(text) {
        Err(error) => report_rejected(errors, &catalog.database, text, place, &error),
        Ok(_) => errors.push(
            Diagnostic::new(
                Code::Unsupported,
                format!("the statement is not supported: {}", unparsed.message),
                place.part(&unparsed.span),
            )
            .label("SQLite accepts this, bindery does not")
            .help("rewrite the statement, and report this as a bug in bindery"),
        ),
    }
}

/// Reports that SQLite rejects a text as the user wrote it.
pub(super) fn report_rejected(
    errors: &mut Errors,
    database: &Database,
    text: &str,
    place: Span,
    error: &rusqlite::Error,
) {
    let message = migrations::message(error);
    let at = match migrations::offset(error) {
        Some(offset) if offset < text.len() => migrations::word_at(text, offset),
        Some(_) => text.len()..text.len(),
        None if message == "incomplete input" => text.len()..text.len(),
        None => 0..text.len(),
    };

    // SQLite has several error codes for what its authorizer denies, but only these two messages.
    let is_denial = message.contains("not authorized") || message.contains("prohibited");
    let message = match database.denied().filter(|_| is_denial) {
        Some(denied) => format!("D1 does not allow {denied}"),
        None => format!("D1 rejects this: {message}"),
    };
    let diagnostic = Diagnostic::new(Code::Sqlite, message, place.part(&at)).label("here");
    errors.push(match nested_alias(text, at.start) {
        Some(alias) => diagnostic.help(format!("quote the name of a nested column: `{alias}`")),
        None => diagnostic,
    });
}

/// `AS author.name` with quotes, if `offset` is that of its dot.
fn nested_alias(text: &str, offset: usize) -> Option<String> {
    let tokens = tokenize(text);
    let dot = tokens.iter().position(|token| token.span.start == offset)?;
    let [.., word, outer] = tokens.get(..dot)? else {
        return None;
    };
    let inner = tokens.get(dot + 1)?;

    let is_alias = &text[tokens[dot].span.clone()] == "."
        && word.is(text, "as")
        && outer.kind == Kind::Word
        && inner.kind == Kind::Word;
    let (outer, inner) = (&text[outer.span.clone()], &text[inner.span.clone()]);
    is_alias.then(|| format!("AS \"{outer}.{inner}\""))
}

/// Reports that SQLite rejects the rewritten statement.
///
/// Its offsets differ from those of the user's text, which normally fails at the same place.
fn report_rewritten(
    errors: &mut Errors,
    catalog: &Catalog,
    text: &str,
    place: Span,
    error: &rusqlite::Error,
) {
    match catalog.database.connection().prepare(text) {
        Err(original) => report_rejected(errors, &catalog.database, text, place, &original),
        Ok(_) => {
            let message = format!("D1 rejects this: {error}");
            errors.push(Diagnostic::new(Code::Sqlite, message, place).label("here"));
        }
    }
}
