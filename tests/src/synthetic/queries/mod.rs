//! The annotated queries.

mod aggregates;
mod joins;
mod lookups;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Column, ColumnType, Schema, Table};
use crate::random::Random;

/// A query before its name is made unique.
struct Query {
    name: String,
    /// The annotation of how many rows it returns.
    rows: &'static str,
    sql: String,
}

impl Query {
    fn exec(name: String, sql: String) -> Self {
        let rows = "exec";
        Self { name, rows, sql }
    }

    fn one(name: String, sql: String) -> Self {
        let rows = "one";
        Self { name, rows, sql }
    }

    fn optional(name: String, sql: String) -> Self {
        let rows = "optional";
        Self { name, rows, sql }
    }

    fn many(name: String, sql: String) -> Self {
        let rows = "many";
        Self { name, rows, sql }
    }
}

/// Writes queries over a schema.
#[derive(Debug)]
pub(super) struct Queries<'a> {
    random: Random,
    schema: &'a Schema,
    /// For each table, the numbers of the tables that reference it, and the referencing columns.
    children: Vec<Vec<(usize, &'a Column)>>,
}

impl<'a> Queries<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        let mut children: Vec<Vec<(usize, &Column)>> = vec![Vec::new(); schema.tables.len()];
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

    /// Writes `count` queries. Returns the text of each file by its path.
    pub(super) fn files(mut self, count: usize) -> BTreeMap<String, String> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut names = BTreeSet::new();

        for _ in 0..count {
            let number = self.random.below(self.schema.tables.len());
            let query = self.query(number);
            let mut name = query.name.clone();
            let mut version = 1;
            while !names.insert(name.clone()) {
                version += 1;
                name = format!("{}_v{version}", query.name);
            }

            let docs = if self.random.one_in(3) {
                "-- What the page of that name shows, or does.\n"
            } else {
                ""
            };
            // Four consecutive tables share a file.
            let first = &self.schema.tables[number / 4 * 4];
            let path = format!("{}/{}.sql", first.area, first.name);
            let Query { rows, sql, .. } = query;
            files
                .entry(path)
                .or_default()
                .push_str(&format!("-- name: {name} :{rows}\n{docs}{sql};\n\n"));
        }
        files
    }

    /// Writes a query about a table. The shares are those of a typical application.
    fn query(&mut self, number: usize) -> Query {
        match self.random.below(100) {
            0..15 => self.by_id(number),
            15..20 => self.by_unique_column(number),
            20..33 => self.list(number),
            33..43 => self.join(number, 2),
            43..53 => self.join(number, 5),
            53..60 => self.totals(number),
            60..65 => self.ranked_parents(number),
            65..67 => self.tree(number),
            67..71 => self.newest_per_group(number),
            71..80 => self.insert(number),
            80..84 => self.upsert(number),
            84..90 => self.update(number),
            90..92 => self.delete(number),
            92..95 => self.by_ids(number),
            95..97 => self.page_of_view(number),
            _ => self.feed(number),
        }
    }

    fn table(&self, number: usize) -> &'a Table {
        &self.schema.tables[number]
    }

    /// Returns a list of result columns: the key and at most `most` values.
    fn result_columns(&mut self, table: &Table, most: usize) -> String {
        let mut names = vec!["id"];
        let values = self.random.sample(&table.values(), most);
        names.extend(values.iter().map(|column| column.name.as_str()));
        names.join(", ")
    }

    /// Returns conditions on one table. `alias` qualifies its columns and ends with a dot, or is
    /// empty.
    fn conditions(&mut self, table: &Table, alias: &str) -> Vec<String> {
        let mut conditions = Vec::new();
        let references = table.references();
        if !references.is_empty() && !self.random.one_in(3) {
            let (column, _) = self.random.pick(&references);
            let name = &column.name;
            conditions.push(format!("{alias}{name} = :{name}"));
        }

        for column in self.random.sample(&table.values(), 2) {
            if column.name != "created_at" && column.name != "deleted_at" {
                conditions.push(self.condition(column, alias));
            }
        }

        if table.has("deleted_at") {
            conditions.push(format!("{alias}deleted_at IS NULL"));
        }
        if conditions.is_empty() || self.random.one_in(3) {
            conditions.push(format!("{alias}created_at >= :since"));
        }
        conditions
    }

    fn condition(&mut self, column: &Column, alias: &str) -> String {
        let name = &column.name;
        match column.ty {
            ColumnType::Text if self.random.one_in(3) => {
                format!("{alias}{name} LIKE '%' || :{name} || '%'")
            }
            ColumnType::Text => format!("(:{name} IS NULL OR {alias}{name} = :{name})"),
            ColumnType::Integer | ColumnType::Real if self.random.one_in(3) => {
                format!("{alias}{name} BETWEEN :least_{name} AND :most_{name}")
            }
            ColumnType::Integer | ColumnType::Real => format!("{alias}{name} >= :{name}"),
            ColumnType::Boolean => format!("{alias}{name} = :{name}"),
            ColumnType::Datetime => {
                format!("({alias}{name} IS NULL OR {alias}{name} > CURRENT_TIMESTAMP)")
            }
        }
    }

    /// Returns a result column that is computed from one or two columns.
    fn computed_column(&mut self, table: &Table, alias: &str) -> String {
        let numbers = table.numbers();
        let texts = table.values_of(ColumnType::Text);
        match (numbers.as_slice(), texts.as_slice()) {
            ([first, ..], _) if self.random.one_in(2) => {
                let name = &first.name;
                format!(
                    "CASE WHEN {alias}{name} IS NULL THEN 'none' \
                     WHEN {alias}{name} > 1000 THEN 'large' ELSE 'small' END AS {name}_class"
                )
            }
            ([first, second, ..], _) if self.random.one_in(2) => {
                let (first, second) = (&first.name, &second.name);
                format!(
                    "COALESCE({alias}{first}, 0) + COALESCE({alias}{second}, 0) * 2 AS weighted"
                )
            }
            (_, [first, second, ..]) => {
                let (first, second) = (&first.name, &second.name);
                format!("COALESCE({alias}{first}, {alias}{second}, '-') AS shown")
            }
            (_, [first]) => {
                let name = &first.name;
                format!("upper(substr(COALESCE({alias}{name}, ''), 1, 20)) AS shown")
            }
            (_, []) => format!("strftime('%Y-%m', {alias}created_at) AS month"),
        }
    }
}
