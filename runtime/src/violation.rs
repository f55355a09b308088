//! What SQLite reports of a violated constraint.

use crate::error::{Constraint, Error, ErrorKind};

/// The constraint that a write violates, as far as SQLite reports it. See [`Error::violation`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation<'e> {
    /// The kind of the constraint.
    pub constraint: Constraint,
    /// The table. It is unknown for FOREIGN KEY, CHECK and triggers.
    pub table: Option<&'e str>,
    /// The columns of the constraint, in its order. SQLite reports those of UNIQUE, PRIMARY KEY,
    /// NOT NULL, and of a type in a STRICT table.
    pub columns: Vec<&'e str>,
    /// The name of a CHECK, or its expression if it has no name; the name of an index of
    /// expressions.
    pub name: Option<&'e str>,
}

impl Violation<'_> {
    /// Whether the constraint is of one column.
    ///
    /// # Examples
    /// ```
    /// # fn f(error: &bindery::Error) -> Option<&'static str> {
    /// let violation = error.violation()?;
    /// violation.is_of("users", "email").then_some("this address is taken")
    /// # }
    /// ```
    #[must_use]
    pub fn is_of(&self, table: &str, column: &str) -> bool {
        self.table == Some(table) && *self.columns == [column]
    }
}

impl Error {
    /// Returns the constraint that a write violates.
    ///
    /// # Examples
    /// ```
    /// # fn f(error: &bindery::Error) {
    /// if let Some(violation) = error.violation() {
    ///     println!("{:?} of {:?}", violation.columns, violation.table);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn violation(&self) -> Option<Violation<'_>> {
        let ErrorKind::Constraint(constraint) = self.kind() else {
            return None;
        };
        Some(parse(constraint, self.message()))
    }
}

/// Reads a message of SQLite, which can follow the name of a query.
fn parse(constraint: Constraint, message: &str) -> Violation<'_> {
    let after = |part: &str| message.split_once(part).map(|(_, rest)| rest);
    let mut violation = Violation {
        constraint,
        table: None,
        columns: Vec::new(),
        name: None,
    };
    match constraint {
        Constraint::Check => violation.name = after("CHECK constraint failed: "),
        Constraint::Unique | Constraint::NotNull => {
            let list = after(" constraint failed: ").unwrap_or_default();
            if let Some(index) = list.strip_prefix("index '") {
                violation.name = index.strip_suffix('\'');
            } else {
                violation.of_columns(list.split(", "));
            }
        }
        Constraint::DataType => {
            let list = after("cannot store ").and_then(|rest| rest.rsplit_once(" column "));
            violation.of_columns(list.iter().map(|(_, column)| *column));
        }
        Constraint::ForeignKey | Constraint::Other => {}
    }
    violation
}

impl<'e> Violation<'e> {
    /// Adds columns in the form `table.column`.
    fn of_columns(&mut self, columns: impl Iterator<Item = &'e str>) {
        for column in columns {
            if let Some((table, column)) = column.split_once('.') {
                self.table = Some(table);
                self.columns.push(column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::error::Constraint;

    #[test]
    fn messages_of_sqlite() {
        let parsed = |constraint, message| {
            let violation = parse(constraint, message);
            let columns = violation.columns.join(" ");
            let (table, name) = (
                violation.table.unwrap_or("-"),
                violation.name.unwrap_or("-"),
            );
            format!("{table} {columns} {name}")
        };
        let unique = "query 2 of 3, `add`: UNIQUE constraint failed: users.org, users.email";
        assert_eq!(parsed(Constraint::Unique, unique), "users org email -");
        let index = "UNIQUE constraint failed: index 'by_lower'";
        assert_eq!(parsed(Constraint::Unique, index), "-  by_lower");
        let null = "NOT NULL constraint failed: users.name";
        assert_eq!(parsed(Constraint::NotNull, null), "users name -");
        let check = "CHECK constraint failed: age >= 0, or: none";
        assert_eq!(parsed(Constraint::Check, check), "-  age >= 0, or: none");
        let typed = "cannot store TEXT value in INTEGER column posts.likes";
        assert_eq!(parsed(Constraint::DataType, typed), "posts likes -");
        let key = "FOREIGN KEY constraint failed";
        assert_eq!(parsed(Constraint::ForeignKey, key), "-  -");
    }
}
