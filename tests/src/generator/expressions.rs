//! Expressions: columns, literals, parameters, operators, CASE and IN.

use std::fmt::Write;

use super::{Allow, Generator};

/// The most parameters that the expressions of a statement add.
const MOST_PARAMETERS: usize = 6;

impl Generator<'_> {
    pub(super) fn expression(&mut self, depth: usize, allow: Allow) -> String {
        if depth == 0 || self.random.one_in(5) {
            return match self.random.below(8) {
                0 => self.literal(),
                1 if self.parameters < MOST_PARAMETERS => self.parameter(),
                _ => self.column(),
            };
        }

        let below = depth - 1;
        if allow != Allow::Plain && self.random.one_in(2) {
            return self.aggregate(below, allow);
        }

        match self.random.below(21) {
            0 | 1 => {
                let operators = ["+", "-", "*", "/", "%", "||", "&", "|", "<<", ">>"];
                self.binary(&operators, below, allow)
            }
            2 | 3 => {
                let operators = ["=", "<>", "<", "<=", ">", ">=", "==", "!="];
                self.binary(&operators, below, allow)
            }
            4 => {
                let operators = ["IS", "IS NOT", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"];
                self.binary(&operators, below, allow)
            }
            5 => self.binary(&["AND", "OR"], below, allow),
            6 => {
                let tests = ["IS NULL", "IS NOT NULL", "NOTNULL", "ISNULL"];
                let test = self.random.pick(&tests);
                format!("({} {test})", self.expression(below, allow))
            }
            7 => {
                let sign = self.random.pick(&["-", "+", "~", "NOT "]);
                format!("({sign}{})", self.expression(below, allow))
            }
            8 => self.between(below, allow),
            9 => self.membership(below, allow),
            10 => {
                let operators = ["LIKE", "NOT LIKE", "GLOB", "NOT GLOB"];
                let operator = self.random.pick(&operators);
                let operand = self.expression(below, allow);
                let pattern = self.expression(0, allow);
                let escape = self.escape(operator);
                format!("({operand} {operator} {pattern}{escape})")
            }
            11 | 12 => self.case(below, allow),
            13 => self.cast(below, allow),
            14 if below > 0 => self.scalar_subquery(below - 1),
            15 => self.json_path(allow),
            20 => self.json_value(below, allow),
            16 => format!("({} COLLATE NOCASE)", self.expression(below, allow)),
            _ => self.call(below, allow),
        }
    }

    fn escape(&mut self, operator: &str) -> String {
        if !operator.ends_with("LIKE") || !self.random.one_in(3) {
            return String::new();
        }
        let escape = match self.random.below(4) {
            0 => "NULL".to_owned(),
            1 => format!("substr({}, 1, 1)", self.column()),
            2 => "nullif('x', 'x')".to_owned(),
            _ => "'x'".to_owned(),
        };
        format!(" ESCAPE {escape}")
    }

    /// Returns an expression to filter or join by.
    pub(super) fn condition(&mut self, depth: usize) -> String {
        match self.random.below(7) {
            0 => format!("{} IS NOT NULL", self.column()),
            1 => format!("{} = {}", self.column(), self.value()),
            2 => format!("{} > {}", self.column(), self.literal()),
            3 => {
                let left = self.expression(depth, Allow::Plain);
                let right = self.expression(depth, Allow::Plain);
                format!("({left} OR {right})")
            }
            4 => {
                let left = self.expression(depth, Allow::Plain);
                let right = self.expression(depth, Allow::Plain);
                format!("{left} AND {right}")
            }
            5 => format!("NOT ({})", self.expression(depth, Allow::Plain)),
            _ => self.expression(depth, Allow::Plain),
        }
    }

    pub(super) fn equality(&mut self) -> String {
        format!("{} = {}", self.column(), self.column())
    }

    /// Returns a parameter or a literal.
    pub(super) fn value(&mut self) -> String {
        if self.random.one_in(3) {
            self.parameter()
        } else {
            self.literal()
        }
    }

    /// Returns a column in scope: mostly of the innermost select. Without one, returns a literal.
    pub(super) fn column(&mut self) -> String {
        if let Some(tested) = &self.tested
            && self.random.one_in(3)
        {
            return tested.clone();
        }
        let level = if self.scopes.len() > 1 && self.random.one_in(4) {
            self.random.below(self.scopes.len())
        } else {
            self.scopes.len().saturating_sub(1)
        };
        let scope = self.scopes.get(level);
        let Some(scope) = scope.filter(|scope| !scope.relations.is_empty()) else {
            return self.literal();
        };

        if !scope.merged.is_empty() && self.random.one_in(4) {
            return scope.merged[self.random.below(scope.merged.len())].clone();
        }

        let source = &scope.relations[self.random.below(scope.relations.len())];
        let column = &source.columns[self.random.below(source.columns.len())];
        format!("{}.{column}", source.alias)
    }

    pub(super) fn parameter(&mut self) -> String {
        self.parameters += 1;
        format!(":p{}", self.parameters)
    }

    fn literal(&mut self) -> String {
        let literals = [
            "NULL",
            "0",
            "1",
            "2",
            "-1",
            "7",
            "1.5",
            "0.5",
            "-0.5",
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
        ];
        self.random.pick(&literals).to_owned()
    }

    fn binary(&mut self, operators: &[&'static str], depth: usize, allow: Allow) -> String {
        let operator = self.random.pick(operators);
        let left = self.expression(depth, allow);
        let right = self.expression(depth, allow);
        format!("({left} {operator} {right})")
    }

    fn between(&mut self, depth: usize, allow: Allow) -> String {
        let not = self.random.pick(&["", "NOT "]);
        let operand = self.expression(depth, allow);
        let least = self.expression(0, allow);
        let most = self.expression(0, allow);
        format!("({operand} {not}BETWEEN {least} AND {most})")
    }

    /// Returns an IN expression.
    fn membership(&mut self, depth: usize, allow: Allow) -> String {
        let not = self.random.pick(&["", "NOT "]);
        let operand = self.expression(depth, allow);

        match self.random.below(5) {
            0 if depth > 0 => {
                let select = self.select(1, depth - 1, false);
                format!("({operand} {not}IN ({select}))")
            }
            1 => format!("({operand} {not}IN ({}))", self.parameter()),
            2 => {
                let second = self.column();
                let (left, right) = (self.value(), self.literal());
                format!("(({operand}, {second}) {not}IN (VALUES ({left}, {right})))")
            }
            3 => format!("({operand} {not}IN ())"),
            _ => {
                let first = self.expression(0, allow);
                let second = self.literal();
                format!("({operand} {not}IN ({first}, {second}))")
            }
        }
    }

    fn case(&mut self, depth: usize, allow: Allow) -> String {
        let mut sql = "CASE".to_owned();
        let with_operand = self.random.one_in(3);
        if with_operand {
            let _ = write!(sql, " {}", self.expression(depth, allow));
        }

        for _ in 0..1 + self.random.below(2) {
            let when = if with_operand {
                self.expression(depth, allow)
            } else if self.random.one_in(3) {
                let tested = self.column();
                let when = format!("{tested} IS NOT NULL");
                self.tested = Some(tested);
                when
            } else {
                self.condition(depth)
            };
            let then = self.expression(depth, allow);
            self.tested = None;
            let _ = write!(sql, " WHEN {when} THEN {then}");
        }

        if self.random.one_in(2) {
            let _ = write!(sql, " ELSE {}", self.expression(depth, allow));
        }
        sql.push_str(" END");
        sql
    }

    fn cast(&mut self, depth: usize, allow: Allow) -> String {
        let ty = self.random.pick(&[
            "INTEGER",
            "TEXT",
            "REAL",
            "BLOB",
            "NUMERIC",
            "DECIMAL(10, 2)",
        ]);
        format!("CAST({} AS {ty})", self.expression(depth, allow))
    }

    fn scalar_subquery(&mut self, depth: usize) -> String {
        let select = self.select(1, depth, false);
        if self.random.one_in(3) {
            format!("EXISTS ({select})")
        } else {
            format!("({select})")
        }
    }

    /// Returns JSON that is built of expressions.
    fn json_value(&mut self, depth: usize, allow: Allow) -> String {
        let (first, second) = (self.expression(depth, allow), self.expression(0, allow));
        match self.random.below(5) {
            0 => format!("json_array({first}, {second})"),
            1 => format!("json_array({first})"),
            2 => format!("json_object('a', {first})"),
            3 => format!("json(json_object('a b', {first}, 'B', {second}))"),
            _ => format!("json_object('a', {first}, 'b', {second})"),
        }
    }

    fn json_path(&mut self, allow: Allow) -> String {
        let arrow = self.random.pick(&["->", "->>"]);
        let path = self.random.pick(&["'$.a'", "'a'", "0"]);
        let argument = self.expression(0, allow);
        format!("(iif(json_valid({argument}), {argument}, '{{}}') {arrow} {path})")
    }
}
