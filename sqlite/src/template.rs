//! Statements whose text depends on the arguments: optional filters, a sort order, optional
//! assignments.
//!
//! The compiler assembles the texts that the arguments can select, and SQLite prepares each of
//! them. The runtime assembles one of them, with the same function.

use std::fmt::Write;

/// A piece of a template. A list of pieces is a program that writes a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<S> {
    /// Writes a text.
    Text(S),
    /// Writes the number of a parameter, and binds it.
    Parameter(usize),
    /// Skips the next `skip` pieces unless the choice with an index is `arm`.
    When {
        /// The index of the choice.
        choice: usize,
        /// The value of the choice for which the pieces are written.
        arm: usize,
        /// The number of pieces that depend on it.
        skip: usize,
    },
    /// Begins a list of items, each of which can be absent.
    Begin,
    /// Begins an item. Writes the separator if the list has an item already and this one is not
    /// absent.
    Item(S),
    /// Ends a list. Writes the text if every item is absent.
    End(S),
}

/// An assembled statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// The SQL, with parameters that are numbered in the order of their first use.
    pub sql: String,
    /// The index of the argument that each number binds, from `?1` on.
    pub arguments: Vec<usize>,
}

/// A list that is being written.
struct List<'p> {
    /// Where its text starts.
    start: usize,
    /// The separator to write before the next text.
    pending: Option<&'p str>,
}

/// Assembles the statement that some choices select.
pub fn assemble<S: AsRef<str>>(pieces: &[Piece<S>], choices: &[usize]) -> Assembled {
    let mut writer = Writer {
        sql: String::new(),
        arguments: Vec::new(),
        lists: Vec::new(),
    };
    let mut index = 0;

    while let Some(piece) = pieces.get(index) {
        index += 1;
        match piece {
            Piece::Text(text) => writer.text(text.as_ref()),
            Piece::Parameter(argument) => writer.parameter(*argument),
            Piece::When { choice, arm, skip } => {
                if choices.get(*choice) != Some(arm) {
                    index += skip;
                }
            }
            Piece::Begin => writer.begin(),
            Piece::Item(separator) => writer.item(separator.as_ref()),
            Piece::End(otherwise) => writer.end(otherwise.as_ref()),
        }
    }
    Assembled {
        sql: writer.sql,
        arguments: writer.arguments,
    }
}

struct Writer<'p> {
    sql: String,
    arguments: Vec<usize>,
    /// The lists that have begun, innermost last.
    lists: Vec<List<'p>>,
}

impl<'p> Writer<'p> {
    fn text(&mut self, text: &str) {
        for list in &mut self.lists {
            if let Some(separator) = list.pending.take() {
                self.sql.push_str(separator);
            }
        }
        self.sql.push_str(text);
    }

    fn parameter(&mut self, argument: usize) {
        let known = self.arguments.iter().position(|known| *known == argument);
        let number = known.unwrap_or_else(|| {
            self.arguments.push(argument);
            self.arguments.len() - 1
        });
        self.text("?");
        let _ = write!(self.sql, "{}", number + 1);
    }

    fn begin(&mut self) {
        self.lists.push(List {
            start: self.sql.len(),
            pending: None,
        });
    }

    fn item(&mut self, separator: &'p str) {
        let length = self.sql.len();
        if let Some(list) = self.lists.last_mut() {
            list.pending = (length > list.start).then_some(separator);
        }
    }

    fn end(&mut self, otherwise: &str) {
        let list = self.lists.pop();
        if list.is_some_and(|list| list.start == self.sql.len()) {
            self.text(otherwise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, assemble};

    /// `SELECT .. WHERE [a = ?] AND [b = ?] ORDER BY a | b`
    const PIECES: &[Piece<&str>] = &[
        Piece::Text("SELECT * FROM t WHERE "),
        Piece::Begin,
        Piece::Item(" AND "),
        Piece::When {
            choice: 0,
            arm: 1,
            skip: 2,
        },
        Piece::Text("a = "),
        Piece::Parameter(0),
        Piece::Item(" AND "),
        Piece::When {
            choice: 1,
            arm: 1,
            skip: 5,
        },
        Piece::Text("(b = "),
        Piece::Parameter(1),
        Piece::Text(" OR c = "),
        Piece::Parameter(1),
        Piece::Text(")"),
        Piece::End("TRUE"),
    ];

    #[test]
    fn absent_items_leave_no_trace() {
        let assembled = |choices: &[usize]| {
            let assembled = assemble(PIECES, choices);
            (assembled.sql, assembled.arguments)
        };
        let start = "SELECT * FROM t WHERE ";
        for (choices, condition, arguments) in [
            ([0, 0], "TRUE", &[][..]),
            ([1, 0], "a = ?1", &[0]),
            ([0, 1], "(b = ?1 OR c = ?1)", &[1]),
            ([1, 1], "a = ?1 AND (b = ?2 OR c = ?2)", &[0, 1]),
        ] {
            let expected = (format!("{start}{condition}"), arguments.to_vec());
            assert_eq!(assembled(&choices), expected);
        }
    }
}
