//! INSERT, UPDATE and DELETE.

use super::{Allow, Generator, Relation, Scope, Source};

impl Generator<'_> {
    pub(super) fn insert(&mut self) -> String {
        let table = self.target_table();
        let or = self.random.pick(&["", " OR IGNORE", " OR REPLACE"]);
        let values: Vec<String> = table
            .writable
            .iter()
            .map(|_| self.assigned_value())
            .collect();

        let source = if !self.writes_arguments && self.random.one_in(3) {
            self.select(table.writable.len(), 1, false)
        } else {
            format!("VALUES ({})", values.join(", "))
        };

        let may_conflict = or.is_empty() && source.starts_with("VALUES");
        let conflict = if may_conflict && self.random.one_in(3) {
            self.on_conflict(&table)
        } else {
            String::new()
        };

        let returning = self.returning(&table);
        let columns = table.writable.join(", ");
        format!(
            "INSERT{or} INTO {} ({columns}) {source}{conflict}{returning}",
            table.name
        )
    }

    pub(super) fn update(&mut self) -> String {
        let table = self.target_table();
        let column = self.writable_column(&table);

        self.scopes.push(scope_of(&table));
        let value = match self.random.below(4) {
            0 => self.number(&column),
            1 if !self.writes_arguments => self.expression(1, Allow::Plain),
            _ => self.assigned_value(),
        };
        let filter = self.expression(2, Allow::Plain);
        self.scopes.pop();

        let returning = self.returning(&table);
        format!(
            "UPDATE OR IGNORE {} SET {column} = {value} WHERE {filter}{returning}",
            table.name
        )
    }

    pub(super) fn delete(&mut self) -> String {
        let table = self.target_table();

        self.scopes.push(scope_of(&table));
        let filter = self.expression(2, Allow::Plain);
        self.scopes.pop();

        let returning = self.returning(&table);
        format!("DELETE FROM {} WHERE {filter}{returning}", table.name)
    }

    /// Picks a table to write to.
    pub(super) fn target_table(&mut self) -> Relation {
        let tables: Vec<&Relation> = self
            .relations
            .iter()
            .filter(|relation| !relation.writable.is_empty())
            .collect();
        tables[self.random.below(tables.len())].clone()
    }

    pub(super) fn writable_column(&mut self, table: &Relation) -> String {
        table.writable[self.random.below(table.writable.len())].clone()
    }

    fn on_conflict(&mut self, table: &Relation) -> String {
        let column = self.writable_column(table);
        if self.random.one_in(2) {
            " ON CONFLICT DO NOTHING".to_owned()
        } else {
            format!(" ON CONFLICT DO UPDATE SET {column} = excluded.{column}")
        }
    }

    fn returning(&mut self, table: &Relation) -> String {
        self.scopes.push(scope_of(table));
        let count = 1 + self.random.below(3);
        let columns: Vec<String> = (0..count)
            .map(|index| format!("{} AS c{index}", self.expression(2, Allow::Plain)))
            .collect();
        self.scopes.pop();

        format!(" RETURNING {}", columns.join(", "))
    }

    /// Returns a number, or one that is computed from a column.
    fn number(&mut self, column: &str) -> String {
        let number = self.random.pick(&["2", "1.5", "-0.5", "1e15"]);
        if self.random.one_in(2) {
            return number.to_owned();
        }
        let operator = self.random.pick(&["+", "-", "*", "/"]);
        format!("{column} {operator} {number}")
    }

    /// Returns a value to assign to a column.
    fn assigned_value(&mut self) -> String {
        if self.writes_arguments {
            self.parameter()
        } else {
            self.value()
        }
    }
}

/// The scope of a statement that writes to `table`.
fn scope_of(table: &Relation) -> Scope {
    Scope {
        relations: vec![Source {
            alias: table.name.clone(),
            columns: table.columns.clone(),
        }],
        merged: Vec::new(),
    }
}
