//! The migrations: new tables, indexes, columns, views and triggers, and rebuilt tables.

use super::Size;
use super::names::COLUMNS;
use super::schema::{Column, ColumnType, Schema, Table, View};
use super::tables::{create_table, definition, new_table, reference_column, value_column};

/// The most columns that a table can grow to.
const MOST_COLUMNS: usize = 16;

/// The title of a migration and its text.
type Migration = (String, String);

impl Schema {
    /// Builds the schema. Returns the name and text of every migration.
    pub(super) fn migrations(&mut self, size: &Size) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for number in 1..=size.migrations {
            let (mut title, mut text) = self.migration(number, size);
            // Some schemas do not allow the migration. An ALTER TABLE is always possible.
            if text.is_empty() {
                (title, text) = self.add_columns();
            }
            files.push((format!("{number:04}_{title}.sql"), text));
        }
        files
    }

    fn migration(&mut self, number: usize, size: &Size) -> Migration {
        // Tables and indexes grow in proportion to the migrations.
        let due = |all: usize| (all * number).div_ceil(size.migrations);
        let (tables, indexes) = (due(size.tables), due(size.indexes));

        // The first migration needs a table, and the last one completes tables and indexes.
        if number == 1 || number == size.migrations {
            return self.add_tables(tables, indexes);
        }
        match self.random.below(20) {
            0 => self.rebuild_table(),
            1 | 2 => self.add_view(),
            3 => self.add_trigger(),
            4 => ("add_indexes".to_owned(), self.add_indexes(indexes)),
            5..=10 => self.add_columns(),
            _ => self.add_tables(tables, indexes),
        }
    }

    /// Adds tables and indexes until the schema has as many as given.
    fn add_tables(&mut self, tables: usize, indexes: usize) -> Migration {
        let mut text = String::new();
        let first = self.tables.len();
        while self.tables.len() < tables {
            let table = new_table(&mut self.random, &self.tables);
            text.push_str(&create_table(&table.name, &table, &self.tables));
            self.tables.push(table);
        }
        text.push_str(&self.add_indexes(indexes));

        let title = match self.tables.get(first) {
            Some(table) => format!("create_{}", table.name),
            None => "add_indexes".to_owned(),
        };
        (title, text)
    }

    /// Adds indexes until the schema has `wanted`: first on the references of the latest tables.
    fn add_indexes(&mut self, wanted: usize) -> String {
        let mut text = String::new();
        let oldest = self.tables.len().saturating_sub(12);
        for number in (oldest..self.tables.len()).rev() {
            let references: Vec<String> = self.tables[number]
                .references()
                .iter()
                .map(|(column, _)| column.name.clone())
                .collect();
            for reference in references {
                if self.indexes < wanted {
                    text.push_str(&self.add_index(number, &[&reference]));
                }
            }
        }

        // Small tables run out of columns to index, so the number of attempts is limited.
        for _ in 0..wanted * 20 {
            if self.indexes >= wanted || self.tables.is_empty() {
                break;
            }
            let number = self.random.below(self.tables.len());
            let most = self.random.between(1, 2);
            let columns: Vec<&Column> = self.tables[number].columns[1..].iter().collect();
            let chosen = self.random.sample(&columns, most);
            let chosen: Vec<String> = chosen.iter().map(|column| column.name.clone()).collect();
            let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
            text.push_str(&self.add_index(number, &chosen));
        }
        text
    }

    /// Adds an index, unless the table has one on the same columns.
    fn add_index(&mut self, number: usize, columns: &[&str]) -> String {
        let is_partial = self.random.one_in(6);
        let table = &mut self.tables[number];
        let name = format!("idx_{}_{}", table.name, columns.join("_"));
        if table.indexes.contains_key(&name) {
            return String::new();
        }

        let filter = if is_partial && table.has("deleted_at") {
            " WHERE deleted_at IS NULL"
        } else {
            ""
        };
        let columns = columns.join(", ");
        let statement = format!(
            "CREATE INDEX {name} ON {} ({columns}){filter};\n",
            table.name
        );
        table.indexes.insert(name, statement.clone());
        self.indexes += 1;
        statement
    }

    /// Adds one to four columns to existing tables, some with an UPDATE that fills the new column.
    fn add_columns(&mut self) -> Migration {
        let mut text = String::new();
        let mut title = String::new();
        let mut wanted = self.random.between(1, 4);

        // The chosen table may be too wide, or have the column: another one is tried.
        for _ in 0..1000 {
            if wanted == 0 {
                break;
            }
            let number = self.random.below(self.tables.len());
            let added = self.new_column(number);
            let table = &self.tables[number];
            if table.columns.len() >= MOST_COLUMNS || table.has(&added.name) {
                continue;
            }

            let (table_name, name) = (&table.name, &added.name);
            title = format!("add_{name}_to_{table_name}");
            let definition = definition(&added, table, &self.tables);
            text.push_str(&format!(
                "ALTER TABLE {table_name} ADD COLUMN {definition};\n"
            ));
            if added.parent.is_none() && !added.not_null && self.random.one_in(3) {
                let value = added.ty.default();
                text.push_str(&format!(
                    "UPDATE {table_name} SET {name} = {value} WHERE {name} IS NULL;\n"
                ));
            }

            self.tables[number].columns.push(added);
            wanted -= 1;
        }
        (title, text)
    }

    /// Creates a column to add to a table: a value, or a reference to an older table.
    fn new_column(&mut self, number: usize) -> Column {
        let parent = self.random.below(number);
        let (name, ty) = COLUMNS[self.random.below(COLUMNS.len())];
        let is_reference = number > 0 && self.random.one_in(5);
        let mut column = value_column(&mut self.random, name, ty);

        if is_reference {
            // ADD COLUMN does not support references that are NOT NULL.
            column = reference_column(&self.tables[parent], parent, false);
        } else if column.not_null && column.default.is_none() {
            column.default = Some(ty.default());
        }
        column
    }

    /// Makes a column NOT NULL. ALTER TABLE cannot, so the migration copies the table as SQLite's
    /// documentation describes.
    fn rebuild_table(&mut self) -> Migration {
        let mut candidates = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            for (position, column) in table.columns.iter().enumerate() {
                if !table.pinned && can_become_not_null(column) {
                    candidates.push((number, position));
                }
            }
        }
        if candidates.is_empty() {
            return (String::new(), String::new());
        }

        let (number, position) = self.random.pick(&candidates);
        let changed = &mut self.tables[number].columns[position];
        let default = changed.ty.default();
        changed.not_null = true;
        changed.default = changed.default.or(Some(default));

        let changed = changed.name.clone();
        let table = &self.tables[number];
        let text = rebuild_statements(table, &self.tables, &changed, default);
        (format!("require_{changed}_of_{}", table.name), text)
    }

    /// Adds a view of a table, joined to its parent if it has one.
    fn add_view(&mut self) -> Migration {
        let number = self.random.below(self.tables.len());
        let table = &self.tables[number];
        let name = format!("current_{}", table.name);
        if self.views.iter().any(|view| view.name == name) {
            return (String::new(), String::new());
        }

        let mut columns = vec![("id".to_owned(), table.key_type())];
        let mut selected = vec!["a.id".to_owned()];
        for column in self.random.sample(&table.values(), 5) {
            columns.push((column.name.clone(), column.ty));
            selected.push(format!("a.{}", column.name));
        }

        let mut from = format!("FROM {} AS a\n", table.name);
        let mut pinned = vec![number];
        if let Some((reference, parent)) = table.references().first().copied()
            && parent != number
        {
            let other = &self.tables[parent];
            from.push_str(&format!(
                "LEFT JOIN {} AS b ON b.id = a.{}\n",
                other.name, reference.name
            ));
            for column in self.random.sample(&other.values(), 2) {
                let alias = format!("parent_{}", column.name);
                selected.push(format!("b.{} AS {alias}", column.name));
                columns.push((alias, column.ty));
            }
            pinned.push(parent);
        }

        let filter = if table.has("deleted_at") {
            "a.deleted_at IS NULL"
        } else {
            "a.created_at >= '2020-01-01'"
        };
        let selected = selected.join(", ");
        let text = format!("CREATE VIEW {name} AS\nSELECT {selected}\n{from}WHERE {filter};\n");

        for number in pinned {
            self.tables[number].pinned = true;
        }
        let title = format!("create_{name}");
        self.views.push(View { name, columns });
        (title, text)
    }

    /// Adds a trigger that updates `updated_at`, or one that rejects changes of `created_at`.
    fn add_trigger(&mut self) -> Migration {
        let number = self.random.below(self.tables.len());
        let table = &mut self.tables[number];
        if table.pinned {
            return (String::new(), String::new());
        }
        table.pinned = true;

        let name = &table.name;
        let text = if table.has("updated_at") {
            format!(
                "CREATE TRIGGER touch_{name} AFTER UPDATE ON {name}\n\
                 WHEN NEW.updated_at IS OLD.updated_at\n\
                 BEGIN\n    \
                 UPDATE {name} SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;\n\
                 END;\n"
            )
        } else {
            format!(
                "CREATE TRIGGER keep_{name} BEFORE UPDATE OF created_at ON {name}\n\
                 WHEN NEW.created_at <> OLD.created_at\n\
                 BEGIN\n    \
                 SELECT RAISE(ABORT, 'created_at does not change');\n\
                 END;\n"
            )
        };
        (format!("watch_{name}"), text)
    }
}

fn can_become_not_null(column: &Column) -> bool {
    !column.not_null
        && column.parent.is_none()
        && column.ty != ColumnType::Datetime
        && column.name != "id"
}

/// Returns the statements that copy a table and replace NULL in the changed column by its default.
fn rebuild_statements(table: &Table, tables: &[Table], changed: &str, default: &str) -> String {
    let name = &table.name;
    let new = format!("{name}_new");

    let mut columns = Vec::new();
    let mut values = Vec::new();
    for column in &table.columns {
        columns.push(column.name.as_str());
        values.push(if column.name == changed {
            format!("COALESCE({changed}, {default})")
        } else {
            column.name.clone()
        });
    }
    let (columns, values) = (columns.join(", "), values.join(", "));

    let mut text = "PRAGMA defer_foreign_keys = true;\n\n".to_owned();
    text.push_str(&create_table(&new, table, tables));
    text.push_str(&format!(
        "INSERT INTO {new} ({columns})\nSELECT {values}\nFROM {name};\n\n"
    ));
    text.push_str(&format!("DROP TABLE {name};\n\n"));
    text.push_str(&format!("ALTER TABLE {new} RENAME TO {name};\n\n"));
    text.extend(table.indexes.values().map(String::as_str));
    text
}
