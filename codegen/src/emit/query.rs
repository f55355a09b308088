//! What every checked query becomes: a row type, a statement, and one call.
//!
//! Written as text and parsed once: of a large project this is nearly all that is emitted, and the compiler's
//! lexer reads text faster than tokens are made one by one.

use std::fmt::Write;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Parse;
use crate::names::{Name, spelled};
use crate::schema::TextEnum;
use crate::sql::parameters::Resolved;
use crate::sql::types::Domain;
use crate::sql::{Query, ResultColumn, ScalarType};

/// Where the text that is emitted stands: how it names things.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// The runtime crate.
    pub(super) krate: &'a str,
    /// The module of the enums of CHECKs, with `::` at its end; empty inside it.
    pub(super) module: &'a str,
    /// Those enums, by number: of the database, then of the query itself.
    pub(super) text_enums: [&'a [TextEnum]; 2],
}

impl Names<'_> {
    fn text_enum(&self, number: u32) -> &str {
        let mut all = self.text_enums.iter().copied().flatten();
        usize::try_from(number)
            .ok()
            .and_then(|number| all.nth(number))
            .map_or("", |text_enums| &text_enums.ty)
    }
}

/// Text as tokens.
pub(super) fn tokens(parse: Parse, text: &str) -> TokenStream {
    // Names and types were checked when they were read; a text that is no Rust is told where it is.
    parse(text).unwrap_or_else(|| quote!(::core::compile_error!("bindery emits what is no Rust")))
}

/// The Rust type of a column.
fn column_type(names: &Names<'_>, column: &ResultColumn) -> String {
    let Names { krate, module, .. } = names;
    let inner = match (&column.as_type, column.scalar) {
        (Some(ty), _) => ty.clone(),
        (None, ScalarType::Integer) => "i64".to_owned(),
        (None, ScalarType::Float) => "f64".to_owned(),
        (None, ScalarType::Boolean) => "bool".to_owned(),
        (None, ScalarType::Text) => format!("{krate}::__private::String"),
        (None, ScalarType::Blob) => format!("{krate}::__private::Vec<u8>"),
        (None, ScalarType::Any) => format!("{krate}::d1::Value"),
        (None, ScalarType::Enum(number)) => format!("{module}{}", names.text_enum(number)),
    };
    if column.nullable {
        format!("::core::option::Option<{inner}>")
    } else {
        inner
    }
}

/// The row type of a query, and how it is read.
pub(super) fn row(
    out: &mut String,
    names: &Names<'_>,
    ident: &str,
    docs: &str,
    columns: &[ResultColumn],
) {
    let krate = names.krate;
    let fields: Vec<String> = columns
        .iter()
        .map(|column| spelled(&Name::new(&column.name).field))
        .collect();
    let _ = write!(
        out,
        "#[doc = {docs:?}] #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)] pub struct {ident} {{"
    );
    for (field, column) in fields.iter().zip(columns) {
        let _ = write!(
            out,
            "#[doc = {:?}] pub {field}: {},",
            column_docs(column),
            column_type(names, column)
        );
    }
    let _ = write!(
        out,
        "}} impl {krate}::d1::FromRow for {ident} {{
            fn from_row(row: &mut {krate}::d1::Row<'_>) -> ::core::result::Result<Self, {krate}::d1::DecodeError> {{
                ::core::result::Result::Ok(Self {{"
    );
    for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
        let json = format!("{krate}::__private::JsonText");
        let _ = match (
            column.ty.domain == Domain::Json && column.as_type.is_none(),
            column.nullable,
        ) {
            (false, _) => write!(out, "{field}: row.take({index})?,"),
            (true, false) => write!(out, "{field}: row.take::<{json}>({index})?.0,"),
            (true, true) => write!(
                out,
                "{field}: row.take::<::core::option::Option<{json}>>({index})?.map(|text| text.0),"
            ),
        };
    }
    // By hand, and without a `?`: derived, this is half of what rustc takes for a large project.
    let _ = write!(
        out,
        "}}) }} }} impl {krate}::__private::serde::Serialize for {ident} {{
            fn serialize<S: {krate}::__private::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {{
                {krate}::__private::Fields::new(serializer, {ident:?}, {})",
        columns.len()
    );
    for (field, column) in fields.iter().zip(columns) {
        let _ = write!(out, ".field({:?}, &self.{field})", column.name);
    }
    out.push_str(".end() } }\n");
}

fn column_docs(column: &ResultColumn) -> String {
    let origin = match &column.ty.origin {
        Some(origin) => format!("Read from `{origin}`."),
        None => "Computed by the query.".to_owned(),
    };
    let nullable = match (column.nullable, &column.ty.reason) {
        (true, Some(reason)) if column.ty.nullable => format!(" `None` where NULL: {reason}."),
        (true, _) => " `None` where NULL, as the query says.".to_owned(),
        (false, _) if column.ty.nullable => {
            " The query says that it is never NULL; one that is gives an error.".to_owned()
        }
        (false, _) => String::new(),
    };
    format!("{origin}{nullable}")
}

/// The statement as a constant.
pub(super) fn statement(out: &mut String, krate: &str, name: &str, query: &Query) {
    let columns: Vec<&str> = query
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let _ = write!(
        out,
        "{krate}::d1::Statement {{ name: {name:?}, sql: {:?}, columns: &{columns:?}, reads_only: {} }}",
        query.sql, query.reads_only
    );
}

/// The type of an argument; `lifetime` is the query's.
pub(super) fn argument_type(names: &Names<'_>, parameter: &Resolved, lifetime: &str) -> String {
    let Names { krate, module, .. } = names;
    let inner = match (&parameter.as_type, parameter.scalar) {
        (Some(ty), _) => ty.clone(),
        (None, ScalarType::Integer) => "i64".to_owned(),
        (None, ScalarType::Float) => "f64".to_owned(),
        (None, ScalarType::Boolean) => "bool".to_owned(),
        (None, ScalarType::Text) => format!("&{lifetime} str"),
        (None, ScalarType::Blob) => format!("&{lifetime} [u8]"),
        (None, ScalarType::Any) => format!("{krate}::d1::Value"),
        (None, ScalarType::Enum(number)) => format!("{module}{}", names.text_enum(number)),
    };
    if parameter.list {
        return match parameter.scalar {
            _ if parameter.as_type.is_some() => format!("&[{inner}]"),
            ScalarType::Text => "&[impl ::core::convert::AsRef<str>]".to_owned(),
            ScalarType::Integer | ScalarType::Float | ScalarType::Boolean | ScalarType::Enum(_) => {
                format!("&[{inner}]")
            }
            ScalarType::Blob | ScalarType::Any => format!("&[{krate}::d1::Value]"),
        };
    }
    if parameter.nullable {
        format!("::core::option::Option<{inner}>")
    } else {
        inner
    }
}

/// The expression that encodes an argument.
pub(super) fn encode(krate: &str, parameter: &Resolved, value: &str) -> String {
    match (parameter.list, parameter.scalar) {
        (true, ScalarType::Text) if parameter.as_type.is_none() => {
            format!("{krate}::__private::text_list({value})")
        }
        (true, _) => format!("{krate}::__private::list({value})"),
        (false, _) => format!(
            "<{krate}::__private::Parameter<'_> as ::core::convert::From<_>>::from({value})"
        ),
    }
}

/// An inline query: a block that makes the query from its arguments.
///
/// The texts of a CHECK are texts in it: it stands where the module of their enum has no path.
#[must_use]
pub fn inline(
    krate: &TokenStream,
    parse: Parse,
    database: &TokenStream,
    query: &Query,
    arguments: &[TokenStream],
) -> TokenStream {
    let mut query = query.clone();
    let text = |scalar: &mut ScalarType| {
        if matches!(scalar, ScalarType::Enum(_)) {
            *scalar = ScalarType::Text;
        }
    };
    query
        .columns
        .iter_mut()
        .for_each(|column| text(&mut column.scalar));
    query
        .parameters
        .iter_mut()
        .for_each(|parameter| text(&mut parameter.scalar));
    let path = krate.to_string().replace(' ', "");
    let names = Names {
        krate: &path,
        module: "",
        text_enums: [&[], &[]],
    };
    let mut declared = String::new();
    let mut shape = format!("{path}::d1::Exec");
    if !query.columns.is_empty() {
        row(
            &mut declared,
            &names,
            "Row",
            "A row of this query.",
            &query.columns,
        );
        shape = format!("{path}::d1::Many<Row>");
    }
    let _ = write!(declared, "static __STATEMENT: {path}::d1::Statement = ");
    statement(&mut declared, &path, "query", &query);
    declared.push(';');
    let (declared, shape) = (tokens(parse, &declared), tokens(parse, &shape));
    let bindings = query
        .parameters
        .iter()
        .zip(arguments)
        .map(|(parameter, value)| {
            let name = format_ident!("__{}", Name::new(&parameter.name).field);
            if parameter.list && parameter.scalar == ScalarType::Text && parameter.as_type.is_none()
            {
                return quote!(let #name = #value;);
            }
            let ty = tokens(parse, &argument_type(&names, parameter, ""));
            quote!(let #name: #ty = #value;)
        });
    let encoded = query.parameters.iter().map(|parameter| {
        let name = format!("__{}", Name::new(&parameter.name).field);
        tokens(parse, &encode(&path, parameter, &name))
    });
    quote! {{
        #declared
        #(#bindings)*
        #krate::__private::query::<#shape>(&#database, &__STATEMENT, [#(#encoded),*])
    }}
}

/// The argument's name.
pub(super) fn argument(parameter: &Resolved) -> String {
    spelled(&Name::new(&parameter.name).field)
}
