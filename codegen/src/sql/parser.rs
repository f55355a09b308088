//! SQLite's grammar for the statements a query can be: text in, a tree with spans out.
//!
//! By recursive descent over the tokens of [`bindery_sqlite::token`], with SQLite's precedence.
//! SQLite itself judges the text afterwards, so this accepts a little more than SQLite does and
//! never less; nesting is bounded by D1's own bound on the depth of an expression.
//!
//! <https://www.sqlite.org/syntaxdiagrams.html>

use bindery_sqlite::token::{Kind, Token, tokenize};

use super::ast::{
    Assignment, Bytes, Core, Cte, Delete, Expr, ExprKind, Function, Ident, InList, Insert, Join, JoinKind, Operator, Parameter,
    Query, ResultColumn, Select, Source, Statement, Update, Upsert, Window,
};

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
    if parser.accept("if") {
        parser.expect("not")?;
        parser.expect("exists")?;
    }
    parser.name()?;
    if parser.accept(".") {
        parser.name()?;
    }
    let columns = if parser.is("(") { parser.names_in_parentheses()? } else { Vec::new() };
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

// How tightly operators bind, from the loosest.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const EQUALITY: u8 = 4;
const COMPARISON: u8 = 5;
const BITS: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;
const CONCAT: u8 = 9;

/// The binary operators.
const OPERATORS: &[(&str, Operator, u8)] = &[
    ("or", Operator::Or, OR),
    ("and", Operator::And, AND),
    ("=", Operator::Equal, EQUALITY),
    ("==", Operator::Equal, EQUALITY),
    ("<>", Operator::NotEqual, EQUALITY),
    ("!=", Operator::NotEqual, EQUALITY),
    ("<", Operator::Less, COMPARISON),
    ("<=", Operator::LessEqual, COMPARISON),
    (">", Operator::Greater, COMPARISON),
    (">=", Operator::GreaterEqual, COMPARISON),
    ("&", Operator::BitAnd, BITS),
    ("|", Operator::BitOr, BITS),
    ("<<", Operator::ShiftLeft, BITS),
    (">>", Operator::ShiftRight, BITS),
    ("+", Operator::Add, SUM),
    ("-", Operator::Subtract, SUM),
    ("*", Operator::Multiply, PRODUCT),
    ("/", Operator::Divide, PRODUCT),
    ("%", Operator::Remainder, PRODUCT),
    ("||", Operator::Concat, CONCAT),
    ("->", Operator::Extract, CONCAT),
    ("->>", Operator::ExtractText, CONCAT),
];

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
    "filter",
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
    "over",
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
    "window",
    "offset",
    "do",
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
        let tokens = tokenize(text).into_iter().filter(|token| token.kind != Kind::Comment).collect();
        Self { text, tokens, position: 0, depth: 0, height: 0, tallest: 0, parameters: Vec::new() }
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
        self.tokens
            .get(self.position + ahead)
            .is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Symbol) && self.slice(token).eq_ignore_ascii_case(word))
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
        if self.accept(word) { Ok(()) } else { Err(self.wanted(&format!("`{}`", word.to_uppercase()))) }
    }

    fn wanted(&self, what: &str) -> Unparsed {
        let span = self.peek().map_or(self.text.len()..self.text.len(), |token| token.span.clone());
        Unparsed { message: format!("expected {what}"), span }
    }

    fn unexpected(&self, span: Bytes) -> Unparsed {
        Unparsed { message: format!("unexpected `{}`", &self.text[span.clone()]), span }
    }

    /// The end of the token before the next.
    fn end(&self) -> usize {
        self.position.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |token| token.span.end)
    }

    fn start(&self) -> usize {
        self.peek().map_or(self.text.len(), |token| token.span.start)
    }

    /// Runs a rule that can hold itself, within the bound on depth.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(Unparsed { message: "the statement is nested too deeply".to_owned(), span: self.start()..self.start() });
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    // Names.

    fn name(&mut self) -> Parsed<Ident> {
        let Some(token) = self.peek().cloned() else { return Err(self.wanted("a name")) };
        let slice = self.slice(&token);
        let text = match token.kind {
            Kind::Word if !RESERVED.iter().any(|word| slice.eq_ignore_ascii_case(word)) => slice.to_owned(),
            Kind::Quoted | Kind::String => unquote(slice),
            _ => return Err(self.wanted("a name")),
        };
        self.position += 1;
        Ok(Ident { text, span: token.span })
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
                !NO_ALIAS.iter().chain(RESERVED).any(|word| slice.eq_ignore_ascii_case(word))
            }
            Kind::Quoted | Kind::String => true,
            _ => false,
        });
        if could { self.name().map(Some) } else { Ok(None) }
    }

    fn list<T>(&mut self, rule: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![rule(self)?];
        while self.accept(",") {
            items.push(rule(self)?);
        }
        Ok(items)
    }

    // Statements.

    fn statement(&mut self) -> Parsed<Statement> {
        let (ctes, recursive) = self.with()?;
        if self.is("insert") || self.is("replace") {
            self.insert(ctes, recursive).map(|insert| Statement::Insert(Box::new(insert)))
        } else if self.is("update") {
            self.update(ctes, recursive).map(|update| Statement::Update(Box::new(update)))
        } else if self.is("delete") {
            self.delete(ctes, recursive).map(|delete| Statement::Delete(Box::new(delete)))
        } else if self.is("select") || self.is("values") {
            let select = self.select_body()?;
            Ok(Statement::Select(Box::new(Select { ctes, recursive, ..select })))
        } else {
            Err(self.wanted("SELECT, INSERT, UPDATE, DELETE, VALUES or WITH"))
        }
    }

    fn with(&mut self) -> Parsed<(Vec<Cte>, bool)> {
        if !self.accept("with") {
            return Ok((Vec::new(), false));
        }
        let recursive = self.accept("recursive");
        let ctes = self.list(|parser| {
            let name = parser.name()?;
            let columns = if parser.is("(") { parser.names_in_parentheses()? } else { Vec::new() };
            parser.expect("as")?;
            if parser.accept("not") {
                parser.expect("materialized")?;
            } else {
                parser.accept("materialized");
            }
            parser.expect("(")?;
            let select = parser.select()?;
            parser.expect(")")?;
            Ok(Cte { name, columns, select })
        })?;
        Ok((ctes, recursive))
    }

    fn select(&mut self) -> Parsed<Select> {
        self.nested(|parser| {
            let (ctes, recursive) = parser.with()?;
            let select = parser.select_body()?;
            Ok(Select { ctes, recursive, ..select })
        })
    }

    fn select_body(&mut self) -> Parsed<Select> {
        let mut cores = vec![self.core()?];
        loop {
            if self.accept("union") {
                self.accept("all");
            } else if !self.accept("intersect") && !self.accept("except") {
                break;
            }
            cores.push(self.core()?);
        }
        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        Ok(Select { cores, order_by, limit, offset, ..Select::default() })
    }

    fn core(&mut self) -> Parsed<Core> {
        if self.accept("values") {
            let rows = self.list(|parser| {
                parser.expect("(")?;
                let row = parser.list(Self::expr)?;
                parser.expect(")")?;
                Ok(row)
            })?;
            return Ok(Core::Values(rows));
        }
        self.expect("select")?;
        let _distinct = self.accept("distinct") || self.accept("all");
        let columns = self.result_columns()?;
        let from = if self.accept("from") { Some(self.source()?) } else { None };
        let filter = self.clause("where")?;
        let mut group_by = Vec::new();
        if self.accept("group") {
            self.expect("by")?;
            group_by = self.list(Self::expr)?;
        }
        let having = self.clause("having")?;
        let mut windows = Vec::new();
        if self.accept("window") {
            windows = self.list(|parser| {
                parser.name()?;
                parser.expect("as")?;
                parser.window()
            })?;
        }
        Ok(Core::Query(Box::new(Query { columns, from, filter, group_by, having, windows })))
    }

    fn clause(&mut self, keyword: &str) -> Parsed<Option<Expr>> {
        if self.accept(keyword) { self.expr().map(Some) } else { Ok(None) }
    }

    fn result_columns(&mut self) -> Parsed<Vec<ResultColumn>> {
        self.list(|parser| {
            let start = parser.start();
            if parser.accept("*") {
                return Ok(ResultColumn::All(start..parser.end()));
            }
            if parser.is_at(1, ".") && parser.is_at(2, "*") {
                let table = parser.name()?;
                parser.position += 2;
                return Ok(ResultColumn::AllOf(table));
            }
            let expr = parser.expr()?;
            let alias = parser.alias()?;
            Ok(ResultColumn::Expr { expr, alias })
        })
    }

    fn order_by(&mut self) -> Parsed<Vec<Expr>> {
        if !self.is("order") {
            return Ok(Vec::new());
        }
        self.position += 1;
        self.expect("by")?;
        self.list(|parser| {
            let expr = parser.expr()?;
            let _direction = parser.accept("asc") || parser.accept("desc");
            if parser.accept("nulls") && !parser.accept("first") {
                parser.expect("last")?;
            }
            Ok(expr)
        })
    }

    fn limit(&mut self) -> Parsed<(Option<Expr>, Option<Expr>)> {
        if !self.accept("limit") {
            return Ok((None, None));
        }
        let first = self.expr()?;
        if self.accept("offset") || self.accept(",") {
            let second = self.expr()?;
            return Ok((Some(first), Some(second)));
        }
        Ok((Some(first), None))
    }

    fn source(&mut self) -> Parsed<Source> {
        self.nested(|parser| {
            let mut left = parser.single_source()?;
            while let Some((kind, natural)) = parser.join_operator()? {
                let right = parser.single_source()?;
                let on = parser.clause("on")?;
                let using = if parser.accept("using") { parser.names_in_parentheses()? } else { Vec::new() };
                left = Source::Join(Box::new(Join { left, right, kind, natural, on, using }));
            }
            Ok(left)
        })
    }

    fn join_operator(&mut self) -> Parsed<Option<(JoinKind, bool)>> {
        if self.accept(",") {
            return Ok(Some((JoinKind::Inner, false)));
        }
        let start = self.position;
        let natural = self.accept("natural");
        let mut kind = JoinKind::Inner;
        if self.accept("left") {
            kind = JoinKind::Left;
        } else if self.accept("right") {
            kind = JoinKind::Right;
        } else if self.accept("full") {
            kind = JoinKind::Full;
        } else {
            let _other = self.accept("inner") || self.accept("cross");
        }
        self.accept("outer");
        if self.accept("join") {
            return Ok(Some((kind, natural)));
        }
        if self.position != start {
            return Err(self.wanted("`JOIN`"));
        }
        Ok(None)
    }

    fn single_source(&mut self) -> Parsed<Source> {
        let start = self.start();
        if self.accept("(") {
            if self.is("select") || self.is("with") || self.is("values") {
                let select = self.select()?;
                self.expect(")")?;
                let alias = self.alias()?;
                return Ok(Source::Select { select: Box::new(select), alias, span: start..self.end() });
            }
            let source = self.source()?;
            self.expect(")")?;
            return Ok(source);
        }
        let mut name = self.name()?;
        let mut schema = None;
        if self.accept(".") {
            schema = Some(name);
            name = self.name()?;
        }
        let mut arguments = None;
        if self.accept("(") {
            arguments = Some(if self.is(")") { Vec::new() } else { self.list(Self::expr)? });
            self.expect(")")?;
        }
        let alias = self.alias()?;
        if self.accept("not") {
            self.expect("indexed")?;
        } else if self.accept("indexed") {
            self.expect("by")?;
            self.name()?;
        }
        Ok(Source::Table { schema, name, alias, arguments })
    }

    fn insert(&mut self, ctes: Vec<Cte>, recursive: bool) -> Parsed<Insert> {
        let mut replaces = self.accept("replace");
        if !replaces {
            self.expect("insert")?;
            replaces = self.or_action()?;
        }
        self.expect("into")?;
        let (table, alias) = self.target()?;
        let columns = if self.is("(") { self.names_in_parentheses()? } else { Vec::new() };
        let mut source = None;
        if self.accept("default") {
            self.expect("values")?;
        } else {
            source = Some(self.select()?);
        }
        let mut upserts = Vec::new();
        while self.accept("on") {
            self.expect("conflict")?;
            let mut target = Vec::new();
            let mut target_filter = None;
            if self.accept("(") {
                target = self.list(|parser| {
                    let expr = parser.expr()?;
                    let _direction = parser.accept("asc") || parser.accept("desc");
                    Ok(expr)
                })?;
                self.expect(")")?;
                target_filter = self.clause("where")?;
            }
            self.expect("do")?;
            let (mut set, mut filter) = (Vec::new(), None);
            if !self.accept("nothing") {
                self.expect("update")?;
                self.expect("set")?;
                set = self.list(Self::assignment)?;
                filter = self.clause("where")?;
            }
            upserts.push(Upsert { target, target_filter, set, filter });
        }
        let returning = self.returning()?;
        Ok(Insert { ctes, recursive, replaces, table, alias, columns, source, upserts, returning })
    }

    /// `OR REPLACE` and its kin; true for REPLACE.
    fn or_action(&mut self) -> Parsed<bool> {
        if !self.accept("or") {
            return Ok(false);
        }
        if self.accept("replace") {
            return Ok(true);
        }
        for action in ["rollback", "abort", "fail", "ignore"] {
            if self.accept(action) {
                return Ok(false);
            }
        }
        Err(self.wanted("ABORT, FAIL, IGNORE, REPLACE or ROLLBACK"))
    }

    /// `[main.]table [AS alias]`
    fn target(&mut self) -> Parsed<(Ident, Option<Ident>)> {
        let mut table = self.name()?;
        if self.accept(".") {
            table = self.name()?;
        }
        let alias = if self.accept("as") { Some(self.name()?) } else { None };
        Ok((table, alias))
    }

    fn assignment(&mut self) -> Parsed<Assignment> {
        let columns = if self.is("(") { self.names_in_parentheses()? } else { vec![self.name()?] };
        self.expect("=")?;
        Ok(Assignment { columns, value: self.expr()? })
    }

    fn returning(&mut self) -> Parsed<Vec<ResultColumn>> {
        if self.accept("returning") { self.result_columns() } else { Ok(Vec::new()) }
    }

    fn indexed(&mut self) -> Parsed<()> {
        if self.accept("not") {
            self.expect("indexed")?;
        } else if self.accept("indexed") {
            self.expect("by")?;
            self.name()?;
        }
        Ok(())
    }

    fn update(&mut self, ctes: Vec<Cte>, recursive: bool) -> Parsed<Update> {
        self.expect("update")?;
        self.or_action()?;
        let (table, alias) = self.target()?;
        self.indexed()?;
        self.expect("set")?;
        let set = self.list(Self::assignment)?;
        let from = if self.accept("from") { Some(self.source()?) } else { None };
        let filter = self.clause("where")?;
        let returning = self.returning()?;
        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        let limits = limit.into_iter().chain(offset).collect();
        Ok(Update { ctes, recursive, table, alias, set, from, filter, returning, order_by, limits })
    }

    fn delete(&mut self, ctes: Vec<Cte>, recursive: bool) -> Parsed<Delete> {
        self.expect("delete")?;
        self.expect("from")?;
        let (table, alias) = self.target()?;
        self.indexed()?;
        let filter = self.clause("where")?;
        let returning = self.returning()?;
        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        let limits = limit.into_iter().chain(offset).collect();
        Ok(Delete { ctes, recursive, table, alias, filter, returning, order_by, limits })
    }

    // Expressions.

    fn expr(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.climb(OR))
    }

    /// An expression of operators that bind at least as tightly as `least`.
    ///
    /// By precedence climbing: one frame of the stack for a level of nesting, however many
    /// operators lie between the loosest and the tightest.
    fn climb(&mut self, least: u8) -> Parsed<Expr> {
        let start = self.start();
        let mut left = if self.is("not") && !self.is_at(1, "exists") {
            self.position += 1;
            let operand = self.nested(|parser| parser.climb(NOT))?;
            self.height += 1;
            Expr { span: start..operand.span.end, kind: ExprKind::Not(Box::new(operand)) }
        } else {
            self.unary()?
        };
        loop {
            let height = self.height;
            let kind = if let Some((operator, binding)) = self.operator().filter(|(_, binding)| *binding >= least) {
                self.position += 1;
                let right = self.climb(binding + 1)?;
                ExprKind::Binary(operator, Box::new(left), Box::new(right))
            } else if least <= EQUALITY && self.is_predicate() {
                self.predicate(left)?
            } else {
                break;
            };
            self.height = height.max(self.height) + 1;
            // What walks the tree recurses, and so does its end.
            if self.height > 2 * MAX_DEPTH {
                return Err(Unparsed { message: "the expression is nested too deeply".to_owned(), span: start..self.end() });
            }
            left = Expr { kind, span: start..self.end() };
        }
        self.tallest = self.tallest.max(self.height);
        Ok(left)
    }

    /// The binary operator that comes next, and how tightly it binds.
    fn operator(&self) -> Option<(Operator, u8)> {
        let token = self.peek()?;
        if !matches!(token.kind, Kind::Symbol | Kind::Word) {
            return None;
        }
        let slice = self.slice(token);
        OPERATORS.iter().find(|(text, ..)| slice.eq_ignore_ascii_case(text)).map(|(_, operator, binding)| (*operator, *binding))
    }

    /// Whether IS, LIKE, BETWEEN, IN or one of their kin comes next.
    fn is_predicate(&self) -> bool {
        let negated = self.is("not");
        let ahead = usize::from(negated);
        ["is", "isnull", "notnull"].iter().any(|word| self.is(word))
            || (negated && self.is_at(1, "null"))
            || ["like", "glob", "match", "regexp", "between", "in"].iter().any(|word| self.is_at(ahead, word))
    }

    fn is_null(&self, left: Expr, negated: bool) -> ExprKind {
        let end = self.end();
        ExprKind::Is { left: Box::new(left), right: Box::new(Expr { kind: ExprKind::Null, span: end..end }), negated }
    }

    /// IS, LIKE, BETWEEN, IN and their kin, after the operand.
    fn predicate(&mut self, left: Expr) -> Parsed<ExprKind> {
        if self.accept("isnull") {
            return Ok(self.is_null(left, false));
        }
        if self.accept("notnull") {
            return Ok(self.is_null(left, true));
        }
        if self.accept("is") {
            let mut negated = self.accept("not");
            if self.accept("distinct") {
                self.expect("from")?;
                negated = !negated;
            }
            let right = self.climb(COMPARISON)?;
            return Ok(ExprKind::Is { left: Box::new(left), right: Box::new(right), negated });
        }
        let negated = self.accept("not");
        let left = Box::new(left);
        if self.accept("null") {
            return Ok(self.is_null(*left, true));
        }
        if self.accept("between") {
            let low = Box::new(self.climb(COMPARISON)?);
            self.expect("and")?;
            return Ok(ExprKind::Between { operand: left, low, high: Box::new(self.climb(COMPARISON)?), negated });
        }
        if self.accept("in") {
            let list = if self.accept("(") {
                let list = if self.is("select") || self.is("with") || self.is("values") {
                    InList::Select(Box::new(self.select()?))
                } else if self.is(")") {
                    InList::Exprs(Vec::new())
                } else {
                    InList::Exprs(self.list(Self::expr)?)
                };
                self.expect(")")?;
                list
            } else {
                InList::Table(self.name()?)
            };
            return Ok(ExprKind::In { operand: left, list, negated });
        }
        // LIKE, GLOB, MATCH or REGEXP.
        self.position += 1;
        let pattern = Box::new(self.climb(COMPARISON)?);
        let escape = if self.accept("escape") { Some(Box::new(self.climb(COMPARISON)?)) } else { None };
        Ok(ExprKind::Like { left, pattern, escape, negated })
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.start();
        for sign in ['-', '+', '~'] {
            if self.accept(sign.encode_utf8(&mut [0; 4])) {
                let operand = self.nested(Self::unary)?;
                self.height += 1;
                return Ok(Expr { span: start..operand.span.end, kind: ExprKind::Unary(sign, Box::new(operand)) });
            }
        }
        // What stands inside counts for the height, what stands beside does not.
        let beside = std::mem::take(&mut self.tallest);
        let mut operand = self.primary()?;
        self.height = self.tallest + 1;
        self.tallest = beside;
        while self.accept("collate") {
            self.name()?;
            self.height += 1;
            operand = Expr { span: operand.span.start..self.end(), kind: ExprKind::Collate(Box::new(operand)) };
        }
        Ok(operand)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let Some(token) = self.peek().cloned() else { return Err(self.wanted("an expression")) };
        let start = token.span.start;
        let slice = self.slice(&token);
        let kind = match token.kind {
            Kind::Integer => {
                self.position += 1;
                ExprKind::Integer
            }
            Kind::Float => {
                self.position += 1;
                ExprKind::Float
            }
            Kind::Blob => {
                self.position += 1;
                ExprKind::Blob
            }
            Kind::String => {
                self.position += 1;
                ExprKind::String(unquote(slice))
            }
            Kind::Parameter => {
                self.position += 1;
                ExprKind::Parameter(self.parameter(slice, token.span.clone()))
            }
            Kind::Symbol if slice == "(" => self.parenthesised()?,
            Kind::Word => self.word(slice)?,
            Kind::Quoted => self.column()?,
            _ => return Err(self.wanted("an expression")),
        };
        Ok(Expr { kind, span: start..self.end() })
    }

    fn parenthesised(&mut self) -> Parsed<ExprKind> {
        self.expect("(")?;
        if self.is("select") || self.is("with") || self.is("values") {
            let select = self.select()?;
            self.expect(")")?;
            return Ok(ExprKind::Subquery(Box::new(select)));
        }
        let mut exprs = self.list(Self::expr)?;
        self.expect(")")?;
        match exprs.pop() {
            Some(only) if exprs.is_empty() => Ok(only.kind),
            Some(last) => {
                exprs.push(last);
                Ok(ExprKind::Row(exprs))
            }
            None => Err(self.wanted("an expression")),
        }
    }

    fn word(&mut self, slice: &str) -> Parsed<ExprKind> {
        let lower = slice.to_ascii_lowercase();
        match lower.as_str() {
            "null" => {
                self.position += 1;
                Ok(ExprKind::Null)
            }
            "current_date" | "current_time" | "current_timestamp" => {
                self.position += 1;
                Ok(ExprKind::CurrentTime)
            }
            "case" => self.case(),
            "cast" => {
                self.position += 1;
                self.expect("(")?;
                let operand = self.expr()?;
                self.expect("as")?;
                let start = self.start();
                let mut parentheses = 0_usize;
                while !(parentheses == 0 && self.is(")")) && self.peek().is_some() {
                    parentheses = (parentheses + usize::from(self.is("("))).saturating_sub(usize::from(self.is(")")));
                    self.position += 1;
                }
                let ty = self.text.get(start..self.end()).unwrap_or_default().to_owned();
                self.expect(")")?;
                Ok(ExprKind::Cast(Box::new(operand), ty))
            }
            "not" | "exists" => {
                let negated = self.accept("not");
                let start = self.start();
                self.expect("exists")?;
                self.expect("(")?;
                let select = self.select()?;
                self.expect(")")?;
                let exists = ExprKind::Exists(Box::new(select));
                let span = start..self.end();
                Ok(if negated { ExprKind::Not(Box::new(Expr { kind: exists, span })) } else { exists })
            }
            "raise" if self.is_at(1, "(") => {
                while self.peek().is_some() && !self.accept(")") {
                    self.position += 1;
                }
                Ok(ExprKind::Raise)
            }
            _ if self.is_at(1, "(") => self.function(),
            _ => self.column(),
        }
    }

    fn case(&mut self) -> Parsed<ExprKind> {
        self.expect("case")?;
        let operand = if self.is("when") { None } else { Some(Box::new(self.expr()?)) };
        let mut arms = Vec::new();
        while self.accept("when") {
            let condition = self.expr()?;
            self.expect("then")?;
            arms.push((condition, self.expr()?));
        }
        let otherwise = self.clause("else")?.map(Box::new);
        self.expect("end")?;
        Ok(ExprKind::Case { operand, arms, otherwise })
    }

    fn function(&mut self) -> Parsed<ExprKind> {
        // Reserved words such as `replace` and `like` are functions too.
        let Some(token) = self.peek().cloned() else { return Err(self.wanted("a function")) };
        let name = Ident { text: self.slice(&token).to_owned(), span: token.span };
        self.position += 1;
        self.expect("(")?;
        let star = self.accept("*");
        let _distinct = self.accept("distinct") || self.accept("all");
        let arguments = if star || self.is(")") { Vec::new() } else { self.list(Self::expr)? };
        let order_by = self.order_by()?;
        self.expect(")")?;
        let mut filter = None;
        if self.is("filter") && self.is_at(1, "(") {
            self.position += 2;
            self.expect("where")?;
            filter = Some(self.expr()?);
            self.expect(")")?;
        }
        let over = if self.accept("over") {
            Some(if self.is("(") {
                self.window()?
            } else {
                self.name()?;
                Window::default()
            })
        } else {
            None
        };
        if name.is("iif") && (2..=3).contains(&arguments.len()) {
            // What SQLite makes of it, too.
            let mut parts = arguments.into_iter();
            let arm = parts.next().zip(parts.next());
            return Ok(ExprKind::Case { operand: None, arms: arm.into_iter().collect(), otherwise: parts.next().map(Box::new) });
        }
        Ok(ExprKind::Function(Box::new(Function { name, arguments, star, order_by, filter, over })))
    }

    /// `( [base] [PARTITION BY ...] [ORDER BY ...] [frame] )`
    fn window(&mut self) -> Parsed<Window> {
        self.expect("(")?;
        let mut window = Window::default();
        if !["partition", "order", "rows", "range", "groups", ")"].iter().any(|word| self.is(word)) {
            self.name()?;
        }
        if self.accept("partition") {
            self.expect("by")?;
            window.exprs = self.list(Self::expr)?;
        }
        window.exprs.extend(self.order_by()?);
        if self.accept("rows") || self.accept("range") || self.accept("groups") {
            let bounds = if self.accept("between") { 2 } else { 1 };
            for index in 0..bounds {
                if index == 1 {
                    self.expect("and")?;
                }
                if self.accept("unbounded") || self.accept("current") {
                    let _which = self.accept("preceding") || self.accept("following") || self.accept("row");
                } else {
                    let bound = self.climb(COMPARISON)?;
                    window.bounds.push(bound);
                    let _which = self.accept("preceding") || self.accept("following");
                }
            }
            if self.accept("exclude") {
                while self.peek().is_some() && !self.is(")") {
                    self.position += 1;
                }
            }
        }
        self.expect(")")?;
        Ok(window)
    }

    fn column(&mut self) -> Parsed<ExprKind> {
        let quoted = self.peek().is_some_and(|token| token.kind == Kind::Quoted && self.slice(token).starts_with('"'));
        let first = self.name()?;
        if !self.accept(".") {
            return Ok(ExprKind::Column { table: None, name: first, quoted });
        }
        let second = self.name()?;
        if self.accept(".") {
            let third = self.name()?;
            return Ok(ExprKind::Column { table: Some(second), name: third, quoted: false });
        }
        Ok(ExprKind::Column { table: Some(first), name: second, quoted: false })
    }

    /// Notes a use of a parameter, numbered as SQLite numbers them.
    fn parameter(&mut self, slice: &str, span: Bytes) -> usize {
        let number = slice.strip_prefix('?').and_then(|digits| digits.parse::<usize>().ok());
        let name = (!slice.starts_with('?')).then(|| slice[1..].to_owned());
        let known = self.parameters.iter().position(|parameter| match (&name, number) {
            (Some(name), _) => parameter.name.as_ref() == Some(name),
            (None, Some(number)) => parameter.number == Some(number),
            (None, None) => false,
        });
        if let Some(index) = known {
            self.parameters[index].spans.push(span);
            return index;
        }
        self.parameters.push(Parameter { name, spans: vec![span], number });
        self.parameters.len() - 1
    }
}

/// The text that a quoted token stands for.
fn unquote(slice: &str) -> String {
    let Some(quote) = slice.chars().next() else { return String::new() };
    let inner = slice.get(1..slice.len().saturating_sub(1)).unwrap_or_default();
    if quote == '[' { inner.to_owned() } else { inner.replace(&format!("{quote}{quote}"), &quote.to_string()) }
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
        for (open, close) in [("(", ")"), ("not ", ""), ("-", ""), ("(select ", ")"), ("case when ", " then 1 end")] {
            let text = format!("select {}1{}", open.repeat(50_000), close.repeat(50_000));
            assert!(parse(&text).is_err(), "{open}");
        }
        assert!(parse(&format!("select 1{}", " + 1".repeat(50_000))).is_err());
    }

    #[test]
    fn parameters_are_numbered_by_first_use() {
        let (_, parameters) = parse("select :b, ?, :a, :b, ?7, ?7").expect("parses");
        let seen: Vec<(Option<&str>, usize)> =
            parameters.iter().map(|parameter| (parameter.name.as_deref(), parameter.spans.len())).collect();
        assert_eq!(seen, [(Some("b"), 2), (None, 1), (Some("a"), 1), (None, 2)]);
    }
}
