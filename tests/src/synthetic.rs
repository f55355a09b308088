//! A project that nobody wrote, as large as a real one: an application that grew for some years.
//!
//! The same size gives the same files, byte for byte. Every query in it is one that the compiler accepts,
//! and every name and type that the writer of the queries uses is one that its writer of migrations made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use crate::random::Random;

/// How large a project is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Files of migrations.
    pub migrations: usize,
    /// Tables that they leave.
    pub tables: usize,
    /// Indexes that they leave, without those that SQLite makes for keys.
    pub indexes: usize,
    /// Annotated queries.
    pub queries: usize,
}

impl Size {
    /// A real application's.
    #[must_use]
    pub fn full() -> Self {
        Self {
            migrations: 340,
            tables: 420,
            indexes: 760,
            queries: 1300,
        }
    }

    /// Half of everything.
    #[must_use]
    pub fn half() -> Self {
        Self::full().part(2)
    }

    /// A quarter of everything.
    #[must_use]
    pub fn quarter() -> Self {
        Self::full().part(4)
    }

    /// One part of so many equal ones.
    #[must_use]
    pub fn part(self, parts: usize) -> Self {
        Self {
            migrations: self.migrations / parts,
            tables: self.tables / parts,
            indexes: self.indexes / parts,
            queries: self.queries / parts,
        }
    }

    /// The migrations of this size, with their tables and indexes, and the queries of another.
    #[must_use]
    pub fn with_queries_of(self, other: Self) -> Self {
        Self {
            queries: other.queries,
            ..self
        }
    }
}

/// Writes a project of some size: `wrangler.toml`, `migrations/*.sql` and `queries/db/*.sql`.
///
/// # Errors
/// When a file or a folder cannot be written.
pub fn write(folder: &Path, size: &Size) -> io::Result<()> {
    let migrations = folder.join("migrations");
    fs::create_dir_all(&migrations)?;
    fs::write(folder.join("wrangler.toml"), MANIFEST)?;
    let mut schema = Schema::new();
    for (name, text) in schema.grow(size) {
        fs::write(migrations.join(name), text)?;
    }
    for (name, text) in Queries::new(&schema).all(size.queries) {
        let path = folder.join("queries/db").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

const MANIFEST: &str = "name = \"synthetic\"
main = \"build/index.js\"
compatibility_date = \"2026-04-01\"

[vars]
ENVIRONMENT = \"production\"

[[d1_databases]]
binding = \"DB\"
database_name = \"synthetic\"
database_id = \"00000000-0000-0000-0000-000000000000\"

[[kv_namespaces]]
binding = \"CACHE\"
id = \"00000000000000000000000000000000\"

[[r2_buckets]]
binding = \"STORAGE\"
bucket_name = \"synthetic\"
";

/// The parts of the application, in the order in which they were built.
const AREAS: [&str; 20] = [
    "account", "billing", "catalog", "order", "stock", "shipping", "support", "content", "media",
    "campaign", "crm", "project", "calendar", "staff", "payroll", "fleet", "audit", "report",
    "partner", "survey",
];

/// What each of them has tables of: singular, plural.
const THINGS: [(&str, &str); 21] = [
    ("member", "members"),
    ("plan", "plans"),
    ("item", "items"),
    ("entry", "entries"),
    ("line", "lines"),
    ("note", "notes"),
    ("event", "events"),
    ("label", "labels"),
    ("file", "files"),
    ("template", "templates"),
    ("rule", "rules"),
    ("batch", "batches"),
    ("address", "addresses"),
    ("comment", "comments"),
    ("token", "tokens"),
    ("setting", "settings"),
    ("snapshot", "snapshots"),
    ("schedule", "schedules"),
    ("assignment", "assignments"),
    ("change", "changes"),
    ("export", "exports"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Text,
    Real,
    Boolean,
    Datetime,
}

impl Kind {
    fn declared(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Text => "TEXT",
            Self::Real => "REAL",
            Self::Boolean => "BOOLEAN",
            Self::Datetime => "DATETIME",
        }
    }

    /// A DEFAULT that suits any column of it.
    fn default(self) -> &'static str {
        match self {
            Self::Integer => "0",
            Self::Text => "''",
            Self::Real => "0.0",
            Self::Boolean => "FALSE",
            Self::Datetime => "'1970-01-01 00:00:00'",
        }
    }
}

/// The columns that tables have, besides their keys.
const COLUMNS: [(&str, Kind); 46] = [
    ("name", Kind::Text),
    ("title", Kind::Text),
    ("description", Kind::Text),
    ("status", Kind::Text),
    ("currency", Kind::Text),
    ("country", Kind::Text),
    ("locale", Kind::Text),
    ("color", Kind::Text),
    ("phone", Kind::Text),
    ("contact_email", Kind::Text),
    ("url", Kind::Text),
    ("body", Kind::Text),
    ("reason", Kind::Text),
    ("source", Kind::Text),
    ("payload", Kind::Text),
    ("quantity", Kind::Integer),
    ("amount_cents", Kind::Integer),
    ("tax_cents", Kind::Integer),
    ("version", Kind::Integer),
    ("size_bytes", Kind::Integer),
    ("attempts", Kind::Integer),
    ("duration_ms", Kind::Integer),
    ("priority", Kind::Integer),
    ("sort_order", Kind::Integer),
    ("views_count", Kind::Integer),
    ("rate", Kind::Real),
    ("score", Kind::Real),
    ("weight", Kind::Real),
    ("discount", Kind::Real),
    ("latitude", Kind::Real),
    ("longitude", Kind::Real),
    ("is_active", Kind::Boolean),
    ("is_archived", Kind::Boolean),
    ("is_public", Kind::Boolean),
    ("is_default", Kind::Boolean),
    ("is_verified", Kind::Boolean),
    ("is_locked", Kind::Boolean),
    ("updated_at", Kind::Datetime),
    ("deleted_at", Kind::Datetime),
    ("expires_at", Kind::Datetime),
    ("starts_at", Kind::Datetime),
    ("ends_at", Kind::Datetime),
    ("published_at", Kind::Datetime),
    ("last_seen_at", Kind::Datetime),
    ("completed_at", Kind::Datetime),
    ("synced_at", Kind::Datetime),
];

/// The columns that are unique in the tables that have one.
const UNIQUE: [&str; 4] = ["slug", "code", "external_id", "email"];

/// The most columns of a table.
const MOST_COLUMNS: usize = 16;

/// How many tables a row can take with it, one for another. D1 refuses to go deeper than 10.
const MOST_CASCADES: usize = 3;

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
    not_null: bool,
    default: Option<&'static str>,
    unique: bool,
    /// A CHECK of its own.
    check: Option<String>,
    /// The table that it refers to.
    parent: Option<usize>,
    /// Whether its row goes with that table's.
    cascades: bool,
}

#[derive(Debug)]
struct Table {
    /// The part of the application that it is of.
    area: &'static str,
    name: String,
    /// The first is the key, `id`; the last at its creation is `created_at`.
    columns: Vec<Column>,
    /// The constraints of the table itself.
    constraints: Vec<String>,
    /// The statements of its indexes.
    indexes: BTreeMap<String, String>,
    /// Whether a view or a trigger holds on to it, so that it is not rebuilt.
    pinned: bool,
    /// How many tables its rows can go with, one for another.
    depth: usize,
}

impl Table {
    fn key(&self) -> Kind {
        self.columns[0].kind
    }

    fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// The columns that hold values of the application, so neither the key nor a reference.
    fn values(&self) -> Vec<&Column> {
        self.columns[1..]
            .iter()
            .filter(|column| column.parent.is_none())
            .collect()
    }

    fn values_of(&self, kind: Kind) -> Vec<&Column> {
        self.values()
            .into_iter()
            .filter(|column| column.kind == kind)
            .collect()
    }

    /// The columns that refer to another table.
    fn references(&self) -> Vec<(&Column, usize)> {
        self.columns
            .iter()
            .filter_map(|column| column.parent.map(|parent| (column, parent)))
            .collect()
    }

    fn unique(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.unique)
    }
}

/// A view over one table, or over one and its parent.
#[derive(Debug)]
struct View {
    name: String,
    columns: Vec<(String, Kind)>,
}

/// The schema while it grows.
#[derive(Debug)]
struct Schema {
    random: Random,
    tables: Vec<Table>,
    views: Vec<View>,
    indexes: usize,
}

impl Schema {
    fn new() -> Self {
        Self {
            random: Random(2026),
            tables: Vec::new(),
            views: Vec::new(),
            indexes: 0,
        }
    }

    /// Every migration: name and text.
    fn grow(&mut self, size: &Size) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for number in 1..=size.migrations {
            let due = |all: usize| (all * number).div_ceil(size.migrations);
            let (tables, indexes) = (due(size.tables), due(size.indexes));
            let is_edge = number == 1 || number == size.migrations;
            let (title, text) = match if is_edge { 15 } else { self.random.below(20) } {
                0 => self.rebuild(),
                1 | 2 => self.view(),
                3 => self.trigger(),
                4 => (String::from("add_indexes"), self.more_indexes(indexes)),
                5..=10 => self.alter(),
                _ => self.feature(tables, indexes),
            };
            // A file whose turn had nothing to do alters some table.
            let (title, text) = if text.is_empty() {
                self.alter()
            } else {
                (title, text)
            };
            files.push((format!("{number:04}_{title}.sql"), text));
        }
        files
    }

    /// New tables and their indexes.
    fn feature(&mut self, tables: usize, indexes: usize) -> (String, String) {
        let mut text = String::new();
        let first = self.tables.len();
        while self.tables.len() < tables {
            let table = self.table();
            text.push_str(&create(&table.name, &table, &self.tables));
            self.tables.push(table);
        }
        text.push_str(&self.more_indexes(indexes));
        let title = self.tables.get(first).map_or_else(
            || "add_indexes".to_owned(),
            |table| format!("create_{}", table.name),
        );
        (title, text)
    }

    fn table(&mut self) -> Table {
        let number = self.tables.len();
        let (area, (_, plural)) = (
            AREAS[number / THINGS.len() % AREAS.len()],
            THINGS[number % THINGS.len()],
        );
        // More tables than there are names for are numbered.
        let turn = number / (AREAS.len() * THINGS.len());
        let suffix = if turn == 0 {
            String::new()
        } else {
            format!("_{}", turn + 1)
        };
        let random = &mut self.random;
        let key = if random.one_in(9) {
            Kind::Text
        } else {
            Kind::Integer
        };
        let mut columns = vec![column("id", key)];
        let wanted = random.between(4, 14);
        if number > 0 {
            for _ in 0..random.between(0, 3).min(wanted - 3) {
                // Mostly to what is near, else to the oldest ones.
                let parent = if random.one_in(4) {
                    random.below(number.min(6))
                } else {
                    number - 1 - random.below(number.min(8))
                };
                let reference = reference(&self.tables[parent], parent, !random.one_in(3));
                if columns.iter().all(|column| column.name != reference.name) {
                    columns.push(reference);
                }
            }
        }
        if key == Kind::Integer && columns.len() + 3 < wanted && random.one_in(10) {
            columns.push(Column {
                parent: Some(number),
                ..column("parent_id", key)
            });
        }
        if random.one_in(3) {
            let name = UNIQUE[random.below(UNIQUE.len())];
            columns.push(Column {
                unique: true,
                not_null: true,
                ..column(name, Kind::Text)
            });
        }
        for (name, kind) in random.some(&COLUMNS, wanted - columns.len() - 1) {
            columns.push(value(random, name, kind));
        }
        columns.push(Column {
            not_null: true,
            default: Some("CURRENT_TIMESTAMP"),
            ..column("created_at", Kind::Datetime)
        });
        let has = |name: &str| columns.iter().any(|column| column.name == name);
        let mut constraints = Vec::new();
        if has("starts_at") && has("ends_at") {
            constraints.push("CHECK (ends_at IS NULL OR ends_at >= starts_at)".to_owned());
        }
        if has("amount_cents") && has("tax_cents") {
            constraints.push("CHECK (tax_cents IS NULL OR tax_cents <= amount_cents)".to_owned());
        }
        let gone_with = columns
            .iter()
            .filter(|column| column.cascades)
            .filter_map(|column| self.tables.get(column.parent?));
        let depth = gone_with.map(|parent| parent.depth + 1).max().unwrap_or(0);
        let name = format!("{area}_{plural}{suffix}");
        Table {
            area,
            name,
            columns,
            constraints,
            indexes: BTreeMap::new(),
            pinned: false,
            depth,
        }
    }

    /// Indexes until there are so many: those of references first, youngest table first.
    fn more_indexes(&mut self, wanted: usize) -> String {
        let mut text = String::new();
        for number in (self.tables.len().saturating_sub(12)..self.tables.len()).rev() {
            let references: Vec<String> = self.tables[number]
                .references()
                .iter()
                .map(|(column, _)| column.name.clone())
                .collect();
            for reference in references {
                if self.indexes < wanted {
                    text.push_str(&self.index(number, &[&reference]));
                }
            }
        }
        // A table has no more names of columns than some: what was tried too often is left.
        for _ in 0..wanted * 20 {
            if self.indexes >= wanted || self.tables.is_empty() {
                break;
            }
            let number = self.random.below(self.tables.len());
            let names: Vec<String> = self.tables[number].columns[1..]
                .iter()
                .map(|column| column.name.clone())
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let most = self.random.between(1, 2);
            let chosen = self.random.some(&names, most);
            text.push_str(&self.index(number, &chosen));
        }
        text
    }

    fn index(&mut self, number: usize, columns: &[&str]) -> String {
        let partial = self.random.one_in(6);
        let table = &mut self.tables[number];
        let name = format!("idx_{}_{}", table.name, columns.join("_"));
        if table.indexes.contains_key(&name) {
            return String::new();
        }
        let filter = if partial && table.has("deleted_at") {
            " WHERE deleted_at IS NULL"
        } else {
            ""
        };
        let statement = format!(
            "CREATE INDEX {name} ON {} ({}){filter};\n",
            table.name,
            columns.join(", ")
        );
        table.indexes.insert(name, statement.clone());
        self.indexes += 1;
        statement
    }

    /// ALTER TABLE ADD COLUMN, some times, with what fills the new column in.
    fn alter(&mut self) -> (String, String) {
        let mut text = String::new();
        let mut title = String::new();
        let mut wanted = self.random.between(1, 4);
        // A table that is wide already, or has the column, is no candidate: another one is tried.
        for _ in 0..1000 {
            if wanted == 0 {
                break;
            }
            let number = self.random.below(self.tables.len());
            let parent = self.random.below(number);
            let (name, kind) = COLUMNS[self.random.below(COLUMNS.len())];
            let refers = number > 0 && self.random.one_in(5);
            let mut added = value(&mut self.random, name, kind);
            if refers {
                // SQLite takes no reference that is NOT NULL here.
                added = reference(&self.tables[parent], parent, false);
            }
            if added.not_null && added.default.is_none() {
                added.default = Some(kind.default());
            }
            let table = &self.tables[number];
            if table.columns.len() >= MOST_COLUMNS || table.has(&added.name) {
                continue;
            }
            title = format!("add_{}_to_{}", added.name, table.name);
            let (table_name, column_name) = (table.name.clone(), added.name.clone());
            text.push_str(&format!(
                "ALTER TABLE {table_name} ADD COLUMN {};\n",
                definition(&added, table, &self.tables)
            ));
            if !refers && !added.not_null && self.random.one_in(3) {
                let value = kind.default();
                text.push_str(&format!(
                    "UPDATE {table_name} SET {column_name} = {value} WHERE {column_name} IS NULL;\n"
                ));
            }
            self.tables[number].columns.push(added);
            wanted -= 1;
        }
        (title, text)
    }

    /// What SQLite's documentation does where ALTER TABLE cannot: a column becomes NOT NULL.
    fn rebuild(&mut self) -> (String, String) {
        let candidate = |table: &Table, column: &Column| {
            !table.pinned
                && !column.not_null
                && column.parent.is_none()
                && column.kind != Kind::Datetime
                && column.name != "id"
        };
        let candidates: Vec<(usize, usize)> = (0..self.tables.len())
            .flat_map(|number| {
                (0..self.tables[number].columns.len()).map(move |column| (number, column))
            })
            .filter(|(number, column)| {
                candidate(
                    &self.tables[*number],
                    &self.tables[*number].columns[*column],
                )
            })
            .collect();
        if candidates.is_empty() {
            return (String::new(), String::new());
        }
        let (number, position) = candidates[self.random.below(candidates.len())];
        let changed = &mut self.tables[number].columns[position];
        changed.not_null = true;
        changed.default = changed.default.or(Some(changed.kind.default()));
        let (changed, default) = (changed.name.clone(), changed.kind.default());
        let table = &self.tables[number];
        let new = format!("{}_new", table.name);
        let names: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let read: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                if column.name == changed {
                    format!("COALESCE({changed}, {default})")
                } else {
                    column.name.clone()
                }
            })
            .collect();
        let mut text = "PRAGMA defer_foreign_keys = true;\n\n".to_owned();
        text.push_str(&create(&new, table, &self.tables));
        text.push_str(&format!(
            "INSERT INTO {new} ({})\nSELECT {}\nFROM {};\n\n",
            names.join(", "),
            read.join(", "),
            table.name
        ));
        text.push_str(&format!(
            "DROP TABLE {};\n\nALTER TABLE {new} RENAME TO {};\n\n",
            table.name, table.name
        ));
        text.extend(table.indexes.values().map(String::as_str));
        (format!("require_{changed}_of_{}", table.name), text)
    }

    /// A view over a table, with its parent if it has one.
    fn view(&mut self) -> (String, String) {
        let number = self.random.below(self.tables.len());
        let name = format!("current_{}", self.tables[number].name);
        if self.views.iter().any(|view| view.name == name) {
            return (String::new(), String::new());
        }
        let table = &self.tables[number];
        let mut columns = vec![("id".to_owned(), table.key())];
        let mut read = vec!["a.id".to_owned()];
        for column in self.random.some(&table.values(), 5) {
            columns.push((column.name.clone(), column.kind));
            read.push(format!("a.{}", column.name));
        }
        let mut from = format!("FROM {} AS a\n", table.name);
        let mut pinned = vec![number];
        if let Some((reference, parent)) = table
            .references()
            .first()
            .copied()
            .filter(|(_, parent)| *parent != number)
        {
            let other = &self.tables[parent];
            from.push_str(&format!(
                "LEFT JOIN {} AS b ON b.id = a.{}\n",
                other.name, reference.name
            ));
            for column in self.random.some(&other.values(), 2) {
                columns.push((format!("parent_{}", column.name), column.kind));
                read.push(format!("b.{} AS parent_{}", column.name, column.name));
            }
            pinned.push(parent);
        }
        let filter = if table.has("deleted_at") {
            "a.deleted_at IS NULL"
        } else {
            "a.created_at >= '2020-01-01'"
        };
        let text = format!(
            "CREATE VIEW {name} AS\nSELECT {}\n{from}WHERE {filter};\n",
            read.join(", ")
        );
        for number in pinned {
            self.tables[number].pinned = true;
        }
        self.views.push(View {
            name: name.clone(),
            columns,
        });
        (format!("create_{name}"), text)
    }

    /// A trigger that keeps `updated_at`, or one that refuses an edit.
    fn trigger(&mut self) -> (String, String) {
        let number = self.random.below(self.tables.len());
        let table = &mut self.tables[number];
        if table.pinned {
            return (String::new(), String::new());
        }
        table.pinned = true;
        let name = &table.name;
        let title = format!("watch_{name}");
        let text = if table.has("updated_at") {
            format!(
                "CREATE TRIGGER touch_{name} AFTER UPDATE ON {name}\nWHEN NEW.updated_at IS OLD.updated_at\nBEGIN\n    \
                 UPDATE {name} SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;\nEND;\n"
            )
        } else {
            format!(
                "CREATE TRIGGER keep_{name} BEFORE UPDATE OF created_at ON {name}\nWHEN NEW.created_at <> OLD.created_at\nBEGIN\n    \
                 SELECT RAISE(ABORT, 'created_at does not change');\nEND;\n"
            )
        };
        (title, text)
    }
}

fn column(name: &str, kind: Kind) -> Column {
    Column {
        name: name.to_owned(),
        kind,
        not_null: false,
        default: None,
        unique: false,
        check: None,
        parent: None,
        cascades: false,
    }
}

/// A column that refers to a table.
fn reference(table: &Table, number: usize, not_null: bool) -> Column {
    let plural = table
        .name
        .trim_end_matches(|last: char| last.is_ascii_digit() || last == '_');
    let singular = THINGS
        .iter()
        .find(|(_, many)| plural.ends_with(&format!("_{many}")))
        .map_or("other", |(one, _)| one);
    let name = format!("{}_{singular}_id", table.area);
    let cascades = not_null && !number.is_multiple_of(3) && table.depth < MOST_CASCADES;
    Column {
        not_null,
        parent: Some(number),
        cascades,
        ..column(&name, table.key())
    }
}

/// A column of values, with the constraints that such a column would have.
fn value(random: &mut Random, name: &str, kind: Kind) -> Column {
    let mut made = column(name, kind);
    made.not_null = match kind {
        Kind::Boolean => true,
        Kind::Datetime => false,
        Kind::Integer | Kind::Real => random.one_in(2),
        Kind::Text => !random.one_in(3),
    };
    if kind == Kind::Boolean {
        made.default = Some(if random.one_in(3) { "TRUE" } else { "FALSE" });
    } else if name == "status" {
        made.default = Some("'new'");
        made.check = Some("status IN ('new', 'open', 'waiting', 'done')".to_owned());
    } else if matches!(kind, Kind::Integer | Kind::Real) {
        if made.not_null || random.one_in(3) {
            made.default = Some(kind.default());
        }
        if random.one_in(4) {
            made.check = Some(format!("{name} >= 0"));
        }
    } else if name == "currency" {
        made.check = Some("length(currency) = 3".to_owned());
        made.default = Some("'EUR'");
    }
    made
}

/// A column as CREATE TABLE and ADD COLUMN have it.
fn definition(column: &Column, table: &Table, tables: &[Table]) -> String {
    let mut text = format!("{} {}", column.name, column.kind.declared());
    if column.name == "id" {
        text.push_str(" PRIMARY KEY");
    }
    if column.not_null || (column.name == "id" && column.kind == Kind::Text) {
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
        let name = tables
            .get(parent)
            .map_or(&table.name, |parent| &parent.name);
        let delete = match (column.cascades, column.not_null) {
            (true, _) => " ON DELETE CASCADE",
            (false, true) => "",
            (false, false) => " ON DELETE SET NULL",
        };
        text.push_str(&format!(" REFERENCES {name} (id){delete}"));
    }
    text
}

fn create(name: &str, table: &Table, tables: &[Table]) -> String {
    let definitions = table
        .columns
        .iter()
        .map(|column| definition(column, table, tables));
    let lines: Vec<String> = definitions
        .chain(table.constraints.iter().cloned())
        .collect();
    format!(
        "CREATE TABLE {name} (\n    {}\n);\n\n",
        lines.join(",\n    ")
    )
}

/// One query: what its name begins with, how many rows it gives, and its SQL.
type Written = (String, &'static str, String);

/// The writer of the queries.
#[derive(Debug)]
struct Queries<'a> {
    random: Random,
    schema: &'a Schema,
    /// For each table, the tables that refer to it and their columns.
    children: Vec<Vec<(usize, &'a Column)>>,
}

/// A table in a FROM clause.
struct Joined<'a> {
    alias: char,
    number: usize,
    table: &'a Table,
}

impl<'a> Queries<'a> {
    fn new(schema: &'a Schema) -> Self {
        let mut children: Vec<Vec<(usize, &Column)>> =
            schema.tables.iter().map(|_| Vec::new()).collect();
        for (number, table) in schema.tables.iter().enumerate() {
            for (column, parent) in table.references() {
                children[parent].push((number, column));
            }
        }
        Self {
            random: Random(1300),
            schema,
            children,
        }
    }

    /// So many queries, by file: name and text.
    fn all(mut self, count: usize) -> BTreeMap<String, String> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for _ in 0..count {
            let number = self.random.below(self.schema.tables.len());
            let (base, rows, sql) = self.query(number);
            let mut name = base.clone();
            let mut turn = 1;
            while !names.insert(name.clone()) {
                turn += 1;
                name = format!("{base}_v{turn}");
            }
            // Four tables that were made together share a file.
            let first = &self.schema.tables[number / 4 * 4];
            let docs = if self.random.one_in(3) {
                "-- What the page of that name shows, or does.\n"
            } else {
                ""
            };
            let file = files
                .entry(format!("{}/{}.sql", first.area, first.name))
                .or_default();
            file.push_str(&format!("-- name: {name} :{rows}\n{docs}{sql};\n\n"));
        }
        files
    }

    fn query(&mut self, number: usize) -> Written {
        match self.random.below(100) {
            0..15 => self.point(number),
            15..20 => self.by_unique(number),
            20..33 => self.list(number),
            33..43 => self.join(number, 2),
            43..53 => self.join(number, 5),
            53..60 => self.totals(number),
            60..65 => self.ranked_parents(number),
            65..67 => self.tree(number),
            67..71 => self.window(number),
            71..80 => self.insert(number),
            80..84 => self.upsert(number),
            84..90 => self.update(number),
            90..92 => self.delete(number),
            92..95 => self.by_ids(number),
            95..97 => self.page_of_view(number),
            _ => self.union(number),
        }
    }

    fn at(&self, number: usize) -> &'a Table {
        &self.schema.tables[number]
    }

    /// The names of some columns of values, after the key.
    fn read(&mut self, table: &Table, most: usize) -> String {
        let mut names = vec!["id"];
        names.extend(
            self.random
                .some(&table.values(), most)
                .iter()
                .map(|column| column.name.as_str()),
        );
        names.join(", ")
    }

    /// A row by its key.
    fn point(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let columns = if self.random.one_in(4) {
            "*".to_owned()
        } else {
            let most = self.random.between(2, 9);
            self.read(table, most)
        };
        let alive = if table.has("deleted_at") {
            " AND deleted_at IS NULL"
        } else {
            ""
        };
        let rows = if self.random.one_in(4) {
            "one"
        } else {
            "optional"
        };
        (
            format!("{}_by_id", table.name),
            rows,
            format!("SELECT {columns} FROM {} WHERE id = :id{alive}", table.name),
        )
    }

    /// A row by what is unique besides its key, or whether there is one.
    fn by_unique(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let Some(unique) = table.unique() else {
            return self.point(number);
        };
        let name = &unique.name;
        if self.random.one_in(3) {
            let sql = format!(
                "SELECT EXISTS (SELECT 1 FROM {} WHERE {name} = :{name}) AS found",
                table.name
            );
            return (format!("{}_{name}_taken", table.name), "one", sql);
        }
        let columns = self.read(table, 6);
        let sql = format!(
            "SELECT {columns} FROM {} WHERE {name} = lower(trim(:{name}))",
            table.name
        );
        (format!("{}_by_{name}", table.name), "optional", sql)
    }

    /// Conditions on one table, whose columns are qualified by `alias` where there is one.
    fn conditions(&mut self, table: &Table, alias: &str) -> Vec<String> {
        let mut conditions = Vec::new();
        let references = table.references();
        if !references.is_empty() && !self.random.one_in(3) {
            let name = &references[self.random.below(references.len())].0.name;
            conditions.push(format!("{alias}{name} = :{name}"));
        }
        for column in self.random.some(&table.values(), 2) {
            let name = &column.name;
            conditions.push(match column.kind {
                _ if name == "created_at" || name == "deleted_at" => continue,
                Kind::Text if self.random.one_in(3) => {
                    format!("{alias}{name} LIKE '%' || :{name} || '%'")
                }
                Kind::Text => format!("(:{name} IS NULL OR {alias}{name} = :{name})"),
                Kind::Integer | Kind::Real if self.random.one_in(3) => {
                    format!("{alias}{name} BETWEEN :least_{name} AND :most_{name}")
                }
                Kind::Integer | Kind::Real => format!("{alias}{name} >= :{name}"),
                Kind::Boolean => format!("{alias}{name} = :{name}"),
                Kind::Datetime => {
                    format!("({alias}{name} IS NULL OR {alias}{name} > CURRENT_TIMESTAMP)")
                }
            });
        }
        if table.has("deleted_at") {
            conditions.push(format!("{alias}deleted_at IS NULL"));
        }
        if conditions.is_empty() || self.random.one_in(3) {
            conditions.push(format!("{alias}created_at >= :since"));
        }
        conditions
    }

    fn list(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let most = self.random.between(2, 8);
        let mut columns = self.read(table, most);
        if self.random.one_in(3) {
            columns.push_str(&format!(", {}", self.computed(table, "")));
        }
        let conditions = self.conditions(table, "").join("\n  AND ");
        let offset = if self.random.one_in(2) {
            " OFFSET :offset"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {columns}\nFROM {}\nWHERE {conditions}\nORDER BY created_at DESC, id LIMIT :limit{offset}",
            table.name
        );
        (format!("list_{}", table.name), "many", sql)
    }

    /// A CASE or a COALESCE over some column.
    fn computed(&mut self, table: &Table, alias: &str) -> String {
        let numbers: Vec<&Column> = table
            .values_of(Kind::Integer)
            .into_iter()
            .chain(table.values_of(Kind::Real))
            .collect();
        let texts = table.values_of(Kind::Text);
        match (numbers.as_slice(), texts.as_slice()) {
            ([first, ..], _) if self.random.one_in(2) => {
                let name = &first.name;
                format!(
                    "CASE WHEN {alias}{name} IS NULL THEN 'none' WHEN {alias}{name} > 1000 THEN 'large' ELSE 'small' END AS {name}_class"
                )
            }
            ([first, second, ..], _) if self.random.one_in(2) => {
                format!(
                    "COALESCE({alias}{}, 0) + COALESCE({alias}{}, 0) * 2 AS weighted",
                    first.name, second.name
                )
            }
            (_, [first, second, ..]) => format!(
                "COALESCE({alias}{}, {alias}{}, '-') AS shown",
                first.name, second.name
            ),
            (_, [first]) => format!(
                "upper(substr(COALESCE({alias}{}, ''), 1, 20)) AS shown",
                first.name
            ),
            _ => format!("strftime('%Y-%m', {alias}created_at) AS month"),
        }
    }

    /// A chain of joins along the references, from a table: the FROM clause.
    fn chain(&mut self, number: usize, most: usize) -> (Vec<Joined<'a>>, String) {
        let mut joined = vec![Joined {
            alias: 'a',
            number,
            table: self.at(number),
        }];
        let mut from = format!("FROM {} AS a", self.at(number).name);
        let mut used: BTreeSet<(char, String)> = BTreeSet::new();
        for alias in ['b', 'c', 'd', 'e']
            .into_iter()
            .take(most.saturating_sub(1))
        {
            let from_index = self.random.below(joined.len());
            let (other, other_table, other_number) = {
                let source = &joined[from_index];
                (source.alias, source.table, source.number)
            };
            let references: Vec<(&Column, usize)> = other_table
                .references()
                .into_iter()
                .filter(|(column, _)| !used.contains(&(other, column.name.clone())))
                .collect();
            let children = &self.children[other_number];
            let upwards = !references.is_empty() && (children.is_empty() || !self.random.one_in(3));
            if upwards {
                let (column, parent) = references[self.random.below(references.len())];
                used.insert((other, column.name.clone()));
                let kind = if !column.not_null || self.random.one_in(5) {
                    "LEFT JOIN"
                } else {
                    "JOIN"
                };
                let table = self.at(parent);
                from.push_str(&format!(
                    "\n{kind} {} AS {alias} ON {alias}.id = {other}.{}",
                    table.name, column.name
                ));
                joined.push(Joined {
                    alias,
                    number: parent,
                    table,
                });
            } else if let Some((child, column)) =
                (!children.is_empty()).then(|| children[self.random.below(children.len())])
            {
                let kind = if self.random.one_in(3) {
                    "JOIN"
                } else {
                    "LEFT JOIN"
                };
                let table = self.at(child);
                let alive = if table.has("deleted_at") {
                    format!(" AND {alias}.deleted_at IS NULL")
                } else {
                    String::new()
                };
                from.push_str(&format!(
                    "\n{kind} {} AS {alias} ON {alias}.{} = {other}.id{alive}",
                    table.name, column.name
                ));
                joined.push(Joined {
                    alias,
                    number: child,
                    table,
                });
            }
        }
        (joined, from)
    }

    fn join(&mut self, number: usize, most: usize) -> Written {
        let most = if most > 2 {
            self.random.between(3, most)
        } else {
            most
        };
        let (joined, from) = self.chain(number, most);
        if joined.len() == 1 {
            return self.list(number);
        }
        let table = self.at(number);
        let mut columns: Vec<String> = vec!["a.id".to_owned()];
        columns.extend(
            self.random
                .some(&table.values(), 4)
                .iter()
                .map(|column| format!("a.{}", column.name)),
        );
        for other in &joined[1..] {
            for column in self.random.some(&other.table.values(), 2) {
                columns.push(format!(
                    "{}.{} AS {}_{}",
                    other.alias, column.name, other.alias, column.name
                ));
            }
        }
        if self.random.one_in(3) {
            columns.push(self.computed(table, "a."));
        }
        let conditions = self.conditions(table, "a.").join("\n  AND ");
        let with: Vec<&str> = joined[1..].iter().map(|other| other.table.area).collect();
        let sql = format!(
            "SELECT {}\n{from}\nWHERE {conditions}\nORDER BY a.created_at DESC, a.id\nLIMIT :limit",
            columns.join(", ")
        );
        (
            format!("{}_with_{}", table.name, with.join("_")),
            "many",
            sql,
        )
    }

    /// Aggregates, by a column or over all.
    fn totals(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let mut read = vec![
            "count(*) AS rows_count".to_owned(),
            "max(a.created_at) AS latest".to_owned(),
        ];
        for column in table
            .values_of(Kind::Integer)
            .into_iter()
            .chain(table.values_of(Kind::Real))
            .take(3)
        {
            let name = &column.name;
            read.push(match self.random.below(3) {
                0 => format!("sum(a.{name}) AS {name}_sum"),
                1 => format!("avg(a.{name}) AS {name}_mean"),
                _ => format!(
                    "COALESCE(sum(a.{name}) FILTER (WHERE a.{name} > 0), 0) AS {name}_positive"
                ),
            });
        }
        let conditions = self.conditions(table, "a.").join("\n  AND ");
        let references = table.references();
        if references.is_empty() || self.random.one_in(5) {
            let sql = format!(
                "SELECT {}\nFROM {} AS a\nWHERE {conditions}",
                read.join(", "),
                table.name
            );
            return (format!("totals_of_{}", table.name), "one", sql);
        }
        let (column, parent) = references[self.random.below(references.len())];
        let other = self.at(parent);
        let shown = other
            .values()
            .first()
            .map_or("id", |column| column.name.as_str());
        let sql = format!(
            "SELECT b.id AS group_id, b.{shown} AS group_{shown}_shown, {}\nFROM {} AS a\nJOIN {} AS b ON b.id = a.{}\nWHERE {conditions}\n\
             GROUP BY b.id, b.{shown}\nHAVING count(*) >= :least\nORDER BY rows_count DESC LIMIT 100",
            read.join(", "),
            table.name,
            other.name,
            column.name
        );
        (
            format!("totals_of_{}_by_{}", table.name, other.name),
            "many",
            sql,
        )
    }

    /// A CTE that counts children, joined to their parents.
    fn ranked_parents(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let references = table.references();
        if references.is_empty() {
            return self.totals(number);
        }
        let (column, parent) = references[self.random.below(references.len())];
        let other = self.at(parent);
        let shown: Vec<String> = self
            .random
            .some(&other.values(), 3)
            .iter()
            .map(|column| format!("p.{}", column.name))
            .collect();
        let more = if shown.is_empty() {
            String::new()
        } else {
            format!(", {}", shown.join(", "))
        };
        let name = &column.name;
        let conditions = self.conditions(table, "").join(" AND ");
        let sql = format!(
            "WITH counted AS (\n    SELECT {name}, count(*) AS rows_count, max(created_at) AS latest\n    FROM {}\n    WHERE {conditions}\n    \
             GROUP BY {name}\n), ranked AS (\n    SELECT {name}, rows_count, latest, rank() OVER (ORDER BY rows_count DESC) AS place\n    \
             FROM counted\n)\nSELECT p.id{more}, COALESCE(ranked.rows_count, 0) AS rows_count, ranked.latest, ranked.place\n\
             FROM {} AS p\nLEFT JOIN ranked ON ranked.{name} = p.id\nORDER BY rows_count DESC, p.id\nLIMIT :limit",
            table.name, other.name
        );
        (
            format!("{}_ranked_by_{}", other.name, table.name),
            "many",
            sql,
        )
    }

    /// A recursive CTE over a table that refers to itself.
    fn tree(&mut self, number: usize) -> Written {
        let own = |number: usize| {
            self.at(number)
                .references()
                .iter()
                .any(|(_, parent)| *parent == number)
        };
        let trees: Vec<usize> = (0..self.schema.tables.len())
            .filter(|number| own(*number))
            .collect();
        if trees.is_empty() {
            return self.window(number);
        }
        let chosen = self.random.below(trees.len());
        let table = self.at(trees[chosen]);
        let name = &table.name;
        let sql = format!(
            "WITH RECURSIVE tree (id, parent_id, depth) AS (\n    SELECT id, parent_id, 0 FROM {name} WHERE id = :id\n    UNION ALL\n    \
             SELECT child.id, child.parent_id, tree.depth + 1\n    FROM {name} AS child JOIN tree ON child.parent_id = tree.id\n    \
             WHERE tree.depth < 20\n)\nSELECT tree.id, tree.parent_id, tree.depth, {name}.created_at\n\
             FROM tree JOIN {name} ON {name}.id = tree.id\nORDER BY tree.depth, tree.id"
        );
        (format!("tree_of_{name}"), "many", sql)
    }

    /// Window functions: the newest of each group, and what came before.
    fn window(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let partition = table
            .references()
            .first()
            .map_or_else(String::new, |(column, _)| {
                format!("PARTITION BY {} ", column.name)
            });
        let running = table
            .values_of(Kind::Integer)
            .first()
            .map_or_else(String::new, |column| {
                format!(",\n           sum({}) OVER w AS running", column.name)
            });
        let outer = if running.is_empty() { "" } else { ", running" };
        let conditions = self.conditions(table, "").join(" AND ");
        let sql = format!(
            "SELECT id, created_at, place, earlier{outer}\nFROM (\n    SELECT id, created_at, row_number() OVER w AS place,\n           \
             lag(created_at) OVER w AS earlier{running}\n    FROM {}\n    WHERE {conditions}\n    \
             WINDOW w AS ({partition}ORDER BY created_at DESC)\n)\nWHERE place <= :most\nORDER BY place, id",
            table.name
        );
        (format!("newest_of_{}", table.name), "many", sql)
    }

    /// The columns that an INSERT gives: those that must be, and some others.
    fn given(&mut self, table: &'a Table) -> Vec<&'a Column> {
        let mut given = Vec::new();
        for column in &table.columns {
            let must = (column.name == "id" && column.kind == Kind::Text)
                || (column.not_null && column.default.is_none());
            if must || (column.name != "id" && column.name != "created_at" && self.random.one_in(2))
            {
                given.push(column);
            }
        }
        if given.is_empty() {
            given.extend(
                table
                    .columns
                    .iter()
                    .filter(|column| column.name != "id")
                    .take(1),
            );
        }
        given
    }

    fn values_clause(table: &Table, given: &[&Column]) -> String {
        let names: Vec<&str> = given.iter().map(|column| column.name.as_str()).collect();
        format!(
            "INSERT INTO {} ({})\nVALUES (:{})",
            table.name,
            names.join(", "),
            names.join(", :")
        )
    }

    fn insert(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let given = self.given(table);
        let insert = Self::values_clause(table, &given);
        if self.random.one_in(5) {
            return (format!("insert_{}", table.name), "exec", insert);
        }
        let columns = self.read(table, 3);
        (
            format!("add_{}", table.name),
            "one",
            format!("{insert}\nRETURNING {columns}"),
        )
    }

    fn upsert(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let mut given = self.given(table);
        let target = match table.unique() {
            Some(unique) => unique,
            None => &table.columns[0],
        };
        if given.iter().all(|column| column.name != target.name) {
            given.insert(0, target);
        }
        let changes: Vec<String> = given
            .iter()
            .filter(|column| column.name != target.name && column.name != "id")
            .map(|column| {
                let name = &column.name;
                match column.kind {
                    Kind::Text if !column.not_null => {
                        format!("{name} = COALESCE(excluded.{name}, {name})")
                    }
                    _ => format!("{name} = excluded.{name}"),
                }
            })
            .collect();
        let action = if changes.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", changes.join(",\n    "))
        };
        let insert = Self::values_clause(table, &given);
        let sql = format!(
            "{insert}\nON CONFLICT ({}) DO {action}\nRETURNING id, created_at",
            target.name
        );
        (format!("save_{}", table.name), "optional", sql)
    }

    fn update(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let most = self.random.between(1, 4);
        let mut changes: Vec<String> = Vec::new();
        for column in self.random.some(&table.values(), most) {
            let name = &column.name;
            changes.push(match column.kind {
                _ if name == "created_at" || name == "updated_at" => continue,
                Kind::Integer if self.random.one_in(2) => {
                    format!("{name} = COALESCE({name}, 0) + :by_{name}")
                }
                Kind::Text if column.not_null && self.random.one_in(2) => {
                    format!("{name} = COALESCE(:{name}, {name})")
                }
                _ => format!("{name} = :{name}"),
            });
        }
        if changes.is_empty() {
            changes.push("created_at = :created_at".to_owned());
        }
        if table.has("updated_at") {
            changes.push("updated_at = CURRENT_TIMESTAMP".to_owned());
        }
        let sql = format!(
            "UPDATE {}\nSET {}\nWHERE id = :id",
            table.name,
            changes.join(",\n    ")
        );
        if self.random.one_in(3) {
            let columns = self.read(table, 4);
            return (
                format!("change_{}", table.name),
                "optional",
                format!("{sql}\nRETURNING {columns}"),
            );
        }
        (format!("update_{}", table.name), "exec", sql)
    }

    fn delete(&mut self, number: usize) -> Written {
        let table = self.at(number);
        if self.random.one_in(2) {
            return (
                format!("remove_{}", table.name),
                "exec",
                format!("DELETE FROM {} WHERE id = :id", table.name),
            );
        }
        let conditions = self.conditions(table, "").join(" AND ");
        (
            format!("prune_{}", table.name),
            "exec",
            format!("DELETE FROM {}\nWHERE {conditions}", table.name),
        )
    }

    /// A slice of keys.
    fn by_ids(&mut self, number: usize) -> Written {
        let table = self.at(number);
        let columns = self.read(table, 5);
        let statuses = if table.has("status") {
            " AND status NOT IN (:statuses)"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {columns}\nFROM {}\nWHERE id IN (:ids){statuses}\nORDER BY id",
            table.name
        );
        (format!("{}_by_ids", table.name), "many", sql)
    }

    fn page_of_view(&mut self, number: usize) -> Written {
        if self.schema.views.is_empty() {
            return self.list(number);
        }
        let view = &self.schema.views[self.random.below(self.schema.views.len())];
        let texts: Vec<&(String, Kind)> = view
            .columns
            .iter()
            .filter(|(name, kind)| *kind == Kind::Text && name != "id")
            .collect();
        let filter = texts.first().map_or_else(
            || "id = :id".to_owned(),
            |(name, _)| format!("{name} = :{name}"),
        );
        let sql = format!(
            "SELECT * FROM {} WHERE {filter} ORDER BY id LIMIT :limit",
            view.name
        );
        (format!("{}_page", view.name), "many", sql)
    }

    /// What happened in two tables, in one list.
    fn union(&mut self, number: usize) -> Written {
        let other = self.random.below(self.schema.tables.len());
        let arm = |table: &Table| {
            format!(
                "SELECT CAST(id AS TEXT) AS id, '{}' AS kind, created_at\nFROM {}\nWHERE created_at >= :since",
                table.name, table.name
            )
        };
        let (first, second) = (self.at(number), self.at(other));
        let sql = format!(
            "{}\nUNION ALL\n{}\nORDER BY created_at DESC\nLIMIT :limit",
            arm(first),
            arm(second)
        );
        (
            format!("feed_of_{}_and_{}", first.name, second.name),
            "many",
            sql,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Size, write};
    use bindery_codegen::{Errors, Sources, compile};

    #[test]
    fn every_query_is_accepted_and_the_files_are_the_same_each_time() {
        let folder = std::env::temp_dir().join(format!("bindery-synthetic-{}", std::process::id()));
        let size = Size::full().part(20);
        let mut texts: Vec<Vec<String>> = Vec::new();
        for turn in ["first", "second"] {
            let folder = folder.join(turn);
            write(&folder, &size).expect("the project is written");
            let mut errors = Errors::default();
            let mut sources = Sources::default();
            let project = compile(
                &mut errors,
                &mut sources,
                &folder.join("wrangler.toml"),
                None,
            )
            .expect("there is a manifest");
            assert!(errors.is_empty(), "{}", errors.render(&sources).join("\n"));
            let database = project.database("DB").expect("the database is bound");
            assert_eq!(database.catalog.migrations.len(), size.migrations);
            assert_eq!(database.methods.len(), size.queries);
            texts.push(sources.files().map(|file| file.text.clone()).collect());
        }
        assert_eq!(texts[0], texts[1]);
        std::fs::remove_dir_all(&folder).expect("the project is removed");
    }
}
