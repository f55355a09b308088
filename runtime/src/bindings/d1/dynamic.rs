//! Arguments that determine the text of a statement: sort orders and optional assignments.

use serde::{Deserialize, Deserializer};

use super::Parameter;

/// A sort order: what to sort by, and the direction.
///
/// `ORDER BY CASE :sort WHEN 'name' THEN name ... END` generates an enum with a variant for each
/// text. A variant alone sorts in the direction that the SQL has. SQLite runs a statement that
/// sorts by the column itself, so it can use an index.
///
/// # Examples
/// ```
/// use bindery::d1::Sort;
///
/// // Generated.
/// #[derive(Clone, Copy)]
/// enum NotesSort {
///     CreatedAt,
///     Title,
/// }
///
/// // Generated enums have `NotesSort::CreatedAt.desc()`.
/// let newest_first = Sort::new(NotesSort::CreatedAt, true);
/// let as_written: Sort<NotesSort> = NotesSort::Title.into();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sort<E> {
    by: E,
    descending: Option<bool>,
}

impl<E> From<E> for Sort<E> {
    fn from(by: E) -> Self {
        Self {
            by,
            descending: None,
        }
    }
}

impl<E> Sort<E> {
    /// Creates a sort order with a direction, such as one that a request names.
    pub const fn new(by: E, descending: bool) -> Self {
        Self {
            by,
            descending: Some(descending),
        }
    }
}

impl<E: SortBy> Sort<E> {
    /// The arm of the template. `descending` is the direction that the SQL has.
    #[doc(hidden)]
    pub fn choice(self, descending: bool) -> usize {
        let is_reversed = self.descending.is_some_and(|wanted| wanted != descending);
        2 * self.by.index() + usize::from(is_reversed)
    }
}

/// An enum of sort orders. Generated code implements it.
#[doc(hidden)]
pub trait SortBy: Copy {
    /// Returns the number of the variant.
    fn index(self) -> usize;
}

/// A new value of a column in an UPDATE that is annotated `:patch`, or none.
///
/// As a field of a request body, a missing field is [`Keep`](Self::Keep), `null` is
/// [`Null`](Self::Null), and any other value is [`Set`](Self::Set). The field needs
/// `#[serde(default)]`.
///
/// # Examples
/// ```
/// use bindery::d1::Patch;
///
/// #[derive(serde::Deserialize)]
/// struct Body {
///     #[serde(default)]
///     note: Patch<String>,
/// }
///
/// let body: Body = serde_json::from_str("{}")?;
/// assert_eq!(body.note, Patch::Keep);
/// let body: Body = serde_json::from_str(r#"{ "note": null }"#)?;
/// assert_eq!(body.note, Patch::Null);
/// let body: Body = serde_json::from_str(r#"{ "note": "new" }"#)?;
/// assert_eq!(body.note.as_deref(), Patch::Set("new"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Patch<T> {
    /// The column stays as it is. The statement does not name it.
    #[default]
    Keep,
    /// The column becomes NULL.
    Null,
    /// The column gets this value.
    Set(T),
}

impl<T> Patch<T> {
    /// Borrows the value as its target: `Patch<String>` becomes `Patch<&str>`.
    pub fn as_deref(&self) -> Patch<&T::Target>
    where
        T: std::ops::Deref,
    {
        match self {
            Self::Keep => Patch::Keep,
            Self::Null => Patch::Null,
            Self::Set(value) => Patch::Set(value),
        }
    }

    /// Converts the value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Null => Patch::Null,
            Self::Set(value) => Patch::Set(convert(value)),
        }
    }

    /// The arm of the template.
    #[doc(hidden)]
    pub fn choice(&self) -> usize {
        match self {
            Self::Keep => 0,
            Self::Set(_) => 1,
            Self::Null => 2,
        }
    }
}

/// Sets the column, to NULL if the value is `None`.
impl<T> From<Option<T>> for Patch<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Set)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(Self::from)
    }
}

impl<'a, T: Into<Parameter<'a>>> From<Patch<T>> for Parameter<'a> {
    fn from(patch: Patch<T>) -> Self {
        match patch {
            Patch::Keep | Patch::Null => Self::Null,
            Patch::Set(value) => value.into(),
        }
    }
}
