//! Inserts rows with the types of their values, many at once.

use super::import::Imported;
use super::value::Stored;
use super::{query, quoted};
use crate::d1::{D1, Exec, Parameter, Query};
use crate::error::Result;

/// The bytes of a transaction, about.
const CHUNK_BYTES: usize = 1_000_000;

/// The rows that are inserted next.
pub(crate) struct Inserts<'a> {
    database: &'a D1,
    skip_existing: bool,
    /// A statement that each transaction starts with, and its parameter.
    check: Option<(&'static str, String)>,
    /// The table and its columns.
    table: Option<(String, Vec<String>)>,
    pending: Vec<Vec<Stored>>,
    /// The same rows as items of a JSON array.
    json: String,
    /// The rows so far.
    pub(crate) imported: Imported,
}

impl<'a> Inserts<'a> {
    pub(crate) fn new(database: &'a D1) -> Self {
        Self {
            database,
            skip_existing: false,
            check: None,
            table: None,
            pending: Vec::new(),
            json: String::new(),
            imported: Imported::default(),
        }
    }

    /// Skips the rows whose keys exist.
    pub(super) fn skip_existing(self, skip_existing: bool) -> Self {
        Self {
            skip_existing,
            ..self
        }
    }

    /// Starts each transaction with a statement, which can fail.
    pub(crate) fn check(self, sql: &'static str, parameter: String) -> Self {
        Self {
            check: Some((sql, parameter)),
            ..self
        }
    }

    /// Inserts the rows so far, and continues with those of another table.
    pub(crate) async fn table(&mut self, name: String, columns: Vec<String>) -> Result<()> {
        self.flush().await?;
        self.table = Some((name, columns));
        Ok(())
    }

    /// The number of columns of the table.
    pub(super) fn columns(&self) -> usize {
        self.table.as_ref().map_or(0, |(_, columns)| columns.len())
    }

    pub(crate) async fn add(&mut self, values: Vec<Stored>) -> Result<()> {
        // Numbers are longer than in the line, so the line does not tell the size.
        let mut item = String::new();
        push_row(&mut item, &values);
        if self.json.len() + item.len() > CHUNK_BYTES {
            self.flush().await?;
        }

        if !self.json.is_empty() {
            self.json.push(',');
        }
        self.json.push_str(&item);
        self.pending.push(values);
        Ok(())
    }

    /// Inserts the rows in one transaction.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let Some((table, columns)) = &self.table else {
            return Ok(());
        };
        let rows = std::mem::take(&mut self.pending);
        let items = std::mem::take(&mut self.json);
        if rows.is_empty() {
            return Ok(());
        }

        self.imported.rows += rows.len() as u64;
        let insert = self.insert_of(table, columns, rows, &items);
        // Rows can refer to later rows of the transaction.
        let defer = query(self.database, "PRAGMA defer_foreign_keys = on", []).execute();
        let checks = self.check.iter().map(|(sql, parameter)| {
            let parameter = Parameter::Text(parameter.as_str().into());
            query(self.database, *sql, [parameter]).execute()
        });
        let checks: Vec<_> = checks.collect();
        let (_, _, changes) = self.database.batch((checks, defer, insert)).await?;
        self.imported.inserted += changes.rows;
        Ok(())
    }

    fn insert_of(
        &self,
        table: &str,
        columns: &[String],
        mut rows: Vec<Vec<Stored>>,
        items: &str,
    ) -> Query<'_, Exec> {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        // A mover deletes the rows elsewhere, so a conflict clause of the table must not skip one.
        let insert = match self.check {
            Some(_) => "INSERT OR ABORT",
            None => "INSERT",
        };
        let start = format!("{insert} INTO {} ({})", quoted(table), columns.join(", "));
        let end = match self.skip_existing {
            true => " ON CONFLICT DO NOTHING",
            false => "",
        };
        // A BLOB is larger in JSON than as a parameter.
        if rows.len() == 1 {
            let values = rows.remove(0).into_iter().enumerate();
            let bound = values.map(|(index, value)| value.bind(index + 1));
            let (parameters, values): (Vec<_>, Vec<String>) = bound.unzip();
            let sql = format!("{start} VALUES ({}){end}", values.join(", "));
            return query(self.database, sql, parameters).execute();
        }

        let values = (0..columns.len()).map(item).collect::<Vec<_>>().join(", ");
        let sql = format!("{start} SELECT {values} FROM json_each(?1) AS _rows WHERE true{end}");
        let json = format!("[{items}]");
        query(self.database, sql, [Parameter::Text(json.into())]).execute()
    }
}

/// The expression of a value of a row, which [`push_row`] writes.
fn item(index: usize) -> String {
    let path = |rest: &str| format!("_rows.value, '$[{index}]{rest}'");
    format!(
        "CASE json_type({}) WHEN 'array' THEN CASE json_array_length({}) WHEN 1 THEN \
         unhex(json_extract({})) ELSE json_extract({}) * pow(2, json_extract({})) END \
         ELSE _rows.value ->> {index} END",
        path(""),
        path(""),
        path("[0]"),
        path("[0]"),
        path("[1]")
    )
}

/// Adds a row to a JSON array. A REAL is an integer and a power of 2, which are exact, and a BLOB
/// is an array with its digits.
fn push_row(json: &mut String, row: &[Stored]) {
    json.push('[');
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        match value {
            Stored::Real(value) => crate::d1::list::push_exact(json, *value),
            Stored::Blob(bytes) => {
                json.push('[');
                crate::d1::list::push_hexadecimal(json, bytes);
                json.push(']');
            }
            Stored::Null | Stored::Integer(_) | Stored::Text(_) => value.push_json(json),
        }
    }
    json.push(']');
}
