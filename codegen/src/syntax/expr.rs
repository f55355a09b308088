//! Parses expressions by precedence climbing.

use bindery_sqlite::token::Kind;

use super::ast::{Expr, ExprKind, InList, Operator};
use super::{MAX_DEPTH, Parsed, Parser, Unparsed, unquote};

// The precedence of the operators, from the lowest.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const EQUALITY: u8 = 4;
pub(super) const COMPARISON: u8 = 5;
const BITS: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;
const CONCAT: u8 = 9;

/// The binary operators and their precedence.
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

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.climb(OR))
    }

    /// Reads an expression whose operators have at least this precedence.
    ///
    /// Precedence climbing uses one stack frame per level of nesting, however many levels of
    /// precedence there are.
    pub(super) fn climb(&mut self, least: u8) -> Parsed<Expr> {
        let start = self.start();
        let mut left = if self.is("not") && !self.is_at(1, "exists") {
            self.position += 1;
            let operand = self.nested(|parser| parser.climb(NOT))?;
            self.height += 1;
            Expr {
                span: start..operand.span.end,
                kind: ExprKind::Not(Box::new(operand)),
            }
        } else {
            self.unary()?
        };

        loop {
            let height = self.height;
            let operator = self.operator();
            let kind = if let Some((operator, precedence)) =
                operator.filter(|(_, precedence)| *precedence >= least)
            {
                self.position += 1;
                let right = self.climb(precedence + 1)?;
                ExprKind::Binary(operator, Box::new(left), Box::new(right))
            } else if least <= EQUALITY && self.is_predicate() {
                self.predicate(left)?
            } else {
                break;
            };

            self.height = height.max(self.height) + 1;
            self.check_height(start)?;
            left = Expr {
                kind,
                span: start..self.end(),
            };
        }

        self.tallest = self.tallest.max(self.height);
        Ok(left)
    }

    /// Reports a tree that is too high to be visited and dropped by recursion.
    fn check_height(&self, start: usize) -> Parsed<()> {
        if self.height > 2 * MAX_DEPTH {
            return Err(Unparsed {
                message: "the expression is nested too deeply".to_owned(),
                span: start..self.end(),
            });
        }
        Ok(())
    }

    /// Returns the binary operator that follows, and its precedence.
    fn operator(&self) -> Option<(Operator, u8)> {
        let token = self.peek()?;
        if !matches!(token.kind, Kind::Symbol | Kind::Word) {
            return None;
        }
        let slice = self.slice(token);
        OPERATORS
            .iter()
            .find(|(text, ..)| slice.eq_ignore_ascii_case(text))
            .map(|(_, operator, precedence)| (*operator, *precedence))
    }

    /// Reports whether IS, LIKE, BETWEEN, IN or a similar operator follows.
    fn is_predicate(&self) -> bool {
        let negated = self.is("not");
        let ahead = usize::from(negated);
        ["is", "isnull", "notnull"].iter().any(|word| self.is(word))
            || (negated && self.is_at(1, "null"))
            || ["like", "glob", "match", "regexp", "between", "in"]
                .iter()
                .any(|word| self.is_at(ahead, word))
    }

    /// Reads IS, LIKE, BETWEEN, IN or a similar operator after its operand.
    fn predicate(&mut self, left: Expr) -> Parsed<ExprKind> {
        if self.accept("isnull") {
            return Ok(self.is_null(left, false));
        }
        if self.accept("notnull") {
            return Ok(self.is_null(left, true));
        }
        if self.accept("is") {
            return self.is_comparison(left);
        }

        let negated = self.accept("not");
        if self.accept("null") {
            return Ok(self.is_null(left, true));
        }
        if self.accept("between") {
            return self.between(left, negated);
        }
        if self.accept("in") {
            let list = self.in_list()?;
            return Ok(ExprKind::In {
                operand: Box::new(left),
                list,
                negated,
            });
        }
        self.like(left, negated)
    }

    /// Creates the expression of `ISNULL` and `NOTNULL`.
    fn is_null(&self, left: Expr, negated: bool) -> ExprKind {
        let end = self.end();
        ExprKind::Is {
            left: Box::new(left),
            right: Box::new(Expr {
                kind: ExprKind::Null,
                span: end..end,
            }),
            negated,
        }
    }

    /// Reads `[NOT] [DISTINCT FROM] expr` after IS.
    fn is_comparison(&mut self, left: Expr) -> Parsed<ExprKind> {
        let mut negated = self.accept("not");
        if self.accept("distinct") {
            self.expect("from")?;
            negated = !negated;
        }
        let right = self.climb(COMPARISON)?;
        Ok(ExprKind::Is {
            left: Box::new(left),
            right: Box::new(right),
            negated,
        })
    }

    /// Reads `low AND high` after BETWEEN.
    fn between(&mut self, operand: Expr, negated: bool) -> Parsed<ExprKind> {
        let low = self.climb(NOT)?;
        self.expect("and")?;
        let high = self.climb(COMPARISON)?;
        Ok(ExprKind::Between {
            operand: Box::new(operand),
            low: Box::new(low),
            high: Box::new(high),
            negated,
        })
    }

    /// Reads a list, a subquery or a table after IN.
    fn in_list(&mut self) -> Parsed<InList> {
        if !self.accept("(") {
            return Ok(InList::Table(Box::new(self.table_source()?)));
        }
        let list = if self.is_select() {
            InList::Select(Box::new(self.select()?))
        } else if self.is(")") {
            InList::Exprs(Vec::new())
        } else {
            InList::Exprs(self.list(Self::expr)?)
        };
        self.expect(")")?;
        Ok(list)
    }

    /// Reads LIKE, GLOB, MATCH or REGEXP, and its pattern.
    fn like(&mut self, left: Expr, negated: bool) -> Parsed<ExprKind> {
        let matches = self.is("match");
        self.position += 1;
        let pattern = self.climb(COMPARISON)?;
        let escape = if self.accept("escape") {
            Some(Box::new(self.climb(COMPARISON)?))
        } else {
            None
        };
        Ok(ExprKind::Like {
            left: Box::new(left),
            matches,
            pattern: Box::new(pattern),
            escape,
            negated,
        })
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let start = self.start();
        for sign in ['-', '+', '~'] {
            if self.accept(sign.encode_utf8(&mut [0; 4])) {
                let operand = self.nested(Self::unary)?;
                self.height += 1;
                return Ok(Expr {
                    span: start..operand.span.end,
                    kind: ExprKind::Unary(sign, Box::new(operand)),
                });
            }
        }

        // Expressions inside the operand add to its height; those beside it do not.
        let beside = std::mem::take(&mut self.tallest);
        let mut operand = self.primary()?;
        self.height = self.tallest + 1;
        self.tallest = beside;

        while self.accept("collate") {
            self.name()?;
            self.height += 1;
            self.check_height(start)?;
            operand = Expr {
                span: operand.span.start..self.end(),
                kind: ExprKind::Collate(Box::new(operand)),
            };
        }
        Ok(operand)
    }

    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.expected("an expression"));
        };
        let start = token.span.start;
        let slice = self.slice(&token);

        let kind = match token.kind {
            Kind::Integer => self.literal(ExprKind::Integer),
            Kind::Float => self.literal(ExprKind::Float),
            Kind::Blob => self.literal(ExprKind::Blob),
            Kind::Parameter => {
                self.position += 1;
                ExprKind::Parameter(self.parameter(slice, token.span)?)
            }
            Kind::Symbol if slice == "(" => self.parenthesized()?,
            Kind::Word => self.word(slice)?,
            Kind::Quoted if self.is_at(1, "(") => self.function()?,
            // SQLite accepts a string as the name of a table: `'files'.id`.
            Kind::String if self.is_at(1, ".") => self.column()?,
            Kind::String => self.literal(ExprKind::String(unquote(slice))),
            Kind::Quoted => self.column()?,
            Kind::Symbol | Kind::Comment | Kind::Illegal => {
                return Err(self.expected("an expression"));
            }
        };
        Ok(Expr {
            kind,
            span: start..self.end(),
        })
    }

    /// Skips the token of a literal.
    fn literal(&mut self, kind: ExprKind) -> ExprKind {
        self.position += 1;
        kind
    }

    /// Reads a subquery, an expression in parentheses or a row value.
    fn parenthesized(&mut self) -> Parsed<ExprKind> {
        self.expect("(")?;
        if self.is_select() {
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
            None => Err(self.expected("an expression")),
        }
    }

    /// Reads an expression that begins with a word.
    fn word(&mut self, slice: &str) -> Parsed<ExprKind> {
        match slice.to_ascii_lowercase().as_str() {
            "null" => Ok(self.literal(ExprKind::Null)),
            "current_date" | "current_time" | "current_timestamp" => {
                Ok(self.literal(ExprKind::CurrentTime))
            }
            "case" => self.case(),
            "cast" => self.cast(),
            "not" | "exists" => self.exists(),
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
        let operand = if self.is("when") {
            None
        } else {
            Some(Box::new(self.expr()?))
        };

        let mut arms = Vec::new();
        while self.accept("when") {
            let condition = self.expr()?;
            self.expect("then")?;
            arms.push((condition, self.expr()?));
        }

        let otherwise = self.clause("else")?.map(Box::new);
        self.expect("end")?;
        Ok(ExprKind::Case {
            operand,
            arms,
            otherwise,
        })
    }

    /// Reads `CAST(expr AS type)`, in which the type may contain parentheses.
    fn cast(&mut self) -> Parsed<ExprKind> {
        self.expect("cast")?;
        self.expect("(")?;
        let operand = self.expr()?;
        self.expect("as")?;

        let start = self.start();
        let mut depth = 0_usize;
        while !(depth == 0 && self.is(")")) && self.peek().is_some() {
            depth = (depth + usize::from(self.is("("))).saturating_sub(usize::from(self.is(")")));
            self.position += 1;
        }
        let ty = self.text.get(start..self.end()).unwrap_or_default();
        let ty = ty.to_owned();
        self.expect(")")?;
        Ok(ExprKind::Cast(Box::new(operand), ty))
    }

    /// Reads `[NOT] EXISTS (select)`.
    fn exists(&mut self) -> Parsed<ExprKind> {
        let negated = self.accept("not");
        let start = self.start();
        self.expect("exists")?;
        self.expect("(")?;
        let select = self.select()?;
        self.expect(")")?;

        let exists = ExprKind::Exists(Box::new(select));
        if !negated {
            return Ok(exists);
        }
        Ok(ExprKind::Not(Box::new(Expr {
            kind: exists,
            span: start..self.end(),
        })))
    }

    /// Reads `[[schema.]table.]column`.
    fn column(&mut self) -> Parsed<ExprKind> {
        let quoted = self
            .peek()
            .is_some_and(|token| token.kind == Kind::Quoted && self.slice(token).starts_with('"'));
        let first = self.name()?;
        if !self.accept(".") {
            return Ok(ExprKind::Column {
                table: None,
                name: first,
                quoted,
            });
        }

        let second = self.name()?;
        let (table, name) = if self.accept(".") {
            (second, self.name()?)
        } else {
            (first, second)
        };
        Ok(ExprKind::Column {
            table: Some(table),
            name,
            quoted: false,
        })
    }
}
