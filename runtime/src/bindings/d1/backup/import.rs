//! The rows of an export, inserted into tables.

use std::fmt;
use std::future::IntoFuture;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::insert::Inserts;
use super::value::parse_row;
use crate::bindings::content::{Content, Upload};
use crate::d1::D1;
use crate::error::{ErrorKind, Failure, Result};

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
        let mut rows = Inserts::new(database).skip_existing(self.skip_existing);

        let mut number = 0;
        while let Some(line) = lines.next().await.map_err(failed)? {
            number += 1;
            let invalid = |what: &str| {
                let message = format!("line {number} of the import {what}");
                failed(Failure::new(ErrorKind::InvalidArgument, message))
            };
            let line = std::str::from_utf8(&line).map_err(|_| invalid("is not UTF-8"))?;
            if line.starts_with('{') {
                let header: Header = crate::json::parse(line)
                    .map_err(|_| invalid("is not the name and the columns of a table"))?;
                rows.table(header.table, header.columns).await?;
            } else if !line.is_empty() {
                let values = parse_row(line).filter(|values| values.len() == rows.columns());
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
