//! Statements whose rows do not depend on an order: conditions with lists and with parameters of
//! every type. Their rows can be compared with those of another statement.

use super::Generator;

/// Arithmetic with whole numbers: a parameter in it has the type that it has without it.
pub const ARITHMETIC: [&str; 3] = [" * 2", " + 1", " - 1"];

impl Generator<'_> {
    pub(super) fn membership_statement(&mut self) -> String {
        let table = self.target_table();
        let name = &table.name;
        let condition = self.memberships(&table.columns);

        match self.random.below(4) {
            0 => format!("DELETE FROM {name} WHERE {condition} RETURNING *"),
            1 => {
                let column = self.writable_column(&table);
                let value = self.parameter();
                format!(
                    "UPDATE OR IGNORE {name} SET {column} = {value} WHERE {condition} RETURNING *"
                )
            }
            2 => {
                let mut column = || &table.columns[self.random.below(table.columns.len())];
                let (first, second) = (column().clone(), column().clone());
                let sort = self.parameter();
                let order = format!(
                    "CASE {sort} WHEN 'first' THEN {first} WHEN 'second' THEN {second} END DESC"
                );
                format!("SELECT * FROM {name} WHERE {condition} ORDER BY {order}")
            }
            _ => format!("SELECT *, {condition} AS found FROM {name} WHERE {condition}"),
        }
    }

    fn memberships(&mut self, columns: &[String]) -> String {
        let mut conditions = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let column = &columns[self.random.below(columns.len())];
            let parameter = self.parameter();
            if self.random.one_in(3) {
                conditions.push(self.optional(column, &parameter));
                continue;
            }
            let arithmetic = self.random.pick(&ARITHMETIC);
            conditions.push(match self.random.below(7) {
                0 => format!("{column} = {parameter}"),
                1 => format!("{column} > {parameter}"),
                2 => format!("{column} > {parameter}{arithmetic}"),
                3 => format!("{parameter}{arithmetic} < {column}"),
                4 => format!("{column} NOT IN ({parameter})"),
                _ => format!("{column} IN ({parameter})"),
            });
        }
        let operator = self.random.pick(&[" AND ", " OR "]);
        format!("({})", conditions.join(operator))
    }

    /// Returns a condition that is absent where a parameter is NULL.
    fn optional(&mut self, column: &str, parameter: &str) -> String {
        match self.random.below(4) {
            0 => format!("({parameter} IS NULL OR {column} IN ({parameter}))"),
            1 => {
                let most = self.parameter();
                format!(
                    "({parameter} IS NULL OR {most} ISNULL \
                     OR {column} BETWEEN {parameter} AND {most})"
                )
            }
            2 => format!("({column} < {parameter} OR {column} IS NULL OR {parameter} IS NULL)"),
            _ => format!("({parameter} IS NULL OR {column} = {parameter})"),
        }
    }

    /// Replaces the names of the parameters by numbers, which are not in the order of the text.
    pub(super) fn numbered(&mut self, mut sql: String) -> String {
        let mut names = Vec::new();
        // From the last one on, because `:p1` is the start of `:p10`.
        for parameter in (1..=self.parameters).rev() {
            let name = format!(":p{parameter}");
            if sql.contains(&name) {
                sql = sql.replace(&name, &format!("<{parameter}>"));
                names.push(format!("<{parameter}>"));
            }
        }

        let mut numbers: Vec<usize> = (1..=names.len()).collect();
        for name in names {
            let number = numbers.remove(self.random.below(numbers.len()));
            sql = sql.replace(&name, &format!("?{number}"));
        }
        sql
    }
}
