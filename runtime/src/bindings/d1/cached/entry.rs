//! The rows of a query in KV, and the versions of tables.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::d1::backup::{Stored, parse_row};
use crate::d1::{Cell, Parameter};
use crate::error::Result;
use crate::json::{self, RawText};
use crate::kv::{Core, Stored as StoredValue};
use crate::time;

/// How long a location may return its cached versions: the shortest time of KV.
const VERSIONS_TTL: Duration = Duration::from_secs(30);

/// The rows of a query.
pub(super) struct Entry {
    /// The versions of the tables when the rows were read.
    versions: Vec<String>,
    /// The milliseconds since the Unix epoch at which it expires.
    until: u64,
    /// Each row, or `None` for one that cannot be read.
    rows: Vec<Option<Vec<Stored>>>,
}

impl Entry {
    /// Returns an entry as text. `rows` are the items of a JSON array.
    pub(super) fn text(versions: &[String], ttl: Duration, rows: &str) -> String {
        #[derive(Serialize)]
        struct Header<'h> {
            versions: &'h [String],
            until: u64,
        }
        let until = now().saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        let header = Header { versions, until };
        let mut text = serde_json::to_string(&header).unwrap_or_default();
        text.truncate(text.len().saturating_sub(1));
        let _ = write!(text, ",\"rows\":[{rows}]}}");
        text
    }

    /// Reads an entry. Returns `None` for another text.
    fn parse(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Written<'t> {
            versions: Vec<String>,
            until: u64,
            #[serde(borrow)]
            rows: Vec<RawText<'t>>,
        }
        let Written {
            versions,
            until,
            rows,
        } = json::parse(text).ok()?;

        let rows = rows.into_iter().map(|RawText(row)| parse_row(row));
        Some(Self {
            versions,
            until,
            rows: rows.collect(),
        })
    }

    /// Returns each row, or `None` for one that cannot be read.
    pub(super) fn rows(self) -> impl Iterator<Item = Option<Vec<Cell<'static>>>> {
        let cell = |stored| match stored {
            Stored::Null => Cell::Null,
            Stored::Integer(value) => Cell::Integer(value),
            Stored::Real(value) => Cell::Real(value),
            Stored::Text(text) => Cell::Text(text.into()),
            Stored::Blob(bytes) => Cell::Blob(bytes.into()),
        };
        let rows = self.rows.into_iter();
        rows.map(move |row| Some(row?.into_iter().map(cell).collect()))
    }
}

/// Adds a row to the items of a JSON array.
pub(super) fn push_row(json: &mut String, cells: &[Cell<'_>]) {
    if !json.is_empty() {
        json.push(',');
    }

    json.push('[');
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        let stored = match cell {
            Cell::Null => Stored::Null,
            Cell::Integer(value) => Stored::Integer(*value),
            Cell::Real(value) => Stored::Real(*value),
            Cell::Text(text) => Stored::Text(text.to_string()),
            Cell::Blob(bytes) => Stored::Blob(bytes.to_vec()),
        };
        stored.push_json(json);
    }
    json.push(']');
}

/// Returns the name of the entry of a query with its arguments. The arguments can be secret, so it
/// is a hash; a client that chooses them cannot find two with one hash.
pub(super) fn name_of_entry(
    binding: &str,
    sql: &str,
    (columns, limit): (&[&str], usize),
    parameters: &[Parameter<'_>],
) -> String {
    let mut hash = Sha256::new();
    let mut add = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(b's', sql.as_bytes());
    // `SELECT *` has the columns of the schema, and a query of one row reads no others.
    for column in columns {
        add(b'c', column.as_bytes());
    }
    add(b'l', &(limit as u64).to_le_bytes());
    for parameter in parameters {
        match parameter {
            Parameter::Null | Parameter::Refused(_) => add(b'n', b""),
            Parameter::Integer(value) => add(b'i', &value.to_le_bytes()),
            Parameter::Real(value) => add(b'r', &value.to_le_bytes()),
            Parameter::Text(text) => add(b't', text.as_bytes()),
            Parameter::Blob(bytes) => add(b'b', bytes),
        }
    }

    let mut name = format!("bindery:query:{binding}:");
    for byte in hash.finalize() {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Returns the name of the version of a table.
pub(super) fn name_of_table(binding: &str, table: &str) -> String {
    format!("bindery:table:{binding}:{}", table.to_ascii_lowercase())
}

/// Returns the entry of a query, if it is current, and the versions of its tables.
pub(super) async fn versions(
    cache: &Core,
    name: &str,
    binding: &str,
    tables: &[&str],
) -> Result<(Option<Entry>, Vec<String>)> {
    let versions = tables.iter().map(|table| name_of_table(binding, table));
    let names: Vec<String> = std::iter::once(name.to_owned()).chain(versions).collect();
    let mut texts = vec![String::new(); names.len()];
    let mut sink = |index: usize, stored: StoredValue| {
        texts[index] = String::from_utf8(stored.value).unwrap_or_default();
        Ok(())
    };
    cache
        .get_many(&names, Some(VERSIONS_TTL), true, &mut sink)
        .await?;

    let versions = texts.split_off(1);
    let entry: Option<Entry> = texts.pop().and_then(|text| Entry::parse(&text));
    let is_current = |entry: &Entry| entry.versions == versions && now() < entry.until;
    Ok((entry.filter(is_current), versions))
}

/// The milliseconds since the Unix epoch.
fn now() -> u64 {
    let now = time::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Entry, name_of_entry, push_row};
    use crate::d1::{Cell, Parameter};
    use std::time::Duration;

    #[test]
    fn rows_keep_their_values() {
        let row = vec![
            Cell::Null,
            Cell::Integer(-7),
            Cell::Real(1.0),
            Cell::Real(0.1),
            Cell::Text("a \"b\"\n\u{1f600}".into()),
            Cell::Blob(vec![0, 255].into()),
        ];
        let mut json = String::new();
        push_row(&mut json, &row);
        push_row(&mut json, &[]);
        let text = Entry::text(&["v".to_owned()], Duration::from_secs(60), &json);
        let entry: Entry = Entry::parse(&text).expect("an entry");
        let rows: Option<Vec<_>> = entry.rows().collect();
        assert_eq!(rows, Some(vec![row, Vec::new()]));
    }

    #[test]
    fn different_arguments_have_different_names() {
        let columns = (&["a"][..], 1);
        let sql = "SELECT ?1, ?2";
        let name = |parameters: &[Parameter<'_>]| name_of_entry("DB", sql, columns, parameters);
        let text = |text: &'static str| Parameter::Text(text.into());
        let names = [
            name(&[text("a"), text("bc")]),
            name(&[text("ab"), text("c")]),
            name(&[text("1"), Parameter::Null]),
            name(&[Parameter::Integer(1), Parameter::Null]),
            name(&[Parameter::Real(1.0), Parameter::Null]),
            name(&[Parameter::Blob(b"1"[..].into()), Parameter::Null]),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{index}");
            assert!(name.len() < 200);
        }
    }
}
