//! Queries with aggregates, common table expressions and window functions.

use super::{Queries, Query};
use crate::synthetic::schema::{ColumnType, Table};

impl Queries<'_> {
    /// Aggregates a table, over all rows or per parent.
    pub(super) fn totals(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let mut columns = vec![
            "count(*) AS rows_count".to_owned(),
            "max(a.created_at) AS latest".to_owned(),
        ];
        for column in table.numbers().into_iter().take(3) {
            columns.push(self.aggregate(&column.name));
        }
        let columns = columns.join(", ");
        let conditions = self.conditions(table, "a.").join("\n  AND ");

        let references = table.references();
        let table = &table.name;
        if references.is_empty() || self.random.one_in(5) {
            let sql = format!("SELECT {columns}\nFROM {table} AS a\nWHERE {conditions}");
            return Query::one(format!("totals_of_{table}"), sql);
        }

        let (reference, parent) = self.random.pick(&references);
        let parent = self.table(parent);
        let values = parent.values();
        let shown = values.first().map_or("id", |column| column.name.as_str());
        let (reference, parent) = (&reference.name, &parent.name);
        let sql = format!(
            "SELECT b.id AS group_id, b.{shown} AS group_{shown}_shown, {columns}\n\
             FROM {table} AS a\n\
             JOIN {parent} AS b ON b.id = a.{reference}\n\
             WHERE {conditions}\n\
             GROUP BY b.id, b.{shown}\n\
             HAVING count(*) >= :least\n\
             ORDER BY rows_count DESC LIMIT 100"
        );
        Query::many(format!("totals_of_{table}_by_{parent}"), sql)
    }

    fn aggregate(&mut self, name: &str) -> String {
        match self.random.below(3) {
            0 => format!("sum(a.{name}) AS {name}_sum"),
            1 => format!("avg(a.{name}) AS {name}_mean"),
            _ => {
                format!("COALESCE(sum(a.{name}) FILTER (WHERE a.{name} > 0), 0) AS {name}_positive")
            }
        }
    }

    /// Ranks the rows of a parent by the number of their children, in common table expressions.
    pub(super) fn ranked_parents(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let references = table.references();
        if references.is_empty() {
            return self.totals(number);
        }

        let (reference, parent) = self.random.pick(&references);
        let parent = self.table(parent);
        let mut columns = "p.id".to_owned();
        for column in self.random.sample(&parent.values(), 3) {
            columns.push_str(&format!(", p.{}", column.name));
        }
        let conditions = self.conditions(table, "").join(" AND ");

        let (table, parent, reference) = (&table.name, &parent.name, &reference.name);
        let sql = format!(
            "WITH counted AS (\n    \
             SELECT {reference}, count(*) AS rows_count, max(created_at) AS latest\n    \
             FROM {table}\n    \
             WHERE {conditions}\n    \
             GROUP BY {reference}\n\
             ), ranked AS (\n    \
             SELECT {reference}, rows_count, latest, \
             rank() OVER (ORDER BY rows_count DESC) AS place\n    \
             FROM counted\n\
             )\n\
             SELECT {columns}, COALESCE(ranked.rows_count, 0) AS rows_count, \
             ranked.latest, ranked.place\n\
             FROM {parent} AS p\n\
             LEFT JOIN ranked ON ranked.{reference} = p.id\n\
             ORDER BY rows_count DESC, p.id\n\
             LIMIT :limit"
        );
        Query::many(format!("{parent}_ranked_by_{table}"), sql)
    }

    /// Reads the descendants of a row of a table that references itself, recursively.
    pub(super) fn tree(&mut self, number: usize) -> Query {
        let references_itself = |number: usize, table: &Table| {
            let references = table.references();
            references.iter().any(|(_, parent)| *parent == number)
        };
        let mut trees = Vec::new();
        for (number, table) in self.schema.tables.iter().enumerate() {
            if references_itself(number, table) {
                trees.push(&table.name);
            }
        }
        if trees.is_empty() {
            return self.newest_per_group(number);
        }

        let name = self.random.pick(&trees);
        let sql = format!(
            "WITH RECURSIVE tree (id, parent_id, depth) AS (\n    \
             SELECT id, parent_id, 0 FROM {name} WHERE id = :id\n    \
             UNION ALL\n    \
             SELECT child.id, child.parent_id, tree.depth + 1\n    \
             FROM {name} AS child JOIN tree ON child.parent_id = tree.id\n    \
             WHERE tree.depth < 20\n\
             )\n\
             SELECT tree.id, tree.parent_id, tree.depth, {name}.created_at\n\
             FROM tree JOIN {name} ON {name}.id = tree.id\n\
             ORDER BY tree.depth, tree.id"
        );
        Query::many(format!("tree_of_{name}"), sql)
    }

    /// Reads the newest rows of each group and the row before each, with window functions.
    pub(super) fn newest_per_group(&mut self, number: usize) -> Query {
        let table = self.table(number);
        let references = table.references();
        let partition = match references.first() {
            Some((column, _)) => format!("PARTITION BY {} ", column.name),
            None => String::new(),
        };
        let integers = table.values_of(ColumnType::Integer);
        let (running, outer) = match integers.first() {
            Some(column) => {
                let sum = format!("sum({}) OVER w AS running", column.name);
                (format!(",\n           {sum}"), ", running")
            }
            None => (String::new(), ""),
        };
        let conditions = self.conditions(table, "").join(" AND ");

        let table = &table.name;
        let sql = format!(
            "SELECT id, created_at, place, earlier{outer}\n\
             FROM (\n    \
             SELECT id, created_at, row_number() OVER w AS place,\n           \
             lag(created_at) OVER w AS earlier{running}\n    \
             FROM {table}\n    \
             WHERE {conditions}\n    \
             WINDOW w AS ({partition}ORDER BY created_at DESC)\n\
             )\n\
             WHERE place <= :most\n\
             ORDER BY place, id"
        );
        Query::many(format!("newest_of_{table}"), sql)
    }
}
