//! Inline queries.

use std::fmt::Write;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Parse;
use super::names::Names;
use super::params::{encode, is_generic};
use super::query::{blobs, column_names, tables, tokens};
use super::row::row;
use super::template::assembled;
use crate::names::Name;
use crate::sql::parameters::{Resolved, Role};
use crate::sql::template::Choice;
use crate::sql::{Query, ResultColumn, ScalarType, Template};

/// An inline query: a block whose value is the query with its arguments.
///
/// Enums are texts in it, because it cannot name the module of a database.
#[must_use]
pub fn inline(
    krate: &TokenStream,
    parse: Parse,
    database: &TokenStream,
    query: &Query,
    arguments: &[TokenStream],
) -> TokenStream {
    let query = without_enums(query);
    let path = krate.to_string().replace(' ', "");
    let names = Names {
        krate: &path,
        module: "",
        text_enums: [&[], &[]],
    };

    let mut rows = String::new();
    let mut shape = quote!(#krate::d1::Exec);
    if !query.columns.is_empty() {
        row(
            &mut rows,
            &names,
            "Row",
            "A row of this query.",
            &query.columns,
        );
        shape = quote!(#krate::d1::Many<Row>);
    }
    if let [column] = query.columns.as_slice() {
        let value = names.scalar(column);
        let _ = writeln!(
            rows,
            "impl {path}::d1::SingleColumn for Row {{ type Value = {value}; }}"
        );
    }
    let rows = tokens(parse, &rows);

    let (sql, columns, reads_only) = (&query.sql, column_names(&query), query.reads_only);
    let blobs = blobs(&query);
    let (reads, writes) = (tables(&query, false), tables(&query, true));
    let idents: Vec<_> = query
        .parameters
        .iter()
        .map(|parameter| format_ident!("__{}", Name::new(&parameter.name).field))
        .collect();
    let parameters = || query.parameters.iter().zip(&idents);
    let lets = parameters()
        .zip(arguments)
        .map(|((parameter, ident), value)| {
            if is_generic(parameter) {
                return quote!(let #ident = #value;);
            }
            let ty = tokens(parse, &names.argument(parameter, ""));
            quote!(let #ident: #ty = #value;)
        });
    let encoded = parameters()
        .map(|(parameter, ident)| tokens(parse, &encode(&path, parameter, &ident.to_string())));
    let run = match &query.template {
        Some(template) => {
            let encoded: Vec<String> = parameters()
                .map(|(parameter, ident)| encode(&path, parameter, &ident.to_string()))
                .collect();
            let ident = |parameter: &Resolved| format!("__{}", Name::new(&parameter.name).field);
            let run = assembled(&names, template, &query, &ident, &encoded.join(", "));
            let run = tokens(parse, &run);
            quote! {
                let __database = &#database;
                #run;
                #krate::__private::assembled::<#shape>(
                    __database, &__STATEMENT, PIECES, &choices, parameters,
                )
            }
        }
        None => quote! {
            #krate::__private::query::<#shape>(&#database, &__STATEMENT, [#(#encoded),*])
        },
    };
    quote! {{
        #rows
        static __STATEMENT: #krate::d1::Statement = #krate::d1::Statement {
            name: "query",
            sql: #sql,
            columns: &[#(#columns),*],
            blobs: &[#(#blobs),*],
            reads_only: #reads_only,
            reads: &[#(#reads),*],
            writes: &[#(#writes),*],
        };
        #(#lets)*
        #run
    }}
}

/// The query with texts in place of enums. A text cannot choose a sort order at compile time, so
/// such a statement stays as it is written.
fn without_enums(query: &Query) -> Query {
    let mut query = query.clone();
    let sorts = |template: &Template| {
        let mut choices = template.choices.iter();
        choices.any(|choice| matches!(choice, Choice::Sort(_)))
    };
    if query.template.as_ref().is_some_and(sorts) {
        query.template = None;
        for parameter in &mut query.parameters {
            parameter.role = Role::Value;
        }
    }

    texts_for_enums(&mut query.columns);
    for parameter in &mut query.parameters {
        if let ScalarType::Enum(_) = parameter.scalar {
            parameter.scalar = ScalarType::Text;
        }
    }
    query
}

fn texts_for_enums(columns: &mut [ResultColumn]) {
    for column in columns {
        if let ScalarType::Enum(_) = column.scalar {
            column.scalar = ScalarType::Text;
        }
        if let Some(json) = &mut column.json {
            texts_for_enums(json.values_mut());
        }
    }
}
