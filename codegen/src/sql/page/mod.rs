//! Pages: a query that is annotated `:page` continues after the last row of the page before.
//!
//! The text of each further page has a condition on the columns of its ORDER BY, so SQLite starts
//! where the page before ended. With an index in this order it reads only the rows of the page.

mod pageable;

use bindery_sqlite::MAX_BOUND_PARAMETERS;
use bindery_sqlite::template::Piece;

use crate::cache::{encode_fields, encode_variants};
use crate::report::{Code, Diagnostic, Errors};
use crate::schema::Catalog;
use crate::source::Span;
use crate::syntax::ast::{Bytes, Statement};

use super::ResultColumn;
use super::analyzer::Output;

use pageable::Pageable;

/// The columns that the pages of a query continue by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The columns of the ORDER BY, in its order.
    pub columns: Vec<PageColumn>,
}

/// A column of the ORDER BY of a query with pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageColumn {
    /// Its index in the result.
    pub index: usize,
    /// The type of its values.
    pub ty: PageType,
    /// The expression in the statement.
    pub text: String,
    /// Whether the order is descending.
    pub descending: bool,
}

/// The type of the values of a column. Each is one storage class, so that SQLite orders them as
/// one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageType {
    /// Whole numbers.
    Integer,
    /// Numbers.
    Real,
    /// Texts.
    Text,
    /// BLOBs.
    Blob,
}

encode_fields! { Page { columns } PageColumn { index, ty, text, descending } }

encode_variants! { PageType { 0 => Integer, 1 => Real, 2 => Text, 3 => Blob } }

impl Page {
    /// The condition that a row is after the row with the values of the parameters from `first` on.
    pub(super) fn condition(&self, first: usize) -> Vec<Piece<String>> {
        let mut pieces = Vec::new();
        let same = |column: &PageColumn| column.descending == self.columns[0].descending;
        if self.columns.iter().all(same) {
            self.row_condition(first, &mut pieces);
        } else {
            after(&self.columns, first, &mut pieces);
        }
        pieces
    }

    /// `(a, b) > (?1, ?2)`, which SQLite can look up in an index.
    fn row_condition(&self, first: usize, pieces: &mut Vec<Piece<String>>) {
        let texts: Vec<&str> = self.columns.iter().map(|column| &*column.text).collect();
        let operator = self.columns[0].operator();
        let (open, close) = if texts.len() > 1 {
            ("(", ")")
        } else {
            ("", "")
        };
        let before = format!("{open}{}{close} {operator} {open}", texts.join(", "));
        pieces.push(Piece::Text(before));

        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                pieces.push(Piece::Text(", ".to_owned()));
            }
            pieces.push(Piece::Parameter(first + index));
            // A rowid has no collation. SQLite looks it up in an index, behind the columns of the
            // index, only if the other side has one.
            if column.ty == PageType::Integer && texts.len() > 1 {
                pieces.push(Piece::Text(" COLLATE BINARY".to_owned()));
            }
        }
        pieces.push(Piece::Text(close.to_owned()));
    }
}

impl PageColumn {
    fn operator(&self) -> char {
        if self.descending { '<' } else { '>' }
    }
}

/// `a <= ?1 AND (a < ?1 OR b > ?2)`: the columns have different directions. The first comparison
/// is for an index.
fn after(columns: &[PageColumn], first: usize, pieces: &mut Vec<Piece<String>>) {
    let [column, rest @ ..] = columns else { return };
    let (text, operator) = (&column.text, column.operator());
    let piece = |text: String| Piece::Text(text);

    if rest.is_empty() {
        pieces.extend([
            piece(format!("{text} {operator} ")),
            Piece::Parameter(first),
        ]);
        return;
    }
    pieces.extend([
        piece(format!("{text} {operator}= ")),
        Piece::Parameter(first),
        piece(format!(" AND ({text} {operator} ")),
        Piece::Parameter(first),
        piece(" OR ".to_owned()),
    ]);
    after(rest, first + 1, pieces);
    pieces.push(piece(")".to_owned()));
}

/// Where the condition and the limit of a page are inserted.
pub(super) struct PageSpot {
    pub(super) page: Page,
    /// The WHERE clause's condition, if there is one.
    pub(super) filter: Option<Bytes>,
    /// The words ORDER BY.
    pub(super) order: Bytes,
    /// The names of the columns in their tables.
    pub(super) names: Vec<String>,
}

/// The warning of pages for which SQLite reads and sorts the rows of all pages.
pub(super) fn sorts(
    spot: &PageSpot,
    choices: &str,
    index: Option<String>,
    place: Span,
) -> Diagnostic {
    let help = match index {
        Some(index) => format!("`{index}`"),
        None => format!(
            "create an index of the columns that the conditions compare, then `{}` as in the \
             ORDER BY",
            spot.names.join(", ")
        ),
    };
    let filters = choices
        .split(", ")
        .filter(|choice| choice.starts_with("with `"));
    let filters: String = filters.map(|filter| format!(" {filter}")).collect();
    Diagnostic::new(
        Code::Page,
        "SQLite sorts the rows of all pages for each page",
        place.part(&spot.order),
    )
    .label(format!(
        "no index has this order{filters}, and D1 bills each row that is read"
    ))
    .help(help)
    .warning()
}

/// Checks that a statement can have pages, and finds the places for their conditions.
pub(super) fn spot(
    errors: &mut Errors,
    catalog: &Catalog,
    (text, statement, place): (&str, &Statement, Span),
    (outputs, columns): (&[Output], &[ResultColumn]),
    parameters: usize,
) -> Option<PageSpot> {
    let pageable = Pageable::new(errors, text, place, statement)?;
    let columns = pageable.columns(errors, place, outputs, columns)?;
    pageable.check_order(errors, catalog, place, &columns)?;

    let count = parameters + columns.len() + 1;
    if count > MAX_BOUND_PARAMETERS {
        errors.push(
            Diagnostic::new(
                Code::Page,
                format!("the statement has {count} parameters, more than D1 accepts"),
                place,
            )
            .label(format!("D1 accepts {MAX_BOUND_PARAMETERS}"))
            .help("a page needs one for each column of the order, and one for its limit"),
        );
        return None;
    }
    let columns: Vec<PageColumn> = columns.into_iter().map(|(column, _)| column).collect();
    let name = |column: &PageColumn| {
        let origin = outputs[column.index].ty.origin.as_deref();
        let name = origin.and_then(|origin| origin.rsplit('.').next());
        name.unwrap_or_default().to_owned()
    };
    Some(PageSpot {
        names: columns.iter().map(name).collect(),
        page: Page { columns },
        filter: pageable
            .query
            .filter
            .as_ref()
            .map(|filter| filter.span.clone()),
        order: pageable.order,
    })
}

/// SQLite rejects the text of a page, which the analysis does not expect.
pub(super) fn rejected(place: Span) -> Diagnostic {
    Diagnostic::new(
        Code::Page,
        "the pages of this statement cannot be continued",
        place,
    )
    .label("SQLite rejects it with a condition on the columns of its ORDER BY")
    .help("name each column with its table: `ORDER BY posts.id`")
}
