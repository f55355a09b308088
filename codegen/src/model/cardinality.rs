//! Compares the rows that an annotation promises with those that the statement can return.

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::{Catalog, Table, TableKind};
use crate::source::Sources;
use crate::sql::annotation::Annotated;
use crate::sql::{Cardinality, Query, Rows};
use crate::syntax;
use crate::syntax::ast::{Core, Select, Source, Statement};

/// Checks that the statement can return the rows that the annotation promises.
pub(super) fn check(
    errors: &mut Errors,
    (sources, catalog): (&Sources, &Catalog),
    query: &Query,
    annotated: &Annotated,
) -> bool {
    let cardinality = &annotated.cardinality;
    let returns_rows = !query.columns.is_empty();
    let error = match cardinality.value {
        Cardinality::Exec if returns_rows && query.reads_only => Some((
            "`:exec` would discard the rows of this SELECT",
            "use `:one`, `:optional` or `:many`",
        )),
        Cardinality::Exec if returns_rows => Some((
            "`:exec` would discard the rows of RETURNING",
            "use `:one`, `:optional` or `:many`",
        )),
        Cardinality::One | Cardinality::Optional | Cardinality::Many | Cardinality::Page
            if !returns_rows =>
        {
            Some((
                "the statement returns no rows",
                "use `:exec`, or add RETURNING",
            ))
        }
        Cardinality::One if query.rows == Rows::Never => {
            Some(("the statement never returns a row", "remove the `LIMIT 0`"))
        }
        // The analysis has checked the statement.
        Cardinality::Bulk
        | Cardinality::Exec
        | Cardinality::One
        | Cardinality::Optional
        | Cardinality::Many
        | Cardinality::Page => None,
    };
    if let Some((message, help)) = error {
        errors.push(
            Diagnostic::new(Code::Cardinality, message, cardinality.span)
                .label(format!("`:{}`", cardinality.value.word()))
                .also(annotated.sql, "this statement")
                .help(help),
        );
        return false;
    }

    let takes_first = matches!(cardinality.value, Cardinality::One | Cardinality::Optional);
    if takes_first && query.rows == Rows::Many {
        errors.push(
            Diagnostic::new(
                Code::Cardinality,
                "the statement may return more than one row",
                cardinality.span,
            )
            .label("returns the first row")
            .also(annotated.sql, "no condition on a unique key")
            .help(help(sources.text(annotated.sql), catalog, query))
            .warning(),
        );
    }
    true
}

/// How to return one row at most: the keys to compare, and the LIMIT that the statement allows.
fn help(text: &str, catalog: &Catalog, query: &Query) -> String {
    let statement = syntax::parse(text).map(|(statement, _)| statement);
    let many = "use `:many`";
    match statement {
        Ok(Statement::Select(select)) if select.cores.len() > 1 => limit(&select, &[]),
        Ok(Statement::Select(select)) => {
            let table = only_table(&select).and_then(|name| catalog.table(name));
            let keys = table.map(keys).unwrap_or_default();
            format!("{}, or {}", compare(&keys), limit(&select, &keys))
        }
        // D1's SQLite has LIMIT in a write, but bindery does not support it.
        Ok(Statement::Update(_) | Statement::Delete(_)) => {
            let written = query.accesses.iter().find(|access| access.writes);
            let table = written.and_then(|access| catalog.table(&access.table));
            format!(
                "{}, or {many}",
                compare(&table.map(keys).unwrap_or_default())
            )
        }
        Ok(Statement::Insert(_) | Statement::Other) | Err(_) => many.to_owned(),
    }
}

/// The only table of a select without subqueries in FROM.
fn only_table(select: &Select) -> Option<&str> {
    let [Core::Query(query)] = select.cores.as_slice() else {
        return None;
    };
    let is_cte = |name: &str| select.ctes.iter().any(|cte| cte.name.is(name));
    match &query.from {
        Some(Source::Table {
            name,
            arguments: None,
            ..
        }) if !is_cte(&name.text) => Some(&name.text),
        _ => None,
    }
}

/// The columns of each unique key of a table, the primary key first.
fn keys(table: &Table) -> Vec<Vec<String>> {
    if table.kind != TableKind::Table {
        return Vec::new();
    }
    let alias = table.columns.iter().filter(|column| column.rowid_alias);
    let mut keys: Vec<Vec<String>> = alias.map(|column| vec![column.name.clone()]).collect();

    let mut unique: Vec<_> = table
        .indexes
        .iter()
        .filter(|index| index.unique && index.filter.is_empty())
        .collect();
    unique.sort_by_key(|index| !index.of_key);
    for index in unique {
        let columns = index.columns.iter().map(|(position, collation)| {
            let column = table.columns.get((*position)?)?;
            (column.collation == *collation).then(|| column.name.clone())
        });
        keys.extend(columns.collect::<Option<Vec<String>>>());
    }
    keys
}

/// The keys in words: compare `id` (or `owner` and `name`) with `=`.
fn compare(keys: &[Vec<String>]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|columns| {
            let columns = columns.iter().map(|column| format!("`{column}`"));
            columns.collect::<Vec<_>>().join(" and ")
        })
        .collect();
    match keys.as_slice() {
        [] => "compare a unique key of each table with `=`".to_owned(),
        [only] => format!("compare {only} with `=`"),
        [first, others @ ..] => {
            format!("compare {first} (or {}) with `=`", others.join(", or "))
        }
    }
}

/// The LIMIT that a select can end with. Without an ORDER BY, any row could be the first.
fn limit(select: &Select, keys: &[Vec<String>]) -> String {
    let is_word = |name: &String| {
        let mut bytes = name.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match keys.first() {
        _ if !select.order_by.is_empty() => "write `LIMIT 1`".to_owned(),
        Some(key) if select.limit.is_none() && key.iter().all(is_word) => {
            format!("write `ORDER BY {} LIMIT 1`", key.join(", "))
        }
        Some(_) | None => "write `LIMIT 1` with an ORDER BY".to_owned(),
    }
}
