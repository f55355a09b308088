//! Random databases that a schema permits, random arguments, and what contradicts an inferred type.

use bindery_codegen::schema::{Catalog, Checked, Column, TableKind};
use bindery_codegen::sql::ResultColumn;
use bindery_codegen::sql::ScalarType;
use bindery_codegen::sql::parameters::Resolved;
use bindery_codegen::sql::types::{Domain, Storage, Ty};
use bindery_sqlite::rusqlite::types::Value;
use bindery_sqlite::rusqlite::{self, Connection};

use crate::random::Random;

/// What the columns hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Values of the declared types.
    AsDeclared,
    /// Any value that SQLite lets through: outside STRICT tables a declared type is only an affinity.
    Anything,
}

fn integer(random: &mut Random) -> i64 {
    let extremes = [
        0,
        1,
        -1,
        i64::from(i32::MAX),
        9_007_199_254_740_991,
        -9_007_199_254_740_991,
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

fn text(random: &mut Random) -> String {
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

/// A value of a type.
///
/// Of the REALs none is so large that arithmetic on a few leaves REAL's range: what does becomes an infinity or
/// NULL, which is told when it is read.
pub fn value(random: &mut Random, scalar: ScalarType) -> Value {
    match scalar {
        ScalarType::Integer => Value::Integer(integer(random)),
        ScalarType::Boolean => Value::Integer(i64::from(random.one_in(2))),
        ScalarType::Float => Value::Real(random.pick(&[0.0, -1.5, 1e15, 0.1, 3.0, -0.0])),
        ScalarType::Text | ScalarType::Enum(_) => Value::Text(text(random)),
        ScalarType::Blob => Value::Blob(
            random
                .pick::<&[u8]>(&[&[], &[0], &[0, 255], b"abc"])
                .to_vec(),
        ),
        ScalarType::Any => {
            let kind = random.pick(&[
                ScalarType::Integer,
                ScalarType::Float,
                ScalarType::Text,
                ScalarType::Blob,
            ]);
            value(random, kind)
        }
    }
}

/// Fills every table with random rows; those that a constraint refuses are left out.
///
/// # Errors
/// When SQLite cannot say how it refused a row.
pub fn fill(
    random: &mut Random,
    catalog: &Catalog,
    connection: &Connection,
    stored: Stored,
) -> rusqlite::Result<()> {
    for table in catalog
        .tables
        .iter()
        .filter(|table| table.kind == TableKind::Table && !table.name.starts_with("sqlite_"))
    {
        let columns: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| !column.generated && !column.hidden)
            .collect();
        let names: Vec<String> = columns
            .iter()
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        let marks = vec!["?"; columns.len()].join(", ");
        let insert = format!(
            "INSERT OR IGNORE INTO \"{}\" ({}) VALUES ({marks})",
            table.name,
            names.join(", ")
        );
        let mut statement = connection.prepare_cached(&insert)?;
        for _ in 0..random.below(16) {
            let values: Vec<Value> = columns
                .iter()
                .map(|column| stored_value(random, catalog, column, stored))
                .collect();
            // A CHECK or a foreign key may refuse the row: then it is one that the schema does not permit.
            let _refused = statement.execute(rusqlite::params_from_iter(values));
        }
    }
    Ok(())
}

fn stored_value(random: &mut Random, catalog: &Catalog, column: &Column, stored: Stored) -> Value {
    if !column.not_null && random.one_in(3) {
        return Value::Null;
    }
    match column.checked {
        Checked::Enum(number) => {
            let values = catalog
                .text_enums
                .get(usize::try_from(number).unwrap_or(0))
                .map(|text_enums| text_enums.values.as_slice());
            let values = values.unwrap_or_default();
            return values
                .get(random.below(values.len()))
                .map_or(Value::Null, |text| Value::Text(text.clone()));
        }
        Checked::Boolean => return value(random, ScalarType::Boolean),
        Checked::Any => {}
    }
    if stored == Stored::Anything {
        // Where a text belongs, an empty BLOB is the one value that makes NULL of a function that never gives it:
        // `substr`. That is told when it is read.
        return match value(random, ScalarType::Any) {
            Value::Blob(bytes) if bytes.is_empty() => Value::Blob(vec![7]),
            other => other,
        };
    }
    let promised = Ty::of_column("", column);
    if ["DATE", "TIME", "DATETIME", "TIMESTAMP"].contains(&column.declared.to_uppercase().as_str())
        && !column.counts_seconds
    {
        // Their affinity would make a number of a text such as '10', which the docs say is an error when it is
        // read: a promise of the schema's author.
        return Value::Text("2024-02-30 10:00:00".to_owned());
    }
    value(random, ScalarType::of(promised.storage, promised.domain))
}

/// An argument: numbers as D1 binds them, all REAL, or as they are.
pub fn argument(
    random: &mut Random,
    catalog: &Catalog,
    parameter: &Resolved,
    as_real: bool,
) -> Value {
    if parameter.nullable && random.one_in(3) {
        return Value::Null;
    }
    let one = |random: &mut Random| match parameter.scalar {
        ScalarType::Enum(number) => {
            let values = catalog
                .text_enums
                .get(usize::try_from(number).unwrap_or(0))
                .map(|text_enums| text_enums.values.as_slice());
            let values = values.unwrap_or_default();
            values
                .get(random.below(values.len()))
                .map_or(Value::Null, |text| Value::Text(text.clone()))
        }
        // Of a type of the project's own, which does not write what looks like a number.
        ScalarType::Text if parameter.as_type.is_some() => {
            Value::Text("2024-02-30 10:00:00".to_owned())
        }
        ScalarType::Integer => {
            Value::Integer(integer(random).clamp(-9_007_199_254_740_991, 9_007_199_254_740_991))
        }
        scalar => value(random, scalar),
    };
    if parameter.list {
        let items: Vec<String> = (0..random.below(4))
            .map(|_| match one(random) {
                Value::Integer(value) => value.to_string(),
                Value::Real(value) => format!("{value:?}"),
                Value::Text(text)
                    if text
                        .chars()
                        .all(|character| character.is_ascii_alphanumeric()) =>
                {
                    format!("\"{text}\"")
                }
                Value::Text(_) => "\"y\"".to_owned(),
                Value::Null | Value::Blob(_) => "3".to_owned(),
            })
            .collect();
        return Value::Text(format!("[{}]", items.join(",")));
    }
    match one(random) {
        Value::Integer(value) if as_real => Value::Real(value as f64),
        other => other,
    }
}

/// Why a value contradicts what was inferred of its column.
#[must_use]
pub fn contradiction(column: &ResultColumn, value: &Value, stored: Stored) -> Option<String> {
    let overridden = column.as_type.is_some() || column.nullable != column.ty.nullable;
    if *value == Value::Null {
        return (!column.ty.nullable && !overridden).then(|| "NULL".to_owned());
    }
    // A stored value that breaks its declared type is an error when it is read.
    if stored == Stored::Anything {
        return None;
    }
    let class = match value {
        Value::Integer(_) => "INTEGER",
        Value::Real(_) => "REAL",
        Value::Text(_) => "TEXT",
        Value::Blob(_) | Value::Null => "BLOB",
    };
    let known = column.ty.storage.classes().any(|known| known == class);
    let told = || {
        format!(
            "{value:?}, not {} of {:?}",
            column.scalar.describe(),
            column.ty.storage.classes().collect::<Vec<_>>()
        )
    };
    (!known || !fits(column, value)).then(told)
}

/// Whether a value is one of the column's Rust type, as the decoder would read it.
fn fits(column: &ResultColumn, value: &Value) -> bool {
    const SAFE: f64 = 9_007_199_254_740_991.0;
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
        // What overflows 2^53 is an error of its own, told when it is read.
        (ScalarType::Integer, Value::Integer(_)) => true,
        (ScalarType::Integer, Value::Real(value)) => {
            value.fract() == 0.0 || value.abs() > SAFE || column.ty.storage.meets(Storage::OUTGROWN)
        }
        _ => false,
    }
}
