//! SELECT: common table expressions, compound selects, FROM clauses.

use std::fmt::Write;

use super::{Allow, DEPTH, Generator, Relation, Scope, Source};

impl Generator<'_> {
    /// Returns a select of `width` columns.
    pub(super) fn select(&mut self, width: usize, depth: usize, outermost: bool) -> String {
        let known_ctes = self.ctes.len();
        let mut sql = String::new();
        if depth > 1 && self.random.one_in(4) {
            let _ = write!(sql, "WITH {} ", self.cte(depth - 1));
        }

        let arms = if depth > 0 && self.random.one_in(5) {
            2 + self.random.below(2)
        } else {
            1
        };
        for arm in 0..arms {
            if arm > 0 {
                let operators = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT"];
                let operator = self.random.pick(&operators);
                let _ = write!(sql, " {operator} ");
            }
            let core = self.core(width, depth, arms == 1);
            sql.push_str(&core);
        }

        if arms > 1 && self.random.one_in(3) {
            sql.push_str(" ORDER BY 1");
        }
        if self.random.one_in(if outermost { 8 } else { 5 }) {
            let limit = self.limit();
            sql.push_str(&limit);
        }

        self.ctes.truncate(known_ctes);
        sql
    }

    /// Returns a select over relations that one column joins, with this column of each of them.
    pub(super) fn chain_of_joins(&mut self) -> String {
        let relations = self.relations;
        let relation = &relations[self.random.below(relations.len())];
        let shared = &relation.columns[self.random.below(relation.columns.len())];
        let holders: Vec<&Relation> = relations
            .iter()
            .filter(|relation| relation.columns.contains(shared))
            .collect();

        let mut columns = vec![format!("{shared} AS c0")];
        let mut from = String::new();
        for index in 1..=3 + self.random.below(2) {
            let relation = self.random.pick(&holders);
            let other = &relation.columns[self.random.below(relation.columns.len())];
            columns.push(format!("r{index}.{shared} AS s{index}"));
            columns.push(format!("r{index}.{other} AS o{index}"));

            let text = format!("{} AS r{index}", relation.name);
            if index > 1 {
                let link = self.link(&text, shared);
                from.push_str(&link);
            } else {
                from.push_str(&text);
            }
        }
        format!("SELECT {} FROM {from}", columns.join(", "))
    }

    /// Returns a join that merges the shared column.
    fn link(&mut self, text: &str, shared: &str) -> String {
        let operators = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"];
        let operator = self.random.pick(&operators);
        if self.random.one_in(4) {
            format!(" NATURAL {operator} {text}")
        } else {
            format!(" {operator} {text} USING ({shared})")
        }
    }

    fn limit(&mut self) -> String {
        let limit = if self.random.one_in(3) {
            self.parameter()
        } else {
            self.random.below(4).to_string()
        };

        match self.random.below(6) {
            0 => format!(" LIMIT {limit} OFFSET {}", self.random.below(3)),
            1 => format!(" LIMIT {}, {limit}", self.random.below(3)),
            _ => format!(" LIMIT {limit}"),
        }
    }

    /// Returns a common table expression, and adds it to those that the select can read.
    fn cte(&mut self, depth: usize) -> String {
        let name = self.fresh_name("w");
        if self.random.one_in(3) {
            return self.recursive_cte(name);
        }

        let width = 1 + self.random.below(3);
        let select = self.select(width, depth, false);
        let columns = column_names(width);
        let sql = format!("{name}({}) AS ({select})", columns.join(", "));
        self.ctes.push(Source {
            alias: name,
            columns,
        });
        sql
    }

    fn recursive_cte(&mut self, name: String) -> String {
        let start = self.value();
        let step = self.random.pick(&[
            "i + 1",
            "i || 'x'",
            "i * 2",
            "NULL",
            "i / 2",
            "coalesce(i, 1)",
        ]);

        let first = format!("SELECT {start}, 0");
        let next = format!("SELECT {step}, d + 1 FROM {name} WHERE d < 4");
        let sql = format!("RECURSIVE {name}(i, d) AS ({first} UNION ALL {next})");
        self.ctes.push(Source {
            alias: name,
            columns: vec!["i".to_owned(), "d".to_owned()],
        });
        sql
    }

    /// Returns one arm of a compound select.
    fn core(&mut self, width: usize, depth: usize, may_order: bool) -> String {
        if self.random.one_in(14) {
            return self.rows_of_values(width);
        }

        let has_source = !self.random.one_in(12);
        let from = if has_source {
            self.from(depth)
        } else {
            self.scopes.push(Scope::default());
            String::new()
        };
        let filter = if has_source && self.random.one_in(2) {
            format!(" WHERE {}", self.condition(depth.min(2)))
        } else {
            String::new()
        };

        let keys = if has_source && self.random.one_in(4) {
            self.group_keys()
        } else {
            Vec::new()
        };
        let grouped = !keys.is_empty();
        let allow = self.calls_of_core(grouped);
        let columns = self.result_columns(width, depth, &keys, allow);

        let mut group_by = String::new();
        if grouped {
            let _ = write!(group_by, " GROUP BY {}", keys.join(", "));
        }
        if grouped && self.random.one_in(3) {
            let having = self.expression(2, Allow::Aggregates);
            let _ = write!(group_by, " HAVING {having}");
        }
        let order_by = self.order_by(may_order);
        self.scopes.pop();

        let distinct = if self.random.one_in(10) {
            "DISTINCT "
        } else {
            ""
        };
        format!("SELECT {distinct}{columns}{from}{filter}{group_by}{order_by}")
    }

    fn rows_of_values(&mut self, width: usize) -> String {
        let count = 1 + self.random.below(3);
        let mut rows = Vec::new();
        for _ in 0..count {
            let values: Vec<String> = (0..width).map(|_| self.value()).collect();
            rows.push(format!("({})", values.join(", ")));
        }

        // VALUES names its columns `column1`, `column2`, ...
        let columns: Vec<String> = (0..width)
            .map(|index| format!("column{} AS c{index}", index + 1))
            .collect();
        format!(
            "SELECT {} FROM (VALUES {})",
            columns.join(", "),
            rows.join(", ")
        )
    }

    /// Returns the keys of a GROUP BY clause: possibly none.
    fn group_keys(&mut self) -> Vec<String> {
        let count = 1 + self.random.below(2);
        let mut keys: Vec<String> = (0..count)
            .map(|_| self.expression(1, Allow::Plain))
            .collect();
        keys.retain(|key| !is_number(key));
        keys
    }

    /// Decides which calls the result columns of a select may contain.
    fn calls_of_core(&mut self, grouped: bool) -> Allow {
        let aggregates = grouped || self.random.one_in(6);
        let windows = self.random.below(4) == 0;
        match (windows, aggregates) {
            (true, _) => Allow::Windows,
            (false, true) => Allow::Aggregates,
            (false, false) => Allow::Plain,
        }
    }

    fn result_columns(
        &mut self,
        width: usize,
        depth: usize,
        keys: &[String],
        allow: Allow,
    ) -> String {
        let mut columns = Vec::new();
        for index in 0..width {
            let expression = match keys.first() {
                Some(key) if self.random.one_in(3) => key.clone(),
                _ => self.expression(depth.min(DEPTH), allow),
            };
            columns.push(format!("{expression} AS c{index}"));
        }
        columns.join(", ")
    }

    fn order_by(&mut self, may_order: bool) -> String {
        if !may_order || !self.random.one_in(5) {
            return String::new();
        }
        let key = self.expression(1, Allow::Plain);
        if is_number(&key) {
            String::new()
        } else {
            format!(" ORDER BY {key}")
        }
    }

    /// Returns a FROM clause, and opens a scope with its relations.
    fn from(&mut self, depth: usize) -> String {
        self.scopes.push(Scope::default());
        let count = 1 + self.random.below(4);
        let mut sql = " FROM ".to_owned();

        for index in 0..count {
            let (text, source) = self.source(depth);
            if index == 0 {
                sql.push_str(&text);
                self.add_to_scope(source);
            } else {
                let join = self.join(&text, source);
                sql.push_str(&join);
            }
        }
        sql
    }

    fn join(&mut self, text: &str, source: Source) -> String {
        let operator = self.random.pick(&[
            "JOIN",
            "LEFT JOIN",
            "LEFT JOIN",
            "RIGHT JOIN",
            "FULL JOIN",
            "CROSS JOIN",
            "NATURAL JOIN",
            "NATURAL LEFT JOIN",
            "NATURAL RIGHT JOIN",
            "NATURAL FULL JOIN",
        ]);
        let shared = self.shared_column(&source);
        self.add_to_scope(source);

        if operator == "CROSS JOIN" || operator.starts_with("NATURAL") {
            return format!(" {operator} {text}");
        }
        // After a USING, another USING of the same column makes a chain.
        let scope = self.scopes.last_mut();
        if let (Some(column), Some(scope)) = (shared, scope)
            && self
                .random
                .one_in(if scope.merged.is_empty() { 3 } else { 2 })
        {
            let using = format!(" {operator} {text} USING ({column})");
            scope.merged.push(column);
            return using;
        }
        let on = if self.random.one_in(2) {
            self.equality()
        } else {
            self.condition(1)
        };
        format!(" {operator} {text} ON {on}")
    }

    /// Returns a column that `source` shares with the relations before it: preferably one that a
    /// USING has merged.
    fn shared_column(&mut self, source: &Source) -> Option<String> {
        let scope = self.scopes.last()?;
        let mut merged = scope.merged.iter();
        if let Some(column) = merged.find(|column| source.columns.contains(column)) {
            return Some(column.clone());
        }

        let relations = scope.relations.iter();
        let columns = relations.flat_map(|relation| &relation.columns);
        let shared: Vec<&String> = columns
            .filter(|column| source.columns.contains(column))
            .collect();
        let index = self.random.below(shared.len());
        shared.get(index).map(|column| (*column).clone())
    }

    fn add_to_scope(&mut self, source: Source) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.relations.push(source);
        }
    }

    /// Returns a relation of a FROM clause: its text, and its alias and columns.
    fn source(&mut self, depth: usize) -> (String, Source) {
        let alias = self.fresh_name("r");
        match self.random.below(12) {
            0 | 1 if depth > 0 => self.subquery(alias, depth - 1),
            2 if !self.ctes.is_empty() => {
                let cte = self.ctes[self.random.below(self.ctes.len())].clone();
                let text = format!("{} AS {alias}", cte.alias);
                let columns = cte.columns;
                (text, Source { alias, columns })
            }
            3 => self.json_function(alias),
            _ => {
                let relation = &self.relations[self.random.below(self.relations.len())];
                let text = format!("{} AS {alias}", relation.name);
                let columns = relation.columns.clone();
                (text, Source { alias, columns })
            }
        }
    }

    fn subquery(&mut self, alias: String, depth: usize) -> (String, Source) {
        let width = 1 + self.random.below(3);
        // A subquery in FROM does not see the other relations of the clause.
        let outer = self.scopes.pop();
        let select = self.select(width, depth, false);
        self.scopes.extend(outer);

        let text = format!("({select}) AS {alias}");
        let columns = column_names(width);
        (text, Source { alias, columns })
    }

    fn json_function(&mut self, alias: String) -> (String, Source) {
        let has_columns = self
            .scopes
            .last()
            .is_some_and(|scope| !scope.relations.is_empty());
        let argument = if has_columns && self.random.one_in(2) {
            self.column()
        } else {
            "'[1, \"x\", null, {\"a\": 1.5}]'".to_owned()
        };
        let function = self.random.pick(&["json_each", "json_tree"]);
        let argument = if argument.starts_with('\'') {
            argument
        } else {
            format!("iif(json_valid({argument}), {argument}, '[]')")
        };

        let columns = [
            "key", "value", "type", "atom", "id", "parent", "fullkey", "path",
        ];
        let columns = columns.map(str::to_owned).to_vec();
        let text = format!("{function}({argument}) AS {alias}");
        (text, Source { alias, columns })
    }
}

fn column_names(width: usize) -> Vec<String> {
    (0..width).map(|index| format!("c{index}")).collect()
}

/// Reports whether a key of GROUP BY or ORDER BY would be read as the number of a column.
fn is_number(key: &str) -> bool {
    key.parse::<f64>().is_ok()
}
