//! Which names an expression can use, and what they stand for.

use super::types::{Storage, Ty};
use crate::syntax::ast::Ident;

/// A table, view, subquery or CTE in a FROM clause.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The name that qualifies its columns.
    pub(super) name: String,
    pub(super) columns: Vec<RelationColumn>,
    /// Whether an outer join can put a row of NULLs in its place.
    pub(super) outer: bool,
    pub(super) has_rowid: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) hidden: bool,
}

/// A column that USING or NATURAL made one of two.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) name: String,
    /// Relation and column, left first.
    pub(super) parts: Vec<(usize, usize)>,
    /// Whether the value is the first of the parts that is not NULL, rather than the left one.
    pub(super) coalesced: bool,
}

/// The names of one level of a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    pub(super) merged: Vec<Merged>,
    /// Result columns that ORDER BY, GROUP BY and HAVING can name.
    pub(super) aliases: Vec<(String, Ty)>,
    /// Relation and column of what is known not to be NULL.
    pub(super) facts: Vec<(usize, usize)>,
    /// Expressions that are known not to be NULL, as they are written.
    pub(super) present: Vec<String>,
    /// The windows of the WINDOW clause: whether the frame can be empty.
    pub(super) windows: Vec<(String, bool)>,
    /// Whether a column outside an aggregate is read although there may be no row.
    pub(super) may_be_empty: bool,
    /// Whether a subquery calls an aggregate over the rows of this level.
    pub(super) aggregated_below: bool,
}

/// What a name stands for.
pub(super) enum Found {
    Column(Ty),
    Ambiguous(Vec<String>),
    /// The qualifier is right, the column is not.
    NoColumn(Vec<String>),
    Nothing,
}

impl Scope {
    /// Where an unmerged column stands.
    pub(super) fn locate(&self, table: Option<&Ident>, name: &Ident) -> Option<(usize, usize)> {
        if table.is_none() && self.merged.iter().any(|merged| name.is(&merged.name)) {
            return None;
        }
        let mut matches = self
            .relations
            .iter()
            .enumerate()
            .filter_map(|(index, relation)| {
                if table.is_some_and(|table| !table.is(&relation.name)) {
                    return None;
                }
                relation
                    .columns
                    .iter()
                    .position(|column| name.is(&column.name))
                    .map(|column| (index, column))
            });
        let first = matches.next();
        if table.is_none() && matches.next().is_some() {
            None
        } else {
            first
        }
    }

    pub(super) fn find(&self, table: Option<&Ident>, name: &Ident) -> Found {
        if table.is_none() {
            if let Some(merged) = self.merged.iter().find(|merged| name.is(&merged.name)) {
                return Found::Column(self.merged_ty(merged));
            }
            let holders: Vec<String> = self
                .relations
                .iter()
                .filter(|relation| relation.columns.iter().any(|column| name.is(&column.name)))
                .map(|relation| relation.name.clone())
                .collect();
            if holders.len() > 1 {
                return Found::Ambiguous(holders);
            }
        }
        if let Some((relation, column)) = self.locate(table, name) {
            return Found::Column(self.ty(relation, column));
        }
        let is_rowid = ["rowid", "oid", "_rowid_"].iter().any(|word| name.is(word));
        let qualified = |relation: &&Relation| table.is_none_or(|table| table.is(&relation.name));
        if is_rowid
            && let Some(relation) = self
                .relations
                .iter()
                .filter(qualified)
                .find(|relation| relation.has_rowid)
        {
            let ty = Ty {
                origin: Some(format!("{}.rowid", relation.name)),
                ..Ty::new(Storage::INTEGER)
            };
            return Found::Column(self.widened(ty, relation.outer));
        }
        if let Some(table) = table {
            return match self
                .relations
                .iter()
                .find(|relation| table.is(&relation.name))
            {
                Some(relation) => Found::NoColumn(names(relation).collect()),
                None => Found::Nothing,
            };
        }
        match self.aliases.iter().find(|(alias, _)| name.is(alias)) {
            Some((_, ty)) => Found::Column(ty.clone()),
            None => Found::Nothing,
        }
    }

    /// The type of a column here and now.
    pub(super) fn ty(&self, relation: usize, column: usize) -> Ty {
        let source = &self.relations[relation];
        let mut ty = source.columns[column].ty.clone();
        if self.facts.contains(&(relation, column)) {
            ty.nullable = false;
            ty.reason = None;
            return self.widened(ty, false);
        }
        self.widened(ty, source.outer)
    }

    fn widened(&self, ty: Ty, outer: bool) -> Ty {
        let ty = if outer {
            ty.or_null("the outer join may find no row")
        } else {
            ty
        };
        if self.may_be_empty {
            ty.or_null("the aggregate may see no row, and has no GROUP BY")
        } else {
            ty
        }
    }

    pub(super) fn merged_ty(&self, merged: &Merged) -> Ty {
        let mut parts = merged
            .parts
            .iter()
            .map(|(relation, column)| self.ty(*relation, *column));
        let Some(first) = parts.next() else {
            return Ty::null();
        };
        if !merged.coalesced {
            return first;
        }
        parts.fold(first, |all, part| {
            let nullable = all.nullable && part.nullable;
            Ty {
                nullable,
                ..all.join(part)
            }
        })
    }

    /// Takes note that a row is kept only if these columns are not NULL.
    pub(super) fn keep_only(&mut self, facts: Vec<(usize, usize)>) {
        for (relation, column) in facts {
            // A row of NULLs would have failed the test, so there is none.
            self.relations[relation].outer = false;
            if !self.facts.contains(&(relation, column)) {
                self.facts.push((relation, column));
            }
        }
    }

    /// Every column name, for did-you-mean.
    pub(super) fn column_names(&self) -> impl Iterator<Item = String> {
        self.relations
            .iter()
            .flat_map(names)
            .chain(self.aliases.iter().map(|(alias, _)| alias.clone()))
    }
}

fn names(relation: &Relation) -> impl Iterator<Item = String> {
    relation
        .columns
        .iter()
        .filter(|column| !column.hidden)
        .map(|column| column.name.clone())
}
