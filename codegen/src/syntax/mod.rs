//! SQLite's grammar for the statements a query can be, and for the tables they meet: text in, a tree with spans out.
//!
//! By recursive descent over the tokens of [`bindery_sqlite::token`], with SQLite's precedence.
//! SQLite itself judges the text afterwards, so this accepts a little more than SQLite does and
//! never less; nesting is bounded by D1's own bound on the depth of an expression.
//!
//! <https://www.sqlite.org/syntaxdiagrams.html>

pub(crate) mod ast;
mod expr;
mod statement;
mod table;

pub(crate) use table::{parse_table, parse_virtual};

use bindery_sqlite::token::{Kind, Token, tokenize};

use ast::{Bytes, Ident, Parameter, Select, Statement};

/// D1 refuses deeper expressions; a bound here keeps hostile text from the end of the stack.
const MAX_DEPTH: usize = 100;

/// Where and why the text is not understood.
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
    parser.accept(";");
    if let Some(token) = parser.peek() {
        return Err(parser.unexpected(token.span.clone()));
    }
    Ok((statement, parser.parameters))
}

/// Parses the SELECT of a `CREATE VIEW` statement, and its column names if it lists them.
pub(crate) fn parse_view(text: &str) -> Parsed<(Vec<Ident>, Select)> {
    let mut parser = Parser::new(text);
    parser.expect("create")?;
    let _temporary = parser.accept("temp") || parser.accept("temporary");
    parser.expect("view")?;
    parser.created_name()?;
    let columns = if parser.is("(") {
        parser.names_in_parentheses()?
    } else {
        Vec::new()
    };
    parser.expect("as")?;
    Ok((columns, parser.select()?))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    /// The height of the expression that was read last, and of the tallest beside it.
    height: usize,
    tallest: usize,
    parameters: Vec<Parameter>,
}

/// Words that end an expression or a table name where an alias without AS could stand.
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

    // Reading tokens.

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    fn slice(&self, token: &Token) -> &'a str {
        &self.text[token.span.clone()]
    }

    /// Whether the token `ahead` of the next is the bare word or symbol `word`.
    fn is_at(&self, ahead: usize, word: &str) -> bool {
        match self.tokens.get(self.position + ahead) {
            Some(token) => {
                matches!(token.kind, Kind::Word | Kind::Symbol) && token.is(self.text, word)
            }
            None => false,
        }
    }

    fn is(&self, word: &str) -> bool {
        self.is_at(0, word)
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.is(word);
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Parsed<()> {
        if self.accept(word) {
            Ok(())
        } else {
            Err(self.wanted(&format!("`{}`", word.to_uppercase())))
        }
    }

    fn wanted(&self, what: &str) -> Unparsed {
        let span = self
            .peek()
            .map_or(self.text.len()..self.text.len(), |token| token.span.clone());
        Unparsed {
            message: format!("expected {what}"),
            span,
        }
    }

    fn unexpected(&self, span: Bytes) -> Unparsed {
        Unparsed {
            message: format!("unexpected `{}`", &self.text[span.clone()]),
            span,
        }
    }

    /// The end of the token before the next.
    fn end(&self) -> usize {
        self.position
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(0, |token| token.span.end)
    }

    fn start(&self) -> usize {
        self.peek()
            .map_or(self.text.len(), |token| token.span.start)
    }

    /// Runs a rule that can hold itself, within the bound on depth.
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

    // Names.

    fn name(&mut self) -> Parsed<Ident> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.wanted("a name"));
        };
        let slice = self.slice(&token);
        let text = match token.kind {
            Kind::Word if !RESERVED.iter().any(|word| slice.eq_ignore_ascii_case(word)) => {
                slice.to_owned()
            }
            Kind::Quoted | Kind::String => unquote(slice),
            _ => return Err(self.wanted("a name")),
        };
        self.position += 1;
        Ok(Ident {
            text,
            span: token.span,
        })
    }

    fn names_in_parentheses(&mut self) -> Parsed<Vec<Ident>> {
        self.expect("(")?;
        let names = self.list(Self::name)?;
        self.expect(")")?;
        Ok(names)
    }

    /// `AS name`, or a name that is no keyword here.
    fn alias(&mut self) -> Parsed<Option<Ident>> {
        if self.accept("as") {
            return self.name().map(Some);
        }
        let could = self.peek().is_some_and(|token| match token.kind {
            Kind::Word => {
                let slice = self.slice(token);
                !self.is_window_clause()
                    && !NO_ALIAS
                        .iter()
                        .chain(RESERVED)
                        .any(|word| slice.eq_ignore_ascii_case(word))
            }
            Kind::Quoted | Kind::String => true,
            _ => false,
        });
        if could {
            self.name().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether a WINDOW clause begins: elsewhere the word is a name.
    fn is_window_clause(&self) -> bool {
        let named = self
            .tokens
            .get(self.position + 1)
            .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Quoted | Kind::String));
        self.is("window") && named && self.is_at(2, "as")
    }

    fn list<T>(&mut self, rule: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![rule(self)?];
        while self.accept(",") {
            items.push(rule(self)?);
        }
        Ok(items)
    }

    /// Notes a use of a parameter, numbered as SQLite numbers them.
    fn parameter(&mut self, slice: &str, span: Bytes) -> usize {
        let number = slice
            .strip_prefix('?')
            .and_then(|digits| digits.parse::<usize>().ok());
        let name = (!slice.starts_with('?')).then(|| slice[1..].to_owned());
        let known = self
            .parameters
            .iter()
            .position(|parameter| match (&name, number) {
                (Some(name), _) => parameter.name.as_ref() == Some(name),
                (None, Some(number)) => parameter.number == Some(number),
                (None, None) => false,
            });
        if let Some(index) = known {
            self.parameters[index].spans.push(span);
            return index;
        }
        self.parameters.push(Parameter {
            name,
            spans: vec![span],
            number,
        });
        self.parameters.len() - 1
    }
}

/// The text that a quoted token stands for.
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
    use super::parse;

    /// Each of these SQLite accepts; what the parser refuses, a user could not write.
    #[test]
    fn accepts_what_sqlite_accepts() {
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
    fn hostile_text_is_refused_and_never_ends_the_stack() {
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
    fn parameters_are_numbered_by_first_use() {
        let (_, parameters) = parse("select :b, ?, :a, :b, ?7, ?7").expect("parses");
        let seen: Vec<(Option<&str>, usize)> = parameters
            .iter()
            .map(|parameter| (parameter.name.as_deref(), parameter.spans.len()))
            .collect();
        assert_eq!(seen, [(Some("b"), 2), (None, 1), (Some("a"), 1), (None, 2)]);
    }
}
