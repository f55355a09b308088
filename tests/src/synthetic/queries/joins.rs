//! Queries that join two to five tables along their references.

use std::collections::BTreeSet;

use super::{Queries, Query};
use crate::synthetic::schema::{Column, Table};

/// A table in a FROM clause.
#[derive(Clone, Copy)]
struct Joined<'a> {
    alias: char,
    number: usize,
    table: &'a Table,
}

/// A FROM clause.
struct Chain<'a> {
    joined: Vec<Joined<'a>>,
    /// The references that are in use, by alias and column.
    used: BTreeSet<(char, &'a str)>,
    sql: String,
}

impl<'a> Queries<'a> {
    /// Reads a page of a table with values of at most `most` tables.
    pub(super) fn join(&mut self, number: usize, most: usize) -> Query {
        let most = if most > 2 {
            self.random.between(3, most)
        } else {
            most
        };
        let Chain {
            joined, sql: from, ..
        } = self.chain(number, most);
        if joined.len() == 1 {
            return self.list(number);
        }

        let table = self.table(number);
        let mut columns: Vec<String> = vec!["a.id".to_owned()];
        for column in self.random.sample(&table.values(), 4) {
            columns.push(format!("a.{}", column.name));
        }
        for Joined { alias, table, .. } in &joined[1..] {
            for column in self.random.sample(&table.values(), 2) {
                let name = &column.name;
                columns.push(format!("{alias}.{name} AS {alias}_{name}"));
            }
        }
        if self.random.one_in(3) {
            columns.push(self.computed_column(table, "a."));
        }

        let columns = columns.join(", ");
        let conditions = self.conditions(table, "a.").join("\n  AND ");
        let sql = format!(
            "SELECT {columns}\n\
             {from}\n\
             WHERE {conditions}\n\
             ORDER BY a.created_at DESC, a.id\n\
             LIMIT :limit"
        );
        let areas: Vec<&str> = joined[1..].iter().map(|other| other.table.area).collect();
        Query::many(format!("{}_with_{}", table.name, areas.join("_")), sql)
    }

    /// Joins at most `most` tables: each to a random one of those before it.
    fn chain(&mut self, number: usize, most: usize) -> Chain<'a> {
        let table = self.table(number);
        let mut chain = Chain {
            joined: vec![Joined {
                alias: 'a',
                number,
                table,
            }],
            used: BTreeSet::new(),
            sql: format!("FROM {} AS a", table.name),
        };

        let aliases = ['b', 'c', 'd', 'e'].into_iter();
        for alias in aliases.take(most.saturating_sub(1)) {
            let source = self.random.pick(&chain.joined);
            let mut references = source.table.references();
            references
                .retain(|(column, _)| !chain.used.contains(&(source.alias, column.name.as_str())));
            let has_children = !self.children[source.number].is_empty();

            if !references.is_empty() && (!has_children || !self.random.one_in(3)) {
                let reference = self.random.pick(&references);
                self.join_parent(&mut chain, source, alias, reference);
            } else if has_children {
                self.join_child(&mut chain, source, alias);
            }
        }
        chain
    }

    /// Joins the table that a column of `source` references.
    fn join_parent(
        &mut self,
        chain: &mut Chain<'a>,
        source: Joined<'a>,
        alias: char,
        (column, number): (&'a Column, usize),
    ) {
        let table = self.table(number);
        let operator = if !column.not_null || self.random.one_in(5) {
            "LEFT JOIN"
        } else {
            "JOIN"
        };

        chain.sql.push_str(&format!(
            "\n{operator} {} AS {alias} ON {alias}.id = {}.{}",
            table.name, source.alias, column.name
        ));
        chain.used.insert((source.alias, &column.name));
        chain.joined.push(Joined {
            alias,
            number,
            table,
        });
    }

    /// Joins a table that references `source`.
    fn join_child(&mut self, chain: &mut Chain<'a>, source: Joined<'a>, alias: char) {
        let (number, column) = self.random.pick(&self.children[source.number]);
        let table = self.table(number);
        let operator = if self.random.one_in(3) {
            "JOIN"
        } else {
            "LEFT JOIN"
        };
        let not_deleted = if table.has("deleted_at") {
            format!(" AND {alias}.deleted_at IS NULL")
        } else {
            String::new()
        };

        chain.sql.push_str(&format!(
            "\n{operator} {} AS {alias} ON {alias}.{} = {}.id{not_deleted}",
            table.name, column.name, source.alias
        ));
        chain.joined.push(Joined {
            alias,
            number,
            table,
        });
    }
}
