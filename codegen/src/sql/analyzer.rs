//! The state of the walk over a statement, shared by expressions, selects and writes.

use std::collections::BTreeSet;

use crate::report::{Code, Diagnostic, Errors, Severity, suggestion};
use crate::schema::{Catalog, Column, Table, TableKind};
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::{Bytes, Cte, Ident, Parameter, Select, Source};
use crate::syntax::visit::{self, Node};

use super::parameters::Parameters;
use super::scope::{Relation, RelationColumn, Rowid, Scope, is_rowid_name};
use super::types::{Domain, Storage, Ty, converted};
use super::virtual_tables::{stored_columns, virtual_columns};

/// The number of views that may read each other, one inside another.
const MAX_VIEW_DEPTH: usize = 16;

/// A result column.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// The name, or `None` for an expression without one.
    pub(super) name: Option<String>,
    pub(super) ty: Ty,
    /// Its bytes in the statement.
    pub(super) span: Bytes,
    /// Whether `span` is a name after AS.
    pub(super) aliased: bool,
    /// The relation whose columns it is NULL with.
    pub(super) group: Option<Group>,
}

/// The columns of a relation that an outer join makes NULL together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// The number of the relation among those of its query.
    pub(super) relation: usize,
    /// Whether the column is not NULL in a row that exists.
    pub(super) is_present: bool,
}

/// A table, and its name in the FROM clause of a statement.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// The alias, or else the table's name.
    pub(super) shown: String,
    pub(super) table: String,
}

/// A CTE whose columns are known.
#[derive(Debug, Clone)]
pub(super) struct KnownCte {
    pub(super) name: String,
    pub(super) columns: Vec<RelationColumn>,
}

/// The walk over one statement.
pub(super) struct Analyzer<'a> {
    pub(super) catalog: &'a Catalog,
    /// The text of the statement.
    pub(super) text: &'a str,
    /// The position of the text; `None` inside a view, which the migrations already checked.
    pub(super) place: Option<Span>,
    pub(super) parameters: Parameters<'a>,
    /// The levels of the query, innermost last.
    pub(super) scopes: Vec<Scope>,
    pub(super) ctes: Vec<KnownCte>,
    pub(super) tables: BTreeSet<String>,
    /// Whether the select that was walked last returns exactly one row.
    pub(super) single_row: bool,
    /// The tables of the FROM clauses.
    pub(super) relations: Vec<Named>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// How often a query was analyzed again.
    pub(super) retries: usize,
    /// The columns that the statement sets to JSON.
    pub(super) json_columns: Vec<String>,
    /// The views whose SELECT is being analyzed, outermost first.
    views: Vec<String>,
}

impl<'a> Analyzer<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        text: &'a str,
        place: Option<Span>,
        declared: &'a [Parameter],
    ) -> Self {
        Self {
            catalog,
            text,
            place,
            parameters: Parameters::new(declared, catalog.text_enums.len()),
            scopes: Vec::new(),
            ctes: Vec::new(),
            tables: BTreeSet::new(),
            single_row: false,
            relations: Vec::new(),
            diagnostics: Vec::new(),
            retries: 0,
            json_columns: Vec::new(),
            views: Vec::new(),
        }
    }

    /// Reports an error at some bytes of the statement.
    pub(super) fn error(
        &mut self,
        code: Code,
        message: impl Into<String>,
        at: &Bytes,
        label: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let diagnostic = self.diagnostic(code, message, at, label, help);
        self.diagnostics.push(diagnostic);
    }

    /// Returns a diagnostic at some bytes of the statement, without reporting it.
    pub(super) fn diagnostic(
        &self,
        code: Code,
        message: impl Into<String>,
        at: &Bytes,
        label: impl Into<String>,
        help: impl Into<Option<String>>,
    ) -> Diagnostic {
        let span = self.place.map(|place| place.part(at));
        let diagnostic = Diagnostic::new(code, message, span).label(label);
        match help.into() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// Moves the diagnostics of the last walk to `errors`.
    pub(super) fn report(&mut self, errors: &mut Errors) {
        for diagnostic in self.diagnostics.drain(..) {
            errors.push(diagnostic);
        }
    }

    /// Returns the relation of a name: a CTE, a table or a view.
    pub(super) fn relation(&mut self, name: &Ident, alias: Option<&Ident>) -> Option<Relation> {
        let shown = alias.unwrap_or(name).text.clone();
        if let Some(cte) = self.ctes.iter().rev().find(|cte| name.is(&cte.name)) {
            return Some(Relation {
                name: shown,
                columns: cte.columns.clone(),
                outer: false,
                rowid: None,
            });
        }

        let table = self.table(name)?;
        self.note(&shown, &table.name);
        let columns = match &table.kind {
            TableKind::View(sql) => self.view(table, sql, name)?,
            TableKind::Table => self.columns(table),
            TableKind::Virtual(module, arguments) => {
                virtual_columns(self.catalog, table, module, arguments)
            }
        };
        Some(Relation {
            name: shown,
            columns,
            outer: false,
            rowid: rowid(table),
        })
    }

    /// Records that a table is used, and under which name.
    pub(super) fn note(&mut self, shown: &str, table: &str) {
        self.tables.insert(table.to_owned());
        self.relations.push(Named {
            shown: shown.to_owned(),
            table: table.to_owned(),
        });
    }

    /// Returns the table or view of a name, or reports that there is none.
    pub(super) fn table(&mut self, name: &Ident) -> Option<&'a Table> {
        // `sqlite_master` is the old name of the schema table.
        let searched = if name.is("sqlite_master") {
            "sqlite_schema"
        } else {
            &name.text
        };
        let found = self.catalog.table(searched);
        if found.is_none() {
            self.unknown_table(name);
        }
        found
    }

    fn unknown_table(&mut self, name: &Ident) {
        let ctes = self.ctes.iter().map(|cte| cte.name.as_str());
        let tables = self.catalog.tables.iter().map(|table| table.name.as_str());
        let tables = tables.filter(|name| !name.starts_with("sqlite_"));
        let names: Vec<&str> = ctes.chain(tables).collect();

        let help = suggestion(&name.text, "tables", &names);
        self.error(
            Code::UnknownTable,
            format!("there is no table `{}`", name.text),
            &name.span,
            "not in the migrations",
            help,
        );
    }

    /// Returns the columns of a view, or reports that its SELECT is not supported.
    fn view(&mut self, table: &Table, sql: &str, name: &Ident) -> Option<Vec<RelationColumn>> {
        let outputs = match self.view_outputs(table, sql) {
            Ok(outputs) => outputs,
            Err(cause) => {
                let message = format!("the view `{}` cannot be read: {cause}", table.name);
                let help = "fix the view in a new migration, or select from its tables".to_owned();
                self.error(Code::Unsupported, message, &name.span, "this view", help);
                return None;
            }
        };

        let mut columns = Vec::new();
        for (column, output) in table.columns.iter().zip(outputs) {
            columns.push(RelationColumn {
                name: column.name.clone(),
                ty: output.ty,
                hidden: false,
                group: output.group,
            });
        }
        Some(columns)
    }

    /// Analyzes the SELECT of a view, or returns why that is not possible.
    fn view_outputs(&mut self, table: &Table, sql: &str) -> Result<Vec<Output>, String> {
        let unsupported = || "its SELECT is not supported".to_owned();
        let (_, select) = syntax::parse_view(sql).map_err(|_unparsed| unsupported())?;
        if self.views.contains(&table.name) {
            return Err("it reads itself".to_owned());
        }
        if self.views.len() >= MAX_VIEW_DEPTH {
            return Err(unsupported());
        }

        let mut inner = Analyzer::new(self.catalog, sql, None, &[]);
        inner.views.clone_from(&self.views);
        inner.views.push(table.name.clone());
        let outputs = inner.select(&select);
        self.tables.extend(inner.tables);
        self.relations.extend(inner.relations);

        let mut diagnostics = inner.diagnostics.into_iter();
        if let Some(error) = diagnostics.find(|found| found.severity == Severity::Error) {
            return Err(error.message);
        }
        if outputs.is_empty() || outputs.len() != table.columns.len() {
            return Err(unsupported());
        }
        Ok(outputs)
    }

    /// Returns the columns of a table. A generated column has the type of its expression.
    pub(super) fn columns(&mut self, table: &Table) -> Vec<RelationColumn> {
        let mut columns = stored_columns(table);
        for (known, column) in columns.iter_mut().zip(&table.columns) {
            if let Some(ty) = self.generated_type(table, column, &known.ty) {
                known.ty = ty;
            }
        }
        columns
    }

    /// The type of a generated column, or `None` for an ordinary one and for an expression that is
    /// not supported. `stored` is the column's declared type.
    fn generated_type(&self, table: &Table, column: &Column, stored: &Ty) -> Option<Ty> {
        let (computed, text) = column.computed.as_ref()?;
        let mut inner = Analyzer::new(self.catalog, text, None, &[]);
        // A generated column can read another, before or after it: those have their declared types.
        let relation = Relation {
            name: table.name.clone(),
            columns: stored_columns(table),
            outer: false,
            rowid: None,
        };
        inner.scopes.push(Scope {
            relations: vec![relation],
            ..Scope::default()
        });
        let ty = inner.expr(computed);
        if !inner.diagnostics.is_empty() {
            return None;
        }

        let storage = converted(ty.storage, &column.declared);
        let domain = if ty.domain == Domain::Any && storage.within(Storage::INTEGRAL) {
            stored.domain
        } else {
            ty.domain
        };
        Some(Ty {
            storage,
            domain,
            nullable: ty.nullable && !column.never_null(),
            origin: stored.origin.clone(),
            reason: ty.reason,
            json: ty.json.filter(|_| storage.meets(Storage::TEXT)),
        })
    }

    /// Adds CTEs to the names that the statement can read. The word RECURSIVE has no effect in
    /// SQLite: every CTE can name itself, and those after it.
    pub(super) fn enter(&mut self, ctes: &[Cte]) {
        let mut left: Vec<(&Cte, Vec<&Cte>)> = ctes
            .iter()
            .map(|cte| (cte, named_ctes(cte, ctes)))
            .collect();

        while !left.is_empty() {
            let is_left = |cte: &Cte| left.iter().any(|(other, _)| std::ptr::eq(*other, cte));
            let ready = left.iter().position(|(cte, names)| {
                let mut others = names.iter().filter(|other| !std::ptr::eq(**other, *cte));
                !others.any(|other| is_left(other))
            });
            // SQLite reports CTEs that name each other.
            let (cte, names) = left.remove(ready.unwrap_or(0));
            let outputs = if names.iter().any(|other| std::ptr::eq(*other, cte)) {
                self.recursive(cte)
            } else {
                self.select(&cte.select)
            };
            self.add_cte(cte, outputs);
        }
    }

    fn add_cte(&mut self, cte: &Cte, outputs: Vec<Output>) {
        let mut columns = relation_columns(self.text, outputs);
        for (column, name) in columns.iter_mut().zip(&cte.columns) {
            column.name.clone_from(&name.text);
        }
        self.ctes.push(KnownCte {
            name: cte.name.text.clone(),
            columns,
        });
    }

    /// Returns the smallest types on which the arms of a recursive CTE agree.
    ///
    /// It starts from the first arm and widens the types until nothing changes. It terminates
    /// because the sets of storage classes only grow, and the content of JSON is bounded.
    fn recursive(&mut self, cte: &Cte) -> Vec<Output> {
        let first = Select {
            cores: cte.select.cores.iter().take(1).cloned().collect(),
            ..Select::default()
        };
        self.enter(&cte.select.ctes);
        let mut outputs = self.select(&first);

        loop {
            self.add_cte(cte, outputs.clone());
            let before = self.diagnostics.len();
            let again = self.select(&cte.select);
            self.ctes.pop();

            let mut stable = true;
            for (output, new) in outputs.iter_mut().zip(&again) {
                let widened = output.ty.clone().join(new.ty.clone());
                stable &= output.ty.storage == widened.storage
                    && output.ty.nullable == widened.nullable
                    && output.ty.domain == widened.domain
                    && output.ty.json == widened.json;
                output.ty = widened;
            }
            // SQLite reports arms of different widths; the analysis uses the smallest width.
            outputs.truncate(again.len());
            if stable {
                return outputs;
            }
            self.diagnostics.truncate(before);
        }
    }
}

/// The rowid of a table.
pub(super) fn rowid(table: &Table) -> Option<Rowid> {
    let alias = table.columns.iter().find(|column| column.rowid_alias);
    let known = alias.map(|column| Rowid {
        name: column.name.clone(),
        ty: Ty::of_column(&table.name, column),
    });
    let unnamed = || Rowid {
        name: "rowid".to_owned(),
        ty: Ty {
            origin: Some(format!("{}.rowid", table.name)),
            ..Ty::new(Storage::INTEGER)
        },
    };
    table.has_rowid.then(|| known.unwrap_or_else(unnamed))
}

/// The CTEs of a WITH that one of them names.
fn named_ctes<'c>(cte: &'c Cte, ctes: &'c [Cte]) -> Vec<&'c Cte> {
    let mut named: Vec<&Cte> = Vec::new();
    visit::select(&cte.select, &mut |node| {
        if let Node::Source(Source::Table { name, .. }) = node {
            let found = ctes.iter().find(|other| name.is(&other.name.text));
            named.extend(
                found.filter(|found| !named.iter().any(|known| std::ptr::eq(*known, *found))),
            );
        }
        true
    });
    named
}

/// Returns the columns of a subquery. As in SQLite, the name of an expression is its text, and the
/// second column of a name gets a number.
pub(super) fn relation_columns(text: &str, outputs: Vec<Output>) -> Vec<RelationColumn> {
    let mut columns: Vec<RelationColumn> = Vec::new();
    for output in outputs {
        let written = text.get(output.span).unwrap_or_default();
        // The rowid keeps its name, although a result calls it by its column.
        let column = written.rsplit('.').next().unwrap_or_default().trim();
        let base = match output.name {
            Some(_) if !output.aliased && is_rowid_name(column) => column.to_owned(),
            Some(name) => name,
            None => written.to_owned(),
        };

        let mut name = base.clone();
        let mut number = 0;
        while columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(&name))
        {
            number += 1;
            name = format!("{base}:{number}");
        }

        columns.push(RelationColumn {
            name,
            ty: output.ty,
            hidden: false,
            group: output.group,
        });
    }
    columns
}
