//! Queries that write.

use super::{Queries, Query};
use crate::synthetic::schema::{Column, ColumnType, Table};

impl<'a> Queries<'a> {
    pub(super) fn insert(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let columns = self.inserted_columns(table);
        let insert = insert_clause(table, &columns);
        if self.random.one_in(5) {
            return Query::exec(format!("insert_{}", table.name), insert);
        }

        let returned = self.result_columns(table, 3);
        let sql = format!("{insert}\nRETURNING {returned}");
        Query::one(format!("add_{}", table.name), sql)
    }

    pub(super) fn upsert(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let mut columns = self.inserted_columns(table);
        let target = table.unique().unwrap_or(&table.columns[0]);
        if columns.iter().all(|column| column.name != target.name) {
            columns.insert(0, target);
        }

        let changes: Vec<String> = columns
            .iter()
            .filter(|column| column.name != target.name && column.name != "id")
            .map(|column| excluded_assignment(column))
            .collect();
        let action = if changes.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", changes.join(",\n    "))
        };

        let insert = insert_clause(table, &columns);
        let target = &target.name;
        let sql = format!(
            "{insert}\n\
             ON CONFLICT ({target}) DO {action}\n\
             RETURNING id, created_at"
        );
        Query::optional(format!("save_{}", table.name), sql)
    }

    pub(super) fn update(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let most = self.random.between(1, 4);
        let mut changes: Vec<String> = Vec::new();
        for column in self.random.sample(&table.values(), most) {
            if column.name != "created_at" && column.name != "updated_at" {
                changes.push(self.assignment(column));
            }
        }
        if changes.is_empty() {
            changes.push("created_at = :created_at".to_owned());
        }
        if table.has("updated_at") {
            changes.push("updated_at = CURRENT_TIMESTAMP".to_owned());
        }

        let changes = changes.join(",\n    ");
        let sql = format!("UPDATE {}\nSET {changes}\nWHERE id = :id", table.name);
        if self.random.one_in(3) {
            let returned = self.result_columns(table, 4);
            let sql = format!("{sql}\nRETURNING {returned}");
            return Query::optional(format!("change_{}", table.name), sql);
        }
        Query::exec(format!("update_{}", table.name), sql)
    }

    pub(super) fn delete(&mut self, number: usize) -> Query {
        let table = self.table(number);
        if self.random.one_in(2) {
            let sql = format!("DELETE FROM {} WHERE id = :id", table.name);
            return Query::exec(format!("remove_{}", table.name), sql);
        }
        let conditions = self.conditions(table, "").join(" AND ");
        let sql = format!("DELETE FROM {}\nWHERE {conditions}", table.name);
        Query::exec(format!("prune_{}", table.name), sql)
    }

    /// Returns the columns of an INSERT: all that need a value, and some others.
    fn inserted_columns(&mut self, table: &'a Table) -> Vec<&'a Column> {
        let mut inserted = Vec::new();
        for column in &table.columns {
            let is_key = column.name == "id";
            let is_required = (is_key && column.ty == ColumnType::Text)
                || (column.not_null && column.default.is_none());
            let is_optional = !is_key && column.name != "created_at";
            if is_required || (is_optional && self.random.one_in(2)) {
                inserted.push(column);
            }
        }

        if inserted.is_empty() {
            let first = table.columns.iter().find(|column| column.name != "id");
            inserted.extend(first);
        }
        inserted
    }

    fn assignment(&mut self, column: &Column) -> String {
        let name = &column.name;
        match column.ty {
            ColumnType::Integer if self.random.one_in(2) => {
                format!("{name} = COALESCE({name}, 0) + :by_{name}")
            }
            ColumnType::Text if column.not_null && self.random.one_in(2) => {
                format!("{name} = COALESCE(:{name}, {name})")
            }
            ColumnType::Integer
            | ColumnType::Text
            | ColumnType::Real
            | ColumnType::Boolean
            | ColumnType::Datetime => format!("{name} = :{name}"),
        }
    }
}

fn insert_clause(table: &Table, columns: &[&Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    format!(
        "INSERT INTO {} ({})\nVALUES (:{})",
        table.name,
        names.join(", "),
        names.join(", :")
    )
}

/// Returns the assignment of an upsert. A NULL does not replace a text.
fn excluded_assignment(column: &Column) -> String {
    let name = &column.name;
    if column.ty == ColumnType::Text && !column.not_null {
        format!("{name} = COALESCE(excluded.{name}, {name})")
    } else {
        format!("{name} = excluded.{name}")
    }
}
