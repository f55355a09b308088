//! The names that an expression can use, and the columns that they refer to.

use std::ops::Range;

use super::analyzer::Group;
use super::json::Json;
use super::types::Ty;
use crate::syntax::ast::{Expr, Ident};

/// A table, view, subquery or CTE in a FROM clause.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The name that qualifies its columns.
    pub(super) name: String,
    pub(super) columns: Vec<RelationColumn>,
    /// Whether an outer join can replace its row with a row of NULLs.
    pub(super) outer: bool,
    pub(super) rowid: Option<Rowid>,
}

/// The rowid of a table.
#[derive(Debug, Clone)]
pub(super) struct Rowid {
    /// Its alias, or `rowid`: the name that it has in a result.
    pub(super) name: String,
    pub(super) ty: Ty,
}

/// Whether a name refers to the rowid where no column has it.
pub(super) fn is_rowid(name: &Ident) -> bool {
    is_rowid_name(&name.text)
}

/// The same as [`is_rowid`], for the text of a name.
pub(super) fn is_rowid_name(name: &str) -> bool {
    let mut names = ["rowid", "oid", "_rowid_"].into_iter();
    names.any(|known| name.eq_ignore_ascii_case(known))
}

impl Relation {
    /// The names of the columns that are not hidden.
    pub(super) fn column_names(&self) -> impl Iterator<Item = String> {
        let columns = self.columns.iter().filter(|column| !column.hidden);
        columns.map(|column| column.name.clone())
    }

    /// The index of a column.
    fn position(&self, name: &Ident) -> Option<usize> {
        self.columns.iter().position(|column| name.is(&column.name))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) ty: Ty,
    pub(super) hidden: bool,
    /// The columns that are NULL together with this one.
    pub(super) group: Option<Group>,
}

/// Columns that USING or NATURAL merges into one.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) name: String,
    /// The indexes of relation and column, left first.
    pub(super) parts: Vec<(usize, usize)>,
    /// The parts that determine the value, which is the first of them that is not NULL: the left
    /// part of an inner or a left join, the right part of a right join, both of a full join.
    pub(super) values: Vec<(usize, usize)>,
    /// The right parts of inner joins: the value is not NULL where one of them is not.
    pub(super) equal: Vec<(usize, usize)>,
    /// Whether one of the values is not NULL in every row: a full join of columns that are not.
    pub(super) is_present: bool,
}

/// More relations than SQLite joins in one query.
const MAX_RELATIONS: usize = 128;

/// What holds where an outer join finds a row of its optional side.
#[derive(Debug, Clone)]
pub(super) struct Matched {
    /// The relations of the optional side. If one of them has a row, the join has found it.
    pub(super) optional: Range<usize>,
    /// Those that then have a row.
    pub(super) present: Vec<usize>,
    /// The columns that are then not NULL.
    pub(super) facts: Vec<(usize, usize)>,
}

/// What is known of the rows of a scope.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The columns that are not NULL.
    facts: Vec<(usize, usize)>,
    /// Whether each relation can be a row of NULLs.
    outer: Vec<bool>,
}

/// What is known of the rows outside of a condition.
#[derive(Debug)]
pub(super) struct Outside {
    known: Known,
    every_row: Option<Known>,
}

/// The names of one level of a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    pub(super) merged: Vec<Merged>,
    /// Result columns that ORDER BY, GROUP BY and HAVING can name.
    pub(super) aliases: Vec<(String, Ty)>,
    /// Result columns that WHERE and ON name.
    pub(super) named: Vec<(String, Expr)>,
    /// The arguments of table functions, which can name the columns of every relation.
    pub(super) arguments: Vec<Expr>,
    /// The indexes of relation and column for columns that are known not to be NULL.
    pub(super) facts: Vec<(usize, usize)>,
    /// What is known of every row, while a condition of CASE or FILTER narrows the rows.
    pub(super) every_row: Option<Known>,
    /// The outer joins of one optional side.
    pub(super) joins: Vec<Matched>,
    /// The texts of expressions that are known not to be NULL.
    pub(super) present: Vec<String>,
    /// The windows of the WINDOW clause, and whether their frames can be empty.
    pub(super) windows: Vec<(String, bool)>,
    /// Whether the query has a GROUP BY: each group has a row.
    pub(super) is_grouped: bool,
    /// Whether columns outside of aggregates are read even if there are no rows.
    pub(super) may_be_empty: bool,
    /// Whether a subquery calls an aggregate over the rows of this level.
    pub(super) aggregated_below: bool,
}

/// The result of looking up a name.
pub(super) enum Found {
    Column(Ty),
    /// Several relations have the column: their names.
    Ambiguous(Vec<String>),
    /// The relation of the qualifier exists but has only these columns.
    NoColumn(Vec<String>),
    Nothing,
}

impl Scope {
    /// Returns the indexes of relation and column of an unmerged column.
    pub(super) fn locate(&self, table: Option<&Ident>, name: &Ident) -> Option<(usize, usize)> {
        if table.is_none() && self.merged_column(name).is_some() {
            return None;
        }

        let relations = self.relations.iter().enumerate();
        let mut matches = relations.filter_map(|(index, relation)| {
            if table.is_some_and(|table| !table.is(&relation.name)) {
                return None;
            }
            let column = relation.position(name)?;
            Some((index, column))
        });
        let first = matches.next();
        if table.is_none() && matches.next().is_some() {
            None
        } else {
            first
        }
    }

    /// Looks up a name.
    pub(super) fn find(&self, table: Option<&Ident>, name: &Ident) -> Found {
        if table.is_none() {
            if let Some(merged) = self.merged_column(name) {
                return Found::Column(self.merged_ty(merged));
            }
            let holders: Vec<String> = self
                .relations
                .iter()
                .filter(|relation| relation.position(name).is_some())
                .map(|relation| relation.name.clone())
                .collect();
            if holders.len() > 1 {
                return Found::Ambiguous(holders);
            }
        }

        if let Some((relation, column)) = self.locate(table, name) {
            return Found::Column(self.ty(relation, column));
        }
        if let Some((relation, rowid)) = self.rowid(table, name) {
            return Found::Column(self.widened(rowid.ty.clone(), relation.outer));
        }
        match table {
            Some(table) => {
                let mut relations = self.relations.iter();
                match relations.find(|relation| table.is(&relation.name)) {
                    Some(relation) => Found::NoColumn(relation.column_names().collect()),
                    None => Found::Nothing,
                }
            }
            None => match self.aliases.iter().find(|(alias, _)| name.is(alias)) {
                Some((_, ty)) => Found::Column(ty.clone()),
                None => Found::Nothing,
            },
        }
    }

    /// The merged column of a name.
    fn merged_column(&self, name: &Ident) -> Option<&Merged> {
        self.merged.iter().find(|merged| name.is(&merged.name))
    }

    /// The rowid that a name refers to, and its relation.
    pub(super) fn rowid(&self, table: Option<&Ident>, name: &Ident) -> Option<(&Relation, &Rowid)> {
        if !is_rowid(name) || self.locate(table, name).is_some() {
            return None;
        }
        let mut relations = self.relations.iter();
        relations.find_map(|relation| {
            let is_meant = table.is_none_or(|table| table.is(&relation.name));
            let rowid = relation.rowid.as_ref().filter(|_| is_meant)?;
            Some((relation, rowid))
        })
    }

    /// The type of a column in the rows that are read at this point.
    pub(super) fn ty(&self, relation: usize, column: usize) -> Ty {
        let source = &self.relations[relation];
        let ty = source.columns[column].ty.clone();
        if self.facts.contains(&(relation, column)) {
            self.widened(ty.not_null(), false)
        } else {
            self.widened(ty, source.outer)
        }
    }

    /// The columns that are NULL together with a column: those of a relation of an outer join, or
    /// of one inside a subquery.
    pub(super) fn group(&self, relation: usize, column: usize) -> Option<Group> {
        let source = &self.relations[relation];
        let known = &source.columns[column];
        if source.outer {
            let is_present = !known.ty.nullable || self.facts.contains(&(relation, column));
            return Some(Group {
                relation,
                is_present,
            });
        }

        // The number of a relation in a subquery is made unique among those of this query.
        let group = known.group?;
        let relation = group
            .relation
            .checked_mul(MAX_RELATIONS)?
            .checked_add(relation + 1)?;
        Some(Group { relation, ..group })
    }

    /// Adds the NULL of a row that does not exist.
    fn widened(&self, mut ty: Ty, outer: bool) -> Ty {
        if outer {
            ty = ty.or_null("the outer join may find no matching row");
        }
        if self.may_be_empty {
            ty = ty.or_null("the aggregate may read no rows, and there is no GROUP BY");
            // SQLite then evaluates the expressions of a subquery over a row of NULLs.
            ty.json = ty.json.map(|_| Box::new(Json::Unknown));
        }
        ty
    }

    /// The type of a merged column.
    pub(super) fn merged_ty(&self, merged: &Merged) -> Ty {
        let values = merged
            .values
            .iter()
            .map(|(relation, column)| self.ty(*relation, *column));
        let value = values.reduce(|all, part| {
            let nullable = all.nullable && part.nullable;
            Ty {
                nullable,
                ..all.join(part)
            }
        });
        let value = value.unwrap_or_else(Ty::null);
        let mut equal = merged.equal.iter();
        let is_present = merged.is_present && !self.may_be_empty;

        if is_present || equal.any(|(relation, column)| !self.ty(*relation, *column).nullable) {
            value.not_null()
        } else {
            value
        }
    }

    /// Keeps only the rows in which these columns are not NULL.
    pub(super) fn keep_only(&mut self, mut facts: Vec<(usize, usize)>) {
        while let Some((relation, column)) = facts.pop() {
            // A row of NULLs is not kept.
            self.keep_existing(relation, &mut facts);
            if self.facts.contains(&(relation, column)) {
                continue;
            }

            self.facts.push((relation, column));
            let columns = &self.relations[relation].columns;
            if let Some(group) = columns[column].group {
                let together = columns.iter().enumerate().filter(|(_, other)| {
                    let same = |other: &Group| other.relation == group.relation && other.is_present;
                    other.group.as_ref().is_some_and(same)
                });
                facts.extend(together.map(|(other, _)| (relation, other)));
            }
        }
    }

    /// Begins to narrow the rows by a condition. Returns what is known of them without it.
    pub(super) fn begin_condition(&mut self) -> Outside {
        let known = self.known();
        let every_row = self.every_row.clone();
        self.every_row.get_or_insert_with(|| known.clone());
        Outside { known, every_row }
    }

    /// Ends what [`begin_condition`](Self::begin_condition) began.
    pub(super) fn end_condition(&mut self, outside: Outside) {
        self.set_known(outside.known);
        self.every_row = outside.every_row;
    }

    /// What is known of the rows.
    pub(super) fn known(&self) -> Known {
        Known {
            facts: self.facts.clone(),
            outer: self.relations.iter().map(|found| found.outer).collect(),
        }
    }

    /// Replaces what is known of the rows.
    pub(super) fn set_known(&mut self, known: Known) {
        self.facts = known.facts;
        for (relation, outer) in self.relations.iter_mut().zip(known.outer) {
            relation.outer = outer;
        }
    }

    /// Keeps only the rows in which a relation has a row of its own. Adds to `facts` what follows.
    fn keep_existing(&mut self, relation: usize, facts: &mut Vec<(usize, usize)>) {
        let mut exist = vec![relation];
        while let Some(relation) = exist.pop() {
            if !std::mem::take(&mut self.relations[relation].outer) {
                continue;
            }
            let matches = self.joins.iter();
            for matched in matches.filter(|matched| matched.optional.contains(&relation)) {
                exist.extend(&matched.present);
                facts.extend(&matched.facts);
            }
        }
    }

    /// Every column name, for did-you-mean.
    pub(super) fn column_names(&self) -> impl Iterator<Item = String> {
        self.relations
            .iter()
            .flat_map(Relation::column_names)
            .chain(self.aliases.iter().map(|(alias, _)| alias.clone()))
    }
}
