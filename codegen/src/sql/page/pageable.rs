//! The check whether a statement can have pages.

use bindery_sqlite::token::{Kind, Token, tokenize};

use crate::report::{Code, Diagnostic, Errors};
use crate::schema::Catalog;
use crate::source::Span;
use crate::syntax::ast::{
    Bytes, Core, Cte, Expr, ExprKind, Query, ResultColumn as Selected, Select, Source, Statement,
};
use crate::syntax::visit;

use super::{PageColumn, PageType};
use crate::sql::ResultColumn;
use crate::sql::aggregates::may_be_aggregate;
use crate::sql::analyzer::Output;
use crate::sql::keys::KeyedTables;
use crate::sql::rewrite;
use crate::sql::types::Storage;

/// A column of the order, and the expression that a unique key compares, if one can.
type Ordered<'a> = (PageColumn, Option<&'a Expr>);

/// The parts of a statement that can have pages.
pub(super) struct Pageable<'a> {
    text: &'a str,
    select: &'a Select,
    pub(super) query: &'a Query,
    pub(super) order: Bytes,
}

impl<'a> Pageable<'a> {
    /// Checks the form of a statement.
    pub(super) fn new(
        errors: &mut Errors,
        text: &'a str,
        place: Span,
        statement: &'a Statement,
    ) -> Option<Self> {
        let parts = match statement {
            Statement::Select(select) => match select.cores.as_slice() {
                [Core::Query(query)] => Some((&**select, &**query)),
                _ => None,
            },
            _ => None,
        };
        let Some((select, query)) = parts else {
            errors.push(
                Diagnostic::new(Code::Page, "`:page` needs a single SELECT", place)
                    .label("a page continues it with a condition in its WHERE")
                    .help("use `:many`"),
            );
            return None;
        };

        if let Some(limit) = select.limit.as_ref() {
            errors.push(
                Diagnostic::new(
                    Code::Page,
                    "`:page` adds a LIMIT of its own",
                    place.part(&limit.span),
                )
                .label("this is a second limit")
                .help("remove the LIMIT: the caller passes the number of rows"),
            );
            return None;
        }
        if let Some(span) = grouped(query) {
            errors.push(
                Diagnostic::new(
                    Code::Page,
                    "a page cannot continue rows that are computed from other rows",
                    place.part(&span),
                )
                .label("without the rows of the pages before, its value would be another one")
                .help(
                    "compute it in a subquery: \
                     `(SELECT count(*) FROM comments c WHERE c.post = posts.id) AS comments`",
                ),
            );
            return None;
        }

        let order = select.order_by.first().and_then(|first| {
            let before = text.get(..first.span.start)?;
            order_by(before, &tokenize(before))
        });
        let Some(order) = order else {
            errors.push(
                Diagnostic::new(Code::Page, "`:page` needs an ORDER BY", place)
                    .label("the order determines which rows are after a page")
                    .help("add one that ends with a unique column, such as `ORDER BY id`"),
            );
            return None;
        };
        Some(Self {
            text,
            select,
            query,
            order,
        })
    }

    /// Finds the columns of the order.
    pub(super) fn columns(
        &self,
        errors: &mut Errors,
        place: Span,
        outputs: &[Output],
        columns: &[ResultColumn],
    ) -> Option<Vec<Ordered<'_>>> {
        let before = errors.count();
        let mut found = Vec::new();
        for term in &self.select.order_by {
            match self.column(term, outputs, columns) {
                Ok(column) => found.push(column),
                Err(problem) => errors.push(problem.diagnostic(place.part(&term.span))),
            }
        }
        (errors.count() == before).then_some(found)
    }

    /// Checks that no two rows have the same position.
    pub(super) fn check_order(
        &self,
        errors: &mut Errors,
        catalog: &Catalog,
        place: Span,
        columns: &[Ordered<'_>],
    ) -> Option<()> {
        let keys: Vec<&Expr> = columns.iter().filter_map(|(_, key)| *key).collect();
        if self.is_total(catalog, &keys) {
            return Some(());
        }

        let end = self.select.order_by.last()?.span.end;
        errors.push(
            Diagnostic::new(
                Code::Page,
                "several rows can have the same position in this order",
                place.part(&(self.order.start..end)),
            )
            .label("a page that ends between them would skip the others")
            .help(self.total_order(catalog, end)),
        );
        None
    }

    /// How to make the order total. `end` is where it ends.
    fn total_order(&self, catalog: &Catalog, end: usize) -> String {
        let table = match &self.query.from {
            Some(Source::Table { name, .. }) => catalog.table(&name.text),
            _ => None,
        };
        let id = table.and_then(|table| table.columns.iter().find(|column| column.rowid_alias));
        // Nothing follows the ORDER BY of a page but the direction of its last term.
        let rest = rewrite::statement(self.text).end;
        let order = self.text.get(self.order.start..rest.max(end));
        match (id, order.map(str::trim_end)) {
            (Some(id), Some(order)) => {
                let words = order.split_whitespace().next_back();
                let is_descending = words.is_some_and(|word| word.eq_ignore_ascii_case("desc"));
                let direction = if is_descending { " DESC" } else { "" };
                format!(
                    "end it with a unique column: `{order}, {}{direction}`",
                    id.name
                )
            }
            _ => "end it with a unique column of each table, such as the primary key".to_owned(),
        }
    }

    /// The result column that a term of ORDER BY names, and the expression that a unique key
    /// compares.
    fn column<'s>(
        &'s self,
        term: &'s Expr,
        outputs: &[Output],
        columns: &[ResultColumn],
    ) -> Result<Ordered<'s>, Problem> {
        let inner = match &term.kind {
            ExprKind::Collate(inner) => inner,
            _ => term,
        };
        let ExprKind::Column { table, name, .. } = &inner.kind else {
            return Err(Problem::Expression);
        };

        let is_named = |index: &usize| {
            table.is_none() && columns[*index].name.eq_ignore_ascii_case(&name.text)
        };
        let is_same = |index: &usize| {
            let written = self.written(&outputs[*index]).map(|expr| &expr.kind);
            match written {
                Some(ExprKind::Column {
                    table: qualifier,
                    name: read,
                    ..
                }) => {
                    let fits = match (table, qualifier) {
                        (Some(table), Some(qualifier)) => table.is(&qualifier.text),
                        _ => true,
                    };
                    fits && read.is(&name.text)
                }
                Some(_) => false,
                None => columns[*index].name.eq_ignore_ascii_case(&name.text),
            }
        };
        let indexes = || 0..outputs.len();
        let index = indexes().find(is_named).or_else(|| indexes().find(is_same));
        let Some(index) = index else {
            return Err(Problem::NotSelected(name.text.clone()));
        };

        // An expression with the name of a column is not in an index, and WHERE does not find it.
        let read = self.written(&outputs[index]).unwrap_or(inner);
        let ty = &outputs[index].ty;
        if !matches!(read.kind, ExprKind::Column { .. }) || ty.origin.is_none() {
            return Err(Problem::Expression);
        }
        if ty.nullable {
            let written = self.text.get(read.span.clone()).unwrap_or(&name.text);
            let reason = ty.reason.as_deref().unwrap_or_default();
            return Err(Problem::Nullable {
                name: written.to_owned(),
                is_joined: reason.contains("outer join"),
            });
        }
        let Some(page_type) = page_type(ty.storage) else {
            return Err(Problem::SeveralTypes(name.text.clone()));
        };

        let slice = |range: Bytes| self.text.get(range).unwrap_or_default();
        let collation = slice(inner.span.end..term.span.end);
        let after = self.text.get(term.span.end..).unwrap_or_default();
        let next = tokenize(after)
            .into_iter()
            .find(|token| token.kind != Kind::Comment);
        let column = PageColumn {
            index,
            ty: page_type,
            text: format!("{}{collation}", slice(read.span.clone())),
            descending: next.is_some_and(|next| next.is(after, "desc")),
        };
        Ok((column, collation.is_empty().then_some(read)))
    }

    /// The expression of a result column, if it does not come from `*`.
    fn written(&self, output: &Output) -> Option<&Expr> {
        self.query.columns.iter().find_map(|column| match column {
            Selected::Expr { expr, alias } => {
                let span = alias.as_ref().map_or(&expr.span, |alias| &alias.span);
                (*span == output.span).then_some(expr)
            }
            Selected::All(_) | Selected::AllOf(_) => None,
        })
    }

    /// Whether no two rows have the same values of some columns.
    fn is_total(&self, catalog: &Catalog, columns: &[&Expr]) -> bool {
        let Some(from) = &self.query.from else {
            return true;
        };
        let ctes: Vec<&Cte> = self.select.ctes.iter().collect();
        let mut tables = KeyedTables::new(catalog, self.text, ctes);
        if !tables.add_source(from) {
            return false;
        }
        for column in columns {
            tables.fix(column);
        }
        tables.all_single(self.query.filter.as_ref())
    }
}

/// Why a term of ORDER BY cannot determine the position of a row.
enum Problem {
    Expression,
    NotSelected(String),
    Nullable {
        name: String,
        /// Whether it is NULL where an outer join finds no row.
        is_joined: bool,
    },
    SeveralTypes(String),
}

impl Problem {
    fn diagnostic(self, at: Span) -> Diagnostic {
        let new = |message: String| Diagnostic::new(Code::Page, message, at);
        match self {
            Self::Expression => new("a page is ordered by columns".to_owned())
                .label("this is an expression")
                .help("sort by a column; write a query for each order that the caller can choose"),
            Self::NotSelected(name) => new(format!(
                "the page is ordered by `{name}`, which is not in the result"
            ))
            .label("the value in the last row is where the next page begins")
            .help(format!("select `{name}`")),
            Self::Nullable { name, is_joined } => new(format!(
                "the page is ordered by `{name}`, which can be NULL"
            ))
            .label("NULL is neither before nor after a value, so rows would be missing")
            .help(if is_joined {
                format!("sort by a column of the other table, or keep the rows with `{name}`: write JOIN")
            } else {
                format!("add `{name} IS NOT NULL` to the WHERE, or declare it NOT NULL")
            }),
            Self::SeveralTypes(name) => new(format!(
                "the page is ordered by `{name}`, which can have several types"
            ))
            .label("a cursor contains values of one type")
            .help("declare the type of the column"),
        }
    }
}

/// The type of the values of a column with a storage class.
fn page_type(storage: Storage) -> Option<PageType> {
    let types = [
        (Storage::INTEGER, PageType::Integer),
        (Storage::NUMERIC, PageType::Real),
        (Storage::TEXT, PageType::Text),
        (Storage::BLOB, PageType::Blob),
    ];
    let found = types.into_iter().find(|(class, _)| storage.within(*class));
    found.map(|(_, ty)| ty)
}

/// The part of a query that computes a row from other rows.
fn grouped(query: &Query) -> Option<Bytes> {
    let parts = query.group_by.iter().chain(&query.having);
    let found = parts.map(|expr| expr.span.clone()).next();
    found.or_else(|| {
        query.columns.iter().find_map(|column| match column {
            Selected::Expr { expr, .. } if may_be_aggregate(expr) || has_window(expr) => {
                Some(expr.span.clone())
            }
            _ => None,
        })
    })
}

/// Whether an expression has a window function, outside of its subqueries.
fn has_window(expr: &Expr) -> bool {
    if let ExprKind::Function(function) = &expr.kind
        && function.over.is_some()
    {
        return true;
    }
    let mut found = false;
    visit::operands(expr, &mut |operand| found |= has_window(operand));
    found
}

/// The bytes of the last ORDER BY of a text.
fn order_by(text: &str, tokens: &[Token]) -> Option<Bytes> {
    let mut tokens = tokens
        .iter()
        .rev()
        .filter(|token| token.kind != Kind::Comment && !token.is(text, "("));
    let by = tokens.next().filter(|token| token.is(text, "by"))?;
    let order = tokens.next().filter(|token| token.is(text, "order"))?;
    Some(order.span.start..by.span.end)
}
