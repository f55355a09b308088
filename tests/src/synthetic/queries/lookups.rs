//! Queries that read one table or view.

use super::{Queries, Query};
use crate::synthetic::schema::{ColumnType, Table};

impl Queries<'_> {
    /// Reads the row of a key.
    pub(super) fn by_id(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let columns = if self.random.one_in(4) {
            "*".to_owned()
        } else {
            let most = self.random.between(2, 9);
            self.result_columns(table, most)
        };
        let not_deleted = if table.has("deleted_at") {
            " AND deleted_at IS NULL"
        } else {
            ""
        };

        let table = &table.name;
        let name = format!("{table}_by_id");
        let sql = format!("SELECT {columns} FROM {table} WHERE id = :id{not_deleted}");
        if self.random.one_in(4) {
            Query::one(name, sql)
        } else {
            Query::optional(name, sql)
        }
    }

    /// Reads the row of a unique value, or whether there is one.
    pub(super) fn by_unique_column(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let Some(unique) = table.unique() else {
            return self.by_id(number);
        };

        let name = &unique.name;
        if self.random.one_in(3) {
            let table = &table.name;
            let exists = format!("SELECT 1 FROM {table} WHERE {name} = :{name}");
            let sql = format!("SELECT EXISTS ({exists}) AS found");
            return Query::one(format!("{table}_{name}_taken"), sql);
        }

        let columns = self.result_columns(table, 6);
        let table = &table.name;
        let sql = format!("SELECT {columns} FROM {table} WHERE {name} = lower(trim(:{name}))");
        Query::optional(format!("{table}_by_{name}"), sql)
    }

    /// Reads a page of rows, newest first.
    pub(super) fn list(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let most = self.random.between(2, 8);
        let mut columns = self.result_columns(table, most);
        if self.random.one_in(3) {
            columns.push_str(", ");
            columns.push_str(&self.computed_column(table, ""));
        }
        let conditions = self.conditions(table, "").join("\n  AND ");
        let offset = if self.random.one_in(2) {
            " OFFSET :offset"
        } else {
            ""
        };

        let table = &table.name;
        let sql = format!(
            "SELECT {columns}\n\
             FROM {table}\n\
             WHERE {conditions}\n\
             ORDER BY created_at DESC, id LIMIT :limit{offset}"
        );
        Query::many(format!("list_{table}"), sql)
    }

    /// Reads the rows of a list of keys.
    pub(super) fn by_ids(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let columns = self.result_columns(table, 5);
        let statuses = if table.has("status") {
            " AND status NOT IN (:statuses)"
        } else {
            ""
        };

        let table = &table.name;
        let sql =
            format!("SELECT {columns}\nFROM {table}\nWHERE id IN (:ids){statuses}\nORDER BY id");
        Query::many(format!("{table}_by_ids"), sql)
    }

    /// Reads a page of a view.
    pub(super) fn page_of_view(&mut self, number: usize) -> Query {
        if self.schema.views.is_empty() {
            return self.list(number);
        }
        let view = &self.schema.views[self.random.below(self.schema.views.len())];
        let text = view
            .columns
            .iter()
            .find(|(name, ty)| *ty == ColumnType::Text && name != "id");
        let column = text.map_or("id", |(name, _)| name.as_str());

        let view = &view.name;
        let sql =
            format!("SELECT * FROM {view} WHERE {column} = :{column} ORDER BY id LIMIT :limit");
        Query::many(format!("{view}_page"), sql)
    }

    /// Reads the newest rows of two tables as one list.
    pub(super) fn feed(&mut self, number: usize) -> Query {
        let other = self.random.below(self.schema.tables.len());
        let (first, second) = (self.table(number), self.table(other));
        let arm = |table: &Table| {
            let name = &table.name;
            format!(
                "SELECT CAST(id AS TEXT) AS id, '{name}' AS kind, created_at\n\
                 FROM {name}\n\
                 WHERE created_at >= :since"
            )
        };

        let sql = format!(
            "{}\nUNION ALL\n{}\nORDER BY created_at DESC\nLIMIT :limit",
            arm(first),
            arm(second)
        );
        Query::many(format!("feed_of_{}_and_{}", first.name, second.name), sql)
    }
}
