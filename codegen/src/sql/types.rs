//! What an expression can hold: storage classes, whether NULL, and what is known besides.

use std::borrow::Cow;

use crate::cache::{Encode, encode_fields, encode_variants};
use crate::schema::{Checked, Column};

/// A set of SQLite's storage classes, with two refinements of REAL.
///
/// D1 binds every number as REAL, so a whole number that came in as a parameter is a REAL that is
/// whole: it stays whole under `+`, `-` and `*`, and does not under `/`. Integers that outgrow 64
/// bits become a REAL, too: one that is beyond what an `i64` of ours carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage(u8);

impl Storage {
    /// No value but NULL.
    pub const NONE: Self = Self(0);
    /// INTEGER
    pub const INTEGER: Self = Self(1);
    /// REAL
    pub const REAL: Self = Self(2);
    /// TEXT
    pub const TEXT: Self = Self(4);
    /// BLOB
    pub const BLOB: Self = Self(8);
    /// REAL that is whole.
    pub const WHOLE: Self = Self(16);
    /// REAL that integers became when they outgrew 64 bits.
    pub const OUTGROWN: Self = Self(32);
    /// Any value.
    pub const ANY: Self = Self(15);
    /// INTEGER, or REAL that stands for one.
    pub const INTEGRAL: Self = Self(1 | 16 | 32);
    /// Any number.
    pub const NUMERIC: Self = Self(1 | 2 | 16 | 32);

    /// Either.
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

    /// The classes that are in `other`, too.
    #[must_use]
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What SQLite calls each class of the set.
    pub fn classes(self) -> impl Iterator<Item = &'static str> {
        let real = Self::REAL.or(Self::WHOLE).or(Self::OUTGROWN);
        // A whole number that came in as a parameter is an INTEGER wherever numbers are not bound as REAL.
        let integer = Self::INTEGER.or(Self::WHOLE);
        [
            (integer, "INTEGER"),
            (real, "REAL"),
            (Self::TEXT, "TEXT"),
            (Self::BLOB, "BLOB"),
        ]
        .into_iter()
        .filter(move |(class, _)| self.meets(*class))
        .map(|(_, name)| name)
    }
}

/// What is known of a value besides its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Domain {
    /// Nothing.
    #[default]
    Any,
    /// 0 or 1.
    Boolean,
    /// One of the texts of a CHECK, by its number in the catalog.
    Enum(u32),
    /// JSON text, of which SQLite makes a number where it is one.
    Json,
}

/// The type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Ty {
    /// The storage classes that a value other than NULL can have.
    pub storage: Storage,
    /// 0 or 1, or more.
    pub domain: Domain,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// The column that the value is read from unchanged, as `table.column`.
    pub origin: Option<String>,
    /// Why it can be NULL, in a few words.
    pub reason: Option<Cow<'static, str>>,
}

encode_fields! { Ty { storage, domain, nullable, origin, reason } }
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

    /// This type, and NULL, for a reason.
    #[must_use]
    pub fn or_null(mut self, reason: &'static str) -> Self {
        if !self.nullable {
            self.nullable = true;
            self.reason = Some(Cow::Borrowed(reason));
        }
        self
    }

    /// NULL when one of `operands` is.
    #[must_use]
    pub fn null_with<'a>(mut self, operands: impl IntoIterator<Item = &'a Ty>) -> Self {
        if let Some(operand) = operands.into_iter().find(|operand| operand.nullable) {
            self.nullable = true;
            self.reason = operand
                .reason
                .clone()
                .or(Some(Cow::Borrowed("an operand can be NULL")));
        }
        self
    }

    /// A value of either.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let domain = match (self.storage, other.storage) {
            (Storage::NONE, _) => other.domain,
            (_, Storage::NONE) => self.domain,
            _ if self.domain == other.domain => self.domain,
            _ => Domain::Any,
        };
        Self {
            storage: self.storage.or(other.storage),
            domain,
            nullable: self.nullable || other.nullable,
            origin: if self.origin == other.origin {
                self.origin
            } else {
                None
            },
            reason: self.reason.or(other.reason),
        }
    }

    /// What a column of a table gives.
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
        if column.not_null {
            ty
        } else {
            ty.or_null("the column has no NOT NULL")
        }
    }
}

/// What a declared type promises.
///
/// Outside STRICT tables this is a promise of the schema's author, not of SQLite: a value that
/// breaks it is an error when it is read, never a wrong value.
#[must_use]
pub fn declared(declared: &str, strict: bool) -> (Storage, Domain) {
    let upper = declared.to_ascii_uppercase();
    // Nearly every column's; looking for parts of words takes long without optimisation.
    match upper.as_str() {
        "INTEGER" => return (Storage::INTEGER, Domain::Any),
        "TEXT" => return (Storage::TEXT, Domain::Any),
        "REAL" => return (Storage::REAL, Domain::Any),
        "BLOB" => return (Storage::BLOB, Domain::Any),
        _ => {}
    }
    let has = |part: &str| upper.contains(part);
    let base = upper.split('(').next().unwrap_or_default().trim();
    let storage = match base {
        "" | "ANY" => Storage::ANY,
        "BOOLEAN" | "BOOL" => return (Storage::INTEGER, Domain::Boolean),
        "DATE" | "TIME" | "DATETIME" | "TIMESTAMP" | "UUID" if !strict => Storage::TEXT,
        // Its affinity is NUMERIC: of the JSON text `5` SQLite makes the number.
        "JSON" if !strict => {
            return (
                Storage::TEXT.or(Storage::INTEGER).or(Storage::REAL),
                Domain::Json,
            );
        }
        // SQLite's rules of affinity, in its order.
        _ if has("INT") => Storage::INTEGER,
        _ if has("CHAR") || has("CLOB") || has("TEXT") => Storage::TEXT,
        _ if has("BLOB") => Storage::BLOB,
        _ if has("REAL") || has("FLOA") || has("DOUB") => Storage::REAL,
        _ => Storage::INTEGER.or(Storage::REAL),
    };
    (storage, Domain::Any)
}

/// What a value becomes in a column of a declared type.
#[must_use]
pub(super) fn converted(storage: Storage, declared: &str) -> Storage {
    let has = |part: &str| declared.to_ascii_uppercase().contains(part);
    let number = Storage::INTEGER.or(Storage::REAL);
    if has("INT") {
        // Below.
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        let others = if storage.meets(Storage::BLOB) {
            Storage::BLOB
        } else {
            Storage::NONE
        };
        return if storage.meets(Storage::NUMERIC.or(Storage::TEXT)) {
            others.or(Storage::TEXT)
        } else {
            others
        };
    } else if declared.is_empty() || has("BLOB") {
        return storage;
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        let others = storage.only(Storage::TEXT.or(Storage::BLOB));
        return if storage.meets(Storage::NUMERIC.or(Storage::TEXT)) {
            others.or(Storage::REAL)
        } else {
            others
        };
    }
    // INTEGER and NUMERIC: a text that looks like a number becomes one, a whole REAL an INTEGER.
    let kept = storage.only(
        Storage::INTEGER
            .or(Storage::OUTGROWN)
            .or(Storage::TEXT)
            .or(Storage::BLOB),
    );
    if storage.meets(Storage::TEXT.or(Storage::REAL)) {
        kept.or(number)
    } else if storage.meets(Storage::WHOLE) {
        kept.or(Storage::INTEGER).or(Storage::OUTGROWN)
    } else {
        kept
    }
}

/// What CAST to a type gives.
#[must_use]
pub(super) fn cast(declared: &str) -> Storage {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    if has("INT") {
        Storage::INTEGER
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Storage::TEXT
    } else if has("BLOB") || upper.trim().is_empty() {
        Storage::BLOB
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Storage::REAL
    } else {
        Storage::INTEGER.or(Storage::REAL)
    }
}
