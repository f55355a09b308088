//! Row types.

use std::fmt::Write;

use super::json_type;
use super::names::{Names, optional};
use crate::names::{Name, nested_type, spelled};
use crate::sql::types::Domain;
use crate::sql::{Nest, ResultColumn};

/// The row type of a query.
pub(super) fn row(
    out: &mut String,
    names: &Names<'_>,
    ident: &str,
    docs: &str,
    columns: &[ResultColumn],
) {
    let mut fields: Vec<RowField> = Vec::new();
    let mut nests: Vec<&str> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let Some(nest) = &column.nest else {
            fields.push(RowField::column(
                out,
                names,
                ident,
                (index, column),
                &column.name,
            ));
            continue;
        };
        if !nests.contains(&nest.name.as_str()) {
            nests.push(&nest.name);
            fields.push(nested(out, names, ident, nest, columns));
        }
    }

    let krate = names.krate;
    row_struct(out, krate, ident, docs, &fields);
    let reads: String = fields.iter().map(RowField::read).collect();
    let _ = writeln!(
        out,
        "impl {krate}::d1::FromRow for {ident} {{
            fn from_row(
                row: &mut {krate}::d1::Row<'_>,
            ) -> ::core::result::Result<Self, {krate}::d1::DecodeError> {{
                ::core::result::Result::Ok(Self {{ {reads} }})
            }}
        }}"
    );
}

/// A field of a row.
pub(super) struct RowField {
    /// The name when it is serialized.
    pub(super) name: String,
    pub(super) ident: String,
    pub(super) ty: String,
    pub(super) docs: String,
    /// The expression that reads it.
    pub(super) value: String,
}

impl RowField {
    /// The field of a column. Writes the structs that its type names.
    fn column(
        out: &mut String,
        names: &Names<'_>,
        row: &str,
        (index, column): (usize, &ResultColumn),
        name: &str,
    ) -> Self {
        let (ty, value) = match column.built_json() {
            Some(json) => json_type::column(out, names, row, (index, column), json, name),
            None => (
                names.column(column),
                format!("row.{}({index})?", take(column)),
            ),
        };
        Self {
            name: name.to_owned(),
            ident: spelled(&Name::new(name).field),
            ty,
            docs: column_docs(column),
            value,
        }
    }

    pub(super) fn read(&self) -> String {
        format!("{}: {}, ", self.ident, self.value)
    }
}

/// Writes the type of a nested struct, and returns its field.
fn nested(
    out: &mut String,
    names: &Names<'_>,
    row: &str,
    nest: &Nest,
    columns: &[ResultColumn],
) -> RowField {
    let ty = nested_type(row, &nest.name);
    let parts = columns.iter().enumerate().filter_map(|(index, column)| {
        let part = column.nest.as_ref().filter(|part| part.name == nest.name)?;
        Some(RowField::column(
            out,
            names,
            &ty,
            (index, column),
            &part.field,
        ))
    });
    let fields: Vec<RowField> = parts.collect();
    let docs = format!("The `{}` of a [`{row}`].", nest.name);
    row_struct(out, names.krate, &ty, &docs, &fields);

    let reads: String = fields.iter().map(RowField::read).collect();
    let value = format!("{ty} {{ {reads} }}");
    let (docs, value) = match nest.key {
        Some(key) => (
            "`None` where the outer join finds no row.".to_owned(),
            format!(
                "if row.is_null({key})? {{ ::core::option::Option::None }} \
                 else {{ ::core::option::Option::Some({value}) }}"
            ),
        ),
        None => ("The columns of a nested struct.".to_owned(), value),
    };
    RowField {
        name: nest.name.clone(),
        ident: spelled(&Name::new(&nest.name).field),
        ty: optional(ty, nest.key.is_some()),
        docs,
        value,
    }
}

/// The struct of a row, or of a part of it.
pub(super) fn row_struct(
    out: &mut String,
    krate: &str,
    ident: &str,
    docs: &str,
    fields: &[RowField],
) {
    let (mut declared, mut serialized) = (String::new(), String::new());
    for RowField {
        name,
        ident,
        ty,
        docs,
        ..
    } in fields
    {
        let _ = write!(declared, "#[doc = {docs:?}] pub {ident}: {ty}, ");
        let _ = write!(serialized, ".field({name:?}, &self.{ident})");
    }
    let count = fields.len();
    let _ = writeln!(
        out,
        "#[doc = {docs:?}]
        #[derive(::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
        pub struct {ident} {{ {declared} }}

        impl {krate}::__private::serde::Serialize for {ident} {{
            fn serialize<S: {krate}::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {{
                {krate}::__private::Fields::new(serializer, {ident:?}, {count}){serialized}.end()
            }}
        }}"
    );
}

/// The method of the runtime's `Row` that reads a column.
fn take(column: &ResultColumn) -> &'static str {
    match (is_json(column), column.nullable) {
        (false, _) => "take",
        (true, false) => "take_json",
        (true, true) => "take_optional_json",
    }
}

/// Whether a column is declared JSON and has no type of the application.
pub(super) fn is_json(column: &ResultColumn) -> bool {
    column.ty.domain == Domain::Json && column.as_type.is_none()
}

pub(super) fn column_docs(column: &ResultColumn) -> String {
    let origin = match &column.ty.origin {
        Some(origin) => format!("Read from `{origin}`."),
        None => "Computed by the query.".to_owned(),
    };
    let null = match (column.nullable, &column.ty.reason) {
        (true, Some(reason)) if column.ty.nullable => format!(" `None` if NULL: {reason}."),
        (true, _) => " `None` if NULL, as the query declares.".to_owned(),
        (false, _) if column.nest.as_ref().is_some_and(|nest| nest.key.is_some()) => String::new(),
        (false, _) if column.ty.nullable => {
            " The query declares that it is never NULL; reading a NULL is an error.".to_owned()
        }
        (false, _) => String::new(),
    };
    format!("{origin}{null}")
}
