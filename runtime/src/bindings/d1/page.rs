//! Pages of a query: each one continues after the last row of the one before.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bindery_sqlite::template::{Assembled, Piece, assemble};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::meta::Meta;
use super::query::{Query, Rows, Shape};
use super::statement::{Assembly, Statement};
use super::{D1, DecodeError, FromRow, Parameter, Row};

/// A query that is annotated `:page`, before the page is chosen.
///
/// # Examples
/// ```
/// # use bindery::d1::{Cursor, FromRow, Pages};
/// # async fn f<Note: FromRow + 'static>(
/// #     all_notes: Pages<'_, Note>,
/// #     next_notes: Pages<'_, Note>,
/// # ) -> bindery::Result<()> {
/// let first = all_notes.first(20).await?;
/// if let Some(cursor) = &first.next {
///     let second = next_notes.page(20, Some(cursor)).await?;
/// }
/// # Ok(()) }
/// ```
#[must_use = "choose a page with `first` or `page`"]
pub struct Pages<'a, T> {
    database: &'a D1,
    statement: &'static Statement,
    pieces: &'static [Piece<&'static str>],
    order: &'static Order,
    choices: Vec<usize>,
    parameters: Vec<Parameter<'a>>,
    row: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Pages<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The parameters may be secret.
        formatter
            .debug_struct("Pages")
            .field("name", &self.statement.name)
            .finish_non_exhaustive()
    }
}

impl<'a, T: FromRow + 'static> Pages<'a, T> {
    pub(crate) fn new(
        database: &'a D1,
        statement: &'static Statement,
        pieces: &'static [Piece<&'static str>],
        order: &'static Order,
        choices: &[usize],
        parameters: impl Into<Vec<Parameter<'a>>>,
    ) -> Self {
        Self {
            database,
            statement,
            pieces,
            order,
            choices: choices.to_vec(),
            parameters: parameters.into(),
            row: PhantomData,
        }
    }

    /// Returns the query for the first page, of up to `limit` rows.
    ///
    /// # Errors
    /// As for [`page`](Self::page).
    pub fn first(self, limit: u32) -> Query<'a, Paged<T>> {
        self.page(limit, None)
    }

    /// Returns the query for the page of up to `limit` rows after a cursor, or for the first page.
    ///
    /// The query reads one row more than it returns, to find out whether there is a next page.
    ///
    /// # Errors
    /// The query fails with `InvalidArgument` if `limit` is 0, or if the cursor is not one of this
    /// query. The latter includes a cursor from before a change of the sort order.
    pub fn page(self, limit: u32, after: Option<&Cursor>) -> Query<'a, Paged<T>> {
        let Self {
            mut choices,
            mut parameters,
            order,
            ..
        } = self;
        let values = after.map(|cursor| order.decode(cursor));
        let refused = match &values {
            _ if limit == 0 => Some("a page has at least one row, not 0"),
            Some(None) => Some("the cursor is not one of this query"),
            _ => None,
        };

        choices.push(usize::from(after.is_some()));
        match values.flatten() {
            Some(values) => parameters.extend(values),
            None => parameters.extend(order.columns.iter().map(|_| Parameter::Null)),
        }
        parameters.push(Parameter::Integer(i64::from(limit) + 1));

        let Assembled { sql, arguments } = assemble(self.pieces, &choices);
        let assembly = Assembly {
            sql,
            window: Some(Window {
                limit: limit as usize,
                order,
                refused,
            }),
        };
        Query::assembled(
            self.database,
            self.statement,
            assembly,
            &arguments,
            parameters,
        )
    }
}

/// The rows of a page, and where the next one begins.
///
/// Serialized as `{"rows": [..], "next": ".." or null}`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page; `None` if this page is the last one.
    pub next: Option<Cursor>,
}

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Page", 2)?;
        fields.serialize_field("rows", &self.rows)?;
        fields.serialize_field("next", &self.next)?;
        fields.end()
    }
}

/// The position of a row in the order of a query that is annotated `:page`.
///
/// As text, it is safe in a URL. It contains the values of the columns that the query sorts by, and
/// it is not encrypted. A forged cursor chooses another position, but never other rows than those
/// of the query.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

/// Does not contain the values.
impl fmt::Debug for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Cursor").finish_non_exhaustive()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Accepts any text: the query checks it.
impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Accepts any text: the query checks it.
impl From<&str> for Cursor {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The columns that a query sorts by. Generated.
#[doc(hidden)]
#[derive(Debug)]
pub struct Order {
    /// A hash of the query and its order, in each cursor.
    pub hash: u32,
    /// The index of each column in the result, and its type.
    pub columns: &'static [(usize, OrderType)],
}

/// The type of a column that a query sorts by. Generated.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum OrderType {
    Integer,
    Real,
    Text,
    Blob,
}

impl Order {
    /// Returns the cursor of a row.
    fn encode(&self, row: &mut Row<'_>) -> Result<Cursor, DecodeError> {
        let mut bytes = self.hash.to_le_bytes().to_vec();
        for (index, ty) in self.columns {
            match ty {
                OrderType::Integer => bytes.extend(row.take::<i64>(*index)?.to_le_bytes()),
                OrderType::Real => bytes.extend(row.take::<f64>(*index)?.to_le_bytes()),
                OrderType::Text => push(&mut bytes, row.take::<String>(*index)?.as_bytes()),
                OrderType::Blob => push(&mut bytes, &row.take::<Vec<u8>>(*index)?),
            }
        }
        Ok(Cursor(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Returns the values of a cursor, or `None` if it is not one of the query.
    fn decode(&self, cursor: &Cursor) -> Option<Vec<Parameter<'static>>> {
        let bytes = URL_SAFE_NO_PAD.decode(&cursor.0).ok()?;
        let mut rest = bytes.as_slice();
        if u32::from_le_bytes(take(&mut rest)?) != self.hash {
            return None;
        }

        let mut values = Vec::new();
        for (_, ty) in self.columns {
            values.push(match ty {
                OrderType::Integer => Parameter::from(i64::from_le_bytes(take(&mut rest)?)),
                OrderType::Real => Parameter::from(f64::from_le_bytes(take(&mut rest)?)),
                OrderType::Text => {
                    Parameter::from(String::from_utf8(take_bytes(&mut rest)?.to_vec()).ok()?)
                }
                OrderType::Blob => Parameter::from(take_bytes(&mut rest)?.to_vec()),
            });
        }
        rest.is_empty().then_some(values)
    }
}

/// Writes a length, then the bytes.
fn push(bytes: &mut Vec<u8>, value: &[u8]) {
    // A value of D1 has at most 2 MB.
    bytes.extend((value.len() as u32).to_le_bytes());
    bytes.extend(value);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

fn take_bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    let (value, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

/// The part of the result that a query asks for.
#[derive(Debug)]
pub struct Window {
    limit: usize,
    order: &'static Order,
    /// Why the query must not run.
    pub(super) refused: Option<&'static str>,
}

/// A page of rows: the result is a [`Page`].
#[derive(Debug)]
pub struct Paged<T>(PhantomData<fn() -> T>);

impl<T: FromRow + 'static> Shape for Paged<T> {
    type Row = T;
    type Output = Page<T>;
    type Rows = PageRows<T>;
    const LIMIT: usize = usize::MAX;

    fn rows(window: Option<&Window>) -> PageRows<T> {
        PageRows {
            rows: Vec::new(),
            limit: window.map_or(usize::MAX, |window| window.limit),
            order: window.map(|window| window.order),
            last: None,
            has_more: false,
        }
    }

    fn finish(rows: PageRows<T>, _: &Meta) -> Option<Page<T>> {
        Some(Page {
            rows: rows.rows,
            next: rows.last.filter(|_| rows.has_more),
        })
    }
}

/// The rows of a page that is being read. It is public because [`Shape`] names it.
#[doc(hidden)]
#[derive(Debug)]
pub struct PageRows<T> {
    rows: Vec<T>,
    limit: usize,
    order: Option<&'static Order>,
    /// The cursor of the last row that the page can have.
    last: Option<Cursor>,
    /// Whether there is a row after it.
    has_more: bool,
}

impl<T: FromRow> Rows<T> for PageRows<T> {
    fn read(&mut self, row: &mut Row<'_>) -> Result<(), DecodeError> {
        if self.rows.len() == self.limit {
            self.has_more = true;
            return Ok(());
        }
        if self.rows.len() + 1 == self.limit {
            self.last = self.order.map(|order| order.encode(row)).transpose()?;
        }
        self.rows.push(T::from_row(row)?);
        Ok(())
    }

    fn count(&self) -> usize {
        self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Order, OrderType, Parameter, push};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const ORDER: Order = Order {
        hash: 7,
        columns: &[
            (0, OrderType::Text),
            (1, OrderType::Integer),
            (2, OrderType::Real),
            (3, OrderType::Blob),
        ],
    };

    fn bytes() -> Vec<u8> {
        let mut bytes = 7_u32.to_le_bytes().to_vec();
        push(&mut bytes, "é\0".as_bytes());
        bytes.extend((-1_i64).to_le_bytes());
        bytes.extend(0.1_f64.to_le_bytes());
        push(&mut bytes, &[0, 255]);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Vec<Parameter<'static>>> {
        ORDER.decode(&Cursor(URL_SAFE_NO_PAD.encode(bytes)))
    }

    #[test]
    fn cursors_are_decoded_exactly() {
        let values = [
            Parameter::from("é\0".to_owned()),
            Parameter::Integer(-1),
            Parameter::Real(0.1),
            Parameter::from(vec![0, 255]),
        ];
        assert_eq!(decode(&bytes()), Some(values.to_vec()));
    }

    #[test]
    fn other_cursors_are_refused() {
        let bytes = bytes();
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None);
        }
        assert_eq!(decode(&[bytes.as_slice(), &[0]].concat()), None);
        let other_query = [&8_u32.to_le_bytes(), &bytes[4..]].concat();
        assert_eq!(decode(&other_query), None);
        assert_eq!(ORDER.decode(&Cursor("not base64!".to_owned())), None);
    }
}
