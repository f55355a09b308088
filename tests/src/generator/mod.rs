//! Random SQL over a schema, in every form that the analysis supports.
//!
//! Every name resolves, so SQLite and the analysis accept most statements. The oracle counts the
//! statements that they refuse.

mod calls;
mod expressions;
mod lists;
mod selects;
mod writes;

use crate::random::Random;
pub use lists::ARITHMETIC;

/// A table or view to read from.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The columns that an INSERT or UPDATE may set. Empty for a view.
    pub writable: Vec<String>,
}

/// A relation of a FROM clause under its alias.
#[derive(Debug, Clone)]
struct Source {
    alias: String,
    columns: Vec<String>,
}

/// The relations of one level of a query.
#[derive(Debug, Clone, Default)]
struct Scope {
    relations: Vec<Source>,
    /// The columns that a USING merges.
    merged: Vec<String>,
}

/// The calls that an expression may contain besides scalar functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allow {
    /// Neither aggregates nor window functions.
    Plain,
    /// Aggregates.
    Aggregates,
    /// Window functions and aggregates over windows.
    Windows,
}

/// A generator of statements. The same seed and relations yield the same statements.
#[derive(Debug)]
pub struct Generator<'a> {
    /// The source of all random choices.
    pub random: Random,
    relations: &'a [Relation],
    scopes: Vec<Scope>,
    ctes: Vec<Source>,
    names: usize,
    parameters: usize,
    /// The column that the condition of a CASE tests, in its arm.
    tested: Option<String>,
    /// Whether the last statement writes only arguments, whose types are those of the columns.
    pub writes_arguments: bool,
    /// Whether the rows of the last statement depend on its arguments alone, not on an order.
    pub is_comparable: bool,
}

/// The nesting depth of expressions and selects.
const DEPTH: usize = 3;

impl<'a> Generator<'a> {
    /// Creates a generator over the tables and views of a schema.
    #[must_use]
    pub fn new(seed: u64, relations: &'a [Relation]) -> Self {
        Self {
            random: Random(seed),
            relations,
            scopes: Vec::new(),
            ctes: Vec::new(),
            names: 0,
            parameters: 0,
            tested: None,
            writes_arguments: false,
            is_comparable: false,
        }
    }

    /// Returns the next statement.
    pub fn statement(&mut self) -> String {
        self.scopes.clear();
        self.ctes.clear();
        self.names = 0;
        self.parameters = 0;
        self.tested = None;
        self.writes_arguments = self.random.one_in(2);

        self.is_comparable = self.random.one_in(8);

        let sql = match self.random.below(12) {
            _ if self.is_comparable => self.membership_statement(),
            0 => self.insert(),
            1 => self.update(),
            2 => self.delete(),
            3 => self.chain_of_joins(),
            _ => {
                let width = 1 + self.random.below(4);
                self.select(width, DEPTH, true)
            }
        };
        if self.random.one_in(4) {
            self.numbered(sql)
        } else {
            sql
        }
    }

    /// Returns a name that the statement does not use yet.
    fn fresh_name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }
}
