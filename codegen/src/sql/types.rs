//! The types of expressions: storage classes, whether NULL is possible, and the domain.

use std::borrow::Cow;

use crate::cache::{Encode, encode_fields, encode_variants};
use crate::schema::{Checked, Column, Meant};

use super::json::Json;

/// A set of SQLite's storage classes, with two refinements of REAL.
///
/// D1 binds every number as REAL. A whole number that is passed as a parameter is therefore a REAL
/// that is whole: it remains whole under `+`, `-` and `*`, but not under `/`. An integer result
/// that does not fit in 64 bits also becomes a REAL, one that exceeds the range of `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage(u8);

impl Storage {
    /// Only NULL.
    pub const NONE: Self = Self(0);
    /// INTEGER
    pub const INTEGER: Self = Self(1);
    /// REAL
    pub const REAL: Self = Self(2);
    /// TEXT
    pub const TEXT: Self = Self(4);
    /// BLOB
    pub const BLOB: Self = Self(8);
    /// A REAL that is whole.
    pub const WHOLE: Self = Self(16);
    /// The REAL that an integer result becomes when it does not fit in 64 bits.
    pub const OUTGROWN: Self = Self(32);
    /// Any value.
    pub const ANY: Self = Self(15);
    /// An INTEGER, or a REAL in place of one.
    pub const INTEGRAL: Self = Self(1 | 16 | 32);
    /// Any number.
    pub const NUMERIC: Self = Self(1 | 2 | 16 | 32);

    /// The union of both sets.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every class of this set is in `other`.
    #[must_use]
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the sets share a class.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The classes that are also in `other`.
    #[must_use]
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The classes that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// SQLite's name of each class in the set.
    pub fn classes(self) -> impl Iterator<Item = &'static str> {
        let real = Self::REAL.or(Self::WHOLE).or(Self::OUTGROWN);
        // A whole number that is passed as a parameter is an INTEGER wherever numbers are not bound
        // as REAL.
        let integer = Self::INTEGER.or(Self::WHOLE);
        let classes = [
            (integer, "INTEGER"),
            (real, "REAL"),
            (Self::TEXT, "TEXT"),
            (Self::BLOB, "BLOB"),
        ];
        classes
            .into_iter()
            .filter(move |(class, _)| self.meets(*class))
            .map(|(_, name)| name)
    }
}

/// The set of values within the storage classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Domain {
    /// Any value of the storage classes.
    #[default]
    Any,
    /// 0 or 1.
    Boolean,
    /// One of the texts of a CHECK constraint, by its number in the catalog.
    Enum(u32),
    /// JSON text, which SQLite converts to a number if it is one.
    Json,
}

/// The type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Ty {
    /// The storage classes that a value other than NULL can have.
    pub storage: Storage,
    /// The domain of such a value.
    pub domain: Domain,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// The column that the value is read from unchanged, as `table.column`.
    pub origin: Option<String>,
    /// The reason why it can be NULL, in a few words.
    pub reason: Option<Cow<'static, str>>,
    /// The content, if it is or can be JSON that the statement builds.
    pub json: Option<Box<Json>>,
}

encode_fields! { Ty { storage, domain, nullable, origin, reason, json } }
encode_variants! { Domain { 0 => Any, 1 => Boolean, 2 => Enum(number), 3 => Json } }

impl Encode for Storage {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.0.encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        u8::decode(bytes).map(Self)
    }
}

impl Ty {
    /// A type that is never NULL.
    #[must_use]
    pub fn new(storage: Storage) -> Self {
        Self {
            storage,
            domain: Domain::Any,
            nullable: false,
            origin: None,
            reason: None,
            json: None,
        }
    }

    /// 0 or 1.
    #[must_use]
    pub fn boolean() -> Self {
        Self {
            domain: Domain::Boolean,
            ..Self::new(Storage::INTEGER)
        }
    }

    /// The type of a literal NULL.
    #[must_use]
    pub fn null() -> Self {
        Self::new(Storage::NONE).or_null("it is NULL")
    }

    /// Adds NULL to this type. A type that is already nullable keeps its reason.
    #[must_use]
    pub fn or_null(mut self, reason: &'static str) -> Self {
        if !self.nullable {
            self.nullable = true;
            self.reason = Some(Cow::Borrowed(reason));
        }
        self
    }

    /// Adds the content of JSON to this type. `None` changes nothing.
    #[must_use]
    pub(super) fn with_json(self, json: Option<Json>) -> Self {
        match json {
            Some(json) => Self {
                json: Some(Box::new(json)),
                ..self
            },
            None => self,
        }
    }

    /// Removes NULL from this type.
    #[must_use]
    pub(super) fn not_null(self) -> Self {
        Self {
            nullable: false,
            reason: None,
            ..self
        }
    }

    /// Adds NULL to this type if one of `operands` can be NULL.
    #[must_use]
    pub fn null_with<'a>(mut self, operands: impl IntoIterator<Item = &'a Ty>) -> Self {
        if let Some(operand) = operands.into_iter().find(|operand| operand.nullable) {
            let reason = operand.reason.clone();
            self.nullable = true;
            self.reason = reason.or(Some(Cow::Borrowed("an operand can be NULL")));
        }
        self
    }

    /// The type of a value of either type.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let domain = match (self.storage, other.storage) {
            (Storage::NONE, _) => other.domain,
            (_, Storage::NONE) => self.domain,
            _ if self.domain == other.domain => self.domain,
            _ => Domain::Any,
        };
        let same_origin = self.origin == other.origin;
        let json = match (self.json, other.json) {
            (None, None) => None,
            (Some(left), Some(right)) => Some(Box::new(left.join(*right))),
            (json, None) if other.storage == Storage::NONE => json,
            (None, json) if self.storage == Storage::NONE => json,
            (Some(_), None) | (None, Some(_)) => Some(Box::new(Json::Unknown)),
        };
        Self {
            storage: self.storage.or(other.storage),
            domain,
            nullable: self.nullable || other.nullable,
            origin: self.origin.filter(|_| same_origin),
            reason: self.reason.or(other.reason),
            json,
        }
    }

    /// The type of a column of a table.
    #[must_use]
    pub fn of_column(table: &str, column: &Column) -> Self {
        let (storage, mut domain) = declared(&column.declared, column.strict);
        match column.checked {
            Checked::Boolean => domain = Domain::Boolean,
            Checked::Enum(number) => domain = Domain::Enum(number),
            Checked::Any => {}
        }

        let storage = if column.counts_seconds {
            Storage::INTEGER
        } else {
            storage
        };
        let ty = Self {
            domain,
            origin: Some(format!("{table}.{}", column.name)),
            ..Self::new(storage)
        };
        if column.never_null() {
            ty
        } else {
            ty.or_null("the column has no NOT NULL constraint")
        }
    }
}

/// The affinity of a column, which determines how SQLite converts the values stored in it.
///
/// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// The affinity of a declared type that is not empty. SQLite checks its rules in this order.
    fn of(declared: &str) -> Self {
        let upper = declared.to_ascii_uppercase();
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

/// Returns the type that a declared type promises.
///
/// Outside STRICT tables the author of the schema makes this promise, not SQLite. Reading a value
/// that breaks it is an error; it never returns a wrong value.
#[must_use]
pub fn declared(declared: &str, strict: bool) -> (Storage, Domain) {
    let upper = declared.to_ascii_uppercase();
    // These are the types of nearly all columns, and the search below is slow without optimization.
    match upper.as_str() {
        "INTEGER" => return (Storage::INTEGER, Domain::Any),
        "TEXT" => return (Storage::TEXT, Domain::Any),
        "REAL" => return (Storage::REAL, Domain::Any),
        "BLOB" => return (Storage::BLOB, Domain::Any),
        _ => {}
    }

    let numeric = Storage::INTEGER.or(Storage::REAL);
    let base = upper.split('(').next().unwrap_or_default().trim();
    let storage = match base {
        "" | "ANY" => Storage::ANY,
        "BOOLEAN" | "BOOL" => return (Storage::INTEGER, Domain::Boolean),
        _ => match Meant::of(base).filter(|_| !strict) {
            Some(Meant::Notation | Meant::Text) => Storage::TEXT,
            // SQLite converts the JSON text `5` to a number.
            Some(Meant::Json) => return (Storage::TEXT.or(numeric), Domain::Json),
            Some(Meant::Bytes) => Storage::BLOB,
            Some(Meant::Integer) => Storage::INTEGER,
            None => affinity_storage(&upper),
        },
    };
    (storage, Domain::Any)
}

/// The storage classes of the affinity of a declared type.
fn affinity_storage(declared: &str) -> Storage {
    match Affinity::of(declared) {
        Affinity::Integer => Storage::INTEGER,
        Affinity::Text => Storage::TEXT,
        Affinity::Blob => Storage::BLOB,
        Affinity::Real => Storage::REAL,
        Affinity::Numeric => Storage::INTEGER.or(Storage::REAL),
    }
}

/// Returns the storage classes of a value after it is stored in a column of a declared type.
#[must_use]
pub(super) fn converted(storage: Storage, declared: &str) -> Storage {
    if declared.is_empty() {
        return storage;
    }
    let becomes_text_or_real = storage.meets(Storage::NUMERIC.or(Storage::TEXT));

    match Affinity::of(declared) {
        Affinity::Blob => storage,
        Affinity::Text => {
            let blob = storage.only(Storage::BLOB);
            if becomes_text_or_real {
                blob.or(Storage::TEXT)
            } else {
                blob
            }
        }
        Affinity::Real => {
            let others = storage.only(Storage::TEXT.or(Storage::BLOB));
            if becomes_text_or_real {
                others.or(Storage::REAL)
            } else {
                others
            }
        }
        Affinity::Integer | Affinity::Numeric => converted_to_number(storage),
    }
}

/// Returns the storage class of a number, or of a text that looks like one, after it is stored in a
/// column of a declared type.
#[must_use]
pub(super) fn stored_number(number: f64, is_text: bool, declared: &str) -> Storage {
    let whole = if number.fract() == 0.0 {
        Storage::INTEGER
    } else {
        Storage::REAL
    };
    let affinity = if declared.is_empty() {
        Affinity::Blob
    } else {
        Affinity::of(declared)
    };
    match affinity {
        Affinity::Text => Storage::TEXT,
        Affinity::Blob if is_text => Storage::TEXT,
        Affinity::Real => Storage::REAL,
        Affinity::Blob | Affinity::Integer | Affinity::Numeric => whole,
    }
}

/// Returns the storage classes of a value after it is stored in an INTEGER or NUMERIC column: a
/// text that looks like a number becomes one, and a whole REAL becomes an INTEGER.
fn converted_to_number(storage: Storage) -> Storage {
    let integers = Storage::INTEGER.or(Storage::OUTGROWN);
    let unchanged = storage.only(integers.or(Storage::TEXT).or(Storage::BLOB));
    if storage.meets(Storage::TEXT.or(Storage::REAL)) {
        unchanged.or(Storage::INTEGER).or(Storage::REAL)
    } else if storage.meets(Storage::WHOLE) {
        unchanged.or(integers)
    } else {
        unchanged
    }
}

/// Returns the storage classes of the result of a CAST.
#[must_use]
pub(super) fn cast(declared: &str) -> Storage {
    match Affinity::of(declared) {
        Affinity::Integer => Storage::INTEGER,
        Affinity::Text => Storage::TEXT,
        Affinity::Blob => Storage::BLOB,
        Affinity::Real => Storage::REAL,
        Affinity::Numeric => Storage::INTEGER.or(Storage::REAL),
    }
}
