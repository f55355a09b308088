//! Columns whose JSON the statement builds: their types and what decodes them.

use std::fmt::Write;

use super::names::{Names, optional};
use super::row::{RowField, column_docs, is_json, row_struct};
use crate::names::{Name, nested_type, spelled};
use crate::sql::{JsonType, ResultColumn, ScalarType};

/// Returns the type of a column, and the expression that reads it from a row. Writes the structs of
/// its objects.
pub(super) fn column(
    out: &mut String,
    names: &Names<'_>,
    row: &str,
    (index, column): (usize, &ResultColumn),
    json: &JsonType,
    name: &str,
) -> (String, String) {
    let ident = nested_type(row, name);
    let docs = format!("An object in the JSON `{name}` of a [`{row}`].");
    for (ident, fields) in json.objects(&ident) {
        object(out, names, &ident, &docs, fields);
    }

    let ty = optional(spelled_type(names, &ident, json), column.nullable);
    let take = if column.nullable {
        "take_optional_built"
    } else {
        "take_built"
    };
    let decoder = decoder(names, &ident, json);
    (ty, format!("row.{take}::<{decoder}>({index})?"))
}

/// Writes the struct of an object.
fn object(out: &mut String, names: &Names<'_>, ident: &str, docs: &str, fields: &[ResultColumn]) {
    let krate = names.krate;
    let field = |field: &ResultColumn| {
        let nested = nested_type(ident, &field.name);
        RowField {
            name: field.name.clone(),
            ident: spelled(&Name::new(&field.name).field),
            ty: value_type(names, &nested, field),
            docs: column_docs(field),
            value: format!(
                "fields.read::<{}>({:?})?",
                value_decoder(names, &nested, field),
                field.name
            ),
        }
    };
    let fields: Vec<RowField> = fields.iter().map(field).collect();
    row_struct(out, krate, ident, docs, &fields);

    let reads: String = fields.iter().map(RowField::read).collect();
    let _ = writeln!(
        out,
        "impl {krate}::__private::json_type::BuiltObject for {ident} {{
            fn read<'de, A: {krate}::__private::serde::de::MapAccess<'de>>(
                fields: &mut {krate}::__private::json_type::Fields<'de, A>,
            ) -> ::core::result::Result<Self, A::Error> {{
                ::core::result::Result::Ok(Self {{ {reads} }})
            }}
        }}"
    );
}

/// The type of JSON. `ident` is the name of the type of an object in it.
fn spelled_type(names: &Names<'_>, ident: &str, json: &JsonType) -> String {
    let value = |value: &ResultColumn| value_type(names, &json.value_ident(ident, value), value);
    let prelude = format!("{}::__private", names.krate);
    match json {
        JsonType::Raw => format!("{prelude}::String"),
        JsonType::List(item) => format!("{prelude}::Vec<{}>", value(item)),
        JsonType::Map(item) => format!("{prelude}::BTreeMap<{prelude}::String, {}>", value(item)),
        JsonType::Tuple(items) => {
            let items = items.iter().map(|item| format!("{}, ", value(item)));
            format!("({})", items.collect::<String>())
        }
        JsonType::Object(_) => ident.to_owned(),
    }
}

/// The type of a value in JSON.
fn value_type(names: &Names<'_>, ident: &str, value: &ResultColumn) -> String {
    match value.built_json() {
        Some(json) => optional(spelled_type(names, ident, json), value.nullable),
        None => names.column(value),
    }
}

/// The decoder of JSON.
fn decoder(names: &Names<'_>, ident: &str, json: &JsonType) -> String {
    let value = |value: &ResultColumn| value_decoder(names, &json.value_ident(ident, value), value);
    let path = format!("{}::__private::json_type", names.krate);
    match json {
        JsonType::Raw => format!("{path}::Raw"),
        JsonType::List(item) => format!("{path}::List<{}>", value(item)),
        JsonType::Map(item) => format!("{path}::Map<{}>", value(item)),
        JsonType::Tuple(items) => {
            let items = items.iter().map(|item| format!("{}, ", value(item)));
            format!("{path}::Tuple<({})>", items.collect::<String>())
        }
        JsonType::Object(_) => format!("{path}::Object<{ident}>"),
    }
}

/// The decoder of a value in JSON.
fn value_decoder(names: &Names<'_>, ident: &str, value: &ResultColumn) -> String {
    let path = format!("{}::__private::json_type", names.krate);
    let decoder = match (&value.as_type, &value.json) {
        (Some(ty), Some(_)) => format!("{path}::Embedded<{ty}>"),
        (Some(ty), None) => format!("{path}::Scalar<{ty}>"),
        (None, Some(json)) => decoder(names, ident, json),
        (None, None) if is_json(value) => format!("{path}::Text"),
        (None, None) if value.scalar == ScalarType::Integer => format!("{path}::Integer"),
        (None, None) => {
            let ty = names.spell(|paths| value.scalar.owned(paths));
            format!("{path}::Scalar<{ty}>")
        }
    };
    if value.nullable {
        format!("{path}::Optional<{decoder}>")
    } else {
        decoder
    }
}
