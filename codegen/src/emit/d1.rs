//! D1: the methods of a database's type, and the module of its rows.

use std::fmt::Write;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::query::Names;
use super::{Site, module_ident, query, text_enum};
use crate::model::{Bound, Database, Method, Refused};
use crate::names::spelled;
use crate::sql::ScalarType;
use crate::sql::{Cardinality, Query, Rows};

/// `impl Db { ... }`: one method a query.
pub(super) fn methods(bound: &Bound, database: &Database, site: &Site) -> TokenStream {
    let ty = bound.name.ty_ident();
    let krate = site.krate_text();
    let module = format!("{}::", spelled(&bound.name.field));
    let mut out = String::new();
    for method in &database.methods {
        let text_enums = [
            database.catalog.text_enums.as_slice(),
            &method.query.text_enums,
        ];
        one(
            &mut out,
            method,
            &Names {
                krate: &krate,
                module: &module,
                text_enums,
            },
        );
    }
    for refused in &database.refused {
        let text_enums = [
            database.catalog.text_enums.as_slice(),
            &refused.outline.text_enums,
        ];
        one_refused(
            &mut out,
            refused,
            &Names {
                krate: &krate,
                module: &module,
                text_enums,
            },
        );
    }
    let methods = query::tokens(site.parse, &out);
    quote!(impl #ty { #methods })
}

/// What a query gives, as a type.
fn shape(krate: &str, cardinality: Cardinality, module: &str, row: &str) -> String {
    match cardinality {
        Cardinality::One => format!("{krate}::d1::One<{module}{row}>"),
        Cardinality::Optional => format!("{krate}::d1::Optional<{module}{row}>"),
        Cardinality::Many => format!("{krate}::d1::Many<{module}{row}>"),
        Cardinality::Exec => format!("{krate}::d1::Exec"),
    }
}

/// Stands where a refused query would, and takes anything: its mistake is told once, where it is, and
/// not at every call.
fn one_refused(out: &mut String, refused: &Refused, names: &Names<'_>) {
    let krate = names.krate;
    let name = spelled(&refused.name.field);
    let shape = shape(krate, refused.cardinality, names.module, &refused.row.ty);
    let mut generics = vec!["'a".to_owned()];
    let mut arguments = String::new();
    for index in 0..refused.count {
        let known = refused
            .outline
            .parameters
            .get(index)
            .filter(|parameter| parameter.scalar != ScalarType::Any);
        let ty = known.map_or_else(
            || format!("P{index}"),
            |parameter| query::argument_type(names, parameter, "'a"),
        );
        if known.is_none() {
            generics.push(ty.clone());
        }
        let _ = write!(arguments, "_: {ty}, ");
    }
    let _ = writeln!(
        out,
        "#[doc(hidden)] pub fn {name}<{}>(&'a self, {arguments}) -> {krate}::d1::Query<'a, {shape}> {{ ::core::unreachable!() }}",
        generics.join(", "),
    );
}

fn one(out: &mut String, method: &Method, names: &Names<'_>) {
    let krate = names.krate;
    let name = spelled(&method.name.field);
    let shape = shape(krate, method.cardinality, names.module, &method.row.ty);
    let _ = write!(
        out,
        "#[doc = {:?}] pub fn {name}<'a>(&'a self, ",
        docs(method)
    );
    for parameter in &method.query.parameters {
        let _ = write!(
            out,
            "{}: {}, ",
            query::argument(parameter),
            query::argument_type(names, parameter, "'a")
        );
    }
    let _ = write!(
        out,
        ") -> {krate}::d1::Query<'a, {shape}> {{ static STATEMENT: {krate}::d1::Statement = "
    );
    query::statement(out, krate, &method.name.source, &method.query);
    let _ = write!(out, "; {krate}::__private::query(&self.0, &STATEMENT, [");
    for parameter in &method.query.parameters {
        let _ = write!(
            out,
            "{}, ",
            query::encode(krate, parameter, &query::argument(parameter))
        );
    }
    out.push_str("]) }\n");
}

/// What the method does, its SQL, what it gives, takes and touches.
fn docs(method: &Method) -> String {
    let mut docs = Vec::new();
    if method.docs.is_empty() {
        docs.push(format!(
            "The query `{}` of `{}`.",
            method.name.source, method.file
        ));
    } else {
        docs.extend(method.docs.iter().cloned());
        docs.push(String::new());
        docs.push(format!("From `{}`.", method.file));
    }
    docs.push(format!("\n```sql\n{}\n```\n", method.written.trim()));
    docs.push(
        match (method.cardinality, method.query.rows) {
            (Cardinality::One, Rows::One) => "Gives one row: there always is one.",
            (Cardinality::One, Rows::AtMostOne) => {
                "Gives the one row; none is an error of the kind `NotFound`."
            }
            (Cardinality::One, _) => {
                "Gives the first row; none is an error of the kind `NotFound`."
            }
            (Cardinality::Optional, Rows::Many) => "Gives the first row, or `None`.",
            (Cardinality::Optional, _) => "Gives the one row, or `None`.",
            (Cardinality::Many, _) => "Gives every row.",
            (Cardinality::Exec, _) => "Gives what was changed.",
        }
        .to_owned(),
    );
    docs.extend(accesses(&method.query));
    if method.query.reads_only {
        docs.push("\nNothing is written: it is safe to repeat.".to_owned());
    }
    if !method.query.plan.is_empty() {
        let steps = method
            .query
            .plan
            .iter()
            .map(|step| format!("{}{}", "  ".repeat(step.depth), step.detail));
        docs.push(format!(
            "\nSQLite's plan:\n\n```text\n{}\n```",
            steps.collect::<Vec<_>>().join("\n")
        ));
    }
    let nullable: Vec<String> = method
        .query
        .parameters
        .iter()
        .filter(|parameter| parameter.nullable)
        .map(|parameter| format!("`{}` may be NULL", parameter.name))
        .collect();
    if !nullable.is_empty() {
        docs.push(format!("\n{}.", nullable.join(", ")));
    }
    docs.join("\n")
}

/// The tables and columns that a query reads and writes.
fn accesses(query: &Query) -> Vec<String> {
    let mut lines = Vec::new();
    for (writes, verb) in [(false, "Reads"), (true, "Writes")] {
        let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
        for accesses in query
            .accesses
            .iter()
            .filter(|accesses| accesses.writes == writes)
        {
            if tables
                .last()
                .is_none_or(|(table, _)| *table != accesses.table)
            {
                tables.push((&accesses.table, Vec::new()));
            }
            if let (Some((_, columns)), Some(column)) = (tables.last_mut(), &accesses.column) {
                columns.push(format!("`{column}`"));
            }
        }
        let tables: Vec<String> = tables
            .into_iter()
            .map(|(table, columns)| {
                if columns.is_empty() {
                    format!("`{table}`")
                } else {
                    format!("`{table}` ({})", columns.join(", "))
                }
            })
            .collect();
        if !tables.is_empty() {
            lines.push(format!("\n{verb} {}.", tables.join(", ")));
        }
    }
    lines
}

/// `mod db { ... }`: the row types, and `query!`.
pub(super) fn module(bound: &Bound, database: &Database, site: &Site) -> TokenStream {
    let krate = &site.krate;
    let module = module_ident(&bound.name);
    let source = &bound.name.source;
    let own = database
        .methods
        .iter()
        .flat_map(|method| &method.query.text_enums);
    let own = own.chain(
        database
            .refused
            .iter()
            .flat_map(|refused| &refused.outline.text_enums),
    );
    let enums = database.catalog.text_enums.iter().chain(own);
    let enums = enums.map(|text_enums| text_enum::text_enum(text_enums, krate));
    let text = site.krate_text();
    let mut rows = String::new();
    for method in database
        .methods
        .iter()
        .filter(|method| method.owns_row && !method.query.columns.is_empty())
    {
        let docs = format!(
            "A row of [`{}`](super::{}::{}).",
            method.name.source, bound.name.ty, method.name.field
        );
        let text_enums = [
            database.catalog.text_enums.as_slice(),
            &method.query.text_enums,
        ];
        let names = Names {
            krate: &text,
            module: "",
            text_enums,
        };
        query::row(
            &mut rows,
            &names,
            &method.row.ty,
            &docs,
            &method.query.columns,
        );
    }
    let mut standing: Vec<&str> = database
        .methods
        .iter()
        .filter(|method| method.owns_row)
        .map(|method| method.row.ty.as_str())
        .collect();
    for refused in &database.refused {
        // A row type that queries share stands once.
        if !standing.contains(&refused.row.ty.as_str()) {
            let names = Names {
                krate: &text,
                module: "",
                text_enums: [&database.catalog.text_enums, &refused.outline.text_enums],
            };
            query::row(
                &mut rows,
                &names,
                &refused.row.ty,
                "",
                &refused.outline.columns,
            );
            standing.push(&refused.row.ty);
        }
    }
    let rows = query::tokens(site.parse, &rows);
    let docs = format!(
        "The rows of the database `{source}`, and [`query!`](self::query!) for inline ones."
    );
    // A macro by example has textual scope; the alias gives it a path.
    let hidden = Ident::new(
        &format!("__bindery_query_{}", bound.name.field),
        Span::call_site(),
    );
    let manifest = format!("{}{}", site.base, site.manifest_name);
    let environment = site.environment.as_deref().unwrap_or_default();
    quote! {
        #[doc = #docs]
        pub mod #module {
            // Types that a query names itself are looked up where the environment is declared.
            #[allow(unused_imports)]
            use super::super::*;

            #(#enums)*
            #rows

            #[doc(hidden)]
            #[allow(unused_macros)]
            macro_rules! #hidden {
                ($($tokens:tt)*) => { #krate::__query!(#source, #krate, #manifest, #environment; $($tokens)*) };
            }

            /// A query that is checked where it is written.
            ///
            /// `query!(env.db, "SELECT id FROM files WHERE user_id = :user", user)` takes the database,
            /// the SQL, and a value for each parameter: `name = value`, or a variable of its name.
            /// Gives a `Query`.
            #[allow(unused_imports)]
            pub(crate) use #hidden as query;
        }
    }
}
