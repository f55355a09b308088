//! Warns of columns whose declared type has no meaning in SQLite, which then stores texts that look
//! like numbers as numbers.
//!
//! <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>

use bindery_sqlite::token::{self, Token};

use crate::report::{Code, Diagnostic, Errors};
use crate::source::{FileId, Sources, Span};

use super::{Catalog, Column, Inputs, Table, TableKind};

/// What the author of a schema means by a declared type that has no meaning in SQLite: its affinity
/// is NUMERIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meant {
    /// A date, a time or a UUID: texts that do not look like numbers.
    Notation,
    /// Any text.
    Text,
    /// JSON as text.
    Json,
    /// Bytes.
    Bytes,
    /// Whole numbers.
    Integer,
}

impl Meant {
    /// The meaning of a declared type.
    pub(crate) fn of(declared: &str) -> Option<Self> {
        let upper = declared.to_ascii_uppercase();
        let base = upper.split('(').next().unwrap_or_default().trim();
        Some(match base {
            "JSON" | "JSONB" => Self::Json,
            "UUID" | "GUID" | "UNIQUEIDENTIFIER" => Self::Notation,
            "STRING" | "STR" | "ENUM" | "ULID" | "XML" | "INET" | "CIDR" | "MACADDR" => Self::Text,
            "BINARY" | "VARBINARY" | "BYTEA" | "BYTES" | "IMAGE" => Self::Bytes,
            "SERIAL" | "BIGSERIAL" | "SMALLSERIAL" | "LONG" => Self::Integer,
            _ if is_date_or_time(base) => Self::Notation,
            _ => return None,
        })
    }

    /// The type with this meaning in SQLite, if a text or BLOB that is written can be stored as
    /// something else.
    fn sqlite_type(self) -> Option<&'static str> {
        match self {
            Self::Notation | Self::Json | Self::Integer => None,
            Self::Text => Some("TEXT"),
            Self::Bytes => Some("BLOB"),
        }
    }
}

fn is_date_or_time(base: &str) -> bool {
    let names = [
        "DATE",
        "TIME",
        "TIMETZ",
        "DATETIME",
        "DATETIME2",
        "DATETIMEOFFSET",
        "SMALLDATETIME",
        "TIMESTAMP",
        "TIMESTAMPTZ",
    ];
    names.contains(&base) || base.ends_with(" TIME ZONE")
}

/// Reports whether a declared type is a date or a time.
pub(crate) fn is_date(declared: &str) -> bool {
    is_date_or_time(declared.to_ascii_uppercase().as_str())
}

/// Warns of the columns of a schema that SQLite does not store as their author means.
pub(crate) fn warn(errors: &mut Errors, sources: &Sources, inputs: &Inputs, catalog: &Catalog) {
    let tables = catalog.tables.iter();
    for table in tables.filter(|table| table.kind == TableKind::Table) {
        for column in &table.columns {
            let meant = Meant::of(&column.declared).and_then(Meant::sqlite_type);
            if let Some(wanted) = meant.filter(|_| !column.strict) {
                let span = place(sources, inputs, table, column);
                errors.push(diagnostic(column, wanted, span));
            }
        }
        if let Some(diagnostic) = nullable_key(sources, inputs, table) {
            errors.push(diagnostic);
        }
    }
}

/// Warns of a primary key that SQLite allows to be NULL.
///
/// <https://www.sqlite.org/lang_createtable.html#the_primary_key>
fn nullable_key(sources: &Sources, inputs: &Inputs, table: &Table) -> Option<Diagnostic> {
    let promised = || table.columns.iter().filter(|column| column.promised);
    let first = promised().next()?;
    let names: Vec<String> = promised()
        .map(|column| format!("`{}`", column.name))
        .collect();

    let span = place(sources, inputs, table, first);
    let (names, declared) = (names.join(", "), &first.declared);
    Some(
        Diagnostic::new(
            Code::NullableKey,
            format!(
                "SQLite allows NULL in the primary key {names} of `{}`",
                table.name
            ),
            span,
        )
        .label("bindery expects a value in each row")
        .help(format!(
            "declare it `{declared} NOT NULL`, or set `nullable-keys = true` for the database"
        )),
    )
}

fn diagnostic(column: &Column, wanted: &str, span: Option<Span>) -> Diagnostic {
    let Column { name, declared, .. } = column;
    Diagnostic::new(
        Code::DeclaredType,
        format!("`{name}` is declared {declared}, which SQLite stores as NUMERIC"),
        span,
    )
    .label("the text '007' is stored as the number 7")
    .help(format!(
        "declare it {wanted}; in an existing table, copy the rows to a new one"
    ))
}

/// Where the migrations declare a column: in the last statement that names its table and has the
/// column with its type.
fn place(sources: &Sources, inputs: &Inputs, table: &Table, column: &Column) -> Option<Span> {
    let migrations = inputs.migrations.iter().rev();
    let files = migrations.map(|migration| migration.span.file);
    files
        .chain(inputs.baseline)
        .find_map(|file| place_in(sources, file, table, column))
}

fn place_in(sources: &Sources, file: FileId, table: &Table, column: &Column) -> Option<Span> {
    let text = sources.file(file).text.as_str();
    let declared = column.declared.split([' ', '(']).next()?;

    for statement in token::statements(text).into_iter().rev() {
        let sql = &text[statement.clone()];
        let tokens = token::tokenize(sql);
        let names = |token: &Token, name: &str| unquoted(sql, token).eq_ignore_ascii_case(name);
        if !tokens.iter().any(|token| names(token, &table.name)) {
            continue;
        }
        let found = tokens
            .windows(2)
            .find(|pair| names(&pair[0], &column.name) && pair[1].is(sql, declared));
        if let Some(pair) = found {
            let start = statement.start + pair[1].span.start;
            let end = statement.start + pair[1].span.end;
            return Some(sources.whole(file).part(&(start..end)));
        }
    }
    None
}

/// A token without the quotes of a name.
pub(super) fn unquoted<'t>(sql: &'t str, token: &Token) -> &'t str {
    sql[token.span.clone()].trim_matches(['"', '`', '[', ']'])
}
