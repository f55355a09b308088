//! The methods of checked queries.
//!
//! Queries are nearly all that is emitted for a large project, so they are written as text, one
//! template per item, and parsed once. ARCHITECTURE.md has the figures.

//! Checked queries: row types, methods and inline queries.
//!
//! They are nearly all that is emitted for a large project, so they are written as text, one
//! template per item, and parsed once. ARCHITECTURE.md has the figures.

use std::fmt::Write;

use proc_macro2::TokenStream;
use quote::quote;

use super::Parse;
use super::names::Names;
use super::page::order;
use super::params::{argument, arguments, encode, fields, rows};
use super::template::assembled;
use crate::names::{Name, spelled};
use crate::sql::types::Storage;
use crate::sql::{Cardinality, Query};

/// Text as tokens.
pub(super) fn tokens(parse: Parse, text: &str) -> TokenStream {
    parse(text).unwrap_or_else(|| {
        let bug = "internal error: generated code does not parse; please report it";
        quote!(::core::compile_error!(#bug))
    })
}

/// The method of a query.
pub(super) fn method(
    out: &mut String,
    names: &Names<'_>,
    name: &Name,
    docs: &str,
    (returned, params, cardinality): (&str, Option<&str>, Cardinality),
    query: &Query,
) {
    let krate = names.krate;
    let mut encoded = String::new();

    for parameter in &query.parameters {
        let argument = argument(parameter);
        let _ = write!(encoded, "{}, ", encode(krate, parameter, &argument));
    }
    let (arguments, unpacked) = match params {
        Some(params) if cardinality == Cardinality::Bulk => {
            (rows(names, params, query), String::new())
        }
        Some(params) => fields(names, params, query),
        None => (arguments(names, query), String::new()),
    };
    let (method, name) = (spelled(&name.field), &name.source);
    let (sql, columns, reads_only) = (&query.sql, column_names(query), query.reads_only);
    let blobs = blobs(query);
    let (reads, writes) = (tables(query, false), tables(query, true));
    let run = match &query.template {
        Some(template) => {
            let assembled = assembled(names, template, query, &argument, &encoded);
            let (order, run) = match &query.page {
                Some(page) => (
                    order(krate, name, page),
                    "pages(&self.0, &STATEMENT, PIECES, &ORDER",
                ),
                None => (String::new(), "assembled(&self.0, &STATEMENT, PIECES"),
            };
            format!("{assembled}; {order} {krate}::__private::{run}, &choices, parameters)")
        }
        None if cardinality == Cardinality::Bulk => bulk(names, params, query, &encoded),
        None => format!("{krate}::__private::query(&self.0, &STATEMENT, [{encoded}])"),
    };
    let _ = writeln!(
        out,
        "#[doc = {docs:?}]
        pub fn {method}<'a>(&'a self, {arguments}) -> {returned} {{
            static STATEMENT: {krate}::d1::Statement = {krate}::d1::Statement {{
                name: {name:?},
                sql: {sql:?},
                columns: &{columns:?},
                blobs: &{blobs:?},
                reads_only: {reads_only},
                reads: &{reads:?},
                writes: &{writes:?},
            }};
            {unpacked}
            {run}
        }}"
    );
}

/// The call that inserts the rows of a slice.
fn bulk(names: &Names<'_>, params: Option<&str>, query: &Query, encoded: &str) -> String {
    let krate = names.krate;
    let (_, unpacked) = fields(names, params.unwrap_or_default(), query);
    format!(
        "{krate}::__private::bulk(&self.0, &STATEMENT, rows, |row| {{
            let params = ::core::clone::Clone::clone(row);
            {unpacked}
            [{encoded}]
        }})"
    )
}

/// The positions of the columns that can be a BLOB.
pub(super) fn blobs(query: &Query) -> Vec<usize> {
    let columns = query.columns.iter().enumerate();
    let blobs = columns.filter(|(_, column)| column.ty.storage.meets(Storage::BLOB));
    blobs.map(|(index, _)| index).collect()
}

/// The tables that a query reads or writes, also by triggers and foreign key actions.
pub(super) fn tables(query: &Query, writes: bool) -> Vec<&str> {
    let accesses = query.accesses.iter();
    let accesses = accesses.filter(|access| access.writes == writes);
    let mut tables: Vec<&str> = accesses.map(|access| access.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

pub(super) fn column_names(query: &Query) -> Vec<&str> {
    query
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}
