//! The warning of a search that reads a whole table, and the index that avoids it.
//!
//! A suggested index was tried: SQLite uses it for the statement.

use bindery_sqlite::Database;
use bindery_sqlite::rusqlite;

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::{Catalog, Table};
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::{Source, Statement};
use crate::syntax::visit::{self, Node};

use super::analyzer::Named;
use super::plan::{self, Step, scanned_name};
use super::searches::{SearchedTable, searched_tables};

/// Reports tables that are searched by a column and read whole: D1 bills every row that is read.
///
/// A statement that reads a table without a search lists it; an index would not help there.
pub(super) fn report(
    errors: &mut Errors,
    catalog: &Catalog,
    (statement, text): (&Statement, Text<'_>),
    place: Span,
    (tables, relations): (&[String], &[Named]),
    plan: &[Step],
) {
    let mut scanned: Vec<&Step> = plan.iter().filter(|step| step.scans.is_some()).collect();
    if scanned.is_empty() {
        return;
    }
    let mut searched = searched_tables(catalog, statement);
    searched.retain(|searched| !candidates(searched).is_empty());
    if searched.is_empty() {
        return;
    }
    let Some(mut trial) = Trial::new(catalog, text.sql(), tables, relations) else {
        return;
    };

    // The index of an inner table can make those of the tables around it unnecessary.
    scanned.sort_by_key(|step| step.detail.starts_with("SCAN "));
    for shown in scanned.iter().filter_map(|step| scanned_name(&step.detail)) {
        let named = |searched: &SearchedTable<'_>| searched.shown == shown;
        let found = (0..searched.len()).find_map(|index| {
            let candidate = Some(&searched[index]).filter(|searched| named(searched))?;
            let suggested = trial.suggest(candidate.table?, candidate)?;
            Some((index, suggested))
        });
        if let Some((index, suggested)) = found {
            let searched = searched.remove(index);
            let at = text.place(&searched, place);
            errors.push(warning(&searched, at, &suggested));
        }
    }
}

/// Returns an index in which SQLite finds the rows of a statement in an order, by columns that
/// `order` names, if one exists.
pub(super) fn sorting_index(
    catalog: &Catalog,
    sql: &str,
    (tables, relations): (&[String], &[Named]),
    order: &[String],
) -> Option<String> {
    let (statement, _) = syntax::parse(sql).ok()?;
    let searched = searched_tables(catalog, &statement);
    let trial = Trial::new(catalog, sql, tables, relations)?;

    searched.iter().find_map(|searched| {
        let table = searched.table?;
        let mut columns = searched.fixed.clone();
        for name in order {
            let mut named = table.columns.iter();
            columns.push(named.position(|column| column.name.eq_ignore_ascii_case(name))?);
        }
        let index = Index::new(&trial, table, &columns);
        trial.execute(&index.create).ok()?;
        let plan = plan::explain(trial.database.connection(), sql, relations);
        trial.execute(&format!("DROP INDEX {}", index.name)).ok()?;
        (!plan::sorts(&plan.ok()?)).then_some(index.create)
    })
}

/// The SQL that runs for a statement.
#[derive(Clone, Copy)]
pub(super) enum Text<'t> {
    /// The statement as the user wrote it.
    AsWritten(&'t str),
    /// One of the texts of a template, and the statement as the user wrote it: the bytes differ.
    Assembled(&'t str, &'t Statement),
}

impl<'t> Text<'t> {
    fn sql(self) -> &'t str {
        match self {
            Self::AsWritten(sql) | Self::Assembled(sql, _) => sql,
        }
    }

    /// Where the user wrote a table. `place` is the statement.
    fn place(self, searched: &SearchedTable<'_>, place: Span) -> Span {
        let statement = match self {
            Self::AsWritten(_) => return place.part(&searched.at),
            Self::Assembled(_, statement) => statement,
        };

        let mut at = match statement {
            Statement::Update(update) => Some(&update.table.span),
            Statement::Delete(delete) => Some(&delete.table.span),
            Statement::Select(_) | Statement::Insert(_) | Statement::Other => None,
        };
        visit::statement(statement, &mut |node| {
            if let Node::Source(Source::Table { name, alias, .. }) = node
                && alias.as_ref().unwrap_or(name).is(searched.shown)
            {
                at = Some(&name.span);
            }
            true
        });
        at.map_or(place, |at| place.part(at))
    }
}

fn warning(searched: &SearchedTable<'_>, at: Span, index: &str) -> Diagnostic {
    let name = searched.table.map_or(searched.shown, |table| &table.name);
    Diagnostic::new(
        Code::FullScan,
        format!("the search reads every row of `{name}`"),
        at,
    )
    .label("D1 bills each row that is read")
    .help(format!("`{index}`"))
    .warning()
}

/// The columns of indexes that may help, the best first: equal columns, then one range.
fn candidates(searched: &SearchedTable<'_>) -> Vec<Vec<usize>> {
    let SearchedTable {
        fixed,
        joined,
        ranges,
        ..
    } = searched;
    let none = Vec::new();
    let ranges = || ranges.iter().chain([&none]);

    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut add = |columns: Vec<&[usize]>| {
        let mut distinct = Vec::new();
        for column in columns.into_iter().flatten() {
            if !distinct.contains(column) {
                distinct.push(*column);
            }
        }
        if !distinct.is_empty() && !found.contains(&distinct) {
            found.push(distinct);
        }
    };
    for range in ranges() {
        add(vec![fixed, joined, range]);
    }
    // Which of the other tables SQLite reads first is unknown.
    for column in joined {
        for range in ranges() {
            add(vec![fixed, std::slice::from_ref(column), range]);
        }
    }
    for range in ranges() {
        add(vec![fixed, range]);
    }
    found
}

/// An empty database with the tables of a statement, in which indexes are tried.
struct Trial<'a> {
    database: &'a Database,
    sql: &'a str,
    relations: &'a [Named],
    catalog: &'a Catalog,
    /// The plan with the indexes that were suggested.
    plan: Vec<Step>,
    /// The indexes that were suggested.
    kept: Vec<String>,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        for index in &self.kept {
            // An index that stays could only be missing in a later suggestion.
            let _ = self.execute(&format!("DROP INDEX {index}"));
        }
    }
}

impl<'a> Trial<'a> {
    fn new(
        catalog: &'a Catalog,
        sql: &'a str,
        tables: &[String],
        relations: &'a [Named],
    ) -> Option<Self> {
        let database = catalog.scratch.with_tables(&catalog.database, tables)?;
        let plan = plan::explain(database.connection(), sql, relations).ok()?;
        Some(Self {
            database,
            sql,
            relations,
            catalog,
            plan,
            kept: Vec::new(),
        })
    }

    /// Returns the first index with which SQLite no longer reads the whole table, and keeps it.
    fn suggest(&mut self, table: &Table, searched: &SearchedTable<'_>) -> Option<String> {
        for columns in candidates(searched) {
            let index = Index::new(self, table, &columns);
            let Some((mut plan, used)) = self.attempt(searched, &index) else {
                continue;
            };

            let mut kept = index;
            if used < columns.len() {
                let shorter = Index::new(self, table, &columns[..used]);
                if let Some((again, _)) = self.attempt(searched, &shorter) {
                    (kept, plan) = (shorter, again);
                }
            }
            self.execute(&kept.create).ok()?;
            self.plan = plan;
            self.kept.push(kept.name);
            return Some(kept.create);
        }
        None
    }

    /// The plan with an index and the number of its columns that SQLite uses, if SQLite then reads
    /// fewer tables whole.
    fn attempt(&self, searched: &SearchedTable<'_>, index: &Index) -> Option<(Vec<Step>, usize)> {
        self.execute(&index.create).ok()?;
        let plan = plan::explain(self.database.connection(), self.sql, self.relations);
        self.execute(&format!("DROP INDEX {}", index.name)).ok()?;
        let plan = plan.ok()?;

        let names = |plan: &[Step]| -> Vec<String> {
            let scans = plan.iter().filter(|step| step.scans.is_some());
            let names = scans.filter_map(|step| scanned_name(&step.detail));
            names.map(str::to_owned).collect()
        };
        let (before, after) = (names(&self.plan), names(&plan));
        let own = |names: &[String]| names.iter().filter(|name| *name == searched.shown).count();
        let is_better = after.len() < before.len() && own(&after) < own(&before);
        let uses = plan
            .iter()
            .filter(|step| step.index.as_deref() == Some(&index.name));
        let used = uses.map(|step| index.used_columns(&step.detail)).max()?;
        (is_better && used > 0).then_some((plan, used))
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.database
            .trusted(|connection| connection.execute_batch(sql))
    }

    /// A name as it is written in a statement.
    fn spelled(&self, name: &str) -> String {
        let is_word = |name: &str| {
            let mut bytes = name.bytes();
            let starts = bytes.next().is_some_and(|byte| !byte.is_ascii_digit());
            starts
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let as_alias = format!("SELECT 1 AS {name}");
        if is_word(name) && self.database.connection().prepare(&as_alias).is_ok() {
            name.to_owned()
        } else {
            format!("\"{}\"", name.replace('"', "\"\""))
        }
    }
}

/// An index that may help.
struct Index<'t> {
    name: String,
    /// Its statement.
    create: String,
    columns: Vec<&'t str>,
}

impl<'t> Index<'t> {
    fn new(trial: &Trial<'_>, table: &'t Table, columns: &[usize]) -> Self {
        let columns = columns
            .iter()
            .map(|column| table.columns[*column].name.as_str());
        let columns: Vec<&str> = columns.collect();
        let name = free_name(
            trial.catalog,
            &format!("{}_by_{}", table.name, columns.join("_")),
        );

        let spelled: Vec<String> = columns.iter().map(|column| trial.spelled(column)).collect();
        let table = trial.spelled(&table.name);
        let create = format!("CREATE INDEX {name} ON {table} ({});", spelled.join(", "));
        Self {
            name,
            create,
            columns,
        }
    }

    /// The number of columns that a step such as `SEARCH f USING INDEX f_by_a_b (a=? AND b>?)`
    /// compares.
    fn used_columns(&self, detail: &str) -> usize {
        let compared = detail.split_once(" (").map_or("", |(_, compared)| compared);
        let is_used = |column: &&&str| {
            let mut places = compared.match_indices(**column);
            places.any(|(start, _)| {
                let before = compared[..start].chars().next_back();
                let after = compared[start + column.len()..].chars().next();
                before.is_none_or(|before| " (,".contains(before))
                    && after.is_some_and(|after| "=<>,)".contains(after))
            })
        };
        self.columns.iter().take_while(is_used).count()
    }
}

/// The name of a new index: a word that no table and no index has.
fn free_name(catalog: &Catalog, wanted: &str) -> String {
    let word = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    let wanted: String = wanted.chars().map(word).collect();
    let is_taken = |name: &str| {
        let mut indexes = catalog.tables.iter().flat_map(|table| &table.indexes);
        catalog.table(name).is_some() || indexes.any(|index| index.name.eq_ignore_ascii_case(name))
    };

    let mut name = wanted.clone();
    let mut number = 1;
    while is_taken(&name) {
        number += 1;
        name = format!("{wanted}_{number}");
    }
    name
}
