//! The walk over a statement: what it shares between expressions, selects and writes.

use std::collections::BTreeSet;

use crate::report::{Code, Diagnostic, Errors, Severity, suggestion};
use crate::schema::{Catalog, Table, TableKind};
use crate::source::Span;

use super::parameters::Parameters;
use super::scope::{Relation, RelationColumn, Scope};
use super::types::{Domain, Storage, Ty, converted};
use super::virtual_tables::stored_columns;
use crate::syntax;
use crate::syntax::ast::{Bytes, Cte, Ident, Parameter};

/// How deep views may read views.
const MAX_VIEW_DEPTH: usize = 16;

/// A result column: its name if it has one, its type, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) name: Option<String>,
    pub(super) ty: Ty,
    pub(super) span: Bytes,
    /// Whether `span` is a name after AS.
    pub(super) aliased: bool,
}

/// A table under the name that a FROM clause gives it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) shown: String,
    pub(super) table: String,
    /// Where the statement names it; `None` inside a view.
    pub(super) at: Option<Bytes>,
}

/// A CTE whose columns are known.
#[derive(Debug, Clone)]
pub(super) struct KnownCte {
    pub(super) name: String,
    pub(super) columns: Vec<RelationColumn>,
}

pub(super) struct Analyzer<'a> {
    pub(super) catalog: &'a Catalog,
    /// The statement's text.
    pub(super) text: &'a str,
    /// Where the statement's text stands; `None` inside a view, whose mistakes SQLite has judged.
    pub(super) place: Option<Span>,
    pub(super) parameters: Parameters<'a>,
    /// The levels of the query, innermost last.
    pub(super) scopes: Vec<Scope>,
    pub(super) ctes: Vec<KnownCte>,
    pub(super) tables: BTreeSet<String>,
    /// Whether the select that was walked last gives exactly one row.
    pub(super) single_row: bool,
    /// What the FROM clauses name.
    pub(super) relations: Vec<Named>,
    pub(super) diagnostics: Vec<Diagnostic>,
    view_depth: usize,
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
            view_depth: 0,
        }
    }

    /// Makes a diagnostic at some bytes of the statement.
    pub(super) fn error(
        &mut self,
        code: Code,
        message: impl Into<String>,
        at: &Bytes,
        label: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        let mut diagnostic =
            Diagnostic::new(code, message, self.place.map(|place| place.part(at))).label(label);
        diagnostic.help = help.into();
        self.diagnostics.push(diagnostic);
    }

    /// Hands the diagnostics of the last walk over.
    pub(super) fn report(&mut self, errors: &mut Errors) {
        for diagnostic in self.diagnostics.drain(..) {
            errors.push(diagnostic);
        }
    }

    /// The relation of a name: a CTE, a table or a view.
    pub(super) fn relation(&mut self, name: &Ident, alias: Option<&Ident>) -> Option<Relation> {
        let shown = alias.unwrap_or(name).text.clone();
        if let Some(cte) = self.ctes.iter().rev().find(|cte| name.is(&cte.name)) {
            return Some(Relation {
                name: shown,
                columns: cte.columns.clone(),
                outer: false,
                has_rowid: false,
            });
        }
        let table = self.table(name)?;
        self.note(&shown, &table.name, name);
        let columns = match &table.kind {
            TableKind::View(sql) => self.view(table, sql, name)?,
            TableKind::Table => self.columns(table),
            TableKind::Virtual(module, arguments) => self.virtual_columns(table, module, arguments),
        };
        Some(Relation {
            name: shown,
            columns,
            outer: false,
            has_rowid: table.has_rowid,
        })
    }

    /// Notes that a table is used, and under which name.
    pub(super) fn note(&mut self, shown: &str, table: &str, name: &Ident) {
        self.tables.insert(table.to_owned());
        // Inside a view the bytes are another text's.
        let at = self.place.is_some().then(|| name.span.clone());
        self.relations.push(Named {
            shown: shown.to_owned(),
            table: table.to_owned(),
            at,
        });
    }

    /// The table or view of a name, or a diagnostic.
    pub(super) fn table(&mut self, name: &Ident) -> Option<&'a Table> {
        // `sqlite_master` is the old name of the schema table.
        let wanted = if name.is("sqlite_master") {
            "sqlite_schema"
        } else {
            &name.text
        };
        let found = self.catalog.table(wanted);
        if found.is_none() {
            let mut names: Vec<String> = self.ctes.iter().map(|cte| cte.name.clone()).collect();
            names.extend(
                self.catalog
                    .tables
                    .iter()
                    .map(|table| table.name.clone())
                    .filter(|name| !name.starts_with("sqlite_")),
            );
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let help = suggestion(&name.text, "tables", &names);
            self.error(
                Code::UnknownTable,
                format!("there is no table `{}`", name.text),
                &name.span,
                "not in the migrations",
                help,
            );
        }
        found
    }

    /// A view is analyzed where it is read: its SELECT has the types.
    fn view(&mut self, table: &Table, sql: &str, name: &Ident) -> Option<Vec<RelationColumn>> {
        let mut cause = "its SELECT is not understood".to_owned();
        let outputs = match syntax::parse_view(sql) {
            Ok((_, select)) if self.view_depth < MAX_VIEW_DEPTH => {
                let mut inner = Analyzer::new(self.catalog, sql, None, &[]);
                inner.view_depth = self.view_depth + 1;
                let outputs = inner.select(&select);
                self.tables.extend(inner.tables);
                self.relations.extend(inner.relations);
                // The view's own mistake belongs to the migrations.
                match inner
                    .diagnostics
                    .into_iter()
                    .find(|diagnostic| diagnostic.severity == Severity::Error)
                {
                    Some(diagnostic) => {
                        cause = diagnostic.message;
                        Vec::new()
                    }
                    None => outputs,
                }
            }
            _ => Vec::new(),
        };
        if outputs.len() != table.columns.len() || outputs.is_empty() {
            let message = format!("the view `{}` cannot be read: {cause}", table.name);
            let help = "mend the view in a new migration, or select from its tables".to_owned();
            self.error(Code::Unsupported, message, &name.span, "this view", help);
            return None;
        }
        let columns = table.columns.iter().zip(outputs);
        Some(
            columns
                .map(|(column, output)| RelationColumn {
                    name: column.name.clone(),
                    ty: output.ty,
                    hidden: false,
                })
                .collect(),
        )
    }

    /// The columns of a table; generated ones have the type of what they compute.
    pub(super) fn columns(&mut self, table: &Table) -> Vec<RelationColumn> {
        let mut columns = stored_columns(table);
        for (known, column) in columns.iter_mut().zip(&table.columns) {
            let Some((computed, text)) = &column.computed else {
                continue;
            };
            let mut inner = Analyzer::new(self.catalog, text, None, &[]);
            // A generated column may read another, which stands before or after it: nothing is known of those.
            let relation = Relation {
                name: table.name.clone(),
                columns: stored_columns(table),
                outer: false,
                has_rowid: false,
            };
            inner.scopes.push(Scope {
                relations: vec![relation],
                ..Scope::default()
            });
            let ty = inner.expr(computed);
            if inner.diagnostics.is_empty() {
                let domain = if ty.domain == Domain::Any {
                    known.ty.domain
                } else {
                    ty.domain
                };
                let nullable = ty.nullable && !column.not_null;
                let storage = converted(ty.storage, &column.declared);
                let domain = if storage.within(Storage::INTEGRAL) {
                    domain
                } else {
                    ty.domain
                };
                known.ty = Ty {
                    storage,
                    domain,
                    nullable,
                    reason: ty.reason,
                    ..known.ty.clone()
                };
            }
        }
        columns
    }

    /// Makes CTEs known, in order.
    pub(super) fn enter(&mut self, ctes: &[Cte], recursive: bool) {
        for cte in ctes {
            let outputs = if recursive {
                self.recursive(cte)
            } else {
                self.select(&cte.select)
            };
            let columns = named(cte, self.text, outputs);
            self.ctes.push(KnownCte {
                name: cte.name.text.clone(),
                columns,
            });
        }
    }

    /// A recursive CTE's types are the smallest that its arms agree on: start from the first arm
    /// and widen until nothing changes. The sets only grow, so it ends.
    fn recursive(&mut self, cte: &Cte) -> Vec<Output> {
        let first = crate::syntax::ast::Select {
            cores: cte.select.cores.iter().take(1).cloned().collect(),
            ..crate::syntax::ast::Select::default()
        };
        self.enter(&cte.select.ctes, cte.select.recursive);
        let mut outputs = self.select(&first);
        loop {
            let columns = named(cte, self.text, outputs.clone());
            self.ctes.push(KnownCte {
                name: cte.name.text.clone(),
                columns,
            });
            let before = self.diagnostics.len();
            let again = self.select(&cte.select);
            self.ctes.pop();
            let widened: Vec<Output> = outputs
                .iter()
                .zip(again)
                .map(|(old, new)| Output {
                    ty: old.ty.clone().join(new.ty),
                    ..old.clone()
                })
                .collect();
            let stable = outputs.iter().zip(&widened).all(|(old, new)| {
                old.ty.storage == new.ty.storage
                    && old.ty.nullable == new.ty.nullable
                    && old.ty.domain == new.ty.domain
            });
            outputs = widened;
            if stable {
                return outputs;
            }
            self.diagnostics.truncate(before);
        }
    }
}

/// The columns of a CTE under the names that it gives them.
fn named(cte: &Cte, text: &str, outputs: Vec<Output>) -> Vec<RelationColumn> {
    let mut columns = relation_columns(text, outputs);
    for (column, name) in columns.iter_mut().zip(&cte.columns) {
        column.name.clone_from(&name.text);
    }
    columns
}

/// The columns of a subquery. As in SQLite an expression's name is its text, and the second of a name gets a
/// number.
pub(super) fn relation_columns(text: &str, outputs: Vec<Output>) -> Vec<RelationColumn> {
    let mut columns: Vec<RelationColumn> = Vec::new();
    for output in outputs {
        let base = output
            .name
            .unwrap_or_else(|| text.get(output.span).unwrap_or_default().to_owned());
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
        });
    }
    columns
}
