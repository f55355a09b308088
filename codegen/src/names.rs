//! Names on their way from the manifest and SQL to Rust.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

/// A name with each of its spellings, made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As the manifest or the SQL has it.
    pub source: String,
    /// As a Rust field, method, module or argument.
    pub field: String,
    /// As a Rust type.
    pub ty: String,
}

impl Name {
    /// The spellings of `source`.
    #[must_use]
    pub fn new(source: &str) -> Self {
        let lower = if source.chars().any(char::is_lowercase) { source.to_snake_case() } else { source.to_lowercase() };
        let spelled: String = lower
            .chars()
            .map(|character| if character.is_alphanumeric() || character == '_' { character } else { '_' })
            .collect();
        let field = if spelled.is_empty()
            || spelled.starts_with(|first: char| first.is_ascii_digit())
            || spelled.chars().all(|c| c == '_')
        {
            format!("_{spelled}")
        } else {
            spelled
        };
        let mut ty = field.to_upper_camel_case();
        if ty.is_empty() || ty.starts_with(|first: char| first.is_ascii_digit()) {
            ty.insert(0, 'N');
        }
        // The prelude's names would be shadowed for whoever imports the module with `*`.
        if [
            "Self", "Option", "Result", "String", "Vec", "Box", "Some", "None", "Ok", "Err", "Default", "Clone", "Copy", "Send",
            "Sync", "Drop",
        ]
        .contains(&ty.as_str())
        {
            ty.push('_');
        }
        Self { source: source.to_owned(), field, ty }
    }

    /// A number for the name, by which a key's type and its namespace's find each other.
    #[must_use]
    pub fn id(&self) -> u64 {
        id(&self.source)
    }

    /// The identifier of the field, method, module or argument.
    #[must_use]
    pub fn field_ident(&self) -> Ident {
        ident(&self.field)
    }

    /// The identifier of the type.
    #[must_use]
    pub fn ty_ident(&self) -> Ident {
        ident(&self.ty)
    }
}

/// FNV-1a of a binding's name: the same in every macro, whatever the compiler.
#[must_use]
pub fn id(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// An identifier; a keyword becomes a raw one, and the few that cannot be raw get a `_`.
#[must_use]
pub fn ident(word: &str) -> Ident {
    if matches!(word, "self" | "Self" | "super" | "crate" | "_") {
        return Ident::new(&format!("{word}_"), Span::call_site());
    }
    if syn::parse_str::<Ident>(word).is_ok() {
        Ident::new(word, Span::call_site())
    } else {
        Ident::new_raw(word, Span::call_site())
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn each_spelling() {
        for (source, field, ty) in [
            ("DB", "db", "Db"),
            ("USER_STATS", "user_stats", "UserStats"),
            ("MyCache", "my_cache", "MyCache"),
            ("type", "type", "Type"),
            ("count(*)", "count", "Count"),
            ("2fa", "_2fa", "N2fa"),
            ("RESULT", "result", "Result_"),
        ] {
            let name = Name::new(source);
            assert_eq!((name.field.as_str(), name.ty.as_str()), (field, ty), "{source}");
            let _ = (name.field_ident(), name.ty_ident());
        }
        assert_eq!(super::ident("type").to_string(), "r#type");
        assert_eq!(super::ident("self").to_string(), "self_");
    }
}
