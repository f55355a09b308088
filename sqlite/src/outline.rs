//! What the text of a statement shows without a database.

use crate::token::{self, Kind, Token};

/// Functions whose result depends on the statement that the connection ran before.
const OF_THE_CONNECTION: [&str; 3] = ["changes", "last_insert_rowid", "total_changes"];

/// What the text of a statement shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// The number of statements in the text.
    pub statements: usize,
    /// The number of values to bind: the largest number of a parameter.
    pub parameters: usize,
    /// Whether the statement certainly only reads, and does not depend on earlier statements.
    pub reads_only: bool,
}

impl Outline {
    /// Reads the outline of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let tokens = token::tokenize(text).into_iter();
        let tokens = tokens.filter(|token| token.kind != Kind::Comment);
        let tokens: Vec<Token> = tokens.collect();

        let statements = token::statements(text).len();
        Self {
            statements,
            parameters: parameters(text, &tokens),
            reads_only: statements == 1 && reads_only(text, &tokens),
        }
    }
}

/// Returns the largest number of a parameter, by SQLite's rules: `?` is one more than the largest
/// number before it, and so is a name that occurs for the first time.
///
/// <https://www.sqlite.org/lang_expr.html#varparam>
fn parameters(text: &str, tokens: &[Token]) -> usize {
    let mut largest = 0_usize;
    let mut names: Vec<&str> = Vec::new();

    for token in tokens.iter().filter(|token| token.kind == Kind::Parameter) {
        let written = &text[token.span.clone()];
        match written.strip_prefix('?') {
            Some("") => largest += 1,
            // SQLite reports a number that does not fit.
            Some(number) => largest = largest.max(number.parse().unwrap_or_default()),
            None if names.contains(&written) => {}
            None => {
                names.push(written);
                largest += 1;
            }
        }
    }
    largest
}

/// Whether a statement is a query: SELECT or VALUES, after any WITH.
fn reads_only(text: &str, tokens: &[Token]) -> bool {
    let is = |token: &Token, words: &[&str]| words.iter().any(|word| token.is(text, word));
    let Some(first) = tokens.first() else {
        return false;
    };

    // Behind the common table expressions, which are in parentheses.
    let mut depth = 0_usize;
    let mut outside = tokens.iter().filter(|token| {
        depth += usize::from(token.is(text, "("));
        depth = depth.saturating_sub(usize::from(token.is(text, ")")));
        depth == 0
    });
    let words = ["select", "values", "insert", "replace", "update", "delete"];
    let main = if is(first, &["with"]) {
        outside.find(|token| is(token, &words))
    } else {
        Some(first)
    };
    let is_query = main.is_some_and(|main| is(main, &["select", "values"]));

    is_query && !tokens.iter().any(|token| is_of_the_connection(text, token))
}

/// Whether a token can be the name of a function in [`OF_THE_CONNECTION`], which can be quoted.
fn is_of_the_connection(text: &str, token: &Token) -> bool {
    let word = &text[token.span.clone()];
    let word = word.trim_matches(|quote| matches!(quote, '"' | '`' | '[' | ']' | '\''));
    let mut functions = OF_THE_CONNECTION.iter();
    functions.any(|function| word.eq_ignore_ascii_case(function))
}

#[cfg(test)]
mod tests {
    use super::Outline;
    use crate::Database;

    const SCHEMA: &str = "
        CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT);
        CREATE VIRTUAL TABLE words USING fts5 (word);
        CREATE VIEW v AS SELECT * FROM a;
        CREATE TRIGGER into_v INSTEAD OF INSERT ON v BEGIN INSERT INTO a VALUES (1, '2'); END;";

    #[test]
    fn a_statement_that_only_reads_does_not_write_in_sqlite() {
        let database = Database::in_memory().expect("opens");
        database.connection().execute_batch(SCHEMA).expect("runs");

        let cases = [
            ("SELECT * FROM a", true),
            (" -- a comment\n/* b */ sElEcT 1", true),
            ("VALUES (1), (2)", true),
            (
                "WITH x AS (SELECT 1), y (n) AS NOT MATERIALIZED (VALUES (2)) SELECT * FROM x, y",
                true,
            ),
            (
                "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 3) SELECT n FROM c",
                true,
            ),
            ("SELECT 'delete', \"name\" FROM a -- update", true),
            ("SELECT word FROM words WHERE words MATCH 'x'", true),
            ("WITH x AS (SELECT 1) DELETE FROM a", false),
            ("WITH x AS (SELECT 1) INSERT INTO a SELECT 1, 'x'", false),
            (
                "WITH x (n) AS (SELECT ')') UPDATE a SET name = (SELECT n FROM x)",
                false,
            ),
            ("INSERT INTO words (words) VALUES ('optimize')", false),
            ("INSERT INTO v VALUES (1, '1') RETURNING id", false),
            ("REPLACE INTO a VALUES (1, 'b')", false),
            ("DELETE FROM a", false),
            ("PRAGMA foreign_keys = off", false),
            ("EXPLAIN SELECT 1", false),
            ("DROP TABLE a", false),
            ("CREATE TABLE b AS SELECT 1 AS x", false),
            ("SELECT changes()", false),
            ("SELECT \"last_insert_rowid\"()", false),
        ];
        for (sql, expected) in cases {
            assert_eq!(Outline::of(sql).reads_only, expected, "{sql}");
            let prepared = database.connection().prepare(sql);
            let prepared = prepared.unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert!(prepared.readonly() || !expected, "{sql}");
        }
    }

    #[test]
    fn statements_are_counted() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;";
        for (sql, expected) in [
            ("", 0),
            (" -- SELECT 1;\n ; /* */ ", 0),
            ("SELECT 1", 1),
            ("SELECT ';' ; -- ;\n", 1),
            (trigger, 1),
            ("SELECT 1; DELETE FROM a", 2),
        ] {
            let outline = Outline::of(sql);
            assert_eq!(outline.statements, expected, "{sql}");
            assert!(!outline.reads_only || expected == 1, "{sql}");
        }
    }

    #[test]
    fn parameters_are_numbered_as_in_sqlite() {
        let database = Database::in_memory().expect("opens");
        for sql in [
            "SELECT 1",
            "SELECT ?",
            "SELECT ?, ?",
            "SELECT ?2, ?",
            "SELECT ?3, ?1, ?",
            "SELECT :a, :b, :a, @a, $a",
            "SELECT ?5, :a, ?, :a",
            "SELECT '?', \"?\" FROM (SELECT 1 AS \"?\") -- ?",
        ] {
            let prepared = database.connection().prepare(sql);
            let prepared = prepared.unwrap_or_else(|error| panic!("{sql}: {error}"));
            let expected = prepared.parameter_count();
            assert_eq!(Outline::of(sql).parameters, expected, "{sql}");
        }
    }
}
