//! SELECT, INSERT, UPDATE and DELETE, with their clauses.

use super::ast::{
    Assignment, Core, Cte, Delete, Expr, Ident, Insert, Join, JoinKind, Query, ResultColumn,
    Select, Source, Statement, Update, Upsert,
};
use bindery_sqlite::token::Kind;

use super::{MAX_DEPTH, Parsed, Parser, Unparsed};

/// How statements begin that no row type hangs on.
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
        let (ctes, recursive) = self.with()?;
        if self.is("insert") || self.is("replace") {
            self.insert(ctes, recursive)
                .map(|insert| Statement::Insert(Box::new(insert)))
        } else if self.is("update") {
            self.update(ctes, recursive)
                .map(|update| Statement::Update(Box::new(update)))
        } else if self.is("delete") {
            self.delete(ctes, recursive)
                .map(|delete| Statement::Delete(Box::new(delete)))
        } else if self.is("select") || self.is("values") {
            let select = self.select_body()?;
            Ok(Statement::Select(Box::new(Select {
                ctes,
                recursive,
                ..select
            })))
        } else if ctes.is_empty() && OTHERS.iter().any(|word| self.is(word)) {
            self.other();
            Ok(Statement::Other)
        } else {
            Err(self.wanted("SELECT, INSERT, UPDATE, DELETE, VALUES or WITH"))
        }
    }

    /// A statement that SQLite alone judges: only its parameters are read.
    fn other(&mut self) {
        while let Some(token) = self.peek().cloned() {
            if token.kind == Kind::Parameter {
                self.parameter(self.slice(&token), token.span);
            }
            self.position += 1;
        }
    }

    pub(super) fn with(&mut self) -> Parsed<(Vec<Cte>, bool)> {
        if !self.accept("with") {
            return Ok((Vec::new(), false));
        }
        let recursive = self.accept("recursive");
        let ctes = self.list(|parser| {
            let name = parser.name()?;
            let columns = if parser.is("(") {
                parser.names_in_parentheses()?
            } else {
                Vec::new()
            };
            parser.expect("as")?;
            if parser.accept("not") {
                parser.expect("materialized")?;
            } else {
                parser.accept("materialized");
            }
            parser.expect("(")?;
            let select = parser.select()?;
            parser.expect(")")?;
            Ok(Cte {
                name,
                columns,
                select,
            })
        })?;
        Ok((ctes, recursive))
    }

    pub(super) fn select(&mut self) -> Parsed<Select> {
        self.nested(|parser| {
            let (ctes, recursive) = parser.with()?;
            let select = parser.select_body()?;
            Ok(Select {
                ctes,
                recursive,
                ..select
            })
        })
    }

    pub(super) fn select_body(&mut self) -> Parsed<Select> {
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
        Ok(Select {
            cores,
            order_by,
            limit,
            offset,
            ..Select::default()
        })
    }

    pub(super) fn core(&mut self) -> Parsed<Core> {
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
        let from = if self.accept("from") {
            Some(self.source()?)
        } else {
            None
        };
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

    pub(super) fn order_by(&mut self) -> Parsed<Vec<Expr>> {
        if !self.is("order") {
            return Ok(Vec::new());
        }
        self.position += 1;
        self.expect("by")?;
        self.list(|parser| {
            let expr = parser.expr()?;
            parser.direction()?;
            Ok(expr)
        })
    }

    /// `[ASC | DESC] [NULLS FIRST | LAST]`
    fn direction(&mut self) -> Parsed<()> {
        let _direction = self.accept("asc") || self.accept("desc");
        if self.accept("nulls") && !self.accept("first") {
            self.expect("last")?;
        }
        Ok(())
    }

    pub(super) fn limit(&mut self) -> Parsed<(Option<Expr>, Option<Expr>)> {
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

    pub(super) fn source(&mut self) -> Parsed<Source> {
        self.nested(|parser| {
            let mut left = parser.single_source()?;
            let mut joins = 0;
            while let Some((kind, natural)) = parser.join_operator()? {
                // What walks the tree recurses to the left; SQLite itself takes 64 tables.
                joins += 1;
                if joins > MAX_DEPTH {
                    return Err(Unparsed {
                        message: "too many tables are joined".to_owned(),
                        span: parser.start()..parser.start(),
                    });
                }
                let right = parser.single_source()?;
                let on = parser.clause("on")?;
                let using = if parser.accept("using") {
                    parser.names_in_parentheses()?
                } else {
                    Vec::new()
                };
                left = Source::Join(Box::new(Join {
                    left,
                    right,
                    kind,
                    natural,
                    on,
                    using,
                }));
            }
            Ok(left)
        })
    }

    pub(super) fn join_operator(&mut self) -> Parsed<Option<(JoinKind, bool)>> {
        if self.accept(",") {
            return Ok(Some((JoinKind::Inner, false)));
        }
        // SQLite takes the words before JOIN in any order.
        let start = self.position;
        let (mut natural, mut left, mut right) = (false, false, false);
        loop {
            if self.accept("natural") {
                natural = true;
            } else if self.accept("left") {
                left = true;
            } else if self.accept("right") {
                right = true;
            } else if self.accept("full") {
                (left, right) = (true, true);
            } else if !(self.accept("inner") || self.accept("cross") || self.accept("outer")) {
                break;
            }
        }
        let kind = match (left, right) {
            (true, true) => JoinKind::Full,
            (true, false) => JoinKind::Left,
            (false, true) => JoinKind::Right,
            (false, false) => JoinKind::Inner,
        };
        if self.accept("join") {
            return Ok(Some((kind, natural)));
        }
        if self.position != start {
            return Err(self.wanted("`JOIN`"));
        }
        Ok(None)
    }

    pub(super) fn single_source(&mut self) -> Parsed<Source> {
        let start = self.start();
        if self.accept("(") {
            if self.is("select") || self.is("with") || self.is("values") {
                let select = self.select()?;
                self.expect(")")?;
                let alias = self.alias()?;
                return Ok(Source::Select {
                    select: Box::new(select),
                    alias,
                    span: start..self.end(),
                });
            }
            let source = self.source()?;
            self.expect(")")?;
            return Ok(match self.alias()? {
                Some(alias) => Source::Named {
                    source: Box::new(source),
                    alias,
                },
                None => source,
            });
        }
        let mut source = self.table_source()?;
        if let Source::Table { alias, .. } = &mut source {
            *alias = self.alias()?;
        }
        self.indexed()?;
        Ok(source)
    }

    /// `[schema.]name[(arguments)]`
    pub(super) fn table_source(&mut self) -> Parsed<Source> {
        let mut name = self.name()?;
        let mut schema = None;
        if self.accept(".") {
            schema = Some(name);
            name = self.name()?;
        }
        let mut arguments = None;
        if self.accept("(") {
            arguments = Some(if self.is(")") {
                Vec::new()
            } else {
                self.list(Self::expr)?
            });
            self.expect(")")?;
        }
        Ok(Source::Table {
            schema,
            name,
            alias: None,
            arguments,
        })
    }

    pub(super) fn insert(&mut self, ctes: Vec<Cte>, recursive: bool) -> Parsed<Insert> {
        let mut ignores = false;
        if !self.accept("replace") {
            self.expect("insert")?;
            ignores = self.or_action()?;
        }
        self.expect("into")?;
        let (table, alias) = self.target()?;
        let columns = if self.is("(") {
            self.names_in_parentheses()?
        } else {
            Vec::new()
        };
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
                    parser.direction()?;
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
            upserts.push(Upsert {
                target,
                target_filter,
                set,
                filter,
            });
        }
        let returning = self.returning()?;
        Ok(Insert {
            ctes,
            recursive,
            ignores,
            table,
            alias,
            columns,
            source,
            upserts,
            returning,
        })
    }

    /// `OR IGNORE` and its kin; true for IGNORE.
    pub(super) fn or_action(&mut self) -> Parsed<bool> {
        if !self.accept("or") {
            return Ok(false);
        }
        if self.accept("ignore") {
            return Ok(true);
        }
        for action in ["rollback", "abort", "fail", "replace"] {
            if self.accept(action) {
                return Ok(false);
            }
        }
        Err(self.wanted("ABORT, FAIL, IGNORE, REPLACE or ROLLBACK"))
    }

    /// `[main.]table [AS alias]`
    pub(super) fn target(&mut self) -> Parsed<(Ident, Option<Ident>)> {
        let mut table = self.name()?;
        if self.accept(".") {
            table = self.name()?;
        }
        let alias = if self.accept("as") {
            Some(self.name()?)
        } else {
            None
        };
        Ok((table, alias))
    }

    pub(super) fn assignment(&mut self) -> Parsed<Assignment> {
        let columns = if self.is("(") {
            self.names_in_parentheses()?
        } else {
            vec![self.name()?]
        };
        self.expect("=")?;
        Ok(Assignment {
            columns,
            value: self.expr()?,
        })
    }

    pub(super) fn returning(&mut self) -> Parsed<Vec<ResultColumn>> {
        if self.accept("returning") {
            self.result_columns()
        } else {
            Ok(Vec::new())
        }
    }

    pub(super) fn indexed(&mut self) -> Parsed<()> {
        if self.accept("not") {
            self.expect("indexed")?;
        } else if self.accept("indexed") {
            self.expect("by")?;
            self.name()?;
        }
        Ok(())
    }

    pub(super) fn update(&mut self, ctes: Vec<Cte>, recursive: bool) -> Parsed<Update> {
        self.expect("update")?;
        self.or_action()?;
        let (table, alias) = self.target()?;
        self.indexed()?;
        self.expect("set")?;
        let set = self.list(Self::assignment)?;
        let from = if self.accept("from") {
            Some(self.source()?)
        } else {
            None
        };
        let filter = self.clause("where")?;
        let returning = self.returning()?;
        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        let limits = limit.into_iter().chain(offset).collect();
        Ok(Update {
            ctes,
            recursive,
            table,
            alias,
            set,
            from,
            filter,
            returning,
            order_by,
            limits,
        })
    }

    pub(super) fn delete(&mut self, ctes: Vec<Cte>, recursive: bool) -> Parsed<Delete> {
        self.expect("delete")?;
        self.expect("from")?;
        let (table, alias) = self.target()?;
        self.indexed()?;
        let filter = self.clause("where")?;
        let returning = self.returning()?;
        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        let limits = limit.into_iter().chain(offset).collect();
        Ok(Delete {
            ctes,
            recursive,
            table,
            alias,
            filter,
            returning,
            order_by,
            limits,
        })
    }
}
