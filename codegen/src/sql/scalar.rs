//! The Rust type of one SQL value, and the only place where it is spelled.

use super::types::{Domain, Storage};
use crate::cache::encode_variants;

/// The Rust type of a value that is not NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarType {
    /// `i64`, limited to the integers that a JavaScript number holds exactly.
    Integer,
    /// `f64`
    Float,
    /// `bool`
    Boolean,
    /// `&str` or `String`
    Text,
    /// `&[u8]` or `Vec<u8>`
    Blob,
    /// An enum of texts, by its number: the enums of the catalog first, then those of the query.
    Enum(u32),
    /// Any value.
    Any,
}

encode_variants! {
    ScalarType {
        0 => Integer, 1 => Float, 2 => Boolean, 3 => Text, 4 => Blob, 5 => Enum(number), 6 => Any,
    }
}

/// The paths that a Rust spelling needs. They depend on where the spelling is written.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Paths<'a> {
    /// The prefix of `String` and `Vec`, with `::` at its end; empty where the prelude is in scope.
    pub prelude: &'a str,
    /// The prefix of `Value`, with `::` at its end.
    pub d1: &'a str,
    /// The path of the enum with a number.
    pub text_enum: &'a dyn Fn(u32) -> String,
}

impl ScalarType {
    /// The type that holds every value of some storage classes.
    #[must_use]
    pub fn of(storage: Storage, domain: Domain) -> Self {
        if let (Storage::TEXT, Domain::Enum(number)) = (storage, domain) {
            return Self::Enum(number);
        }
        match storage {
            _ if domain == Domain::Boolean && storage.within(Storage::INTEGRAL) => Self::Boolean,
            Storage::NONE => Self::Any,
            _ if domain == Domain::Json => Self::Text,
            _ if storage.within(Storage::INTEGRAL) => Self::Integer,
            _ if storage.within(Storage::NUMERIC) => Self::Float,
            Storage::TEXT => Self::Text,
            Storage::BLOB => Self::Blob,
            _ => Self::Any,
        }
    }

    /// The owned Rust type: the type of a field.
    #[must_use]
    pub fn owned(self, paths: &Paths<'_>) -> String {
        match self {
            Self::Integer => "i64".to_owned(),
            Self::Float => "f64".to_owned(),
            Self::Boolean => "bool".to_owned(),
            Self::Text => format!("{}String", paths.prelude),
            Self::Blob => format!("{}Vec<u8>", paths.prelude),
            Self::Enum(number) => (paths.text_enum)(number),
            Self::Any => format!("{}Value", paths.d1),
        }
    }

    /// The borrowed Rust type: the type of an argument. `lifetime` is empty or `'a`.
    #[must_use]
    pub fn borrowed(self, paths: &Paths<'_>, lifetime: &str) -> String {
        match self {
            Self::Text => format!("&{lifetime} str"),
            Self::Blob => format!("&{lifetime} [u8]"),
            Self::Integer | Self::Float | Self::Boolean | Self::Enum(_) | Self::Any => {
                self.owned(paths)
            }
        }
    }

    /// The type of an argument that accepts any number of values.
    #[must_use]
    pub fn slice(self, paths: &Paths<'_>) -> String {
        match self {
            Self::Text => "&[impl ::core::convert::AsRef<str>]".to_owned(),
            Self::Integer | Self::Float | Self::Boolean | Self::Enum(_) | Self::Any => {
                format!("&[{}]", self.owned(paths))
            }
            Self::Blob => "&[impl ::core::convert::AsRef<[u8]>]".to_owned(),
        }
    }

    /// The SELECT that reads the items of a list from a JSON array: its texts before and after the
    /// parameter.
    ///
    /// JSON has no BLOBs; `bindings/d1/list.rs` of the runtime writes what this reads.
    pub(super) fn items(self) -> (&'static str, &'static str) {
        let before = match self {
            Self::Integer | Self::Boolean | Self::Text | Self::Enum(_) => {
                "SELECT value FROM json_each("
            }
            Self::Float => {
                "SELECT iif(type = 'array', (value ->> 0) * pow(2, value ->> 1), value) \
                 FROM json_each("
            }
            Self::Blob => "SELECT unhex(value) FROM json_each(",
            Self::Any => {
                "SELECT CASE WHEN type <> 'array' THEN value \
                 WHEN json_array_length(value) = 1 THEN unhex(value ->> 0) \
                 ELSE (value ->> 0) * pow(2, value ->> 1) END FROM json_each("
            }
        };
        (before, ")")
    }

    /// The type that D1 binds for a value of this type: every number is a REAL.
    pub(super) fn bound(self) -> (Storage, Domain) {
        match self {
            Self::Integer => (Storage::WHOLE, Domain::Any),
            Self::Boolean => (Storage::WHOLE, Domain::Boolean),
            Self::Float => (Storage::REAL, Domain::Any),
            Self::Text => (Storage::TEXT, Domain::Any),
            Self::Blob => (Storage::BLOB, Domain::Any),
            Self::Enum(number) => (Storage::TEXT, Domain::Enum(number)),
            Self::Any => (Storage::ANY.or(Storage::WHOLE), Domain::Any),
        }
    }

    /// The storage classes of an argument of this type, before D1 binds it.
    #[must_use]
    pub fn storage(self) -> Storage {
        match self {
            Self::Integer | Self::Boolean => Storage::INTEGER,
            Self::Float => Storage::REAL,
            Self::Text | Self::Enum(_) => Storage::TEXT,
            Self::Blob => Storage::BLOB,
            Self::Any => Storage::ANY,
        }
    }

    /// The type of a parameter that is used as both types, if there is one.
    pub(super) fn unified(self, other: Self) -> Option<Self> {
        match (self, other) {
            _ if self == other => Some(self),
            // A parameter compared with an enum column and with other texts is a text.
            (Self::Enum(_) | Self::Text, Self::Enum(_) | Self::Text) => Some(Self::Text),
            _ => None,
        }
    }

    /// The type in words, for docs and diagnostics.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Integer => "i64",
            Self::Float => "f64",
            Self::Boolean => "bool",
            Self::Text => "text",
            Self::Blob => "bytes",
            Self::Enum(_) => "an enum of texts",
            Self::Any => "any value",
        }
    }
}
