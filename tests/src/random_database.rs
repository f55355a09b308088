//! Random rows that a schema permits, random arguments, and the check of a value against the
//! inferred type of its column.

use bindery::__private::{bytes_list, list, real_list, text_list, value_list};
use bindery::d1;
use bindery_codegen::schema::{Catalog, Checked, Column, Table, TableKind, TextEnum};
use bindery_codegen::sql::parameters::Resolved;
use bindery_codegen::sql::types::{Domain, Storage, Ty};
use bindery_codegen::sql::{Query, ResultColumn, ScalarType};
use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection};

use crate::built_json::json_contradiction;
use crate::random::Random;

/// The largest integer that a double represents exactly together with all smaller ones: 2^53 - 1.
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// A text that every date and time function accepts and that does not look like a number.
const DATETIME: &str = "2024-02-30 10:00:00";

/// The values that columns contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// Values of the declared types.
    Declared,
    /// Any value that SQLite accepts: outside STRICT tables, a declared type is only an affinity.
    AnyType,
}

/// Fills every table with random rows, except those that a constraint rejects.
///
/// # Errors
/// When SQLite cannot prepare the INSERT of a table.
pub fn fill_tables(
    random: &mut Random,
    catalog: &Catalog,
    connection: &Connection,
    contents: Contents,
) -> rusqlite::Result<()> {
    for table in catalog.tables.iter() {
        if table.kind == TableKind::Table && !table.name.starts_with("sqlite_") {
            fill_table(random, catalog, table, connection, contents)?;
        }
    }
    Ok(())
}

fn fill_table(
    random: &mut Random,
    catalog: &Catalog,
    table: &Table,
    connection: &Connection,
    contents: Contents,
) -> rusqlite::Result<()> {
    let columns: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| !column.generated && !column.hidden)
        .collect();
    let names: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column.name))
        .collect();
    let placeholders = vec!["?"; columns.len()];
    let insert = format!(
        "INSERT OR IGNORE INTO \"{}\" ({}) VALUES ({})",
        table.name,
        names.join(", "),
        placeholders.join(", ")
    );

    let mut statement = connection.prepare_cached(&insert)?;
    for _ in 0..random.below(16) {
        let values: Vec<Value> = columns
            .iter()
            .map(|column| stored_value(random, catalog, column, contents))
            .collect();
        // A CHECK or a foreign key may reject the row: the schema does not permit it.
        let _rejected = statement.execute(rusqlite::params_from_iter(values));
    }
    Ok(())
}

fn stored_value(
    random: &mut Random,
    catalog: &Catalog,
    column: &Column,
    contents: Contents,
) -> Value {
    if !column.never_null() && random.one_in(3) {
        return Value::Null;
    }
    match column.checked {
        Checked::Enum(number) => return enum_value(random, catalog.text_enums.iter(), number),
        Checked::Boolean => return random_value(random, ScalarType::Boolean),
        Checked::Any => {}
    }

    if contents == Contents::AnyType {
        // `substr` of an empty BLOB is NULL, although `substr` of a text never is. The caller gets
        // an error for such a column, so the oracle must not count it.
        return match random_value(random, ScalarType::Any) {
            Value::Blob(bytes) if bytes.is_empty() => Value::Blob(vec![7]),
            other => other,
        };
    }

    if let Some(meant) = meant_value(random, &column.declared) {
        return meant;
    }
    if converts_texts(column) {
        return Value::Text(DATETIME.to_owned());
    }

    let declared = Ty::of_column("", column);
    random_value(random, ScalarType::of(declared.storage, declared.domain))
}

/// Returns a value as the author of a schema means a type of another database. What the analysis
/// infers for such a type has no part in it.
fn meant_value(random: &mut Random, declared: &str) -> Option<Value> {
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    match declared {
        "STRING" | "ENUM" => text(random.pick(&["", "a", "Ann", "open"])),
        "JSONB" => text(random.pick(&["[1, null]", "{\"a\": 1}", "\"x\"", "5"])),
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => text(DATETIME),
        "VARBINARY(16)" => Some(random_value(random, ScalarType::Blob)),
        _ => None,
    }
}

/// Whether the affinity of a column of texts is NUMERIC, as that of DATETIME is. It converts a text
/// such as '10' to a number, and reading the number is a documented error.
pub(crate) fn converts_texts(column: &Column) -> bool {
    let upper = column.declared.to_uppercase();
    let has_affinity = ["CHAR", "CLOB", "TEXT"]
        .iter()
        .any(|word| upper.contains(word));
    Ty::of_column("", column).storage == Storage::TEXT && !has_affinity && !column.strict
}

/// Returns a random value of a type.
///
/// No REAL is so large that arithmetic on a few of them leaves the range of REAL: the result would
/// be an infinity or NULL, which is an error when it is read.
pub fn random_value(random: &mut Random, scalar: ScalarType) -> Value {
    match scalar {
        ScalarType::Integer => Value::Integer(random_integer(random)),
        ScalarType::Boolean => Value::Integer(i64::from(random.one_in(2))),
        ScalarType::Float => Value::Real(random.pick(&[0.0, -1.5, 1e15, 0.1, 3.0, -0.0])),
        ScalarType::Text | ScalarType::Enum(_) => Value::Text(random_text(random)),
        ScalarType::Blob => {
            let blobs: [&[u8]; 4] = [&[], &[0], &[0, 255], b"abc"];
            Value::Blob(random.pick(&blobs).to_vec())
        }
        ScalarType::Any => {
            let scalar = random.pick(&[
                ScalarType::Integer,
                ScalarType::Float,
                ScalarType::Text,
                ScalarType::Blob,
            ]);
            random_value(random, scalar)
        }
    }
}

fn random_integer(random: &mut Random) -> i64 {
    let extremes = [
        0,
        1,
        -1,
        i64::from(i32::MAX),
        MAX_SAFE_INTEGER,
        -MAX_SAFE_INTEGER,
        i64::MAX,
        i64::MIN,
        i64::MIN + 1,
    ];
    if random.one_in(8) {
        random.pick(&extremes)
    } else {
        i64::try_from(random.below(10)).unwrap_or(0) - 2
    }
}

fn random_text(random: &mut Random) -> String {
    let texts = [
        "",
        "a",
        "b",
        "x",
        "ann",
        "Ann",
        "10",
        "1.5",
        "\u{1F600}",
        "{\"a\": [1, null]}",
        "[1, \"x\", null]",
        "%",
        "2024-02-30",
        "open",
        "low",
        "a\0b",
    ];
    random.pick(&texts).to_owned()
}

/// Returns one of the texts that a CHECK constraint allows.
fn enum_value<'e>(
    random: &mut Random,
    mut enums: impl Iterator<Item = &'e TextEnum>,
    number: u32,
) -> Value {
    let text_enum = enums.nth(usize::try_from(number).unwrap_or(0));
    let values = text_enum.map_or(&[][..], |text_enum| text_enum.values.as_slice());
    match values.get(random.below(values.len())) {
        Some(text) => Value::Text(text.clone()),
        None => Value::Null,
    }
}

/// An argument of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// The value that is bound.
    One(Value),
    /// The items of a slice.
    List(Vec<Value>),
}

/// Returns a random argument. D1 binds every number as REAL: `as_real` does the same.
pub fn random_argument(
    random: &mut Random,
    (catalog, query): (&Catalog, &Query),
    parameter: &Resolved,
    as_real: bool,
) -> Argument {
    if parameter.nullable && random.one_in(3) {
        return Argument::One(Value::Null);
    }
    if parameter.list {
        let count = random.below(4);
        let items = (0..count).map(|_| match parameter.scalar {
            ScalarType::Float if random.one_in(8) => Value::Real(f64::INFINITY),
            _ => scalar_argument(random, (catalog, query), parameter),
        });
        return Argument::List(items.collect());
    }
    Argument::One(match scalar_argument(random, (catalog, query), parameter) {
        Value::Integer(value) if as_real => Value::Real(value as f64),
        other => other,
    })
}

fn scalar_argument(
    random: &mut Random,
    (catalog, query): (&Catalog, &Query),
    parameter: &Resolved,
) -> Value {
    match parameter.scalar {
        ScalarType::Enum(number) => {
            let enums = catalog.text_enums.iter().chain(&query.text_enums);
            enum_value(random, enums, number)
        }
        // An application's type does not write a text that looks like a number.
        ScalarType::Text if parameter.as_type.is_some() || is_converted(catalog, parameter) => {
            Value::Text(DATETIME.to_owned())
        }
        scalar => match random_value(random, scalar) {
            Value::Integer(value) => {
                Value::Integer(value.clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER))
            }
            other => other,
        },
    }
}

/// Whether a parameter is written to a column whose affinity converts texts.
fn is_converted(catalog: &Catalog, parameter: &Resolved) -> bool {
    let origin = parameter.origin.as_deref();
    let column = origin.and_then(|origin| {
        let (table, name) = origin.split_once('.')?;
        let mut columns = catalog.table(table)?.columns.iter();
        columns.find(|column| column.name == name)
    });
    column.is_some_and(converts_texts)
}

impl Argument {
    /// The value that the runtime binds for the argument of a parameter. The runtime refuses a list
    /// with an infinity.
    #[must_use]
    pub fn bound(&self, scalar: ScalarType) -> Option<Value> {
        match self {
            Self::One(value) => Some(value.clone()),
            Self::List(items) => encoded(items, scalar),
        }
    }
}

/// Encodes a list as the generated code does, unless the runtime refuses it.
fn encoded(items: &[Value], scalar: ScalarType) -> Option<Value> {
    let text = |item: &Value| match item {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let number = |item: &Value| match item {
        Value::Integer(value) => *value as f64,
        Value::Real(value) => *value,
        Value::Null | Value::Text(_) | Value::Blob(_) => f64::NAN,
    };
    let integer = |item: &Value| number(item) as i64;
    let bytes = |item: &Value| match item {
        Value::Blob(bytes) => bytes.clone(),
        _ => Vec::new(),
    };
    let any = |item: &Value| match item {
        Value::Integer(value) => d1::Value::Integer(*value),
        Value::Real(value) => d1::Value::Real(*value),
        Value::Blob(bytes) => d1::Value::Blob(bytes.clone()),
        Value::Null | Value::Text(_) => d1::Value::Text(text(item)),
    };

    let parameter = match scalar {
        ScalarType::Integer => list(&items.iter().map(integer).collect::<Vec<_>>()),
        ScalarType::Boolean => list(
            &items
                .iter()
                .map(|item| integer(item) == 1)
                .collect::<Vec<_>>(),
        ),
        ScalarType::Float => real_list(&items.iter().map(number).collect::<Vec<_>>()),
        ScalarType::Text | ScalarType::Enum(_) => {
            text_list(&items.iter().map(text).collect::<Vec<_>>())
        }
        ScalarType::Blob => bytes_list(&items.iter().map(bytes).collect::<Vec<_>>()),
        ScalarType::Any => value_list(&items.iter().map(any).collect::<Vec<_>>()),
    };
    match parameter {
        d1::Parameter::Text(json) => Some(Value::Text(json.into_owned())),
        _ => None,
    }
}

/// Describes how a value contradicts the inferred type of its column, if it does.
#[must_use]
pub fn contradiction(column: &ResultColumn, value: &Value, contents: Contents) -> Option<String> {
    let overridden = column.as_type.is_some() || column.nullable != column.ty.nullable;
    if *value == Value::Null {
        return (!column.ty.nullable && !overridden).then(|| "NULL".to_owned());
    }
    // A stored value that does not have its declared type is an error when it is read.
    if contents == Contents::AnyType || is_outgrown(column, value) {
        return None;
    }

    let class = match value {
        Value::Integer(_) => "INTEGER",
        Value::Real(_) => "REAL",
        Value::Text(_) => "TEXT",
        Value::Blob(_) | Value::Null => "BLOB",
    };
    let is_known = column.ty.storage.classes().any(|known| known == class);
    if let (Some(json), Value::Text(text)) = (column.built_json(), value) {
        return json_contradiction(json, text);
    }
    if is_known && fits(column, value) {
        return None;
    }

    let classes: Vec<&str> = column.ty.storage.classes().collect();
    let expected = column.scalar.describe();
    Some(format!("{value:?}, not {expected} of {classes:?}"))
}

/// Whether a value is the REAL that SQLite returns or stores for an integer result that does not fit
/// in 64 bits. Reading it is a documented error.
fn is_outgrown(column: &ResultColumn, value: &Value) -> bool {
    let limit = i64::MAX as f64;
    column.ty.storage.meets(Storage::INTEGER)
        && matches!(value, Value::Real(real) if real.abs() >= limit)
}

/// Reports whether the decoder could read a value as the Rust type of its column.
fn fits(column: &ResultColumn, value: &Value) -> bool {
    match (column.scalar, value) {
        (ScalarType::Any, _) | (ScalarType::Float, Value::Integer(_) | Value::Real(_)) => true,
        (ScalarType::Boolean, Value::Integer(value)) => *value == 0 || *value == 1,
        (ScalarType::Boolean, Value::Real(value)) => *value == 0.0 || *value == 1.0,
        (ScalarType::Text, Value::Integer(_) | Value::Real(_))
            if column.ty.domain == Domain::Json =>
        {
            true
        }
        (ScalarType::Text | ScalarType::Enum(_), Value::Text(_))
        | (ScalarType::Blob, Value::Blob(_)) => true,
        // An integer beyond 2^53 is an error of its own when it is read.
        (ScalarType::Integer, Value::Integer(_)) => true,
        (ScalarType::Integer, Value::Real(value)) => {
            let is_unsafe = value.abs() > MAX_SAFE_INTEGER as f64;
            value.fract() == 0.0 || is_unsafe || column.ty.storage.meets(Storage::OUTGROWN)
        }
        _ => false,
    }
}
