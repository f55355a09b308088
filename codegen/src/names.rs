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
        if let Some(name) = Self::plain(source) {
            return name;
        }
        let lower = if source.chars().any(char::is_lowercase) {
            source.to_snake_case()
        } else {
            source.to_lowercase()
        };
        let spelled: String = lower
            .chars()
            .map(|character| {
                if unicode_ident::is_xid_continue(character) {
                    character
                } else {
                    '_'
                }
            })
            .collect();
        let field = if spelled.is_empty()
            || spelled
                .starts_with(|first: char| first != '_' && !unicode_ident::is_xid_start(first))
            || spelled.chars().all(|c| c == '_')
        {
            format!("_{spelled}")
        } else {
            spelled
        };
        let mut ty = field.to_upper_camel_case();
        if ty.is_empty() || ty.starts_with(|first: char| !unicode_ident::is_xid_start(first)) {
            ty.insert(0, 'N');
        }
        Self {
            source: source.to_owned(),
            field,
            ty: unshadowing(ty),
        }
    }

    /// The spellings of a name that is in snake case already: most are, and this runs for every column.
    fn plain(source: &str) -> Option<Self> {
        let bytes = source.as_bytes();
        let is_plain = bytes.first()?.is_ascii_lowercase()
            && bytes.last() != Some(&b'_')
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_')
            && !source.contains("__");
        if !is_plain {
            return None;
        }
        let mut ty = String::with_capacity(source.len());
        let mut starts = true;
        for character in source.chars() {
            if character == '_' {
                starts = true;
            } else {
                ty.push(if starts {
                    character.to_ascii_uppercase()
                } else {
                    character
                });
                starts = false;
            }
        }
        Some(Self {
            source: source.to_owned(),
            field: source.to_owned(),
            ty: unshadowing(ty),
        })
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

/// The prelude's names would be shadowed for whoever imports the module with `*`.
fn unshadowing(mut ty: String) -> String {
    const PRELUDE: [&str; 16] = [
        "Self", "Option", "Result", "String", "Vec", "Box", "Some", "None", "Ok", "Err", "Default",
        "Clone", "Copy", "Send", "Sync", "Drop",
    ];
    if PRELUDE.contains(&ty.as_str()) {
        ty.push('_');
    }
    ty
}

/// The words that Rust keeps, those for later included.
const KEYWORDS: [&str; 48] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// FNV-1a of a binding's name: the same in every macro, whatever the compiler.
#[must_use]
pub fn id(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How Rust spells a word: a keyword is written as a raw identifier, and the few that cannot be get a `_`.
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

/// The identifier of a word.
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
    fn each_spelling() {
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
