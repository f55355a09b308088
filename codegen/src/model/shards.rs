//! Checks the key of a set of shards against its schema: whether the rows of a key can be moved to
//! another database.

use crate::manifest::Shards;
use crate::report::{Code, Diagnostic, Errors, suggestion};
use crate::schema::{Catalog, Column, Table, TableKind};
use crate::source::Spanned;

/// Checks the key of a set that has one.
pub(super) fn check(
    errors: &mut Errors,
    shards: &Shards,
    catalog: &Catalog,
    migrations_table: &str,
) {
    if shards.key.is_empty() {
        if shards.joining.is_empty() {
            warn_of_numbers(errors, shards, catalog);
        }
        return;
    }
    for (table, column) in &shards.key {
        check_column(errors, catalog, table, column);
    }
    check_same_type(errors, shards, catalog);
    for table in &shards.reference_tables {
        let mut keys = shards.key.iter().map(|(table, _)| table);
        if let Some(key) = keys.find(|key| key.value.eq_ignore_ascii_case(&table.value)) {
            let message = format!("`{}` has a key and is a reference table", table.value);
            errors.push(
                Diagnostic::new(Code::Shards, message, table.span)
                    .label("a reference table has the same rows in each database")
                    .also(key.span, "its key")
                    .help("remove one of them"),
            );
        }
    }
    for table in &shards.reference_tables {
        find_table(errors, catalog, table);
    }

    let keys = shards.key.iter().map(|(table, _)| table);
    let named: Vec<&Spanned<String>> = keys.chain(&shards.reference_tables).collect();
    // A misspelled table would be reported twice.
    if named
        .iter()
        .all(|name| catalog.table(&name.value).is_some())
    {
        check_all_are_named(errors, shards, catalog, (&named, migrations_table));
    }
}

/// Checks that the settings name every table.
fn check_all_are_named(
    errors: &mut Errors,
    shards: &Shards,
    catalog: &Catalog,
    (named, migrations_table): (&[&Spanned<String>], &str),
) {
    let tables = catalog.tables.iter();
    let with_rows = tables.filter(|table| !matches!(table.kind, TableKind::View(_)));

    for table in with_rows {
        let is_own = table.name.starts_with("sqlite_") || table.name == migrations_table;
        let mut named = named.iter();
        if !is_own && !named.any(|named| named.value.eq_ignore_ascii_case(&table.name)) {
            let message = format!("the table `{}` has no key", table.name);
            errors.push(
                Diagnostic::new(Code::Shards, message, shards.key[0].0.span)
                    .label("its rows would stay behind when those of a key are moved")
                    .help(
                        "add the table to `key`, or to `reference-tables` if each database has the \
                         same rows",
                    ),
            );
        }
    }
}

fn find_table<'c>(
    errors: &mut Errors,
    catalog: &'c Catalog,
    name: &Spanned<String>,
) -> Option<&'c Table> {
    let is_ordinary = |table: &&Table| !matches!(table.kind, TableKind::View(_));
    let found = catalog.table(&name.value).filter(is_ordinary);

    if found.is_none() {
        let tables = catalog.tables.iter().filter(is_ordinary);
        let names = tables.map(|table| table.name.as_str());
        let names: Vec<&str> = names.filter(|name| !name.starts_with("sqlite_")).collect();
        errors.push(
            Diagnostic::new(
                Code::UnknownTable,
                format!("there is no table `{}`", name.value),
                name.span,
            )
            .label("expected a table with rows of its own")
            .help(suggestion(&name.value, "tables", &names)),
        );
    }
    found
}

fn check_column(
    errors: &mut Errors,
    catalog: &Catalog,
    table_name: &Spanned<String>,
    name: &Spanned<String>,
) {
    let Some(table) = find_table(errors, catalog, table_name) else {
        return;
    };
    let is_named = |column: &&Column| column.name.eq_ignore_ascii_case(&name.value);
    let Some(column) = table.columns.iter().find(is_named) else {
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let message = format!("the table `{}` has no column `{}`", table.name, name.value);
        return errors.push(
            Diagnostic::new(Code::UnknownColumn, message, name.span)
                .label("expected the column with the key")
                .help(suggestion(&name.value, "columns", &names)),
        );
    };

    let place = format!("{}.{}", table.name, column.name);
    let refused = if !has_key_type(column) || column.generated {
        Some((
            format!("`{place}` cannot be the key of a shard"),
            "a key is a column of type TEXT or INTEGER".to_owned(),
        ))
    } else if !column.never_null() {
        Some((
            format!("`{place}` cannot be the key of a shard"),
            "it can be NULL, and such a row belongs to no database".to_owned(),
        ))
    } else if column.collation != "BINARY" {
        Some((
            format!("`{place}` cannot be the key of a shard"),
            format!(
                "with `COLLATE {}`, different texts are equal",
                column.collation
            ),
        ))
    } else {
        None
    };
    if let Some((message, label)) = refused {
        return errors.push(Diagnostic::new(Code::Shards, message, name.span).label(label));
    }

    let mut columns = table.columns.iter();
    if let Some(numbered) = columns.find(|other| other.rowid_alias && other.name != column.name) {
        let (table, id) = (&table.name, &numbered.name);
        let message = format!("each database numbers `{table}.{id}` itself");
        errors.push(
            Diagnostic::new(Code::Shards, message, table_name.span)
                .label("rows of two databases can have the same number, and cannot be moved")
                .help(format!("make `{id}` a TEXT, such as a UUID")),
        );
    }
    warn_of_missing_index(errors, table, column, &place, name);
}

/// Checks that a key has one text in every table: 7 is not `'07'`.
fn check_same_type(errors: &mut Errors, shards: &Shards, catalog: &Catalog) {
    let is_integer = |(table, name): &(Spanned<String>, Spanned<String>)| {
        let mut columns = catalog.table(&table.value)?.columns.iter();
        let column = columns.find(|column| column.name.eq_ignore_ascii_case(&name.value))?;
        has_key_type(column).then(|| column.declared.to_ascii_uppercase().contains("INT"))
    };
    let Some((first, expected)) = shards
        .key
        .first()
        .zip(shards.key.first().and_then(is_integer))
    else {
        return;
    };
    let mut others = shards.key.iter();
    if let Some((_, name)) = others.find(|key| is_integer(key) == Some(!expected)) {
        let message = "the columns of a key have different types".to_owned();
        errors.push(
            Diagnostic::new(Code::Shards, message, name.span)
                .label(if expected { "TEXT" } else { "INTEGER" })
                .also(first.1.span, if expected { "INTEGER" } else { "TEXT" })
                .help("give them one type, so that the key has one text"),
        );
    }
}

/// Whether SQLite stores a text or an integer as it is written.
fn has_key_type(column: &Column) -> bool {
    let declared = column.declared.to_ascii_uppercase();
    let texts = ["CHAR", "CLOB", "TEXT"];
    let is_text = texts.iter().any(|text| declared.contains(text)) && !declared.contains("INT");
    is_text || declared.contains("INT")
}

/// Warns of tables whose rows can never be moved to another database.
fn warn_of_numbers(errors: &mut Errors, shards: &Shards, catalog: &Catalog) {
    let numbered = catalog.tables.iter().find_map(|table| {
        let mut columns = table.columns.iter();
        let column = columns.find(|column| column.rowid_alias)?;
        Some(format!("{}.{}", table.name, column.name))
    });
    let (Some(place), Some(first)) = (numbered, shards.members.first()) else {
        return;
    };
    let message = format!("each database numbers `{place}` itself");
    errors.push(
        Diagnostic::new(Code::Shards, message, first.span)
            .label("no database can join this set: rows of two can have the same number")
            .help("make the ids a TEXT, such as a UUID, or name the `key` if the number is given")
            .warning(),
    );
}

/// Warns if the rows of a key are found by a scan of the whole table.
fn warn_of_missing_index(
    errors: &mut Errors,
    table: &Table,
    column: &Column,
    place: &str,
    name: &Spanned<String>,
) {
    let position = table
        .columns
        .iter()
        .position(|other| other.name == column.name);
    let is_searched = table.indexes.iter().any(|index| {
        let first = index.columns.first();
        index.filter.is_empty() && first.is_some_and(|(first, _)| *first == position)
    });
    if is_searched || column.rowid_alias {
        return;
    }

    let message = format!("no index starts with `{place}`");
    let index = format!(
        "CREATE INDEX {0}_by_{1} ON {0} ({1});",
        table.name, column.name
    );
    errors.push(
        Diagnostic::new(Code::Shards, message, name.span)
            .label("the whole table is read to find the rows of a key")
            .help(index)
            .warning(),
    );
}
