//! The rows of an export, inserted into tables.

use std::fmt;
use std::future::IntoFuture;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::value::{Stored, parse_row};
use super::{query, quoted};
use crate::bindings::content::{Content, Upload};
use crate::d1::{Changes, D1, Exec, Parameter, Query};
use crate::error::{ErrorKind, Failure, Result};

/// The bytes of a transaction, about.
const CHUNK_BYTES: usize = 1_000_000;

/// An import of rows. Created by [`D1::import`]; await it to run it.
#[must_use = "an import does nothing until it is awaited"]
pub struct Import<'a> {
    database: &'a D1,
    lines: Content<'a>,
    skip_existing: bool,
}

/// What an [import](D1::import) did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The rows that the lines have.
    pub rows: u64,
    /// The rows that were inserted, including those of triggers.
    pub inserted: u64,
}

impl fmt::Debug for Import<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Import")
            .field("skip_existing", &self.skip_existing)
            .finish_non_exhaustive()
    }
}

impl<'a> Import<'a> {
    pub(super) fn new(database: &'a D1, lines: Content<'a>) -> Self {
        Self {
            database,
            lines,
            skip_existing: false,
        }
    }

    /// Skips the rows whose keys exist, so that an import that was interrupted can run again.
    pub fn skip_existing(mut self) -> Self {
        self.skip_existing = true;
        self
    }

    async fn run(self) -> Result<Imported> {
        let database = self.database;
        let failed = |failure| database.gate.failed("import", failure);
        let mut lines = Lines {
            upload: Upload::new(self.lines, None).map_err(failed)?,
            buffer: Vec::new(),
            start: 0,
        };
        let mut rows = Rows {
            database,
            skip_existing: self.skip_existing,
            insert: None,
            pending: Vec::new(),
            json: String::new(),
            imported: Imported::default(),
        };

        let mut number = 0;
        while let Some(line) = lines.next().await.map_err(failed)? {
            number += 1;
            let invalid = |what: &str| {
                let message = format!("line {number} of the import {what}");
                failed(Failure::new(ErrorKind::InvalidArgument, message))
            };
            let line = std::str::from_utf8(&line).map_err(|_| invalid("is not UTF-8"))?;
            if line.starts_with('{') {
                let header: Header = serde_json::from_str(line)
                    .map_err(|_| invalid("is not the name and the columns of a table"))?;
                rows.flush().await?;
                rows.insert = Some(header);
            } else if !line.is_empty() {
                let columns = rows
                    .insert
                    .as_ref()
                    .map_or(0, |header| header.columns.len());
                let values = parse_row(line).filter(|values| values.len() == columns);
                let values = values.ok_or_else(|| invalid("is not a row of a table"))?;
                rows.add(values).await?;
            }
        }
        rows.flush().await?;
        Ok(rows.imported)
    }
}

impl<'a> IntoFuture for Import<'a> {
    type Output = Result<Imported>;
    type IntoFuture = BoxFuture<'a, Result<Imported>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// The line before the rows of a table.
#[derive(Deserialize)]
struct Header {
    table: String,
    columns: Vec<String>,
}

/// The lines of content.
struct Lines<'a> {
    upload: Upload<'a>,
    buffer: Vec<u8>,
    start: usize,
}

impl Lines<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut searched = self.start;

        loop {
            let rest = self.buffer.get(searched..).unwrap_or_default();
            if let Some(position) = rest.iter().position(|byte| *byte == b'\n') {
                let end = searched + position;
                let line = Bytes::copy_from_slice(&self.buffer[self.start..end]);
                self.start = end + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            searched = self.buffer.len();
            match self.upload.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Ok(Some(std::mem::take(&mut self.buffer).into())),
            }
        }
    }
}

/// The rows that are inserted next.
struct Rows<'a> {
    database: &'a D1,
    skip_existing: bool,
    insert: Option<Header>,
    pending: Vec<Vec<Stored>>,
    /// The same rows as items of a JSON array.
    json: String,
    imported: Imported,
}

impl Rows<'_> {
    async fn add(&mut self, values: Vec<Stored>) -> Result<()> {
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
    async fn flush(&mut self) -> Result<()> {
        let Some(header) = &self.insert else {
            return Ok(());
        };
        let rows = std::mem::take(&mut self.pending);
        let items = std::mem::take(&mut self.json);
        if rows.is_empty() {
            return Ok(());
        }

        self.imported.rows += rows.len() as u64;
        let insert = self.insert_of(header, rows, &items);
        // Rows can refer to later rows of the transaction.
        let defer = query(self.database, "PRAGMA defer_foreign_keys = on", []).execute();
        let (_, changes): (Changes, Changes) = self.database.batch((defer, insert)).await?;
        self.imported.inserted += changes.rows;
        Ok(())
    }

    fn insert_of(
        &self,
        header: &Header,
        mut rows: Vec<Vec<Stored>>,
        items: &str,
    ) -> Query<'_, Exec> {
        let columns: Vec<String> = header.columns.iter().map(|column| quoted(column)).collect();
        let start = format!(
            "INSERT INTO {} ({})",
            quoted(&header.table),
            columns.join(", ")
        );
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
