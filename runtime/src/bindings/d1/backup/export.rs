//! The rows of tables as a stream.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};

use super::table::{Line, Table};
use super::value::Stored;
use super::{query, quoted};
use crate::d1::{D1, DecodeError, FromRow, NamedRow, Row};
use crate::error::Result;

/// The rows of tables as a stream of bytes. Created by [`D1::export`].
#[must_use = "an export is a stream: store it with `Content::stream`"]
pub struct Export<'a> {
    database: &'a D1,
    tables: Option<Vec<String>>,
    is_sql: bool,
    stream: Option<BoxStream<'a, Result<Bytes>>>,
}

impl fmt::Debug for Export<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Export")
            .field("tables", &self.tables)
            .field("is_sql", &self.is_sql)
            .finish_non_exhaustive()
    }
}

impl<'a> Export<'a> {
    pub(super) fn new(database: &'a D1) -> Self {
        Self {
            database,
            tables: None,
            is_sql: false,
            stream: None,
        }
    }

    /// Exports only these tables. A name that is not that of a table is ignored.
    pub fn tables<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.tables = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Exports SQL, for `wrangler d1 execute --file` and the shell of SQLite: the schema, and an
    /// INSERT for each row. D1 runs statements of up to 100,000 bytes. [`D1::import`] reads JSON
    /// lines, not SQL.
    pub fn sql(mut self) -> Self {
        self.is_sql = true;
        self
    }
}

impl Stream for Export<'_> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let export = &mut *self;
        let (database, is_sql) = (export.database, export.is_sql);
        let tables = &mut export.tables;
        let stream = export.stream.get_or_insert_with(|| {
            let state = State {
                only: tables.take(),
                is_sql,
                step: Step::Start,
            };
            stream::try_unfold(state, move |state| state.next(database)).boxed()
        });
        stream.as_mut().poll_next(context)
    }
}

/// How far an export is.
struct State {
    only: Option<Vec<String>>,
    is_sql: bool,
    step: Step,
}

enum Step {
    Start,
    /// The tables that are left, the next one last, and the key after which its rows continue.
    Rows(Vec<Table>, Vec<Stored>),
    /// The indexes, triggers and views.
    Rest,
    Done,
}

impl State {
    /// Returns the next bytes, and the state after them.
    async fn next(mut self, database: &D1) -> Result<Option<(Bytes, Self)>> {
        let mut text = String::new();

        self.step = match self.step {
            Step::Start => {
                let mut tables = Table::all(database, self.only.as_deref()).await?;
                if self.is_sql {
                    text.push_str("PRAGMA defer_foreign_keys = on;\n");
                    text += &schema(database, "type = 'table'", &tables).await?;
                }
                tables.reverse();
                Step::Rows(tables, Vec::new())
            }
            Step::Rows(mut tables, after) => match tables.last() {
                None if self.is_sql && self.only.is_none() => Step::Rest,
                None => Step::Done,
                Some(table) => {
                    let lines = table.page(database, &after, None).await?;
                    if !self.is_sql && after.is_empty() {
                        text += &header(table);
                    }
                    for line in &lines {
                        match self.is_sql {
                            true => push_insert(&mut text, table, line),
                            false => push_line(&mut text, line),
                        }
                    }
                    match lines.into_iter().next_back() {
                        Some(line) => Step::Rows(tables, line.key),
                        None => {
                            tables.pop();
                            Step::Rows(tables, Vec::new())
                        }
                    }
                }
            },
            Step::Rest => {
                text += &schema(database, "type <> 'table'", &[]).await?;
                Step::Done
            }
            Step::Done => return Ok(None),
        };

        Ok(Some((text.into(), self)))
    }
}

/// The statements that create some parts of the schema; `tables` are the only tables among them.
async fn schema(database: &D1, condition: &str, tables: &[Table]) -> Result<String> {
    let sql = format!(
        "SELECT sql || ';' AS a, name AS b FROM sqlite_schema WHERE {condition} AND sql IS NOT NULL \
         AND substr(name, 1, 7) <> 'sqlite_' AND substr(name, 1, 4) <> '_cf_' ORDER BY rowid"
    );
    let rows = query(database, sql, []).all::<Created>().await?;
    let is_wanted = |created: &Created| {
        tables.is_empty() || tables.iter().any(|table| table.name == created.name)
    };
    let texts = rows.into_iter().filter(is_wanted);
    Ok(texts.map(|created| created.sql + "\n").collect())
}

/// A statement that creates a part of the schema.
struct Created {
    sql: String,
    name: String,
}

impl FromRow for Created {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            sql: row.take(0)?,
            name: row.take(1)?,
        })
    }
}

impl NamedRow for Created {
    const COLUMNS: &'static [&'static str] = &["a", "b"];
}

/// The line before the rows of a table.
fn header(table: &Table) -> String {
    let header = serde_json::json!({ "table": table.name, "columns": table.columns });
    format!("{header}\n")
}

fn push_line(text: &mut String, line: &Line) {
    for (index, value) in line.values.iter().enumerate() {
        text.push(if index == 0 { '[' } else { ',' });
        value.push_json(text);
    }
    text.push_str("]\n");
}

fn push_insert(text: &mut String, table: &Table, line: &Line) {
    let columns: Vec<String> = table.columns.iter().map(|column| quoted(column)).collect();
    let name = quoted(&table.name);
    *text += &format!("INSERT INTO {name} ({}) VALUES (", columns.join(", "));
    for (index, value) in line.values.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        value.push_sql(text);
    }
    text.push_str(");\n");
}
