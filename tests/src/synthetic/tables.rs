//! New tables and columns, and their SQL.

use std::collections::BTreeMap;

use super::names::{AREAS, COLUMNS, THINGS, UNIQUE};
use super::schema::{Column, ColumnType, Table};
use crate::random::Random;

/// The longest chain of cascading references. D1 rejects chains longer than 10.
const MOST_CASCADES: usize = 3;

/// Creates the table that follows `tables`.
pub(super) fn new_table(random: &mut Random, tables: &[Table]) -> Table {
    let number = tables.len();
    let key = if random.one_in(9) {
        ColumnType::Text
    } else {
        ColumnType::Integer
    };
    let mut columns = vec![Column::new("id", key)];
    let wanted = random.between(4, 14);

    if number > 0 {
        add_references(random, tables, &mut columns, wanted - 3);
    }
    if key == ColumnType::Integer && columns.len() + 3 < wanted && random.one_in(10) {
        columns.push(Column {
            parent: Some(number),
            ..Column::new("parent_id", key)
        });
    }
    if random.one_in(3) {
        let name = UNIQUE[random.below(UNIQUE.len())];
        columns.push(Column {
            unique: true,
            not_null: true,
            ..Column::new(name, ColumnType::Text)
        });
    }
    for (name, ty) in random.sample(&COLUMNS, wanted - columns.len() - 1) {
        columns.push(value_column(random, name, ty));
    }
    columns.push(Column {
        not_null: true,
        default: Some("CURRENT_TIMESTAMP"),
        ..Column::new("created_at", ColumnType::Datetime)
    });

    Table {
        area: area(number),
        name: table_name(number),
        constraints: constraints(&columns),
        indexes: BTreeMap::new(),
        pinned: false,
        depth: cascade_depth(&columns, tables),
        columns,
    }
}

fn area(number: usize) -> &'static str {
    AREAS[number / THINGS.len() % AREAS.len()]
}

/// Returns the name of a table. When all names are in use, they repeat with a number.
fn table_name(number: usize) -> String {
    let area = area(number);
    let (_, plural) = THINGS[number % THINGS.len()];
    match number / (AREAS.len() * THINGS.len()) {
        0 => format!("{area}_{plural}"),
        round => format!("{area}_{plural}_{}", round + 1),
    }
}

/// Adds at most three references: most of them to recent tables, the others to the oldest ones.
fn add_references(random: &mut Random, tables: &[Table], columns: &mut Vec<Column>, most: usize) {
    let count = random.between(0, 3).min(most);
    for _ in 0..count {
        let parent = if random.one_in(4) {
            random.below(tables.len().min(6))
        } else {
            tables.len() - 1 - random.below(tables.len().min(8))
        };
        let not_null = !random.one_in(3);
        let reference = reference_column(&tables[parent], parent, not_null);
        if columns.iter().all(|column| column.name != reference.name) {
            columns.push(reference);
        }
    }
}

fn constraints(columns: &[Column]) -> Vec<String> {
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    let mut constraints = Vec::new();
    if has("starts_at") && has("ends_at") {
        constraints.push("CHECK (ends_at IS NULL OR ends_at >= starts_at)".to_owned());
    }
    if has("amount_cents") && has("tax_cents") {
        constraints.push("CHECK (tax_cents IS NULL OR tax_cents <= amount_cents)".to_owned());
    }
    constraints
}

fn cascade_depth(columns: &[Column], tables: &[Table]) -> usize {
    columns
        .iter()
        .filter(|column| column.cascades)
        .filter_map(|column| tables.get(column.parent?))
        .map(|parent| parent.depth + 1)
        .max()
        .unwrap_or(0)
}

/// Creates a column that references a table.
pub(super) fn reference_column(table: &Table, number: usize, not_null: bool) -> Column {
    let plural = table
        .name
        .trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
    let thing = THINGS
        .iter()
        .find(|(_, many)| plural.ends_with(&format!("_{many}")));
    let singular = thing.map_or("other", |(singular, _)| singular);

    let name = format!("{}_{singular}_id", table.area);
    Column {
        not_null,
        parent: Some(number),
        cascades: not_null && !number.is_multiple_of(3) && table.depth < MOST_CASCADES,
        ..Column::new(&name, table.key_type())
    }
}

/// Creates a column of values with constraints that suit its name and type.
pub(super) fn value_column(random: &mut Random, name: &str, ty: ColumnType) -> Column {
    let mut column = Column::new(name, ty);
    column.not_null = match ty {
        ColumnType::Boolean => true,
        ColumnType::Datetime => false,
        ColumnType::Integer | ColumnType::Real => random.one_in(2),
        ColumnType::Text => !random.one_in(3),
    };

    match ty {
        ColumnType::Boolean => {
            let default = if random.one_in(3) { "TRUE" } else { "FALSE" };
            column.default = Some(default);
        }
        ColumnType::Integer | ColumnType::Real => {
            if column.not_null || random.one_in(3) {
                column.default = Some(ty.default());
            }
            if random.one_in(4) {
                column.check = Some(format!("{name} >= 0"));
            }
        }
        ColumnType::Text if name == "status" => {
            column.default = Some("'new'");
            column.check = Some("status IN ('new', 'open', 'waiting', 'done')".to_owned());
        }
        ColumnType::Text if name == "currency" => {
            column.default = Some("'EUR'");
            column.check = Some("length(currency) = 3".to_owned());
        }
        ColumnType::Text | ColumnType::Datetime => {}
    }
    column
}

/// Returns the CREATE TABLE statement of a table under some name.
pub(super) fn create_table(name: &str, table: &Table, tables: &[Table]) -> String {
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|column| definition(column, table, tables))
        .collect();
    lines.extend(table.constraints.iter().cloned());

    let lines = lines.join(",\n    ");
    format!("CREATE TABLE {name} (\n    {lines}\n);\n\n")
}

/// Returns the definition of a column in CREATE TABLE or ADD COLUMN.
pub(super) fn definition(column: &Column, table: &Table, tables: &[Table]) -> String {
    let mut text = format!("{} {}", column.name, column.ty.declared());
    let is_key = column.name == "id";
    if is_key {
        text.push_str(" PRIMARY KEY");
    }
    if column.not_null || (is_key && column.ty == ColumnType::Text) {
        text.push_str(" NOT NULL");
    }
    if column.unique {
        text.push_str(" UNIQUE");
    }
    if let Some(default) = column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(check) = &column.check {
        text.push_str(&format!(" CHECK ({check})"));
    }

    if let Some(parent) = column.parent {
        // A new table that references itself is not in `tables` yet.
        let name = &tables.get(parent).unwrap_or(table).name;
        let delete = match (column.cascades, column.not_null) {
            (true, _) => " ON DELETE CASCADE",
            (false, true) => "",
            (false, false) => " ON DELETE SET NULL",
        };
        text.push_str(&format!(" REFERENCES {name} (id){delete}"));
    }
    text
}
