//! Parses function calls and windows.

use std::cmp::Ordering;

use bindery_sqlite::token::Kind;

use super::ast::{Expr, ExprKind, Function, Ident, Window};
use super::expr::COMPARISON;
use super::{Parsed, Parser, is_reserved, unquote};

impl Parser<'_> {
    pub(super) fn function(&mut self) -> Parsed<ExprKind> {
        let name = self.function_name()?;

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

        let filter = self.filter()?;
        let over = self.over()?;

        if name.is("iif") && arguments.len() >= 2 {
            return Ok(iif(arguments));
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

    /// Reads the name of a function, which can be a reserved word such as `replace` or `like`.
    fn function_name(&mut self) -> Parsed<Ident> {
        let Some(token) = self.peek().cloned() else {
            return Err(self.expected("a function"));
        };
        let slice = self.slice(&token);
        let text = if token.kind == Kind::Quoted {
            unquote(slice)
        } else {
            slice.to_owned()
        };
        self.position += 1;
        Ok(Ident {
            text,
            span: token.span,
        })
    }

    /// Reads an optional `FILTER (WHERE expr)`.
    fn filter(&mut self) -> Parsed<Option<Expr>> {
        if !(self.is("filter") && self.is_at(1, "(")) {
            return Ok(None);
        }
        self.position += 2;
        self.expect("where")?;
        let filter = self.expr()?;
        self.expect(")")?;
        Ok(Some(filter))
    }

    /// Reads an optional OVER clause.
    fn over(&mut self) -> Parsed<Option<Window>> {
        // Unless a window follows, `over` is a name.
        let next = self.tokens.get(self.position + 1);
        let window_follows = next.is_some_and(|token| match token.kind {
            Kind::Word => !is_reserved(self.slice(token)),
            Kind::Quoted | Kind::String => true,
            _ => self.slice(token) == "(",
        });
        if !window_follows || !self.accept("over") {
            return Ok(None);
        }
        if self.is("(") {
            return self.window().map(Some);
        }
        Ok(Some(Window {
            base: Some(self.name()?),
            ..Window::default()
        }))
    }

    /// Reads `([base] [PARTITION BY ...] [ORDER BY ...] [frame])`.
    pub(super) fn window(&mut self) -> Parsed<Window> {
        self.expect("(")?;
        let mut window = Window::default();
        let has_base = !["partition", "order", "rows", "range", "groups", ")"]
            .iter()
            .any(|word| self.is(word));
        if has_base {
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

    /// Reads `BETWEEN bound AND bound`, or only the first bound.
    fn frame(&mut self, window: &mut Window) -> Parsed<()> {
        let between = self.accept("between");
        let start = self.bound(window)?;
        let end = if between {
            self.expect("and")?;
            self.bound(window)?
        } else {
            // The frame ends at the current row.
            Ordering::Equal
        };
        window.may_be_empty = start.is_gt() || end.is_lt();

        if self.accept("exclude") {
            window.may_be_empty = true;
            while self.peek().is_some() && !self.is(")") {
                self.position += 1;
            }
        }
        Ok(())
    }

    /// Reads a bound of a frame, and returns its position relative to the current row.
    fn bound(&mut self, window: &mut Window) -> Parsed<Ordering> {
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
}

/// Converts the arguments of `iif` to a CASE expression, as SQLite does.
///
/// The arguments are pairs of a condition and a value, followed by an optional default.
fn iif(arguments: Vec<Expr>) -> ExprKind {
    let mut arms = Vec::new();
    let mut arguments = arguments.into_iter();
    let otherwise = loop {
        match (arguments.next(), arguments.next()) {
            (Some(condition), Some(value)) => arms.push((condition, value)),
            (rest, _) => break rest.map(Box::new),
        }
    };
    ExprKind::Case {
        operand: None,
        arms,
        otherwise,
    }
}
