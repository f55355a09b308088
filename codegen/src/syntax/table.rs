//! Parses CREATE TABLE for the parts that no pragma reports: CHECKs, collations and generated
//! columns.
//!
//! SQLite has already accepted the text, so all other parts are skipped.

use super::ast::{Expr, ExprKind, Ident};
use super::{Parsed, Parser};

/// The parsed parts of a CREATE TABLE statement.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    pub(crate) columns: Vec<ColumnDefinition>,
    /// All CHECKs, of columns and of the table.
    pub(crate) checks: Vec<Expr>,
}

#[derive(Debug)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: Ident,
    pub(crate) collation: Option<String>,
    /// The expression of a generated column.
    pub(crate) generated: Option<Expr>,
    /// The default value.
    pub(crate) default: Option<Expr>,
}

/// Words that start a table constraint instead of a column.
const TABLE_CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];

/// Parses a CREATE TABLE statement.
pub(crate) fn parse_table(text: &str) -> Parsed<Definition> {
    let mut parser = Parser::new(text);
    parser.expect("create")?;
    let _temporary = parser.accept("temp") || parser.accept("temporary");
    parser.expect("table")?;
    parser.created_name()?;

    let mut definition = Definition::default();
    if !parser.accept("(") {
        // CREATE TABLE ... AS SELECT has no constraints.
        return Ok(definition);
    }

    loop {
        if TABLE_CONSTRAINTS.iter().any(|word| parser.is(word)) {
            parser.constraints(&mut definition.checks, &mut None)?;
        } else {
            let name = parser.name()?;
            let mut column = Some(ColumnDefinition {
                name,
                collation: None,
                generated: None,
                default: None,
            });
            parser.constraints(&mut definition.checks, &mut column)?;
            definition.columns.extend(column);
        }
        if !parser.accept(",") {
            break;
        }
    }
    parser.expect(")")?;
    Ok(definition)
}

/// Parses a CREATE VIRTUAL TABLE statement into its module and its arguments as written.
pub(crate) fn parse_virtual(text: &str) -> Parsed<(String, Vec<String>)> {
    let mut parser = Parser::new(text);
    parser.expect("create")?;
    parser.expect("virtual")?;
    parser.expect("table")?;
    parser.created_name()?;
    parser.expect("using")?;
    let module = parser.name()?.text.to_ascii_lowercase();

    let mut arguments = Vec::new();
    if !parser.accept("(") {
        return Ok((module, arguments));
    }
    loop {
        let start = parser.start();
        while !(parser.is(",") || parser.is(")")) && parser.peek().is_some() {
            parser.skip();
        }
        let argument = text.get(start..parser.end()).unwrap_or_default();
        arguments.push(argument.trim().to_owned());
        if !parser.accept(",") {
            return Ok((module, arguments));
        }
    }
}

impl Parser<'_> {
    /// Reads `[IF NOT EXISTS] [schema.]name`.
    pub(super) fn created_name(&mut self) -> Parsed<()> {
        if self.accept("if") {
            self.expect("not")?;
            self.expect("exists")?;
        }
        self.name()?;
        if self.accept(".") {
            self.name()?;
        }
        Ok(())
    }

    /// Reads the constraints up to the next comma or the end of the list.
    fn constraints(
        &mut self,
        checks: &mut Vec<Expr>,
        column: &mut Option<ColumnDefinition>,
    ) -> Parsed<()> {
        while self.peek().is_some() && !self.is(",") && !self.is(")") {
            if self.is("check") && self.is_at(1, "(") {
                self.position += 2;
                checks.push(self.expr()?);
                self.expect(")")?;
            } else if self.is("as") && self.is_at(1, "(") {
                self.position += 2;
                let computed = self.expr()?;
                self.expect(")")?;
                if let Some(column) = column {
                    column.generated = Some(computed);
                }
            } else if self.accept("default") {
                let default = self.default_value()?;
                if let Some(column) = column {
                    column.default = Some(default);
                }
            } else if self.accept("collate") {
                let collation = self.name()?;
                if let Some(column) = column {
                    column.collation = Some(collation.text);
                }
            } else {
                self.skip();
            }
        }

        Ok(())
    }

    /// Reads the value after DEFAULT: a literal with a sign, a word or an expression in
    /// parentheses.
    fn default_value(&mut self) -> Parsed<Expr> {
        let start = self.start();
        let is_negative = self.accept("-");
        let _positive = self.accept("+");

        let value = self.primary()?;
        Ok(if is_negative {
            Expr {
                kind: ExprKind::Unary('-', Box::new(value)),
                span: start..self.end(),
            }
        } else {
            value
        })
    }

    /// Skips one token, or a group in parentheses.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            depth += usize::from(self.is("("));
            depth = depth.saturating_sub(usize::from(self.is(")")));
            self.position += 1;
            if depth == 0 || self.peek().is_none() {
                return;
            }
        }
    }
}
