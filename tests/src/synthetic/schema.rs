//! The schema that the migrations build and the queries read.

use std::collections::BTreeMap;

use crate::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Integer,
    Text,
    Real,
    Boolean,
    Datetime,
}

impl ColumnType {
    pub(super) fn declared(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Text => "TEXT",
            Self::Real => "REAL",
            Self::Boolean => "BOOLEAN",
            Self::Datetime => "DATETIME",
        }
    }

    /// Returns a DEFAULT that any column of the type can have.
    pub(super) fn default(self) -> &'static str {
        match self {
            Self::Integer => "0",
            Self::Text => "''",
            Self::Real => "0.0",
            Self::Boolean => "FALSE",
            Self::Datetime => "'1970-01-01 00:00:00'",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: ColumnType,
    pub(super) not_null: bool,
    pub(super) default: Option<&'static str>,
    pub(super) unique: bool,
    /// The condition of its CHECK constraint.
    pub(super) check: Option<String>,
    /// The number of the table that it references.
    pub(super) parent: Option<usize>,
    /// Whether the reference has ON DELETE CASCADE.
    pub(super) cascades: bool,
}

impl Column {
    /// Creates a nullable column without constraints.
    pub(super) fn new(name: &str, ty: ColumnType) -> Self {
        Self {
            name: name.to_owned(),
            ty,
            not_null: false,
            default: None,
            unique: false,
            check: None,
            parent: None,
            cascades: false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Table {
    /// The area of the application that it belongs to.
    pub(super) area: &'static str,
    pub(super) name: String,
    /// The first is the key, `id`. A new table ends with `created_at`.
    pub(super) columns: Vec<Column>,
    /// The table constraints.
    pub(super) constraints: Vec<String>,
    /// The CREATE INDEX statements, by name of the index.
    pub(super) indexes: BTreeMap<String, String>,
    /// Whether a view or a trigger depends on it, so that no migration can rebuild it.
    pub(super) pinned: bool,
    /// The length of the longest chain of cascading references from it.
    pub(super) depth: usize,
}

impl Table {
    pub(super) fn key_type(&self) -> ColumnType {
        self.columns[0].ty
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// Returns the columns that are neither the key nor references.
    pub(super) fn values(&self) -> Vec<&Column> {
        self.columns[1..]
            .iter()
            .filter(|column| column.parent.is_none())
            .collect()
    }

    pub(super) fn values_of(&self, ty: ColumnType) -> Vec<&Column> {
        let mut values = self.values();
        values.retain(|column| column.ty == ty);
        values
    }

    /// Returns the INTEGER columns, then the REAL columns, without the key and references.
    pub(super) fn numbers(&self) -> Vec<&Column> {
        let mut numbers = self.values_of(ColumnType::Integer);
        numbers.extend(self.values_of(ColumnType::Real));
        numbers
    }

    /// Returns the columns that reference a table, with the number of the table.
    pub(super) fn references(&self) -> Vec<(&Column, usize)> {
        self.columns
            .iter()
            .filter_map(|column| column.parent.map(|parent| (column, parent)))
            .collect()
    }

    pub(super) fn unique(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.unique)
    }
}

/// A view of one table, or of a table joined to its parent.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) columns: Vec<(String, ColumnType)>,
}

/// The schema after the migrations so far.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) random: Random,
    pub(super) tables: Vec<Table>,
    pub(super) views: Vec<View>,
    /// The number of indexes.
    pub(super) indexes: usize,
}

impl Schema {
    pub(super) fn new() -> Self {
        Self {
            random: Random(2026),
            tables: Vec::new(),
            views: Vec::new(),
            indexes: 0,
        }
    }
}
