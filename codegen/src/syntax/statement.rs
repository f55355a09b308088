//! Parses statements, and the clauses of SELECT.

use bindery_sqlite::token::Kind;

use super::ast::{Compound, Core, Cte, Expr, Query, ResultColumn, Select, Statement};
use super::{Parsed, Parser};

/// The first words of statements that return no typed rows.
const OTHERS: [&str; 16] = [
    "alter",
    "analyze",
    "attach",
    "begin",
    "commit",
    "create",
    "detach",
    "drop",
    "end",
    "explain",
    "pragma",
    "reindex",
    "release",
    "rollback",
    "savepoint",
    "vacuum",
];

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        let ctes = self.with()?;

        if self.is("insert") || self.is("replace") {
            let insert = self.insert(ctes)?;
            Ok(Statement::Insert(Box::new(insert)))
        } else if self.is("update") {
            let update = self.update(ctes)?;
            Ok(Statement::Update(Box::new(update)))
        } else if self.is("delete") {
            let delete = self.delete(ctes)?;
            Ok(Statement::Delete(Box::new(delete)))
        } else if self.is("select") || self.is("values") {
            let select = self.select_body()?;
            Ok(Statement::Select(Box::new(Select { ctes, ..select })))
        } else if ctes.is_empty() && OTHERS.iter().any(|word| self.is(word)) {
            self.other_statement()?;
            Ok(Statement::Other)
        } else {
            Err(self.expected("SELECT, INSERT, UPDATE, DELETE, VALUES or WITH"))
        }
    }

    /// Reads only the parameters of a statement that SQLite alone checks.
    fn other_statement(&mut self) -> Parsed<()> {
        while let Some(token) = self.peek().cloned() {
            if token.kind == Kind::Parameter {
                self.parameter(self.slice(&token), token.span)?;
            }
            self.position += 1;
        }
        Ok(())
    }

    /// Reads an optional WITH clause.
    fn with(&mut self) -> Parsed<Vec<Cte>> {
        if !self.accept("with") {
            return Ok(Vec::new());
        }
        let _recursive = self.accept("recursive");
        self.list(Self::cte)
    }

    /// Reads `name [(columns)] AS [[NOT] MATERIALIZED] (select)`.
    fn cte(&mut self) -> Parsed<Cte> {
        let name = self.name()?;
        let columns = self.optional_names()?;
        self.expect("as")?;
        if self.accept("not") {
            self.expect("materialized")?;
        } else {
            self.accept("materialized");
        }

        self.expect("(")?;
        let select = self.select()?;
        self.expect(")")?;
        Ok(Cte {
            name,
            columns,
            select,
        })
    }

    pub(super) fn select(&mut self) -> Parsed<Select> {
        self.nested(|parser| {
            let ctes = parser.with()?;
            let select = parser.select_body()?;
            Ok(Select { ctes, ..select })
        })
    }

    /// Reports whether a SELECT follows, which may begin with WITH or VALUES.
    pub(super) fn is_select(&self) -> bool {
        self.is("select") || self.is("with") || self.is("values")
    }

    /// Reads a SELECT without its WITH clause.
    fn select_body(&mut self) -> Parsed<Select> {
        let mut cores = vec![self.core()?];
        let mut operators = Vec::new();
        loop {
            operators.push(if self.accept("union") {
                self.accept("all");
                Compound::Union
            } else if self.accept("intersect") {
                Compound::Intersect
            } else if self.accept("except") {
                Compound::Except
            } else {
                break;
            });
            cores.push(self.core()?);
        }

        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        Ok(Select {
            cores,
            operators,
            order_by,
            limit,
            offset,
            ..Select::default()
        })
    }

    /// Reads one SELECT or VALUES of a compound select.
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
        let from = self.from()?;
        let filter = self.clause("where")?;

        let mut group_by = Vec::new();
        if self.accept("group") {
            self.expect("by")?;
            group_by = self.list(Self::expr)?;
        }
        let having = self.clause("having")?;

        let mut windows = Vec::new();
        if self.is_window_clause() {
            self.position += 1;
            windows = self.list(|parser| {
                let name = parser.name()?;
                parser.expect("as")?;
                Ok((name, parser.window()?))
            })?;
        }

        Ok(Core::Query(Box::new(Query {
            columns,
            from,
            filter,
            group_by,
            having,
            windows,
        })))
    }

    /// Reads an optional clause of a keyword and an expression.
    pub(super) fn clause(&mut self, keyword: &str) -> Parsed<Option<Expr>> {
        if self.accept(keyword) {
            self.expr().map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn result_columns(&mut self) -> Parsed<Vec<ResultColumn>> {
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

    /// Reads an optional ORDER BY clause.
    pub(super) fn order_by(&mut self) -> Parsed<Vec<Expr>> {
        if !self.accept("order") {
            return Ok(Vec::new());
        }
        self.expect("by")?;
        self.list(Self::ordered_expr)
    }

    /// Reads `expr [ASC | DESC] [NULLS FIRST | LAST]`.
    pub(super) fn ordered_expr(&mut self) -> Parsed<Expr> {
        let expr = self.expr()?;
        let _direction = self.accept("asc") || self.accept("desc");
        if self.accept("nulls") && !self.accept("first") {
            self.expect("last")?;
        }
        Ok(expr)
    }

    /// Reads an optional LIMIT clause and its OFFSET.
    pub(super) fn limit(&mut self) -> Parsed<(Option<Expr>, Option<Expr>)> {
        if !self.accept("limit") {
            return Ok((None, None));
        }
        let first = self.expr()?;
        if self.accept("offset") {
            return Ok((Some(first), Some(self.expr()?)));
        }
        // With a comma, the offset is the first one.
        if self.accept(",") {
            return Ok((Some(self.expr()?), Some(first)));
        }
        Ok((Some(first), None))
    }
}
