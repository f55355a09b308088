//! Parses INSERT, UPDATE and DELETE.

use super::ast::{Assignment, Conflict, Cte, Delete, Ident, Insert, ResultColumn, Update, Upsert};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn insert(&mut self, ctes: Vec<Cte>) -> Parsed<Insert> {
        let conflict = if self.accept("replace") {
            Conflict::Replace
        } else {
            self.expect("insert")?;
            self.or_action()?
        };
        self.expect("into")?;
        let (table, alias) = self.target()?;
        let columns = self.optional_names()?;

        let mut source = None;
        if self.accept("default") {
            self.expect("values")?;
        } else {
            source = Some(self.select()?);
        }

        let mut upserts = Vec::new();
        while self.accept("on") {
            upserts.push(self.upsert()?);
        }

        let returning = self.returning()?;
        Ok(Insert {
            ctes,
            conflict,
            table,
            alias,
            columns,
            source,
            upserts,
            returning,
        })
    }

    /// Reads an upsert clause after its ON.
    fn upsert(&mut self) -> Parsed<Upsert> {
        self.expect("conflict")?;
        let mut target = Vec::new();
        let mut target_filter = None;
        if self.accept("(") {
            target = self.list(Self::ordered_expr)?;
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
        Ok(Upsert {
            target,
            target_filter,
            set,
            filter,
        })
    }

    pub(super) fn update(&mut self, ctes: Vec<Cte>) -> Parsed<Update> {
        self.expect("update")?;
        let conflict = self.or_action()?;
        let (table, alias) = self.target()?;
        self.indexed()?;

        self.expect("set")?;
        let set = self.list(Self::assignment)?;
        let from = self.from()?;
        let filter = self.clause("where")?;
        let returning = self.returning()?;

        let order_by = self.order_by()?;
        let (limit, offset) = self.limit()?;
        let limits = limit.into_iter().chain(offset).collect();
        Ok(Update {
            ctes,
            conflict,
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

    pub(super) fn delete(&mut self, ctes: Vec<Cte>) -> Parsed<Delete> {
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
            table,
            alias,
            filter,
            returning,
            order_by,
            limits,
        })
    }

    /// Reads an optional conflict action.
    fn or_action(&mut self) -> Parsed<Conflict> {
        if !self.accept("or") {
            return Ok(Conflict::Fail);
        }
        for (action, conflict) in [
            ("rollback", Conflict::Fail),
            ("abort", Conflict::Fail),
            ("fail", Conflict::Fail),
            ("ignore", Conflict::Ignore),
            ("replace", Conflict::Replace),
        ] {
            if self.accept(action) {
                return Ok(conflict);
            }
        }
        Err(self.expected("ABORT, FAIL, IGNORE, REPLACE or ROLLBACK"))
    }

    /// Reads `[main.]table [AS alias]`.
    fn target(&mut self) -> Parsed<(Ident, Option<Ident>)> {
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

    fn assignment(&mut self) -> Parsed<Assignment> {
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

    /// Reads an optional RETURNING clause.
    fn returning(&mut self) -> Parsed<Vec<ResultColumn>> {
        if self.accept("returning") {
            self.result_columns()
        } else {
            Ok(Vec::new())
        }
    }
}
