//! D1: the methods of a database's type, and the module of its rows.

use std::fmt::Write;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::names::Names;
use super::{Target, docs, manifest, params, placeholder, query, row, text_enum};
use crate::model::{Bound, Database, Method};
use crate::names::spelled;
use crate::schema::TextEnum;
use crate::sql::plan::Step;
use crate::sql::{Cardinality, Query, Rows};

/// The type with the queries: that of the binding, or of the database of each object of a class.
pub(super) fn database_type(bound: &Bound) -> Ident {
    if bound.resource.class().is_some() {
        format_ident!("{}Db", bound.name.ty)
    } else {
        bound.name.ty_ident()
    }
}

/// `impl Db { ... }`: one method per query.
pub(super) fn methods(bound: &Bound, database: &Database, target: &Target) -> TokenStream {
    let ty = database_type(bound);
    let krate = target.krate_text();
    let module = format!("{}::", spelled(&bound.name.field));
    let names = |own| Names {
        krate: &krate,
        module: &module,
        text_enums: [database.catalog.text_enums.as_slice(), own],
    };

    let mut out = String::new();
    for method in &database.methods {
        let names = names(&method.query.text_enums);
        let row = row_type(&names, method);
        let returned = returned_type(&names, method.cardinality, &row);
        query::method(
            &mut out,
            &names,
            &method.name,
            &method_docs(method),
            (&returned, method.params.as_deref(), method.cardinality),
            &method.query,
        );
    }
    for refused in &database.refused {
        placeholder::method(&mut out, &names(&refused.outline.text_enums), refused);
    }
    let methods = query::tokens(target.parse, &out);
    quote!(impl #ty { #methods })
}

/// What makes the type of a database from another handle of it, such as a session.
pub(super) fn session(bound: &Bound, target: &Target) -> TokenStream {
    let (ty, krate) = (bound.name.ty_ident(), &target.krate);
    quote! {
        impl #krate::d1::Database for #ty {
            fn of(database: #krate::d1::D1) -> Self {
                Self(database)
            }
        }

        impl #ty {
            /// Returns the database in a session, in which read replicas can answer.
            ///
            /// <https://developers.cloudflare.com/d1/best-practices/read-replication/>
            ///
            /// # Errors
            /// When the platform refuses it.
            pub fn with_session(
                &self,
                start: &#krate::d1::SessionStart,
            ) -> #krate::Result<#krate::d1::Session<Self>> {
                #krate::d1::Session::start(&self.0, start)
            }
        }
    }
}

/// The type of the database of each object of a class.
pub(super) fn of_objects(bound: &Bound, database: &Database, target: &Target) -> TokenStream {
    let (binding, ty, krate) = (&bound.name.source, database_type(bound), &target.krate);
    let docs = format!(
        "The database of each object of `{binding}`. `State::database` opens it.{}",
        docs::tables(bound)
    );
    let content = bound
        .resource
        .database()
        .map(|d1| manifest::database_content(d1, database, target));
    quote! {
        #[doc = #docs]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        pub struct #ty(pub(super) #krate::d1::D1);

        impl ::core::ops::Deref for #ty {
            type Target = #krate::d1::D1;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl #krate::d1::Database for #ty {
            fn of(database: #krate::d1::D1) -> Self {
                Self(database)
            }
        }

        impl #krate::durable_object::ObjectDatabase for #ty {
            const CONTENT: #krate::__private::Content = #content;
        }
    }
}

/// The type of a row that a method returns.
fn row_type(names: &Names<'_>, method: &Method) -> String {
    match method.query.columns.as_slice() {
        [column] if method.scalar => names.scalar(column),
        _ => format!("{}{}", names.module, method.row.ty),
    }
}

/// The type that a method returns.
pub(super) fn returned_type(names: &Names<'_>, cardinality: Cardinality, row: &str) -> String {
    let krate = names.krate;
    let query = |shape: String| format!("{krate}::d1::Query<'a, {krate}::d1::{shape}>");
    match cardinality {
        Cardinality::One => query(format!("One<{row}>")),
        Cardinality::Optional => query(format!("Optional<{row}>")),
        Cardinality::Many => query(format!("Many<{row}>")),
        Cardinality::Page => format!("{krate}::d1::Pages<'a, {row}>"),
        Cardinality::Exec => query("Exec".to_owned()),
        Cardinality::Bulk => format!("{krate}::d1::Bulk<'a>"),
    }
}

/// The docs of a method: its SQL, its result, its parameters and its accesses.
fn method_docs(method: &Method) -> String {
    let mut docs = String::new();
    if method.docs.is_empty() {
        let _ = write!(
            docs,
            "The query `{}` of `{}`, line {}.",
            method.name.source, method.file, method.line
        );
    } else {
        let _ = write!(
            docs,
            "{}\n\nFrom `{}`, line {}.",
            method.docs.join("\n"),
            method.file,
            method.line
        );
    }
    let _ = write!(docs, "\n\n```sql\n{}\n```\n\n", method.written.trim());
    docs.push_str(returned(method));

    let query = &method.query;
    docs.push_str(&accesses(query, false, "Reads"));
    docs.push_str(&accesses(query, true, "Writes"));
    if query.reads_only {
        docs.push_str("\n\nIt writes nothing, so it is safe to retry.");
    }
    match &query.template {
        Some(template) => {
            docs.push_str("\n\nThe arguments determine the text that runs. SQLite's plans:");
            for plan in &template.plans {
                let variants = plan.variants.join("; ");
                let _ = write!(docs, "\n\n{variants}:\n\n{}", steps(&plan.plan));
            }
        }
        None if query.plan.is_empty() => {}
        None => {
            let _ = write!(docs, "\n\nSQLite's plan:\n\n{}", steps(&query.plan));
        }
    }

    let nullable = query
        .parameters
        .iter()
        .filter(|parameter| parameter.nullable);
    let nullable = nullable.map(|parameter| format!("`{}` can be NULL", parameter.name));
    let nullable: Vec<String> = nullable.collect();
    if !nullable.is_empty() {
        let _ = write!(docs, "\n\n{}.", nullable.join(", "));
    }
    docs
}

/// The steps of a plan, as a block of text.
fn steps(plan: &[Step]) -> String {
    let steps = plan.iter();
    let steps = steps.map(|step| format!("{}{}", "  ".repeat(step.depth), step.detail));
    let steps: Vec<String> = steps.collect();
    format!("```text\n{}\n```", steps.join("\n"))
}

/// The rows that a method returns, in words.
fn returned(method: &Method) -> &'static str {
    match (method.cardinality, method.query.rows) {
        (Cardinality::One, Rows::One) => "Returns exactly one row.",
        (Cardinality::One, Rows::AtMostOne) => {
            "Returns the row. If there is none, the error is `NotFound`."
        }
        (Cardinality::One, Rows::None | Rows::Never | Rows::Many) => {
            "Returns the first row. If there is none, the error is `NotFound`."
        }
        (Cardinality::Optional, Rows::Many) => "Returns the first row, or `None`.",
        (Cardinality::Optional, Rows::None | Rows::Never | Rows::One | Rows::AtMostOne) => {
            "Returns the row, or `None`."
        }
        (Cardinality::Many, _) => "Returns every row.",
        (Cardinality::Page, _) => "Returns the rows page by page.",
        (Cardinality::Exec, _) => "Returns the number of changed rows and the last inserted rowid.",
        (Cardinality::Bulk, _) => {
            "Inserts every row of the slice in one transaction. Returns the number of changed rows \
             and the last inserted rowid."
        }
    }
}

/// The tables and columns that a query reads or writes, as a paragraph.
fn accesses(query: &Query, writes: bool, verb: &str) -> String {
    let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
    for access in query
        .accesses
        .iter()
        .filter(|access| access.writes == writes)
    {
        if tables
            .last()
            .is_none_or(|(table, _)| *table != access.table)
        {
            tables.push((&access.table, Vec::new()));
        }
        if let (Some((_, columns)), Some(column)) = (tables.last_mut(), &access.column) {
            columns.push(format!("`{column}`"));
        }
    }
    if tables.is_empty() {
        return String::new();
    }

    let tables = tables
        .into_iter()
        .map(|(table, columns)| match columns.as_slice() {
            [] => format!("`{table}`"),
            columns => format!("`{table}` ({})", columns.join(", ")),
        });
    format!("\n\n{verb} {}.", tables.collect::<Vec<_>>().join(", "))
}

/// `mod db { ... }`: the row types, the enums, and `query!`.
pub(super) fn module(bound: &Bound, database: &Database, target: &Target) -> TokenStream {
    let krate = &target.krate;
    let module = bound.name.field_ident();
    let source = &bound.name.source;
    let docs = format!("The rows of the database `{source}`, and [`query!`](self::query!).");
    let enums = text_enums(database).map(|text_enum| text_enum::text_enum(text_enum, krate));
    let rows = query::tokens(target.parse, &rows(bound, database, target));

    // A macro by example has textual scope. The alias gives it a path.
    let hidden = format_ident!("__bindery_query_{}", bound.name.field);
    let manifest = format!("{}{}", target.base, target.manifest_name);
    let environment = target.environment.as_deref().unwrap_or_default();
    quote! {
        #[doc = #docs]
        pub mod #module {
            // The types that a query names are looked up where `Env` is declared.
            #[allow(unused_imports)]
            use super::super::*;

            #(#enums)*
            #rows

            #[doc(hidden)]
            #[allow(unused_macros)]
            macro_rules! #hidden {
                ($($tokens:tt)*) => {
                    #krate::__query!(#source, #krate, #manifest, #environment; $($tokens)*)
                };
            }

            /// Creates a query that is checked where it is written.
            ///
            /// `query!(env.db, "SELECT id FROM files WHERE user_id = :user", user)` takes the
            /// database, the SQL, and a value for each parameter: `name = value`, or a variable
            /// with the name of the parameter. Returns a `Query`.
            #[allow(unused_imports)]
            pub(crate) use #hidden as query;
        }
    }
}

/// The enums of the database, then those of its queries.
fn text_enums(database: &Database) -> impl Iterator<Item = &TextEnum> {
    let methods = database
        .methods
        .iter()
        .flat_map(|method| &method.query.text_enums);
    let refused = database
        .refused
        .iter()
        .flat_map(|refused| &refused.outline.text_enums);
    database
        .catalog
        .text_enums
        .iter()
        .chain(methods)
        .chain(refused)
}

/// The row types, each once.
fn rows(bound: &Bound, database: &Database, target: &Target) -> String {
    let krate = target.krate_text();
    let names = |own| Names {
        krate: &krate,
        module: "",
        text_enums: [database.catalog.text_enums.as_slice(), own],
    };

    let mut out = String::new();
    let mut emitted: Vec<&str> = Vec::new();
    for method in &database.methods {
        let Some(params) = &method.params else {
            continue;
        };
        let (ty, field) = (database_type(bound), &method.name.field);
        let docs = format!(
            "The arguments of [`{}`](super::{ty}::{field}).",
            method.name.source
        );
        let names = names(&method.query.text_enums);
        params::params(&mut out, &names, params, &docs, &method.query);
    }
    for method in database.methods.iter().filter(|method| method.owns_row) {
        emitted.push(&method.row.ty);
        if method.query.columns.is_empty() {
            continue;
        }
        let (ty, field) = (database_type(bound), &method.name.field);
        let docs = format!("A row of [`{}`](super::{ty}::{field}).", method.name.source);
        let names = names(&method.query.text_enums);
        row::row(
            &mut out,
            &names,
            &method.row.ty,
            &docs,
            &method.query.columns,
        );
    }
    emitted.extend(text_enums(database).map(|text_enum| text_enum.ty.as_str()));
    for refused in &database.refused {
        let names = names(&refused.outline.text_enums);
        placeholder::params(&mut out, &names, refused);
        // A query with an error can name a row type that another query owns.
        if !refused.scalar && !emitted.contains(&refused.row.ty.as_str()) {
            placeholder::row(&mut out, &names, refused);
            emitted.push(&refused.row.ty);
        }
    }
    out
}
