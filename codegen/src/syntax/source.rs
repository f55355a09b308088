//! Parses FROM: tables, subqueries and joins.

use super::ast::{Join, JoinKind, Source};
use super::{MAX_DEPTH, Parsed, Parser, Unparsed};

impl Parser<'_> {
    /// Reads an optional FROM clause.
    pub(super) fn from(&mut self) -> Parsed<Option<Source>> {
        if self.accept("from") {
            self.source().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reads one or more sources with their joins.
    fn source(&mut self) -> Parsed<Source> {
        self.nested(|parser| {
            let mut left = parser.single_source()?;
            let mut joins = 0;
            while let Some((kind, natural)) = parser.join_operator()? {
                // The analyzer recurses to the left. SQLite itself joins at most 64 tables.
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

    /// Reads an optional join operator, and whether it is NATURAL.
    fn join_operator(&mut self) -> Parsed<Option<(JoinKind, bool)>> {
        if self.accept(",") {
            return Ok(Some((JoinKind::Inner, false)));
        }

        // SQLite accepts the words before JOIN in any order.
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
            return Err(self.expected("`JOIN`"));
        }
        Ok(None)
    }

    /// Reads a table, a subquery or a join in parentheses.
    fn single_source(&mut self) -> Parsed<Source> {
        if self.is("(") {
            return self.parenthesized_source();
        }
        let mut source = self.table_source()?;
        if let Source::Table { alias, .. } = &mut source {
            *alias = self.alias()?;
        }
        self.indexed()?;
        Ok(source)
    }

    fn parenthesized_source(&mut self) -> Parsed<Source> {
        let start = self.start();
        self.expect("(")?;

        if self.is_select() {
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
        Ok(match self.alias()? {
            Some(alias) => Source::Named {
                source: Box::new(source),
                alias,
            },
            None => source,
        })
    }

    /// Reads `[schema.]name[(arguments)]`.
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

    /// Reads an optional `INDEXED BY name` or `NOT INDEXED`.
    pub(super) fn indexed(&mut self) -> Parsed<()> {
        if self.accept("not") {
            self.expect("indexed")?;
        } else if self.accept("indexed") {
            self.expect("by")?;
            self.name()?;
        }
        Ok(())
    }
}
