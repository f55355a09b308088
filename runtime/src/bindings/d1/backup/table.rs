//! The tables of a database, and the rows of a table.

use std::collections::BTreeSet;

use super::value::{Stored, json, parse_row};
use super::{query, quoted};
use crate::d1::{D1, DecodeError, FromRow, NamedRow, Parameter, Row};
use crate::error::{ErrorKind, Failure, Result};

/// The rows of a page.
const PAGE_ROWS: u32 = 500;
/// The bytes of a row, about, that one query reads. In JSON, a byte of a BLOB has two characters
/// and one of a text up to six, and D1 returns texts of up to 2,000,000 bytes.
const MAX_ROW_BYTES: u32 = 300_000;

/// A table with its columns, without generated ones.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// What orders its rows, in SQL: the primary key of a table without rowids, or the rowid.
    keys: Vec<String>,
}

/// A row, and its key.
pub(crate) struct Line {
    pub(crate) values: Vec<Stored>,
    pub(crate) key: Vec<Stored>,
}

/// The rows of a table with certain values in one column: the column, and the texts of the values
/// as a JSON array.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'s> {
    pub(crate) column: &'s str,
    pub(crate) values: &'s str,
}

impl Selection<'_> {
    /// The condition; the values are the parameter `number`.
    pub(crate) fn condition(&self, number: usize) -> String {
        let column = quoted(self.column);
        format!("{column} IN (SELECT value FROM json_each(?{number}))")
    }
}

/// Two columns, `a` and `b`.
struct Pair(String, Option<String>);

impl FromRow for Pair {
    fn from_row(row: &mut Row<'_>) -> Result<Self, DecodeError> {
        Ok(Self(row.take(0)?, row.take(1)?))
    }
}

impl NamedRow for Pair {
    const COLUMNS: &'static [&'static str] = &["a", "b"];
}

impl Table {
    /// Returns the tables of a database, each after those that its foreign keys refer to. `only`
    /// selects some.
    pub(crate) async fn all(database: &D1, only: Option<&[String]>) -> Result<Vec<Self>> {
        let sql = "SELECT name AS a, CASE wr WHEN 1 THEN 'key' END AS b FROM pragma_table_list \
                   WHERE schema = 'main' AND type = 'table' AND substr(name, 1, 7) <> 'sqlite_' \
                   AND substr(name, 1, 4) <> '_cf_' ORDER BY name";
        let listed = query(database, sql, []).all::<Pair>().await?;
        let mut tables = Vec::new();
        for Pair(name, by_key) in listed {
            let is_wanted = match only {
                Some(only) => only.contains(&name),
                // wrangler's list of migrations, and what a mover of shards notes.
                None => name != "d1_migrations" && name != "_bindery_moves",
            };
            if is_wanted {
                tables.push(Self::read(database, name, by_key.is_some()).await?);
            }
        }
        in_order(database, tables).await
    }

    async fn read(database: &D1, name: String, by_key: bool) -> Result<Self> {
        let sql = "SELECT name AS a, CASE WHEN pk > 0 THEN CAST(pk AS TEXT) END AS b FROM \
                   pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid";
        let columns = query(database, sql, [name.clone().into()]);
        let columns = columns.all::<Pair>().await?;
        let names: Vec<String> = columns.iter().map(|Pair(name, _)| name.clone()).collect();

        let keys = if by_key {
            let key = |Pair(name, position): Pair| Some((position?.parse::<u32>().ok()?, name));
            let mut keys: Vec<(u32, String)> = columns.into_iter().filter_map(key).collect();
            keys.sort();
            keys.into_iter().map(|(_, name)| quoted(&name)).collect()
        } else {
            // A column can have one of these names.
            let is_column = |alias: &str| names.iter().any(|name| name.eq_ignore_ascii_case(alias));
            let mut aliases = ["rowid", "_rowid_", "oid"].into_iter();
            let alias = aliases.find(|alias| !is_column(alias));
            vec![alias.unwrap_or("rowid").to_owned()]
        };
        Ok(Self {
            name,
            columns: names,
            keys,
        })
    }

    /// Returns the rows after a key, up to a page of them.
    pub(crate) async fn page(
        &self,
        database: &D1,
        after: &[Stored],
        selection: Option<Selection<'_>>,
    ) -> Result<Vec<Line>> {
        let row = array(self.columns.iter().map(|column| quoted(column)));
        let bytes = self.columns.iter().map(|column| {
            let column = quoted(column);
            format!("coalesce(octet_length({column}), 0)")
        });
        let bytes = bytes.collect::<Vec<_>>().join(" + ");
        let (mut conditions, mut parameters) = (Vec::new(), Vec::new());
        if !after.is_empty() {
            let (condition, values) = self.compare(after, ">");
            conditions.push(condition);
            parameters.extend(values);
        }
        if let Some(selection) = selection {
            conditions.push(selection.condition(parameters.len() + 1));
            parameters.push(Parameter::Text(selection.values.to_owned().into()));
        }
        let conditions = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        let sql = format!(
            "SELECT {} AS a, CASE WHEN {bytes} <= {MAX_ROW_BYTES} THEN {row} END AS b FROM {} \
             {conditions} ORDER BY {} LIMIT {PAGE_ROWS}",
            array(self.keys.iter().cloned()),
            quoted(&self.name),
            self.keys.join(", ")
        );

        let mut lines = Vec::new();
        for Pair(key, row) in query(database, sql, parameters).all::<Pair>().await? {
            let key = self.parse(database, &key)?;
            let values = match row {
                Some(row) => self.parse(database, &row)?,
                None => self.large_row(database, &key).await?,
            };
            lines.push(Line { values, key });
        }
        Ok(lines)
    }

    /// Reads a row in pieces.
    async fn large_row(&self, database: &D1, key: &[Stored]) -> Result<Vec<Stored>> {
        let (condition, parameters) = self.compare(key, "=");
        let mut values = Vec::new();

        for column in &self.columns {
            let column = quoted(column);
            let mut start = 1;
            let mut value: Option<Stored> = None;
            loop {
                let piece = format!(
                    "CASE WHEN typeof({column}) IN ('text', 'blob') THEN substr({column}, {start}, \
                     {MAX_ROW_BYTES}) ELSE {column} END"
                );
                let sql = format!(
                    "SELECT {} AS a, NULL AS b FROM {} WHERE {condition}",
                    array([format!("({piece})")].into_iter()),
                    quoted(&self.name)
                );
                let read = query(database, sql, parameters.iter().cloned());
                let Pair(piece, _) = read.one::<Pair>().await?;
                let Some(piece) = self.parse(database, &piece)?.pop() else {
                    break;
                };
                start += MAX_ROW_BYTES;
                match &mut value {
                    None => value = Some(piece),
                    Some(value) => {
                        if !value.append(piece) {
                            break;
                        }
                    }
                }
            }
            values.push(value.unwrap_or(Stored::Null));
        }
        Ok(values)
    }

    /// A condition that compares the key, with its parameters.
    fn compare(&self, key: &[Stored], operator: &str) -> (String, Vec<Parameter<'static>>) {
        let bound = key.iter().enumerate();
        let bound = bound.map(|(index, value)| value.clone().bind(index + 1));
        let (parameters, values): (Vec<_>, Vec<String>) = bound.unzip();
        let condition = format!(
            "({}) {operator} ({})",
            self.keys.join(", "),
            values.join(", ")
        );
        (condition, parameters)
    }

    fn parse(&self, database: &D1, json: &str) -> Result<Vec<Stored>> {
        parse_row(json).ok_or_else(|| {
            let message = format!("a row of the table `{}` cannot be read", self.name);
            database
                .gate
                .failed("query", Failure::new(ErrorKind::Decode, message))
        })
    }
}

/// The expression of a JSON array of some expressions.
fn array(expressions: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = expressions.map(|expression| json(&expression)).collect();
    format!("'[' || {} || ']'", values.join(" || ',' || "))
}

/// Orders tables so that each is after those that its foreign keys refer to, unless they refer to
/// each other.
async fn in_order(database: &D1, mut tables: Vec<Table>) -> Result<Vec<Table>> {
    let mut waiting = Vec::new();
    for table in tables.drain(..) {
        let sql = "SELECT DISTINCT \"table\" AS a, NULL AS b FROM pragma_foreign_key_list(?1)";
        let parents = query(database, sql, [table.name.clone().into()]);
        let parents = parents.all::<Pair>().await?;
        let parents = parents
            .into_iter()
            .map(|Pair(parent, _)| parent.to_lowercase());
        let own = table.name.to_lowercase();
        let parents: BTreeSet<String> = parents.filter(|parent| *parent != own).collect();
        waiting.push((table, parents));
    }

    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let names: BTreeSet<String> = waiting
            .iter()
            .map(|(table, _)| table.name.to_lowercase())
            .collect();
        let is_free = |(_, parents): &(Table, BTreeSet<String>)| parents.is_disjoint(&names);
        let next = waiting.iter().position(is_free).unwrap_or(0);
        ordered.push(waiting.remove(next).0);
    }
    Ok(ordered)
}
