//! Expressions, by precedence climbing.

use bindery_sqlite::token::Kind;

use super::ast::{Expr, ExprKind, Function, Ident, InList, Operator, Window};
use super::{MAX_DEPTH, Parsed, Parser, RESERVED, Unparsed, unquote};

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

impl Parser<'_> {
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.nested(|parser| parser.climb(OR))
    }

    /// An expression of operators that bind at least as tightly as `least`.
    ///
    /// By precedence climbing: one frame of the stack for a level of nesting, however many
    /// operators lie between the loosest and the tightest.
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
            let kind = if let Some((operator, binding)) =
                self.operator().filter(|(_, binding)| *binding >= least)
            {
                self.position += 1;
                let right = self.climb(binding + 1)?;
                ExprKind::Binary(operator, Box::new(left), Box::new(right))
            } else if least <= EQUALITY && self.is_predicate() {
                self.predicate(left)?
            } else {
                break;
            };
            self.height = height.max(self.height) + 1;
            self.bounded(start)?;
            left = Expr {
                kind,
                span: start..self.end(),
            };
        }
        self.tallest = self.tallest.max(self.height);
        Ok(left)
    }

    /// What walks the tree recurses, and so does its end.
    fn bounded(&self, start: usize) -> Parsed<()> {
        if self.height > 2 * MAX_DEPTH {
            return Err(Unparsed {
                message: "the expression is nested too deeply".to_owned(),
                span: start..self.end(),
            });
        }
        Ok(())
    }

    /// The binary operator that comes next, and how tightly it binds.
    pub(super) fn operator(&self) -> Option<(Operator, u8)> {
        let token = self.peek()?;
        if !matches!(token.kind, Kind::Symbol | Kind::Word) {
            return None;
        }
        let slice = self.slice(token);
        OPERATORS
            .iter()
            .find(|(text, ..)| slice.eq_ignore_ascii_case(text))
            .map(|(_, operator, binding)| (*operator, *binding))
    }

    /// Whether IS, LIKE, BETWEEN, IN or one of their kin comes next.
    pub(super) fn is_predicate(&self) -> bool {
        let negated = self.is("not");
        let ahead = usize::from(negated);
        ["is", "isnull", "notnull"].iter().any(|word| self.is(word))
            || (negated && self.is_at(1, "null"))
            || ["like", "glob", "match", "regexp", "between", "in"]
                .iter()
                .any(|word| self.is_at(ahead, word))
    }

    pub(super) fn is_null(&self, left: Expr, negated: bool) -> ExprKind {
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

    /// IS, LIKE, BETWEEN, IN and their kin, after the operand.
    pub(super) fn predicate(&mut self, left: Expr) -> Parsed<ExprKind> {
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
            return Ok(ExprKind::Is {
                left: Box::new(left),
                right: Box::new(right),
                negated,
            });
        }
        let negated = self.accept("not");
        let left = Box::new(left);
        if self.accept("null") {
            return Ok(self.is_null(*left, true));
        }
        if self.accept("between") {
            let low = Box::new(self.climb(COMPARISON)?);
            self.expect("and")?;
            return Ok(ExprKind::Between {
                operand: left,
                low,
                high: Box::new(self.climb(COMPARISON)?),
                negated,
            });
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
                InList::Table(Box::new(self.table_source()?))
            };
            return Ok(ExprKind::In {
                operand: left,
                list,
                negated,
            });
        }
        // LIKE, GLOB, MATCH or REGEXP.
        let matches = self.is("match");
        self.position += 1;
        let pattern = Box::new(self.climb(COMPARISON)?);
        let escape = if self.accept("escape") {
            Some(Box::new(self.climb(COMPARISON)?))
        } else {
            None
        };
        Ok(ExprKind::Like {
            left,
            matches,
            pattern,
            escape,
            negated,
        })
    }

    pub(super) fn unary(&mut self) -> Parsed<Expr> {
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
        // What stands inside counts for the height, what stands beside does not.
        let beside = std::mem::take(&mut self.tallest);
        let mut operand = self.primary()?;
        self.height = self.tallest + 1;
        self.tallest = beside;
        while self.accept("collate") {
            self.name()?;
            self.height += 1;
            self.bounded(start)?;
            operand = Expr {
                span: operand.span.start..self.end(),
                kind: ExprKind::Collate(Box::new(operand)),
            };
        }
        Ok(operand)
    }

    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.wanted("an expression"));
        };
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
            Kind::Quoted if self.is_at(1, "(") => self.function()?,
            Kind::Quoted => self.column()?,
            _ => return Err(self.wanted("an expression")),
        };
        Ok(Expr {
            kind,
            span: start..self.end(),
        })
    }

    pub(super) fn parenthesised(&mut self) -> Parsed<ExprKind> {
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

    pub(super) fn word(&mut self, slice: &str) -> Parsed<ExprKind> {
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
                    parentheses = (parentheses + usize::from(self.is("(")))
                        .saturating_sub(usize::from(self.is(")")));
                    self.position += 1;
                }
                let ty = self
                    .text
                    .get(start..self.end())
                    .unwrap_or_default()
                    .to_owned();
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
                Ok(if negated {
                    ExprKind::Not(Box::new(Expr { kind: exists, span }))
                } else {
                    exists
                })
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

    pub(super) fn case(&mut self) -> Parsed<ExprKind> {
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

    pub(super) fn function(&mut self) -> Parsed<ExprKind> {
        // Reserved words such as `replace` and `like` are functions too.
        let Some(token) = self.peek().cloned() else {
            return Err(self.wanted("a function"));
        };
        let slice = self.slice(&token);
        let text = if token.kind == Kind::Quoted {
            unquote(slice)
        } else {
            slice.to_owned()
        };
        let name = Ident {
            text,
            span: token.span,
        };
        self.position += 1;
        self.expect("(")?;
        let star = self.accept("*");
        let _distinct = self.accept("distinct") || self.accept("all");
        let arguments = if star || self.is(")") || self.is("order") {
            Vec::new()
        } else {
            self.list(Self::expr)?
        };
        let order_by = self.order_by()?;
        self.expect(")")?;
        let mut filter = None;
        if self.is("filter") && self.is_at(1, "(") {
            self.position += 2;
            self.expect("where")?;
            filter = Some(self.expr()?);
            self.expect(")")?;
        }
        // Elsewhere the word is a name.
        let opens = self
            .tokens
            .get(self.position + 1)
            .is_some_and(|token| match token.kind {
                Kind::Word => !RESERVED
                    .iter()
                    .any(|word| self.slice(token).eq_ignore_ascii_case(word)),
                Kind::Quoted | Kind::String => true,
                _ => self.slice(token) == "(",
            });
        let over = if opens && self.accept("over") {
            Some(if self.is("(") {
                self.window()?
            } else {
                Window {
                    base: Some(self.name()?),
                    ..Window::default()
                }
            })
        } else {
            None
        };
        if name.is("iif") && arguments.len() >= 2 {
            // What SQLite makes of it, too: pairs of condition and value, then the rest.
            let mut arms = Vec::new();
            let mut parts = arguments.into_iter();
            let otherwise = loop {
                match (parts.next(), parts.next()) {
                    (Some(condition), Some(value)) => arms.push((condition, value)),
                    (rest, _) => break rest.map(Box::new),
                }
            };
            return Ok(ExprKind::Case {
                operand: None,
                arms,
                otherwise,
            });
        }
        Ok(ExprKind::Function(Box::new(Function {
            name,
            arguments,
            star,
            order_by,
            filter,
            over,
        })))
    }

    /// `( [base] [PARTITION BY ...] [ORDER BY ...] [frame] )`
    pub(super) fn window(&mut self) -> Parsed<Window> {
        self.expect("(")?;
        let mut window = Window::default();
        if !["partition", "order", "rows", "range", "groups", ")"]
            .iter()
            .any(|word| self.is(word))
        {
            window.base = Some(self.name()?);
        }
        if self.accept("partition") {
            self.expect("by")?;
            window.exprs = self.list(Self::expr)?;
        }
        window.exprs.extend(self.order_by()?);
        if self.accept("rows") || self.accept("range") || self.accept("groups") {
            self.frame(&mut window)?;
        }
        self.expect(")")?;
        Ok(window)
    }

    /// `BETWEEN 1 PRECEDING AND CURRENT ROW`, or the first bound alone.
    fn frame(&mut self, window: &mut Window) -> Parsed<()> {
        let between = self.accept("between");
        let starts_after = self.bound(window)?;
        let ends_before = if between {
            self.expect("and")?;
            self.bound(window)?
        } else {
            // The frame ends with the current row.
            std::cmp::Ordering::Equal
        };
        window.may_be_empty = starts_after.is_gt() || ends_before.is_lt();
        if self.accept("exclude") {
            window.may_be_empty = true;
            while self.peek().is_some() && !self.is(")") {
                self.position += 1;
            }
        }
        Ok(())
    }

    /// A bound of a frame: before, at or after the current row.
    fn bound(&mut self, window: &mut Window) -> Parsed<std::cmp::Ordering> {
        use std::cmp::Ordering;
        if self.accept("current") {
            self.expect("row")?;
            return Ok(Ordering::Equal);
        }
        if !self.accept("unbounded") {
            let bound = self.climb(COMPARISON)?;
            window.bounds.push(bound);
        }
        if self.accept("preceding") {
            return Ok(Ordering::Less);
        }
        self.expect("following")?;
        Ok(Ordering::Greater)
    }

    pub(super) fn column(&mut self) -> Parsed<ExprKind> {
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
        if self.accept(".") {
            let third = self.name()?;
            return Ok(ExprKind::Column {
                table: Some(second),
                name: third,
                quoted: false,
            });
        }
        Ok(ExprKind::Column {
            table: Some(first),
            name: second,
            quoted: false,
        })
    }
}
