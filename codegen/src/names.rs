//! Converts names of the manifest and of SQL into Rust names.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

/// A name in each of its spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name in the manifest or in SQL.
    pub source: String,
    /// The name of a Rust field, method, module or argument.
    pub field: String,
    /// The name of a Rust type.
    pub ty: String,
}

impl Name {
    /// Computes the spellings of `source`.
    #[must_use]
    pub fn new(source: &str) -> Self {
        if let Some(name) = Self::from_snake_case(source) {
            return name;
        }

        let field = field_name(source);
        let mut ty = field.to_upper_camel_case();
        if ty.is_empty() || ty.starts_with(|first: char| !unicode_ident::is_xid_start(first)) {
            ty.insert(0, 'N');
        }
        Self {
            source: source.to_owned(),
            field,
            ty: avoid_prelude(ty),
        }
    }

    /// Computes the spellings of `alias`, which stands for `source` in Rust.
    #[must_use]
    pub fn with_alias(source: &str, alias: &str) -> Self {
        Self {
            source: source.to_owned(),
            ..Self::new(alias)
        }
    }

    /// A fast path for names in snake case: most names are, and this runs for every column.
    fn from_snake_case(source: &str) -> Option<Self> {
        let bytes = source.as_bytes();
        let is_snake_case = bytes.first()?.is_ascii_lowercase()
            && bytes.last() != Some(&b'_')
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
            && !source.contains("__");
        if !is_snake_case {
            return None;
        }

        let mut ty = String::with_capacity(source.len());
        let mut starts_word = true;
        for character in source.chars() {
            match character {
                '_' => starts_word = true,
                _ if starts_word => {
                    ty.push(character.to_ascii_uppercase());
                    starts_word = false;
                }
                _ => ty.push(character),
            }
        }
        Some(Self {
            source: source.to_owned(),
            field: source.to_owned(),
            ty: avoid_prelude(ty),
        })
    }

    /// Returns a number that links the type of a key to its namespace.
    #[must_use]
    pub fn id(&self) -> u64 {
        id(&self.source)
    }

    /// Returns the identifier of the field, method, module or argument.
    #[must_use]
    pub fn field_ident(&self) -> Ident {
        ident(&self.field)
    }

    /// Returns the identifier of the type.
    #[must_use]
    pub fn ty_ident(&self) -> Ident {
        ident(&self.ty)
    }
}

/// Converts a name to snake case and replaces the characters that Rust does not allow.
fn field_name(source: &str) -> String {
    let lower = if source.chars().any(char::is_lowercase) {
        source.to_snake_case()
    } else {
        source.to_lowercase()
    };
    let replaced: String = lower
        .chars()
        .map(
            |character| match unicode_ident::is_xid_continue(character) {
                true => character,
                false => '_',
            },
        )
        .collect();

    let cannot_start = |first: char| first != '_' && !unicode_ident::is_xid_start(first);
    let is_blank = replaced.chars().all(|character| character == '_');
    if is_blank || replaced.starts_with(cannot_start) {
        format!("_{replaced}")
    } else {
        replaced
    }
}

/// The name of the type of a nested struct.
pub(crate) fn nested_type(outer: &str, field: &str) -> String {
    format!("{outer}{}", Name::new(field).ty)
}

/// Renames types that would shadow the prelude for users who import the module with `*`.
fn avoid_prelude(mut ty: String) -> String {
    const PRELUDE: [&str; 16] = [
        "Self", "Option", "Result", "String", "Vec", "Box", "Some", "None", "Ok", "Err", "Default",
        "Clone", "Copy", "Send", "Sync", "Drop",
    ];
    if PRELUDE.contains(&ty.as_str()) {
        ty.push('_');
    }
    ty
}

/// Rust's keywords, including the reserved ones.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Returns the FNV-1a hash of a binding's name, which is the same in every macro and compiler.
#[must_use]
pub fn id(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spells a word as a Rust identifier.
///
/// A keyword becomes a raw identifier; those that cannot be raw get a trailing `_`.
#[must_use]
pub fn spelled(word: &str) -> String {
    if matches!(word, "self" | "Self" | "super" | "crate" | "_") {
        return format!("{word}_");
    }
    if KEYWORDS.contains(&word) {
        format!("r#{word}")
    } else {
        word.to_owned()
    }
}

/// Returns the identifier of a word.
#[must_use]
pub fn ident(word: &str) -> Ident {
    let spelled = spelled(word);
    match spelled.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(&spelled, Span::call_site()),
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_are_spelled_for_rust() {
        for (source, field, ty) in [
            ("DB", "db", "Db"),
            ("USER_STATS", "user_stats", "UserStats"),
            ("MyCache", "my_cache", "MyCache"),
            ("type", "type", "Type"),
            ("user_id2", "user_id2", "UserId2"),
            ("a__b", "a_b", "AB"),
            ("count(*)", "count", "Count"),
            ("2fa", "_2fa", "N2fa"),
            ("RESULT", "result", "Result_"),
            ("m²", "m_", "M"),
            ("٣x", "_٣x", "N٣x"),
        ] {
            let name = Name::new(source);
            assert_eq!(
                (name.field.as_str(), name.ty.as_str()),
                (field, ty),
                "{source}"
            );
            let _ = (name.field_ident(), name.ty_ident());
        }
        assert_eq!(super::ident("type").to_string(), "r#type");

        assert_eq!(super::ident("self").to_string(), "self_");
    }
}
