//! Queries that nobody wrote: random SQL over a schema, of every form that the analysis knows.
//!
//! What SQLite or the analysis refuses of them is no harm: the oracle counts it. Every name resolves, so
//! most is accepted.

use std::fmt::Write;

use crate::random::Random;

/// A table or view to read from, and whether it can be written.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The columns that an INSERT may give, for a table.
    pub written: Vec<String>,
}

/// A relation of a FROM clause under its alias.
#[derive(Debug, Clone)]
struct Source {
    alias: String,
    columns: Vec<String>,
}

/// What an expression may hold besides columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allow {
    /// Neither aggregates nor windows.
    Plain,
    /// Aggregates.
    Aggregates,
    /// Aggregates of windows.
    Windows,
}

/// A writer of queries.
#[derive(Debug)]
pub struct Generator<'a> {
    /// Where its choices come from.
    pub random: Random,
    relations: &'a [Relation],
    scopes: Vec<Vec<Source>>,
    ctes: Vec<Source>,
    names: usize,
    parameters: usize,
    /// Whether the last statement writes arguments alone, which are of the columns' types.
    pub writes_arguments: bool,
}

/// How deep expressions and selects hold others.
const DEPTH: usize = 3;

impl<'a> Generator<'a> {
    /// A writer over the tables and views of a schema.
    #[must_use]
    pub fn new(seed: u64, relations: &'a [Relation]) -> Self {
        Self {
            random: Random(seed),
            relations,
            scopes: Vec::new(),
            ctes: Vec::new(),
            names: 0,
            parameters: 0,
            writes_arguments: false,
        }
    }

    /// The next statement.
    pub fn statement(&mut self) -> String {
        self.scopes.clear();
        self.ctes.clear();
        self.names = 0;
        self.parameters = 0;
        self.writes_arguments = self.random.one_in(2);
        match self.random.below(12) {
            0 => self.insert(),
            1 => self.update(),
            2 => self.delete(),
            _ => {
                let width = 1 + self.random.below(4);
                self.select(width, DEPTH, true)
            }
        }
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    // Statements.

    fn target(&mut self) -> Relation {
        let tables: Vec<&Relation> = self
            .relations
            .iter()
            .filter(|relation| !relation.written.is_empty())
            .collect();
        tables[self.random.below(tables.len())].clone()
    }

    fn returning(&mut self, table: &Relation) -> String {
        self.scopes.push(vec![Source {
            alias: table.name.clone(),
            columns: table.columns.clone(),
        }]);
        let count = 1 + self.random.below(3);
        let columns: Vec<String> = (0..count)
            .map(|index| format!("{} AS c{index}", self.expr(2, Allow::Plain)))
            .collect();
        self.scopes.pop();
        format!(" RETURNING {}", columns.join(", "))
    }

    fn insert(&mut self) -> String {
        let table = self.target();
        let or = self.random.pick(&["", " OR IGNORE", " OR REPLACE"]);
        let values: Vec<String> = table.written.iter().map(|_| self.written()).collect();
        let source = if !self.writes_arguments && self.random.one_in(3) {
            let width = table.written.len();
            self.select(width, 1, false)
        } else {
            format!("VALUES ({})", values.join(", "))
        };
        let conflict = if or.is_empty() && source.starts_with("VALUES") && self.random.one_in(3) {
            let column = table.written[self.random.below(table.written.len())].clone();
            if self.random.one_in(2) {
                " ON CONFLICT DO NOTHING".to_owned()
            } else {
                format!(" ON CONFLICT DO UPDATE SET {column} = excluded.{column}")
            }
        } else {
            String::new()
        };
        let returning = self.returning(&table);
        format!(
            "INSERT{or} INTO {} ({}) {source}{conflict}{returning}",
            table.name,
            table.written.join(", ")
        )
    }

    fn update(&mut self) -> String {
        let table = self.target();
        let column = table.written[self.random.below(table.written.len())].clone();
        self.scopes.push(vec![Source {
            alias: table.name.clone(),
            columns: table.columns.clone(),
        }]);
        let value = if self.random.one_in(2) || self.writes_arguments {
            self.written()
        } else {
            self.expr(1, Allow::Plain)
        };
        let filter = self.expr(2, Allow::Plain);
        self.scopes.pop();
        let returning = self.returning(&table);
        format!(
            "UPDATE OR IGNORE {} SET {column} = {value} WHERE {filter}{returning}",
            table.name
        )
    }

    fn delete(&mut self) -> String {
        let table = self.target();
        self.scopes.push(vec![Source {
            alias: table.name.clone(),
            columns: table.columns.clone(),
        }]);
        let filter = self.expr(2, Allow::Plain);
        self.scopes.pop();
        let returning = self.returning(&table);
        format!("DELETE FROM {} WHERE {filter}{returning}", table.name)
    }

    // Selects.

    fn select(&mut self, width: usize, depth: usize, outermost: bool) -> String {
        let known = self.ctes.len();
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
                let operator = self
                    .random
                    .pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
                let _ = write!(sql, " {operator} ");
            }
            let core = self.core(width, depth, arms == 1);
            sql.push_str(&core);
        }
        if arms > 1 && self.random.one_in(3) {
            let _ = write!(sql, " ORDER BY 1");
        }
        if self.random.one_in(if outermost { 8 } else { 5 }) {
            let limit = if self.random.one_in(3) {
                self.parameter()
            } else {
                self.random.below(4).to_string()
            };
            let _ = write!(sql, " LIMIT {limit}");
            if self.random.one_in(3) {
                let _ = write!(sql, " OFFSET {}", self.random.below(3));
            }
        }
        self.ctes.truncate(known);
        sql
    }

    fn cte(&mut self, depth: usize) -> String {
        let name = self.name("w");
        if self.random.one_in(3) {
            let start = self.value();
            let step = self.random.pick(&[
                "i + 1",
                "i || 'x'",
                "i * 2",
                "NULL",
                "i / 2",
                "coalesce(i, 1)",
            ]);
            self.ctes.push(Source {
                alias: name.clone(),
                columns: vec!["i".to_owned(), "d".to_owned()],
            });
            return format!(
                "RECURSIVE {name}(i, d) AS (SELECT {start}, 0 UNION ALL SELECT {step}, d + 1 FROM {name} WHERE d < 4)"
            );
        }
        let width = 1 + self.random.below(3);
        let select = self.select(width, depth, false);
        let columns: Vec<String> = (0..width).map(|index| format!("c{index}")).collect();
        self.ctes.push(Source {
            alias: name.clone(),
            columns: columns.clone(),
        });
        format!("{name}({}) AS ({select})", columns.join(", "))
    }

    fn core(&mut self, width: usize, depth: usize, may_order: bool) -> String {
        if self.random.one_in(14) {
            let rows: Vec<String> = (0..1 + self.random.below(3))
                .map(|_| {
                    format!(
                        "({})",
                        (0..width)
                            .map(|_| self.value())
                            .collect::<Vec<_>>()
                            .join(", ")
                    )
                })
                .collect();
            // VALUES names its columns itself.
            let columns: Vec<String> = (0..width)
                .map(|index| format!("column{} AS c{index}", index + 1))
                .collect();
            return format!(
                "SELECT {} FROM (VALUES {})",
                columns.join(", "),
                rows.join(", ")
            );
        }
        let has_source = !self.random.one_in(12);
        let from = if has_source {
            self.from(depth)
        } else {
            String::new()
        };
        if !has_source {
            self.scopes.push(Vec::new());
        }
        let filter = if has_source && self.random.one_in(2) {
            format!(" WHERE {}", self.condition(depth.min(2)))
        } else {
            String::new()
        };
        let groups = has_source && self.random.one_in(4);
        let mut group_by = String::new();
        let mut keys = Vec::new();
        if groups {
            keys = (0..1 + self.random.below(2))
                .map(|_| self.expr(1, Allow::Plain))
                .collect();
            // A bare number would be the number of a column.
            keys.retain(|key| key.parse::<f64>().is_err());
            if !keys.is_empty() {
                let _ = write!(group_by, " GROUP BY {}", keys.join(", "));
            }
        }
        let grouped = !keys.is_empty();
        let aggregates = grouped || self.random.one_in(6);
        let allow = match (aggregates, self.random.below(4)) {
            (true, 0) | (false, 0) => Allow::Windows,
            (true, _) => Allow::Aggregates,
            (false, _) => Allow::Plain,
        };
        let allow = if !aggregates && allow == Allow::Aggregates {
            Allow::Plain
        } else {
            allow
        };
        let mut columns = Vec::new();
        for index in 0..width {
            let expr = match keys.first() {
                Some(key) if self.random.one_in(3) => key.clone(),
                _ => self.expr(depth.min(DEPTH), allow),
            };
            columns.push(format!("{expr} AS c{index}"));
        }
        if grouped && self.random.one_in(3) {
            let having = self.expr(2, Allow::Aggregates);
            let _ = write!(group_by, " HAVING {having}");
        }
        let order = if may_order && self.random.one_in(5) {
            format!(" ORDER BY {}", self.expr(1, Allow::Plain))
        } else {
            String::new()
        };
        let order = if order
            .trim_start_matches(" ORDER BY ")
            .parse::<f64>()
            .is_ok()
        {
            String::new()
        } else {
            order
        };
        self.scopes.pop();
        let distinct = if self.random.one_in(10) {
            "DISTINCT "
        } else {
            ""
        };
        format!(
            "SELECT {distinct}{}{from}{filter}{group_by}{order}",
            columns.join(", ")
        )
    }

    /// A FROM clause; its relations are a new level of names.
    fn from(&mut self, depth: usize) -> String {
        self.scopes.push(Vec::new());
        let count = 1 + self.random.below(3);
        let mut sql = " FROM ".to_owned();
        for index in 0..count {
            let (text, source) = self.source(depth);
            if index == 0 {
                sql.push_str(&text);
                self.add(source);
                continue;
            }
            let kind = self.random.pick(&[
                "JOIN",
                "LEFT JOIN",
                "LEFT JOIN",
                "RIGHT JOIN",
                "FULL JOIN",
                "CROSS JOIN",
                "NATURAL LEFT JOIN",
            ]);
            let shared = self
                .scopes
                .last()
                .and_then(|scope| scope.last())
                .and_then(|last| {
                    let shared = last
                        .columns
                        .iter()
                        .find(|column| source.columns.contains(column));
                    shared.cloned()
                });
            let _ = write!(sql, " {kind} {text}");
            self.add(source);
            if kind == "CROSS JOIN" || kind.starts_with("NATURAL") {
                continue;
            }
            match shared {
                // The second USING of a name is ambiguous to some of its uses.
                Some(column) if index == 1 && self.random.one_in(3) => {
                    let _ = write!(sql, " USING ({column})");
                }
                _ => {
                    let on = if self.random.one_in(2) {
                        self.equality()
                    } else {
                        self.condition(1)
                    };
                    let _ = write!(sql, " ON {on}");
                }
            }
        }
        sql
    }

    fn add(&mut self, source: Source) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(source);
        }
    }

    fn source(&mut self, depth: usize) -> (String, Source) {
        let alias = self.name("r");
        match self.random.below(12) {
            0 | 1 if depth > 0 => {
                let width = 1 + self.random.below(3);
                // A subquery in FROM does not see its neighbours.
                let outer = self.scopes.pop();
                let select = self.select(width, depth - 1, false);
                self.scopes.extend(outer);
                let columns = (0..width).map(|index| format!("c{index}")).collect();
                (format!("({select}) AS {alias}"), Source { alias, columns })
            }
            2 if !self.ctes.is_empty() => {
                let cte = self.ctes[self.random.below(self.ctes.len())].clone();
                (
                    format!("{} AS {alias}", cte.alias),
                    Source {
                        alias,
                        columns: cte.columns,
                    },
                )
            }
            3 => {
                let argument = if self.scopes.last().is_some_and(|scope| !scope.is_empty())
                    && self.random.one_in(2)
                {
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
                ]
                .map(str::to_owned)
                .to_vec();
                (
                    format!("{function}({argument}) AS {alias}"),
                    Source { alias, columns },
                )
            }
            _ => {
                let relation = &self.relations[self.random.below(self.relations.len())];
                let source = Source {
                    alias: alias.clone(),
                    columns: relation.columns.clone(),
                };
                (format!("{} AS {alias}", relation.name), source)
            }
        }
    }

    // Expressions.

    fn column(&mut self) -> String {
        let level = if self.scopes.len() > 1 && self.random.one_in(4) {
            self.random.below(self.scopes.len())
        } else {
            self.scopes.len().saturating_sub(1)
        };
        let Some(scope) = self.scopes.get(level).filter(|scope| !scope.is_empty()) else {
            return self.literal();
        };
        let source = scope[self.random.below(scope.len())].clone();
        let column = source.columns[self.random.below(source.columns.len())].clone();
        format!("{}.{column}", source.alias)
    }

    fn equality(&mut self) -> String {
        format!("{} = {}", self.column(), self.column())
    }

    fn condition(&mut self, depth: usize) -> String {
        match self.random.below(7) {
            0 => format!("{} IS NOT NULL", self.column()),
            1 => format!("{} = {}", self.column(), self.value()),
            2 => format!("{} > {}", self.column(), self.literal()),
            3 => format!(
                "({} OR {})",
                self.expr(depth, Allow::Plain),
                self.expr(depth, Allow::Plain)
            ),
            4 => format!(
                "{} AND {}",
                self.expr(depth, Allow::Plain),
                self.expr(depth, Allow::Plain)
            ),
            5 => format!("NOT ({})", self.expr(depth, Allow::Plain)),
            _ => self.expr(depth, Allow::Plain),
        }
    }

    fn parameter(&mut self) -> String {
        self.parameters += 1;
        format!(":p{}", self.parameters)
    }

    fn literal(&mut self) -> String {
        self.random
            .pick(&[
                "NULL",
                "0",
                "1",
                "2",
                "-1",
                "7",
                "1.5",
                "0.0",
                "-2.5",
                "9223372036854775807",
                "'a'",
                "'b'",
                "''",
                "'10'",
                "'1.5x'",
                "'open'",
                "'{\"a\": 1}'",
                "'$.a'",
                "x'00ff'",
                "TRUE",
                "FALSE",
                "CURRENT_DATE",
                "1e15",
                "0x10",
                "'Ann'",
                "'[1,2]'",
            ])
            .to_owned()
    }

    /// A value that is written to a column.
    fn written(&mut self) -> String {
        if self.writes_arguments {
            self.parameter()
        } else {
            self.value()
        }
    }

    fn value(&mut self) -> String {
        if self.random.one_in(3) {
            self.parameter()
        } else {
            self.literal()
        }
    }

    fn expr(&mut self, depth: usize, allow: Allow) -> String {
        if depth == 0 || self.random.one_in(5) {
            return match self.random.below(8) {
                0 => self.literal(),
                1 if self.parameters < 6 => self.parameter(),
                _ => self.column(),
            };
        }
        let below = depth - 1;
        if allow != Allow::Plain && self.random.one_in(2) {
            return self.aggregate(below, allow);
        }
        match self.random.below(20) {
            0 | 1 => {
                let operator = self
                    .random
                    .pick(&["+", "-", "*", "/", "%", "||", "&", "|", "<<", ">>"]);
                format!(
                    "({} {operator} {})",
                    self.expr(below, allow),
                    self.expr(below, allow)
                )
            }
            2 | 3 => {
                let operator = self
                    .random
                    .pick(&["=", "<>", "<", "<=", ">", ">=", "==", "!="]);
                format!(
                    "({} {operator} {})",
                    self.expr(below, allow),
                    self.expr(below, allow)
                )
            }
            4 => {
                let operator =
                    self.random
                        .pick(&["IS", "IS NOT", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]);
                format!(
                    "({} {operator} {})",
                    self.expr(below, allow),
                    self.expr(below, allow)
                )
            }
            5 => {
                let operator = self.random.pick(&["AND", "OR"]);
                format!(
                    "({} {operator} {})",
                    self.expr(below, allow),
                    self.expr(below, allow)
                )
            }
            6 => {
                let test = self
                    .random
                    .pick(&["IS NULL", "IS NOT NULL", "NOTNULL", "ISNULL"]);
                format!("({} {test})", self.expr(below, allow))
            }
            7 => {
                let sign = self.random.pick(&["-", "+", "~", "NOT "]);
                format!("({sign}{})", self.expr(below, allow))
            }
            8 => {
                let not = self.random.pick(&["", "NOT "]);
                format!(
                    "({} {not}BETWEEN {} AND {})",
                    self.expr(below, allow),
                    self.expr(0, allow),
                    self.expr(0, allow)
                )
            }
            9 => self.is_in(below, allow),
            10 => {
                let like = self.random.pick(&["LIKE", "NOT LIKE", "GLOB", "NOT GLOB"]);
                format!(
                    "({} {like} {})",
                    self.expr(below, allow),
                    self.expr(0, allow)
                )
            }
            11 | 12 => self.case(below, allow),
            13 => {
                let ty = self.random.pick(&[
                    "INTEGER",
                    "TEXT",
                    "REAL",
                    "BLOB",
                    "NUMERIC",
                    "DECIMAL(10, 2)",
                ]);
                format!("CAST({} AS {ty})", self.expr(below, allow))
            }
            14 if below > 0 => {
                let select = self.select(1, below - 1, false);
                if self.random.one_in(3) {
                    format!("EXISTS ({select})")
                } else {
                    format!("({select})")
                }
            }
            15 => {
                let arrow = self.random.pick(&["->", "->>"]);
                let path = self.random.pick(&["'$.a'", "'a'", "0"]);
                let argument = self.expr(0, allow);
                format!("(iif(json_valid({argument}), {argument}, '{{}}') {arrow} {path})")
            }
            16 => format!("({} COLLATE NOCASE)", self.expr(below, allow)),
            _ => self.call(below, allow),
        }
    }

    fn is_in(&mut self, below: usize, allow: Allow) -> String {
        let not = self.random.pick(&["", "NOT "]);
        let operand = self.expr(below, allow);
        match self.random.below(5) {
            0 if below > 0 => format!("({operand} {not}IN ({}))", self.select(1, below - 1, false)),
            1 => format!("({operand} {not}IN ({}))", self.parameter()),
            2 => format!(
                "(({operand}, {}) {not}IN (VALUES ({}, {})))",
                self.column(),
                self.value(),
                self.literal()
            ),
            3 => format!("({operand} {not}IN ())"),
            _ => format!(
                "({operand} {not}IN ({}, {}))",
                self.expr(0, allow),
                self.literal()
            ),
        }
    }

    fn case(&mut self, below: usize, allow: Allow) -> String {
        let mut sql = "CASE".to_owned();
        let with_operand = self.random.one_in(3);
        if with_operand {
            let _ = write!(sql, " {}", self.expr(below, allow));
        }
        for _ in 0..1 + self.random.below(2) {
            let when = if with_operand {
                self.expr(below, allow)
            } else {
                self.condition(below)
            };
            let _ = write!(sql, " WHEN {when} THEN {}", self.expr(below, allow));
        }
        if self.random.one_in(2) {
            let _ = write!(sql, " ELSE {}", self.expr(below, allow));
        }
        sql.push_str(" END");
        sql
    }

    fn call(&mut self, below: usize, allow: Allow) -> String {
        let (name, arguments) = self.random.pick(&[
            ("abs", 1),
            ("coalesce", 2),
            ("coalesce", 3),
            ("ifnull", 2),
            ("nullif", 2),
            ("iif", 3),
            ("iif", 2),
            ("length", 1),
            ("lower", 1),
            ("upper", 1),
            ("trim", 1),
            ("substr", 2),
            ("replace", 3),
            ("instr", 2),
            ("hex", 1),
            ("quote", 1),
            ("typeof", 1),
            ("unicode", 1),
            ("char", 1),
            ("round", 1),
            ("round", 2),
            ("max", 2),
            ("min", 3),
            ("concat", 2),
            ("concat_ws", 3),
            ("printf", 2),
            ("json_valid", 1),
            ("json_quote", 1),
            ("json_array", 2),
            ("date", 1),
            ("datetime", 1),
            ("unixepoch", 1),
            ("julianday", 1),
            ("strftime", 2),
            ("sign", 1),
            ("ceil", 1),
            ("floor", 1),
            ("sqrt", 1),
            ("pow", 2),
            ("mod", 2),
            ("likely", 1),
            ("octet_length", 1),
            ("unhex", 1),
            ("zeroblob", 1),
            ("ltrim", 2),
            ("trunc", 1),
            ("total_changes", 0),
            ("json_type", 1),
        ]);
        let values: Vec<String> = (0..arguments)
            .map(|index| match name {
                // Bounded, for a test's memory.
                "zeroblob" => "3".to_owned(),
                "printf" if index == 0 => "'%s-%d'".to_owned(),
                "json_type" => "'{\"a\": null}'".to_owned(),
                _ => self.expr(if index == 0 { below } else { 0 }, allow),
            })
            .collect();
        format!("{name}({})", values.join(", "))
    }

    fn aggregate(&mut self, below: usize, allow: Allow) -> String {
        let windows = [
            "row_number()",
            "rank()",
            "ntile(2)",
            "lag",
            "lead",
            "first_value",
            "last_value",
            "nth_value",
            "cume_dist()",
        ];
        let pure_window = allow == Allow::Windows && self.random.one_in(2);
        let mut sql = if pure_window {
            let name = self.random.pick(&windows);
            let value = self.expr(below.min(1), Allow::Plain);
            match name {
                "lag" | "lead" if self.random.one_in(2) => {
                    format!("{name}({value}, 1, {})", self.expr(0, Allow::Plain))
                }
                "lag" | "lead" | "first_value" | "last_value" => format!("{name}({value})"),
                "nth_value" => format!("{name}({value}, 2)"),
                _ => name.to_owned(),
            }
        } else {
            let name = self.random.pick(&[
                "count",
                "sum",
                "avg",
                "total",
                "min",
                "max",
                "group_concat",
                "json_group_array",
                "string_agg",
                "count(*)",
            ]);
            let distinct = if self.random.one_in(6) && allow == Allow::Aggregates {
                "DISTINCT "
            } else {
                ""
            };
            match name {
                "count(*)" => name.to_owned(),
                "string_agg" => format!("{name}({}, ',')", self.expr(below, Allow::Plain)),
                _ => format!("{name}({distinct}{})", self.expr(below, Allow::Plain)),
            }
        };
        if !pure_window && self.random.one_in(6) {
            let _ = write!(sql, " FILTER (WHERE {})", self.condition(1));
        }
        if pure_window || allow == Allow::Windows {
            let partition = if self.random.one_in(2) {
                format!("PARTITION BY {} ", self.column())
            } else {
                String::new()
            };
            let order = format!("ORDER BY {}", self.column());
            let frame = self.random.pick(&[
                "",
                "",
                " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
                " ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING",
                " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING",
                " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW",
                " GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                " ROWS UNBOUNDED PRECEDING",
            ]);
            let _ = write!(sql, " OVER ({partition}{order}{frame})");
        }
        sql
    }
}
