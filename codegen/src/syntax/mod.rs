//! Parses SQLite's queries, and the CREATE statements of tables and views, into a tree with spans.
//!
//! This is a recursive descent parser over the tokens of [`bindery_sqlite::token`], with SQLite's
//! precedence. SQLite checks the text afterwards, so the parser may accept more than SQLite does,
//! but never less. Nesting is limited by D1's maximum depth of an expression.
//!
//! <https://www.sqlite.org/syntaxdiagrams.html>

pub(crate) mod ast;
mod expr;
mod function;
mod source;
mod statement;
mod table;
pub(crate) mod visit;
mod write;

pub(crate) use table::{parse_table, parse_virtual};

use bindery_sqlite::MAX_BOUND_PARAMETERS;
use bindery_sqlite::token::{Kind, Token, tokenize};

use ast::{Bytes, Ident, Parameter, Select, Statement};

/// The maximum nesting depth. D1 rejects deeper expressions, and hostile text must not overflow the
/// stack.
const MAX_DEPTH: usize = 100;

/// A syntax error and its position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unparsed {
    pub(crate) message: String,
    pub(crate) span: Bytes,
}

type Parsed<T> = Result<T, Unparsed>;

/// Parses one statement.
pub(crate) fn parse(text: &str) -> Parsed<(Statement, Vec<Parameter>)> {
    let mut parser = Parser::new(text);
    let statement = parser.statement()?;
    while parser.accept(";") {}
    if let Some(token) = parser.peek() {
        return Err(parser.unexpected(token.span.clone()));
    }
    Ok((statement, parser.parameters))
}

/// Parses a `CREATE VIEW` statement into its column names, if it lists any, and its SELECT.
pub(crate) fn parse_view(text: &str) -> Parsed<(Vec<Ident>, Select)> {
    let mut parser = Parser::new(text);
    parser.expect("create")?;
    let _temporary = parser.accept("temp") || parser.accept("temporary");
    parser.expect("view")?;
    parser.created_name()?;

    let columns = parser.optional_names()?;
    parser.expect("as")?;
    Ok((columns, parser.select()?))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    /// The height of the last expression.
    height: usize,
    /// The height of the tallest expression on the current level.
    tallest: usize,
    parameters: Vec<Parameter>,
}

/// Words that follow an expression or a table and are therefore not an alias without AS.
const NO_ALIAS: &[&str] = &[
    "and",
    "as",
    "between",
    "collate",
    "cross",
    "else",
    "end",
    "escape",
    "except",
    "from",
    "full",
    "glob",
    "group",
    "having",
    "in",
    "indexed",
    "inner",
    "intersect",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "limit",
    "match",
    "natural",
    "not",
    "notnull",
    "on",
    "or",
    "order",
    "outer",
    "regexp",
    "returning",
    "right",
    "select",
    "set",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
];

/// Words that cannot be a name unless quoted.
const RESERVED: &[&str] = &[
    "add",
    "all",
    "alter",
    "and",
    "as",
    "autoincrement",
    "between",
    "case",
    "check",
    "collate",
    "commit",
    "constraint",
    "create",
    "default",
    "deferrable",
    "delete",
    "distinct",
    "drop",
    "else",
    "escape",
    "except",
    "exists",
    "foreign",
    "from",
    "group",
    "having",
    "in",
    "index",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "limit",
    "not",
    "notnull",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "returning",
    "select",
    "set",
    "table",
    "then",
    "to",
    "transaction",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
];

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let tokens = tokenize(text)
            .into_iter()
            .filter(|token| token.kind != Kind::Comment)
            .collect();
        Self {
            text,
            tokens,
            position: 0,
            depth: 0,
            height: 0,
            tallest: 0,
            parameters: Vec::new(),
        }
    }

    /// Returns the next token.
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    fn slice(&self, token: &Token) -> &'a str {
        &self.text[token.span.clone()]
    }

    /// Reports whether a token is the bare word or symbol `word`, `ahead` tokens after the next.
    fn is_at(&self, ahead: usize, word: &str) -> bool {
        match self.tokens.get(self.position + ahead) {
            Some(token) => {
                matches!(token.kind, Kind::Word | Kind::Symbol) && token.is(self.text, word)
            }
            None => false,
        }
    }

    /// Reports whether the next token is the bare word or symbol `word`.
    fn is(&self, word: &str) -> bool {
        self.is_at(0, word)
    }

    /// Skips the next token if it is `word`, and reports whether it was.
    fn accept(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.position += usize::from(found);
        found
    }

    /// Skips the next token, which must be `word`.
    fn expect(&mut self, word: &str) -> Parsed<()> {
        if self.accept(word) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{}`", word.to_uppercase())))
        }
    }

    /// Creates the error for a missing part of the grammar.
    fn expected(&self, part: &str) -> Unparsed {
        let span = self
            .peek()
            .map_or(self.text.len()..self.text.len(), |token| token.span.clone());
        Unparsed {
            message: format!("expected {part}"),
            span,
        }
    }

    fn unexpected(&self, span: Bytes) -> Unparsed {
        Unparsed {
            message: format!("unexpected `{}`", &self.text[span.clone()]),
            span,
        }
    }

    /// Returns the end of the last token that was read.
    fn end(&self) -> usize {
        self.position
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.span.end)
    }

    /// Returns the start of the next token.
    fn start(&self) -> usize {
        self.peek()
            .map_or(self.text.len(), |token| token.span.start)
    }

    /// Runs a recursive rule within the maximum depth.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(Unparsed {
                message: "the statement is nested too deeply".to_owned(),
                span: self.start()..self.start(),
            });
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// Reads a name, quoted or not.
    fn name(&mut self) -> Parsed<Ident> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.expected("a name"));
        };

        let slice = self.slice(&token);
        let text = match token.kind {
            Kind::Word if !is_reserved(slice) => slice.to_owned(),
            Kind::Quoted | Kind::String => unquote(slice),
            _ => return Err(self.expected("a name")),
        };

        self.position += 1;
        Ok(Ident {
            text,
            span: token.span,
        })
    }

    /// Reads `(name, ...)`.
    fn names_in_parentheses(&mut self) -> Parsed<Vec<Ident>> {
        self.expect("(")?;
        let names = self.list(Self::name)?;
        self.expect(")")?;
        Ok(names)
    }

    /// Reads an optional `(name, ...)`.
    fn optional_names(&mut self) -> Parsed<Vec<Ident>> {
        if self.is("(") {
            self.names_in_parentheses()
        } else {
            Ok(Vec::new())
        }
    }

    /// Reads `AS name`, or a name that is not a keyword in this position.
    fn alias(&mut self) -> Parsed<Option<Ident>> {
        if self.accept("as") {
            return self.name().map(Some);
        }

        let is_alias = self.peek().is_some_and(|token| match token.kind {
            Kind::Word => {
                let slice = self.slice(token);
                let ends_operand = NO_ALIAS.iter().any(|word| slice.eq_ignore_ascii_case(word));
                !self.is_window_clause() && !ends_operand && !is_reserved(slice)
            }
            Kind::Quoted | Kind::String => true,
            _ => false,
        });
        if is_alias {
            self.name().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reports whether a WINDOW clause follows. In other positions the word is a name.
    fn is_window_clause(&self) -> bool {
        let has_name = self
            .tokens
            .get(self.position + 1)
            .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::String));
        self.is("window") && has_name && self.is_at(2, "as")
    }

    /// Reads one or more items, separated by commas.
    fn list<T>(&mut self, rule: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![rule(self)?];
        while self.accept(",") {
            items.push(rule(self)?);
        }
        Ok(items)
    }

    /// Records a use of a parameter and returns its index: its number, as SQLite assigns it, less
    /// one.
    ///
    /// `?` and a new name have the number after the largest one before them.
    fn parameter(&mut self, slice: &str, span: Bytes) -> Parsed<usize> {
        let last = self.parameters.len();
        let index = if slice == "?" {
            last
        } else if let Some(digits) = slice.strip_prefix('?') {
            match digits.parse::<usize>() {
                Ok(number @ 1..=MAX_BOUND_PARAMETERS) => number - 1,
                _ => return Err(self.unexpected(span)),
            }
        } else if slice.starts_with('#') && slice[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unexpected(span));
        } else {
            let known = |parameter: &Parameter| parameter.name.as_deref() == Some(slice);
            self.parameters.iter().position(known).unwrap_or(last)
        };

        while self.parameters.len() <= index {
            self.parameters.push(Parameter::default());
        }
        let parameter = &mut self.parameters[index];
        if !slice.starts_with('?') {
            parameter.name = Some(slice.to_owned());
        }
        parameter.spans.push(span);
        Ok(index)
    }
}

/// Reports whether a word cannot be a name unless quoted.
fn is_reserved(word: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// Returns the text of a quoted token without its quotes.
fn unquote(slice: &str) -> String {
    let Some(quote) = slice.chars().next() else {
        return String::new();
    };
    let inner = slice
        .get(1..slice.len().saturating_sub(1))
        .unwrap_or_default();
    if quote == '[' {
        inner.to_owned()
    } else {
        inner.replace(&format!("{quote}{quote}"), &quote.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameter, parse};

    #[test]
    fn statements_that_sqlite_accepts_are_accepted() {
        for text in [
            "select 1",
            "values (1, 'a'), (2, 'b')",
            "select distinct a.b, c.*, * from x as a left outer join (select 1) c on a.b is not c.d natural join e using (f)",
            "select count(*) filter (where a > 1) over w, sum(x) over (partition by y order by z rows between 1 preceding and current row exclude ties) from t window w as (order by a)",
            "with recursive n(i) as (values (1) union all select i + 1 from n where i < 10) select * from n order by 1 desc nulls last limit 5 offset 2",
            "select case a when 1 then 2 else 3 end, cast(x as decimal(10, 2)), not exists (select 1), x not null, x notnull, y isnull, -+~1 collate nocase",
            "select x not between 1 and 2 and y not in (1, 2) or z in () and w in t and v like 'a' escape 'b', (1, 2) = (3, 4)",
            "select a is distinct from b, a is not distinct from b, j -> 'x' ->> '$.y', x'00', 0x1F, 1e3, .5, \"q\"\"q\", [b r], `t`",
            "select * from json_each(:ids) j, pragma_table_info('x') where j.value = ?2",
            "insert or replace into t as u (a, b) values (1, ?), (:x, @y) on conflict (a collate nocase) where b do update set (a, b) = (1, 2), c = excluded.c where d returning *, a as z",
            "insert into t default values",
            "replace into t select 1 where true on conflict do nothing",
            "update or ignore main.t as u indexed by i set a = 1 from v where u.x = v.y returning a order by b limit 1",
            "with c as (select 1) delete from t not indexed where a = (select * from c) returning a;",
            "select group_concat(distinct a order by b), replace(a, b, c), glob('*', x), like(a, b)",
            "select \"end\".\"order\" from \"end\"",
            "select t.key, value, replace, action from t left join u on 1 cross join v",
        ] {
            parse(text).unwrap_or_else(|error| panic!("{text}\n{error:?}"));
        }
    }

    #[test]
    fn hostile_text_is_rejected_without_a_stack_overflow() {
        for text in [
            "",
            "select",
            "select ((((",
            "with",
            "select case",
            "\u{0}",
            "select 'x",
            "insert",
            "delete from t where",
            "select f(",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for (open, close) in [
            ("(", ")"),
            ("not ", ""),
            ("-", ""),
            ("(select ", ")"),
            ("case when ", " then 1 end"),
        ] {
            let text = format!("select {}1{}", open.repeat(50_000), close.repeat(50_000));
            assert!(parse(&text).is_err(), "{open}");
        }
        for chain in [
            " + 1",
            " collate nocase",
            " isnull",
            " from a natural join b join c",
            " join a",
        ] {
            let text = format!("select 1{}", chain.repeat(50_000));
            assert!(parse(&text).is_err(), "{chain}");
        }

        assert!(parse(&format!("select 1 from a{}", " join a".repeat(50_000))).is_err());
    }

    #[test]
    fn parameters_have_the_numbers_that_sqlite_gives_them() {
        let numbered = |text| {
            let (_, parameters) = parse(text).expect("parses");
            let name = |parameter: &Parameter| parameter.name.clone().unwrap_or_default();
            let seen = parameters
                .iter()
                .map(|parameter| (name(parameter), parameter.spans.len()));
            seen.collect::<Vec<_>>()
        };
        let seen = |name: &str, uses| (name.to_owned(), uses);

        let named = [seen(":b", 2), seen("", 1), seen(":a", 1), seen("", 1)];
        assert_eq!(numbered("select :b, ?, :a, :b, ?4"), named);
        assert_eq!(numbered("select ?2, ?1, ?2"), [seen("", 1), seen("", 2)]);
        // `?1` is the first parameter, whatever its name; `?` is the one after the last.
        assert_eq!(
            numbered("select :a, ?1, ?3, ?"),
            [seen(":a", 2), seen("", 0), seen("", 1), seen("", 1)]
        );
        for text in [
            "select ?0",
            "select ?101",
            "select #1",
            "select ?99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
